"""Optuna's words, where there is nothing else to go by."""

from __future__ import annotations

import contextlib
import warnings
from collections.abc import Iterator


def ends_search(error: RuntimeError) -> bool:
    """Tell whether `Study.tell` has raised an error because a sampler wants to end the search.

    The brute-force sampler ends a search by `Study.stop`, which is refused to a study that is asked
    and told; the trial has been stored by then.

    Touches: the words of that error, seen in Optuna 5.0.0.
    Public: the error is a plain RuntimeError, and nothing else says that the space is exhausted.
    Without it: a brute-force search fails at its end.
    """
    return "Study.stop" in str(error)


@contextlib.contextmanager
def without_remarks() -> Iterator[None]:
    """Keep some of Optuna's warnings from the user.

    They are those on its own experimental features, on rounded steps, and on a best trial without
    intermediate values, as one of another study is.

    Touches: the words of two warnings, seen in Optuna 5.0.0.
    Public: they are plain UserWarnings.
    Without it: the user reads of steps that searchlab has rounded already.
    """
    from optuna.exceptions import ExperimentalWarning

    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ExperimentalWarning)
        warnings.filterwarnings("ignore", message="The distribution is specified by")
        warnings.filterwarnings("ignore", message="The best trial has no intermediate values")
        yield
