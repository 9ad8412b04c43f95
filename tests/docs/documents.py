"""The code blocks of README.md and docs/, with the directives in the comments above them."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[2]
README = ROOT / "README.md"
EXAMPLES = sorted((ROOT / "docs" / "examples").glob("*.yaml"))
PAGES = [README, *sorted((ROOT / "docs").rglob("*.md"))]

_BLOCK = re.compile(
    r"(?:^<!-- test: (?P<directive>[^\n]+) -->\n)?^```(?P<language>\w*)\n(?P<text>.*?)^```$",
    re.MULTILINE | re.DOTALL,
)
_SPAN = re.compile(r"(?<!`)`([^`\n]+)`(?!`)")


@dataclass(frozen=True)
class Block:
    """A fenced code block.

    Attributes:
        page: the file that contains it.
        line: its first line in the page.
        language: the language named on the fence; empty if none.
        text: its content.
        does: the first word of its directive (run, file or skip); empty without a directive.
        argument: the rest of the directive.
    """

    page: Path
    line: int
    language: str
    text: str
    does: str
    argument: str

    def __str__(self) -> str:
        return f"{name_of(self.page)}:{self.line}"

    @property
    def commands(self) -> list[str]:
        """The lines that call searchlab."""
        return [line for line in self.text.splitlines() if line.startswith("searchlab ")]


def name_of(page: Path) -> str:
    """Return a page's path in the repository."""
    return page.relative_to(ROOT).as_posix()


def blocks(page: Path) -> list[Block]:
    """Return all blocks of a page, in order."""
    return list(_blocks(page))


def _blocks(page: Path) -> Iterator[Block]:
    text = page.read_text(encoding="utf-8")
    for match in _BLOCK.finditer(text):
        does, _, argument = (match["directive"] or "").partition(" ")
        line = text.count("\n", 0, match.start()) + 1
        yield Block(page, line, match["language"], match["text"], does, argument)


def all_blocks(language: str) -> list[Block]:
    """Return the blocks of one language on all pages, except skipped ones."""
    found = [block for page in PAGES for block in blocks(page)]
    return [block for block in found if block.language == language and block.does != "skip"]


def spans(page: Path) -> list[str]:
    """Return the inline code of a page."""
    return _SPAN.findall(_BLOCK.sub("", page.read_text(encoding="utf-8")))


def write_files(directory: Path) -> None:
    """Write the blocks of all pages that are marked as files."""
    for page in PAGES:
        for block in blocks(page):
            if block.does == "file":
                (directory / block.argument).write_text(block.text, encoding="utf-8")
