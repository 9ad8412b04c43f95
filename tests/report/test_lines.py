"""Tables of many rows."""

import io

from rich.console import Console

from searchlab.report.lines import Cells, Lines


def drawn(table: Lines, width: int = 80, *, soft_wrap: bool = False) -> list[str]:
    console = Console(file=io.StringIO(), width=width)
    console.print(table, soft_wrap=soft_wrap)
    assert isinstance(console.file, io.StringIO)
    return [line.rstrip() for line in console.file.getvalue().splitlines()]


def table(*texts: str, fold: int = 1) -> Lines:
    return Lines(["n", "text"], [1], [Cells((str(n), text)) for n, text in enumerate(texts)], fold)


def test_columns_are_as_wide_as_their_longest_text_on_a_terminal() -> None:
    """Characters that take two places are counted as two."""
    lines = drawn(
        Lines(["a", "b", "c"], [1], [Cells(("1", "日本", "2")), Cells(("10", "x", "30"))])
    )
    assert lines == [" a  b      c", "─" * 12, " 1  日本   2", "10  x     30"]


def test_a_text_that_is_too_wide_is_folded_between_words() -> None:
    """A word that is wider than a line is cut; nothing is lost, and nothing is wider than asked."""
    lines = drawn(table("one two three", "a" * 20), width=14)
    assert lines[2:] == ["0  one two", "   three", "1  " + "a" * 11, "   " + "a" * 9]


def test_in_a_pipe_nothing_is_folded() -> None:
    """Each row stays one line there, however narrow the terminal is."""
    assert drawn(table("one two three"), width=10, soft_wrap=True)[2:] == ["0  one two three"]


def test_text_is_never_markup() -> None:
    """Brackets in a text are shown as they are."""
    assert drawn(table("[red]x[/red]"))[2] == "0  [red]x[/red]"


def test_each_row_is_measured_once_and_printed_once() -> None:
    """A study of very many trials is laid out in one pass: rich's own tables take far longer."""

    class Counted(tuple[str, ...]):
        seen = 0

        def __iter__(self):  # type: ignore[no-untyped-def]
            Counted.seen += 1
            return super().__iter__()

    drawn(Lines(["n", "x"], [1], [Cells(Counted((str(n), "x"))) for n in range(50)]))
    assert Counted.seen <= 2 * 50
