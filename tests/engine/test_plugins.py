"""Names of backends, trackers and model factories that another installed package offers."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from support import programs
from support.wheels import install

import searchlab
from searchlab.core.entry_points import Offer
from searchlab.engine import plugins
from searchlab.engine.checks import study_problems
from searchlab.errors import InputError, StudyFileError
from searchlab.journal.home import study_names
from searchlab.study.file import load_study
from searchlab.testing import TrivialExecutor, bowl, doubles

MODULE = '''
"""A backend, a tracker and a model factory, as somebody else would write them."""

import random
from pathlib import Path

from searchlab.backends.base import Options, Problem
from searchlab.core.domains import Choice
from searchlab.core.trial import Decision, Suggestion


class TinyOptions(Options):
    shift: int = 0


class TinyBackend:
    """Draws each trial evenly, from the seed and its number."""

    Options = TinyOptions
    prunes = False
    sets_epochs = False
    resumes_weights = False
    at_once = None
    needs_trials = False
    tries_known = True

    def __init__(self, problem: Problem) -> None:
        self.problem = problem
        self.shift = TinyOptions.model_validate(problem.options).shift

    def ask(self, number: int) -> Suggestion:
        known = self.problem.known[:5]
        if number < len(known):
            return Suggestion(known[number].params, self.problem.epochs)
        draw = random.Random(f"{self.problem.seed} {number - len(known) + self.shift}")
        values = {name: self.value(domain, draw) for name, domain in self.problem.space}
        return Suggestion(self.problem.space.active(values), self.problem.epochs)

    def value(self, domain, draw):
        if isinstance(domain, Choice):
            return draw.choice(domain.values)
        if isinstance(domain.low, int):
            return draw.randrange(domain.low, domain.high + 1, domain.step)
        if domain.step:
            return domain.low + domain.step * draw.randrange(int(domain.count))
        return draw.uniform(domain.low, domain.high)

    def report(self, report) -> Decision:
        return Decision.CONTINUE

    def tell(self, outcome) -> None:
        pass

    def close(self) -> None:
        pass


class LineTracker:
    """Writes the kind of each new entry to a file in the working directory."""

    def __init__(self, context) -> None:
        self.file = Path(context.cwd) / "lines.txt"

    def replay(self, entries) -> None:
        pass

    def record(self, entry) -> None:
        with self.file.open("a") as file:
            print(type(entry.event).__name__, file=file)

    def close(self) -> None:
        pass


def net(n_neurons, *, input_shape):
    import keras

    dense = keras.layers.Dense
    layers = [keras.Input(input_shape), dense(n_neurons), dense(3, "softmax")]
    model = keras.Sequential(layers)
    model.compile(loss="sparse_categorical_crossentropy", metrics=["accuracy"])
    return model


class Halfway:
    """No backend: it cannot tell."""

    Options = TinyOptions
    sets_epochs = resumes_weights = needs_trials = tries_known = False

    def ask(self, number): ...
    def report(self, report): ...
    def close(self): ...


class LooseOptions(TinyBackend):
    """Its options are of a type that checks nothing."""

    Options = dict


class Unmade(TinyBackend):
    """It cannot be made."""

    def __init__(self, problem):
        raise KeyError("seed")


class Stray(TinyBackend):
    """Its suggestions have a param that the space has not."""

    def ask(self, number):
        return Suggestion({"wrong": 1}, 1)


class Bare(TinyBackend):
    """Its suggestions are params alone."""

    def ask(self, number):
        return {"n_neurons": 2}


class Deaf(TinyBackend):
    """It fails while a study runs."""

    def tell(self, outcome):
        raise IndexError("no such trial")


class Falling(LineTracker):
    """It fails while a study runs."""

    def record(self, entry):
        raise RuntimeError("the disk\\nis full")


def nothing(context):
    return None
'''

PROJECT = """
[build-system]
requires = ["setuptools"]
build-backend = "setuptools.build_meta"
[project]
name = "{name}"
version = "1.0"
[tool.setuptools]
py-modules = ["{module}"]
"""

OFFERED = """
[project.entry-points."searchlab.backends"]
tiny = "tiny_search:TinyBackend"
gone = "tiny_search:GoneBackend"
absent = "absent_module:Backend"
halfway = "tiny_search:Halfway"
loose = "tiny_search:LooseOptions"
unmade = "tiny_search:Unmade"
stray = "tiny_search:Stray"
bare = "tiny_search:Bare"
deaf = "tiny_search:Deaf"
leaves = "leaves:Backend"
[project.entry-points."searchlab.trackers"]
lines = "tiny_search:LineTracker"
falling = "tiny_search:Falling"
nothing = "tiny_search:nothing"
[project.entry-points."searchlab.factories"]
tiny-net = "tiny_search:net"
lost-net = "absent_module:net"
"""

STUDY = """\
name: small
data: {dataset: iris}
model: tiny-net
space: {n_neurons: {int: [2, 8]}}
search: {backend: tiny, trials: 3, options: {shift: 1}}
training: {epochs: 2}
execution: {executor: inline}
trackers: [lines]
confirm: 0
refit: false
baselines: false
"""


def install_package(place: Path, name: str, offered: str, module: str) -> Path:
    """Install a package of one module into a directory of its own, which is returned."""
    source, stem = place / "source", name.replace("-", "_")
    source.mkdir()
    (source / "pyproject.toml").write_text(PROJECT.format(name=name, module=stem) + offered)
    (source / f"{stem}.py").write_text(module)
    install(source, place / "site")
    return place / "site"


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    """The directory in which the package is installed."""
    return install_package(tmp_path_factory.mktemp("outside"), "tiny-search", OFFERED, MODULE)


@pytest.fixture
def installed(site, monkeypatch):
    """The package can be imported in this process, and leaves no trace of it."""
    monkeypatch.syspath_prepend(site)
    yield site
    sys.modules.pop("tiny_search", None)


SPACE = {"n_neurons": searchlab.Int(2, 8), "learning_rate": searchlab.Float(0.001, 0.1)}


@pytest.fixture
def formula(monkeypatch):
    """A formula in place of trainings."""

    def value(trial, epoch):
        return bowl(trial, epoch) if trial.suggestion.params else 0.0

    executor = lambda workers, _: TrivialExecutor(workers, value)  # noqa: E731
    monkeypatch.setattr(plugins, "executor", lambda _: executor)


def program(site: Path, cwd: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Run Python where the package and searchlab are, and nothing of this repository's tests."""
    path = os.pathsep.join([str(site), str(Path(plugins.__file__).parents[2])])
    return subprocess.run(
        [sys.executable, *arguments],
        cwd=cwd,
        env={**os.environ, "PYTHONPATH": path},
        capture_output=True,
        text=True,
        timeout=600,
        check=False,
    )


