"""The documentation is correct: studies are valid; commands, files and links exist."""

from __future__ import annotations

import importlib.util
import re
import tomllib
from urllib.parse import unquote

import click
import documents
import pytest
import workplace
import yaml

import searchlab
import searchlab.errors
from searchlab.cli import cli
from searchlab.engine.checks import study_problems
from searchlab.study.file import load_study

ROOT, PAGES = documents.ROOT, documents.PAGES
LANGUAGES = {"sh", "python", "yaml", "toml", "json", "text"}
FILLED = {
    "name": "filled-in",
    "data": "{dataset: digits}",
    "space": "{learning_rate: {float: [0.001, 0.1]}}",
}


def load(path: str):
    """Import a module that belongs to no package, such as the MkDocs hook."""
    spec = importlib.util.spec_from_file_location(path.rpartition("/")[2][:-3], ROOT / path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


reference = load("docs/_hooks/reference.py")


@pytest.fixture(scope="module")
def directory(tmp_path_factory):
    """A directory with the files that a reader of the pages has."""
    path = tmp_path_factory.mktemp("docs")
    workplace.make(path)
    return path


@pytest.mark.parametrize("page", PAGES, ids=documents.name_of)
def test_each_block_is_of_a_known_kind(page):
    """Every block has a language and a directive that the tests know, so none goes untested."""
    found = documents.blocks(page)
    assert page.read_text().count("\n```") + page.read_text().startswith("```") == 2 * len(found)
    assert {block.language for block in found} <= LANGUAGES
    assert {block.does for block in found} <= {"", "run", "file", "skip"}
    assert all(block.argument for block in found if block.does in ("file", "skip"))


@pytest.mark.parametrize("block", documents.all_blocks("yaml"), ids=str)
def test_a_study_or_a_part_of_one_is_valid(block, directory):
    """A YAML block passes `searchlab validate` once missing required keys are filled in."""
    keys = yaml.safe_load(block.text)
    text = block.text + "".join(f"{k}: {v}\n" for k, v in FILLED.items() if k not in keys)
    file = directory / "block.yaml"
    file.write_text(text)
    search = keys.get("search", {})
    ends = {"trials", "seconds"} & set(search) or search.get("backend") == "hyperband"
    load_study(file, {} if ends else {"search.trials": 3}, [study_problems])


@pytest.mark.parametrize("name", [each.stem for each in documents.EXAMPLES])
def test_a_complete_example_is_valid(name, directory):
    """The example files quoted in the reference pass `searchlab validate`."""
    load_study(directory / f"example-{name}.yaml", checks=[study_problems])


def test_the_reference_describes_each_key():
    """The reference lists each key of the schema with a description and an example."""
    whole, text = reference.schema(), reference.study_file()
    parts = [whole, *(part for name, part in whole["$defs"].items())]
    missing = [
        f"{part.get('title')}.{key}"
        for part in parts
        for key, value in part.get("properties", {}).items()
        if not value.get("description") or f"| `{key}` |" not in text
    ]
    assert missing == []


def options(command: click.Command) -> set[str]:
    return {each for param in command.params for each in param.opts} | {"--help", "-h"}


COMMANDS = [block for block in documents.all_blocks("sh") if block.commands]


@pytest.mark.parametrize("block", COMMANDS, ids=str)
def test_a_command_can_be_called_like_this(block):
    """The command line accepts each line that calls searchlab: its arguments and options exist."""
    for line in block.commands:
        name, *rest = workplace.arguments(line)
        cli.commands[name].make_context(name, rest)


@pytest.mark.parametrize("page", PAGES, ids=documents.name_of)
def test_a_command_in_a_sentence_exists(page):
    """Commands and options in inline code exist."""
    for span in documents.spans(page):
        if span.startswith("searchlab ") and not span.startswith("searchlab -"):
            _, name, *rest = span.split()
            assert {each for each in rest if each.startswith("--")} <= options(cli.commands[name])


@pytest.mark.parametrize("page", PAGES, ids=documents.name_of)
def test_a_path_in_a_sentence_exists(page):
    """Files of this repository that a page names exist."""
    paths = [span for span in documents.spans(page) if re.match(r"(searchlab|tests|docs)/", span)]
    assert [path for path in paths if not (ROOT / path).exists()] == []


@pytest.mark.parametrize("block", documents.all_blocks("python"), ids=str)
def test_python_compiles(block):
    """Each Python block compiles; test_blocks_run executes it."""
    compile(block.text, str(block), "exec")


LINKING = [*PAGES, *(ROOT / name for name in ("CONTRIBUTING.md", "SECURITY.md", "CHANGELOG.md"))]


@pytest.mark.parametrize("page", LINKING, ids=documents.name_of)
def test_links_inside_of_the_repository_resolve(page):
    """The files that a page links to or embeds exist; MkDocs checks the anchors."""
    targets = re.findall(r"\]\(([^)#\s]+)", page.read_text())
    inside = [each for each in targets if not re.match(r"[a-z]+:", each)]
    assert [each for each in inside if not (page.parent / unquote(each)).exists()] == []


def test_the_readme_is_short():
    """README.md fits on a screen and a half."""
    assert len(documents.README.read_text().splitlines()) <= 90


def test_the_readme_installs_what_there_is():
    """README.md's two commands name extras and files that exist."""
    install, test = (
        block.text for block in documents.blocks(documents.README) if "pip install" in block.text
    )
    extras = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    assert "test" in extras["optional-dependencies"]
    assert "-c constraints.txt -e ." in install
    assert install.rstrip().endswith(".venv/bin/searchlab run studies/digits.yaml")
    assert '-c constraints.txt -e ".[test]"' in test
    assert test.rstrip().endswith(".venv/bin/python -m pytest")
    assert (ROOT / "studies" / "digits.yaml").is_file()
    assert (ROOT / "constraints.txt").is_file()


def test_the_newest_change_is_of_this_version():
    """CHANGELOG.md begins with the package's version."""
    versions = re.findall(r"^## \[(\d+\.\d+\.\d+)\]", (ROOT / "CHANGELOG.md").read_text(), re.M)
    assert versions[0] == searchlab.__version__


def test_the_api_page_has_the_public_face():
    """Each public name of the package is on the API page."""
    page = (ROOT / "docs" / "api.md").read_text()
    shown = set(re.findall(r"^::: (\S+)$", page, re.M))
    names = set(searchlab.__all__) - {"__version__"}
    missing = {name for name in names if f"searchlab.{name}" not in shown}
    assert {name for name in missing if not hasattr(searchlab.errors, name)} == set()
    assert "searchlab.errors" in shown


def test_each_room_is_drawn():
    """The drawing and the table contain each room of the architecture test, with its purpose."""
    drawn = reference.rooms()
    for room in reference.table_of_rooms():
        assert f">{room}</text>" in drawn
        assert reference.about(room)
