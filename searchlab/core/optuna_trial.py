"""A finished trial as Optuna stores it: for its samplers, and for its importances."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from searchlab.core.domains import Choice, Domain, Int, Params
from searchlab.core.space import SearchSpace

if TYPE_CHECKING:
    from optuna.trial import FrozenTrial


def optuna_trial(params: Params, value: float, space: SearchSpace) -> FrozenTrial:
    """Build the trial that Optuna would have stored if it had suggested these params.

    Choices are stored by position: Optuna compares them by ==, to which 1, 1.0 and True are the
    same. Numbers that another library rounded past the end of their range are moved back.

    Args:
        params: the active params of a point of the space.
        value: the objective.
        space: the search space.
    """
    from optuna.trial import create_trial

    stored, distributions = optuna_params(params, space)
    return create_trial(params=stored, distributions=distributions, value=value)


def optuna_params(params: Params, space: SearchSpace) -> tuple[dict[str, Any], dict[str, Any]]:
    """Return params as Optuna stores them, and their distributions; see `optuna_trial`."""
    distributions: dict[str, Any] = {}
    stored: dict[str, Any] = dict(params)
    for name, chosen in stored.items():
        domain = space.domains[name]
        distribution = distributions[name] = optuna_distribution(domain)
        if isinstance(domain, Choice):
            stored[name] = domain.index(chosen)
        else:
            stored[name] = min(max(chosen, distribution.low), distribution.high)
    return stored, distributions


def optuna_distribution(domain: Domain) -> Any:
    """Return the range of a param as Optuna's `suggest` methods would make it."""
    from optuna.distributions import CategoricalDistribution, FloatDistribution, IntDistribution

    if isinstance(domain, Choice):
        return CategoricalDistribution(range(len(domain.values)))
    if isinstance(domain, Int):
        return IntDistribution(domain.low, domain.high, step=domain.step, log=domain.log)
    return FloatDistribution(domain.low, domain.high, step=domain.step, log=domain.log)
