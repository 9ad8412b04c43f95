"""Commands that make and run studies."""

from __future__ import annotations

import contextlib
import json
import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, TextIO

import click

from searchlab.cli.printing import (
    Results,
    complain,
    console,
    print_data,
    print_folds,
    print_sent,
    print_step,
    print_study_json,
    standard_output,
    tell_failure,
    view,
    warn_of_backlog,
)
from searchlab.cli.program import FAILED, INTERRUPTED, F, cli, errors_are_lines, tracking_uri_option
from searchlab.core.state import StudyState
from searchlab.errors import InputError, StudyFileError

if TYPE_CHECKING:
    from rich.console import Console

    from searchlab.core.interrupt import Interrupt
    from searchlab.data.understood import Profile
    from searchlab.journal.record import StudyRecord
    from searchlab.study.file import StudyFile
    from searchlab.tracking.base import Tracker


def study_options(function: F) -> F:
    """Add the study file and its overrides to a command that runs a study."""
    options = [
        click.argument("study", type=click.Path(path_type=Path)),
        click.option("--backend", help="randomized, hyperband, optuna, or another package's."),
        click.option(
            "--trials", type=int, help="Total number of trials; raising it extends a study."
        ),
        click.option("--epochs", type=int, help="Most epochs of a training."),
        click.option("--workers", type=int, help="Trainings at once, each in its own process."),
        click.option("--seed", type=int, help="Seed of the search, the splits and every training."),
        click.option("--name", help="Another name for the study."),
        click.option(
            "--set",
            "settings",
            multiple=True,
            metavar="KEY=VALUE",
            help="Any other key of the file, such as training.batch_size=64; repeatable.",
        ),
    ]
    for option in reversed(options):
        function = option(function)
    return function


@cli.command()
@study_options
@click.option("--executor", help="fused, process, ray, inline, or another package's.")
@click.option("--address", help="Head of the Ray cluster, for --executor ray [RAY_ADDRESS].")
@tracking_uri_option
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object at the end.")
@click.option("--quiet", is_flag=True, help="Print nothing but errors.")
@click.option("--strict", is_flag=True, help="Refuse data with which something is odd.")
@click.option(
    "--dry-run",
    is_flag=True,
    help="With --executor ray: list your files that would be sent to nodes; run nothing.",
)
@errors_are_lines
def run(
    study: Path,
    settings: tuple[str, ...],
    tracking_uri: str | None,
    address: str | None,
    as_json: bool,
    quiet: bool,
    strict: bool,
    dry_run: bool,
    **flags: Any,
) -> None:
    """Run the study in the file STUDY, or continue it where it was left."""
    from searchlab.executors.forkserver import ForkServer

    # It imports Keras while this process reads the study and prepares its data.
    with contextlib.closing(ForkServer()) as server:
        from searchlab.engine import plugins
        from searchlab.engine.checks import study_problems
        from searchlab.study.file import load_study

        file = load_study(study, overrides(settings, flags), [study_problems])
        if dry_run or not plugins.forks(file.spec):
            server.close()
        if address is not None:
            _use_cluster(address, file.spec.execution.executor)
        if dry_run:
            _list_sent(file)
            return
        code = _run_folds(file, study, tracking_uri, as_json=as_json, quiet=quiet, strict=strict)
    raise click.exceptions.Exit(code)


def _run_folds(
    file: StudyFile,
    study: Path,
    tracking_uri: str | None,
    *,
    as_json: bool,
    quiet: bool,
    strict: bool,
) -> int:
    """Run a study, or that of each of its nested folds; return the exit code."""
    from searchlab.cli.signals import signals
    from searchlab.core.interrupt import Interrupt
    from searchlab.study.folds import each_fold

    files, interrupt = each_fold(file), Interrupt()
    records: list[StudyRecord] = []
    with standard_output(as_json) as output, signals(interrupt):
        shown = not (as_json or quiet)
        terminal = console(output)
        results = Results(study, terminal) if shown else None
        runner = _Runner(tracking_uri, interrupt, terminal, output, results, strict)
        for each in files:
            records.append(runner.run(each, data=not records))
            if results is not None:
                results.complete(records[-1])
            elif len(files) == 1 and not quiet:
                print_study_json(records[-1], output)
            if interrupt.requested:
                break
        if len(files) > 1 and not quiet:
            print_folds(file.spec.name, records, output if as_json else None, runner.terminal)
    left = interrupt.requested and len(records) < len(files)
    codes = [_exit_code(each, interrupt.requested) for each in records]
    return INTERRUPTED if left else max(codes)


