"""Texts of users in formats in which some characters mean something: they stay as written."""

from __future__ import annotations

import re
from typing import Any

from searchlab.core.wording import one_line

_MARKS = re.compile(r"[\\`*\[\]<>|~&!]|(?<!\w)_|_(?!\w)")  # `n_hidden` needs no escape
_FORMULA = ("=", "+", "-", "@", "\t", "\r")


def in_markdown(text: object) -> str:
    """Return a text as one line of Markdown that shows it, also within a table."""
    return _MARKS.sub(r"\\\g<0>", one_line(str(text)))


def code_in_markdown(text: object) -> str:
    """Return a text as code in Markdown, outside of tables."""
    line = one_line(str(text))
    longest = max(map(len, re.findall("`+", line)), default=0)
    space = " " if line.startswith("`") or line.endswith("`") else ""
    return f"{'`' * (longest + 1)}{space}{line}{space}{'`' * (longest + 1)}"


def in_spreadsheet(value: Any) -> Any:
    """Return a cell that no spreadsheet takes for a formula: such a text begins with `'` then.

    Numbers stay, also as text.
    """
    if not isinstance(value, str) or not value.startswith(_FORMULA):
        return value
    try:
        float(value)
    except ValueError:
        return f"'{value}"
    return value
