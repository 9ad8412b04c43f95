"""A randomized search that begins with known candidates."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Mapping, Sequence
from functools import cached_property
from itertools import chain, islice
from typing import Any

from sklearn.model_selection import ParameterSampler, RandomizedSearchCV


class KnownFirstSearchCV(RandomizedSearchCV):  # type: ignore[misc]  # scikit-learn has no types
    """The real search with known candidates before those that it draws.

    Attributes:
        first: the known candidates, distinct.
        identity: makes a hashable key of a candidate; drawn candidates that are known are skipped.
        done: the places of candidates that are not evaluated, in order.
        begun: called with the number of candidates before they are evaluated.
    """

    first: Sequence[Mapping[str, Any]]
    identity: Callable[[Mapping[str, Any]], Hashable]
    done: Sequence[int] = ()
    begun: Callable[[int], None]

    def _run_search(self, evaluate_candidates: Callable[[list[Mapping[str, Any]]], Any]) -> None:
        """Evaluate all candidates at once; scikit-learn's subclasses override this method."""
        done = set(self.done)
        left = [each for place, each in enumerate(self.candidates) if place not in done]
        self.begun(len(left))
        evaluate_candidates(left)

    @cached_property
    def candidates(self) -> list[Mapping[str, Any]]:
        """All candidates, drawn once."""
        known = {self.identity(candidate) for candidate in self.first}
        sampler = ParameterSampler(
            self.param_distributions, self.n_iter, random_state=self.random_state
        )
        if not known:
            return list(sampler)
        drawn = (candidate for candidate in sampler if self.identity(candidate) not in known)
        return list(islice(chain(self.first, drawn), self.n_iter))
