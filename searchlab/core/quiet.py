"""Import TensorFlow without its messages."""

from __future__ import annotations

import logging
import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager

_ALONE = threading.RLock()
"""Held while standard error is redirected, lest a second thread puts back the redirection."""


@contextmanager
def quiet() -> Iterator[None]:
    """Redirect standard error to nowhere, for the messages of TensorFlow's import.

    C++ code writes them before it reads any setting: TensorFlow 2.21 prints two lines on oneDNN
    whatever TF_CPP_MIN_LOG_LEVEL says. Processes started inside inherit the redirection.
    """
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    logging.getLogger("tensorflow").setLevel(logging.ERROR)  # retracing is expected here
    with _ALONE:
        saved, null = os.dup(2), os.open(os.devnull, os.O_WRONLY)
        try:
            os.dup2(null, 2)
            yield
        finally:
            os.dup2(saved, 2)
            os.close(saved)
            os.close(null)


@contextmanager
def heard() -> Iterator[None]:
    """Wait until no thread redirects standard error, and let none until the end of the block."""
    with _ALONE:
        yield
