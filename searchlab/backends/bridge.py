"""A bridge to searches that own their loop: scikit-learn's, over a scikeras estimator.

`RandomizedSearchCV.fit` returns only when all candidates are scored, so it runs in a thread of its
own. It passes its fits to joblib, which passes them to the joblib backend below, by joblib's
documented extension point. This backend runs nothing by itself: it keeps the fits in the order of
their dispatch. joblib dispatches one more for each that ends, and the bridge has it dispatch those
of the candidates that it is asked for, so that not all fits of a long search are there at once.
When the bridge is asked for candidate 7, it starts one thread, which runs the fits of candidate 7
one after the other. The first fit gives the estimator its params; the estimator's `fit` passes them
on as the answer and waits.

When candidate 7 is told, its `fit` returns, the search's scorer returns the score of each fold, and
the thread ends. So there is one thread for each open candidate, candidates can be told in any
order, and the caller waits whenever a thread of the library runs: nothing depends on timing.
Closing makes every waiting `fit` raise an exception that scikit-learn does not take for a failed
fit, which ends the search and its threads at once.
"""

from __future__ import annotations

import threading
import warnings
from bisect import bisect_left
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Future
from dataclasses import dataclass, field
from typing import Any, Self

from joblib import parallel_config
from joblib.parallel import ParallelBackendBase
from scikeras.wrappers import KerasClassifier, KerasRegressor
from sklearn.utils import ClassifierTags, RegressorTags, Tags

from searchlab.errors import InputError

PREFIX = "model__"
"""scikeras' prefix for params of the model, which sets them apart from the estimator's."""

_running = threading.local()


class _Closed(BaseException):
    """The end of a waiting fit; not an `Exception`, which scikit-learn would score and go on."""


@dataclass
class _Fit:
    """One fit of one candidate on one fold, as joblib dispatched it."""

    run: Callable[[], Any]
    done: Callable[[Any], None]
    result: Future[Any] = field(default_factory=Future)


class _Candidate:
    """A candidate of the search and the thread in which its fits wait."""

    def __init__(self, number: int, fits: Sequence[_Fit]) -> None:
        self.params: Mapping[str, Any] | None = None
        self.error: BaseException | None = None
        self._fits = fits
        self._fold = 0
        self._scores: Sequence[float] | None = None
        self._asked, self._told = threading.Event(), threading.Event()
        self._thread = threading.Thread(
            target=self._run, name=f"searchlab-candidate-{number}", daemon=True
        )

    def start(self) -> None:
        """Run the first fit until the estimator waits."""
        self._thread.start()
        self._asked.wait()

    def end(self, scores: Sequence[float] | None) -> None:
        """Let the fits end with their scores, or with `_Closed` if None."""
        self._scores = scores
        self._told.set()
        self._thread.join()

    def wait(self, params: Mapping[str, Any]) -> None:
        """Pass on the params and wait for the end; the estimator's `fit` calls this."""
        self.params = params
        self._asked.set()
        self._told.wait()
        if self._scores is None:
            raise _Closed

    def score(self) -> float:
        """Return the score of the fold whose fit has just ended."""
        if self._scores is None:
            raise _Closed
        return self._scores[self._fold]

    def _run(self) -> None:
        _running.candidate = self
        for fold, fit in enumerate(self._fits):
            self._fold = fold
            try:
                result = fit.run()
                fit.done(result)
                fit.result.set_result(result)
            except BaseException as error:
                self.error = error
                fit.result.set_exception(error)
        self._asked.set()


class _Waiting:
    """A scikeras estimator whose `fit` waits for the outcome of its trial."""

    def fit(self, X: Any, y: Any) -> Self:  # noqa: ARG002 - the trial is trained elsewhere
        """Pass on the params and wait."""
        _running.candidate.wait(
            {
                name.removeprefix(PREFIX): value
                for name, value in vars(self).items()
                if name.startswith(PREFIX)
            }
        )
        return self


class WaitingRegressor(_Waiting, KerasRegressor):  # type: ignore[misc]  # scikeras has no types
    """A `KerasRegressor` that waits.

    scikeras 0.13 sets no tags that scikit-learn 1.9 reads (its issue 337), so `is_regressor` and
    `is_classifier` are False for its estimators, and cross-validation of a classifier silently
    loses stratification. These classes set the tags.
    """

    def __sklearn_tags__(self) -> Tags:
        tags = super().__sklearn_tags__()
        tags.estimator_type = "regressor"
        tags.regressor_tags = RegressorTags()
        tags.target_tags.required = True
        return tags


class WaitingClassifier(_Waiting, KerasClassifier):  # type: ignore[misc]  # scikeras has no types
    """A `KerasClassifier` that waits; its tags are fixed as in `WaitingRegressor`."""

    def __sklearn_tags__(self) -> Tags:
        tags = super().__sklearn_tags__()
        tags.estimator_type = "classifier"
        tags.classifier_tags = ClassifierTags()
        tags.target_tags.required = True
        return tags


