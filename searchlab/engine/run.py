"""`searchlab run`: a study from its file to its end, in one or several processes."""

from __future__ import annotations

import contextlib
import shutil
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING
from uuid import uuid4

from searchlab.backends.base import Problem
from searchlab.core.codec import encode
from searchlab.core.digest import directory_digest
from searchlab.core.garbage import no_collection
from searchlab.core.interrupt import Interrupt
from searchlab.core.progress import progress_told
from searchlab.core.state import StudyState
from searchlab.core.trial import FailureKind
from searchlab.core.versions import installed
from searchlab.engine import plugins
from searchlab.engine.alone import run_alone
from searchlab.engine.finalize import Finish, Say
from searchlab.engine.jobs import Jobs
from searchlab.engine.looks import Looks, look
from searchlab.engine.loop import Search, refuse_lost
from searchlab.engine.recorder import Recorder
from searchlab.engine.snapshots import Snapshots, resume
from searchlab.engine.warm_start import Heritage, inherit
from searchlab.errors import ModelError, StudyChangedError
from searchlab.factories.find import source_digest
from searchlab.journal.events import Entry, Resumed, Started, Stopped
from searchlab.journal.home import StudyHome
from searchlab.journal.journal import Journal, read_journal
from searchlab.journal.layout import STRAYS
from searchlab.journal.record import StudyRecord
from searchlab.report.brief import Briefs
from searchlab.study.changes import differences
from searchlab.study.file import StudyFile
from searchlab.study.folds import refuse_folds
from searchlab.study.spec import StudySpec
from searchlab.tracking.base import Tracker, Trackers

if TYPE_CHECKING:
    from searchlab.data.prepared import DataSummary
    from searchlab.executors.base import Executor

MakeTrackers = Callable[[Path], Sequence[Tracker]]
"""A function that returns a study's trackers for the study's directory."""


@dataclass(frozen=True)
class _StudyFiles:
    """A study's file and directories."""

    study: StudyFile
    base: Path
    home: StudyHome


def run_study(
    file: StudyFile,
    cwd: Path,
    trackers: MakeTrackers,
    interrupt: Interrupt,
    say: Say,
    looks: Looks = Looks(),  # noqa: B008 - frozen
) -> StudyRecord:
    """Start a study, continue it, or find it finished.

    Args:
        file: the study.
        cwd: the working directory that contains `.searchlab/`.
        trackers: the factory of the study's trackers.
        interrupt: interrupts the study at the next epoch when set.
        say: receives a line about each step that takes time.
        looks: what becomes of the data set as it was understood.

    Returns:
        The study's record on return; its `state` says how it ended.

    Raises:
        KeyboardInterrupt: if interrupted before there was anything to record.
        StudyLockedError: if another process holds the study.
        StudyChangedError: if a study of this name has another definition.
        SearchlabError: for every other problem that the user can fix.
    """
    refuse_folds(file.spec)
    home = StudyHome(file.spec.name, cwd)
    files = _StudyFiles(file, file.path.resolve().parent, home)
    with home.locked():
        try:
            with no_collection():
                entries = list(read_journal(home.paths.journal))
                record = StudyRecord(entries)
            if record.started is None:
                home.refuse_remains()
            _refuse_changes(files, record)
            tracker = Trackers(trackers(home.directory))
            with contextlib.closing(tracker):
                whole = _models_whole(record, home.directory)
                if not whole:
                    say("a model of the study is missing or has been altered: making it again")
                if whole and _complete(record, file.spec):
                    tracker.replay(entries)
                else:
                    _work(files, entries, record, tracker, interrupt, say, looks)
            return record
        finally:
            home.discard_if_empty()  # under the lock: another process may be about to begin


def _refuse_changes(files: _StudyFiles, record: StudyRecord) -> None:
    """Reject a resumed study whose file or factory differs from the recorded ones."""
    if record.started is None:
        return
    spec = files.study.spec
    changed = [str(difference) for difference in differences(record.spec, spec)]
    if not changed and source_digest(spec, files.base) != record.started.factory:
        changed = [f"the source of {spec.factory.factory}"]
    _refuse(spec.name, changed)


def _refuse(name: str, changed: list[str]) -> None:
    if changed:
        more = f" and {len(changed) - 1} more" if len(changed) > 1 else ""
        raise StudyChangedError(
            f"study {name} has another definition ({changed[0]}{more}): undo the change to "
            f"continue it, or run this one under another --name"
        )


def _complete(record: StudyRecord, spec: StudySpec) -> bool:
    """Return whether nothing is left to do within the file's current budget."""
    if record.budget is None or not record.state.ended:
        return False
    if record.stopped is not None and record.stopped.failed is not None:
        return spec.search.on_failure == "stop"
    if record.budget.ending != spec.ending:
        return False
    trials, seconds = spec.search.trials, spec.search.seconds
    more_trials = _more(trials, record.budget.trials, len(record.trials))
    more_seconds = _more(seconds, record.budget.seconds, record.seconds)
    ended_by_time = record.budget.seconds is not None and record.seconds >= record.budget.seconds
    if ended_by_time:
        return not more_seconds
    return not more_trials


