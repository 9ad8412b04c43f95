"""Find, load and call model factories by reference.

A reference is the name of a built-in factory or of one that another installed package offers,
`path/to/file.py:function`, or `package.module:function`. Checking a reference reads the source as
text, so that validating a study file runs no user code; only a training imports it.
"""

from __future__ import annotations

import ast
import difflib
import hashlib
import importlib
import importlib.machinery
import importlib.util
import inspect
import sys
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import Any

from searchlab.core.entry_points import Offer, find_offer, offers
from searchlab.errors import InputError, ModelError
from searchlab.study.spec import StudySpec

BUILT_IN = {"mlp": "searchlab.factories.built_in:mlp"}
"""Built-in factories by their name in study files."""

METRICS = {"mlp": ("val_loss", "val_accuracy", "val_mae")}
"""The metrics of built-in factories' models: accuracy for classes, mae for quantities."""

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
    offer = None if ":" in reference or reference in BUILT_IN else _offer(reference)
    target = BUILT_IN.get(reference, reference) if offer is None else offer.target
    place, colon, function = target.rpartition(":")
    if offer is not None:
        return _offered(offer, place, function, base)
    if not colon or not place or not function.isidentifier():
        names = [*BUILT_IN, *offers("model factory")]
        close = difflib.get_close_matches(reference, names, n=1)
        hint = f"did you mean {close[0]}?" if close else f"there is: {', '.join(names)};"
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


def _offer(name: str) -> Offer | None:
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


def own_problems(spec: StudySpec, base: Path) -> Iterator[tuple[str, str]]:
    """Find problems of the user's transformers in their source, without running it.

    Yields:
        The dotted key and the message of each problem.
    """
    keys = {"data.scale": spec.data.scaling, "data.target_transform": spec.data.target_transform}
    for key, reference in keys.items():
        try:
            if ":" in reference:
                locate_factory(reference, base, "transformer")
        except ModelError as error:
            yield key, str(error)


def factory_problems(spec: StudySpec, base: Path) -> Iterator[tuple[str, str]]:
    """Find problems of a study's factory in its source, without running it.

    Yields:
        The dotted key and the message of each problem.
    """
    key = "model" if isinstance(spec.model, str) else "model.factory"
    try:
        _offer(spec.factory.factory)  # refuses a name that several packages have
        factory = locate_factory(spec.factory.factory, base)
        definition = _definition(factory)
    except ModelError as error:
        yield key, str(error)
        return
    except (OSError, ValueError) as error:
        yield key, f"{spec.factory.factory} cannot be read ({error}): check the file"
        return
    for name in GIVEN:
        if name in spec.factory.params or name in spec.space:
            yield (
                _where(name, spec),
                "is an argument that searchlab passes itself: use another name",
            )
    if definition is not None:
        yield from _argument_problems(factory, key, definition.args, spec)
    if factory.reference in METRICS:
        yield from _metric_problems(factory.reference, spec)


def function_problems(what: str, reference: str, base: Path) -> Iterator[str]:
    """Find problems of a function that takes no arguments in its source, without running it.

    Args:
        what: its use in messages, such as "data function".
        reference: `path/to/file.py:name` or `package.module:name`.
        base: the directory from which a relative path starts.
    """
    try:
        definition = _definition(locate_factory(reference, base, what))
    except (ModelError, OSError, ValueError) as error:
        yield str(error)
        return
    if definition is None:
        return
    args = definition.args
    names = [arg.arg for arg in [*args.posonlyargs, *args.args]]
    names = names[: len(names) - len(args.defaults)]
    if names:
        yield f"{reference} needs an argument {names[0]}: give it a default, as none are passed"


def _where(name: str, spec: StudySpec) -> str:
    return f"space.{name}" if name in spec.space else f"model.params.{name}"


def _metric_problems(name: str, spec: StudySpec) -> Iterator[tuple[str, str]]:
    wanted = {"objective.metric": spec.objective.metric}
    if spec.training.early_stopping is not None:
        wanted["training.early_stopping.monitor"] = spec.training.early_stopping.monitor
    for key, metric in wanted.items():
        if metric not in METRICS[name]:
            known = ", ".join(METRICS[name])
            yield key, f"{name} has no metric {metric}: name one of {known}, or a factory with it"


