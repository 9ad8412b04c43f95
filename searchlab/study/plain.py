"""The values of a study that a program describes, as a study file would hold them."""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import Any

from searchlab.core.domains import Choice, Float, Int
from searchlab.study.fields import MisplacedError
from searchlab.study.params import keys_of

_DEEPEST = 20  # levels; a study file has five
_LONGEST = 80  # characters of a value in a message


def plain(value: Any, keys: tuple[str, ...] = ()) -> Any:
    """Return a value with lists, groups of keys, numbers and texts only.

    Args:
        value: any value; params of the space, NumPy's numbers and arrays, and paths are known.
        keys: its key in the study.

    Raises:
        MisplacedError: for the first part of it that no file can hold, with that part's key.
    """
    if len(keys) > _DEEPEST:
        raise MisplacedError(keys[:2], "is nested too deeply, or in itself: use plain values")
    if isinstance(value, Int | Float | Choice):
        value = keys_of(value)
    elif isinstance(value, os.PathLike):
        value = os.fspath(value)
    elif callable(getattr(value, "tolist", None)):  # NumPy's arrays and numbers
        value = value.tolist()
    if isinstance(value, Mapping):
        return {str(key): plain(each, (*keys, str(key))) for key, each in value.items()}
    if isinstance(value, list | tuple):
        return [plain(each, (*keys, str(place))) for place, each in enumerate(value)]
    if not isinstance(value, bool | int | float | str | None):
        raise MisplacedError(keys, _unknown(value))
    if isinstance(value, str) and not _encodable(value):
        raise MisplacedError(keys, f"has a character that is no text, in {value!a}: leave it out")
    return value


def _unknown(value: Any) -> str:
    name = getattr(value, "__name__", None)
    if callable(value) and isinstance(name, str) and name.isidentifier():
        return (
            f"has {name} itself, which no study file can hold: name it, as models.py:{name} if it "
            "is a function of models.py"
        )
    shown = " ".join(repr(value).split())
    shown = shown if len(shown) <= _LONGEST else f"{shown[: _LONGEST - 3]}..."
    return f"has a value that no study file can hold ({shown}): use plain values"


def _encodable(text: str) -> bool:
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True
