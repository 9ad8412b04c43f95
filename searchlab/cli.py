"""The command line: parses, calls, prints."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Callable, Sequence
from contextlib import suppress
from functools import wraps
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

from searchlab import __version__
from searchlab.errors import SearchlabError, StudyFileError
from searchlab.printing import (
    complain,
    console,
    print_json,
    print_study,
    standard_output,
    tell_failure,
    view,
    warn_of_backlog,
)

if TYPE_CHECKING:
    from searchlab.record import StudyRecord
    from searchlab.tracking.base import Tracker
    from searchlab.tracking.mlflow import MlflowTracker

_INTERRUPTED = 130
_FAILED = 1

F = TypeVar("F", bound=Callable[..., Any])


def main() -> None:
    """The `searchlab` command."""
    try:
        code = cli.main(standalone_mode=False)
    except click.exceptions.Abort:
        code = _INTERRUPTED
    except click.ClickException as error:
        complain(error.format_message())
        sys.exit(2)
    except BrokenPipeError:  # the reader of our output has gone
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(0)
    if code == _INTERRUPTED:
        _leave()
    sys.exit(code)


def _leave() -> None:
    """Ends an interrupted program, without waiting for the threads of libraries."""
    from searchlab.signals import leave_now

    with suppress(OSError):  # nobody may be reading any more
        sys.stdout.flush()
    leave_now()


def _errors_are_lines(function: F) -> F:
    """Turns the errors that users can mend into one line, unless they want the traceback."""

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
        except OSError as error:  # a disk that is full or read-only, wherever it shows first
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


@cli.command()
@click.argument("study", type=click.Path(path_type=Path))
@click.option("--backend", help="randomized, hyperband or optuna.")
@click.option("--trials", type=int, help="Total number of trials; raising it extends a study.")
@click.option("--epochs", type=int, help="Most epochs of a training.")
@click.option("--workers", type=int, help="Trainings at once, each in a process of its own.")
@click.option("--seed", type=int, help="Seed of the search, the splits and every training.")
@click.option("--name", help="Another name for the study.")
@click.option(
    "--set",
    "settings",
    multiple=True,
    metavar="KEY=VALUE",
    help="Any other key of the file, such as training.batch_size=64; repeatable.",
)
@click.option("--tracking-uri", help="MLflow store or server [default: ./mlflow.db].")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object at the end.")
@click.option("--quiet", is_flag=True, help="Print nothing but errors.")
@_errors_are_lines
def run(
    study: Path,
    settings: tuple[str, ...],
    tracking_uri: str | None,
    as_json: bool,
    quiet: bool,
    **flags: Any,
) -> None:
    """Run the study in the file STUDY, or continue it where it was left."""
    from searchlab import plugins
    from searchlab.interrupt import Interrupt
    from searchlab.run import run_study
    from searchlab.signals import signals
    from searchlab.study.file import load_study
    from searchlab.tracking.address import resolve_uri
    from searchlab.tracking.mlflow import MlflowTracker

    file = load_study(study, _overrides(settings, flags), [plugins.check])
    uri = resolve_uri(tracking_uri, Path.cwd())
    interrupt = Interrupt()
    with standard_output(as_json) as output, signals(interrupt):
        terminal = console(output)
        views = [] if as_json or quiet else [view(terminal, output)]

        mlflow: list[MlflowTracker] = []

        def trackers(directory: Path) -> Sequence[Tracker]:
            mlflow.append(MlflowTracker(uri, directory, hurry=lambda: interrupt.requested))
            return [*mlflow, *views]

        def say(line: str) -> None:
            if views:
                terminal.print(f"[dim]{line} ...")

        record = run_study(file, Path.cwd(), trackers, interrupt, say)
        tell_failure(record)
        for tracker in mlflow:
            warn_of_backlog(tracker, file.spec.name, tracking_uri)
        if not quiet:
            print_study(record, study, output if as_json else None, terminal)
    raise click.exceptions.Exit(_exit_code(record, interrupt.requested))


@cli.command()
@click.argument("studies", nargs=-1, required=True, type=click.Path(path_type=Path))
def validate(studies: tuple[Path, ...]) -> None:
    """Check study files, without running anything in them; name all problems."""
    from searchlab import plugins
    from searchlab.study.file import load_study

    bad = False
    for path in studies:
        try:
            load_study(path, checks=[plugins.check])
            click.echo(f"{path}: fine")
        except StudyFileError as error:
            bad = True
            for problem in error.problems:
                click.echo(problem, err=True)
    raise click.exceptions.Exit(2 if bad else 0)


@cli.command()
def schema() -> None:
    """Print the JSON schema of study files, for editors."""
    from searchlab.study.spec import StudySpec

    click.echo(json.dumps(StudySpec.model_json_schema(by_alias=True), indent=2))


@cli.command("list")
@click.option("--json", "as_json", is_flag=True, help="Print a JSON array.")
@_errors_are_lines
def list_studies(as_json: bool) -> None:
    """List the studies of this directory."""
    from searchlab.home import StudyHome, load_record, study_names
    from searchlab.report.plain import study_json
    from searchlab.report.tables import list_table
    from searchlab.tracking.state import read_ids

    cwd = Path.cwd()
    records = [load_record(name, cwd) for name in study_names(cwd)]
    if as_json:
        homes = [StudyHome(record.spec.name, cwd).directory for record in records]
        pairs = zip(records, homes, strict=True)
        print_json([study_json(record, read_ids(home), home) for record, home in pairs])
    elif records:
        console().print(list_table(records))
    else:
        click.echo("no studies here yet: searchlab init writes a study file")


@cli.command()
@click.argument("name")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
@_errors_are_lines
def show(name: str, as_json: bool) -> None:
    """Show a study with all of its trials."""
    from searchlab.home import StudyHome, load_record
    from searchlab.report.plain import show_json
    from searchlab.report.summary import summary
    from searchlab.report.tables import show_table
    from searchlab.tracking.state import read_ids

    record, home = load_record(name, Path.cwd()), StudyHome(name, Path.cwd()).directory
    if as_json:
        print_json(show_json(record, read_ids(home), home))
        return
    terminal = console()
    terminal.print(show_table(record))
    terminal.print()
    terminal.print(summary(record, read_ids(home), home), soft_wrap=True)


@cli.command()
@click.argument("name")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
@_errors_are_lines
def best(name: str, as_json: bool) -> None:
    """Show the best trial of a study: its value, its params, its model."""
    from searchlab.home import StudyHome, load_record
    from searchlab.report.plain import study_json
    from searchlab.report.summary import best_text
    from searchlab.tracking.state import read_ids

    record, home = load_record(name, Path.cwd()), StudyHome(name, Path.cwd()).directory
    if as_json:
        print_json(study_json(record, read_ids(home), home))
    else:
        console().print(best_text(record, home), soft_wrap=True)
    if record.best is None:
        raise click.exceptions.Exit(_FAILED)


@cli.command()
@click.argument("name")
@click.option("--output", type=click.Path(path_type=Path), help="The page [default: NAME.html].")
@_errors_are_lines
def report(name: str, output: Path | None) -> None:
    """Write one HTML page about a study: its result, pictures and trials."""
    from searchlab.home import load_record
    from searchlab.pages.page import write_page
    from searchlab.pages.report import report_page

    path = output or Path(f"{name}.html")
    write_page(path, report_page(load_record(name, Path.cwd())))
    click.echo(path)


@cli.command()
@click.argument("names", nargs=-1, required=True, metavar="NAME NAME...")
@click.option("--output", type=click.Path(path_type=Path), help="An HTML page to write, too.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
@_errors_are_lines
def compare(names: tuple[str, ...], output: Path | None, as_json: bool) -> None:
    """Show studies side by side; with --output also their best so far over time."""
    from searchlab.home import load_record
    from searchlab.report import comparison

    records = [load_record(name, Path.cwd()) for name in dict.fromkeys(names)]
    compared = comparison.compare(records)
    if output is not None:
        from searchlab.pages.compare import compare_page
        from searchlab.pages.page import write_page

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
@_errors_are_lines
def reproduce(name: str, trial: int | None, as_json: bool) -> None:
    """Train a trial of a study again, and say whether the value is the same."""
    from searchlab.interrupt import Interrupt
    from searchlab.reproduce import reproduce as train_again
    from searchlab.signals import signals

    interrupt = Interrupt()
    with standard_output(as_json) as output, signals(interrupt):
        terminal = console(output)

        def say(line: str) -> None:
            if not as_json:
                terminal.print(f"[dim]{line} ...")

        result = train_again(name, Path.cwd(), trial, interrupt, say)
        if as_json:
            print_json(result.as_dict(), output)
        else:
            terminal.print("\n".join(result.lines()), markup=False, soft_wrap=True)
    raise click.exceptions.Exit(0 if result.same else _FAILED)


@cli.command()
@click.argument("name")
@click.option("--tracking-uri", help="MLflow store or server [default: ./mlflow.db].")
@_errors_are_lines
def sync(name: str, tracking_uri: str | None) -> None:
    """Send to MLflow what it lacks of a study, after it was away."""
    from searchlab.sync import sync_study
    from searchlab.tracking.address import redact, resolve_uri

    uri = resolve_uri(tracking_uri, Path.cwd())
    synced = sync_study(name, Path.cwd(), uri)
    what = f"sent {synced.sent} events to" if synced.sent else "nothing was missing in"
    click.echo(f"{what} {redact(uri)}, run {synced.ids.run_id}")


@cli.command()
@click.option("--port", type=click.IntRange(1, 65535), default=5000, show_default=True)
@_errors_are_lines
def ui(port: int) -> None:
    """Open the MLflow UI on this directory's store, on 127.0.0.1 only."""
    from searchlab.tracking.server import serve_ui

    raise click.exceptions.Exit(serve_ui(Path.cwd(), port))


