"""A study's results in words, for `run`, `show` and `best`.

Foreign texts (params, errors, paths) go into `Text` objects and never into rich's markup, so that a
`[red]` in an error message stays as written.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from pathlib import Path

from rich.text import Text

from searchlab.core.domains import Scalar
from searchlab.core.state import StudyState
from searchlab.core.verdict import Alias
from searchlab.core.wording import duration_text, number_text, one_line, scalar_text
from searchlab.journal.ids import Registration, StudyIds
from searchlab.journal.record import StudyRecord
from searchlab.journal.standings import standing_of, standings, winner
from searchlab.report import reasons
from searchlab.report.phrases import (
    STATE_STYLES,
    counted,
    fitted_text,
    memory_text,
    metric_text,
    metrics_text,
    standing_text,
    target_text,
)
from searchlab.report.questions import questions
from searchlab.report.results import findings, measured_text, model_metrics, model_path, model_value
from searchlab.report.rows import baseline_rows, trial_row, trial_rows


def summary(
    record: StudyRecord, ids: StudyIds | None, directory: Path, file: Path | None = None
) -> Text:
    """Return a study's results and the next command, one fact a line.

    Print it with `soft_wrap=True`, so that paths stay whole.

    Args:
        record: the study.
        ids: its place in a tracking store, or None if it was never tracked.
        directory: the study's directory.
        file: the study file, if known, so that the command to continue can be copied.
    """
    title = Text.assemble(
        "study ", (record.spec.name, "bold"), " ", (record.state, STATE_STYLES[record.state])
    )
    return Text("\n").join([title, *_lines(_facts(record, ids, directory, file))])


def place_text(record: StudyRecord, ids: StudyIds | None, known: StudyIds | None) -> Text:
    """Return what a summary with other ids would have said more of the study's place in a store.

    Args:
        record: the study.
        ids: its place in a tracking store now, or None.
        known: the place that the summary had.

    Returns:
        One fact a line; empty if there is none.
    """
    before = list(_place_facts(record, known))
    return Text("\n").join(_lines(f for f in _place_facts(record, ids) if f not in before))


def best_text(record: StudyRecord, directory: Path) -> Text:
    """Return the winner's params as YAML to paste into `model.params`, with comments above.

    If no trial is COMPLETE, there is only a comment that says so.
    """
    if (won := winner(record)) is None:
        return Text(
            f"# study {record.spec.name} has no COMPLETE trial: run it further, or see why its "
            f"trials failed with searchlab show {record.spec.name}"
        )
    row, model, standing = (
        trial_row(won, record),
        model_path(record, directory),
        standing_of(record),
    )
    lines = [
        f"# study {record.spec.name}, trial {row.number}",
        f"# {record.spec.objective.metric}: {row.value}",
        *([] if standing is None else [f"# confirmed: {standing_text(standing)}"]),
        f"# model: {'not made yet' if model is None else model}",
    ]
    lines += [f"{name}: {_yaml(value)}" for name, value in row.params.items()]
    return Text("\n".join(lines))


def _lines(facts: Iterable[tuple[str, str | Text]]) -> Iterator[Text]:
    for label, value in facts:
        yield Text.assemble((f"  {label:<11}", "dim"), value)


def _facts(
    record: StudyRecord, ids: StudyIds | None, directory: Path, file: Path | None
) -> Iterator[tuple[str, str | Text]]:
    """Yield label and value of each line of a summary."""
    if (target := target_text(record)) is not None:
        yield "target", target
    yield "trials", _trials_by_state(record)
    yield from _best_facts(record)
    if measured := model_metrics(record):
        tested = record.spec.data.tested
        note = "" if tested else f"  (on {measured_text(record)}: there are no test rows)"
        yield record.spec.data.measured, metrics_text(measured) + note
    if record.stopped is not None and record.stopped.refit_error is not None:
        yield "refit", f"the study's model is {fitted_text(record.stopped, record.spec)}"
    yield from _baseline_facts(record)
    yield from (("question", line) for line in questions(record))
    memory = memory_text(record.stopped)
    took = f"{record.epochs} model-epochs in {duration_text(record.seconds)}"
    yield "trained", took + (f", with {memory} of memory" if memory else "")
    model = model_path(record, directory)
    if model is not None:
        yield "model", str(model)
    yield from _place_facts(record, ids)
    yield from _data_facts(record, file)
    rows = trial_rows(record)
    yield from reasons.failures(rows)
    yield from reasons.unfused(rows)
    yield from _next_steps(record, file)


def _place_facts(record: StudyRecord, ids: StudyIds | None) -> Iterator[tuple[str, str]]:
    if ids is not None and ids.uri is not None:
        yield "MLflow", ids.uri if ids.run_id is None else f"run {ids.run_id} in {ids.uri}"
        if ids.registered is not None:
            yield from _registered_facts(ids.registered, record)


def _registered_facts(registered: Registration, record: StudyRecord) -> Iterator[tuple[str, str]]:
    if not registered.version:
        yield "model", f"not registered as {registered.name}: {registered.reason}"
        return
    text = f"{registered.name} version {registered.version}, {registered.alias}"
    yield "registered", f"{text}: {registered.reason}" if registered.reason else text
    if registered.alias is Alias.CANDIDATE:
        yield "", f"(searchlab promote {record.spec.name} makes it the champion all the same)"


def _best_facts(record: StudyRecord) -> Iterator[tuple[str, str]]:
    """Yield the score in the search, the confirmed scores, and the winner's params."""
    won = winner(record)
    if record.best_trial is None or won is None:
        yield "best", "none, no trial is COMPLETE"
        return
    best = trial_row(record.best_trial, record)
    folds = f", folds {' '.join(map(number_text, best.scores))}" if len(best.scores) > 1 else ""
    metric, value = metric_text(record, record.spec.objective.metric), number_text(best.value)
    yield "best", f"{metric} {value} in trial {best.number}{folds}"
    yield from _confirmed_facts(record)
    params = won.trial.suggestion.params
    width = max(map(len, params), default=0)
    for name, value_ in params.items():
        yield (
            "params" if name == next(iter(params)) else "",
            f"{name:<{width}}  {scalar_text(value_)}",
        )


