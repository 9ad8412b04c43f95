"""Models that need the user's own source, after that source has gone."""

import shutil
import subprocess
import sys

import numpy as np
import pytest
from support import programs
from support.packages import FILES, package_with_code, table

from searchlab.errors import PackageError
from searchlab.package.code import copy_code, imported_packages
from searchlab.package.load import PackagedCode

PREDICT_AND_SAVE = """
import pandas, searchlab
from pathlib import Path
model = searchlab.load_model({path!r})
import own_layers  # as a layer may do where it is called; model.keras can be used by itself
assert type(model.keras) is own_layers.Net
print(model.predict(pandas.read_csv({rows!r}))[:5].tolist())
from searchlab.inference.flavor import save_model
save_model({logged!r}, Path({path!r}))
"""
PYFUNC = """
import mlflow, pandas, sys
model = mlflow.pyfunc.load_model({path!r})
assert "searchlab" in sys.modules
print(model.predict(pandas.read_csv({rows!r}))["y"][:5].tolist())
"""


def python(code, cwd, **env):
    """Run code in a fresh process and return its last output."""
    import os

    done = subprocess.run(
        [sys.executable, "-c", code],
        cwd=cwd,
        capture_output=True,
        text=True,
        check=False,
        env={**os.environ, **env},
    )
    assert done.returncode == 0, done.stderr[-3000:]
    return done.stdout.splitlines()[-1] if done.stdout else ""


@pytest.fixture(scope="module")
def gone(tmp_path_factory):
    """Package a subclassed model whose source is no longer where it was."""
    return package_with_code(tmp_path_factory.mktemp("user"))


@pytest.mark.keras
def test_a_subclassed_model_loads_without_its_authors_files(gone, tmp_path):
    """Processes in another directory predict the same with searchlab and with MLflow."""
    assert sorted(file.name for file in (gone / "code").iterdir()) == sorted(FILES)
    rows = str(tmp_path / "rows.csv")
    table().to_csv(rows, index=False)
    logged = str(tmp_path / "logged")
    code = PREDICT_AND_SAVE.format(path=str(gone), rows=rows, logged=logged)
    found = programs.run_code(tmp_path, code).splitlines()[-1]
    assert not list(gone.rglob("__pycache__"))
    # Use only the searchlab that the logged model carries.
    without = {"PYTHONPATH": ""}
    assert python(PYFUNC.format(path=logged, rows=rows), tmp_path, **without) == found


@pytest.mark.keras
def test_two_packages_may_have_modules_of_one_name(gone, tmp_path):
    """Each model uses its own classes, and the program keeps the module that it had imported."""
    from searchlab.inference.loading import load_package

    other = tmp_path / "other"
    shutil.copytree(gone, other)
    layers = other / "code" / "own_layers.py"
    layers.write_text(layers.read_text().replace("return 2 * x", "return 3 * x"))
    sys.modules["own_layers"] = mine = type(sys)("own_layers")
    try:
        first, second, again = (load_package(each) for each in (gone, other, gone))
        assert sys.modules["own_layers"] is mine
    finally:
        del sys.modules["own_layers"]
    rows = table()
    assert not np.allclose(first.predict(rows), second.predict(rows))
    np.testing.assert_array_equal(first.predict(rows), again.predict(rows))
    assert type(first.keras) is type(again.keras) is not type(second.keras)


@pytest.mark.keras
def test_code_that_lacks_a_library_says_so(gone, tmp_path):
    """A missing library is named in one line."""
    from searchlab.inference.loading import load_package

    broken = tmp_path / "broken"
    shutil.copytree(gone, broken)
    with (broken / "code" / "own_layers.py").open("a") as file:
        file.write("import no_such_library\n")
    with pytest.raises(PackageError, match=r"No module named 'no_such_library'.*install what") as e:
        load_package(broken)
    assert "\n" not in str(e.value)


@pytest.mark.parametrize("place", ["project", ".searchlab/.submitted/houses/source/project"])
def test_only_the_users_own_modules_are_copied(tmp_path, monkeypatch, place):
    """Only the project's own modules and packages are copied, also from a submitted study."""
    project = tmp_path / place
    (project / "nets" / "parts").mkdir(parents=True)
    (project / "nets" / "__init__.py").write_text("")
    (project / "nets" / "parts" / "blocks.py").write_text("import numpy\n")
    (project / "nets" / "build.py").write_text("from nets.parts import blocks\nimport click\n")
    (project / "unused.py").write_text("")
    for foreign, name in (("venv/site-packages", "installed_there"), (".searchlab", "of_a_study")):
        (project / foreign).mkdir(parents=True)
        (project / foreign / f"{name}.py").write_text("")
        monkeypatch.syspath_prepend(str(project / foreign))
    monkeypatch.syspath_prepend(str(project))
    before = set(sys.modules)
    try:
        __import__("nets.build")
        __import__("installed_there")
        __import__("of_a_study")
        copy_code("nets.build:build", project, tmp_path / "code")
    finally:
        for name in set(sys.modules) - before:
            if name.partition(".")[0] in {"nets", "installed_there", "of_a_study"}:
                del sys.modules[name]
    copied = {
        str(file.relative_to(tmp_path / "code")) for file in (tmp_path / "code").rglob("*.py")
    }
    assert copied == {"nets/__init__.py", "nets/build.py", "nets/parts/blocks.py"}
    assert {"numpy", "click"} <= set(imported_packages(tmp_path / "code"))
    assert "nets.build" in PackagedCode.load(tmp_path / "code")._modules


def test_a_built_in_factory_has_no_code(tmp_path):
    """No code is written for searchlab's built-in models."""
    copy_code("mlp", tmp_path, tmp_path / "code")
    assert not (tmp_path / "code").exists()
