"""`searchlab reproduce`: retrain a trial from its record in the journal.

The study is the journal's, not the current file's. Data and factory are read from their original
paths and must be unchanged. Everything happens in a temporary directory.
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from searchlab.core.interrupt import Interrupt
from searchlab.core.scratch import scratch
from searchlab.core.trial import Outcome, TrialState
from searchlab.core.versions import installed
from searchlab.engine import plugins
from searchlab.engine.alone import run_alone
from searchlab.engine.finalize import Say
from searchlab.engine.jobs import Jobs
from searchlab.engine.loop import refuse_lost
from searchlab.engine.warm_start import check_initial
from searchlab.errors import InputError
from searchlab.factories.find import source_digest
from searchlab.journal.events import Entry, Resumed, Told
from searchlab.journal.home import StudyHome, load_record
from searchlab.journal.journal import read_journal
from searchlab.journal.layout import StudyLayout
from searchlab.journal.record import StudyRecord, TrialRecord
from searchlab.report.reproduction import Reproduction

if TYPE_CHECKING:
    from searchlab.executors.base import Executor


def reproduce_trial(
    name: str, cwd: Path, number: int | None, interrupt: Interrupt, say: Say
) -> Reproduction:
    """Retrain a trial of a study.

    Args:
        name: the study's name.
        cwd: the working directory that contains `.searchlab/`.
        number: the trial; the best one if None.
        interrupt: ends the training at the next epoch when set.
        say: receives a line about each step that takes time.

    Raises:
        KeyboardInterrupt: if the interrupt was set.
        InputError: if there is no such study or trial, or its data or factory have changed.
        JournalError: if the journal is damaged.
        StorageError: if there is no room for the data or the weights.
    """
    record, home = load_record(name, cwd), StudyHome(name, cwd)
    trial = _chosen(record, number)
    assert trial.outcome is not None  # noqa: S101 - _chosen rejects trials without one
    with scratch() as directory:
        restored = _Restored(record, home, directory)
        say(f"preparing {record.spec.data.title}")
        with interrupt.at_once():
            restored.prepare(trial.trial.number)
        with ExitStack() as stack:
            stack.enter_context(_temporary_files(restored.directory))
            executors = _Executors(
                list(read_journal(home.paths.journal)), restored.directory, stack
            )
            chain = _chain(record, trial)
            weights: tuple[str, ...] = ()
            for each in chain:
                say(f"training trial {each.trial.number} again")
                executor = executors.of(each)
                keep = each is not chain[-1]
                again = _train(restored, executor, each, interrupt, weights, keep=keep)
                weights = again.weights
                if again.error is not None:
                    break
    again = replace(again, number=trial.trial.number)
    assert record.started is not None  # noqa: S101 - load_record returns only started studies
    return Reproduction(name, trial.outcome, again, _changed(record.started.versions))


class _Restored:
    """A study's original data, factory and initial weights, in a directory of its own."""

    def __init__(self, record: StudyRecord, home: StudyHome, directory: Path) -> None:
        assert record.started is not None  # noqa: S101 - load_record returns only started studies
        self.started, self.spec = record.started, record.spec
        self.base = Path(self.started.file).parent
        self.home, self.directory = home, directory

    def prepare(self, number: int) -> None:
        """Prepare the data and copy the initial weights.

        Raises:
            InputError: if the data, the factory or the weights have changed.
        """
        from searchlab.data.prepare import prepare  # imports pandas and scikit-learn
        from searchlab.training import initial  # imports NumPy

        trial = f"trial {number} cannot be reproduced"
        try:
            factory = source_digest(self.spec, self.base)
            summary = prepare(self.spec, self.base, StudyLayout(self.directory).data)
            check_initial(self.started, self.home.directory)
        except InputError as error:
            raise InputError(f"{trial}: {error}") from None
        if factory != self.started.factory:
            raise InputError(
                f"{trial}: the source of {self.spec.factory.factory} has changed since the study "
                "began; undo the change"
            )
        if summary.digest != self.started.data["digest"]:
            raise InputError(
                f"{trial}: the content of {summary.source} has changed since the study began; "
                "restore the old data"
            )
        if self.started.initial:
            initial.keep(StudyLayout(self.home.directory).initial, self.directory)


