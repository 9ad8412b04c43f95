"""Keras Tuner's private parts: an oracle without its tuner."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from itertools import pairwise
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


def first_rung(oracle: Any) -> int:
    """Return how many trials the first rung of Hyperband's first bracket has.

    Touches: `HyperbandOracle._get_size` and `_current_bracket`, seen in Keras Tuner 1.4.8.
    Public: nothing tells the size of a rung.
    Without it: known params could take all places of the rung, and nothing new would be tried.
    """
    return int(oracle._get_size(oracle._current_bracket, 0))


def begin_with(oracle: Any, known: Iterable[Mapping[str, Any]]) -> None:
    """Let an oracle try known params before it draws any.

    Touches: `Oracle._random_values`, which is replaced: all that is new to Hyperband comes from
    there, seen in Keras Tuner 1.4.8.
    Public: `HyperbandOracle` has no way to be given its first params.
    Without it: Hyperband cannot begin with the best trials of other studies.
    """
    first, draw = [dict(each) for each in known], oracle._random_values
    oracle._random_values = lambda: first.pop(0) if first else draw()


def promotable(oracle: Any) -> set[str]:
    """Return the ids of the ended trials that Hyperband can still promote.

    A rung promotes its best, one after the other. A trial that has as many better ones beside it as
    there are places left in the next rung is never one of them, however its other trials end.

    Touches: `HyperbandOracle._brackets` and `_get_size`, seen in Keras Tuner 1.4.8.
    Public: nothing tells what a rung has promoted.
    Without it: the weights of all trials stay on the disk.
    """
    found: set[str] = set()
    for bracket in oracle._brackets:
        number, rungs = bracket["bracket_num"], bracket["rounds"]
        for place, (rung, following) in enumerate(pairwise(rungs), start=1):
            promoted = {each["past_id"] for each in following}
            trials = [oracle.trials[each["id"]] for each in rung if each["id"] not in promoted]
            ended = [trial for trial in trials if trial.status == "COMPLETED"]
            maximized = oracle.objective.direction == "max"
            ended.sort(key=lambda trial: trial.score, reverse=maximized)
            left = max(0, oracle._get_size(number, place) - len(promoted))
            found |= {trial.trial_id for trial in ended[:left]}
    return found


def rung_of(values: Mapping[str, Any]) -> Rung:
    """Return the epochs that the trial with these values is to train.

    Touches: the names of the values that Hyperband adds, seen in Keras Tuner 1.4.8.
    Public: only the oracle's own tuner reads them.
    Without it: trials of all rungs would train alike.
    """
    return Rung(values["tuner/epochs"], values["tuner/initial_epoch"], values.get("tuner/trial_id"))
