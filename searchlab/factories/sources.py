"""The user's own files that a study needs on another machine, found without running any of them.

These are the Python files that the study's code imports, as its source says, and the files that the
study declares in `files`. Nothing else is ever sent: a study's directory also holds notes,
databases and keys.
"""

from __future__ import annotations

import ast
import glob
import os
import sys
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from searchlab.errors import InputError
from searchlab.factories.find import BUILT_IN, locate_factory
from searchlab.study.spec import StudySpec


def own_files(spec: StudySpec, references: Iterable[str], base: Path) -> list[Path]:
    """Return the user's files that a study's code needs, sorted.

    Args:
        spec: the study.
        references: the study's code that is needed, such as its model factory; code that is built
            in or installed needs no files.
        base: the directory of the study file.

    Returns:
        Absolute paths whose parts below the directory of the code may be links within it.

    Raises:
        ModelError: if there is no such code.
        InputError: if a file is a link out of its directory, or a declared one does not exist.
    """
    places = [place for name in references if (place := _place(name, base)) is not None]
    roots = list(dict.fromkeys(place.root for place in places))
    files = set(declared_files(spec.files, base))
    for place in places:
        own_first = [place.root, *(root for root in roots if root != place.root)]
        files.update(_closure(place.module, own_first))
    return sorted(files)


def declared_files(patterns: Iterable[str], base: Path) -> list[Path]:
    """Return the files that a study declares.

    Raises:
        InputError: if a pattern matches no file, or one that is a link out of the directory.
    """
    root, found = base.resolve(), list[Path]()
    for pattern in patterns:
        matches = [root / name for name in glob.glob(pattern, root_dir=root, recursive=True)]  # noqa: PTH207
        files = [inside(path, root) for path in matches if path.is_file()]
        if not files:
            raise InputError(
                f"no file is named like {pattern}: a path starts at the study file's directory, "
                "and all files of a directory are named as words/**"
            )
        found += files
    return found


def declared_problems(spec: StudySpec, base: Path) -> Iterator[tuple[str, str]]:
    """Find problems with the files that a study declares.

    Yields:
        The key and the message of each problem.
    """
    try:
        declared_files(spec.files, base)
    except InputError as error:
        yield "files", str(error)


@dataclass(frozen=True)
class _Place:
    """The module of a reference, and the directory that it and its neighbours are imported from."""

    module: str
    root: Path


def _place(reference: str, base: Path) -> _Place | None:
    """Return where the code of a reference is; None if it is built in or installed."""
    if reference in BUILT_IN:
        return None
    code = locate_factory(reference, base)
    root = code.root.resolve()
    if code.module is None:
        given = Path(os.path.normpath(base.resolve() / reference.rpartition(":")[0]))
        inside(given, base.resolve())
        return _Place(code.file.stem, root)
    return None if _find(code.module, [root]) is None else _Place(code.module, root)


def inside(path: Path, root: Path) -> Path:
    """Return a path as it is, unless a link on its way leads out of a resolved directory.

    Raises:
        InputError: if one does.
    """
    if path.is_relative_to(root) and not path.resolve().is_relative_to(root):
        raise InputError(
            f"{path} is a link to {path.resolve()}, outside of {root}, and is not sent to a "
            "cluster: put the file itself there"
        )
    return path


# ---- what a module imports


def _closure(module: str, roots: Sequence[Path]) -> set[Path]:
    """Return the files of a module, of its packages, and of all that they import from `roots`."""
    files, seen, wanted = set[Path](), set[str](), [module]
    while wanted:
        parts = wanted.pop().split(".")
        for depth in range(1, len(parts) + 1):
            name = ".".join(parts[:depth])
            if name in seen:
                continue
            seen.add(name)
            if (file := _find(name, roots)) is not None:
                files.add(file)
                wanted += _imports(file, name, roots)
    return files


def _find(module: str, roots: Sequence[Path]) -> Path | None:
    """Return the file of a module in the first directory that has it; a package's `__init__.py`."""
    for root in roots:
        place = root.joinpath(*module.split("."))
        for file in (place / "__init__.py", place.with_name(f"{place.name}.py")):
            if file.is_file():
                return inside(file, root)
    return None


def _imports(file: Path, module: str, roots: Sequence[Path]) -> list[str]:
    """Return the names of the modules that a file may import; some may be no modules."""
    try:
        tree = ast.parse(file.read_bytes())
    except (SyntaxError, ValueError):  # told by whoever imports it
        return []
    package = module if file.name == "__init__.py" else module.rpartition(".")[0]
    found = {name for node in ast.walk(tree) for name in _named(node, package, roots)}
    return sorted(name for name in found if _may_be_own(name))


def _may_be_own(name: str) -> bool:
    """Return whether a name can be that of a module of the user's, which never hides Python's."""
    parts = name.split(".")
    return parts[0] not in sys.stdlib_module_names and all(map(str.isidentifier, parts))


def _named(node: ast.AST, package: str, roots: Sequence[Path]) -> Iterator[str]:
    """Yield the names of modules in an import statement or a call of `import_module`."""
    match node:
        case ast.Import():
            yield from (alias.name for alias in node.names)
        case ast.ImportFrom():
            source = _absolute("." * node.level + (node.module or ""), package)
            for alias in node.names:
                names = _all_of(source, roots) if alias.name == "*" else [alias.name]
                yield from (f"{source}.{name}" for name in ["", *names] if name)
            yield source
        case ast.Call(
            func=ast.Name(id="import_module" | "__import__") | ast.Attribute(attr="import_module"),
            args=[ast.Constant(value=str(name)), *_],
        ):
            yield _absolute(name, package)


def _absolute(name: str, package: str) -> str:
    """Return the absolute name of a module that may be named relative to a package."""
    relative = name.lstrip(".")
    level = len(name) - len(relative)
    if not level:
        return name
    above = package.split(".")[: len(package.split(".")) - level + 1]
    return ".".join([*above, *([relative] if relative else [])])


def _all_of(package: str, roots: Sequence[Path]) -> list[str]:
    """Return the names in a package's `__all__`, which `import *` imports if they are modules."""
    file = _find(package, roots) if _may_be_own(package) else None
    if file is None:
        return []
    try:
        tree = ast.parse(file.read_bytes())
    except (SyntaxError, ValueError):
        return []
    values = [
        node.value
        for node in tree.body
        if isinstance(node, ast.Assign | ast.AugAssign)
        and any(isinstance(each, ast.Name) and each.id == "__all__" for each in ast.walk(node))
    ]
    constants = [each for value in values for each in ast.walk(value)]
    return [
        each.value
        for each in constants
        if isinstance(each, ast.Constant) and isinstance(each.value, str)
    ]
