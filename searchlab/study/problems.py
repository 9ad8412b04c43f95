"""All problems of a study file at once, each with its line.

A wrong key must not hide others. So each wrong part is replaced by a valid one and the file is
checked again, until no more problems are found; consequences of a replaced part are not reported.
"""

from __future__ import annotations

import copy
import json
import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml
from pydantic import ValidationError
from pydantic_core import ErrorDetails

from searchlab.core.nearest import LENIENT, nearest
from searchlab.study.explain import message_of
from searchlab.study.spec import StudySpec

Keys = tuple[str, ...]

Check = Callable[[StudySpec, Path], Iterable[tuple[str, str]]]
"""A check beyond the types, which yields dotted keys and messages."""

_MEMBER = re.compile(r"<[a-z]+>")
_ROUNDS = 30  # each finds problems that replaced parts had hidden before
_TOGETHER = {"model", "space"}  # a factory's arguments are the params of both
_NAMED = 2  # keys of `space.NAME`
_FIXED = 3  # keys of `model.params.NAME`
_PARAM = {"float": [0.0, 1.0]}
_STAND_INS = {"name": "x", "data": {"dataset": "iris"}, "space": {"x": _PARAM}}
"""Valid values for the required keys."""


class Finder:
    """The problems of a study file.

    Attributes:
        problems: the problems found, each a key and a message.
    """

    def __init__(self, values: dict[str, Any]) -> None:
        """Start with the file's values."""
        self.problems: list[tuple[Keys, str]] = []
        self._values = values
        self._wrong: list[Keys] = []

    def find(self, checks: Iterable[Check], path: Path) -> StudySpec | None:
        """Check all keys, then run further checks.

        Returns:
            The study, or None if its problems leave none.
        """
        mended = copy.deepcopy(self._values)
        for _ in range(_ROUNDS):
            spec = self._validated(mended)
            if spec is not None:
                found = (each for check in checks for each in check(spec, path))
                self._add((tuple(key.split(".")), message) for key, message in found)
                return spec
        return None

    def _validated(self, values: dict[str, Any]) -> StudySpec | None:
        try:
            return StudySpec.model_validate_json(json.dumps(values))
        except ValidationError as error:
            found = [_Found.of(detail) for detail in error.errors(include_url=False)]
        unknown = [each.keys for each in found if each.kind == "extra_forbidden"]
        told = (each for each in found if not (each.kind == "missing" and each.mistyped(unknown)))
        self._add((each.keys, each.message) for each in told)
        for each in found:
            _mend(values, each.keys, again=self._wrong.count(each.keys) > 1)
        return None

    def _add(self, found: Iterable[tuple[Keys, str]]) -> None:
        """Keep those problems that are not consequences of earlier ones."""
        before = tuple(self._wrong)
        for keys, message in found:
            self._wrong.append(keys)
            if not any(_follows(keys, wrong) for wrong in before):
                self.problems.append((keys, message))


def line_of(node: yaml.Node | None, keys: Keys) -> int:
    """Return the line of a key, or of its nearest parent that exists."""
    line = 1
    for key in keys:
        if isinstance(node, yaml.MappingNode):
            found = [(k, v) for k, v in node.value if k.value == key]
            if not found:
                break
            line = found[0][0].start_mark.line + 1
            node = found[0][1]
        elif isinstance(node, yaml.SequenceNode) and key.isdigit() and int(key) < len(node.value):
            node = node.value[int(key)]
            line = node.start_mark.line + 1
        else:
            break
    return line


@dataclass(frozen=True)
class _Found:
    """One of pydantic's errors."""

    kind: str
    keys: Keys
    message: str

    @classmethod
    def of(cls, detail: ErrorDetails) -> _Found:
        """Return the error with its keys in the file, without members of unions (`<...>`)."""
        parts = [str(part) for part in detail["loc"]]
        last = len(parts) - 1 if detail["type"] == "extra_forbidden" else -1
        keys = [p for at, p in enumerate(parts) if at == last or not _MEMBER.fullmatch(p)]
        below = getattr(detail.get("ctx", {}).get("error"), "key", ())
        place = (*keys, *below)
        return cls(detail["type"], place, message_of(detail, place))

    def mistyped(self, unknown: Iterable[Keys]) -> bool:
        """Return whether a missing key is present but misspelled."""
        beside = [keys[-1] for keys in unknown if keys[:-1] == self.keys[:-1]]
        return any(nearest(name, self.keys[-1:], likeness=LENIENT) for name in beside)


def _follows(keys: Keys, wrong: Keys) -> bool:
    """Return whether a problem may be a consequence of replacing another key."""
    shared = min(len(keys), len(wrong))
    if keys[:shared] == wrong[:shared]:
        return True
    named = len(wrong) >= (
        _NAMED if wrong[:1] == ("space",) else _FIXED
    )  # the replacement keeps the name
    return keys[0] in _TOGETHER and wrong[0] in _TOGETHER and not named


def _mend(values: dict[str, Any], keys: Keys, *, again: bool) -> None:
    """Replace a wrong value by a valid one, keeping the names of params."""
    if keys[:1] == ("space",) and len(keys) >= _NAMED and not again:
        space, name = values["space"], keys[1]
        space[name] = dict(_PARAM)
        for param in space.values():  # conditions on its values cannot be judged
            if isinstance(param, dict) and _depends(param.get("when"), name):
                del param["when"]
    elif keys[:2] == ("model", "params") and len(keys) >= _FIXED and not again:
        values["model"]["params"][keys[2]] = None
    elif len(keys) == 1 and keys[0] in _STAND_INS:
        values[keys[0]] = copy.deepcopy(_STAND_INS[keys[0]])
    else:
        _remove(values, keys[:-1] if again and len(keys) > 1 else keys)


def _depends(when: Any, name: str) -> bool:
    return isinstance(when, dict) and when.get("param") == name


def _remove(values: Any, keys: Keys) -> None:
    *parents, last = keys
    for parent in parents:
        below = values.get(parent) if isinstance(values, dict) else None
        if not isinstance(below, dict):
            last = parent  # an item of a list: the whole list is removed
            break
        values = below
    if isinstance(values, dict):
        values.pop(last, None)
