"""Private parts of libraries are touched in `searchlab.private` and nowhere else."""

import ast
import importlib
import inspect
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

import searchlab

ROOT = Path(searchlab.__file__).parent
ROOM = ROOT / "private"
MODULES = sorted(file.stem for file in ROOM.glob("*.py") if file.stem != "__init__")

# Modules that are private, or not documented, though their names have no underscore.
PRIVATE = (
    "keras.src",
    "keras_tuner.src",
    "mlflow.store",
    "mlflow.utils",
    "multiprocessing.forkserver",
    "multiprocessing.resource_tracker",
    "ray.scripts",
    "tensorflow.python",
)
ALLOWED = {
    "_typeshed.DataclassInstance": "a name for the type checker, which Python never imports",
    "os._exit": "documented",
    "sys.dont_write_bytecode": "documented, and made to be set",
}


def dotted(name: str) -> bool:
    """Return whether a dotted name is private by itself or by its module."""
    own = name.split(".", maxsplit=1)[0] in ("searchlab", "__future__")
    parts = [part for part in name.split(".") if part.startswith("_")]
    return not own and (bool(parts) or f"{name}.".startswith(tuple(f"{p}." for p in PRIVATE)))


def imported(tree: ast.AST) -> Iterator[tuple[str, str]]:
    """Yield all names that imports bind, with their targets."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            for alias in node.names:
                yield alias.asname or alias.name.partition(".")[0], alias.name
        elif isinstance(node, ast.ImportFrom) and not node.level:
            for alias in node.names:
                yield alias.asname or alias.name, f"{node.module}.{alias.name}"


def root(node: ast.AST) -> str | None:
    """Return the first name of an expression such as `a.b[c].d` or `vars(a)["b"]`."""
    while True:
        match node:
            case ast.Name(name):
                return name
            case ast.Attribute(value=value) | ast.Subscript(value=value):
                node = value
            case ast.Call(func=ast.Name("vars"), args=[value]):
                node = value
            case _:
                return None


def sets(node: ast.AST) -> bool:
    """Return whether an expression sets an attribute."""
    match node:
        case ast.Attribute(ctx=ast.Store() | ast.Del()):
            return True
        case ast.Subscript(value=ast.Call(func=ast.Name("vars")), ctx=ast.Store() | ast.Del()):
            return True
    return False


def touches(source: str) -> set[str]:
    """Return the private names of other packages that a module uses, and those it replaces."""
    tree = ast.parse(source)
    names = dict(imported(tree))
    foreign = {name for name, target in names.items() if not target.startswith("searchlab")}
    found = {target for target in names.values() if dotted(target)}
    for node in ast.walk(tree):
        if isinstance(node, ast.Attribute) and re.match(r"_[^_]", node.attr):
            if not (isinstance(node.value, ast.Name) and node.value.id in ("self", "cls")):
                found.add(ast.unparse(node))
        elif isinstance(node, ast.Attribute) and dotted(f"{names.get(root(node) or '')}.x"):
            found.add(ast.unparse(node))
        if sets(node) and root(node) in foreign:
            found.add(ast.unparse(node))
        match node:
            case ast.Call(func=ast.Name("setattr"), args=[target, *_]) if root(target) in foreign:
                found.add(ast.unparse(node))
    return found - set(ALLOWED)


FILES = [file for file in sorted(ROOT.rglob("*.py")) if ROOM not in file.parents]


def test_the_rest_of_the_package_touches_nothing_private():
    """No other module imports a private name, reads a private attribute, or replaces anything."""
    found = {str(file.relative_to(ROOT)): touches(file.read_text()) for file in FILES}
    assert {name: each for name, each in found.items() if each} == {}


def test_exceptions_are_needed():
    """Each exception in the list occurs somewhere in the package."""
    text = "\n".join(file.read_text() for file in FILES)
    assert [name for name in ALLOWED if name.rpartition(".")[2] not in text] == []


@pytest.mark.parametrize(
    "source",
    [
        "import keras.src.utils",
        "from keras.src.utils import naming",
        "from ray._private import worker",
        "from multiprocessing import forkserver",
        "import multiprocessing.resource_tracker",
        "def f():\n    from tensorflow.python.ops import parallel_for",
        "model._operations",
        "self.model._operations",
        "f()._config",
        "model._rate = 1",
        "import tensorflow as tf\ntf.nn.dropout = f",
        "import tensorflow as tf\nvars(tf)['nn'] = f",
        "import tensorflow as tf\nsetattr(tf.nn, 'dropout', f)",
    ],
)
def test_every_kind_of_touch_is_found(source):
    """The test above finds each of these."""
    assert touches(source)


@pytest.mark.parametrize(
    "source",
    [
        "import keras\nkeras.utils.naming",
        "from __future__ import annotations",
        "self._own = cls._other",
        "import os\nos.environ['A'] = 'b'",
        "model.trainable = True\nsuper().__init__()",
    ],
)
def test_ordinary_code_is_let_through(source):
    """Ordinary code gives no findings."""
    assert touches(source) == set()


FUNCTIONS = [
    (module, name)
    for module in MODULES
    for name, each in inspect.getmembers(
        importlib.import_module(f"searchlab.private.{module}"), inspect.isfunction
    )
    if not name.startswith("_") and each.__module__ == f"searchlab.private.{module}"
]


@pytest.mark.parametrize(("module", "name"), FUNCTIONS)
def test_each_function_says_what_it_touches_and_has_a_canary(module, name):
    """Its docstring has the name, the version and both reasons, and its library's test uses it.

    The version is the tested one, so that every touch is reviewed after an update.
    """
    text = inspect.getdoc(getattr(importlib.import_module(f"searchlab.private.{module}"), name))
    words = " ".join(text.split())
    assert [word for word in ("Touches: ", "Public: ", "Without it: ") if word not in words] == []
    assert re.search(rf"seen in {re.escape(TITLES[module])} {re.escape(version(module))}\b", words)
    canaries = (Path(__file__).parent / f"test_private_{module}.py").read_text()
    assert re.search(rf"\b{name}\b", canaries)


TITLES = {
    "keras": "Keras",
    "keras_tuner": "Keras Tuner",
    "mlflow": "MLflow",
    "optuna": "Optuna",
    "python": "Python",
    "ray": "Ray",
    "tensorflow": "TensorFlow",
}


def version(module: str) -> str:
    """Return the version that searchlab is tested with; for Python its first two numbers."""
    if module == "python":
        return "3.11"
    pins = (ROOT.parent / "constraints.txt").read_text()
    return re.search(rf"^{module.replace('_', '-')}==(.+)$", pins, re.MULTILINE)[1]
