"""The program: the group of all commands, its exit codes, and its error messages."""

from __future__ import annotations

import atexit
import gc
import os
import sys
from collections.abc import Callable
from contextlib import suppress
from functools import wraps
from pathlib import Path
from typing import Any, TypeVar

import click

from searchlab.cli.printing import complain
from searchlab.core.versions import __version__
from searchlab.errors import SearchlabError, StudyFileError

INTERRUPTED = 130
FAILED = 1

_NEW_OBJECTS = 50_000
"""The number of new objects before a garbage collection. Imports make most of them, and none is
garbage: with Python's default of 700, a command that needs Keras takes half as long again."""

F = TypeVar("F", bound=Callable[..., Any])


tracking_uri_option = click.option(
    "--tracking-uri", help="MLflow store or server [default: ./mlflow.db]."
)
"""The store of a command that needs one."""


def main() -> None:
    """Run the `searchlab` command."""
    gc.set_threshold(_NEW_OBJECTS)
    atexit.register(gc.freeze)  # a collection at the end would take a second
    try:
        code = cli.main(standalone_mode=False)
    except click.exceptions.Abort:
        code = INTERRUPTED
    except click.ClickException as error:
        context = error.ctx if isinstance(error, click.UsageError) else None
        see = "" if context is None else f" (see {context.command_path} --help)"
        complain(f"{error.format_message().rstrip('.')}{see}")
        sys.exit(2)
    except BrokenPipeError:  # the reader of the output has gone
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(0)
    if code == INTERRUPTED:
        _leave()
    sys.exit(code)


def _leave() -> None:
    """End an interrupted program, without waiting for the threads of libraries."""
    from searchlab.cli.signals import leave_now

    with suppress(OSError):  # the reader may have gone
        sys.stdout.flush()
    leave_now()


def errors_are_lines(function: F) -> F:
    """Turn the errors that users can fix into one line, unless they want the traceback."""

    @wraps(function)
    def wrapper(*args: Any, **kwargs: Any) -> Any:
        try:
            return function(*args, **kwargs)
        except SearchlabError as error:
            if click.get_current_context().find_root().params.get("debug"):
                raise
            more = len(error.problems) - 1 if isinstance(error, StudyFileError) else 0
            complain(str(error) + (f" (and {more} more: see searchlab validate)" if more else ""))
            raise click.exceptions.Exit(error.exit_code) from None
        except BrokenPipeError:
            raise
        except OSError as error:  # of a disk that is full or read-only, for example
            if click.get_current_context().find_root().params.get("debug"):
                raise
            complain(
                f"{error.filename or Path.cwd()}: {error.strerror or error}; make room or give "
                "access, then run this again: nothing that was recorded is lost"
            )
            raise click.exceptions.Exit(SearchlabError.exit_code) from None

    return wrapper  # type: ignore[return-value]


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, prog_name="searchlab")
@click.option("--debug", is_flag=True, help="Show the traceback of an error.")
def cli(debug: bool) -> None:
    """Hyperparameter search for Keras models, with every trial in MLflow.

    Start with `searchlab init`, then `searchlab run` the file that it writes.
    """
