"""Keys of a study file whose value is fixed, or a param of the search."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Annotated, Any, Generic, Self, TypeVar

from pydantic import Discriminator, Field, Tag, model_validator
from typing_extensions import TypeAliasType

from searchlab.core.domains import Choice, Params, Scalar
from searchlab.study.fields import Part, as_scalar

_Value = TypeVar("_Value")
_Held_co = TypeVar("_Held_co", covariant=True)
_Part = TypeVar("_Part", bound=Part)


class Sought(Part, Generic[_Held_co]):
    """`{choice: [a, b]}`: each trial has one of some values.

    Attributes:
        values: the values.
    """

    values: Annotated[tuple[_Held_co, ...], Field(alias="choice", min_length=1)]

    @property
    def domain(self) -> Choice:
        """The param for the search space."""
        return Choice(self.scalars)

    @property
    def scalars(self) -> tuple[Scalar, ...]:
        """The values as a param has them."""
        return tuple(map(as_scalar, self.values))

    def value_of(self, scalar: Scalar) -> _Held_co:
        """Return the value that a param stands for."""
        return self.values[self.scalars.index(scalar)]

    @model_validator(mode="after")
    def _check(self) -> Self:
        assert self.domain  # noqa: S101 - refuses values that appear twice
        return self


def _kind(value: Any) -> str:
    return "<group>" if isinstance(value, dict | Sought) else "<value>"


OrSought = TypeAliasType(
    "OrSought",
    Annotated[
        Annotated[_Value, Tag("<value>")] | Annotated[Sought[_Value], Tag("<group>")],
        Discriminator(_kind),
    ],
    type_params=(_Value,),
)
"""A value of a key, or several for the search."""


def options(value: _Value | Sought[_Value]) -> tuple[_Value, ...]:
    """Return all values that a key may have."""
    return value.values if isinstance(value, Sought) else (value,)


def changed(
    value: _Value | Sought[_Value], change: Callable[[_Value], _Value]
) -> _Value | Sought[_Value]:
    """Return a key's value, or each of several, as a function changes it."""
    if isinstance(value, Sought):
        return value.model_copy(update={"values": tuple(map(change, value.values))})
    return change(value)


def only(value: _Value | Sought[_Value]) -> _Value:
    """Return the value of a key that is settled.

    Raises:
        ValueError: if it is a param of the search, which a trial has to settle.
    """
    if isinstance(value, Sought):
        raise ValueError(f"one of {list(value.values)} has to be chosen first")
    return value


def sought(part: Part, prefix: str) -> Iterator[tuple[str, Sought[Any]]]:
    """Yield the dotted keys of a part that are params of the search."""
    for name in type(part).model_fields:
        value = getattr(part, name)
        if isinstance(value, Sought):
            yield f"{prefix}.{name}", value
        elif isinstance(value, Part):
            yield from sought(value, f"{prefix}.{name}")


def settled(part: _Part, prefix: str, params: Params) -> _Part:
    """Return a part with the values that a trial's params have for its keys."""
    chosen: dict[str, Any] = {}
    for name in type(part).model_fields:
        value, key = getattr(part, name), f"{prefix}.{name}"
        if isinstance(value, Sought):
            chosen[name] = value.value_of(params[key])
        elif isinstance(value, Part):
            chosen[name] = settled(value, key, params)
    return part.model_copy(update=chosen)
