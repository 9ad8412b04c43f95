"""Code of other packages, whose failures are told as theirs, in one line."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import wraps
from typing import Any

from searchlab.backends.base import Continuing, Resumable
from searchlab.core.entry_points import Offer
from searchlab.errors import InputError, SearchlabError


@contextmanager
def blamed(offer: Offer) -> Iterator[None]:
    """Turn what another package's code raises within the block into an error that names it.

    Raises:
        InputError: in place of every exception but searchlab's own.
    """
    try:
        yield
    except SearchlabError:
        raise
    except Exception as error:  # somebody else's code: it can raise anything
        raise InputError(offer.broken(f"{type(error).__name__}: {error}")) from error


_MAY_LACK = {name for each in (Continuing, Resumable) for name in vars(each) if name[0] != "_"}
"""Methods that only some backends have."""


class Guarded:
    """An object of another package, the failures of whose methods are told as that package's."""

    def __init__(self, made: Any, offer: Offer) -> None:
        self._made, self._offer = made, offer

    def __getattr__(self, name: str) -> Any:
        if name in _MAY_LACK and not hasattr(self._made, name):
            raise AttributeError(name)
        with blamed(self._offer):
            found = getattr(self._made, name)
        is_method = callable(found) and not isinstance(found, type)
        return self._guarded(found) if is_method else found

    def _guarded(self, method: Callable[..., Any]) -> Callable[..., Any]:
        @wraps(method)
        def call(*args: Any, **kwargs: Any) -> Any:
            with blamed(self._offer):
                return method(*args, **kwargs)

        return call
