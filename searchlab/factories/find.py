"""Find, load and call model factories by reference.

A reference is the name of a built-in factory or of one that another installed package offers,
`path/to/file.py:function`, or `package.module:function`. Checking a reference reads the source as
text, so that validating a study file runs no user code; only a training imports it.
"""

from __future__ import annotations

import ast
import hashlib
import importlib
import importlib.machinery
import importlib.util
import inspect
import os
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import Any

from searchlab.core.entry_points import Offer, find_offer, offers
from searchlab.core.nearest import did_you_mean
from searchlab.errors import InputError, ModelError
from searchlab.study.spec import StudySpec

BUILT_IN = {"mlp": "searchlab.factories.built_in:mlp"}
"""Built-in factories by their name in study files."""

GIVEN = ("input_shape", "meta")
"""Arguments that searchlab passes to a factory that accepts them."""


FACTORY = "model factory"
"""The use of a reference in messages, where no other is given."""


@dataclass(frozen=True)
class Factory:
    """The location of a factory's source.

    Attributes:
        reference: the name in the study file.
        file: the source file.
        function: the function's name in that file.
        module: the dotted name to import it by, or None for a file named by its path.
        root: the directory from which it and its neighbours are imported.
        package: the installed package that offers it by name, or None.
        what: its use in messages.
    """

    reference: str
    file: Path
    function: str
    module: str | None
    root: Path
    package: str | None = None
    what: str = FACTORY

    def __str__(self) -> str:
        package = "" if self.package is None else f" of package {self.package}"
        return f"the {self.what} {self.reference}{package}"


def locate_factory(reference: str, base: Path, what: str = FACTORY) -> Factory:
    """Find the source of a factory, or of other code of the user's, without importing it.

    Args:
        reference: see the module's description.
        base: the directory from which a relative path starts.
        what: its use in messages, such as "transformer".

    Raises:
        ModelError: if there is no such factory; suggests similar names.
    """
    offer = None if ":" in reference or reference in BUILT_IN else named_offer(reference)
    target = BUILT_IN.get(reference, reference) if offer is None else offer.target
    place, colon, function = target.rpartition(":")
    if offer is not None:
        return _offered(offer, place, function, base)
    if not colon or not place or not function.isidentifier():
        names = [*BUILT_IN, *offers("model factory")]
        hint = did_you_mean(reference, names, f"there is: {', '.join(names)};")
        raise ModelError(
            f"there is no {what} {reference!r}: {hint} your own is written "
            "path/to/file.py:build_model or package.module:build_model"
        )
    if place.endswith(".py") or "/" in place:
        file = base / place
        if not file.is_file():
            raise ModelError(
                f"the {what}'s file {place} does not exist; a relative path starts at the "
                "study file's directory"
            )
        return Factory(reference, file.resolve(), function, None, file.resolve().parent, what=what)
    return Factory(reference, _module_file(place, base), function, place, base.resolve(), what=what)


def named_offer(name: str) -> Offer | None:
    """Return the factory that an installed package offers by this name, or None.

    Raises:
        ModelError: if several packages offer it, or one offers the name of a built-in factory.
    """
    try:
        return find_offer("model factory", name, BUILT_IN)
    except InputError as error:
        raise ModelError(str(error)) from None


def _offered(offer: Offer, module: str, function: str, base: Path) -> Factory:
    try:
        file = _module_file(module, base)
    except (ModelError, ValueError, ImportError):
        raise ModelError(offer.broken(f"there is no module {module or offer.target}")) from None
    return Factory(offer.name, file, function, module, base.resolve(), offer.package)


def source_digest(spec: StudySpec, base: Path) -> str:
    """Return the SHA-256 of the files with the user's code; "" if all of it is built in."""
    own = [name for name in spec.code if name not in BUILT_IN]
    digest = hashlib.sha256()
    for reference in own:
        digest.update(locate_factory(reference, base).file.read_bytes())
    return digest.hexdigest() if own else ""


def source_names(reference: str, base: Path) -> set[str]:
    """Return the names that a factory uses in its file, directly or through its neighbours."""
    factory = locate_factory(reference, base)
    if factory.reference in BUILT_IN:
        return set()
    tree = ast.parse(factory.file.read_bytes())
    return {name for each in used_definitions(tree, factory.function) for name in _names(each)}


def used_definitions(tree: ast.Module, function: str) -> Iterator[ast.stmt]:
    """Yield a function and what it uses of its file, directly or through its neighbours."""
    kinds = ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef
    neighbours = {node.name: node for node in tree.body if isinstance(node, kinds)}
    wanted = [function]
    while wanted:
        node = neighbours.pop(wanted.pop(), None)
        if node is not None:
            yield node
            wanted += _names(node)