class _Executors:
    """The executors that originally trained the study's trials; each is created once."""

    def __init__(self, entries: Sequence[Entry], directory: Path, stack: ExitStack) -> None:
        self._directory, self._stack = directory, stack
        self._made: dict[str, Executor] = {}
        self._names: dict[int, str] = {}
        name = ""
        for entry in entries:
            match entry.event:
                case Resumed():
                    name = entry.event.executor
                case Told(outcome):
                    alone = name == "fused" and outcome.unfused is not None
                    self._names[outcome.number] = "process" if alone else name

    def of(self, trial: TrialRecord) -> Executor:
        """Return the executor of a trial; fused and ordinary training agree only up to rounding."""
        name = self._names[trial.trial.number]
        if name not in self._made:
            executor = plugins.make_executor(name, 1, self._directory)
            self._made[name] = self._stack.enter_context(contextlib.closing(executor))
        return self._made[name]


@contextlib.contextmanager
def _temporary_files(directory: Path) -> Iterator[None]:
    """Redirect the temporary files of processes started meanwhile to a directory.

    TensorFlow deletes AutoGraph's files only when a process exits, but workers are killed.
    """
    before = os.environ.get("TMPDIR")
    os.environ["TMPDIR"] = str(directory)
    try:
        yield
    finally:
        if before is None:
            del os.environ["TMPDIR"]
        else:
            os.environ["TMPDIR"] = before


def _chosen(record: StudyRecord, number: int | None) -> TrialRecord:
    name = record.spec.name
    if number is None:
        if record.best_trial is None:
            raise InputError(f"study {name} has no best trial: name one with --trial N")
        return record.best_trial
    if number not in record.trials:
        known = f"it has 0 to {len(record.trials) - 1}" if record.trials else "it has none yet"
        raise InputError(f"study {name} has no trial {number}: {known}")
    trial = record.trials[number]
    if trial.outcome is None:
        raise InputError(f"trial {number} of study {name} has not ended: run the study first")
    if trial.state is TrialState.PRUNED and not trial.reports:
        raise InputError(
            f"trial {number} of study {name} was ended within its first epoch: there is nothing to "
            "compare; name another"
        )
    return trial


def _chain(record: StudyRecord, trial: TrialRecord) -> list[TrialRecord]:
    """Return a trial preceded by those whose weights it continues, earliest first."""
    chain = [trial]
    while (earlier := chain[0].trial.suggestion.resume_from) is not None:
        chain.insert(0, record.trials[earlier])
    return chain


def _train(
    restored: _Restored,
    executor: Executor,
    trial: TrialRecord,
    interrupt: Interrupt,
    weights: tuple[str, ...],
    *,
    keep: bool,
) -> Outcome:
    """Train a trial; one that was pruned is stopped after the same number of reports."""
    pruned = trial.state is TrialState.PRUNED
    jobs = Jobs(restored.spec, restored.base, restored.directory)
    job = jobs.trial(trial.trial, keep=keep, synchronous=pruned, weights=weights)
    stop_after = len(trial.reports) if pruned else None
    outcome = run_alone(executor, job, interrupt, stop_after=stop_after)
    if outcome is None:
        raise KeyboardInterrupt
    refuse_lost(outcome)
    assert isinstance(outcome, Outcome)  # noqa: S101 - a trial's result
    return outcome


def _changed(then: Any) -> dict[str, tuple[str | None, str | None]]:
    now = installed()
    return {
        name: (then.get(name), now.get(name))
        for name in sorted({*then, *now})
        if then.get(name) != now.get(name)
    }
