"""The arrows between the rooms: each is in one table, and `--help` stays light."""

import ast
import subprocess
import sys
from collections.abc import Collection
from itertools import pairwise
from pathlib import Path

import pytest

import searchlab

ROOT = Path(searchlab.__file__).parent

# Each room, from the top down, with the rooms that it may import; every room may import `errors`.
ROOMS: dict[str, set[str]] = {
    "__main__": {"cli"},
    "cli": {"remote", "engine", "registry", "tracking", "report", "executors", "inference"}
    | {"data", "journal", "study", "core"},
    "__init__": {"api", "registry", "report", "inference", "study", "core"},
    "api": {"engine", "registry", "report", "tracking", "inference", "journal", "study", "core"},
    "testing": {"tracking", "backends", "executors", "training", "data"}
    | {"journal", "study", "core"},
    "remote": {"engine", "tracking", "report", "executors", "data", "factories"}
    | {"journal", "study", "private", "core"},
    "engine": {"tracking", "report", "backends", "executors", "training", "data", "factories"}
    | {"journal", "study", "core"},
    "registry": {"tracking", "report", "inference", "journal", "core"},
    "tracking": {"report", "inference", "journal", "private", "core"},
    "report": {"data", "journal", "study", "core"},
    "backends": {"study", "private", "core"},
    "executors": {"fused", "training", "factories", "journal", "study", "private", "core"},
    "inference": {"package", "measure", "data", "study", "private", "core"},
    "fused": {"training", "measure", "data", "factories", "journal", "private", "core"},
    "training": {"package", "measure", "data", "factories"}
    | {"journal", "study", "private", "core"},
    "package": {"data", "factories", "journal", "private", "core"},
    "measure": {"data", "private", "core"},
    "data": {"factories", "journal", "study", "core"},
    "factories": {"study", "core"},
    "journal": {"study", "core"},
    "study": {"core"},
    "private": set(),
    "core": set(),
    "errors": set(),
}
HEAVY = {"tensorflow", "keras", "keras_tuner", "mlflow", "optuna", "sklearn", "pandas", "plotly"}


def modules() -> dict[str, Path]:
    """All modules of the package by their full names; a package by its own."""
    found = {}
    for file in ROOT.rglob("*.py"):
        parts = ["searchlab", *file.relative_to(ROOT).with_suffix("").parts]
        found[".".join(parts[:-1] if parts[-1] == "__init__" else parts)] = file
    return found


def room(module: str) -> str:
    parts = module.split(".")
    return parts[1] if len(parts) > 1 else "__init__"


def targets(node: ast.AST, module: str, *, package: bool, known: Collection[str]) -> list[str]:
    """The modules of the package that a statement imports, relative imports among them."""
    if isinstance(node, ast.Import):
        return [alias.name for alias in node.names if alias.name in known]
    if not isinstance(node, ast.ImportFrom):
        return []
    base = node.module or ""
    if node.level:
        above = module.split(".")[: None if package and node.level == 1 else package - node.level]
        base = ".".join([*above, *filter(None, [node.module])])
    if base not in known:
        return []
    named = [f"{base}.{alias.name}" for alias in node.names]
    return [name if name in known else base for name in named]


def imports() -> list[tuple[str, str]]:
    """All imports between modules of the package, those inside of functions too."""
    known = modules()
    return [
        (module, target)
        for module, file in known.items()
        for node in ast.walk(ast.parse(file.read_text()))
        for target in targets(node, module, package=file.name == "__init__.py", known=known)
    ]


def test_rooms_import_what_the_table_allows():
    """An arrow between two rooms is in the table, and the table has no arrow that is not there."""
    arrows = {
        (room(source), room(target))
        for source, target in imports()
        if room(source) != room(target) and room(target) != "errors"
    }
    allowed = {(source, target) for source, each in ROOMS.items() for target in each}
    assert (arrows - allowed, allowed - arrows) == (set(), set())


def test_no_room_of_the_table_imports_one_above_it():
    """The table runs from the top down."""
    order = list(ROOMS)
    up = [(a, b) for a, each in ROOMS.items() for b in each if order.index(b) <= order.index(a)]
    assert up == []


def test_only_the_testing_room_needs_pytest():
    """The library is an extra: nothing that runs a study imports it."""
    using = {
        room(module)
        for module, file in modules().items()
        for node in ast.walk(ast.parse(file.read_text()))
        if isinstance(node, ast.Import) and "pytest" in [alias.name for alias in node.names]
    }
    assert using == {"testing"}


