"""Type checks of a user's program against the installed package."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import sysconfig
import venv
from pathlib import Path

import pytest
from support.wheels import install

import searchlab

pytestmark = pytest.mark.slow

ROOT = Path(searchlab.__file__).parents[1]
PROGRAM = Path(__file__).with_name("program.py")

SETTINGS = """\
[mypy]
[mypy-click.*,matplotlib.*,mlflow.*,optuna.*,rich.*,sqlalchemy.*]
follow_imports = skip
"""
"""No public type is one of these libraries', and to read them takes most of the time."""


@pytest.fixture(scope="module")
def environment(tmp_path_factory):
    """A virtual environment with a built searchlab in it, and what is installed here behind it."""
    place = tmp_path_factory.mktemp("typing")
    venv.create(place / "env", with_pip=False, symlinks=True)
    [site] = (place / "env").glob("lib/python*/site-packages")
    (site / "installed_here.pth").write_text(f"{sysconfig.get_path('purelib')}\n")
    ignore = shutil.ignore_patterns("__pycache__")
    shutil.copytree(ROOT / "searchlab", place / "source" / "searchlab", ignore=ignore)
    for name in ("pyproject.toml", "README.md"):
        shutil.copy(ROOT / name, place / "source")
    install(place / "source", site)
    return place


def checked(place: Path) -> subprocess.CompletedProcess[str]:
    """Type-check the program where nothing but the environment can be found."""
    shutil.copy(PROGRAM, place / "program.py")
    hidden = {"PYTHONPATH", "MYPYPATH"}
    (place / "mypy.ini").write_text(SETTINGS)
    command = [sys.executable, "-m", "mypy", "--strict", "--no-error-summary"]
    command += ["--python-executable", str(place / "env" / "bin" / "python"), "program.py"]
    return subprocess.run(
        command,
        cwd=place,
        env={name: value for name, value in os.environ.items() if name not in hidden},
        capture_output=True,
        text=True,
        timeout=580,
        check=False,
    )


def installed(place: Path, name: str) -> Path:
    [file] = (place / "env").glob(f"lib/python*/site-packages/searchlab/{name}")
    return file


def test_a_users_program_is_type_checked(environment):
    """All that it asserts of types holds, and each of its mistakes is found."""
    result = checked(environment)
    assert result.returncode == 0, result.stdout + result.stderr


@pytest.mark.parametrize(
    ("name", "before", "after", "told"),
    [
        ("api/run.py", ") -> StudyResult:", ") -> Any:", "assert-type"),
        (
            "api/result.py",
            "    metrics: Mapping[str, float]\n",
            "    metrics: Any\n",
            "assert-type",
        ),
        ("__init__.py", "import Choice, Float, Int, When", "import Choice, Float, Int", "When"),
    ],
)
def test_a_public_type_that_is_lost_is_found(environment, name, before, after, told):
    """The program is refused once a function, a property or a name has lost its type."""
    file = installed(environment, name)
    text = file.read_text()
    assert before in text
    file.write_text(text.replace(before, after))
    result = checked(environment)
    file.write_text(text)
    assert result.returncode == 1
    assert told in result.stdout


def test_without_the_marker_nothing_would_be_checked(environment):
    """The package's own types count because `py.typed` is installed with it."""
    marker = installed(environment, "py.typed")
    marker.unlink()
    result = checked(environment)
    marker.touch()
    assert result.returncode == 1
    assert "py.typed" in result.stdout
