"""Commands that show and reuse studies."""

from __future__ import annotations

import os
from pathlib import Path

import click

from searchlab.cli.printing import (
    complain,
    console,
    ids_of,
    print_json,
    print_step,
    standard_output,
)
from searchlab.cli.program import FAILED, cli, errors_are_lines, tracking_uri_option


@cli.command("list")
@click.option("--address", help="Those of a Ray cluster instead: the address of its head.")
@click.option("--json", "as_json", is_flag=True, help="Print a JSON array.")
@errors_are_lines
def list_studies(address: str | None, as_json: bool) -> None:
    """List the studies of this directory, and those that were submitted from it."""
    from searchlab.remote.overview import all_studies
    from searchlab.report.json import ids_json
    from searchlab.report.tables import list_table

    unreadable = []

    def warn(message: str) -> None:
        unreadable.append(message)
        complain(message)

    rows = all_studies(Path.cwd(), address, warn)
    if as_json:
        print_json(
            [
                {**row.brief.json, **ids_json(row.ids()), "cluster": row.cluster or None}
                for row in rows
            ]
        )
    elif rows:
        console().print(list_table([(row.brief, row.cluster) for row in rows]))
    elif not unreadable:
        click.echo("no studies here yet: searchlab init writes a study file")


@cli.command()
@click.argument("name")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
@errors_are_lines
def show(name: str, as_json: bool) -> None:
    """Show a study with all of its trials."""
    from searchlab.journal.home import load_record
    from searchlab.report.json import show_json
    from searchlab.report.tables import show_table
    from searchlab.report.text import summary

    record = load_record(name, Path.cwd())
    ids, home = ids_of(record)
    if as_json:
        print_json(show_json(record, ids, home))
        return
    terminal = console()
    terminal.print(show_table(record))
    terminal.print()
    terminal.print(summary(record, ids, home), soft_wrap=True)


@cli.command()
@click.argument("name")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
@errors_are_lines
def best(name: str, as_json: bool) -> None:
    """Show the best trial of a study: its value, its params, its model."""
    from searchlab.journal.home import load_record
    from searchlab.report.json import study_json
    from searchlab.report.text import best_text

    record = load_record(name, Path.cwd())
    ids, home = ids_of(record)
    if as_json:
        print_json(study_json(record, ids, home))
    else:
        console().print(best_text(record, home), soft_wrap=True)
    if record.best is None:
        raise click.exceptions.Exit(FAILED)


@cli.command()
@click.argument("name")
@click.option("--output", type=click.Path(path_type=Path), help="The page [default: NAME.html].")
@errors_are_lines
def report(name: str, output: Path | None) -> None:
    """Write one HTML page about a study: its result, pictures and trials; or about nested folds."""
    from searchlab.journal.home import load_folds, load_record
    from searchlab.journal.layout import study_layout
    from searchlab.report.html.folds import folds_page
    from searchlab.report.html.page import write_page
    from searchlab.report.html.report import report_page

    path, cwd = output or Path(f"{name}.html"), Path.cwd()
    if folds := load_folds(name, cwd):
        write_page(path, folds_page(name, folds))
    else:
        write_page(path, report_page(load_record(name, cwd), study_layout(name, cwd).directory))
    click.echo(path)


@cli.command()
@click.argument("names", nargs=-1, required=True, metavar="NAME NAME...")
@click.option("--output", type=click.Path(path_type=Path), help="An HTML page to write, too.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
@errors_are_lines
def compare(names: tuple[str, ...], output: Path | None, as_json: bool) -> None:
    """Show studies side by side; with --output also their best so far over time."""
    from searchlab.journal.home import load_record
    from searchlab.report import comparison

    records = [load_record(name, Path.cwd()) for name in dict.fromkeys(names)]
    compared = comparison.compare(records)
    if output is not None:
        from searchlab.report.html.compare import compare_page
        from searchlab.report.html.page import write_page

        write_page(output, compare_page(records))
    if as_json:
        print_json({**compared.as_json(), "page": None if output is None else str(output)})
        return
    console().print(comparison.compare_table(compared))
    for line in comparison.remarks(compared):
        click.echo(line)
    if output is not None:
        click.echo(output)


@cli.command()
@click.argument("name")
@click.option("--trial", type=click.IntRange(min=0), help="The trial's number [default: the best].")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
@errors_are_lines
def reproduce(name: str, trial: int | None, as_json: bool) -> None:
    """Train a trial of a study again, and check whether the value is the same."""
    from searchlab.cli.signals import signals
    from searchlab.core.interrupt import Interrupt
    from searchlab.engine.reproduce import reproduce_trial

    interrupt = Interrupt()
    with standard_output(as_json) as output, signals(interrupt):
        terminal = console(output)

        def say(line: str) -> None:
            if not as_json:
                print_step(line, terminal)

        result = reproduce_trial(name, Path.cwd(), trial, interrupt, say)
        if as_json:
            print_json(result.as_dict(), output)
        else:
            terminal.print("\n".join(result.lines()), soft_wrap=True)
    raise click.exceptions.Exit(0 if result.same else FAILED)


@cli.command()
@click.argument("name")
@tracking_uri_option
@errors_are_lines
def sync(name: str, tracking_uri: str | None) -> None:
    """Send the missing entries of a study to MLflow after an outage."""
    from searchlab.engine.sync import sync_study
    from searchlab.report.html.report import report_page
    from searchlab.tracking.mlflow.address import redact, resolve_uri

    uri = resolve_uri(tracking_uri, Path.cwd())
    synced = sync_study(name, Path.cwd(), uri, report_page)
    what = f"sent {synced.sent} events to" if synced.sent else "nothing was missing in"
    click.echo(f"{what} {redact(uri)}, run {synced.ids.run_id}")


@cli.command()
@click.argument("name")
@errors_are_lines
def repair(name: str) -> None:
    """Drop the lines of a damaged journal from the first bad one on, and keep a copy of it."""
    from searchlab.errors import InputError
    from searchlab.journal.home import StudyHome
    from searchlab.journal.repair import repair_journal

    home = StudyHome(name, Path.cwd())
    if not os.path.lexists(home.paths.journal):  # what it is there is told below
        raise InputError(f"there is no study {name!r} in this directory: searchlab list shows them")
    with home.locked():
        done = repair_journal(home.paths.journal)
    if done.backup is None:
        click.echo(f"{home.paths.journal}: is whole; nothing was changed")
        return
    click.echo(
        f"{home.paths.journal}: kept {done.kept} lines and dropped {done.dropped}; the file as it "
        f"was is {done.backup.name}. Run the study again: it goes on after the last line kept"
    )


@cli.command()
@click.option("--port", type=click.IntRange(1, 65535), default=5000, show_default=True)
@errors_are_lines
def ui(port: int) -> None:
    """Open the MLflow UI on this directory's store, on 127.0.0.1 only."""
    from searchlab.tracking.mlflow.ui import serve_ui

    raise click.exceptions.Exit(serve_ui(Path.cwd(), port))