def test_no_module_stands_beside_the_rooms():
    """Only the package's face, its command and its errors are loose."""
    loose = {file.name for file in ROOT.glob("*.py")}
    assert loose == {"__init__.py", "__main__.py", "errors.py"}


@pytest.mark.parametrize(
    ("statement", "found"),
    [
        ("from searchlab.engine import run", ["searchlab.engine.run"]),
        ("from searchlab.core.space import SearchSpace", ["searchlab.core.space"]),
        ("import searchlab.engine.run", ["searchlab.engine.run"]),
        ("import searchlab", ["searchlab"]),
        ("from . import base", ["searchlab.backends.base"]),
        ("from ..engine import run", ["searchlab.engine.run"]),
        ("from ..engine.run import run_study", ["searchlab.engine.run"]),
    ],
)
def test_every_form_of_import_is_seen(statement, found):
    """Relative imports and `import searchlab...` count as any other."""
    node = ast.parse(statement).body[0]
    seen = targets(node, "searchlab.backends.optuna", package=False, known=modules())
    assert seen == found


def test_there_are_no_cycles_between_modules():
    """Modules can be put in an order in which each imports only earlier ones."""
    needs: dict[str, set[str]] = {}
    for source, target in imports():
        needs.setdefault(source, set()).add(target)
        needs.setdefault(target, set())
    while free := [module for module, wanted in needs.items() if not wanted & set(needs)]:
        for module in free:
            del needs[module]
    assert needs == {}


def loaded_by(code: str) -> set[str]:
    script = f"import sys\n{code}\nprint(*{{name.partition('.')[0] for name in sys.modules}})"
    command = [sys.executable, "-c", script]
    result = subprocess.run(command, capture_output=True, text=True, check=True)
    return set(result.stdout.splitlines()[-1].split())


def test_help_loads_nothing_heavy():
    """The command line's own module loads no numerical library, no MLflow and no pydantic."""
    loaded = loaded_by("import searchlab.cli")
    assert not loaded & (HEAVY | {"numpy", "pydantic", "rich"})


def test_the_package_stays_light():
    """Importing searchlab loads no library; asking for all it offers but `Model`, nothing heavy."""
    assert not loaded_by("import searchlab") & (HEAVY | {"numpy", "pydantic", "rich"})
    names = set(searchlab.__all__) - {"Model"}
    assert not loaded_by(f"import searchlab\n[getattr(searchlab, n) for n in {names}]") & HEAVY


def test_the_package_offers_what_it_says():
    """Each name of `__all__` is there and known to `dir`; any other is an ordinary error."""
    assert set(searchlab.__all__) <= set(dir(searchlab))
    assert all(getattr(searchlab, name) is not None for name in searchlab.__all__)
    with pytest.raises(AttributeError, match="no attribute 'run_studdy'"):
        searchlab.run_studdy  # noqa: B018


def test_validating_loads_nothing_heavy(tmp_path):
    """Validating a study file of any backend loads no TensorFlow and no search library."""
    study = tmp_path / "a.yaml"
    study.write_text(
        "name: a\ndata: {dataset: iris}\nspace: {n_hidden: {int: [0, 3]}}\nsearch: {trials: 3}\n"
    )
    calls = [
        f"load_study(Path({str(study)!r}), {{'search.backend': {name!r}}}, [study_problems])"
        for name in ("optuna", "hyperband", "randomized")
    ]
    code = "from pathlib import Path\nfrom searchlab.engine.checks import study_problems\n"
    code += "from searchlab.study.file import load_study\n" + "\n".join(calls)
    assert not loaded_by(code) & HEAVY


def test_modules_of_tests_have_names_of_their_own() -> None:
    """Pytest imports them by name alone: two of one name end the collection of the whole suite."""
    names = sorted(path.name for path in Path(__file__).parent.rglob("test_*.py"))
    assert [name for name, next_ in pairwise(names) if name == next_] == []


def test_each_module_of_tests_stands_alone() -> None:
    """Common helpers are in modules without tests, so that each can be run, or go, by itself."""
    tests = sorted(Path(__file__).parent.rglob("test_*.py"))
    names = {path.stem for path in tests}
    for path in tests:
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.ImportFrom):
                assert (node.module or "").rpartition(".")[2] not in names, path
