"""Variables of modules that a model's code changes, found in its source."""

from __future__ import annotations

import ast
from collections.abc import Iterable, Iterator, Set
from dataclasses import dataclass
from pathlib import Path

from searchlab.errors import InputError
from searchlab.factories.find import BUILT_IN, locate_factory, used_definitions
from searchlab.factories.sources import own_files
from searchlab.study.spec import StudySpec

_CHANGE = {"add", "append", "clear", "extend", "insert", "pop", "remove", "setdefault", "update"}
_FUNCTIONS = ast.FunctionDef | ast.AsyncFunctionDef
_PROCESS = {"os", "sys"}  # what is set there is no setting of a model


def changed_variable(spec: StudySpec, base: Path, reference: str | None = None) -> str | None:
    """Return a variable of a module that code of a study's changes, or None.

    Functions of a model may read it long after the factory has set it: whenever they are traced,
    which may be after the factory has set it for another trial.

    Args:
        spec: the study.
        base: the directory of the study file.
        reference: the code; the model's factory if None.
    """
    reference = spec.factory.factory if reference is None else reference
    factory = locate_factory(reference, base)
    if factory.reference in BUILT_IN:
        return None
    tree = ast.parse(factory.file.read_bytes())
    try:
        files = own_files(spec, [reference], base)
    except InputError:  # of files that only another machine would need
        files = []
    python = [each for each in files if each.suffix == ".py" and not each.samefile(factory.file)]
    others = [ast.parse(file.read_bytes()) for file in python]
    objects = _Objects.of([tree, *others])
    found = list(_changed(tree, used_definitions(tree, factory.function), objects))
    for other in others:
        found += _changed(other, other.body, objects)
    return found[0] if found else None


@dataclass(frozen=True)
class _Objects:
    """The objects of the user's modules, and the methods by which theirs may change.

    Attributes:
        names: variables of a module that calls have given a value.
        methods: names of methods that change what they belong to.
    """

    names: frozenset[str]
    methods: frozenset[str]

    @classmethod
    def of(cls, trees: Iterable[ast.Module]) -> _Objects:
        """Find those of some modules."""
        names, classes = set[str](), list[ast.ClassDef]()
        for tree in trees:
            for node in tree.body:
                if isinstance(getattr(node, "value", None), ast.Call):
                    names.update(_made(node))
            classes += [node for node in ast.walk(tree) if isinstance(node, ast.ClassDef)]
        bodies = [node for each in classes for node in each.body]
        functions = [node for node in bodies if isinstance(node, _FUNCTIONS)]
        methods, before = set[str](), -1
        while before < len(methods):  # a method may call another one
            before = len(methods)
            methods |= {each.name for each in functions if _changes_itself(each, methods)}
        return cls(frozenset(names), frozenset(methods - {"__init__"}))

    def changed_by(self, call: ast.Call) -> str:
        """Return the variable that a call of an object's own method may change, or ""."""
        function = call.func
        if isinstance(function, ast.Attribute) and function.attr in self.methods:
            return _base(function.value) if _last(function.value) in self.names else ""
        if "__call__" in self.methods and _last(function) in self.names:
            return _base(function)
        return ""


def _changes_itself(method: ast.FunctionDef | ast.AsyncFunctionDef, others: set[str]) -> bool:
    """Return whether a method changes its object, also by `others` of its methods."""
    arguments = [*method.args.posonlyargs, *method.args.args]
    if not arguments:
        return False
    itself = arguments[0].arg
    for node in ast.walk(method):
        for target in _targets(node):
            if not isinstance(target, ast.Name) and _base(target) == itself:
                return True
        if isinstance(node, ast.Call) and _called_on(node, others) == itself:
            return True
    return False


def _changed(tree: ast.Module, definitions: Iterable[ast.stmt], objects: _Objects) -> Iterator[str]:
    """Yield variables of a module that some of its definitions change when they are called."""
    imported = {name for node in tree.body for name in _imported(node)} - _PROCESS
    made = {name for node in tree.body for name in _made(node)}
    for definition in definitions:
        for function in ast.walk(definition):
            if isinstance(function, _FUNCTIONS):
                yield from _changed_by(function, made, imported, objects)


def _imported(node: ast.stmt) -> Iterator[str]:
    if isinstance(node, ast.Import | ast.ImportFrom):
        yield from ((each.asname or each.name).partition(".")[0] for each in node.names)


def _made(node: ast.stmt) -> Iterator[str]:
    if isinstance(node, ast.ClassDef):
        yield node.name
    for target in _targets(node):
        if isinstance(target, ast.Name):
            yield target.id


def _targets(node: ast.AST) -> Iterator[ast.expr]:
    """Yield the places that an assignment sets."""
    given: list[ast.expr] = []
    if isinstance(node, ast.Assign):
        given = node.targets
    elif isinstance(node, ast.AugAssign | ast.AnnAssign):
        given = [node.target]
    for each in given:
        yield from each.elts if isinstance(each, ast.Tuple | ast.List) else [each]


def _changed_by(
    function: ast.FunctionDef | ast.AsyncFunctionDef,
    made: set[str],
    imported: set[str],
    objects: _Objects,
) -> Iterator[str]:
    nodes = list(ast.walk(function))
    shared = {name for node in nodes if isinstance(node, ast.Global) for name in node.names}
    yield from sorted(shared)
    own = {node.arg for node in nodes if isinstance(node, ast.arg)}
    own |= {
        node.id for node in nodes if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store)
    }
    for node in nodes:
        for target in _targets(node):
            base = _base(target)
            if base in (made | imported) - own and not isinstance(target, ast.Name):
                yield base
        if isinstance(node, ast.Call):
            base = _called_on(node)
            if base in made - own:
                yield base
            base = objects.changed_by(node)
            if base in (made | imported) - own:
                yield base


def _called_on(node: ast.Call, more: Set[str] = frozenset()) -> str:
    """Return the variable that a call changes in place, or ""."""
    function = node.func
    if isinstance(function, ast.Attribute) and function.attr in _CHANGE | more:
        return _base(function.value)
    if isinstance(function, ast.Name) and function.id == "setattr" and node.args:
        return _base(node.args[0])
    return ""


def _base(node: ast.expr) -> str:
    """Return the variable that an attribute or an item belongs to, or ""."""
    while isinstance(node, ast.Attribute | ast.Subscript):
        node = node.value
    return node.id if isinstance(node, ast.Name) else ""


def _last(node: ast.expr) -> str:
    """Return the last name of a variable that may be another module's, or ""."""
    if isinstance(node, ast.Attribute):
        return node.attr
    return node.id if isinstance(node, ast.Name) else ""
