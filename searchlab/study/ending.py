"""The part of a study file on what follows the search."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Any

from pydantic import BeforeValidator, Field

from searchlab.study.fields import Part


class ConfirmSpec(Part):
    """The best trials are trained again with other seeds, and the best on average wins.

    Attributes:
        top: how many of the best trials, those with equal params counted once; 0 for none.
        seeds: how many seeds each is trained with; 0 for none.
    """

    top: Annotated[int, Field(ge=0, le=100)] = 3
    seeds: Annotated[int, Field(ge=0, le=100)] = 3


def _group(value: Any) -> Any:
    """`confirm: 0` is the short way to write that nothing is to be confirmed."""
    return {"top": 0, "seeds": 0} if value == 0 and not isinstance(value, float) else value


Confirm = Annotated[ConfirmSpec, BeforeValidator(_group)]
"""A `ConfirmSpec`, or 0."""


@dataclass(frozen=True)
class Ending:
    """What is done with the best trials once the search is over.

    Attributes:
        top: how many of them are confirmed; 0 for none.
        seeds: how many trainings confirm each.
        refit: whether the winner is fitted to all rows but the test's.
        baselines: whether there are simple models to compare with.
        registered_model: under which name the study's model is registered; None for not at all.
    """

    top: int = 0
    seeds: int = 0
    refit: bool = False
    baselines: bool = False
    registered_model: str | None = None