@cli.command()
@click.option("--json", "as_json", is_flag=True, help="Print a JSON array.")
@click.option("--tracking-uri", help="MLflow store or server [default: ./mlflow.db].")
@_errors_are_lines
def models(as_json: bool, tracking_uri: str | None) -> None:
    """List the registered models with their versions and scores."""
    from searchlab.models import list_models, models_json, models_table
    from searchlab.tracking.address import redact, resolve_uri

    uri = resolve_uri(tracking_uri, Path.cwd())
    versions = list_models(uri)
    if as_json:
        print_json(models_json(versions))
    elif versions:
        console().print(models_table(versions))
    else:
        click.echo(f"no registered models in {redact(uri)} yet: a study that finishes makes one")


@cli.command()
@click.argument("name")
@click.option("--version", type=click.IntRange(min=1), help="A version of the model NAME.")
@click.option("--tracking-uri", help="MLflow store or server [default: ./mlflow.db].")
@_errors_are_lines
def promote(name: str, version: int | None, tracking_uri: str | None) -> None:
    """Make a study's model the champion, whatever its score.

    NAME is a study of this directory, or a registered model: its candidate, or any --version.
    """
    from searchlab.promote import promote_model
    from searchlab.tracking.address import resolve_uri

    done = promote_model(name, version, Path.cwd(), resolve_uri(tracking_uri, Path.cwd()))
    before = "there was none before" if done.before is None else f"before: version {done.before}"
    if done.before == done.version:
        before = "as before"
    click.echo(f"champion of {done.name}: version {done.version} ({before})")


