"""Values, durations, params and failures as text for people."""

from __future__ import annotations

from collections.abc import Mapping

from searchlab.core.domains import Params, Scalar
from searchlab.core.trial import Failure

_LONGEST = 200  # characters of an error in one line
_LARGE, _HUGE = 1e4, 1e9  # between them, numbers are written with all digits before the point
_TEN, _SIXTY = 10, 60

ROWS: Mapping[str, str] = {"test": "the test rows", "validation": "the early-stopping rows"}
"""The rows that a model is measured on, by their part."""


def number_text(value: float | None) -> str:
    """Format a number with four significant digits, or all digits before the point."""
    if value is None:
        return "-"
    return f"{value:.0f}" if _LARGE <= abs(value) < _HUGE else f"{value:.4g}"


def confirmed_text(mean: float | None, spread: float | None) -> str:
    """Format a confirmed score: `0.9711 ± 0.0035`, `126352 ± 456`."""
    if spread is None:
        return number_text(mean)
    return f"{number_text(mean)} ± {spread:{'.0f' if _TEN <= spread < _HUGE else '.2g'}}"


def duration_text(seconds: float) -> str:
    """Format a duration: `12.3 s`, `2 min 05 s`, `3 h 07 min`."""
    if round(seconds, 1) < _SIXTY:
        return f"{seconds:.1f} s"
    minutes, rest = divmod(round(seconds), _SIXTY)
    if minutes < _SIXTY:
        return f"{minutes} min {rest:02d} s"
    hours, minutes = divmod(minutes, _SIXTY)
    return f"{hours} h {minutes:02d} min"


def clock_text(seconds: float | None) -> str:
    """Format a duration for a column: `12.3 s`, `2:05`, `3:07:00`."""
    if seconds is None:
        return "-"
    if round(seconds, 1) < _SIXTY:
        return f"{seconds:.1f} s"
    minutes, rest = divmod(round(seconds), _SIXTY)
    hours, minutes = divmod(minutes, _SIXTY)
    return f"{hours}:{minutes:02d}:{rest:02d}" if hours else f"{minutes}:{rest:02d}"


def scalar_text(value: Scalar) -> str:
    """Format the value of a param in one line."""
    return number_text(value) if isinstance(value, float) else one_line(str(value))


def params_text(params: Params) -> str:
    """Format params: `n_hidden=3 learning_rate=0.01425`."""
    return " ".join(f"{name}={scalar_text(value)}" for name, value in params.items())


def reason_text(failure: Failure) -> str:
    """Format the reason of a failure in one line of bounded length."""
    line = one_line(f"{failure.type}: {failure.message}")
    return line if len(line) <= _LONGEST else f"{line[: _LONGEST - 3]}..."


def one_line(text: str) -> str:
    """Replace line breaks and control characters by spaces."""
    return " ".join("".join(char if char.isprintable() else " " for char in text).split())
