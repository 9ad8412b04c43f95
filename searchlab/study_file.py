"""Reading study files: safe YAML, command-line overrides, and errors that name the line.

A study file is data. It is parsed with the types of YAML 1.2's core schema (so `3e-4` is a
number and `yes` is text), without tags, anchors or duplicate keys, and nothing in it is run.
"""

from __future__ import annotations

import difflib
import json
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml
from pydantic import ValidationError
from pydantic_core import ErrorDetails

from searchlab.errors import StudyFileError
from searchlab.study import StudySpec

_LARGEST = 1_000_000  # bytes; a study file is written by a person
_KIND = 2  # where pydantic's location of a param names the member of the union
_WIDTH = 60  # characters shown of a wrong value

Check = Callable[[StudySpec, Path], Iterable[tuple[str, str]]]
"""A check beyond the types: yields a dotted key and what is wrong with its value."""


@dataclass(frozen=True)
class StudyFile:
    """A study with the file it came from.

    Attributes:
        spec: the validated study, overrides applied.
        path: the file.
        text: the file's text, as written.
    """

    spec: StudySpec
    path: Path
    text: str


def load_study(
    path: Path, overrides: Mapping[str, Any] | None = None, checks: Sequence[Check] = ()
) -> StudyFile:
    """Reads a study file.

    Args:
        path: a YAML file of at most 1 MB in UTF-8.
        overrides: values by dotted key, which win over the file.
        checks: further checks, run once the types fit.

    Raises:
        StudyFileError: with all problems of the file, each naming file, line, key and remedy.
    """
    text = _read(path)
    node = _compose(path, text)
    values = _Loader.plain(node)
    for key, value in (overrides or {}).items():
        _override(values, key, value)
    source = _Source(path, node, frozenset(overrides or ()))
    try:
        spec = StudySpec.model_validate_json(json.dumps(values))
    except ValidationError as error:
        details = error.errors(include_url=False)
        raise source.error(_key_and_message(detail, values) for detail in details) from None
    problems = [problem for check in checks for problem in check(spec, path)]
    if problems:
        raise source.error((tuple(key.split(".")), message) for key, message in problems)
    return StudyFile(spec, path, text)


def parse_override(text: str) -> tuple[str, Any]:
    """`search.options.pruner=none` as a dotted key and a plain YAML value.

    Raises:
        StudyFileError: if there is no `=`, or the value is not YAML.
    """
    key, equals, value = text.partition("=")
    if not equals or not all(part for part in key.split(".")):
        raise StudyFileError([f"--set {text}: write it as dotted.key=value"])
    return key, _Loader.plain(_compose(Path(f"--set {key}"), value or "null", top=None))


def _read(path: Path) -> str:
    try:
        if path.stat().st_size > _LARGEST:
            raise StudyFileError([f"{path}: is larger than 1 MB, so it is no study file"])
        return path.read_text(encoding="utf-8")
    except UnicodeDecodeError as error:
        raise StudyFileError(
            [f"{path}: is not UTF-8 text ({error.reason}): save it as UTF-8"]
        ) from None
    except IsADirectoryError:
        raise StudyFileError([f"{path}: is a directory: name the study file in it"]) from None
    except FileNotFoundError:
        raise StudyFileError([f"{path}: {_missing(path)}"]) from None
    except OSError as error:
        raise StudyFileError([f"{path}: cannot be read: {error.strerror}"]) from None


def _missing(path: Path) -> str:
    near = sorted(p.name for p in path.parent.glob("*.y*ml")) if path.parent.is_dir() else []
    close = difflib.get_close_matches(path.name, near, n=1)
    hint = f"did you mean {path.parent / close[0]}?" if close else "searchlab init writes one"
    return f"there is no such file: {hint}"


class _Loader(yaml.SafeLoader):
    """YAML's safe loader with the core schema's types, and no duplicate keys."""

    yaml_implicit_resolvers: dict[str, list[tuple[str, Any]]] = {}  # noqa: RUF012 - PyYAML's way

    @staticmethod
    def plain(node: yaml.Node | None) -> Any:
        """The plain Python value of a node."""
        if node is None:
            return {}
        loader = _Loader("")
        try:
            return loader.construct_object(node, deep=True)
        finally:
            loader.dispose()


def _resolve(tag: str, pattern: str, first: str) -> None:
    _Loader.add_implicit_resolver(f"tag:yaml.org,2002:{tag}", re.compile(pattern), list(first))


