"""scikit-learn's randomized search as a backend: the real `RandomizedSearchCV.fit`.

Its fits wait for the trials of the study; see `bridge`. It sees no data: it has as many folds as
the study, over two empty rows.
"""

from __future__ import annotations

import math
import sys
import warnings
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, ClassVar

from searchlab.backends import base
from searchlab.core.domains import Choice, Domain, Float, Int, Scalar
from searchlab.core.quiet import quiet
from searchlab.core.space import SearchSpace, identity
from searchlab.core.trial import Decision, Outcome, Report, Suggestion, TrialState

_MOST = 5
"""The maximum of candidates with known params."""

_AHEAD = 2
"""Fits that are dispatched at first; the bridge asks for more when it needs them."""


class RandomizedOptions(base.Options):
    """The options of randomized search: none."""

    def problem(self, space: SearchSpace) -> str | None:
        """Return the problem of a grid with more points than scikit-learn counts.

        A space with a range of whole numbers in their logarithm is no grid to it.
        """
        grid = not any(isinstance(domain, Int) and domain.log for _, domain in space)
        if grid and (points := space.count) is not None and points > sys.maxsize:
            return (
                f"has {points:.3g} points, and randomized search counts to {sys.maxsize:.3g}: give "
                "a range of whole numbers log: true or a larger step, or use another backend"
            )
        return None


class RandomizedBackend:
    """A random search by `sklearn.model_selection.RandomizedSearchCV`.

    A space of lists alone (choices and numbers in steps) is drawn without replacement: the search
    ends with the grid. scikit-learn 1.9 uses one algorithm up to 1 % of the grid, another up to
    99 %, and a third above. Raising a study's number of trials across such a bound changes the
    candidates, which the replay then notices.

    The first candidates are the best known params, at most five; the drawn ones follow.
    """

    Options: ClassVar[type[base.Options]] = RandomizedOptions
    prunes: bool = False
    sets_epochs: ClassVar[bool] = False
    resumes_weights: ClassVar[bool] = False
    at_once: int | None = None  # all candidates are drawn before the first outcome
    needs_trials: ClassVar[bool] = True
    tries_known: ClassVar[bool] = True

    def __init__(self, problem: base.Problem) -> None:
        with quiet():
            from searchlab.backends import bridge  # imports scikeras and TensorFlow

        RandomizedOptions.model_validate(dict(problem.options))
        self._problem = problem
        waiting = {"regression": bridge.WaitingRegressor}
        estimator = waiting.get(problem.task, bridge.WaitingClassifier)()
        self._search = _search(problem, estimator, bridge.fold_score)
        rows, targets = [[0.0], [0.0]], [0, 1]
        self._bridge = bridge.Bridge(lambda: self._search.fit(rows, targets), problem.folds)
        self._over = False
        self._search.begun = lambda count: setattr(self._bridge, "count", count)

    def ask(self, number: int) -> Suggestion | None:
        """Return the params of candidate `number`, or None if there are no more candidates.

        Raises:
            InputError: if scikit-learn's search has failed.
        """
        params = None if self._over else self._bridge.ask(number)
        return None if params is None else self._suggestion(params)

    def report(self, report: Report) -> Decision:  # noqa: ARG002
        """Return CONTINUE, as randomized search ignores intermediate values."""
        return Decision.CONTINUE

    def tell(self, outcome: Outcome) -> None:
        """Score the candidate, with NaN (scikit-learn's mark of a failed fit) unless COMPLETE."""
        folds = self._problem.folds
        scores = [math.nan] * folds
        if outcome.state is TrialState.COMPLETE and outcome.value is not None:
            sign = 1.0 if self._problem.maximize else -1.0
            scores = [sign * score for score in outcome.scores or (outcome.value,) * folds]
        self._bridge.tell(outcome.number, scores)

    def snapshot(self) -> Mapping[str, Any]:
        """Return nothing: the seed gives all candidates."""
        return {}

    def suggestions(self) -> Iterator[Suggestion]:
        """Yield the suggestions for all candidates, in their order."""
        return map(self._suggestion, self._search.candidates)

    def restore(self, past: Sequence[base.Past], kept: Mapping[str, Any]) -> None:
        """Search on among the candidates without an outcome.

        Raises:
            ValueError: if the candidates differ from the suggestions of the past.
        """
        with warnings.catch_warnings():  # as in `Bridge`
            warnings.filterwarnings("ignore", category=UserWarning, module="sklearn")
            drawn = self.suggestions()
            if kept or not all(each.suggestion == next(drawn, None) for each in past):
                raise ValueError("the candidates are not those of the past")
        done = [each.number for each in past if each.outcome is not None]
        self._bridge.done = self._search.done = done
        self._over = len(done) == len(self._search.candidates)
        for each in past:
            if each.outcome is None:
                self._bridge.ask(each.number)

    def close(self) -> None:
        """End the search and its threads."""
        self._bridge.close()

    def _suggestion(self, params: Mapping[str, Any]) -> Suggestion:
        """Return the suggestion for a candidate."""
        return self._problem.suggestion(_point(self._problem.space, _plain_names(params)))

    @property
    def cv_results_(self) -> dict[str, Any]:
        """scikit-learn's own table of the search; higher scores are better.

        It has the candidates that had no outcome when this backend was made or restored.

        Raises:
            AttributeError: while candidates are open or not yet asked for.
        """
        results: dict[str, Any] = self._search.cv_results_
        return results


