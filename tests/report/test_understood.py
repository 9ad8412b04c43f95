"""The table of a data set as it was understood, on terminals and in pipes."""

import io

from rich.console import Console

from searchlab.data.findings import Finding
from searchlab.data.understood import Column, Profile
from searchlab.report.understood import understood


def column(name: str, kind: str = "number", role: str = "feature", **changes) -> Column:
    values = {"why": "numbers", "treatment": "mean 0, deviation 1", "missing": 0, "distinct": 9}
    return Column(name, role, kind, **{**values, "examples": ("1", "2.5", "7"), **changes})


def profile(*columns: Column, findings: tuple[Finding, ...] = (), **changes) -> Profile:
    target = column("price", role="target", treatment="as it is")
    return Profile(
        **{
            "source": "houses.csv",
            "rows": 1000,
            "parts": {"train": 640, "validation": 160, "test": 200},
            "shape": (12,),
            "notes": ("cells separated by semicolons",),
            "columns": (target, *columns),
            "findings": findings,
            **changes,
        }
    )


def lines(of: Profile, *, width: int = 80, whole: bool = False, pipe: bool = False) -> list[str]:
    file = io.StringIO()
    Console(file=file, width=width, soft_wrap=pipe, force_terminal=False).print(
        understood(of, whole=whole, command="searchlab validate --data s.yaml")
    )
    return [line.rstrip() for line in file.getvalue().splitlines()]


def test_each_column_says_its_kind_the_reason_the_treatment_and_examples():
    """A pipe gets one line a column with everything in it."""
    text = lines(profile(column("rooms", missing=210), column("city", "category", why="text, 4 "
                         "distinct", treatment="one-hot, 4 columns")), pipe=True)  # fmt: skip
    assert text[0] == "houses.csv: 1,000 rows, 2 features -> 12 inputs"
    assert text[1] == "rows: 640 to train, 160 to stop early, 200 to test"
    assert text[2].strip() == "cells separated by semicolons"
    rooms = next(line.split("  ") for line in text if line.startswith("rooms"))
    assert [cell.strip() for cell in rooms if cell.strip()] == [
        *("rooms", "number", "numbers", "mean 0, deviation 1", "21 %", "1, 2.5, 7")
    ]
    city = next(line for line in text if line.startswith("city"))
    assert "text, 4 distinct" in city
    assert "one-hot, 4 columns" in city
    assert any("target: as it is" in line for line in text)


def test_a_share_of_missing_values_is_rounded_to_all_only_where_it_is_all():
    """999 of 1,000 rows are not all, and 1,000 are."""
    columns = [column(f"n{count}", missing=count) for count in (1, 10, 999, 1000)]
    shown = [line for line in lines(profile(*columns), pipe=True) if line.startswith("n1 ")]
    text = "\n".join(lines(profile(*columns), pipe=True))
    assert "< 1 %" in shown[0]
    assert [share in text for share in (" 1 %", "> 99 %", "100 %")] == [True] * 3


def test_no_line_is_wider_than_a_terminal_of_80_columns():
    """Long names, reasons and examples are folded."""
    wide = column("a name of a column that somebody wrote " * 3, why="text, 12,345 distinct",
                  kind="category", examples=("x" * 24, "y" * 24))  # fmt: skip
    text = lines(profile(wide, findings=(Finding("leak", ("a",), "column 'a' is " + "x " * 80),)))
    assert max(map(len, text)) <= 80
    assert "category" in "".join(text)


def test_many_columns_that_are_used_alike_share_a_line():
    """A run says how many there are, and which command shows each; that command does."""
    many = [column(f"gene_{number}", missing=number) for number in range(500)]
    text = lines(profile(*many, column("city", "category")), pipe=True)
    assert len(text) < 10
    assert any(line.startswith("gene_0, gene_1, ... (500 columns)") for line in text)
    assert any("to 50 %" in line for line in text)
    assert text[-1] == "each column: searchlab validate --data s.yaml"
    whole = lines(profile(*many), whole=True, pipe=True)
    assert sum(line.startswith("gene_") for line in whole) == 500


def test_many_columns_of_many_uses_are_counted():
    """The short table ends, and the rest is a number."""
    many = [column(f"c{number}", why=f"reason {number}") for number in range(60)]
    text = lines(profile(*many), pipe=True)
    assert text[-1] == "41 more columns: searchlab validate --data s.yaml"


def test_findings_stand_below_the_table():
    """Each is a line of its own; the short form has the gravest ten."""
    findings = tuple(Finding("leak", (f"c{n}",), f"column 'c{n}' [red]leaks[/]") for n in range(12))
    text = lines(profile(findings=findings), pipe=True)
    assert text[-11:-1] == [f"! column 'c{n}' [red]leaks[/]" for n in range(10)]
    assert text[-1] == "2 more findings: searchlab validate --data s.yaml"
