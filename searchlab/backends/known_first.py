"""A randomized search that begins with candidates which are known already."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Mapping, Sequence
from itertools import chain, islice
from typing import Any

from sklearn.model_selection import ParameterSampler, RandomizedSearchCV


class KnownFirstSearchCV(RandomizedSearchCV):  # type: ignore[misc]  # scikit-learn has no types
    """The real search, but for its candidates: the known ones, then those that it would draw.

    Attributes:
        first: the known candidates, distinct.
        identity: what tells candidates apart; a drawn one that is known is not tried again.
    """

    first: Sequence[Mapping[str, Any]]
    identity: Callable[[Mapping[str, Any]], Hashable]

    def _run_search(self, evaluate_candidates: Callable[[list[Mapping[str, Any]]], Any]) -> None:
        """Gives all candidates at once; scikit-learn wants its subclasses to override this."""
        known = {self.identity(candidate) for candidate in self.first}
        sampler = ParameterSampler(
            self.param_distributions, self.n_iter, random_state=self.random_state
        )
        drawn = (candidate for candidate in sampler if self.identity(candidate) not in known)
        evaluate_candidates(list(islice(chain(self.first, drawn), self.n_iter)))
