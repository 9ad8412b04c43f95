"""Make the reference pages from the code, so that they cannot go stale.

MkDocs calls `on_page_markdown` for each page. A line that is one of the marks below is replaced:

    <!-- reference: study-file -->   each key of a study file, from its JSON schema
    <!-- reference: commands -->     each command with its options, from the command line itself
    <!-- reference: datasets -->     each data set that can be named
    <!-- drawing: rooms -->          the rooms of the package, from the architecture test's table
    <!-- drawing: NAME.svg -->       a picture of docs/pictures, in the page's own colours
    <!-- include: FILE -->           a file of the repository's root
"""

from __future__ import annotations

import ast
import html
import re
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import click
import yaml

ROOT = Path(__file__).resolve().parents[2]
EXAMPLES = ROOT / "docs" / "examples"
_LONG = 80  # characters of an example; a longer one is shown key by key
_MARK = re.compile(r"^<!-- (reference|drawing|include): (\S+) -->$", re.MULTILINE)


def on_page_markdown(markdown: str, **_: Any) -> str:
    """Replace the marks of a page."""
    return _MARK.sub(lambda mark: _made(mark[1], mark[2]), markdown)


def _made(kind: str, name: str) -> str:
    made: dict[tuple[str, str], Callable[[], str]] = {
        ("reference", "study-file"): study_file,
        ("reference", "commands"): commands,
        ("reference", "datasets"): datasets,
        ("drawing", "rooms"): rooms,
    }
    if kind == "include":
        return (ROOT / name).read_text(encoding="utf-8").partition("\n")[2]  # without its title
    if kind == "drawing" and name.endswith(".svg"):
        drawing = (ROOT / "docs" / "pictures" / name).read_text(encoding="utf-8")
        return _figure(drawing)
    return made[kind, name]()


def _figure(svg: str) -> str:
    """An SVG in the page itself; Markdown would end it at an empty line."""
    lines = [line for line in svg.splitlines() if line.strip()]
    return "\n".join(['<figure class="drawing">', *lines, "</figure>"])


# ---- the study file

_PARAMS = ("IntSpec", "FloatSpec", "ChoiceSpec", "ClassWeights")
"""The groups that are a param of the search, wherever they are."""


def schema() -> dict[str, Any]:
    """Return what `searchlab schema` prints."""
    from searchlab.study.spec import StudySpec

    return StudySpec.model_json_schema(by_alias=True)


def study_file() -> str:
    """Describe each key: a table for the top of the file, and one for each group of keys."""
    whole = schema()
    parts = [f"### The whole file\n\n{_table('', whole, whole)}"]
    for key, value in whole["properties"].items():
        if key == "space":
            parts.append("### `space`\n\nEach param by its name, of one of these kinds:")
        for title, path, group in _groups(key, value, whole):
            about = group.get("description", "").partition("\n")[0]
            parts.append(f"### {title}\n\n{about}\n\n{_table(path, group, whole)}")
    return "\n\n".join(parts)


def _groups(
    key: str, value: Mapping[str, Any], whole: Mapping[str, Any]
) -> Iterator[tuple[str, str, Mapping[str, Any]]]:
    """The groups of keys below a key: a title, the dotted path, and the schema of each."""
    for name, group in _referred(value, whole):
        if name in _PARAMS and key != "space":
            continue
        kind = f".{name.removesuffix('Spec').lower()}" if key == "space" else ""
        yield f"`{key}{kind}`", key, group
        for inner, below in group.get("properties", {}).items():
            if inner != "when" or name == "IntSpec":  # the same for each kind of param
                yield from _groups(f"{key}.{inner}", below, whole)


def _referred(
    value: Mapping[str, Any], whole: Mapping[str, Any]
) -> Iterator[tuple[str, Mapping[str, Any]]]:
    if "$ref" in value:
        name, below = _definition(value, whole)
        if "oneOf" not in below:  # several values for the search are no group of their own
            yield name, below
    for choice in (*value.get("anyOf", ()), *value.get("oneOf", ())):
        yield from _referred(choice, whole)
    if isinstance(value.get("additionalProperties"), dict):
        yield from _referred(value["additionalProperties"], whole)


def _definition(
    value: Mapping[str, Any], whole: Mapping[str, Any]
) -> tuple[str, Mapping[str, Any]]:
    name = value["$ref"].rpartition("/")[2]
    return name, whole["$defs"][name]


