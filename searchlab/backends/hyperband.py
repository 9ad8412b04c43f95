"""Keras Tuner's Hyperband as a backend: the real `HyperbandOracle`, without its tuner.

The oracle is asked for its next trial and told each outcome, as `keras_tuner.Hyperband` does
around its own trainings. It writes no files: a stopped study is rebuilt from its journal.

Hyperband: Li et al., "A Novel Bandit-Based Approach to Hyperparameter Optimization", Journal of
Machine Learning Research 18 (2018), https://jmlr.org/papers/v18/16-558.html.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from typing import Annotated, Any, ClassVar

from pydantic import Field

from searchlab.backends import base
from searchlab.backends.rungs import Rungs
from searchlab.core.codec import decode, encode
from searchlab.core.domains import Choice, Domain, Int, Scalar, When
from searchlab.core.quiet import quiet
from searchlab.core.space import SearchSpace
from searchlab.core.trial import Decision, Outcome, Report, Suggestion, TrialState
from searchlab.private.keras_tuner import (
    add_trial,
    begin_with,
    count_no_failures,
    keep_in_memory,
    place_of,
    random_state,
    restore_random_state,
    rung_of,
    rung_size,
)

_SHARE = 3
"""At most one in so many trials of the first rung has known params."""


class HyperbandOptions(base.Options):
    """The options of Hyperband.

    Attributes:
        factor: one in `factor` trials of a rung is promoted, to `factor` times the epochs.
        hyperband_iterations: the number of passes through all brackets; by default as many as
            `search.trials` allows, or one if that is not given.
    """

    factor: Annotated[int, Field(ge=2)] = 3
    hyperband_iterations: Annotated[int, Field(ge=1)] | None = None


@dataclass(frozen=True)
class _Place:
    """A trial in a rung, and the one that it was promoted from, by their numbers."""

    number: int
    source: int | None


@dataclass(frozen=True)
class _Bracket:
    """A bracket that has not filled its last rung; the oracle counts brackets downwards."""

    number: int
    rungs: tuple[tuple[_Place, ...], ...]


@dataclass(frozen=True)
class _Kept:
    """The state of an oracle beside its trials.

    Attributes:
        draws: from where it draws the next params.
        iteration: its pass through all brackets.
        bracket: the number of the latest bracket.
        brackets: the open ones.
        known: how many known params it has not tried yet.
    """

    draws: int
    iteration: int
    bracket: int
    brackets: tuple[_Bracket, ...]
    known: int


class HyperbandBackend:
    """Brackets of successive halving by Keras Tuner's oracle.

    The first trials of the first bracket, up to a third of its first rung, have the best known
    params. The others are drawn as if they were the first.
    """

    Options: ClassVar[type[base.Options]] = HyperbandOptions
    prunes: bool = False
    sets_epochs: ClassVar[bool] = True
    resumes_weights: ClassVar[bool] = True
    at_once: int | None = None  # promotions wait for a whole rung, all else is drawn blindly
    needs_trials: ClassVar[bool] = False
    tries_known: ClassVar[bool] = True

    def __init__(self, problem: base.Problem) -> None:
        self._problem = problem
        self._oracle = _oracle(problem, HyperbandOptions.model_validate(dict(problem.options)))
        self._known = _known(self._oracle, problem)
        begin_with(self._oracle, self._known)
        self._running: dict[int, Any] = {}
        self._numbers: dict[str, int] = {}
        self._without_weights: set[int] = set()
        self._rungs = Rungs()

    def ask(self, number: int) -> Suggestion | None:
        """Return the next trial of a rung; None while rungs wait for outcomes or all are done."""
        # How often a search waits depends on time, so the answer "wait" must leave no trace:
        # the oracle draws random params even if it then finds no new ones.
        state = random_state(self._oracle)
        trial = self._oracle.create_trial(_asker(number))
        if trial.status != "RUNNING":
            restore_random_state(self._oracle, state)
            return None
        self._running[number] = trial
        self._numbers[trial.trial_id] = number
        place = place_of(self._oracle, trial.trial_id)
        source = None if place.source is None else self._numbers[place.source]
        self._begin(number, (place.bracket, self._numbers[place.first], place.rung), source)
        return self._suggestion(trial.hyperparameters.values)

    def report(self, report: Report) -> Decision:  # noqa: ARG002 - Hyperband looks at outcomes
        """Return CONTINUE, as Hyperband stops a trial by not promoting it."""
        return Decision.CONTINUE

    def tell(self, outcome: Outcome) -> None:
        """Take the outcome of a trial.

        A failed or pruned trial counts as completed with the worst possible value. Keras Tuner
        1.4.8 drops failed trials from their rung, which then never promotes enough trials for the
        bracket's last rung.
        """
        trial, score = self._running.pop(outcome.number), self._score(outcome)
        self._rungs.end(outcome.number, self._cost(score))
        self._oracle.update_trial(trial.trial_id, {self._problem.metric: score})
        trial.status = "COMPLETED"
        self._oracle.end_trial(trial)

    def continuable(self) -> set[int]:
        """Return the trials that can still be promoted with their weights."""
        return self._rungs.promotable() - self._without_weights

    def snapshot(self) -> Mapping[str, Any]:
        """Return the brackets that are open, and where the oracle's draws are."""
        state = self._oracle.get_state()
        return encode(
            _Kept(
                state["seed_state"],
                state["current_iteration"],
                state["current_bracket"],
                tuple(map(self._bracket, state["brackets"])),
                len(self._known),
            )
        )

    def restore(self, past: Sequence[base.Past], kept: Mapping[str, Any]) -> None:
        """Give the oracle the trials, and the brackets as they were.

        Raises:
            ValueError: if the state is of another search.
        """
        state = decode(_Kept, kept)
        places = [each for bracket in state.brackets for rung in bracket.rungs for each in rung]
        placed = {place.number for place in places}
        used = placed | {place.source for place in places if place.source is not None}
        if [each.number for each in past] != list(range(len(past))) or not used <= {
            *range(len(past))
        }:
            raise ValueError("the snapshot is of other trials")
        if not 0 <= state.known <= len(self._known):
            raise ValueError("the snapshot is of another search")
        del self._known[: len(self._known) - state.known]
        for each in past:
            self._take(each, needed=each.number in placed)
        self._fill(state.brackets, past)
        names = {number: name for name, number in self._numbers.items()}
        ongoing = {_asker(number): trial.trial_id for number, trial in self._running.items()}
        self._oracle.set_state(
            {
                **self._oracle.get_state(),
                "ongoing_trials": ongoing,
                "seed_state": state.draws,
                "current_iteration": state.iteration,
                "current_bracket": state.bracket,
                "brackets": [_stored_bracket(each, names) for each in state.brackets],
            }
        )

    def close(self) -> None:
        """Do nothing, as the oracle lives in memory."""

    def _begin(self, number: int, rung: tuple[int, int, int], source: int | None) -> None:
        """Note where a trial is: the bracket's number and first trial, and the rung in it."""
        bracket, first, place = rung
        places = rung_size(self._oracle, bracket, place + 1) if place < bracket else 0
        self._rungs.begin(number, (first, place), places, source)

    def _cost(self, score: float) -> float:
        return -score if self._problem.maximize else score

    def _bracket(self, stored: Mapping[str, Any]) -> _Bracket:
        """Return a bracket of the oracle's with numbers in place of its ids."""
        numbers = self._numbers
        return _Bracket(
            stored["bracket_num"],
            tuple(
                tuple(_Place(numbers[one["id"]], numbers.get(one["past_id"])) for one in rung)
                for rung in stored["rounds"]
            ),
        )

    def _fill(self, brackets: Sequence[_Bracket], past: Sequence[base.Past]) -> None:
        """Fill the rungs of open brackets from below, as trials are promoted from ended ones."""
        for bracket in brackets:
            for place, rung in enumerate(bracket.rungs):
                for each in rung:
                    key = (bracket.number, bracket.rungs[0][0].number, place)
                    self._begin(each.number, key, each.source)
                    if (outcome := past[each.number].outcome) is not None:
                        self._rungs.end(each.number, self._cost(self._score(outcome)))

    def _take(self, past: base.Past, *, needed: bool) -> None:
        """Give the oracle a trial of another backend's."""
        number, outcome, space = past.number, past.outcome, self._problem.space
        params = past.suggestion.params.items()
        values = {name: _stored(space.domains[name], value) for name, value in params}
        trial = add_trial(self._oracle, number, values, needed=needed or outcome is None)
        self._numbers[trial.trial_id] = number
        if outcome is None:
            self._running[number] = trial
            return
        trial.status, trial.score = "COMPLETED", self._score(outcome)

    def _score(self, outcome: Outcome) -> float:
        """Return the value of an outcome to the oracle; one without a value has no weights."""
        if outcome.state is TrialState.COMPLETE and outcome.value is not None:
            return outcome.value
        self._without_weights.add(outcome.number)
        return -math.inf if self._problem.maximize else math.inf

    def _suggestion(self, values: Mapping[str, Any]) -> Suggestion:
        space = self._problem.space
        params = space.active(
            {name: _value(domain, values[name]) for name, domain in space if name in values}
        )
        rung = rung_of(values)
        resume_from = None if rung.trial_id is None else self._numbers[rung.trial_id]
        if resume_from is None or resume_from in self._without_weights:
            return Suggestion(params, rung.epochs)
        return Suggestion(params, rung.epochs, rung.initial_epoch, resume_from)