def test_a_backend_of_another_package_passes_the_contract(site, tmp_path):
    """Its author's test is three lines, needs nothing of this repository, and all laws are held."""
    (tmp_path / "test_tiny.py").write_text(
        "from searchlab.testing import BackendContract\n"
        "from tiny_search import TinyBackend\n\n"
        "class TestTiny(BackendContract):\n    backend = TinyBackend\n"
    )
    result = program(site, tmp_path, "-m", "pytest", "-q", "-p", "no:cacheprovider", "test_tiny.py")
    assert result.returncode == 0, result.stdout
    assert " passed" in result.stdout
    assert "skipped" not in result.stdout


@pytest.mark.keras
def test_a_study_names_what_another_package_offers(site, tmp_path):
    """The real command line runs it with the package's backend, tracker and model factory."""
    (tmp_path / "study.yaml").write_text(STUDY)
    command = (
        f"import sys; sys.path.insert(0, {str(site)!r}); from searchlab.cli import main; main()"
    )
    result = programs.run(tmp_path, command, "run", "study.yaml", "--json", module="-c")
    assert result.returncode == 0, result.stderr
    told = json.loads(result.stdout)
    assert told["state"] == "finished"
    lines = (tmp_path / "lines.txt").read_text().split()
    assert (lines[0], lines.count("Told"), lines[-1]) == ("Started", 3, "Stopped")
    assert not (tmp_path / "mlflow.db").exists(), "the study names no other tracker"