def _table(path: str, group: Mapping[str, Any], whole: Mapping[str, Any]) -> str:
    rows = ["| key | type | default | meaning, and an example |", "|---|---|---|---|"]
    for key, value in group.get("properties", {}).items():
        dotted = f"{path}.{key}" if path else key
        default = "required" if key in group.get("required", ()) else _default(value)
        example = _code(f"{key}: {_flow(example_of(dotted))}")
        if len(example) > _LONG:
            example = f"See [`{dotted}`](#{dotted.replace('.', '').lower()})."
        about = " ".join(str(value.get("description", "")).split())
        cells = [f"`{key}`", type_of(value, whole), default, f"{about}<br>{example}"]
        rows.append(f"| {' | '.join(cell.replace('|', '&#124;') for cell in cells)} |")
    return "\n".join(rows)


_NAMES = {
    **{"string": "text", "integer": "whole number", "number": "number", "object": "group"},
    **{"boolean": "true or false", "null": "null"},
}
_PLAIN = ["true or false", "whole number", "number", "text", "null"]


def type_of(value: Mapping[str, Any], whole: Mapping[str, Any]) -> str:
    """Say in words what a key takes."""
    if "$ref" in value:
        name, below = _definition(value, whole)
        if "oneOf" in below:
            return type_of(below, whole)
        group = "a param, as in `space`" if name in _PARAMS else "group"
        return "`{choice: [...]}`" if name.startswith("Sought") else group
    if "enum" in value or "const" in value:
        return " or ".join(f"`{each}`" for each in value.get("enum", [value.get("const")]))
    if choices := [*value.get("anyOf", ()), *value.get("oneOf", ())]:
        words = list(dict.fromkeys(type_of(each, whole) for each in choices))
        if set(_PLAIN) <= set(words):
            words = ["plain value", *(word for word in words if word not in _PLAIN)]
        return " or ".join(word for word in words if word != "null")
    if value.get("type") == "array":
        return "[low, high]" if "prefixItems" in value else _list_of(value["items"], whole)
    return _NAMES.get(str(value.get("type")), "any value") + _bounds(value)


def _list_of(items: Mapping[str, Any], whole: Mapping[str, Any]) -> str:
    words = type_of(items, whole)
    return f"list of {words}" + ("s" if words == "plain value" else "")


def _bounds(value: Mapping[str, Any]) -> str:
    signs = {"minimum": "≥", "exclusiveMinimum": ">", "maximum": "≤", "exclusiveMaximum": "<"}
    bounds = [f"{sign} {value[key]:,}" for key, sign in signs.items() if key in value]
    return f", {' and '.join(bounds)}" if bounds else ""


def _default(value: Mapping[str, Any]) -> str:
    if "default" not in value:
        return ""
    if value["default"] is None:
        return "none"
    if isinstance(value["default"], dict) and value["default"]:
        return "its keys' defaults"
    return _code(_flow(value["default"]))


def _flow(value: Any) -> str:
    """A value as one line of YAML."""
    text = yaml.safe_dump(value, default_flow_style=True, sort_keys=False, width=10_000)
    return text.removesuffix("\n").removesuffix("\n...")


def _code(text: str) -> str:
    return f"`{text}`"


def example_of(dotted: str) -> Any:
    """Return the value of a key in the first of the complete examples that has it.

    Raises:
        LookupError: if none has; add it to a file of docs/examples.
    """
    for file in sorted(EXAMPLES.glob("*.yaml")):
        found = list(_values(yaml.safe_load(file.read_text(encoding="utf-8")), dotted.split(".")))
        if found:
            return found[0]
    raise LookupError(f"docs/examples has no study with {dotted}")


def _values(value: Any, keys: list[str]) -> Iterator[Any]:
    """The values of a key; those of all params for a key below `space`."""
    if not keys:
        yield value
    elif isinstance(value, dict) and keys[0] in value:
        yield from _values(value[keys[0]], keys[1:])
        if keys[0] == "space":
            for param in value["space"].values():
                yield from _values(param, keys[1:])


def datasets() -> str:
    """List the data sets that a study can name."""
    from searchlab.data.catalog import DATASETS

    rows = [f"| `{name}` | {said} |" for name, said in DATASETS.items()]
    return "\n".join(["| `data.dataset` | is |", "|---|---|", *rows])


# ---- the command line


def commands() -> str:
    """Describe each command: its help and its options."""
    from searchlab.cli import cli

    parts = []
    for name, command in sorted(cli.commands.items()):
        usage = " ".join([name, *_usage(command)])
        lines = [f"### `searchlab {html.escape(usage, quote=False)}`", "", _help(command), ""]
        options = [each for each in command.params if isinstance(each, click.Option)]
        if options:
            lines += ["| option | does |", "|---|---|"]
            lines += [f"| `{_written(each)}` | {each.help or ''} |" for each in options]
        parts.append("\n".join(lines))
    return "\n\n".join(parts)