_resolve("bool", r"^(?:true|True|TRUE|false|False|FALSE)$", "tTfF")
_resolve("int", r"^[-+]?[0-9]+$", "-+0123456789")
_resolve(
    "float",
    r"^(?:[-+]?(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:[eE][-+]?[0-9]+)?|[-+]?\.(?:inf|Inf|INF)|\.(?:nan|NaN|NAN))$",
    "-+0123456789.",
)
_resolve("null", r"^(?:~|null|Null|NULL|)$", "~nN")
_Loader.yaml_implicit_resolvers.setdefault("", []).extend(
    _Loader.yaml_implicit_resolvers.get("~", [])[-1:]
)


def _construct_int(_: yaml.SafeLoader, node: yaml.ScalarNode) -> int:
    return int(node.value)  # YAML 1.1 would read 010 as octal


_Loader.add_constructor("tag:yaml.org,2002:int", _construct_int)


def _compose(
    path: Path, text: str, top: type[yaml.Node] | None = yaml.MappingNode
) -> yaml.Node | None:
    try:
        for token in yaml.scan(text, Loader=_Loader):
            if isinstance(token, yaml.AnchorToken | yaml.AliasToken | yaml.TagToken):
                line = token.start_mark.line + 1
                raise StudyFileError(
                    [
                        f"{path}:{line}: anchors, aliases and tags are not used in study files: "
                        "write the value out"
                    ]
                )
        node = yaml.compose(text, Loader=_Loader)
    except yaml.YAMLError as error:
        raise StudyFileError([_syntax(path, error)]) from None
    if top is not None and not isinstance(node, top):
        raise StudyFileError(
            [
                f"{path}: is no study: it needs keys such as name, data and space "
                "(searchlab init writes an example)"
            ]
        )
    if node is not None:
        _refuse_duplicates(path, node)
    return node


def _syntax(path: Path, error: yaml.YAMLError) -> str:
    mark = getattr(error, "problem_mark", None) or getattr(error, "context_mark", None)
    where = f"{path}:{mark.line + 1}" if mark is not None else f"{path}"
    what = getattr(error, "problem", None) or getattr(error, "reason", None) or "not readable"
    what = " ".join(str(what).split())
    if "\\t" in what:
        return f"{where}: a tab stands where YAML wants spaces: indent with spaces"
    return f"{where}: is not valid YAML: {what}; check quotes, colons and indentation"


def _refuse_duplicates(path: Path, node: yaml.Node) -> None:
    children: list[yaml.Node] = []
    if isinstance(node, yaml.MappingNode):
        lines: dict[str, int] = {}
        for key, value in node.value:
            line = key.start_mark.line + 1
            if not isinstance(key, yaml.ScalarNode):
                raise StudyFileError([f"{path}:{line}: a key must be a plain name"])
            if key.value in lines:
                raise StudyFileError(
                    [
                        f"{path}:{line}: {key.value} stands here again (first on line "
                        f"{lines[key.value]}): remove one of them"
                    ]
                )
            lines[key.value] = line
            children.append(value)
    elif isinstance(node, yaml.SequenceNode):
        children = list(node.value)
    for child in children:
        _refuse_duplicates(path, child)


def _override(values: dict[str, Any], key: str, value: Any) -> None:
    *parents, last = key.split(".")
    for parent in parents:
        below = values.get(parent)
        if not isinstance(below, dict):
            below = values[parent] = {"factory": below} if isinstance(below, str) else {}
        values = below
    values[last] = value


_REMEDIES: dict[str, str] = {
    "int_type": "must be a whole number, got {input}",
    "int_from_float": "must be a whole number, got {input}",
    "float_type": "must be a number, got {input}",
    "string_type": "must be text, got {input}",
    "bool_type": "must be true or false, got {input}",
    "list_type": "must be a list, such as [a, b], got {input}",
    "tuple_type": "must be a list, such as [a, b], got {input}",
    "dict_type": "must be a group of keys, such as {{a: 1}}, got {input}",
    "model_type": "must be a group of keys, such as {{a: 1}}, got {input}",
    "finite_number": "must be a finite number, got {input}",
    "greater_than": "must be above {gt}, got {input}",
    "greater_than_equal": "must be at least {ge}, got {input}",
    "less_than": "must be below {lt}, got {input}",
    "less_than_equal": "must be at most {le}, got {input}",
    "too_short": "needs at least {min_length} entries, got {actual_length}",
    "too_long": "has too many entries: {actual_length} instead of {max_length}",
    "literal_error": "must be {expected}, got {input}",
    "missing": "is missing: add it",
}


