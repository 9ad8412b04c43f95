"""The pages in a real Chromium, if one is installed."""

from __future__ import annotations

import shutil
import subprocess

import pytest
from report.html.page_entries import Reader, finished, many, nasty_study

from searchlab.report.html.compare import compare_page
from searchlab.report.html.report import report_page

CHROMIUM = next(
    filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None
)
pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(CHROMIUM is None, reason="needs chromium or google-chrome on the PATH"),
]


@pytest.mark.parametrize(
    ("page", "pictures"),
    [
        (lambda: report_page(finished()), 5),
        (lambda: report_page(nasty_study()), 5),
        (lambda: compare_page([finished(), many()]), 3),
    ],
    ids=["report", "nasty", "compare"],
)
def test_a_browser_draws_every_picture_and_runs_nothing_else(page, pictures, tmp_path):
    """plotly.js works under the page's own policy, and user text never becomes an element."""
    text = page()
    (tmp_path / "page.html").write_text(text, encoding="utf-8")
    command = [
        *(CHROMIUM, "--headless", "--no-sandbox", "--disable-gpu", "--virtual-time-budget=5000"),
        *(f"--user-data-dir={tmp_path / 'profile'}", "--dump-dom"),
        f"file://{tmp_path / 'page.html'}",
    ]
    dom = subprocess.run(command, capture_output=True, text=True, check=True, timeout=120).stdout
    tags = Reader(dom).tags
    drawn = [tag for tag, attributes in tags if "js-plotly-plot" in (attributes.get("class") or "")]
    assert len(drawn) == len(Reader(text).figures) == pictures
    assert sum("main-svg" in (attributes.get("class") or "") for _, attributes in tags) >= pictures
    assert not [tag for tag, _ in tags if tag in ("img", "iframe")]
