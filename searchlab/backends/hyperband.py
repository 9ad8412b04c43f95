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
from typing import Annotated, Any, ClassVar

from pydantic import Field

from searchlab.backends import base
from searchlab.core.quiet import quiet
from searchlab.core.space import Choice, Domain, Int, Scalar, SearchSpace, When
from searchlab.core.trial import Decision, Known, Outcome, Report, Suggestion, TrialState
from searchlab.private.keras_tuner import (
    begin_with,
    first_rung,
    keep_in_memory,
    promotable,
    random_state,
    restore_random_state,
    rung_of,
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
    most_points: ClassVar[int | None] = None
    tries_known: ClassVar[bool] = True

    def __init__(self, problem: base.Problem) -> None:
        self._problem = problem
        self._oracle = _oracle(problem, HyperbandOptions.model_validate(dict(problem.options)))
        self._running: dict[int, Any] = {}
        self._numbers: dict[str, int] = {}
        self._without_weights: set[int] = set()

    def ask(self, number: int) -> Suggestion | None:
        """Return the next trial of a rung; None while rungs wait for outcomes or all are done."""
        # How often a search waits depends on time, so the answer "wait" must leave no trace:
        # the oracle draws random params even if it then finds no new ones.
        state = random_state(self._oracle)
        trial = self._oracle.create_trial(f"searchlab-{number}")
        if trial.status != "RUNNING":
            restore_random_state(self._oracle, state)
            return None
        self._running[number] = trial
        self._numbers[trial.trial_id] = number
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
        value = outcome.value if outcome.state is TrialState.COMPLETE else None
        if value is None:
            self._without_weights.add(outcome.number)
            value = -math.inf if self._problem.maximize else math.inf
        trial = self._running.pop(outcome.number)
        self._oracle.update_trial(trial.trial_id, {self._problem.metric: value})
        trial.status = "COMPLETED"
        self._oracle.end_trial(trial)

    def continuable(self) -> set[int]:
        """Return the trials that can still be promoted with their weights."""
        return {self._numbers[each] for each in promotable(self._oracle)} - self._without_weights

    def close(self) -> None:
        """Do nothing, as the oracle lives in memory."""

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
    _take_known(oracle, problem.known, problem.space)
    oracle.verbose = 0
    keep_in_memory(oracle)
    return oracle


def _take_known(oracle: Any, known: Sequence[Known], space: SearchSpace) -> None:
    """Let an oracle try known params before it draws any."""
    most = max(1, first_rung(oracle) // _SHARE)
    first = [
        {name: _stored(space.domains[name], value) for name, value in each.params.items()}
        for each in known[:most]
    ]
    begin_with(oracle, first)


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