class _Source:
    """Finds the line of a key, and words what is wrong with it."""

    def __init__(self, path: Path, node: yaml.Node | None, overridden: frozenset[str]) -> None:
        self._path = path
        self._node = node
        self._overridden = overridden

    def error(self, problems: Iterable[tuple[tuple[str, ...], str]]) -> StudyFileError:
        """The error for some problems, each a key and a message, in the order of the file."""
        ordered = sorted(dict.fromkeys(problems), key=lambda problem: self._find(problem[0]))
        return StudyFileError([self._at(keys, message) for keys, message in ordered])

    def _at(self, keys: tuple[str, ...], message: str) -> str:
        dotted = ".".join(keys)
        if any(dotted == key or dotted.startswith(f"{key}.") for key in self._overridden):
            return f"{self._path} with {dotted} from the command line: {message}"
        line = self._find(keys)
        return f"{self._path}:{line}: {dotted + ': ' if dotted else ''}{message}"

    def _find(self, keys: tuple[str, ...]) -> int:
        node, line = self._node, 1
        for key in keys:
            if isinstance(node, yaml.MappingNode):
                found = [(k, v) for k, v in node.value if k.value == key]
                if not found:
                    break
                line = found[0][0].start_mark.line + 1
                node = found[0][1]
            elif isinstance(node, yaml.SequenceNode) and key.isdigit():
                node = node.value[int(key)]
                line = node.start_mark.line + 1
            else:
                break
        return line


def _key_and_message(detail: ErrorDetails, values: Any) -> tuple[tuple[str, ...], str]:
    keys = _keys(detail["loc"], values, detail["type"])
    return keys, _wording(detail, keys)


def _keys(loc: tuple[int | str, ...], values: Any, kind: str) -> tuple[str, ...]:
    """Pydantic's location without the names of union members, which are not in the file."""
    keys: list[str] = []
    for position, part in enumerate(loc):
        last = position == len(loc) - 1
        if loc[0] == "space" and position == _KIND:
            continue  # the kind of param, which the file has as a key beside the others
        if _below(values, part):
            values = values[part]
        elif not (last and kind == "missing"):
            continue
        keys.append(str(part))
    return tuple(keys)


def _below(values: Any, part: int | str) -> bool:
    if isinstance(values, list):
        return isinstance(part, int) and part < len(values)
    return isinstance(values, dict) and part in values


def _wording(detail: ErrorDetails, keys: tuple[str, ...]) -> str:
    kind = detail["type"]
    if kind == "extra_forbidden":
        return _unknown_key(keys)
    if kind == "value_error":
        return str(detail["ctx"]["error"])
    shown = detail["input"]
    context = {"input": _short(shown), **detail.get("ctx", {})}
    if kind in _REMEDIES:
        return _REMEDIES[kind].format(**context)
    message = detail["msg"]
    return f"{message[:1].lower()}{message[1:]}, got {_short(shown)}"


def _unknown_key(keys: tuple[str, ...]) -> str:
    known = _known_keys(keys[:-1])
    close = difflib.get_close_matches(keys[-1], known, n=1, cutoff=0.5)
    if close:
        return f"unknown key; did you mean {close[0]}?"
    return f"unknown key; known here: {', '.join(known)}"


def _known_keys(parents: tuple[str, ...]) -> list[str]:
    """The keys that the schema allows below `parents`, in any of its variants."""
    schema = StudySpec.model_json_schema(by_alias=True)
    places = [schema]
    for parent in parents:
        below = [_property(place, parent) for place in _variants(places, schema)]
        places = [place for place in below if place is not None]
    found = _variants(places, schema)
    return sorted({key for place in found for key in place.get("properties", {})})


def _property(place: dict[str, Any], key: str) -> dict[str, Any] | None:
    found = place.get("properties", {}).get(key, place.get("additionalProperties"))
    return found if isinstance(found, dict) else None


def _variants(places: list[dict[str, Any]], schema: dict[str, Any]) -> list[dict[str, Any]]:
    found = []
    for place in places:
        if "$ref" in place:
            found += _variants([schema["$defs"][place["$ref"].rsplit("/", 1)[-1]]], schema)
        elif "anyOf" in place or "oneOf" in place:
            found += _variants(place.get("anyOf", []) + place.get("oneOf", []), schema)
        else:
            found.append(place)
    return found


def _short(value: Any) -> str:
    text = "nothing" if value is None else json.dumps(value, default=str, ensure_ascii=False)
    return text if len(text) <= _WIDTH else f"{text[: _WIDTH - 3]}..."
