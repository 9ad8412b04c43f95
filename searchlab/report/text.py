"""What a study comes to, in words: for `run`, `show` and `best`.

Texts that come from elsewhere (params, errors, paths) go into `Text` objects, never into rich's
markup, so a `[red]` in an error message stays what it is.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from pathlib import Path

from rich.text import Text

from searchlab.core.space import Scalar
from searchlab.core.wording import (
    confirmed_text,
    duration_text,
    number_text,
    reason_text,
    scalar_text,
)
from searchlab.journal.record import StudyRecord
from searchlab.journal.standings import Standing, standing_of, standings, winner
from searchlab.report import reasons
from searchlab.report.json import Ids, model_path, test_metrics, test_value, value_of
from searchlab.report.phrases import BASELINES, STATE_STYLES


def summary(
    record: StudyRecord, ids: Ids | None, directory: Path, file: Path | None = None
) -> Text:
    """What a study came to and what to do next; one fact a line.

    Print it with `soft_wrap=True`, so that paths stay whole.

    Args:
        record: the study.
        ids: where it lies in its tracking store, or None if it was never tracked.
        directory: the study's directory.
        file: the study file, if known, so that the command to continue can be copied.
    """
    text = Text.assemble(
        "study ", (record.spec.name, "bold"), " ", (record.state, STATE_STYLES[record.state])
    )
    for label, value in _facts(record, ids, directory, file):
        text.append("\n")
        text.append(f"  {label:<11}", "dim")
        text.append(value)
    return text


def best_text(record: StudyRecord, directory: Path) -> Text:
    """The winner's params as YAML to paste into `model.params`, with comments above.

    If no trial is COMPLETE there is only a comment that says so.
    """
    best = winner(record)
    if best is None:
        return Text(
            f"# study {record.spec.name} has no COMPLETE trial: run it further, or see why its "
            f"trials failed with searchlab show {record.spec.name}"
        )
    model, standing = model_path(record, directory), standing_of(record)
    lines = [
        f"# study {record.spec.name}, trial {best.trial.number}",
        f"# {record.spec.objective.metric}: {value_of(best)}",
        *([] if standing is None else [f"# confirmed: {_score(standing)}"]),
        f"# model: {'not made yet' if model is None else model}",
    ]
    params = best.trial.suggestion.params
    lines += [f"{name}: {_yaml(value)}" for name, value in params.items()]
    return Text("\n".join(lines))


def _facts(
    record: StudyRecord, ids: Ids | None, directory: Path, file: Path | None
) -> Iterator[tuple[str, str | Text]]:
    """Label and value of each line of a summary."""
    yield "trials", _trials_by_state(record)
    yield from _best_facts(record)
    if test := test_metrics(record):
        yield "test", _metrics(test)
    if record.stopped is not None and record.stopped.refit_error is not None:
        why = reason_text(record.stopped.refit_error)
        yield "refit", f"failed ({why}): the study's model is the trial's own"
    yield from _baseline_facts(record)
    yield (
        "trained",
        f"{record.epochs} model-epochs in {duration_text(record.seconds)}{_memory(record)}",
    )
    model = model_path(record, directory)
    if model is not None:
        yield "model", str(model)
    if ids is not None and ids.uri is not None:
        yield "MLflow", ids.uri if ids.run_id is None else f"run {ids.run_id} in {ids.uri}"
        yield from _registered_facts(ids, record)
    yield from reasons.failures(record)
    yield from reasons.unfused(record)
    yield from _next_steps(record, file)


def _registered_facts(ids: Ids, record: StudyRecord) -> Iterator[tuple[str, str]]:
    registered = ids.registered
    if registered is None:
        return
    if not registered.version:
        yield "model", f"is no version of {registered.name}: {registered.reason}"
        return
    text = f"{registered.name} version {registered.version}, {registered.alias}"
    yield "registered", f"{text}: {registered.reason}" if registered.reason else text
    if registered.alias == "candidate":
        yield "", f"(searchlab promote {record.spec.name} makes it the champion all the same)"


def _memory(record: StudyRecord) -> str:
    if record.stopped is None or record.stopped.memory is None:
        return ""
    return f", with at most {record.stopped.memory / 1e9:.1f} GB of memory"


def _best_facts(record: StudyRecord) -> Iterator[tuple[str, str]]:
    """The score in the search, the confirmed one beside it, and the winner's params."""
    best, chosen = record.best_trial, winner(record)
    if best is None or chosen is None or best.outcome is None:
        yield "best", "none, no trial is COMPLETE"
        return
    metric, value = record.spec.objective.metric, number_text(value_of(best))
    scores = best.outcome.scores
    folds = f", folds {' '.join(map(number_text, scores))}" if len(scores) > 1 else ""
    yield "best", f"{metric} {value} in trial {best.trial.number}{folds}"
    yield from _confirmed_facts(record)
    params = chosen.trial.suggestion.params
    width = max(map(len, params), default=0)
    for name, value_ in params.items():
        yield (
            "params" if name == next(iter(params)) else "",
            f"{name:<{width}}  {scalar_text(value_)}",
        )


