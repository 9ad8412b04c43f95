"""The data on a study's page: what is odd first, then every column."""

from dataclasses import replace

import pytest
from report.html.page_entries import NASTY, Reader, finished, record

from searchlab.core.codec import encode
from searchlab.data.findings import Finding
from searchlab.data.understood import Chart, Column, Profile, write_profile
from searchlab.journal.layout import StudyLayout
from searchlab.journal.record import StudyRecord
from searchlab.report.html.report import report_page
from searchlab.testing import entries as make

LEAK = Finding("leak", ("boat",), "column 'boat' predicts the target: add it to data.drop")
HISTOGRAM = Chart(("1", "80 (to 200)"), (5, 10, 1), histogram=True)
VALUES = Chart(("male", "female"), (65, 35))


def column(name: str, chart: Chart | None = None, role: str = "feature") -> Column:
    return Column(name, role, "number", "whole numbers", "0 to 1", 20, 9, ("1", "2"), chart)


def study(*findings: Finding) -> StudyRecord:
    started = make.started(make.spec())
    data = {**started.data, "findings": [encode(finding) for finding in findings]}
    return StudyRecord(make.timed(replace(started, data=data), make.RESUMED, *make.trial(0)))


def page(tmp_path, of: StudyRecord, *columns: Column, findings=()) -> Reader:
    parts = {"train": 64, "validation": 16, "test": 20}
    found = Profile("p.csv", 100, parts, (3,), (), tuple(columns), tuple(findings))
    write_profile(StudyLayout(tmp_path).profile, found)
    return Reader(report_page(of, tmp_path))


def test_the_section_has_findings_first_and_then_the_columns(tmp_path):
    """The page's head points to them, and each column has its treatment and its values."""
    columns = [column("age", HISTOGRAM), column("sex", VALUES), column("boat")]
    read = page(tmp_path, study(LEAK), *columns, findings=[LEAK])
    assert "1 finding about the data: see Data" in read.text
    assert read.text.index(LEAK.message) < read.text.index("whole numbers")
    table = next(table for table in read.tables if table[0][0] == "column")
    assert table[1:] == [
        ["age", "whole numbers", "0 to 1", "20 %", "1 … 80 (to 200)"],
        ["sex", "whole numbers", "0 to 1", "20 %", "male: 65 %, female: 35 %"],
        ["boat", "whole numbers", "0 to 1", "20 %", "1, 2"],
    ]
    heights = [each["style"] for _, each in read.tags if each.get("title", "").endswith("rows")]
    assert heights == [f"height:{n}%" for n in (50, 100, 10, 100, 54)]
    assert [each.get("class") for tag, each in read.tags if tag == "tr"].count("odd") == 1


def test_a_study_without_a_profile_still_has_its_findings():
    """The journal has the findings, so that a page can do without the file."""
    read = Reader(report_page(study(LEAK)))
    assert LEAK.message in read.text
    assert not any(table[0][0] == "column" for table in read.tables)
    assert "about the data" not in Reader(report_page(finished())).text


@pytest.mark.parametrize("content", ["", "{}", '{"columns": 7}', "[1"])
def test_a_profile_that_cannot_be_read_is_left_out(content, tmp_path):
    """It is an extra, which never keeps a page from being made."""
    StudyLayout(tmp_path).profile.write_text(content)
    assert "housing" in Reader(report_page(record(make.trial(0)), tmp_path)).text


def test_thousands_of_columns_do_not_fill_the_page(tmp_path):
    """The odd ones come first, and the rest is counted."""
    many = [column(f"c{number}") for number in range(1000)]
    odd = Finding("constant", ("c999",), "column 'c999': the same value in all rows")
    read = page(tmp_path, study(odd), *many, findings=[odd])
    table = next(table for table in read.tables if table[0][0] == "column")
    assert len(table) == 401
    assert table[1][0] == "c999"
    assert "400 of 1,000 columns" in read.text
    assert "600 more columns" in read.text


def test_nothing_of_a_file_becomes_part_of_the_page(tmp_path):
    """Names, values and findings are shown as text."""
    nasty = replace(column(NASTY, Chart((NASTY, "b"), (1, 2))), kind=NASTY, examples=(NASTY,))
    odd = Finding("leak", (NASTY,), NASTY)
    plain = page(tmp_path, study(LEAK), column("a", VALUES), findings=[LEAK])
    read = page(tmp_path, study(odd), nasty, findings=[odd])
    assert {tag for tag, _ in read.tags} <= {tag for tag, _ in plain.tags}
    assert len(read.scripts) == len(plain.scripts)
    assert all(not name.startswith("on") for _, attributes in read.tags for name in attributes)