def _confirmed_facts(record: StudyRecord) -> Iterator[tuple[str, str]]:
    """Yield the confirmed and the search score of each candidate, and the model's, side by side."""
    ranked = standings(record)
    scores = [standing_text(standing) for standing in ranked]
    width = max(map(len, scores), default=0)
    tested = model_value(record)
    for place, (standing, score) in enumerate(zip(ranked, scores, strict=True)):
        line = f"{score:<{width}}  in the search {number_text(standing.search)}"
        if standing == standing_of(record) and tested is not None:
            line += f"  on {measured_text(record)} {number_text(tested)}"
        yield "" if place else "confirmed", f"{line}  trial {standing.number}"


def _baseline_facts(record: StudyRecord) -> Iterator[tuple[str, str]]:
    rows = baseline_rows(record)
    width = max((len(row.title) for row in rows), default=0)
    for place, row in enumerate(rows):
        found = metrics_text(row.metrics) if row.error is None else row.error
        yield "" if place else "baselines", f"{row.title:<{width}}  {found}"


def _data_facts(record: StudyRecord, file: Path | None) -> Iterator[tuple[str, str]]:
    """Yield what is odd about the data; only how much, if a run has said it before."""
    found = findings(record)
    if found and file is not None:
        more = f"{len(found)} finding{'s' if len(found) > 1 else ''}"
        yield "data", f"{more}: searchlab show {record.spec.name}"
        return
    for place, finding in enumerate(found):
        yield "" if place else "data", one_line(finding.message)


def _next_steps(record: StudyRecord, file: Path | None) -> Iterator[tuple[str, str]]:
    name, run = record.spec.name, f"searchlab run {file or 'FILE'}"
    if record.state is StudyState.INTERRUPTED:
        yield "next", f"{run}  (continues it)"
    elif record.state is StudyState.RUNNING:
        yield "next", f"{run}  (continues it, if no process is at it any more)"
    elif record.state is StudyState.FAILED:
        yield "next", f"searchlab show {name}  (all its trials)"
    else:
        yield "next", f"searchlab predict {name} --input FILE, or searchlab report {name}"


def _trials_by_state(record: StudyRecord) -> Text:
    """Return the number of trials in each state; none is RUNNING once the process has left."""
    words = {} if record.stopped is None else {"RUNNING": "unfinished"}
    parts = [
        Text(f"{count} {words.get(state, state)}", STATE_STYLES[state])
        for state, count in counted(record)
    ]
    return Text("  ").join(parts) if parts else Text("none yet")


def _yaml(value: Scalar) -> str:
    """Return a scalar that YAML 1.1 and 1.2 read back with the same type and value."""
    text = json.dumps(value, ensure_ascii=False)
    if isinstance(value, float) and "e" in text and "." not in text:
        return text.replace("e", ".0e")
    return text
