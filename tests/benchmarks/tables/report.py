"""The results, in the terminal and in docs/tables.md."""

from __future__ import annotations

from collections.abc import Sequence
from statistics import fmean

from .compare import Standing

NEAR = 1.1
"""The ratio up to which a loss counts as near another."""

_HEADINGS = (
    "table",
    "rows",
    "target",
    "studies",
    "network",
    "linear",
    "boosting",
    "to linear",
    "to boosting",
)


def line(standing: Standing) -> str:
    """Describe a table's studies in one line."""
    cells = [f"{value:>9}" for value in _cells(standing)[4:]]
    seconds = fmean(each.seconds for each in standing.studies)
    params = [dict(each.params) for each in standing.studies]
    return f"{standing.table.name:<14}{' '.join(cells)}  {seconds:.0f} s {params}"


def markdown(standings: Sequence[Standing], remark: str) -> str:
    """Format the results for docs/tables.md."""
    rows = [_HEADINGS, ("---",) * 3 + ("---:",) * 6, *map(_cells, standings)]
    beaten = sum(each.to_linear < 1 for each in standings)
    near = sum(each.to_boosting <= NEAR for each in standings)
    return "\n".join(
        [
            *(f"| {' | '.join(row)} |" for row in rows),
            "",
            f"Better than the linear model on {beaten} of {len(standings)}; within "
            f"{100 * (NEAR - 1):.0f} % of gradient boosting's loss or better on {near}. {remark}",
        ]
    )


def _cells(standing: Standing) -> tuple[str, ...]:
    studies = standing.studies
    losses = [
        fmean(values)
        for values in (
            [each.network for each in studies],
            [each.linear for each in studies],
            [each.boosting for each in studies],
        )
    ]
    return (
        f"{standing.table.name} ({standing.table.source})",
        f"{studies[0].rows:,}",
        standing.table.target,
        f"{len(studies)}",
        *(f"{loss:.4g}" for loss in losses),
        f"{standing.to_linear:.2f}",
        f"{standing.to_boosting:.2f}",
    )