def source_digest(spec: StudySpec, base: Path) -> str:
    """Return the SHA-256 of the files with the user's code; "" if all of it is built in."""
    own = [name for name in (spec.factory.factory, *spec.data.code) if name not in BUILT_IN]
    digest = hashlib.sha256()
    for reference in own:
        digest.update(locate_factory(reference, base).file.read_bytes())
    return digest.hexdigest() if own else ""


def source_names(spec: StudySpec, base: Path) -> set[str]:
    """Return the names that a factory uses in its file, directly or through its neighbours."""
    factory = locate_factory(spec.factory.factory, base)
    if factory.reference in BUILT_IN:
        return set()
    tree = ast.parse(factory.file.read_bytes())
    kinds = ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef
    neighbours = {node.name: node for node in tree.body if isinstance(node, kinds)}
    found, wanted = set[str](), [factory.function]
    while wanted:
        node = neighbours.pop(wanted.pop(), None)
        for each in () if node is None else ast.walk(node):
            name = {ast.Name: "id", ast.Attribute: "attr"}.get(type(each))
            if name is not None:
                found.add(getattr(each, name))
                wanted.append(getattr(each, name))
    return found


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
    except Exception as error:
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


def _definition(factory: Factory) -> ast.FunctionDef | None:
    """Return the factory's definition; None if it is only known once the file has run."""
    try:
        tree = ast.parse(factory.file.read_bytes(), str(factory.file))
    except SyntaxError as error:
        raise ModelError(
            f"{factory.file.name}:{error.lineno}: {error.msg}; {factory} is in it"
        ) from None
    functions = {node.name: node for node in tree.body if isinstance(node, ast.FunctionDef)}
    if factory.function in functions:
        return functions[factory.function]
    if any(factory.function in names for names in map(_bound_names, tree.body)):
        return None
    close = difflib.get_close_matches(factory.function, functions, n=1)
    raise ModelError(
        f"{factory.file.name} has no function {factory.function}"
        + (f": did you mean {close[0]}?" if close else f": it has {', '.join(functions) or 'none'}")
    )


def _bound_names(node: ast.stmt) -> set[str]:
    if isinstance(node, ast.ClassDef | ast.AsyncFunctionDef):
        return {node.name}
    if isinstance(node, ast.Import | ast.ImportFrom):
        return {alias.asname or alias.name for alias in node.names}
    return {name.id for name in ast.walk(node) if isinstance(name, ast.Name)}


def _argument_problems(
    factory: Factory, key: str, args: ast.arguments, spec: StudySpec
) -> Iterator[tuple[str, str]]:
    positional = [arg.arg for arg in [*args.posonlyargs, *args.args]]
    keyword = [arg.arg for arg in args.kwonlyargs]
    known = [*positional, *keyword]
    if positional[:1] == ["hp"] and "hp" not in spec.space:
        yield (
            key,
            (
                f"{factory.reference} takes hp, as Keras Tuner's hypermodels do; give it one "
                "argument for each param of the space instead, such as build_model(n_hidden)"
            ),
        )
        return
    passed = {**spec.factory.params, **spec.space}
    if args.kwarg is None:
        takes = [name for name in known if name not in GIVEN]
        for name in passed:
            if name not in known:
                close = difflib.get_close_matches(name, takes, n=1)
                all_of_them = f"it takes {', '.join(takes) or 'none'}"
                hint = f"did you mean {close[0]}?" if close else all_of_them
                yield _where(name, spec), f"{factory.reference} takes no argument {name}: {hint}"
    required = [*positional[: len(positional) - len(args.defaults)]]
    required += [
        arg.arg
        for arg, default in zip(args.kwonlyargs, args.kw_defaults, strict=True)
        if default is None
    ]
    for name in required:
        if name not in passed and name not in GIVEN:
            yield (
                "space",
                (
                    f"{factory.reference} needs an argument {name}: add {name} to space, or to "
                    "model.params for a fixed value"
                ),
            )


def _import(factory: Factory) -> ModuleType:
    if str(factory.root) not in sys.path:
        sys.path.append(str(factory.root))
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


def _one_line(error: BaseException) -> str:
    return f"{type(error).__name__}: {' '.join(str(error).split())}"
