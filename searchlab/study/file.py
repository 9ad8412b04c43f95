"""Read a study file and the command line into a StudySpec, or report all problems."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from searchlab.core.nearest import nearest
from searchlab.errors import StudyFileError
from searchlab.study import yaml_text
from searchlab.study.fields import MisplacedError
from searchlab.study.others import is_name
from searchlab.study.plain import plain
from searchlab.study.problems import Check, Finder, Keys, line_of
from searchlab.study.spec import StudySpec

_LARGEST = 50_000  # bytes; people write study files by hand


@dataclass(frozen=True)
class StudyFile:
    """A study and its file.

    Attributes:
        spec: the validated study with overrides applied.
        path: the file.
        text: the file's text as written.
    """

    spec: StudySpec
    path: Path
    text: str


def load_study(
    path: Path, overrides: Mapping[str, Any] | None = None, checks: Sequence[Check] = ()
) -> StudyFile:
    """Read a study file.

    Args:
        path: a YAML file of at most 50 kB in UTF-8.
        overrides: values by dotted key, which take precedence over the file.
        checks: further checks once the types fit.

    Raises:
        StudyFileError: with all problems of the file, each naming file, line, key and remedy.
    """
    text = _read(path)
    node = yaml_text.compose(path, text)
    if not isinstance(node, yaml.MappingNode):
        raise StudyFileError(
            [
                f"{path}:1: is not a study: it needs keys such as name, data and space "
                "(searchlab init writes an example)"
            ]
        )
    values = yaml_text.plain(node)
    own_name = values.get("name")
    _override(values, overrides or {}, str(path))
    of_yaml = list(yaml_text.problems(node))
    finder = Finder(values)
    spec = finder.find(checks, path)
    if spec is None or of_yaml or finder.problems:
        source = _Source(path, node, frozenset(overrides or ()))
        raise StudyFileError(source.lines(of_yaml, finder.problems))
    return StudyFile(_registered(spec, values, own_name), path, text)


def _registered(spec: StudySpec, values: Mapping[str, Any], own_name: Any) -> StudySpec:
    """Name the registered model: all studies of a file compete for one, whatever their --name."""
    if "registered_model" in values:
        return spec
    name = own_name if is_name(own_name) else spec.name
    return spec.model_copy(update={"registered_model": name})


def study_of_values(
    values: Mapping[str, Any],
    base: Path,
    overrides: Mapping[str, Any] | None = None,
    checks: Sequence[Check] = (),
) -> StudyFile:
    """Return a study that was never a file.

    Args:
        values: the keys of a study file; params of the space may be `Int`, `Float` and `Choice`,
            and NumPy's numbers and paths become plain values.
        base: the directory from which relative paths in the study start.
        overrides: values by dotted key, which win over the others.
        checks: further checks of what fits the types.

    Raises:
        StudyFileError: with all problems of the study, each naming key and remedy.
    """
    own_name = values.get("name")
    label = f"study {_printable(own_name)}" if isinstance(own_name, str) else "the study"
    described = _plain(values, (), label)
    _override(described, overrides or {}, label)
    path = base / f"{described.get('name')}.yaml"
    finder = Finder(described)
    spec = finder.find(checks, path)
    if spec is None or finder.problems:
        raise StudyFileError(
            [f"{label}: {_key('.'.join(keys))}{message}" for keys, message in finder.problems]
        )
    text = yaml.safe_dump(described, sort_keys=False, allow_unicode=True)
    return StudyFile(_registered(spec, described, own_name), path, text)


def _plain(value: Any, keys: Keys, label: str) -> Any:
    """Return a value as a file would hold it.

    Raises:
        StudyFileError: if a file cannot hold it.
    """
    try:
        return plain(value, keys)
    except MisplacedError as error:
        raise StudyFileError([f"{label}: {_key('.'.join(error.key))}{error}"]) from None


def parse_override(text: str) -> tuple[str, Any]:
    """Parse `search.options.pruner=none` into a dotted key and a plain YAML value.

    Raises:
        StudyFileError: if there is no `=`, or the value is not YAML.
    """
    key, equals, value = text.partition("=")
    if not equals or not all(part for part in key.split(".")):
        raise StudyFileError([f"--set {text}: write it as dotted.key=value"])
    node = yaml_text.compose(Path(f"--set {key}"), value or "null")
    for _, where, message in yaml_text.problems(node, (key,)):
        raise StudyFileError([f"--set {where}: {message}"])
    return key, yaml_text.plain(node)


def _read(path: Path) -> str:
    try:
        with path.open("rb") as file:
            content = file.read(_LARGEST + 1)
    except IsADirectoryError:
        raise StudyFileError([f"{path}: is a directory: name the study file in it"]) from None
    except FileNotFoundError:
        raise StudyFileError([f"{path}: {_missing(path)}"]) from None
    except OSError as error:
        raise StudyFileError(
            [f"{path}: cannot be read ({error.strerror}): check its name and your access to it"]
        ) from None
    except ValueError:
        raise StudyFileError(["the study file's name has a NUL character in it"]) from None
    if len(content) > _LARGEST:
        raise StudyFileError(
            [
                f"{path}: is larger than {_LARGEST // 1000} kB, so it is not a study file: "
                "name another"
            ]
        )
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        raise StudyFileError([f"{path}:{line}: is not UTF-8 text: save it as UTF-8"]) from None


def _missing(path: Path) -> str:
    near = sorted(p.name for p in path.parent.glob("*.y*ml")) if path.parent.is_dir() else []
    close = nearest(path.name, near)
    hint = f"did you mean {path.parent / close[0]}?" if close else "searchlab init writes one"
    return f"there is no such file: {hint}"


def _override(values: dict[str, Any], overrides: Mapping[str, Any], label: str) -> None:
    """Set values by their dotted keys.

    Raises:
        StudyFileError: if a key is none, or no file can hold a value.
    """
    for dotted, value in overrides.items():
        keys = tuple(dotted.split(".")) if isinstance(dotted, str) else ()
        if not keys or not all(keys):
            raise StudyFileError([f"{label}: no key is {dotted!r}: write one as search.trials"])
        _set(values, keys, _plain(value, keys, f"{label} with overrides"))


def _set(values: dict[str, Any], keys: Keys, value: Any) -> None:
    *parents, last = keys
    for parent in parents:
        below = values.get(parent)
        if not isinstance(below, dict):
            below = values[parent] = {"factory": below} if isinstance(below, str) else {}
        values = below
    values[last] = value


@dataclass(frozen=True)
class _Source:
    """The places of problems: a line of the file, or an override."""

    path: Path
    node: yaml.Node
    overridden: frozenset[str]

    def lines(
        self, of_yaml: Sequence[tuple[int, str, str]], others: Sequence[tuple[Keys, str]]
    ) -> list[str]:
        """Return one line for each problem, in the order of the file."""
        found = [(line, f"{self.path}:{line}: {_key(key)}{text}") for line, key, text in of_yaml]
        found += [(line_of(self.node, keys), self._line(keys, text)) for keys, text in others]
        return list(dict.fromkeys(text for _, text in sorted(found, key=lambda each: each[0])))

    def _line(self, keys: Keys, message: str) -> str:
        dotted = ".".join(keys)
        if any(dotted == key or dotted.startswith(f"{key}.") for key in self.overridden):
            return f"{self.path} with {dotted} overridden: {message}"
        return f"{self.path}:{line_of(self.node, keys)}: {_key(dotted)}{message}"


def _key(dotted: str) -> str:
    return f"{_printable(dotted)}: " if dotted else ""


def _printable(text: str) -> str:
    return "".join(char if char.isprintable() else "?" for char in text)
