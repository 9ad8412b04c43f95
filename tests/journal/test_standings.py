"""The winner among the trials: derived from the record by the scores with fresh seeds."""

import math

import pytest

from searchlab.core.state import StudyState
from searchlab.core.trial import Report
from searchlab.journal.events import (
    Reported,
    Stopped,
)
from searchlab.journal.standings import (
    best_epochs,
    best_trials,
    epochs_of,
    fresh_seeds,
    missing,
    standing_of,
    standings,
    winner,
)
from searchlab.study.ending import Ending
from searchlab.testing import entries as make
from searchlab.testing.doubles import study

TOP_TWO = Ending(top=2, seeds=2)


def record_of(values, *events, ending=TOP_TWO, same=(), **changes):
    """Return a study whose trials have these values (None: FAIL), followed by more events.

    The trials in `same` have the params of trial 0.
    """
    spec = study(search={"trials": len(values), "seed": 7}, **changes)
    found = [make.started(spec), make.resumed(len(values), ending=ending)]
    for number, value in enumerate(values):
        params = {"n_hidden": 0 if number in same else number}
        state = "FAIL" if value is None else "COMPLETE"
        found += [make.asked(number, params, epochs=9), make.told(number, state, value)]
    return make.record(*found, *events)


def confirmed(number, *values, epochs=(5,)):
    """Return a trial's confirmations with seeds 8, 9, ...; None: FAIL."""
    return [make.confirmed(number, 8 + n, value, epochs) for n, value in enumerate(values)]


def test_the_best_trials_are_complete_and_distinct():
    """Failed trials, trials outside the given set and repeated params are not among them."""
    record = record_of([3.0, None, 1.0, 2.0, 0.5], same=(0, 4))
    assert [trial.trial.number for trial in best_trials(record, 2)] == [4, 2]
    assert [trial.trial.number for trial in best_trials(record, 9)] == [4, 2, 3]
    assert [trial.trial.number for trial in best_trials(record, 2, {0, 1, 3, 8})] == [3, 0]
    higher = record_of([3.0, 1.0, 2.0], objective={"metric": "val_accuracy"})
    assert [trial.trial.number for trial in best_trials(higher, 2)] == [0, 2]


def test_what_is_missing_is_each_candidate_with_each_fresh_seed():
    """Fresh seeds differ from the study's, and a training in the journal is not due again."""
    record = record_of([1.0, 2.0, 3.0], *confirmed(0, 1.1))
    assert fresh_seeds(record) == [8, 9]
    assert [(trial.trial.number, seed) for trial, seed in missing(record)] == [
        (0, 9),
        (1, 8),
        (1, 9),
    ]
    assert standings(record) == [], "there is no order before all are known"
    assert list(missing(record_of([1.0], ending=Ending(top=0, seeds=3)))) == []


def test_the_largest_seed_is_followed_by_the_first():
    """Seeds stay within the valid range of a study's seed."""
    spec = study(search={"trials": 1, "seed": 2**31 - 1})
    record = make.record(make.started(spec), make.resumed(1, ending=TOP_TWO))
    assert fresh_seeds(record) == [1, 2]


def test_a_lucky_trial_loses_to_a_better_mean():
    """The winner has the best mean over the fresh seeds, whatever its score in the search."""
    record = record_of([1.0, 2.0, 3.0], *confirmed(0, 5.0, 7.0), *confirmed(1, 2.0, 4.0))
    first, second = standings(record)
    assert (first.number, first.search, first.scores) == (1, 2.0, (2.0, 4.0))
    assert first.mean == 3.0
    assert first.spread == pytest.approx(math.sqrt(2))
    assert (second.number, second.mean) == (0, 6.0)
    assert winner(record).trial.number == 1
    assert record.best == 0


def test_a_trial_that_fails_with_a_seed_is_behind_one_that_does_not():
    """However good its other scores are; a trial that only fails cannot win."""
    record = record_of([1.0, 2.0], *confirmed(0, 0.1, None), *confirmed(1, 9.0, 9.0))
    assert [each.number for each in standings(record)] == [1, 0]
    hopeless = record_of([1.0, 2.0], *confirmed(0, None, None), *confirmed(1, None, None))
    assert winner(hopeless).trial.number == 0, "as nothing is confirmed, the search decides"
    assert standings(hopeless)[0].mean is None


def test_the_standing_of_the_studys_model_is_that_of_its_trial():
    """It is known once the study has a model, and belongs to the trial of that model."""
    events = [*confirmed(0, 5.0, 7.0), *confirmed(1, 2.0, 4.0)]
    assert standing_of(record_of([1.0, 2.0], *events)) is None
    stopped = Stopped(StudyState.FINISHED, 1.0, best=0, winner=1)
    assert standing_of(record_of([1.0, 2.0], *events, stopped)).mean == 3.0


def reports(fold, *losses, first=1):
    return [Report(0, fold, epoch, {"val_loss": loss}) for epoch, loss in enumerate(losses, first)]


def test_the_best_epoch_is_early_stoppings():
    """It has its fold's lowest monitored value, never NaN; without early stopping the last."""
    folds = [*reports(0, 3.0, 1.0, 2.0, 2.5), *reports(1, 2.0, math.nan, 1.0)]
    assert best_epochs(folds, study()) == (2, 3)
    assert best_epochs(folds, study(training={"early_stopping": None})) == (4, 3)
    promoted = reports(0, 3.0, 1.0, 2.0, first=4)
    assert best_epochs(promoted, study()) == (5,), "epochs count from the trial's beginning"
    accuracy = {"early_stopping": {"monitor": "val_accuracy"}}
    rising = [Report(0, 0, each, {"val_accuracy": each % 4}) for each in (1, 2, 3, 4)]
    assert best_epochs(rising, study(training=accuracy)) == (3,)
    named = [Report(0, 0, each, {"val_x": each % 4}) for each in (1, 2, 3, 4)]
    for way, best in (("maximize", 3), ("minimize", 4)):
        own = {"early_stopping": {"monitor": "val_x", "direction": way}}
        assert best_epochs(named, study(training=own)) == (best,)
        own, objective = {"early_stopping": {"monitor": "val_x"}}, {"metric": "val_x"}
        spec = study(training=own, objective={**objective, "direction": way})
        assert best_epochs(named, spec) == (best,), "the objective's direction"


def test_the_refit_takes_the_median_of_the_best_epochs():
    """It comes from the trainings that confirmed the winner, or from the search if none did."""
    events = [*confirmed(0, 1.0, 1.0, epochs=(4, 6)), *confirmed(1, 2.0, 2.0, epochs=(90, 90))]
    record = record_of([1.0, 2.0], *events)
    assert epochs_of(record.trials[0], record) == 5
    spec = study(search={"trials": 1, "seed": 7})
    searched = [make.started(spec), make.resumed(1), make.asked(0, {}, epochs=9)]
    searched += [Reported(report) for report in reports(0, 3.0, 1.0, 2.0)]
    record = make.record(*searched, make.told(0, value=1.0))
    assert epochs_of(record.trials[0], record) == 2