def _confirmed_facts(record: StudyRecord) -> Iterator[tuple[str, str]]:
    """The confirmed, the search and the test score of each candidate side by side."""
    ranked = standings(record)
    scores = [_score(standing) for standing in ranked]
    width = max(map(len, scores), default=0)
    tested = test_value(record)
    for place, (standing, score) in enumerate(zip(ranked, scores, strict=True)):
        line = f"{score:<{width}}  in the search {number_text(standing.search)}"
        if standing == standing_of(record) and tested is not None:
            line += f"  on the test rows {number_text(tested)}"
        yield "" if place else "confirmed", f"{line}  trial {standing.number}"


def _score(standing: Standing) -> str:
    """A confirmed score with its spread."""
    seeds = len(standing.scores) + standing.failed
    text = confirmed_text(standing.mean, standing.spread)
    failed = f", {standing.failed} failed" if standing.failed else ""
    return f"{text} ({seeds} seed{'s' if seeds > 1 else ''}{failed})"


def _baseline_facts(record: StudyRecord) -> Iterator[tuple[str, str]]:
    width = max((len(BASELINES[name]) for name in record.baselines), default=0)
    for place, name in enumerate(name for name in BASELINES if name in record.baselines):
        event = record.baselines[name]
        found = _metrics(event.metrics) if event.error is None else reason_text(event.error)
        yield "" if place else "baselines", f"{BASELINES[name]:<{width}}  {found}"


def _metrics(metrics: Mapping[str, float]) -> str:
    return "  ".join(f"{name} {number_text(value)}" for name, value in metrics.items())


def _next_steps(record: StudyRecord, file: Path | None) -> Iterator[tuple[str, str]]:
    name, run = record.spec.name, f"searchlab run {file or 'FILE'}"
    if record.state == "interrupted":
        yield "next", f"{run}  (continues it)"
    elif record.state == "running":
        yield "next", f"{run}  (continues it, if no process is at it any more)"
    elif record.state == "failed":
        yield "next", f"searchlab show {name}  (all its trials)"
    else:
        yield "next", f"searchlab predict {name} --input FILE, or searchlab report {name}"


def _trials_by_state(record: StudyRecord) -> Text:
    """How many trials are in which state; none is RUNNING once the process has left."""
    counts = record.counts()
    words = {} if record.stopped is None else {"RUNNING": "unfinished"}
    parts = [
        Text(f"{counts[state]} {words.get(state, state)}", style)
        for state, style in STATE_STYLES.items()
        if state in counts
    ]
    return Text("  ").join(parts) if parts else Text("none yet")


def _yaml(value: Scalar) -> str:
    """A scalar that YAML 1.1 and 1.2 read back with the same type and value."""
    text = json.dumps(value, ensure_ascii=False)
    if isinstance(value, float) and "e" in text and "." not in text:
        return text.replace("e", ".0e")
    return text
