"""Simulated workers, which look like real ones to a real driver."""

import pytest
from benchmarks.scaling import driver, stores
from benchmarks.scaling.driver import Load, curve, epochs, hold, middle_rate

from searchlab.backends.base import Problem
from searchlab.core.trial import TrialState
from searchlab.engine import plugins
from searchlab.journal.journal import read_journal
from searchlab.journal.record import StudyRecord
from searchlab.tracking.base import Trackers

RANDOM = {"backend": "optuna", "options": {"sampler": "random", "pruner": "none"}}
WAITING = {
    "backend": "optuna",
    "options": {"sampler": "random", "pruner": {"name": "threshold", "lower": -1}},
}
"""Options that stop no trial although each epoch waits for a decision."""


def record(directory) -> StudyRecord:
    return StudyRecord(read_journal(directory / "journal.jsonl"))


@pytest.mark.parametrize("search", [RANDOM, WAITING])
def test_a_simulated_study_is_the_study(tmp_path, search):
    """Three workers train each trial that the backend asks for to the expected values."""
    load = Load(3, 12, 0.002, search)
    held = hold(load, tmp_path, Trackers([]))
    trials = record(tmp_path).trials
    backend = plugins.backend("optuna")(Problem.of(load.spec, "regression"))
    assert [trial.trial.suggestion for trial in trials.values()] == [
        backend.ask(number) for number in range(12)
    ]
    for trial in trials.values():
        last = epochs(trial.trial)
        assert trial.outcome.state is TrialState.COMPLETE
        assert [report.epoch for report in trial.reports] == list(range(1, last + 1))
        assert trial.outcome.value == curve(trial.trial, last)["val_loss"]
    assert held.epochs == pytest.approx(sum(epochs(each.trial) for each in trials.values()) / 12)
    assert held.ideal == pytest.approx(3 / (0.002 * held.epochs))


def test_only_the_best_model_is_left(tmp_path):
    """Files of simulated trainings are deleted as in any study."""
    hold(Load(3, 12, 0.001, RANDOM), tmp_path, Trackers([]))
    assert [path.name for path in (tmp_path / "models").iterdir()] == [str(record(tmp_path).best)]


def test_simulated_workers_that_fail_end_the_search(tmp_path, monkeypatch):
    """The driver is told why, and does not wait for what nobody says any more."""

    def broken(trial, epoch):
        raise LookupError(f"epoch {epoch}")

    monkeypatch.setattr(driver, "curve", broken)
    with pytest.raises(RuntimeError, match="simulated workers failed: LookupError"):
        hold(Load(3, 12, 0.002, RANDOM), tmp_path, Trackers([]))


def test_the_rate_is_that_of_the_middle_of_a_search():
    """Ten events per second are ten, however slowly they start and end."""
    times = [0.0, *(2.0 + n / 10 for n in range(60)), 10.0]
    assert middle_rate(times) == pytest.approx(10.0, rel=0.02)


def test_a_store_is_asked_how_many_trials_have_come(tmp_path):
    """The missing trials at the end of the search and those present then add up to all."""
    (tmp_path / "study").mkdir()
    with stores.sqlite(tmp_path) as store:
        _, kept = stores.follow(Load(3, 12, 0.002, RANDOM), tmp_path / "study", store)
        assert store.ended() == 12
    assert 0 <= kept.behind <= 12
    assert kept.after > 0