def _models_whole(record: StudyRecord, directory: Path) -> bool:
    """Return whether all models that the study left are as they were."""
    packages = {} if record.stopped is None else record.stopped.packages
    try:
        return all(
            directory_digest(directory / place, STRAYS) == digest
            for place, digest in packages.items()
        )
    except OSError:
        return False


def _more(now: float | None, before: float | None, used: float) -> bool:
    if now is None:
        return before is not None
    return now > used and (before is None or now > before)


def _work(
    files: _StudyFiles,
    entries: list[Entry],
    record: StudyRecord,
    tracker: Tracker,
    interrupt: Interrupt,
    say: Say,
    looks: Looks,
) -> None:
    spec, directory = files.study.spec, files.home.directory
    execution = spec.execution
    executor = plugins.make_executor(execution.executor, execution.workers, directory)
    with contextlib.closing(executor), _data(files, record, interrupt, say) as summary:
        with interrupt.at_once():
            look(summary.profile, files.home.paths.profile, looks)
            heritage = inherit(spec, encode(summary), files.home, record.started)
            say("trying the model")
            plugins.begin_imports(spec)
            jobs = Jobs(spec, files.base, directory)
            _try_model(jobs, executor, interrupt)
            problem = Problem.of(spec, summary.task, heritage.known)
            with no_collection():
                backend = plugins.make_backend(spec.search.backend, problem)
        with contextlib.closing(backend):
            with interrupt.at_once(), no_collection():
                answers = resume(backend, entries, files.home.paths)
            tracker.replay(entries)
            entries.clear()  # the record has what is needed of them, which may be very many
            with Journal(files.home.paths.journal) as journal:
                snapshots = Snapshots(files.home.paths, journal, backend, answers)
                briefs = Briefs(record, files.home.paths)
                recorder = Recorder(journal, record, Trackers([tracker, snapshots, briefs]))
                if record.started is None:
                    recorder(_started(files, summary, heritage))
                recorder(_resumed(spec))
                start = time.monotonic()
                search = Search(jobs, backend, answers, executor, recorder, interrupt)
                search.run()
                stopped = Stopped(StudyState.FAILED, 0.0, record.best, failed=search.failed)
                if search.failed is None or interrupt.requested:
                    finish = Finish(jobs, executor, recorder, interrupt, say)
                    stopped = _stopped(record, finish, interrupt)
                seconds, memory = time.monotonic() - start, search.memory.bytes or None
                recorder(replace(stopped, seconds=seconds, memory=memory))


@contextlib.contextmanager
def _data(
    files: _StudyFiles, record: StudyRecord, interrupt: Interrupt, say: Say
) -> Iterator[DataSummary]:
    """Prepare the data, and delete them when the study ends."""
    spec = files.study.spec
    say(f"preparing {spec.data.title}")
    try:
        with interrupt.at_once():
            from searchlab.data.prepare import prepare  # imports pandas and scikit-learn

            with progress_told(say):
                summary = prepare(spec, files.base, files.home.paths.data)
        if record.started is not None and summary.digest != record.started.data["digest"]:
            _refuse(spec.name, [f"the content of {summary.name}"])
        yield summary
    finally:
        shutil.rmtree(files.home.paths.data, ignore_errors=True)


def _try_model(jobs: Jobs, executor: Executor, interrupt: Interrupt) -> None:
    """Reject a factory whose model cannot be trained, before this process records anything.

    A resumed study is checked too: its executor learns how many trainings it can run at once.
    """
    checked = run_alone(executor, jobs.check(), interrupt)
    if checked is not None and (error := checked.error) is not None:
        refuse_lost(checked)
        if error.kind is FailureKind.REFUSED:
            raise ModelError(error.message)
        if error.kind is FailureKind.WORKER_KILLED:
            raise ModelError(f"trying the model: {error.message}, twice: is there memory for it?")
        raise ModelError(f"{error.type}: {error.message}")


def _started(files: _StudyFiles, summary: DataSummary, heritage: Heritage) -> Started:
    spec = files.study.spec
    return Started(
        id=uuid4().hex,
        study=spec.as_dict(),
        text=files.study.text,
        file=str(files.study.path.resolve()),
        data=encode(summary.brief),  # the journal stays small
        factory=source_digest(spec, files.base),
        versions=installed(),
        known=heritage.known,
        initial=heritage.initial,
    )


def _resumed(spec: StudySpec) -> Resumed:
    search, execution = spec.search, spec.execution
    budget = (search.trials, search.seconds, execution.executor, execution.workers)
    return Resumed(*budget, spec.ending)


def _stopped(record: StudyRecord, finish: Finish, interrupt: Interrupt) -> Stopped:
    """Make the study's model unless the study was interrupted or no trial succeeded."""
    finished = None
    if not interrupt.requested and record.best is not None:
        finished = finish.run()
    stopped = Stopped(StudyState.INTERRUPTED, 0.0, record.best)
    if interrupt.requested:
        return stopped
    if finished is None:
        return replace(stopped, state=StudyState.FAILED)
    return replace(
        stopped,
        state=StudyState.FINISHED,
        winner=finished.winner,
        epochs=finished.epochs,
        metrics=dict(finished.made.metrics),
        model_path=finished.made.model_path,
        refit_error=finished.refit_error,
        packages=finished.packages,
    )
