"""`searchlab report` of nested folds: the scores of each fold's search, and what it chose."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from searchlab.core.domains import Scalar
from searchlab.core.wording import confirmed_text, number_text, scalar_text
from searchlab.journal.record import StudyRecord
from searchlab.report.folds import estimates
from searchlab.report.html.page import render
from searchlab.report.results import chosen, model_metric

_UNUSED = "unused"


@dataclass(frozen=True)
class Row:
    """A row of texts.

    Attributes:
        name: its name.
        values: the value of each fold.
        overall: what the folds come to together.
    """

    name: str
    values: tuple[str, ...]
    overall: str


def folds_page(name: str, records: Sequence[StudyRecord]) -> str:
    """Return the page of nested folds, in any state, as HTML that needs no network.

    Args:
        name: the name of the study file that stands for all folds.
        records: the studies of the test folds that have begun, in order; at least one.
    """
    scores = [
        Row(
            each.model, tuple(map(number_text, each.values)), confirmed_text(each.mean, each.spread)
        )
        for each in estimates(records)
    ]
    total = records[0].spec.data.test_folds or len(records)
    done = sum(value != number_text(None) for value in scores[0].values)
    metric = model_metric(records[0])
    return render(
        "folds.html.j2",
        name=name,
        metric=metric,
        direction="higher" if records[0].spec.objective.maximized else "lower",
        headline=f"{metric} {scores[0].overall} on rows that no search has seen"
        if done == total
        else f"{done} of {total} folds have a score",
        total=total,
        folds=[record.spec.data.test_fold for record in records],
        studies=[(record.spec.name, record.state) for record in records],
        scores=scores,
        params=list(params(records)),
        figures=[],
    )


def params(records: Sequence[StudyRecord]) -> Iterator[Row]:
    """Yield the params of each fold's model, and how much they differ; none before there is one."""
    winners = [chosen(record) for record in records]
    given = [None if each is None else each.trial.suggestion.params for each in winners]
    if not any(given):
        return
    yield Row(
        "trial", tuple("" if each is None else str(each.trial.number) for each in winners), ""
    )
    for name, _ in records[0].spec.search_space:
        known = [each[name] for each in given if each is not None and name in each]
        texts = tuple(
            "" if each is None else scalar_text(each[name]) if name in each else _UNUSED
            for each in given
        )
        yield Row(name, texts, _differing(known))


def _differing(values: Sequence[Scalar]) -> str:
    """Return how much values differ, in a few words."""
    different = list(dict.fromkeys(values))
    if len(different) <= 1:
        return "the same in all" if len(values) > 1 else ""
    if any(isinstance(each, bool | str | None) for each in different):
        return f"{len(different)} different"
    numbers = [each for each in different if isinstance(each, int | float)]
    return f"{scalar_text(min(numbers))} to {scalar_text(max(numbers))}"
