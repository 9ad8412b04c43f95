"""Checks of what Python programs pass, for those that no type checker reads."""

from __future__ import annotations

import os

from searchlab.errors import InputError


def path_text(value: object, name: str, form: str) -> str:
    """Return a path, or anything else that is given as a path or as text, as text.

    Args:
        value: the argument.
        name: its name, for the message.
        form: what it should be, such as "the path of a directory".

    Raises:
        InputError: if it is neither a text nor a path, or if it is empty.
    """
    text = os.fspath(value) if isinstance(value, str | os.PathLike) else None
    if not isinstance(text, str):
        raise InputError(f"{name} is of type {type(value).__name__}: give {form}")
    if not text:
        raise InputError(f"{name} is empty: give {form}")
    return text
