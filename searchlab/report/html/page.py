"""Pages: one HTML file each, filled from a template, that needs no network.

Every value is escaped. A page contains plotly.js once (4.8 MB), and forbids the browser to load
anything else.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any, TypeVar

from searchlab.core.atomic import whole_file
from searchlab.core.wording import clock_text, number_text, scalar_text
from searchlab.errors import InputError
from searchlab.report.html.figure import Figure

_OURS = '<meta name="generator" content="searchlab">'
_HEAD = 1000  # characters in which that line stands
_log = logging.getLogger(__name__)

Source = TypeVar("Source")


def render(template: str, **values: Any) -> str:
    """Fill a template and return the text of the page.

    Args:
        template: the name of a file in `templates/`.
        **values: its variables; `figures` is a list of `Figure`.

    Raises:
        ValueError: if a figure has a number that is not finite.
    """
    from jinja2 import Environment, PackageLoader, StrictUndefined
    from markupsafe import Markup
    from plotly.offline import get_plotlyjs

    pages = Environment(
        loader=PackageLoader("searchlab.report.html"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    pages.filters |= {"number": number_text, "clock": clock_text, "scalar": scalar_text}
    pages.policies["json.dumps_kwargs"] = {"allow_nan": False, "separators": (",", ":")}
    plotly = Markup(get_plotlyjs()) if values["figures"] else ""  # noqa: S704 - the library's own
    return pages.get_template(template).render(ours=Markup(_OURS), plotly=plotly, **values)  # noqa: S704 - ours


def drawn(drawers: Iterable[Callable[[Source], Figure | None]], source: Source) -> list[Figure]:
    """Return the pictures that can be drawn; leave out one that fails, as it is an extra."""
    figures = []
    for draw in drawers:
        try:
            figure = draw(source)
        except Exception:
            _log.warning("a picture could not be drawn", exc_info=True)
            continue
        if figure is not None:
            figures.append(figure)
    return figures


def write_page(path: Path, text: str) -> None:
    """Write a page, whole or not at all, in place of an earlier page.

    Raises:
        InputError: if another kind of file is there, or it cannot be written.
    """
    try:
        if path.exists() and not _is_ours(path):
            raise InputError(
                f"{path}: exists and is not a page of searchlab's, so it was left unchanged: name "
                "another file with --output"
            )
        path.parent.mkdir(parents=True, exist_ok=True)
        with whole_file(path) as scratch:
            scratch.write_text(text, encoding="utf-8")
    except OSError as error:
        raise InputError(
            f"{path}: cannot be written ({error.strerror}): name another file with --output"
        ) from None


def _is_ours(path: Path) -> bool:
    with path.open(encoding="utf-8", errors="replace") as file:
        return _OURS in file.read(_HEAD)
