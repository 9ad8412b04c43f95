"""`searchlab reproduce`: a recorded trial, trained again from what the journal says of it.

The study is the one in the journal and not the file as it is now; data and factory are read from
where they were, and must be what they were. All work is done in a temporary directory.
"""

from __future__ import annotations

import contextlib
import os
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, replace
from multiprocessing import util
from pathlib import Path
from typing import TYPE_CHECKING, Any

from searchlab import plugins
from searchlab.earlier import check_initial
from searchlab.errors import InputError
from searchlab.finish import Say
from searchlab.home import StudyHome, load_record
from searchlab.interrupt import Interrupt
from searchlab.journal import Entry, Resumed, Told, read_journal
from searchlab.record import StudyRecord, TrialRecord
from searchlab.run import run_to_end
from searchlab.search import refuse_lost
from searchlab.training import factories
from searchlab.training.job import Job, Work
from searchlab.trial import Decision, Outcome, Report, TrialState
from searchlab.versions import installed

if TYPE_CHECKING:
    from searchlab.executors.base import Executor


@dataclass(frozen=True)
class Reproduction:
    """What came of training a trial again.

    Attributes:
        study: the study's name.
        recorded: how the trial ended.
        again: how it ends now.
        versions: the libraries whose versions differ: the recorded one and the one now, or None
            where it was or is not installed.
    """

    study: str
    recorded: Outcome
    again: Outcome
    versions: dict[str, tuple[str | None, str | None]]

    @property
    def same(self) -> bool:
        """Whether it ended in the same way: the value to the last bit, a failure by its type."""
        one, other = self.recorded, self.again
        if one.error is not None or other.error is not None:
            return _type(one) == _type(other)
        return (one.state, one.value) == (other.state, other.value)

    @property
    def difference(self) -> float | None:
        """How much larger the value is now, or None if one of the two has no value."""
        if self.recorded.value is None or self.again.value is None:
            return None
        return self.again.value - self.recorded.value

    def as_dict(self) -> dict[str, Any]:
        """All of it as plain values for JSON."""
        return {
            "name": self.study,
            "trial": self.recorded.number,
            "recorded": _plain(self.recorded),
            "again": _plain(self.again),
            "same": self.same,
            "difference": self.difference,
            "versions": {name: list(pair) for name, pair in self.versions.items()},
        }

    def lines(self) -> Iterator[str]:
        """What people read."""
        yield f"trial {self.recorded.number} of study {self.study}"
        yield f"  recorded  {_shown(self.recorded)}"
        yield f"  again     {_shown(self.again)}"
        yield f"  result    {self._verdict()}"
        for number, (name, (then, now)) in enumerate(self.versions.items()):
            label = "" if number else "versions"
            yield f"  {label:8}  {name} was {then or 'not there'}, is {now or 'not there'}"

    def _verdict(self) -> str:
        error = self.again.error
        if self.same:
            return "same" if error is None else f"same, fails again: {error.type}"
        if self.difference:
            return f"not the same: differs by {abs(self.difference):.3g}"
        return "not the same" if error is None else f"not the same: fails now: {error.type}"


def reproduce(
    name: str, cwd: Path, number: int | None, interrupt: Interrupt, say: Say
) -> Reproduction:
    """Trains a trial of a study again.

    Args:
        name: the study.
        cwd: the working directory, where `.searchlab/` is.
        number: the trial; None for the best.
        interrupt: ends it at the next epoch when set.
        say: told what takes time.

    Raises:
        KeyboardInterrupt: if the interrupt was set.
        InputError: if there is no such study or trial, or data or factory are not what they were.
        JournalError: if the journal is damaged.
        StorageError: if there is no room for the data or the weights.
    """
    record, home = load_record(name, cwd), StudyHome(name, cwd)
    trial = _chosen(record, number)
    assert trial.outcome is not None  # noqa: S101 - _chosen refuses others
    with tempfile.TemporaryDirectory(
        dir=util.get_temp_dir(),  # which is removed however this process leaves
        ignore_cleanup_errors=True,
    ) as scratch:
        place = _Place(record, home, Path(scratch).resolve())
        say(f"preparing {record.spec.data.dataset or record.spec.data.path}")
        with interrupt.at_once():
            place.prepare(trial.trial.number)
        with ExitStack() as stack:
            stack.enter_context(_temporary_files(place.directory))
            executors = _Executors(list(read_journal(home.journal)), place.directory, stack)
            chain = _chain(record, trial)
            for each in chain:
                say(f"training trial {each.trial.number} again")
                executor = executors.of(each)
                again = _train(place, executor, each, interrupt, keep=each is not chain[-1])
                if again.error is not None:
                    break
    again = replace(again, number=trial.trial.number)
    assert record.started is not None  # noqa: S101 - load_record returns no other
    return Reproduction(name, trial.outcome, again, _changed(record.started.versions))


