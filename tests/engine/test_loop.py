"""The loop with simulated trainings and real backends: budgets, replay, interruption."""

import time
from itertools import count
from unittest.mock import Mock

import pytest
from engine.process import BACKENDS, Process, picture

from searchlab.core.trial import TrialState
from searchlab.errors import ReplayError
from searchlab.journal.events import Asked, Told
from searchlab.journal.journal import read_journal
from searchlab.testing.doubles import TrivialExecutor, bowl, study
from searchlab.tracking.memory import MemoryTracker


@pytest.mark.parametrize("backend", BACKENDS)
def test_a_study_has_exactly_its_trials(tmp_path, backend):
    """Each trial of the budget is asked, run and told once, and the best is known."""
    spec = study(search={"backend": backend, "trials": 12})
    process = Process(tmp_path, spec)
    record = process.run()
    assert process.executor.submitted == list(range(12))
    assert list(record.trials) == list(range(12))
    assert record.unfinished() == []
    complete = [t.outcome for t in record.trials.values() if t.state is TrialState.COMPLETE]
    assert record.best_trial.outcome.value == min(outcome.value for outcome in complete)


@pytest.mark.parametrize("backend", BACKENDS)
def test_a_study_cut_anywhere_resumes_to_the_same_trials(tmp_path, backend):
    """Whatever line the journal ends at, the resumed study has the trials of an unbroken one."""
    spec = study(search={"backend": backend, "trials": 10})
    (tmp_path / "whole").mkdir()
    whole = picture(Process(tmp_path / "whole", spec).run())
    lines = (tmp_path / "whole" / "journal.jsonl").read_bytes().splitlines(keepends=True)
    for cut in range(0, len(lines), 11):
        directory = tmp_path / str(cut)
        directory.mkdir()
        (directory / "journal.jsonl").write_bytes(b"".join(lines[:cut]) + lines[cut][:20])
        process = Process(directory, spec)
        assert picture(process.run()) == whole
        told = sum(b'"event":"Told"' in line for line in lines[:cut])
        assert len(process.executor.submitted) == 10 - told, "no finished trial runs twice"


@pytest.mark.parametrize("backend", BACKENDS)
def test_raising_the_trials_extends_a_study(tmp_path, backend):
    """A study extended from 6 to 12 trials has the trials of one that began with 12."""
    (tmp_path / "a").mkdir()
    (tmp_path / "b").mkdir()
    twelve = study(search={"backend": backend, "trials": 12})
    Process(tmp_path / "a", study(search={"backend": backend, "trials": 6})).run()
    extended = Process(tmp_path / "a", twelve)
    assert picture(extended.run()) == picture(Process(tmp_path / "b", twelve).run())
    assert extended.executor.submitted == [6, 7, 8, 9, 10, 11]


@pytest.mark.parametrize("backend", BACKENDS)
def test_several_trials_run_at_once(tmp_path, backend):
    """With four slots, up to four trials are open at a time, and the budget stays exact."""
    open_now, most = set(), 0

    def value(trial, epoch):
        nonlocal most
        open_now.add(trial.number)
        most = max(most, len(open_now))
        if epoch == trial.suggestion.epochs:
            open_now.discard(trial.number)
        return bowl(trial, epoch)

    spec = study(search={"backend": backend, "trials": 15, "options": {}})
    record = Process(tmp_path, spec, workers=4, value=value).run()
    assert len(record.trials) == 15
    assert record.unfinished() == []
    assert most >= 3


@pytest.mark.parametrize("backend", BACKENDS)
def test_failures_do_not_end_a_study(tmp_path, backend):
    """A trial that raises is a FAIL with its reason, and the others still run."""

    def value(trial, epoch):
        if trial.number % 2 == 0:
            raise ValueError("bad luck")
        return bowl(trial, epoch)

    record = Process(tmp_path, study(search={"backend": backend, "trials": 8}), value=value).run()
    states = [trial.state for trial in record.trials.values()]
    assert states.count(TrialState.FAIL) == 4
    assert record.trials[0].outcome.error.message == "bad luck"
    assert record.best % 2 == 1


def test_an_interrupted_trial_is_run_again(tmp_path):
    """A trial abandoned at an epoch has no outcome; the next process trains it from the start."""
    spec = study(search={"backend": "randomized", "trials": 4})
    first = Process(tmp_path, spec)

    def value(trial, epoch):
        if trial.number == 2 and epoch == 5:
            first.interrupt.requested = True
        return bowl(trial, epoch)

    first.executor = TrivialExecutor(1, value)
    record = first.run()
    assert [trial.state for trial in record.trials.values()] == ["COMPLETE", "COMPLETE", "RUNNING"]
    second = Process(tmp_path, spec)
    record = second.run()
    assert second.executor.submitted == [2, 3]
    assert len(record.trials[2].reports) == 9


def test_the_time_budget_stops_running_trials_at_an_epoch(tmp_path, monkeypatch):
    """When the seconds are used up, no trial begins and running ones end PRUNED."""
    spec = study(
        search={"backend": "optuna", "seconds": 20, "options": {"pruner": "none"}},
        training={"epochs": 1000},
    )
    clock = count()
    ticking = Mock(wraps=time, monotonic=lambda: next(clock))  # a second each time it is read
    monkeypatch.setattr("searchlab.engine.loop.time", ticking)
    record = Process(tmp_path, spec, workers=2).run()
    assert [trial.state for trial in record.trials.values()] == ["PRUNED", "PRUNED"]
    assert all(0 < len(trial.reports) < 20 for trial in record.trials.values())


@pytest.mark.parametrize(("folds", "state"), [(None, "COMPLETE"), (2, "PRUNED")])
def test_a_trial_that_has_trained_all_is_complete_after_the_time_budget(
    tmp_path, monkeypatch, folds, state
):
    """If the seconds end in a training's last epoch, there is nothing to stop but other folds."""
    spec = study(
        search={"backend": "optuna", "seconds": 20, "options": {"pruner": "none"}},
        training={"epochs": 3},
        evaluation={"folds": folds} if folds else {"holdout": 0.2},
    )
    passed = [0.0]

    def value(trial, epoch):
        passed[0] += 30.0 * (epoch == 3)
        return bowl(trial, epoch)

    ticking = Mock(wraps=time, monotonic=lambda: passed[0])
    monkeypatch.setattr("searchlab.engine.loop.time", ticking)
    record = Process(tmp_path, spec, value=value).run()
    assert [(trial.state, trial.epochs) for trial in record.trials.values()] == [(state, 3)]


def test_a_backend_that_disagrees_with_its_journal_is_refused(tmp_path):
    """If the library now suggests something else, resuming is an error."""
    spec = study(search={"backend": "optuna", "trials": 4})
    Process(tmp_path, spec).run()
    other = study(search={"backend": "optuna", "trials": 5, "seed": 43})
    with pytest.raises(ReplayError, match=r"trial 0: the journal holds .* but the backend now"):
        Process(tmp_path, other).run()


def test_the_journal_is_ahead_of_everything_else(tmp_path):
    """Trackers and the executor learn only of events that are already in the journal on disk."""
    spec = study(search={"backend": "optuna", "trials": 3})
    process = Process(tmp_path, spec)
    seen = []

    class Watching(MemoryTracker):
        def record(self, entry):
            seen.append(entry in list(read_journal(tmp_path / "journal.jsonl")))
            super().record(entry)

    process.tracker = Watching()
    process.run()
    assert all(seen)
    kinds = [type(entry.event) for entry in process.tracker.entries]
    assert kinds.count(Asked) == kinds.count(Told) == 3