def _names(node: ast.AST) -> Iterator[str]:
    for each in ast.walk(node):
        if isinstance(each, ast.Name):
            yield each.id
        elif isinstance(each, ast.Attribute):
            yield each.attr


def load_factory(reference: str, base: Path, what: str = FACTORY) -> Callable[..., Any]:
    """Import a factory, or other code of the user's, which runs its module.

    Args:
        reference: see the module's description.
        base: the directory from which a relative path starts.
        what: its use in messages, such as "transformer".

    Raises:
        ModelError: if the module cannot be imported or has no such function.
    """
    factory = locate_factory(reference, base, what)
    try:
        module = _import(factory)
    except (Exception, SystemExit) as error:
        raise ModelError(f"{factory} cannot be imported: {_one_line(error)}") from error
    found = getattr(module, factory.function, None)
    if not callable(found):
        raise ModelError(f"{factory}: {factory.file.name} has no function {factory.function}")
    return found  # type: ignore[no-any-return]


def call_factory(
    function: Callable[..., Any], params: Mapping[str, Any], given: Mapping[str, Any]
) -> Any:
    """Call a factory with params by name and the values of `given` that it accepts.

    Args:
        function: the factory.
        params: the trial's params and the fixed ones.
        given: values for `GIVEN`.

    Returns:
        The factory's result, unchecked.
    """
    accepted = inspect.signature(function).parameters
    extra = {name: value for name, value in given.items() if name in accepted}
    return function(**{**extra, **params})


def _module_file(module: str, base: Path) -> Path:
    """Find the source file of a module as the import system does, without importing it."""
    top, *below = module.split(".")
    find = importlib.machinery.PathFinder.find_spec
    # Finders of editable installs do not import a top-level module.
    spec = find(top, [str(base)]) or importlib.util.find_spec(top)
    for depth in range(len(below)):
        if spec is None or spec.submodule_search_locations is None:
            break
        name = ".".join([top, *below[: depth + 1]])
        spec = find(name, list(spec.submodule_search_locations))
    if spec is None or spec.origin is None or not spec.origin.endswith(".py"):
        raise ModelError(
            f"there is no module {module}: install it, or name the file as path/to/file.py:function"
        )
    return Path(spec.origin)


_roots: list[Path] = []
"""The roots of this process's factories, the latest first."""


def _import(factory: Factory) -> ModuleType:
    _make_way(factory.root)
    if factory.module is not None:
        return importlib.import_module(factory.module)
    # With the plain name Keras finds the file's own layers when it loads a model.
    name = factory.file.stem
    known = sys.modules.get(name)
    if known is not None and getattr(known, "__file__", None) == str(factory.file):
        return known
    if known is not None:
        name = f"searchlab_factory_{name}"
    spec = importlib.util.spec_from_file_location(name, factory.file)
    if spec is None or spec.loader is None:
        raise ImportError(f"{factory.file} is no Python file")
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    try:
        spec.loader.exec_module(module)
    except BaseException:
        del sys.modules[name]
        raise
    return module


def _make_way(root: Path) -> None:
    """Have imports look into this root before those of other factories.

    Several studies of a process may each have, say, a `layers.py`. Modules that another factory has
    imported under such a name are forgotten; its functions keep theirs.
    """
    others = [each for each in _roots if each != root]
    homes = tuple(os.path.join(each, "") for each in others)  # noqa: PTH118 - a prefix
    own = _tops(root) if others else set()
    for name, module in list(sys.modules.items()):
        top, file = name.partition(".")[0], getattr(module, "__file__", None) or ""
        if top not in own or not file.startswith(homes):  # nearly always: these are quick to ask
            continue
        places = [place for other in others for place in (other / f"{top}.py", other / top)]
        if any(Path(file).is_relative_to(each) for each in places):
            del sys.modules[name]
    for each in [root, *others]:
        if str(each) in sys.path and each in _roots:
            sys.path.remove(str(each))
    _roots[:] = [root, *others]
    sys.path.extend(str(each) for each in _roots if str(each) not in sys.path)


def _tops(root: Path) -> set[str]:
    """Return the names of the modules and packages that may be directly below a root."""
    with suppress(OSError):
        return {each.stem if each.suffix == ".py" else each.name for each in root.iterdir()}
    return set()


def _one_line(error: BaseException) -> str:
    return f"{type(error).__name__}: {' '.join(str(error).split())}"