def study(tmp_path: Path, **changes):
    """Return the problem of the study, if there is one."""
    (tmp_path / "study.yaml").write_text(STUDY)
    keys = {"backend": "search.backend"}
    given = {keys.get(name, name): value for name, value in changes.items()}
    try:
        load_study(tmp_path / "study.yaml", given, [study_problems])
    except StudyFileError as error:
        return error.problems
    return []


def test_names_are_valid_as_soon_as_the_package_is_there(installed, tmp_path):
    """The same file is fine with it, and its options are checked by its own class."""
    assert study(tmp_path) == []
    [problem] = study(tmp_path, **{"search.options": {"shfit": 1}})
    assert "did you mean shift?" in problem


def test_without_the_package_its_names_are_unknown(tmp_path):
    """Each is refused with its key, and with what there is."""
    problems = study(tmp_path)
    assert len(problems) == 3
    assert any("no backend 'tiny': there is: randomized, hyperband, optuna" in p for p in problems)
    assert any("trackers: there is no tracker 'lines': there is: mlflow" in p for p in problems)
    assert any("no model factory 'tiny-net': there is: mlp" in each for each in problems)


def test_a_mistyped_name_is_corrected_to_one_of_a_package(installed, tmp_path):
    """Their names are among those that are suggested."""
    assert "did you mean tiny?" in study(tmp_path, backend="tinny")[0]
    assert "did you mean lines?" in study(tmp_path, trackers=["line"])[0]
    assert "did you mean tiny-net?" in study(tmp_path, model="tiny-nett")[0]


@pytest.mark.parametrize(
    ("key", "name", "reason"),
    [
        ("backend", "gone", "has no attribute 'GoneBackend'"),
        ("backend", "absent", "No module named 'absent_module'"),
        ("backend", "halfway", "it has no tell"),
        ("backend", "loose", "its Options is no subclass of backends.base.Options"),
        ("backend", "leaves", "SystemExit: 3"),
        ("model", "lost-net", "there is no module absent_module"),
    ],
)
def test_what_a_package_offers_and_does_not_have_is_one_line(
    installed, tmp_path, monkeypatch, key, name, reason
):
    """It names the package, the reason and the remedy."""
    (tmp_path / "leaves.py").write_text("import sys; sys.exit(3)\n")
    monkeypatch.syspath_prepend(tmp_path)
    [problem] = study(tmp_path, **{key: name})
    assert reason in problem
    assert "of package tiny-search" in problem
    assert problem.endswith("update or uninstall tiny-search")
    assert "\n" not in problem


@pytest.mark.parametrize("target", ["no target", "module:", ":name"])
def test_an_entry_point_that_is_none_is_said_to_be_none(target):
    """The message has the form that its author should have written."""
    with pytest.raises(InputError, match="the entry point is not written as module:name"):
        Offer("backend", "tiny", target, "tiny-search").load()


@pytest.mark.parametrize(
    ("key", "name", "reason"),
    [
        ("search.backend", "unmade", "KeyError: 'seed'; update or uninstall tiny-search"),
        ("search.backend", "deaf", "IndexError: no such trial; update or uninstall tiny-search"),
        ("search.backend", "stray", "backend stray answers trial 0 with Suggestion(params={'wr"),
        ("search.backend", "bare", "backend bare answers trial 0 with {'n_neurons': 2}, which is"),
        ("trackers", ["falling"], "RuntimeError: the disk is full; update or uninstall tiny-se"),
        ("trackers", ["nothing"], "it makes a NoneType without replay, record, close; update or"),
    ],
)
def test_what_another_packages_code_raises_in_a_study_is_told_as_its_own(
    formula, installed, tmp_path, key, name, reason
):
    """It is one line, and the study can be looked at and continued once the code is mended."""
    (tmp_path / "study.yaml").write_text(STUDY)
    given = {"model": "mlp", "space": SPACE, "search.trials": 2, "trackers": [], key: name}
    with pytest.raises(InputError) as refused:
        searchlab.run_study(tmp_path / "study.yaml", directory=tmp_path, overrides=given)
    assert reason in str(refused.value)
    assert len(str(refused.value).splitlines()) == 1
    for each in study_names(tmp_path):
        searchlab.load_study(each, tmp_path)


