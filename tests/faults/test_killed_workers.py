"""kill -9 of a worker: its trial is run once more, and nothing of the first attempt remains."""

import shutil
from pathlib import Path

import pytest

from searchlab.backends.base import Problem
from searchlab.core.interrupt import Interrupt
from searchlab.core.trial import FailureKind, TrialState
from searchlab.data.prepare import prepare
from searchlab.engine import plugins
from searchlab.engine.alone import run_alone
from searchlab.engine.jobs import Jobs
from searchlab.engine.loop import Search
from searchlab.engine.recorder import Recorder
from searchlab.engine.replay import replay
from searchlab.executors.fused import FusedExecutor
from searchlab.executors.process import ProcessExecutor
from searchlab.journal.events import Retried
from searchlab.journal.journal import Journal, read_journal
from searchlab.journal.record import StudyRecord
from searchlab.study.spec import StudySpec
from searchlab.testing import entries as make
from searchlab.testing.doubles import STUDY_SPACE, study
from searchlab.tracking.memory import MemoryTracker

pytestmark = pytest.mark.keras
LONG = pytest.mark.long

FACTORIES = Path(__file__).with_name("dying_factories.py")
TRIALS = {"process": 5, "fused": 12}  # 8 fused ones are open at once, the rest can be pruned
PRUNER = {"name": "median", "n_startup_trials": 2}
EXECUTORS = {"process": ProcessExecutor, "fused": FusedExecutor}
RETRIED, UNNOTICED = [FailureKind.WORKER_KILLED], []
"""Failures of attempts; in fused training, only a factory's death is a trial's failure."""

MOMENTS = [
    pytest.param("process", "in_the_factory", RETRIED, marks=LONG),
    ("process", "in_an_epoch", RETRIED),
    pytest.param("process", "model_written_not_moved", RETRIED, marks=LONG),
    pytest.param("process", "model_moved_not_told", RETRIED, marks=LONG),
    pytest.param("process", "told_to_stop", RETRIED, marks=LONG),
    pytest.param("fused", "in_the_factory", RETRIED, marks=LONG),
    ("fused", "in_a_fused_epoch", UNNOTICED),
    pytest.param("fused", "model_written_not_moved", UNNOTICED, marks=LONG),
    pytest.param("fused", "model_moved_not_told", UNNOTICED, marks=LONG),
    pytest.param("fused", "ended_not_told", UNNOTICED, marks=LONG),
    pytest.param("fused", "told_to_forget", UNNOTICED, marks=LONG),
]


@pytest.fixture(scope="module")
def executors(tmp_path_factory):
    """Create one executor of each kind for all studies, as a fork server takes seconds to start."""
    directory = tmp_path_factory.mktemp("workers")
    executors = {name: make(1, directory / name) for name, make in EXECUTORS.items()}
    yield executors
    for each in executors.values():
        each.close()


def begun(directory: Path, factory: str, trials: int) -> StudySpec:
    """Return a study on iris with models of one factory, for which all is made ready."""
    shutil.copy(FACTORIES, directory / "model.py")
    spec = study(
        model={"factory": f"model.py:{factory}", "params": {"n_hidden": 1}},
        space={"n_neurons": {"int": [1, 32]}, "learning_rate": STUDY_SPACE["learning_rate"]},
        search={"backend": "optuna", "trials": trials, "options": {"pruner": PRUNER}},
        training={"epochs": 4},
    )
    prepare(spec, directory, directory / "data")
    return spec


def run(directory: Path, executor, factory: str, trials: int) -> StudyRecord:
    """Run a whole study."""
    spec = begun(directory, factory, trials)
    backend, record = plugins.backend("optuna")(Problem.of(spec, "multiclass")), StudyRecord()
    with Journal(directory / "journal.jsonl") as journal:
        recorder = Recorder(journal, record, MemoryTracker())
        recorder(make.started(spec))
        recorder(make.resumed(trials, executor="process", workers=1))
        answers, jobs = replay(backend, []), Jobs(spec, directory, directory)
        Search(jobs, backend, answers, executor, recorder, Interrupt()).run()
    backend.close()
    return record


def picture(record: StudyRecord) -> list:
    """Return everything that must not depend on whether a worker was killed."""
    keys = ("state", "value", "metrics", "scores", "epochs", "model_path")
    return [
        (trial.trial, [getattr(trial.outcome, key) for key in keys], trial.reports)
        for trial in record.trials.values()
    ]


@pytest.fixture(scope="module")
def unbroken(executors, tmp_path_factory):
    """Run for each executor the study in which no worker is killed."""
    return {
        name: picture(run(tmp_path_factory.mktemp("unbroken"), each, "build", TRIALS[name]))
        for name, each in executors.items()
    }


@pytest.mark.parametrize(("name", "moment", "failures"), MOMENTS)
def test_a_killed_worker_costs_no_trial(tmp_path, executors, unbroken, name, moment, failures):
    """The study and its replay equal, bit for bit, those of undisturbed workers."""
    record = run(tmp_path, executors[name], moment, TRIALS[name])
    assert (tmp_path / "killed").exists(), "somebody was there"
    assert picture(record) == unbroken[name]
    entries = list(read_journal(tmp_path / "journal.jsonl"))
    retried = [entry.event for entry in entries if isinstance(entry.event, Retried)]
    assert [event.error.kind for event in retried] == failures
    assert picture(StudyRecord(entries)) == unbroken[name]
    backend = plugins.backend("optuna")(Problem.of(record.spec, "multiclass"))
    replay(backend, entries)
    backend.close()
    files = [path.name for path in (tmp_path / "models").rglob("*") if path.is_file()]
    assert set(files) <= {"fold-0.npz"}, "nothing half written stays"


@pytest.mark.parametrize("name", ["process", "fused"])
def test_a_worker_killed_while_the_model_is_tried_costs_no_study(tmp_path, executors, name):
    """The model is tried again, once: a kill that happens each time is told."""
    for factory, failure in (("at_first", None), ("each_time", FailureKind.WORKER_KILLED)):
        directory = tmp_path / factory
        directory.mkdir()
        jobs = Jobs(begun(directory, factory, 1), directory, directory)
        checked = run_alone(executors[name], jobs.check(), Interrupt())
        assert getattr(checked.error, "kind", None) == failure
    assert (tmp_path / "at_first" / "killed").exists(), "somebody was there"


@pytest.mark.parametrize("name", ["process", pytest.param("fused", marks=LONG)])
def test_a_trial_that_always_loses_its_worker_is_tried_twice(tmp_path, executors, name):
    """A second SIGKILL is a FAIL, because an out-of-memory kill would recur forever."""
    record = run(tmp_path, executors[name], "always", trials=5)
    odd = [t for t in record.trials.values() if t.trial.suggestion.params["n_neurons"] % 2]
    assert odd
    assert all(trial.state is TrialState.FAIL and trial.retries == 1 for trial in odd)
    assert all("SIGKILL" in trial.outcome.error.message for trial in odd)
    even = [t for t in record.trials.values() if t not in odd]
    assert all(t.state is not TrialState.FAIL and t.retries == 0 for t in even)
