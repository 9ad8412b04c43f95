"""The YAML of study files: plain values with YAML 1.2's types, and the lines they are on.

It is parsed with the types of YAML 1.2's core schema (so `3e-4` is a number, `yes` is text, and
`010` is ten), without tags, anchors or aliases, and to a bounded depth and size, so that no file
can exhaust the parser.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import yaml

from searchlab.errors import StudyFileError

_DEEPEST = 20  # levels of groups and lists; a study needs five
_LONGEST_NUMBER = 400  # characters; Python itself refuses above 4,300


class _Loader(yaml.SafeLoader):
    """PyYAML's safe loader with the core schema's types and without references."""

    yaml_implicit_resolvers: dict[str, list[tuple[str, Any]]] = {}  # noqa: RUF012 - PyYAML's way

    def __init__(self, text: str) -> None:
        super().__init__(text)
        self._depth = 0

    def compose_document(self) -> yaml.Node | None:
        """Return the only document; PyYAML's message on a second one names no remedy."""
        node = super().compose_document()
        if not self.check_event(yaml.StreamEndEvent):
            raise _at("a second document begins here: keep one study in a file", self._next())
        return node

    def compose_node(self, parent: yaml.Node | None, index: Any) -> yaml.Node | None:
        """Compose a node, unless it is a reference or too deep."""
        event = self._next()
        if getattr(event, "anchor", None) or getattr(event, "tag", None):
            raise _at("anchors, aliases and tags are not used in study files: write the value out "
                      "(and put text that begins with &, * or ! in quotes)", event)  # fmt: skip
        if self._depth == _DEEPEST:
            raise _at(f"groups and lists are nested more than {_DEEPEST} deep: remove brackets, or "
                      "indent less", event)  # fmt: skip
        self._depth += 1
        node = super().compose_node(parent, index)
        self._depth -= 1
        if isinstance(node, yaml.ScalarNode) and node.tag.endswith(":int"):
            length = len(node.value)
            if length > _LONGEST_NUMBER:
                raise _at(f"a number of {length} digits is too long: write a shorter one", event)
        return node

    def _next(self) -> yaml.Event:
        event: yaml.Event = self.peek_event()  # type: ignore[no-untyped-call]
        return event


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


def compose(path: Path, text: str) -> yaml.Node | None:
    """Parse YAML into nodes with their lines; None for an empty text.

    Args:
        path: the file, for errors.
        text: its text.

    Raises:
        StudyFileError: if it is not YAML, or uses YAML that study files do not allow.
    """
    try:
        loader = _Loader(text)
        try:
            node: yaml.Node | None = loader.get_single_node()
        finally:
            loader.dispose()
    except yaml.reader.ReaderError as error:
        line = text.count("\n", 0, error.position) + 1
        raise StudyFileError(
            [f"{path}:{line}: the character U+{error.character:04X} has no place in a text "
             "file: remove it"]
        ) from None  # fmt: skip
    except yaml.YAMLError as error:
        raise StudyFileError([_syntax(path, text, error)]) from None
    return node


def plain(node: yaml.Node | None) -> Any:
    """Return the plain Python value of a node; of a repeated key, the first value."""
    loader = _Loader("")
    try:
        return _plain(node, loader)
    finally:
        loader.dispose()


def _plain(node: yaml.Node | None, loader: _Loader) -> Any:
    if isinstance(node, yaml.MappingNode):
        values: dict[str, Any] = {}
        for key, value in node.value:
            if isinstance(key, yaml.ScalarNode):
                values.setdefault(key.value, _plain(value, loader))
        return values
    if isinstance(node, yaml.SequenceNode):
        return [_plain(value, loader) for value in node.value]
    return None if node is None else loader.construct_object(node)


def problems(node: yaml.Node | None, above: tuple[str, ...] = ()) -> Iterator[tuple[int, str, str]]:
    """Find keys that are repeated or are not names.

    Yields:
        The line, the dotted key and the message of each.
    """
    if isinstance(node, yaml.MappingNode):
        yield from _key_problems(node, above)
        for key, value in node.value:
            if isinstance(key, yaml.ScalarNode):
                yield from problems(value, (*above, key.value))
    elif isinstance(node, yaml.SequenceNode):
        for position, value in enumerate(node.value):
            yield from problems(value, (*above, str(position)))


def _key_problems(node: yaml.MappingNode, above: tuple[str, ...]) -> Iterator[tuple[int, str, str]]:
    lines: dict[str, int] = {}
    for key, _ in node.value:
        line = key.start_mark.line + 1
        if not isinstance(key, yaml.ScalarNode):
            yield line, ".".join(above), "a key must be a plain name, not a list or a group"
        elif key.value in lines:
            dotted = ".".join((*above, key.value))
            yield line, dotted, f"appears again (first on line {lines[key.value]}): remove one"
        else:
            lines[key.value] = line


def _at(message: str, event: yaml.Event) -> yaml.MarkedYAMLError:
    return _RefusedError(problem=message, problem_mark=event.start_mark)  # type: ignore[arg-type]


class _RefusedError(yaml.MarkedYAMLError):
    """Valid YAML that is not allowed here; its `problem` is a whole message."""


_NO_KEY_HERE = "mapping values are not allowed here"
_SECOND_COLON = (
    "a second colon in one line: put text with a colon in quotes, and each key on a line of its own"
)
_WORDS = {
    _NO_KEY_HERE: "this line is indented deeper than the one above, which has a value already: "
    "indent both alike, or remove one of them",
    "could not find expected ':'": "a colon is missing after a key: write key: value",
}


def _syntax(path: Path, text: str, error: yaml.YAMLError) -> str:
    mark = getattr(error, "problem_mark", None)
    context, opened = getattr(error, "context", None) or "", getattr(error, "context_mark", None)
    what = " ".join(str(getattr(error, "problem", None) or "not readable").split())
    # An unclosed quote or bracket is fixed where it opens, not where the parser stopped.
    if opened is not None and "quoted scalar" in context and "end of stream" in what:
        return (
            f"{path}:{opened.line + 1}: is not valid YAML: a quote opens here and is never closed"
        )
    if opened is not None and "flow" in context:
        return (
            f"{path}:{opened.line + 1}: is not valid YAML: a bracket opens here and is never "
            "closed, or a comma is missing behind it"
        )
    where = f"{path}:{mark.line + 1}" if mark is not None else f"{path}"
    if isinstance(error, _RefusedError):
        return f"{where}: {what}"
    if mark is not None and what == _NO_KEY_HERE:
        line = text[mark.index - mark.column : mark.index]  # up to the colon
        what = _SECOND_COLON if ": " in line else what
    if "\\t" in what:
        return f"{where}: a tab is used where YAML needs spaces: indent with spaces"
    return f"{where}: is not valid YAML: {_WORDS.get(what, what)}; check quotes and indentation"
