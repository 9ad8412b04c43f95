"""The output of the command line: errors, warnings, results, and the view of a running study."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, TextIO

import click

from searchlab.core.quiet import heard
from searchlab.core.wording import one_line

if TYPE_CHECKING:
    from rich.console import Console

    from searchlab.data.understood import Profile
    from searchlab.journal.ids import StudyIds
    from searchlab.journal.record import StudyRecord
    from searchlab.tracking.base import Tracker


def complain(message: str) -> None:
    """Write one line to standard error, even if libraries are being imported meanwhile."""
    with heard():
        click.echo(f"searchlab: {message}", err=True)


def tell_failure(record: StudyRecord) -> None:
    """Report the trial whose failure ended the study, if one did."""
    from searchlab.report.reasons import fatal_failure

    if message := fatal_failure(record):
        complain(message)


def warn_of_backlog(trackers: Iterable[Tracker], name: str, option: str | None) -> None:
    """Report that MLflow lacks entries, which the study itself does not need."""
    from searchlab.tracking.mlflow.tracker import backlog

    for line in backlog(trackers, name, option):
        complain(line)


class Results:
    """The results of studies in words, each told as soon as its study has ended."""

    def __init__(self, file: Path, console: Console) -> None:
        """Begin with nothing told.

        Args:
            file: the study file, which the next command names.
            console: where to write.
        """
        self._file, self._console = file, console
        self._told: dict[str, StudyIds | None] = {}

    def tell(self, record: StudyRecord) -> None:
        """Write a study's results, before its store has taken all of them."""
        from searchlab.report.text import summary

        ids, home = ids_of(record)
        if ids is not None:
            ids = replace(ids, registered=None)  # this end's is not known yet
        self._console.print(summary(record, ids, home, self._file), soft_wrap=True)
        self._told[record.id] = ids

    def complete(self, record: StudyRecord) -> None:
        """Write what has not been told of a study that has been left."""
        from searchlab.report.text import place_text, summary

        if record.started is None:  # interrupted before the first trial
            return
        ids, home = ids_of(record)
        if record.id not in self._told:
            self._console.print(summary(record, ids, home, self._file), soft_wrap=True)
        elif more := place_text(record, ids, self._told[record.id]):
            self._console.print(more, soft_wrap=True)


def print_study_json(record: StudyRecord, output: TextIO) -> None:
    """Write a study's results as JSON."""
    from searchlab.report.json import study_json

    if record.started is not None:
        print_json(study_json(record, *ids_of(record)), output)


def print_sent(sizes: Mapping[Path, int], study: Path, rest: str = "") -> None:
    """List files that would be sent to a cluster.

    Args:
        sizes: the bytes of each file.
        study: the study file; paths in its directory are shown from there.
        rest: anything else that would be sent.
    """
    base = study.resolve().parent
    for path, size in sorted(sizes.items()):
        shown = path.relative_to(base) if path.is_relative_to(base) else path
        click.echo(f"{size:>13,}  {one_line(str(shown))}")
    files = f"{len(sizes)} {'file' if len(sizes) == 1 else 'files'}"
    click.echo(f"{files} with {sum(sizes.values()):,} bytes{rest} would be sent; nothing was")


def print_folds(
    name: str, records: Sequence[StudyRecord], output: TextIO | None, console: Console
) -> None:
    """Write the estimate of nested folds: as JSON to `output` if given, else as a table.

    Args:
        name: the name of the study that stands for those of the folds.
        records: the studies of the folds, in order.
        output: a stream for JSON, or None.
        console: where to write a table.
    """
    from searchlab.report.folds import folds_json, folds_table
    from searchlab.report.json import study_json

    begun = [each for each in records if each.started is not None]
    if begun and output is not None:
        print_json(
            folds_json(name, begun, [study_json(each, *ids_of(each)) for each in begun]), output
        )
    elif begun:
        console.print(folds_table(begun))


def ids_of(record: StudyRecord) -> tuple[StudyIds | None, Path]:
    """Return the place of a study in its tracking store, if it has one, and its directory."""
    from searchlab.journal.home import StudyHome
    from searchlab.tracking.mlflow.state import read_ids

    home = StudyHome(record.spec.name, Path.cwd()).directory
    return read_ids(home), home


def print_step(line: str, console: Console) -> None:
    """Write a line about a step that takes time."""
    console.print(f"{line} ...", style="dim")


def print_data(profile: Profile, console: Console, file: Path | None = None) -> None:
    """Write how a data set was understood.

    Args:
        profile: the data set.
        console: where to write.
        file: the study file, for a short form that names the command for the whole; None for the
            whole.
    """
    from searchlab.report.understood import understood

    command = f"searchlab validate --data {file}"
    console.print(understood(profile, whole=file is None, command=command))
    console.print()


def print_json(value: Any, output: TextIO | None = None) -> None:
    """Write a value as JSON to standard output, or to the given stream."""
    print(json.dumps(value, indent=2, allow_nan=False), file=output or sys.stdout)


def console(output: TextIO | None = None) -> Console:
    """Make a console that wraps lines on a terminal only."""
    from rich.console import Console

    # Names, paths and messages are texts of users': `[red]` and `:smile:` stay as written.
    wrap = not (output or sys.stdout).isatty()
    return Console(file=output, soft_wrap=wrap, highlight=False, markup=False, emoji=False)


def view(console: Console, output: TextIO, results: Results) -> Tracker:
    """Make a live view for a terminal, or plain lines for any other stream; both tell the result.

    Args:
        console: the terminal, or what stands for one.
        output: its stream.
        results: tells the result.
    """
    from searchlab.report.console import LiveTracker, PlainTracker

    live = console.is_terminal
    return LiveTracker(console, results.tell) if live else PlainTracker(output, results.tell)


@contextmanager
def standard_output(reserved: bool) -> Iterator[TextIO]:
    """Provide standard output; if `reserved`, no other code of the process can write to it."""
    if not reserved:
        yield sys.stdout
        return
    sys.stdout.flush()
    ours = os.dup(1)
    os.dup2(2, 1)
    try:
        with os.fdopen(ours, "w") as output:
            yield output
    finally:
        os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
