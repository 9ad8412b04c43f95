"""A data set as searchlab understood it: its columns, its parts, and what is odd about it.

Light, so that reports read it without the libraries that data are prepared with.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from searchlab.core.atomic import whole_file
from searchlab.core.codec import CodecError, decode, encode
from searchlab.data.findings import Finding


@dataclass(frozen=True)
class Chart:
    """How often values occur in a column.

    Attributes:
        labels: the most frequent values as text; or the ends of a histogram, low and high.
        counts: the rows of each value, or of each interval of a histogram.
        others: the rows with other values.
        histogram: whether the counts are of intervals of equal width.
    """

    labels: tuple[str, ...]
    counts: tuple[int, ...]
    others: int = 0
    histogram: bool = False


@dataclass(frozen=True)
class Column:
    """A column of the data set, or one of its arrays.

    Attributes:
        name: its name in the data set.
        role: its use: "feature", "target", "weight", or another that a key of `data` gives it.
        kind: the kind of its values, such as "number".
        why: what the kind was told by, in a few words.
        treatment: what is done with it before the model sees it, in a few words.
        missing: the number of rows without a value.
        distinct: the number of different values.
        examples: a few of its values, as text.
        chart: how often its values occur; None if that says nothing.
    """

    name: str
    role: str
    kind: str
    why: str
    treatment: str
    missing: int
    distinct: int
    examples: tuple[str, ...]
    chart: Chart | None = None


@dataclass(frozen=True)
class Profile:
    """A data set as searchlab understood it.

    Attributes:
        source: "sklearn:digits", or the path as in the study file.
        rows: the number of all rows.
        parts: the number of rows of each part: "train", "validation" and "test".
        shape: the shape of one row of the model's input.
        notes: how the file was read and the model was served, where that had to be found out.
        columns: its columns.
        findings: likely mistakes in the data or in their use, the gravest first.
    """

    source: str
    rows: int
    parts: Mapping[str, int]
    shape: tuple[int, ...]
    notes: tuple[str, ...]
    columns: tuple[Column, ...]
    findings: tuple[Finding, ...]


def write_profile(path: Path, profile: Profile) -> None:
    """Write a profile, whole or not at all.

    Raises:
        OSError: if it cannot be written.
    """
    with whole_file(path) as scratch:
        scratch.write_text(json.dumps(encode(profile), ensure_ascii=False), encoding="utf-8")


def read_profile(path: Path) -> Profile | None:
    """Read a profile; None if there is none that can be read, as it is an extra."""
    try:
        return decode(Profile, json.loads(path.read_text(encoding="utf-8")))
    except (OSError, ValueError, CodecError):
        return None