class _Place:
    """A study's data, factory and initial weights as they were, in a directory of its own."""

    def __init__(self, record: StudyRecord, home: StudyHome, directory: Path) -> None:
        assert record.started is not None  # noqa: S101 - load_record returns no other
        self.started, self.spec = record.started, record.spec
        self.base = Path(self.started.file).parent
        self.home, self.directory = home, directory

    def prepare(self, number: int) -> None:
        """Makes them.

        Raises:
            InputError: if one of them is not what it was.
        """
        from searchlab.training import initial  # imports NumPy
        from searchlab.training.prepare import prepare  # imports pandas and scikit-learn

        trial = f"trial {number} cannot be reproduced"
        try:
            factory = factories.source_digest(self.spec, self.base)
            summary = prepare(self.spec, self.base, self.directory / "data")
            check_initial(self.started, self.home.directory)
        except InputError as error:
            raise InputError(f"{trial}: {error}") from None
        if factory != self.started.factory:
            raise InputError(
                f"{trial}: the source of {self.spec.factory.factory} is not what it was when the "
                "study began; take the change back"
            )
        if summary.digest != self.started.data["digest"]:
            raise InputError(
                f"{trial}: the content of {summary.source} is not what it was when the study "
                "began; put the old data back"
            )
        if self.started.initial:
            initial.keep(initial.kept_model(self.home.directory), self.directory)


class _Executors:
    """The executors that the trials of a study were trained by; each is made once."""

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
        """The executor of a trial; fused and ordinary training agree to rounding only."""
        name = self._names[trial.trial.number]
        if name not in self._made:
            executor = plugins.executor(name)(1, self._directory)
            self._made[name] = self._stack.enter_context(contextlib.closing(executor))
        return self._made[name]


@contextlib.contextmanager
def _temporary_files(directory: Path) -> Iterator[None]:
    """Has the processes that start meanwhile put their temporary files into a directory.

    TensorFlow removes those of AutoGraph at the end of a process, and workers are killed.
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
    """A trial after those whose weights it continues, the first one first."""
    chain = [trial]
    while (earlier := chain[0].trial.suggestion.resume_from) is not None:
        chain.insert(0, record.trials[earlier])
    return chain


def _train(
    place: _Place, executor: Executor, trial: TrialRecord, interrupt: Interrupt, *, keep: bool
) -> Outcome:
    """Trains a trial; one that was told to stop is told so after as many reports."""
    pruned = trial.state is TrialState.PRUNED
    left = len(trial.reports)

    def answer(_: Report) -> Decision:
        nonlocal left
        left -= 1
        return Decision.STOP if pruned and left <= 0 else Decision.CONTINUE

    executor.submit(
        Job(
            Work.TRIAL,
            trial.trial,
            place.spec,
            place.base,
            place.directory / "data",
            place.directory,
            keep=keep,
            synchronous=pruned,
        )
    )
    outcome = run_to_end(executor, interrupt, answer)
    if outcome is None:
        raise KeyboardInterrupt
    refuse_lost(outcome)
    return outcome


def _changed(then: Any) -> dict[str, tuple[str | None, str | None]]:
    now = installed()
    return {
        name: (then.get(name), now.get(name))
        for name in sorted({*then, *now})
        if then.get(name) != now.get(name)
    }


def _type(outcome: Outcome) -> str | None:
    return None if outcome.error is None else outcome.error.type


def _plain(outcome: Outcome) -> dict[str, Any]:
    error = None if outcome.error is None else f"{outcome.error.type}: {outcome.error.message}"
    return {"state": str(outcome.state), "value": outcome.value, "error": error}


def _shown(outcome: Outcome) -> str:
    if outcome.error is not None:
        return f"{outcome.state}  {outcome.error.type}: {outcome.error.message}"
    return f"{outcome.state}  {outcome.value!r}"
