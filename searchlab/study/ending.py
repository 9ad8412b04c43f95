"""The part of a study file about the steps after the search."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Any

from pydantic import BeforeValidator, Field

from searchlab.study.fields import Part


class ConfirmSpec(Part):
    """Confirmation: the best trials are retrained with new seeds, and the best on average wins.

    Attributes:
        top: the number of best trials, where equal params count once; 0 for none.
        seeds: the number of seeds for each; 0 for none.
    """

    top: Annotated[int, Field(ge=0, le=100)] = 3
    seeds: Annotated[int, Field(ge=0, le=100)] = 3


def _group(value: Any) -> Any:
    """Expand `confirm: 0`, which confirms nothing."""
    return {"top": 0, "seeds": 0} if value == 0 and not isinstance(value, float) else value


Confirm = Annotated[ConfirmSpec, BeforeValidator(_group)]
"""A `ConfirmSpec`, or 0."""


@dataclass(frozen=True)
class Ending:
    """The steps after the search.

    Attributes:
        top: the number of best trials to confirm; 0 for none.
        seeds: the number of trainings that confirm each.
        refit: whether the winner is refitted on all rows but the test rows.
        baselines: whether simple models are fitted for comparison.
        registered_model: the name under which the study's model is registered, or None.
    """

    top: int = 0
    seeds: int = 0
    refit: bool = False
    baselines: bool = False
    registered_model: str | None = None