def _plain_names(candidate: Mapping[str, Any]) -> dict[str, Any]:
    from searchlab.backends.bridge import PREFIX

    return {name.removeprefix(PREFIX): value for name, value in candidate.items()}


class _Uniform:
    """SciPy's `uniform`, drawn in a tenth of its time to the same bits."""

    def __init__(self, low: float, high: float) -> None:
        self._low, self._width = low, high - low

    def rvs(self, random_state: Any) -> float:
        """Draw a number."""
        return float(random_state.uniform() * self._width + self._low)


class _LogUniform:
    """SciPy's `loguniform`, likewise."""

    def __init__(self, low: float, high: float) -> None:
        import numpy as np

        self._exp, self._low = np.exp, np.log(low)
        self._width = np.log(high) - self._low

    def rvs(self, random_state: Any) -> float:
        """Draw a number."""
        return float(self._exp(self._low + random_state.uniform() * self._width))


class _LogInt:
    """A distribution of whole numbers, uniform in their logarithm."""

    def __init__(self, low: int, high: int) -> None:
        self._high = high
        self._reals = _LogUniform(low, high + 1)

    def rvs(self, random_state: Any) -> int:
        """Draw a number, both ends included."""
        return min(int(self._reals.rvs(random_state)), self._high)


def _search(problem: base.Problem, estimator: Any, scoring: Any) -> Any:
    from searchlab.backends.bridge import PREFIX
    from searchlab.backends.known_first import KnownFirstSearchCV

    search = KnownFirstSearchCV(
        estimator,
        _distributions(problem.space),
        n_iter=problem.trials,
        scoring=scoring,
        refit=False,
        cv=[([0], [1])] * problem.folds,
        pre_dispatch=_AHEAD,
        random_state=problem.seed,
    )
    search.first = [
        {PREFIX + name: value for name, value in each.params.items()}
        for each in problem.known[:_MOST]
    ]
    search.identity = lambda candidate: identity(_point(problem.space, _plain_names(candidate)))
    return search


def _point(space: SearchSpace, params: Mapping[str, Any]) -> dict[str, Scalar]:
    """Return the point of the space for drawn params, or for known ones without inactive params."""
    return space.active(
        {name: _plain(domain, params[name]) for name, domain in space if name in params}
    )


def _distributions(space: SearchSpace) -> dict[str, Any]:
    from searchlab.backends.bridge import PREFIX

    return {PREFIX + name: _distribution(domain) for name, domain in space}


def _distribution(domain: Domain) -> Any:
    """Return what a script would pass to scikit-learn: a list, or a distribution like SciPy's."""
    if isinstance(domain, Choice):
        return list(domain.values)
    if domain.low == domain.high:
        return [domain.low]
    if isinstance(domain, Int):
        steps = range(domain.low, domain.high + 1, domain.step)
        return _LogInt(domain.low, domain.high) if domain.log else steps
    if domain.step is not None:
        return _steps(domain, domain.step)
    kind = _LogUniform if domain.log else _Uniform
    return kind(domain.low, domain.high)


def _steps(domain: Float, step: float) -> list[float]:
    count = int((domain.high - domain.low) / step + 1e-9) + 1
    return [min(domain.low + index * step, domain.high) for index in range(count)]


def _plain(domain: Domain, value: Any) -> Scalar:
    """Convert a value from NumPy's types to a plain Python value."""
    if isinstance(domain, Choice):
        return domain.values[domain.index(value)]
    return int(value) if isinstance(domain, Int) else float(value)
