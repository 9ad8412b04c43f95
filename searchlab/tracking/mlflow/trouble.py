"""Short reasons why a store cannot be used, from the nested errors of libraries."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from searchlab.errors import SearchlabError, TrackingError
from searchlab.tracking.mlflow.address import redact, scrub

_LONGEST = 300  # characters


class LostRunsError(TrackingError):
    """A store no longer has what it had of a study, so that all of it must be sent again."""


def reason(error: Exception, uri: str) -> str:
    """Return the problem of a store in one line without passwords.

    Args:
        error: the exception.
        uri: the tracking URI, with its password.

    Returns:
        For example "http://127.0.0.1:5000 does not answer (connection refused)".
    """
    return scrub(_reason(error, redact(uri)), uri)[:_LONGEST]


@contextmanager
def told(uri: str) -> Iterator[None]:
    """Turn every error of a store into one line.

    Raises:
        TrackingError: in place of all errors but searchlab's own.
    """
    try:
        yield
    except SearchlabError:
        raise
    except Exception as error:  # of a library, a server or a disk
        raise TrackingError(reason(error, uri)) from None


def _reason(error: Exception, shown: str) -> str:
    if isinstance(error, TrackingError):
        return str(error)
    causes = list(_causes(error))
    for cause in reversed(causes):  # the innermost comes from the operating system
        if isinstance(cause, OSError) and (cause.errno or isinstance(cause, TimeoutError)):
            text = _lowered(cause.strerror or str(cause))
            return f"{cause.filename or f'{shown} does not answer'} ({text})"
    for cause in causes:
        if (origin := getattr(cause, "orig", None)) is not None:  # SQLAlchemy's wrapper
            return f"{shown} cannot be used ({_lowered(_first_line(origin))})"
    return f"{shown} cannot be used ({type(error).__name__}: {_first_line(error)})"


def _causes(error: BaseException) -> Iterator[BaseException]:
    """Yield the error and its chain of causes."""
    seen: set[int] = set()
    current: BaseException | None = error
    while current is not None and id(current) not in seen:
        seen.add(id(current))
        yield current
        current = current.__cause__ or current.__context__


def _first_line(error: BaseException) -> str:
    return (str(error).splitlines() or ["no message"])[0]


def _lowered(text: str) -> str:
    return text[:1].lower() + text[1:]
