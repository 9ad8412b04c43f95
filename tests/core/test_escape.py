"""Texts of users in Markdown and in spreadsheets: they stay as written."""

import pytest

from searchlab.core.escape import code_in_markdown, in_markdown, in_spreadsheet


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("n_hidden", "n_hidden"),
        ("a|b", "a\\|b"),
        ("[x](http://evil)", "\\[x\\](http://evil)"),
        ("<img src=x>", "\\<img src=x\\>"),
        ("![x](y)", "\\!\\[x\\](y)"),
        ("**bold** `code` ~~x~~", "\\*\\*bold\\*\\* \\`code\\` \\~\\~x\\~\\~"),
        ("_so_", "\\_so\\_"),
        ("two\n# lines", "two # lines"),
        (0.5, "0.5"),
        (None, "None"),
    ],
)
def test_a_text_in_markdown_is_shown_as_it_is(text, shown):
    """Signs of a link, an image, HTML or the end of a cell are escaped."""
    assert in_markdown(text) == shown


@pytest.mark.parametrize(
    ("text", "shown"),
    [("size", "`size`"), ("a`b", "``a`b``"), ("`a``", "``` `a`` ```"), ("a\nb", "`a b`")],
)
def test_code_in_markdown_does_not_end_early(text, shown):
    """The fence is longer than any run of backticks within."""
    assert code_in_markdown(text) == shown


@pytest.mark.parametrize("text", ["=1+1", "+1+1", "-1+1", "@SUM(A1)", "\t=1", "\r=1", "=cmd|' /C"])
def test_a_formula_is_a_text_in_a_spreadsheet(text):
    """A text that a spreadsheet would calculate begins with an apostrophe."""
    assert in_spreadsheet(text) == f"'{text}"


@pytest.mark.parametrize("cell", ["-1.5", "+3", "-1e-3", -1.5, 3, None, "a=1", "", True])
def test_other_cells_stay(cell):
    """Numbers, also as text, and harmless texts are unchanged."""
    assert in_spreadsheet(cell) is cell
