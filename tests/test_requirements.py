"""The libraries that searchlab asks for, from a version that will do up to the next major one."""

import re
import tomllib
from pathlib import Path

import pytest
from packaging.requirements import Requirement

ROOT = Path(__file__).parents[1]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
GROUPS = [PROJECT["dependencies"], *PROJECT["optional-dependencies"].values()]
ALL = [Requirement(line) for group in GROUPS for line in group]
PINS = re.findall(r"^([\w-]+)==(\S+)$", (ROOT / "constraints.txt").read_text(), re.MULTILINE)
TESTED = {name.lower(): version for name, version in PINS}


@pytest.mark.parametrize(
    "requirement", [each for each in ALL if each.name != PROJECT["name"]], ids=str
)
def test_each_library_is_bounded_by_its_next_major_version(requirement):
    """It has a lower bound, takes the version that is tested, and not the next major version."""
    assert {each.operator for each in requirement.specifier} == {">=", "<"}
    tested = TESTED.get(requirement.name.lower())
    if tested is None:
        return  # of no part in what is tested here
    major, minor = (int(part) for part in tested.split(".")[:2])
    after = f"{major + 1}.0" if major else f"0.{minor + 1}"
    assert requirement.specifier.contains(tested)
    assert not requirement.specifier.contains(after)
    assert requirement.specifier.contains(f"{major}.10000" if major else tested)
