"""The tuned network beside the baselines, on the same rows."""

from __future__ import annotations

from dataclasses import dataclass, replace

from searchlab.core.wording import number_text
from searchlab.journal.record import StudyRecord
from searchlab.journal.standings import standing_of
from searchlab.report.results import finite, model_metric, model_metrics
from searchlab.report.rows import baseline_rows


@dataclass(frozen=True)
class Rival:
    """A model with its metrics on the measured rows.

    Attributes:
        name: its name for people.
        values: its metrics, in the order of `metrics`; None for one that it lacks.
        network: whether it is the study's own model.
        error: why it failed, or "".
        share: its first value as a fraction of the largest one.
    """

    name: str
    values: tuple[float | None, ...]
    network: bool = False
    error: str = ""
    share: float = 0.0


def metrics(record: StudyRecord) -> tuple[str, ...]:
    """Return the metrics that models are compared by: the objective's metric, then the loss."""
    return tuple(dict.fromkeys((model_metric(record), "loss")))


def rivals(record: StudyRecord) -> list[Rival]:
    """Return the baselines and the study's own model, best first; empty without baselines."""
    if not record.baselines:
        return []
    measured = model_metrics(record)
    found = [
        Rival(
            row.title,
            tuple(row.metrics.get(metric) for metric in metrics(record)),
            error=row.error or "",
        )
        for row in baseline_rows(record)
    ]
    if measured:
        own = tuple(finite(measured.get(metric)) for metric in metrics(record))
        found.append(Rival("the tuned network", own, network=True))
    longest = max((abs(each.values[0] or 0.0) for each in found), default=0.0) or 1.0
    found = [replace(each, share=abs(each.values[0] or 0.0) / longest) for each in found]
    return sorted(found, key=lambda each: _rank(each, record))


def verdict(record: StudyRecord) -> str:
    """Return in a sentence whether the network beats the baselines; "" if that is not known."""
    ranked = [rival for rival in rivals(record) if rival.values[0] is not None]
    network = next((rival.values[0] for rival in ranked if rival.network), None)
    other = next((rival for rival in ranked if not rival.network), None)
    simple = None if other is None else other.values[0]
    if network is None or other is None or simple is None:
        return ""
    metric, standing = model_metric(record), standing_of(record)
    spread = None if standing is None else standing.spread
    if network == simple or (spread is not None and abs(network - simple) <= spread):
        return (
            f"Too close to call: {metric} {number_text(network)} for the network and "
            f"{number_text(simple)} for {other.name}, no more apart than two seeds are."
        )
    if record.spec.objective.better(network, simple):
        return (
            f"Worth it: the network has {metric} {number_text(network)}, and {other.name}, the "
            f"best of the simple models, {number_text(simple)}."
        )
    return (
        f"Not worth it so far: {other.name} has {metric} {number_text(simple)}, and the network "
        f"{number_text(network)}."
    )


def _rank(rival: Rival, record: StudyRecord) -> tuple[bool, float]:
    value = rival.values[0]
    return value is None, 0.0 if value is None else record.spec.objective.cost(value)
