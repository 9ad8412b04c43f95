"""A table of many rows: one pass over them to measure, one to print.

rich's own tables look at each cell several times and take milliseconds a row, so that a study of
20,000 trials would be laid out for half a minute. This one looks the same.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from rich.cells import cell_len, chop_cells
from rich.console import Console, ConsoleOptions, RenderResult
from rich.segment import Segment
from rich.style import Style

from searchlab.core.wording import one_line

_GAP = "  "
_NARROWEST = 8  # characters of a column that is folded
_BOLD = Style(bold=True)


@dataclass(frozen=True)
class Cells:
    """A row.

    Attributes:
        texts: one for each column, without line breaks or control characters.
        style: of the second text.
        bold: whether the whole row is.
    """

    texts: Sequence[str]
    style: str = ""
    bold: bool = False


class Lines:
    """A table whose columns have the width of their longest text.

    Attributes:
        width: of the whole table, in characters.
    """

    def __init__(
        self, titles: Sequence[str], left: Sequence[int], rows: Sequence[Cells], fold: int = -1
    ) -> None:
        """Measure a table.

        Args:
            titles: the names of the columns.
            left: the columns whose texts begin at the left; the others end at the right.
            rows: the rows.
            fold: the column that is folded where the table is wider than the terminal; -1 for none.
        """
        self._titles = Cells([one_line(title) for title in titles], bold=True)
        self._rows, self._left, self._fold = rows, frozenset(left), fold
        columns = zip(self._titles.texts, *(row.texts for row in rows), strict=True)
        self._widths = [max(map(_width, column)) for column in columns]
        self.width = sum(self._widths) + len(_GAP) * (len(titles) - 1)

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        widths = list(self._widths)
        if self._fold >= 0 and not options.no_wrap:
            left = options.max_width - (self.width - widths[self._fold])
            widths[self._fold] = max(_NARROWEST, left)
        styles = {style: console.get_style(style) for style in {row.style for row in self._rows}}
        yield from self._line(self._titles, widths, _BOLD)
        yield Segment("─" * (sum(widths) + len(_GAP) * (len(widths) - 1)))
        yield Segment.line()
        for row in self._rows:
            style = styles[row.style]
            for line in self._folded(row, widths):
                yield from self._line(line, widths, style + _BOLD if row.bold else style)

    def _folded(self, row: Cells, widths: Sequence[int]) -> Iterator[Cells]:
        """Yield the lines of a row."""
        if self._fold < 0 or _width(row.texts[self._fold]) <= widths[self._fold]:
            yield row
            return
        texts = list(row.texts)
        for part in _wrapped(texts[self._fold], widths[self._fold]):
            texts[self._fold] = part
            yield Cells(texts, row.style, row.bold)
            texts = [""] * len(texts)

    def _line(self, row: Cells, widths: Sequence[int], style: Style) -> Iterator[Segment]:
        cells = [
            _padded(text, width, left=place in self._left)
            for place, (text, width) in enumerate(zip(row.texts, widths, strict=True))
        ]
        bold = _BOLD if row.bold else None
        yield Segment(cells[0] + _GAP, bold)
        yield Segment(cells[1], style)
        yield Segment(_GAP + _GAP.join(cells[2:]), bold)
        yield Segment.line()


def _width(text: str) -> int:
    return len(text) if text.isascii() else cell_len(text)


def _padded(text: str, width: int, *, left: bool) -> str:
    space = " " * (width - _width(text))
    return text + space if left else space + text


def _wrapped(text: str, width: int) -> list[str]:
    """Split a text between words; a word that is wider than a line begins one of its own."""
    lines = [""]
    for word in text.split(" "):
        for place, part in enumerate(chop_cells(word, width) or [""]):
            joined = f"{lines[-1]} {part}" if lines[-1] else part
            if place == 0 and _width(joined) <= width and _width(word) <= width:
                lines[-1] = joined
            else:
                lines.append(part)
    return lines if lines[0] else lines[1:]