def fold_score(estimator: Any, X: Any, y: Any) -> float:  # noqa: ARG001 - scikit-learn's signature
    """Return the score of this fold that the candidate was told; the search's `scoring`."""
    return float(_running.candidate.score())


class _Dispatcher(ParallelBackendBase):  # type: ignore[misc]  # joblib has no types
    """A joblib backend that keeps fits until the bridge runs them."""

    def __init__(self, bridge: Bridge) -> None:
        super().__init__()
        self._bridge = bridge

    def effective_n_jobs(self, n_jobs: int) -> int:  # noqa: ARG002
        """Return 2: with one job, joblib would run the fits itself."""
        return 2

    def submit(self, func: Callable[[], Any], callback: Callable[[Any], None]) -> _Fit:
        """Keep a fit."""
        return self._bridge.dispatched(_Fit(func, callback))

    def retrieve_result(self, out: _Fit, timeout: float | None = None) -> Any:  # noqa: ARG002
        """Wait for a fit, in the search's thread; the first fits have been dispatched by then."""
        self._bridge.ready.set()
        return out.result.result()


class Bridge:
    """A search that owns its loop, turned into questions and answers.

    All methods are called from one thread.

    Args:
        search: runs the search to its end, over a waiting estimator and `fold_score`.
        folds: the number of fits of each candidate.

    Attributes:
        ready: set once the search has dispatched its first fits, or has ended.
        count: the number of candidates, which the search sets before it dispatches.
        done: the numbers of candidates that the search leaves out, in order.
    """

    def __init__(self, search: Callable[[], object], folds: int) -> None:
        self.ready = threading.Event()
        self.count = 0
        self.done: Sequence[int] = ()
        self._search = search
        self._folds = folds
        self._dispatcher = _Dispatcher(self)
        self._fits: dict[int, _Fit] = {}
        self._dispatched = 0
        self._open: dict[int, _Candidate] = {}
        self._told = 0
        self._closed = False
        self._error: BaseException | None = None
        self._thread = threading.Thread(target=self._run, name="searchlab-search", daemon=True)

    def ask(self, number: int) -> Mapping[str, Any] | None:
        """Return the params of a candidate, or None if the search has no more.

        Raises:
            InputError: if the search has failed.
        """
        if self._thread.ident is None:
            self._thread.start()
        self.ready.wait()
        self._check()
        if self._place(number) >= self.count:
            return None
        candidate = self._open[number] = _Candidate(number, self._take(number))
        candidate.start()
        if candidate.params is None:
            self._error = candidate.error
            self._check()
        return candidate.params

    def tell(self, number: int, scores: Sequence[float]) -> None:
        """End a candidate with the score of each fold; higher is better, NaN is a failure."""
        candidate = self._open.pop(number)
        candidate.end(scores)
        self._error = self._error or candidate.error
        self._told += 1
        if self._told == self.count:
            self._thread.join()

    def _take(self, number: int) -> list[_Fit]:
        """Have the fits of a candidate dispatched, and forget them.

        Raises:
            InputError: if the search cannot make them.
        """
        first = self._place(number) * self._folds
        fits = range(first, first + self._folds)
        while (before := self._dispatched) < fits.stop:
            self._dispatcher.parallel.dispatch_next()
            if self._dispatched == before:
                self._error = self._error or RuntimeError("it makes no more fits")
                self._check()
        return [self._fits.pop(fit) for fit in fits]

    def _place(self, number: int) -> int:
        """Return the place of a candidate among those of the search."""
        return number - bisect_left(self.done, number)

    def close(self) -> None:
        """End the search at once and wait for its threads."""
        self._closed = True
        if self._thread.ident is None:
            return
        for candidate in self._open.values():
            candidate.end(None)
        self._open.clear()
        self.ready.wait()
        for fit in self._fits.values():
            fit.result.set_exception(_Closed())
        self._fits.clear()
        self._thread.join()

    def dispatched(self, fit: _Fit) -> _Fit:
        """Keep the next fit; joblib calls this from one thread at a time, in order."""
        if self._closed:
            raise _Closed
        self._fits[self._dispatched] = fit
        self._dispatched += 1
        return fit

    def _run(self) -> None:
        try:
            # Filters apply to all threads until this one ends, so they are narrow: scikit-learn's
            # warnings of failed candidates and small grids, which the study shows itself.
            with warnings.catch_warnings(), parallel_config(backend=self._dispatcher, n_jobs=2):
                warnings.filterwarnings("ignore", category=UserWarning, module="sklearn")
                self._search()
        except _Closed:
            pass
        except BaseException as error:
            self._error = error
        finally:
            self.ready.set()

    def _check(self) -> None:
        if self._error is not None:
            raise InputError(
                f"search.backend: scikit-learn's search failed ({self._error}); "
                "change the space, or use another backend"
            ) from self._error
