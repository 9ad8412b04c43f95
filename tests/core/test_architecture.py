"""The arrows between the rooms: imports run one way, and `--help` stays light."""

import ast
import subprocess
import sys
from pathlib import Path

import searchlab

ROOT = Path(searchlab.__file__).parent

# From the top down; a module may import from its own layer and those below it.
LAYERS = [
    ["__main__"],
    ["cli"],
    ["printing"],
    ["run", "reproduce", "sync", "promote", "models", "references", "signals", "submission"],
    ["earlier"],
    ["search", "replay", "finish", "scaffold", "home"],
    ["plugins"],
    ["backends", "executors", "tracking"],
    ["pages", "model"],
    ["training"],
    ["report", "reasons"],
    ["wording", "confirmation"],
    ["record", "clock", "journal"],
    ["study"],
    ["trial", "space", "interrupt", "loopback", "versions"],
    ["errors"],
]
SEPARATE = {"backends", "executors", "tracking"}
HEAVY = {"tensorflow", "keras", "keras_tuner", "mlflow", "optuna", "sklearn", "pandas", "plotly"}


def room(module: str) -> str:
    parts = module.split(".")
    return parts[1] if len(parts) > 1 else ""


def is_module(name: str) -> bool:
    return (ROOT.parent / name.replace(".", "/")).with_suffix(".py").exists()


def imports() -> list[tuple[str, str]]:
    """All imports between modules of the package, those inside of functions too."""
    found = []
    for file in ROOT.rglob("*.py"):
        module = ".".join(["searchlab", *file.relative_to(ROOT).with_suffix("").parts])
        for node in ast.walk(ast.parse(file.read_text())):
            if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("searchlab"):
                targets = [f"{node.module}.{alias.name}" for alias in node.names]
                known = [target for target in targets if is_module(target)]
                found += [(module, target) for target in known or [node.module]]
    return found


def test_imports_run_from_the_command_line_down_to_the_errors():
    """No module imports from a layer above its own."""
    level = {name: depth for depth, layer in enumerate(LAYERS) for name in layer}
    upward = [
        (source, target)
        for source, target in imports()
        if room(source) in level
        and room(target) in level
        and level[room(target)] < level[room(source)]
    ]
    assert upward == []
    rooms = {room(source) for source, _ in imports()} - {"__init__"}
    assert rooms <= set(level), "a new room needs its place in LAYERS"


def test_backends_executors_and_trackers_do_not_know_each_other():
    """The three ports' implementations never import one another."""
    across = [
        (source, target)
        for source, target in imports()
        if {room(source), room(target)} <= SEPARATE and room(source) != room(target)
    ]
    assert across == []


def test_there_are_no_cycles_between_modules():
    """Modules can be put in an order in which each imports only earlier ones."""
    needs: dict[str, set[str]] = {}
    for source, target in imports():
        needs.setdefault(source, set()).add(target)
        needs.setdefault(target, set())
    while free := [module for module, targets in needs.items() if not targets & set(needs)]:
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


def test_the_package_offers_load_model_and_stays_light():
    """Importing searchlab, and asking for `load_model`, loads nothing heavy."""
    assert not loaded_by("import searchlab\nassert callable(searchlab.load_model)") & HEAVY


def test_validating_loads_nothing_heavy(tmp_path):
    """Validating a study file of any backend loads no TensorFlow and no search library."""
    study = tmp_path / "a.yaml"
    study.write_text(
        "name: a\ndata: {dataset: iris}\nspace: {n_hidden: {int: [0, 3]}}\nsearch: {trials: 3}\n"
    )
    calls = [
        f"load_study(Path({str(study)!r}), {{'search.backend': {name!r}}}, [plugins.check])"
        for name in ("optuna", "hyperband", "randomized")
    ]
    code = "from pathlib import Path\nfrom searchlab import plugins\n"
    code += "from searchlab.study.file import load_study\n" + "\n".join(calls)
    assert not loaded_by(code) & HEAVY
