"""Frozen dataclasses as plain values for JSON, and back."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict
from typing import TYPE_CHECKING, Any, TypeVar

if TYPE_CHECKING:
    from _typeshed import DataclassInstance

Values = TypeVar("Values", bound="DataclassInstance")


def as_values(instance: DataclassInstance) -> dict[str, Any]:
    """The fields of a dataclass by name; tuples are lists, as JSON has no others."""
    return {
        name: list(value) if isinstance(value, tuple) else value
        for name, value in asdict(instance).items()
    }


def of_values(kind: type[Values], values: Mapping[str, Any]) -> Values:
    """The dataclass of which `as_values` made these values; it has tuples and no lists."""
    plain = {
        name: tuple(value) if isinstance(value, list) else value for name, value in values.items()
    }
    return kind(**plain)