def test_a_package_may_not_take_a_name(installed, tmp_path, tmp_path_factory, monkeypatch):
    """A name of searchlab's own, or of another package, is refused; other names stay usable."""
    offered = OFFERED.split("gone =", maxsplit=1)[0] + 'optuna = "rival:Rival"\n'
    offered += '[project.entry-points."searchlab.factories"]\nmlp = "rival:net"\n'
    rival = install_package(tmp_path_factory.mktemp("rival"), "rival", offered, "Rival = object\n")
    monkeypatch.syspath_prepend(rival)
    [clash] = study(tmp_path, backend="optuna", **{"search.options": {}})
    assert "backend optuna is searchlab's own, and package rival has another" in clash
    clashes = study(tmp_path, model="mlp")
    assert "backend tiny is in packages rival and tiny-search" in clashes[1]
    assert "model factory mlp is searchlab's own, and package rival has another" in clashes[0]
    assert study(tmp_path, backend="randomized", **{"search.options": {}}) == []
    with pytest.raises(InputError, match="uninstall rival"):
        plugins.backend("optuna")


def test_nothing_of_a_package_is_loaded_before_its_name_is_used(site, tmp_path):
    """Help, and validating a study without its names, import none of it."""
    (tmp_path / "plain.yaml").write_text(
        "name: a\ndata: {dataset: iris}\nspace: {n_hidden: {int: [0, 3]}}\nsearch: {trials: 3}\n"
    )
    script = (
        "import sys\nfrom searchlab.cli import main\n"
        "try:\n    main()\nfinally:\n    print('tiny_search' in sys.modules)\n"
    )
    for arguments in (["--help"], ["validate", "plain.yaml"]):
        result = program(site, tmp_path, "-c", script, *arguments)
        assert result.stdout.endswith("False\n"), result.stderr


def test_trackers_may_change_between_runs_but_not_repeat(tmp_path):
    """The list is no part of what makes the study; a name twice is refused."""
    [problem] = study(tmp_path, trackers=["memory", "memory"], backend="optuna", model="mlp",
                      **{"search.options": {}})  # fmt: skip
    assert "memory appears twice" in problem


BRUTE = {"backend": "optuna", "options": {"sampler": "brute_force"}}
NAMED = {"backend": "optuna", "options": {"sampler": {"name": "brute_force"}}}


@pytest.mark.parametrize(
    ("search", "space", "problem"),
    [
        (
            {"backend": "randomized"},
            {"n_hidden": {"int": [1, 2**40]}, "n_neurons": {"int": [1, 2**40]}},
            "has 1.21e+24 points, and randomized search counts to 9.22e+18: give a range of whole "
            "numbers log: true or a larger step, or use another backend",
        ),
        (
            {"backend": "randomized"},
            {"n_hidden": {"int": [1, 2**40], "log": True}, "n_neurons": {"int": [1, 2**40]}},
            None,
        ),
        ({"backend": "optuna"}, {"n_hidden": {"int": [1, 2**40]}}, None),
        ({"backend": "hyperband"}, {"n_hidden": {"int": [1, 2**40]}}, None),
        *(
            (
                search,
                {"n_hidden": {"int": [1, 1001]}, "n_neurons": {"int": [1, 100], "log": True}},
                "has 100,100 points, and brute_force tries at most 100,000: give a range a larger "
                "step, or use another sampler",
            )
            for search in (BRUTE, NAMED)
        ),
        (BRUTE, {"n_hidden": {"int": [1, 1000]}, "n_neurons": {"int": [1, 100]}}, None),
        (
            BRUTE,
            {"n_hidden": {"int": [1, 3]}, "learning_rate": {"float": [0.1, 0.2]}},
            "has learning_rate without a step, so brute_force cannot try all points: give it one",
        ),
    ],
)
def test_a_grid_that_a_library_cannot_count_is_refused(tmp_path, search, space, problem):
    """The points of a grid are bounded where the library counts or lists them, and only there."""
    spec = doubles.study(space=space, search={"trials": 3, **search})
    problems = [] if problem is None else [("space", problem)]
    assert list(study_problems(spec, tmp_path / "study.yaml")) == problems
