"""Canaries: what searchlab touches of Keras Tuner works as it should, and is needed."""

import pytest

from searchlab.private import keras_tuner as private

pytestmark = pytest.mark.keras


@pytest.fixture
def oracle():
    """Hyperband's, as the backend has it; it may not write."""
    import keras_tuner

    space = keras_tuner.HyperParameters()
    space.Int("n", 1, 1000)
    oracle = keras_tuner.oracles.HyperbandOracle(
        keras_tuner.Objective("val_loss", "min"),
        max_epochs=9,
        factor=3,
        hyperband_iterations=1,
        seed=1,
        hyperparameters=space,
        tune_new_entries=False,
        allow_new_entries=False,
    )
    oracle.verbose = 0
    return oracle


def test_keep_in_memory(oracle):
    """An oracle without a directory can be asked and told; else it fails at its first trial."""
    with pytest.raises(Exception):  # noqa: B017, PT011 - whatever a path of None leads to
        oracle.create_trial("a")
    private.keep_in_memory(oracle)
    trial = oracle.create_trial("b")
    oracle.update_trial(trial.trial_id, {"val_loss": 1.0})
    trial.status = "COMPLETED"
    oracle.end_trial(trial)


def test_random_state_and_restore_random_state(oracle):
    """Each draw moves the state, and the same state gives the same params."""
    private.keep_in_memory(oracle)
    state = private.random_state(oracle)
    first = oracle._random_values()
    assert private.random_state(oracle) != state
    private.restore_random_state(oracle, state)
    assert oracle._random_values() == first
    assert not hasattr(oracle, "seed_state")


def test_rung_size(oracle):
    """As many trials are new before the oracle waits for outcomes, bracket by bracket."""
    private.keep_in_memory(oracle)
    size = private.rung_size(oracle, 2, 0)
    values = [oracle.create_trial(str(n)).hyperparameters.values for n in range(size + 1)]
    brackets = [each["tuner/bracket"] for each in values]
    assert brackets == [2] * size + [1]
    assert private.rung_size(oracle, 2, 1) < size
    assert not hasattr(oracle, "get_size")


def test_place_of(oracle):
    """New trials are in the first rung, one behind the other; a promoted one is above it."""
    private.keep_in_memory(oracle)
    size = private.rung_size(oracle, 2, 0)
    for number in range(size):
        trial = oracle.create_trial(str(number))
        assert private.place_of(oracle, trial.trial_id) == private.Place(2, "0000", 0, None)
        oracle.update_trial(trial.trial_id, {"val_loss": float(number)})
        trial.status = "COMPLETED"
        oracle.end_trial(trial)
    promoted = oracle.create_trial("next")
    assert private.place_of(oracle, promoted.trial_id) == private.Place(2, "0000", 1, "0000")
    with pytest.raises(LookupError):
        private.place_of(oracle, "other")
    assert not hasattr(oracle, "place_of")


def test_begin_with(oracle):
    """The first trials have the known params, the next ones what is drawn, as if it were first."""
    private.keep_in_memory(oracle)
    state = private.random_state(oracle)
    drawn = oracle._random_values()["n"]
    private.restore_random_state(oracle, state)
    private.begin_with(oracle, [{"n": 1001}, {"n": 1002}])
    values = [oracle.create_trial(str(n)).hyperparameters.values["n"] for n in range(3)]
    assert values == [1001, 1002, drawn]


def test_count_no_failures(oracle):
    """Three failures in a row end a search, and none does once they are not counted."""
    private.keep_in_memory(oracle)

    def fail(count):
        for _ in range(count):
            trial = oracle.create_trial(f"{len(oracle.trials)}")
            trial.status = "FAILED"
            oracle.end_trial(trial)

    fail(2)
    with pytest.raises(RuntimeError, match="consecutive failures"):
        fail(1)
    private.count_no_failures(oracle)
    fail(3)


def test_add_trial(oracle):
    """A trial that was added has the id, values and hash that the oracle would have given it."""
    private.keep_in_memory(oracle)
    state = private.random_state(oracle)
    drawn = oracle.create_trial("a")
    values = {"n": drawn.hyperparameters.values["n"]}
    tried = set(oracle._tried_so_far)
    oracle.trials.clear()
    oracle._tried_so_far.clear()
    added = private.add_trial(oracle, 0, values, needed=True)
    assert (added.trial_id, added.status) == (drawn.trial_id, "RUNNING")
    assert added.hyperparameters.values == values
    assert oracle.trials == {drawn.trial_id: added}
    assert oracle._tried_so_far == tried
    private.restore_random_state(oracle, state)
    assert oracle.create_trial("b").hyperparameters.values["n"] != values["n"]
    light = private.add_trial(oracle, 1, values, needed=False)
    assert light.hyperparameters is oracle.hyperparameters
    assert not hasattr(oracle, "add_trial")


def test_rung_of(oracle):
    """A new trial begins at the start; a promoted one continues another to a later epoch."""
    private.keep_in_memory(oracle)
    rungs, ids = [], []
    for number in range(private.rung_size(oracle, 2, 0)):
        trial = oracle.create_trial(str(number))
        ids.append(trial.trial_id)
        rungs.append(private.rung_of(trial.hyperparameters.values))
        oracle.update_trial(trial.trial_id, {"val_loss": float(number)})
        trial.status = "COMPLETED"
        oracle.end_trial(trial)
    promoted = private.rung_of(oracle.create_trial("next").hyperparameters.values)
    assert {(each.initial_epoch, each.trial_id) for each in rungs} == {(0, None)}
    assert promoted.trial_id == ids[0]
    assert promoted.initial_epoch == rungs[0].epochs < promoted.epochs