def _usage(command: click.Command) -> Iterator[str]:
    for each in command.params:
        if isinstance(each, click.Argument):
            name = each.make_metavar(click.Context(command)).strip("[]")
            yield name if each.required else f"[{name}]"


def _help(command: click.Command) -> str:
    text = " ".join((command.help or "").replace("\b", "").split())
    return html.escape(text, quote=False)


def _written(option: click.Option) -> str:
    flags = ", ".join(option.opts)
    if option.is_flag:
        return flags
    return f"{flags} {option.metavar or option.make_metavar(click.Context(click.Command('x')))}"


# ---- the rooms


def table_of_rooms() -> dict[str, set[str]]:
    """Return the architecture test's table: each room with those that it may import."""
    tree = ast.parse((ROOT / "tests" / "test_architecture.py").read_text(encoding="utf-8"))
    for node in tree.body:
        if isinstance(node, ast.AnnAssign) and ast.unparse(node.target) == "ROOMS" and node.value:
            table: dict[str, set[str]] = _evaluated(node.value)
            return table
    raise LookupError("tests/test_architecture.py has no table ROOMS")


def _evaluated(node: ast.expr) -> Any:
    """The value of a literal with unions of sets in it."""
    match node:
        case ast.Dict():
            pairs = zip(node.keys, node.values, strict=True)
            return {ast.literal_eval(key): _evaluated(value) for key, value in pairs if key}
        case ast.BinOp(left, ast.BitOr(), right):
            return _evaluated(left) | _evaluated(right)
        case ast.Call():
            return set()
        case _:
            return ast.literal_eval(node)


def floors(table: Mapping[str, set[str]]) -> list[list[str]]:
    """Put each room on the lowest floor above all rooms that it imports; the top floor first."""
    heights: dict[str, int] = {}

    def height(room: str) -> int:
        if room not in heights:
            heights[room] = 1 + max((height(each) for each in table[room]), default=-1)
        return heights[room]

    for room in table:
        height(room)
    levels = sorted(set(heights.values()), reverse=True)
    return [[room for room in table if heights[room] == level] for level in levels]


def about(room: str) -> str:
    """Return the first line of a room's docstring."""
    package = ROOT / "searchlab"
    loose = {"__init__", "__main__", "errors"}
    file = package / f"{room}.py" if room in loose else package / room / "__init__.py"
    said = ast.get_docstring(ast.parse(file.read_text(encoding="utf-8"))) or ""
    return " ".join(said.partition("\n\n")[0].split())


def rooms() -> str:
    """Draw the rooms as floors, and list what each may import."""
    table = table_of_rooms()
    lines = ["| room | holds | may import |", "|---|---|---|"]
    for room, uses in table.items():
        shown = ", ".join(f"`{each}`" for each in table if each in uses) or "nothing"
        lines.append(f"| `{room}` | {about(room)} | {shown} |")
    return "\n\n".join([_figure(_drawing(floors(table))), "\n".join(lines)])


_WIDTH, _HEIGHT, _GAP, _LEFT = 780, 46, 8, 4
_LETTER = 6.2  # the width of a small letter, on average


def _drawing(levels: list[list[str]]) -> str:
    step = _HEIGHT + _GAP
    shapes: list[str] = []
    for row, names in enumerate(levels):
        y = _GAP + row * step
        wide = (_WIDTH - 2 * _LEFT - _GAP * (len(names) - 1)) / len(names)
        for place, name in enumerate(names):
            shapes += _room(name, _LEFT + place * (wide + _GAP), y, wide)
    label = "The rooms of searchlab, from the command line at the top down to core"
    tall = step * len(levels) + _GAP
    head = f'<svg viewBox="0 0 {_WIDTH} {tall}" role="img" aria-label="{label}">'
    return "\n".join([head, *shapes, "</svg>"])


def _room(name: str, x: float, y: float, wide: float) -> Iterator[str]:
    """A box with the room's name, and what it holds as far as there is space."""
    holds = html.escape(about(name).replace("`", ""))
    short = re.split(r"[:,;.](?: |$)", holds)[0]
    said = next((each for each in (holds, short) if len(each) * _LETTER < wide), "")
    middle = x + wide / 2
    yield f"<g><title>{holds}</title>"
    yield f'<rect class="box" x="{x:.1f}" y="{y}" width="{wide:.1f}" height="{_HEIGHT}" rx="6"/>'
    yield f'<text class="strong" x="{middle:.1f}" y="{y + (20 if said else 28)}">{name}</text>'
    yield f'<text class="quiet" x="{middle:.1f}" y="{y + 37}">{said}</text></g>'