def _oracle(problem: base.Problem, options: HyperbandOptions) -> Any:
    with quiet():
        import keras_tuner  # imports TensorFlow

    iterations = options.hyperband_iterations
    if iterations is None and problem.trials is None:
        iterations = 1
    oracle = keras_tuner.oracles.HyperbandOracle(
        keras_tuner.Objective(problem.metric, "max" if problem.maximize else "min"),
        max_epochs=problem.epochs,
        factor=options.factor,
        hyperband_iterations=iterations,
        seed=problem.seed,
        hyperparameters=_hyperparameters(problem.space),
        tune_new_entries=False,
        allow_new_entries=False,
    )
    oracle.verbose = 0
    keep_in_memory(oracle)
    count_no_failures(oracle)
    return oracle


def _known(oracle: Any, problem: base.Problem) -> list[dict[str, Any]]:
    """Return the known params that an oracle tries before it draws any, as it stores them."""
    bracket = oracle.get_state()["current_bracket"]
    most, space = max(1, rung_size(oracle, bracket, 0) // _SHARE), problem.space
    return [
        {name: _stored(space.domains[name], value) for name, value in each.params.items()}
        for each in problem.known[:most]
    ]


def _asker(number: int) -> str:
    """Return the name under which the oracle is asked for a trial, one for each."""
    return f"searchlab-{number}"


def _stored_bracket(bracket: _Bracket, ids: Mapping[int, str]) -> dict[str, Any]:
    """Return a bracket as the oracle has it."""
    return {
        "bracket_num": bracket.number,
        "rounds": [
            [
                {
                    "past_id": None if place.source is None else ids[place.source],
                    "id": ids[place.number],
                }
                for place in rung
            ]
            for rung in bracket.rungs
        ],
    }


def _hyperparameters(space: SearchSpace) -> Any:
    import keras_tuner  # imports TensorFlow

    hyperparameters = keras_tuner.HyperParameters()
    for name, domain in space:
        with ExitStack() as scopes:
            for condition in _conditions(space, domain):
                parent = space.domains[condition.param]
                values = [_stored(parent, value) for value in condition.values]
                scopes.enter_context(hyperparameters.conditional_scope(condition.param, values))
            _declare(hyperparameters, name, domain)
    return hyperparameters


def _conditions(space: SearchSpace, domain: Domain) -> list[When]:
    """Return all conditions of a param, outermost first, as Keras Tuner nests them."""
    if domain.when is None:
        return []
    return [*_conditions(space, space.domains[domain.when.param]), domain.when]


def _declare(hyperparameters: Any, name: str, domain: Domain) -> None:
    if isinstance(domain, Choice):
        hyperparameters.Choice(name, list(range(len(domain.values))))
        return
    kind = hyperparameters.Int if isinstance(domain, Int) else hyperparameters.Float
    kind(
        name,
        domain.low,
        domain.high,
        step=None if domain.log else domain.step,
        sampling="log" if domain.log else "linear",
    )


def _stored(domain: Domain, value: Scalar) -> Scalar:
    """Return a value as the oracle stores it.

    Keras Tuner's choices must be of one type and not None, so the oracle has their positions,
    which it draws as it would draw the values.
    """
    return domain.index(value) if isinstance(domain, Choice) else value


def _value(domain: Domain, stored: Any) -> Scalar:
    """Return the value for what the oracle stores."""
    if isinstance(domain, Choice):
        return domain.values[int(stored)]
    return int(stored) if isinstance(domain, Int) else float(stored)