@dataclass(frozen=True)
class _Runner:
    """A way to run studies one after the other in the same terminal.

    Attributes:
        tracking_uri: the MLflow store or server that was given.
        interrupt: interrupts a study at the next epoch when set.
        terminal: where results are written.
        output: the stream of it.
        results: tells the results; None if nothing that happens is shown.
        strict: whether data with which something is odd are refused.
    """

    tracking_uri: str | None
    interrupt: Interrupt
    terminal: Console
    output: TextIO
    results: Results | None
    strict: bool

    def run(self, file: StudyFile, *, data: bool) -> StudyRecord:
        """Run a study.

        Args:
            file: the study.
            data: whether to tell how its data are understood.
        """
        from searchlab.engine import plugins
        from searchlab.engine.looks import Looks
        from searchlab.engine.run import run_study
        from searchlab.report.html.report import report_page

        place = (Path.cwd(), self.tracking_uri)
        make = plugins.trackers(
            file.spec.trackers, *place, lambda: self.interrupt.requested, report_page
        )
        named: list[Tracker] = []

        def trackers(directory: Path) -> Sequence[Tracker]:
            named.extend(make(directory))
            if self.results is None:
                return named
            return [*named, view(self.terminal, self.output, self.results)]

        def say(line: str) -> None:
            if self.results is not None:
                print_step(line, self.terminal)

        def show(profile: Profile) -> None:
            if self.results is not None and data:
                print_data(profile, self.terminal, file=file.path)

        looks = Looks(show, self.strict)
        record = run_study(file, Path.cwd(), trackers, self.interrupt, say, looks)
        tell_failure(record)
        warn_of_backlog(named, file.spec.name, self.tracking_uri)
        return record


@cli.command()
@click.argument("studies", nargs=-1, required=True, type=click.Path(path_type=Path))
@click.option("--data", is_flag=True, help="Read the data, too, and tell how they are understood.")
@click.option("--strict", is_flag=True, help="With --data: refuse what is odd about them.")
def validate(studies: tuple[Path, ...], data: bool, strict: bool) -> None:
    """Check study files, without running anything in them; name all problems."""
    from searchlab.engine.checks import study_problems
    from searchlab.study.file import load_study

    if strict and not data:
        raise click.UsageError("--strict is about the data: add --data, or leave it out")
    bad = False
    for path in studies:
        try:
            file = load_study(path, checks=[study_problems])
            if data:
                _validate_data(file, strict)
            click.echo(f"{path}: fine")
        except StudyFileError as error:
            bad = True
            for problem in error.problems:
                click.echo(problem, err=True)
        except InputError as error:
            bad = True
            complain(str(error))
    raise click.exceptions.Exit(2 if bad else 0)


def _validate_data(file: StudyFile, strict: bool) -> None:
    from searchlab.engine.looks import look_at, refuse_findings

    terminal = console()
    profile = look_at(file, lambda line: print_step(line, terminal))
    print_data(profile, terminal)
    if strict:
        refuse_findings(profile)


@cli.command()
def schema() -> None:
    """Print the JSON schema of study files, for editors."""
    from searchlab.study.spec import StudySpec

    click.echo(json.dumps(StudySpec.model_json_schema(by_alias=True), indent=2))


@cli.command()
@click.option("--dataset", help="A data set that a library ships or fetches, such as digits.")
@click.option("--csv", type=click.Path(path_type=Path), help="Your own CSV file.")
@click.option("--target", help="The column of the CSV file to predict.")
@click.argument("file", required=False, type=click.Path(path_type=Path))
@errors_are_lines
def init(dataset: str | None, csv: Path | None, target: str | None, file: Path | None) -> None:
    """Write a commented study file to start from."""
    from searchlab.cli.scaffold import default_file, init_text, write_new

    path = file or default_file(dataset, csv)
    write_new(path, init_text(dataset, csv, target, path))
    click.echo(f"wrote {path}")
    if csv is not None:
        _show_data(path)
    click.echo(f"next: searchlab run {path}")


def _show_data(path: Path) -> None:
    """Tell how a new study understands its data, or why it cannot use them yet."""
    from searchlab.engine.looks import look_at
    from searchlab.study.file import load_study

    try:
        terminal = console()
        profile = look_at(load_study(path), lambda line: print_step(line, terminal))
        print_data(profile, terminal, file=path)
    except InputError as error:
        complain(str(error))


def overrides(settings: Sequence[str], flags: dict[str, Any]) -> dict[str, Any]:
    """Return the overrides of `study_options` by dotted key."""
    from searchlab.study.file import parse_override

    keys = {
        "backend": "search.backend",
        "trials": "search.trials",
        "epochs": "training.epochs",
        "executor": "execution.executor",
        "workers": "execution.workers",
        "seed": "search.seed",
        "name": "name",
    }
    given = {keys[flag]: value for flag, value in flags.items() if value is not None}
    return {**dict(parse_override(setting) for setting in settings), **given}


def _use_cluster(address: str, executor: str) -> None:
    """Put a cluster's address where Ray looks for it, as it is no part of the study."""
    if executor != "ray":
        raise click.UsageError(
            f"--address is for --executor ray, and the study's executor is {executor}: add it, or "
            "leave the address out"
        )
    from searchlab.executors.cluster.connect import ADDRESS

    os.environ[ADDRESS] = address


def _list_sent(file: StudyFile) -> None:
    """List the user's files that the nodes of a cluster get, besides the prepared data."""
    executor = file.spec.execution.executor
    if executor != "ray":
        raise click.UsageError(
            f"--dry-run is for --executor ray, and the study's executor is {executor}, which sends "
            "nothing: add it, or see searchlab validate"
        )
    from searchlab.executors.cluster.transfer import node_code

    files = node_code(file.spec, file.path.parent)
    sizes = {each: each.stat().st_size for each in files}
    print_sent(sizes, file.path, " and the prepared data")


def _exit_code(record: StudyRecord, interrupted: bool) -> int:
    if interrupted and not record.state.ended:
        return INTERRUPTED
    return FAILED if record.state is StudyState.FAILED else 0
