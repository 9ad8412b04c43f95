"""Keras Tuner's private parts: an oracle without its tuner."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple


class Rung(NamedTuple):
    """The epochs that a trial of Hyperband trains.

    Attributes:
        epochs: the number of its last epoch.
        initial_epoch: the number of epochs of the trial that it continues.
        trial_id: the trial whose weights it continues, or None.
    """

    epochs: int
    initial_epoch: int
    trial_id: str | None


class Place(NamedTuple):
    """The place of a trial in Hyperband's brackets.

    Attributes:
        bracket: the number of the bracket, which has as many rungs above its first.
        first: the trial with which the bracket began.
        rung: the number of the rung, from 0.
        source: the trial that this one was promoted from, or None.
    """

    bracket: int
    first: str
    rung: int
    source: str | None


def random_state(oracle: Any) -> int:
    """Return what an oracle draws its next params from.

    Touches: `Oracle._seed_state`, seen in Keras Tuner 1.4.8.
    Public: `Oracle.get_state` copies all trials.
    Without it: how often a search waits, which depends on time, decides on what it draws.
    """
    return oracle._seed_state  # type: ignore[no-any-return]


def restore_random_state(oracle: Any, state: int) -> None:
    """Let an oracle draw again what it drew after `random_state`.

    Touches: `Oracle._seed_state`, seen in Keras Tuner 1.4.8.
    Public: `Oracle.set_state` makes all trials anew.
    Without it: see `random_state`.
    """
    oracle._seed_state = state


def keep_in_memory(oracle: Any) -> None:
    """Let an oracle write no files.

    Touches: `Oracle.save` and `Oracle._save_trial`, which are replaced, seen in Keras Tuner 1.4.8.
    Public: an oracle writes after each trial, into a directory that only a tuner can set.
    Without it: the first trial ends in an error, as there is no such directory.
    """
    oracle.save = lambda: None
    oracle._save_trial = lambda trial: None  # noqa: ARG005 - the signature is Keras Tuner's


def count_no_failures(oracle: Any) -> None:
    """Let an oracle not look for failed trials in a row: none is told as failed.

    Touches: `Oracle._check_consecutive_failures`, which is replaced, seen in Keras Tuner 1.4.8.
    Public: `max_consecutive_failed_trials` bounds them, and nothing ends the looking.
    Without it: each outcome costs a look at all trials so far.
    """
    oracle._check_consecutive_failures = lambda: None


def add_trial(oracle: Any, number: int, values: Mapping[str, Any], *, needed: bool) -> Any:
    """Give an oracle a trial of another one's that has these values, and return it.

    Touches: the form of ids in `Oracle.create_trial`, and `Oracle._compute_values_hash` and
    `_tried_so_far`, seen in Keras Tuner 1.4.8.
    Public: an oracle loads the trials of another one from files only.
    Without it: a search is resumed by asking for all of its trials again.

    Args:
        oracle: with the trials before it.
        number: of the trial, from 0.
        values: the params that the trial was begun with.
        needed: whether the oracle still looks at it; one that it does not takes less memory.
    """
    from keras_tuner.engine.trial import Trial

    hyperparameters = oracle.hyperparameters
    if needed:
        hyperparameters = hyperparameters.copy()
        hyperparameters.values = dict(values)
    trial = Trial(hyperparameters, f"{number:0{len(str(oracle.max_trials))}d}")
    oracle.trials[trial.trial_id] = trial
    oracle._tried_so_far.add(oracle._compute_values_hash(values))
    return trial


def rung_size(oracle: Any, bracket: int, rung: int) -> int:
    """Return how many trials a rung of a bracket of Hyperband has.

    Touches: `HyperbandOracle._get_size`, seen in Keras Tuner 1.4.8.
    Public: nothing tells the size of a rung.
    Without it: known params could take all places of the rung, and nothing new would be tried; and
    the weights of all trials stay on the disk.
    """
    return int(oracle._get_size(bracket, rung))


def place_of(oracle: Any, trial_id: str) -> Place:
    """Return the place of the newest trial in the brackets of Hyperband.

    Touches: `HyperbandOracle._brackets`, seen in Keras Tuner 1.4.8.
    Public: `HyperbandOracle.get_state` has the brackets beside lists of all trials.
    Without it: see `rung_size`.
    """
    for bracket in oracle._brackets:
        for number, rung in enumerate(bracket["rounds"]):
            if rung and rung[-1]["id"] == trial_id:
                first = bracket["rounds"][0][0]["id"]
                return Place(bracket["bracket_num"], first, number, rung[-1]["past_id"])
    raise LookupError(f"trial {trial_id} is in no open bracket")


def begin_with(oracle: Any, first: list[dict[str, Any]]) -> None:
    """Let an oracle try known params, which it takes from the list, before it draws any.

    Touches: `Oracle._random_values`, which is replaced: all that is new to Hyperband comes from
    there, seen in Keras Tuner 1.4.8.
    Public: `HyperbandOracle` has no way to be given its first params.
    Without it: Hyperband cannot begin with the best trials of other studies.
    """
    draw = oracle._random_values
    oracle._random_values = lambda: first.pop(0) if first else draw()


def rung_of(values: Mapping[str, Any]) -> Rung:
    """Return the epochs that the trial with these values is to train.

    Touches: the names of the values that Hyperband adds, seen in Keras Tuner 1.4.8.
    Public: only the oracle's own tuner reads them.
    Without it: trials of all rungs would train alike.
    """
    return Rung(values["tuner/epochs"], values["tuner/initial_epoch"], values.get("tuner/trial_id"))
