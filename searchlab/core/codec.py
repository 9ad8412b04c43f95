"""Dataclasses as plain values for JSON, and back: one coding for every type that is kept.

The type hints are the format. A field may be a `str`, `int`, `float`, `bool` or `None`, a
`StrEnum`, a `Literal`, another dataclass, a tuple, a mapping by `str` or `int`, a union of these
with at most one kind of JSON object or array in it, or `Any` for what is plain already.
Reading is strict: every field has to be there with its type, and nothing else.
"""

from __future__ import annotations

import types
from collections.abc import Callable, Hashable, Iterable, Mapping
from dataclasses import fields, is_dataclass
from enum import StrEnum
from functools import cache
from typing import TYPE_CHECKING, Any, Literal, TypeVar, Union, get_args, get_origin, get_type_hints

if TYPE_CHECKING:
    from _typeshed import DataclassInstance

Coded = TypeVar("Coded", bound="DataclassInstance")
_Decoder = Callable[[Any], Any]

_PLAIN = (str, int, float, bool, type(None))
_NAMES = {str: "text", int: "a whole number", float: "a number", bool: "true or false"}


class CodecError(ValueError):
    """Values that do not fit the type they are decoded as."""

    def __init__(self, why: str, path: tuple[str, ...] = ()) -> None:
        """Say what is wrong and where.

        Args:
            why: what is wrong.
            path: the names that lead to the place.
        """
        self.why, self.path = why, path
        super().__init__(f"{'.'.join(path)}: {why}" if path else why)


def encode(instance: DataclassInstance) -> dict[str, Any]:
    """Return the fields of a dataclass by name, as JSON can write them.

    Raises:
        TypeError: if a value has no coding.
    """
    return {each.name: plain(getattr(instance, each.name)) for each in fields(instance)}


def decode(kind: type[Coded], values: Any) -> Coded:
    """Return the dataclass that `encode` made these values from.

    Raises:
        CodecError: if the values are not of this type; names the place.
        TypeError: if the type has a field without a coding.
    """
    return decoder(kind)(values)


def decoder(kind: type[Coded]) -> Callable[[Any], Coded]:
    """Return the function that decodes this type, for callers with many values; see `decode`."""
    return _decoder(kind)


def plain(value: Any) -> Any:
    """Return one value as JSON can write it; see `encode`."""
    if isinstance(value, StrEnum):
        return value.value
    if isinstance(value, _PLAIN):
        return value
    if isinstance(value, Mapping):
        return {str(key): plain(each) for key, each in value.items()}
    if isinstance(value, tuple | list):
        return [plain(each) for each in value]
    if is_dataclass(value) and not isinstance(value, type):
        return encode(value)
    raise TypeError(f"{type(value).__name__} has no coding")


@cache
def _decoder(hint: Hashable) -> _Decoder:
    """Build the decoder of a type, once, as a journal has many lines."""
    if hint is Any:
        return lambda value: value
    if get_origin(hint) is not None:
        return _generic(hint, get_origin(hint), get_args(hint))
    if isinstance(hint, type) and is_dataclass(hint):
        return _dataclass(hint)
    if isinstance(hint, type) and issubclass(hint, StrEnum):
        return _enum(hint)
    if hint in _PLAIN:
        return _scalar({hint})
    raise TypeError(f"{hint} has no coding")


def _generic(hint: Any, origin: Any, arguments: tuple[Any, ...]) -> _Decoder:
    if origin in (Union, types.UnionType):
        return _union(arguments)
    if origin is Literal:
        return _one_of(arguments)
    if origin is tuple:
        return _tuple(arguments)
    if issubclass(origin, Mapping):
        return _mapping(*arguments)
    raise TypeError(f"{hint} has no coding")


def _dataclass(kind: type[DataclassInstance]) -> _Decoder:
    hints = get_type_hints(kind)
    if any(each.kw_only for each in fields(kind)):
        raise TypeError(f"{kind.__name__} has no coding: it takes fields by name only")
    names = [each.name for each in fields(kind)]
    known = frozenset(names)
    parts = [(name, _kept(hints[name]), _decoder(hints[name])) for name in names]

    def read(values: Any) -> Any:
        if not isinstance(values, dict):
            raise _unexpected(values, "an object")
        if values.keys() != known:
            _refuse_keys(values, known)
        try:
            found = [
                value if type(value := values[name]) in kept else of(value)
                for name, kept, of in parts
            ]
        except CodecError:
            raise _located((name, of, values[name]) for name, _, of in parts) from None
        try:
            return kind(*found)
        except ValueError as error:
            raise CodecError(str(error)) from None

    return read