@cli.command()
@click.argument("model")
@click.option(
    "--input", "source", required=True, type=click.Path(path_type=Path), help="Raw rows to predict."
)
@click.option("--output", type=click.Path(path_type=Path), help="Default: CSV on standard output.")
@click.option("--tracking-uri", help="MLflow store or server [default: ./mlflow.db].")
@_errors_are_lines
def predict(model: str, source: Path, output: Path | None, tracking_uri: str | None) -> None:
    """Predict raw rows of a CSV, TSV, Parquet or NPZ file; for classes with probabilities.

    MODEL is a study of this directory, models:/NAME@champion, or the path of an exported model.
    """
    from searchlab import load_model
    from searchlab.model.files import check_output, predict_file, print_table, write_table

    if output is not None:
        check_output(output, source)
    loaded = load_model(model, tracking_uri)
    table = predict_file(loaded, source)
    if output is None:
        print_table(table, sys.stdout)
    else:
        write_table(table, output)
        click.echo(f"wrote {output}: {len(table):,} rows", err=True)


@cli.command()
@click.argument("model")
@click.option("--data", required=True, help="A file with the target, or a data set's name.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
@click.option("--tracking-uri", help="MLflow store or server [default: ./mlflow.db].")
@_errors_are_lines
def evaluate(model: str, data: str, as_json: bool, tracking_uri: str | None) -> None:
    """Measure a model on rows whose target is known.

    MODEL is a study of this directory, models:/NAME@champion, or the path of an exported model.
    """
    from searchlab import load_model
    from searchlab.model.evaluation import evaluate_on
    from searchlab.wording import number_text

    found = evaluate_on(load_model(model, tracking_uri), data)
    if as_json:
        print_json({"rows": found.rows, "seen": found.seen, "metrics": found.metrics})
        return
    click.echo(f"{found.rows:,} rows" + (", most of which it was trained on" * found.seen))
    for name, value in found.metrics.items():
        click.echo(f"{name}  {number_text(value)}")


@cli.command()
@click.argument("model")
@click.option("--port", type=click.IntRange(1, 65535), default=5001, show_default=True)
@click.option("--tracking-uri", help="MLflow store or server [default: ./mlflow.db].")
@_errors_are_lines
def serve(model: str, port: int, tracking_uri: str | None) -> None:
    """Serve a model with MLflow's scoring server, on 127.0.0.1 only.

    MODEL is a study of this directory, models:/NAME@champion, or the path of an exported model.
    """
    from searchlab.loopback import refuse_taken
    from searchlab.references import located

    refuse_taken(port)
    with located(model, Path.cwd(), tracking_uri) as package:
        from searchlab.model.serving import serve as run_server

        raise click.exceptions.Exit(run_server(package, port, click.echo))


@cli.command()
@click.argument("model")
@click.argument("directory", type=click.Path(path_type=Path))
@click.option("--tracking-uri", help="MLflow store or server [default: ./mlflow.db].")
@_errors_are_lines
def export(model: str, directory: Path, tracking_uri: str | None) -> None:
    """Export a model to a new DIRECTORY: Keras, SavedModel, ONNX, and a model card.

    MODEL is a study of this directory, models:/NAME@champion, or a path.
    """
    from searchlab.model.export import export as write_export
    from searchlab.references import located

    with located(model, Path.cwd(), tracking_uri) as package:
        write_export(package, directory, complain)
    click.echo(f"wrote {directory}; next: searchlab predict {directory} --input FILE")


@cli.command()
@click.option("--dataset", help="A data set that a library ships or fetches, such as digits.")
@click.option("--csv", type=click.Path(path_type=Path), help="Your own CSV file.")
@click.option("--target", help="The column of the CSV file to predict.")
@click.argument("file", required=False, type=click.Path(path_type=Path))
@_errors_are_lines
def init(dataset: str | None, csv: Path | None, target: str | None, file: Path | None) -> None:
    """Write a commented study file to start from."""
    from searchlab.scaffold import default_file, init_text, write_new

    path = file or default_file(dataset, csv)
    write_new(path, init_text(dataset, csv, target, path))
    click.echo(f"wrote {path}; next: searchlab run {path}")


def _overrides(settings: Sequence[str], flags: dict[str, Any]) -> dict[str, Any]:
    from searchlab.study.file import parse_override

    keys = {
        "backend": "search.backend",
        "trials": "search.trials",
        "epochs": "training.epochs",
        "workers": "execution.workers",
        "seed": "search.seed",
        "name": "name",
    }
    given = {keys[flag]: value for flag, value in flags.items() if value is not None}
    return {**dict(parse_override(setting) for setting in settings), **given}


def _exit_code(record: StudyRecord, interrupted: bool) -> int:
    if interrupted and record.state not in ("finished", "failed"):
        return _INTERRUPTED
    return _FAILED if record.state == "failed" else 0
