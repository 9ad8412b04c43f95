"""A study's inheritance from earlier studies of its working directory: trials and a model.

Both are taken once, when the study begins. The trials are recorded in the journal and the model is
copied, so that a resumed study stays the same whatever becomes of the other studies.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from searchlab.core.space import identity
from searchlab.core.trial import Known, TrialState
from searchlab.errors import InputError
from searchlab.journal.events import Started
from searchlab.journal.home import StudyHome, load_record
from searchlab.journal.layout import StudyLayout
from searchlab.journal.record import StudyRecord
from searchlab.study.spec import StudySpec

_WARM_START, _INITIAL_WEIGHTS = "search.warm_start", "model.initial_weights"


@dataclass(frozen=True)
class Heritage:
    """A study's inheritance.

    Attributes:
        known: the trials of the studies in `search.warm_start`, best first.
        initial: the digest of the model that provides the initial weights, or "".
    """

    known: tuple[Known, ...] = ()
    initial: str = ""


def inherit(
    spec: StudySpec, data: Mapping[str, Any], home: StudyHome, started: Started | None
) -> Heritage:
    """Take a new study's inheritance from other studies, or restore that of a resumed study.

    Args:
        spec: the study.
        data: its data set (`DataSummary` as plain values).
        home: its directory, into which a model is copied.
        started: the record of its beginning, or None for a new study.

    Raises:
        InputError: if another study is missing, does not fit or has no model; or if a resumed
            study's copy of the model has changed.
        StorageError: if the model cannot be copied.
    """
    if started is not None:
        check_initial(started, home.directory)
        return Heritage(started.known, started.initial)
    known = tuple(_known(spec, data, home.cwd))
    return Heritage(known, _take_model(spec, home))


def check_initial(started: Started, directory: Path) -> None:
    """Check that the model that provided a study's initial weights, if any, is unchanged.

    Raises:
        InputError: if the model or its code has changed or is missing.
    """
    if not started.initial:
        return
    from searchlab.training import initial  # imports NumPy

    package = StudyLayout(directory).initial
    try:
        whole = initial.digest_of(package) == started.initial
    except OSError:
        whole = False
    if not whole:
        raise InputError(
            f"{package}: the model, or its code, has changed since this study copied its weights; "
            "restore it from a backup, or start the study anew under another --name"
        )


def _known(spec: StudySpec, data: Mapping[str, Any], cwd: Path) -> list[Known]:
    """Return the COMPLETE trials of the other studies, best first.

    Of equal params, those trained for the most epochs count, and of those the best, because a
    Hyperband's first rungs say little.
    """
    cost = spec.objective.cost
    found: list[tuple[int, Known]] = []
    for name in dict.fromkeys(spec.search.warm_start):
        record = _record(name, cwd, _WARM_START)
        if difference := next(_differences(spec, data, record), None):
            raise InputError(
                f"{_WARM_START}: study {name} {difference}: its trials do not apply to this study; "
                f"remove it from {_WARM_START}, or make the two studies match"
            )
        found += _complete(record)
    found.sort(key=lambda each: (-each[0], cost(each[1].value)))
    distinct: dict[Any, Known] = {}
    for _, known in found:
        distinct.setdefault(identity(known.params), known)
    return sorted(distinct.values(), key=lambda each: cost(each.value))


def _complete(record: StudyRecord) -> Iterator[tuple[int, Known]]:
    for number, trial in record.trials.items():
        outcome, suggestion = trial.outcome, trial.trial.suggestion
        if outcome is not None and outcome.state is TrialState.COMPLETE:
            assert outcome.value is not None  # noqa: S101 - COMPLETE has a value
            known = Known(record.spec.name, number, suggestion.params, outcome.value)
            yield suggestion.epochs, known


def _differences(spec: StudySpec, data: Mapping[str, Any], record: StudyRecord) -> Iterator[str]:
    """Describe the differences that make another study's trials useless for this one."""
    here, there = (
        {name: repr(domain) for name, domain in each.search_space} for each in (spec, record.spec)
    )
    if others := sorted(name for name in {**here, **there} if here.get(name) != there.get(name)):
        yield f"has another search space (it differs in {', '.join(others)})"
    assert record.started is not None  # noqa: S101 - load_record returns only started studies
    if record.started.data.get("digest") != data["digest"]:
        yield f"had other data ({record.started.data.get('name')}, with different content)"
    if _division(spec) != _division(record.spec):
        yield "divides its rows in another way (data.split, or the files of parts)"
    one, other = record.spec.objective, spec.objective
    if one.metric == "val_loss" and _units(record.started.data) != _units(data):
        yield "had another target_transform, so that its losses are in other units"
    if one.metric != other.metric or one.maximized != other.maximized:
        way = "highest" if one.maximized else "lowest"
        yield f"has another objective (the {way} {one.metric})"


def _units(data: Mapping[str, Any]) -> str:
    """Return what becomes of the target, without the figures of the training rows."""
    return str(data.get("target_transform", "")).partition(" (")[0]


def _division(spec: StudySpec) -> tuple[Any, ...]:
    """Return what makes scores of one kind: a shuffled series scores too well."""
    data = spec.data
    return data.split, data.validation_path, data.test_path, data.test_folds, data.test_fold


def _take_model(spec: StudySpec, home: StudyHome) -> str:
    wanted = spec.factory.initial
    if wanted is None:
        return ""
    from searchlab.training import initial  # imports NumPy

    record = _record(wanted.study, home.cwd, _INITIAL_WEIGHTS)
    path = None if record.stopped is None else record.stopped.model_path
    file = None if path is None else StudyHome(wanted.study, home.cwd).directory / path
    if file is None or not file.is_file():
        raise InputError(
            f"{_INITIAL_WEIGHTS}: study {wanted.study} has no model: run it to its end first"
        )
    return initial.keep(file.parent, home.directory)


def _record(name: str, cwd: Path, key: str) -> StudyRecord:
    try:
        return load_record(name, cwd)
    except InputError as error:
        raise InputError(f"{key}: {error}") from None