def _kept(hint: Any) -> frozenset[Any]:
    """Return the types of values that a hint decodes to themselves: most values are such ones."""
    members = get_args(hint) if get_origin(hint) in (Union, types.UnionType) else (hint,)
    return _exact({each for each in members if each in _PLAIN})


def _refuse_keys(values: Iterable[str], known: Iterable[str]) -> None:
    found, wanted = set(values), set(known)
    for name in sorted(wanted - found):
        raise CodecError("is missing", (name,))
    for name in sorted(found - wanted):
        raise CodecError("is unknown", (name,))


def _union(members: tuple[Any, ...]) -> _Decoder:
    scalars = {each for each in members if each in _PLAIN}
    others = [each for each in members if each not in _PLAIN]
    if len(others) > 1:
        raise TypeError(f"{' | '.join(map(str, members))} has no coding: JSON cannot tell them")
    if not others:
        return _scalar(scalars)
    exact, other = _exact(scalars), _decoder(others[0])

    def read(value: Any) -> Any:
        return value if type(value) in exact else other(value)

    return read


def _scalar(kinds: set[Any]) -> _Decoder:
    names = " or ".join(_NAMES[kind] for kind in _NAMES if kind in kinds) or "null"
    exact = _exact(kinds)

    def read(value: Any) -> Any:
        if type(value) not in exact:
            raise _unexpected(value, names)
        return value

    return read


def _exact(kinds: set[Any]) -> frozenset[Any]:
    """Return the types of values: a whole number is a number too, but true and false are none."""
    return frozenset(kinds | {int}) if float in kinds else frozenset(kinds)


def _enum(kind: type[StrEnum]) -> _Decoder:
    named = {member.value: member for member in kind}

    def read(value: Any) -> StrEnum:
        if not isinstance(value, str) or value not in named:
            raise _unexpected(value, f"one of {', '.join(named)}")
        return named[value]

    return read


def _one_of(allowed: tuple[Any, ...]) -> _Decoder:
    def read(value: Any) -> Any:
        if not any(type(value) is type(each) and value == each for each in allowed):
            raise _unexpected(value, f"one of {', '.join(map(str, allowed))}")
        return value

    return read


def _tuple(members: tuple[Any, ...]) -> _Decoder:
    repeated = len(members) == 2 and members[1] is Ellipsis  # noqa: PLR2004 - tuple[X, ...]
    decoders = [_decoder(each) for each in (members[:1] if repeated else members)]

    def read(values: Any) -> tuple[Any, ...]:
        if not isinstance(values, list | tuple):
            raise _unexpected(values, "an array")
        if not repeated and len(values) != len(decoders):
            raise CodecError(f"has {len(values)} items instead of {len(decoders)}")
        each = decoders * len(values) if repeated else decoders
        try:
            return tuple([of(value) for of, value in zip(each, values, strict=True)])
        except CodecError:
            places = map(str, range(len(values)))
            raise _located(zip(places, each, values, strict=True)) from None

    return read


def _mapping(key: Any, member: Any) -> _Decoder:
    if key not in (str, int):
        raise TypeError(f"a mapping by {key} has no coding")
    decoder, kept = _decoder(member), _kept(member)

    named = _number if key is int else str

    def read(values: Any) -> dict[Any, Any]:
        if not isinstance(values, dict):
            raise _unexpected(values, "an object")
        if key is str and kept.issuperset(map(type, values.values())):
            return values.copy()
        try:
            return {named(name): decoder(value) for name, value in values.items()}
        except CodecError:
            items = values.items()
            raise _located(
                [(str(name), named, name) for name in values]
                + [(str(name), decoder, value) for name, value in items]
            ) from None

    return read


def _number(name: Any) -> int:
    try:
        return int(name)
    except ValueError:
        raise CodecError("is not a whole number") from None


def _located(parts: Iterable[tuple[str, _Decoder, Any]]) -> CodecError:
    """Return the error of the first part that cannot be decoded, with its name.

    Only called once something is wrong: to watch each part costs as much as to decode it.
    """
    for name, decoder, value in parts:
        try:
            decoder(value)
        except CodecError as error:
            return CodecError(error.why, (name, *error.path))
    raise AssertionError("a part could not be decoded, and now all can")


def _unexpected(value: Any, wanted: str) -> CodecError:
    shown = repr(value)
    return CodecError(f"is {shown[:40]}{'...' if shown[40:] else ''} instead of {wanted}")
