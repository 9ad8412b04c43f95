"""The commands and Python code of the documentation run, and the site builds.

Everything runs in one directory. README.md comes first: other pages need its study `houses`.
"""

from __future__ import annotations

import re
import subprocess
import sys

import documents
import pytest
import workplace
from support import programs

pytestmark = [pytest.mark.keras, pytest.mark.slow]

ROOT, README = documents.ROOT, documents.README


def follow(page, directory) -> None:
    """Run a page's code from top to bottom in the directory, as a reader would."""
    names: dict = {}
    for block in documents.blocks(page):
        if block.language == "sh" and block.does == "run":
            for line in block.commands:
                done = programs.run(directory, *workplace.shortened(line))
                assert done.returncode == 0, f"{block}: {line}\n{done.stderr[-2000:]}"
        if block.language == "python" and not block.does:
            exec(compile(block.text, str(block), "exec"), names)  # noqa: S102 - our own pages


@pytest.fixture(scope="module")
def directory(tmp_path_factory):
    """A directory in which README.md has been followed."""
    path = tmp_path_factory.mktemp("docs")
    workplace.make(path)
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(path)
        follow(README, path)
    return path


def test_the_readme_ends_with_predictions(directory):
    """A reader who follows README.md ends up with predictions for new rows."""
    lines = (directory / "prices.csv").read_text().splitlines()
    assert lines[0] == "price"
    assert len(lines) == len((directory / "new.csv").read_text().splitlines())


def runs(block) -> bool:
    return block.does == "run" or (block.language, block.does) == ("python", "")


DOING = [page for page in documents.PAGES[1:] if any(map(runs, documents.blocks(page)))]


@pytest.mark.parametrize("page", DOING, ids=documents.name_of)
def test_a_page_can_be_followed(page, directory, monkeypatch):
    """A page's marked commands exit with code 0, and its Python raises nothing."""
    monkeypatch.chdir(directory)
    monkeypatch.syspath_prepend(directory)
    follow(page, directory)


CONTRACTS = [b for b in documents.all_blocks("python") if b.argument.startswith("test_")]
LONG = "test_loud.py"  # trains all that the contract of executors does, as for `inline` itself


@pytest.mark.parametrize(
    "block",
    [
        pytest.param(each, marks=[pytest.mark.long] if each.argument == LONG else [], id=str(each))
        for each in CONTRACTS
    ],
)
def test_what_the_contributing_pages_build_fulfils_its_contract(block, tmp_path):
    """A contributing page's example passes the contract that ships with searchlab."""
    documents.write_files(tmp_path)
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", block.argument]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout[-3000:]


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    """The built documentation."""
    path = tmp_path_factory.mktemp("site")
    command = [sys.executable, "-m", "mkdocs", "build", "--strict", "--site-dir", str(path)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr[-3000:]
    return path


def test_the_site_is_built_without_a_warning(site):
    """`mkdocs build --strict` succeeds, and the site contains each page of docs/."""
    pages = [page.relative_to(ROOT / "docs") for page in documents.PAGES[1:]]
    assert [page for page in pages if not (site / page.with_suffix(".html")).is_file()] == []


def test_the_site_loads_nothing_from_elsewhere(site):
    """No page or style sheet loads a script, font, style or image over the network."""
    loads = re.compile(r"<(?:script|link|img|iframe|source)\b[^>]*(?:src|href)=\"?(?:https?:)?//")
    styles = re.compile(r"(?:url\(|@import\s*)[\"']?(?:https?:)?//")
    assert [page for page in site.rglob("*.html") if loads.search(page.read_text())] == []
    assert [sheet for sheet in site.rglob("*.css") if styles.search(sheet.read_text())] == []


def test_the_reference_is_in_the_site(site):
    """The hook replaces every mark with its keys, commands or drawing."""
    assert "early_stopping" in (site / "study-file.html").read_text()
    assert "--tracking-uri" in (site / "commands.html").read_text()
    assert (site / "how-it-works.html").read_text().count("<svg viewBox") >= 2
    marks = re.compile(r"^<!-- (reference|drawing|include):", re.MULTILINE)
    assert [page for page in site.rglob("*.html") if marks.search(page.read_text())] == []
