"""Model files that cannot be written or that were lost, with real trainings."""

import subprocess
from dataclasses import replace

import pytest
from faults.disks import as_root, mounted

from searchlab.core.trial import FailureKind, TrialState
from searchlab.data.prepare import prepare
from searchlab.errors import JournalError
from searchlab.executors.inline import InlineExecutor
from searchlab.journal.layout import StudyLayout
from searchlab.testing.bench import PARAMS, Bench, collect
from searchlab.testing.doubles import study
from searchlab.training.checkpoint import load_checkpoint
from searchlab.training.job import FinalJob, TrialJob

pytestmark = pytest.mark.keras

WIDE = {**PARAMS, "n_neurons": 300}  # weights of more than 8 kB


@pytest.fixture(scope="module")
def bench(tmp_path_factory):
    """Create a hold-out study whose best trial's model becomes the study's model."""
    bench = Bench(tmp_path_factory.mktemp("study"))
    bench.spec = study(evaluation={"holdout": 0.25}, training={"epochs": 3, "batch_size": 16})
    prepare(bench.spec, bench.directory, bench.directory / "data")
    return bench


def outcome(bench, kind=TrialJob, **changes):
    """Return the outcome of a job run in this process."""
    executor = InlineExecutor(1, bench.directory)
    keep = {"keep": True} if kind is TrialJob else {}
    executor.submit(bench.job(0, kind=kind, **keep, **changes))
    return collect(executor)[1][0]


def lose(file):
    file.unlink()


def cut(file):
    file.write_bytes(file.read_bytes()[:-100])


def flip(file):
    content = bytearray(file.read_bytes())
    content[content.index(load_checkpoint(file).trainable[0].tobytes())] ^= 0xFF
    file.write_bytes(content)


@pytest.mark.parametrize("damage", [lose, pytest.param(cut, marks=pytest.mark.long), flip])
def test_a_lost_model_of_the_best_trial_is_told(bench, damage):
    """The study's model is the trial's own weights, or none: the trial is to be trained again."""
    trained = outcome(bench)
    assert trained.state is TrialState.COMPLETE
    before = outcome(bench, FinalJob, weights=trained.weights)
    assert before.epochs == 0
    damage(StudyLayout(bench.directory).checkpoint(0, 0))
    assert outcome(bench, FinalJob, weights=trained.weights).error.kind is FailureKind.LOST
    assert outcome(bench).weights == trained.weights
    assert outcome(bench, FinalJob, weights=trained.weights).metrics == before.metrics


@as_root
@pytest.mark.parametrize("fault", ["full", "read-only"])
def test_a_model_that_cannot_be_written_says_what_to_do(bench, tmp_path, fault):
    """The failure has its own type, distinct from training errors, and names file and remedy."""
    models = tmp_path / "models"
    models.mkdir()
    options = ["-t", "tmpfs", "-o", "size=8k", "tmpfs"] if fault == "full" else ["--bind", models]
    with mounted(models, *map(str, options)):
        if fault == "read-only":
            subprocess.run(["mount", "-o", "remount,ro,bind", str(models)], check=True)
        ended = outcome(bench, directory=tmp_path, params=WIDE)
    assert ended.error.kind is FailureKind.STORAGE, ended.error
    reason = {"full": "No space left on device", "read-only": "Read-only file system"}[fault]
    assert f"the model cannot be written ({reason}); make room or give write" in ended.error.message


def test_what_the_loop_raises_is_not_taken_for_the_trainings_error(bench):
    """A journal that cannot be written in mid-epoch raises through the executor unchanged."""

    def decide(report):
        raise JournalError("the disk is full")

    executor = InlineExecutor(1, bench.directory)
    executor.submit(replace(bench.job(), synchronous=True))
    with pytest.raises(JournalError, match="the disk is full"):
        executor.poll(decide, 1)
    assert executor.idle
