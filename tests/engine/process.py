"""One process of a study: the real search loop and backends, with trivial trainings."""

from collections import Counter
from pathlib import Path

import pytest

from searchlab.backends.base import Problem
from searchlab.engine import plugins
from searchlab.engine.jobs import Jobs
from searchlab.engine.loop import Interrupt, Search
from searchlab.engine.recorder import Recorder
from searchlab.engine.snapshots import Snapshots, resume
from searchlab.journal.events import Retried
from searchlab.journal.journal import Journal, read_journal
from searchlab.journal.layout import StudyLayout
from searchlab.journal.record import StudyRecord
from searchlab.testing import entries as make
from searchlab.testing.doubles import TrivialExecutor, bowl
from searchlab.tracking.base import Trackers
from searchlab.tracking.memory import MemoryTracker

BACKENDS = [
    "optuna",
    *(pytest.param(name, marks=pytest.mark.keras) for name in ("randomized", "hyperband")),
]
"""All of them; what the last two import imports Keras."""


class Process:
    """One process's work on a study in `directory`."""

    def __init__(self, directory: Path, spec, workers=1, value=bowl):
        self.directory, self.spec = directory, spec
        self.executor = TrivialExecutor(workers, value)
        self.interrupt = Interrupt()
        self.tracker = MemoryTracker()

    def run(self) -> StudyRecord:
        path = self.directory / "journal.jsonl"
        entries = list(read_journal(path))
        backend = self.backend()
        try:
            paths = StudyLayout(self.directory)
            answers = resume(backend, entries, paths)
            record = StudyRecord(entries)
            self.tracker.replay(entries)
            with Journal(path) as journal:
                snapshots = Snapshots(paths, journal, backend, answers)
                recorder = Recorder(journal, record, Trackers([self.tracker, snapshots]))
                if record.started is None:
                    recorder(make.started(self.spec))
                recorder(make.resumed(self.spec.search.trials, executor="trivial"))
                jobs = Jobs(self.spec, Path(), self.directory)
                Search(jobs, backend, answers, self.executor, recorder, self.interrupt).run()
        finally:
            backend.close()
        return record

    def backend(self):
        return plugins.backend(self.spec.search.backend)(Problem.of(self.spec, "multiclass"))


def picture(record: StudyRecord) -> list:
    """Return everything that must not depend on how often a study was stopped."""
    return [(trial.trial, trial.outcome, trial.reports) for trial in record.trials.values()]


class Flaky:
    """The formula, except that the first attempts at some trials fail at their fifth epoch."""

    def __init__(self, failures: dict[int, int]):
        self.failures = Counter(failures)

    def __call__(self, trial, epoch):
        if epoch == min(5, trial.suggestion.epochs) and self.failures[trial.number] > 0:
            self.failures[trial.number] -= 1
            raise OSError("the file system hiccuped")
        return bowl(trial, epoch)


def retried(directory) -> list[int]:
    events = [entry.event for entry in read_journal(directory / "journal.jsonl")]
    return [event.number for event in events if isinstance(event, Retried)]
