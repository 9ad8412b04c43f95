"""The user's own source code, kept with the model.

A Keras file holds the weights and the architecture, but no code for custom layers. Therefore the
modules that a factory imported from its own project are stored too, under their import names.
"""

from __future__ import annotations

import ast
import shutil
import sys
import sysconfig
from collections.abc import Iterator
from importlib import metadata
from pathlib import Path

from searchlab.core.versions import PACKAGE
from searchlab.factories.find import BUILT_IN, Factory, locate_factory
from searchlab.journal.layout import ROOT

_INSTALLED = {"site-packages", "dist-packages"}
_NOT_MODULES = ("__main__", "__mp_main__")


def copy_code(reference: str, base: Path, directory: Path) -> None:
    """Copy the modules that an already loaded factory needs from its own project.

    These are the modules in memory below the factory's root, except the standard library,
    installed packages and searchlab. With `directory` on `sys.path`, `import their_module` finds
    them.

    Args:
        reference: the factory; nothing is copied for a built-in one.
        base: the directory of the study file.
        directory: the destination; not created if there are none.

    Raises:
        OSError: if a file cannot be copied.
    """
    if reference in BUILT_IN:
        return
    for name, file in _own_modules(locate_factory(reference, base)):
        place = directory.joinpath(*name.split("."))
        package = file.name == "__init__.py"
        target = place / file.name if package else place.with_suffix(".py")
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(file, target)


def imported_packages(directory: Path) -> dict[str, str]:
    """Return the installed distributions that the copied modules import, with their versions."""
    names = {name for file in directory.rglob("*.py") for name in _imports(file)}
    if not names:
        return {}
    owners = metadata.packages_distributions()
    found = {owner for name in names for owner in owners.get(name, [])}
    return {name: metadata.version(name) for name in sorted(found)}


def _own_modules(factory: Factory) -> Iterator[tuple[str, Path]]:
    roots = {factory.root, _top(factory)}
    library = {sysconfig.get_path(name) for name in ("stdlib", "platstdlib")}
    foreign = [Path(path).resolve() for path in library]
    foreign.append(PACKAGE)
    for name, module in list(sys.modules.items()):
        source = getattr(module, "__file__", None)
        if name in _NOT_MODULES or source is None or not source.endswith(".py"):
            continue
        file = Path(source).resolve()
        # A submitted study's root is itself below `.searchlab`, so only the part below it counts.
        below = [file.relative_to(root).parts for root in roots if file.is_relative_to(root)]
        own = any(ROOT not in parts for parts in below)
        if own and not (_INSTALLED & set(file.parts) or any(map(file.is_relative_to, foreign))):
            yield name, file


def _top(factory: Factory) -> Path:
    """Return the `sys.path` directory that the factory's module is imported from."""
    if factory.module is None:
        return factory.root
    file = factory.file.parent if factory.file.name == "__init__.py" else factory.file
    return file.resolve().parents[factory.module.count(".")]


def _imports(file: Path) -> Iterator[str]:
    """Yield the top-level names of the modules that a file imports."""
    for node in ast.walk(ast.parse(file.read_bytes())):
        if isinstance(node, ast.Import):
            yield from (alias.name.partition(".")[0] for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            yield node.module.partition(".")[0]
