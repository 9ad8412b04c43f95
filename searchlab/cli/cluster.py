"""Commands for studies that run on a cluster unattended."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from searchlab.cli.printing import print_sent
from searchlab.cli.program import cli, errors_are_lines
from searchlab.cli.running import overrides, study_options

_ADDRESS = click.option("--address", help="Head of the Ray cluster [RAY_ADDRESS].")


@cli.command()
@study_options
@_ADDRESS
@click.option("--tracking-uri", help="MLflow server [default: that of the cluster's head].")
@click.option("--dry-run", is_flag=True, help="List the files that would be sent; send nothing.")
@errors_are_lines
def submit(
    study: Path,
    settings: tuple[str, ...],
    tracking_uri: str | None,
    address: str | None,
    dry_run: bool,
    **flags: Any,
) -> None:
    """Leave the study in the file STUDY running on a Ray cluster, or continue it there."""
    from searchlab.engine.checks import study_problems
    from searchlab.remote.bundle import bundle, server_uri
    from searchlab.remote.client import Cluster
    from searchlab.remote.sent import remember, sent
    from searchlab.study.file import load_study
    from searchlab.study.folds import refuse_folds

    given = {**overrides(settings, flags), "execution.executor": "ray"}
    file = load_study(study, given, [study_problems])
    refuse_folds(file.spec)
    packed = bundle(file, given, server_uri(tracking_uri))
    if dry_run:
        print_sent({Path("/", name): len(packed.files[name]) for name in packed.files}, study)
        return
    sent(Path.cwd())  # before anything is sent, it has to be possible to remember that
    with Cluster(address) as cluster:
        cluster.submit(packed)
        remember(packed.name, cluster.address, Path.cwd())
        click.echo(f"sent {packed.name} to {cluster.address}; trying its model there ...")
        status = cluster.wait_for_begin(packed.name)
    if status.code == 0:
        click.echo(f"{packed.name} is finished there; searchlab list shows it")
        return
    state = "runs" if status.begun else "is being prepared"
    click.echo(f"{packed.name} {state} on {cluster.address} by itself, in {status.home}")
    click.echo(f"searchlab list shows how it is, searchlab stop {packed.name} has it leave off")


@cli.command()
@click.argument("name")
@_ADDRESS
@errors_are_lines
def stop(name: str, address: str | None) -> None:
    """Stop a submitted study; submit it again to continue it."""
    from searchlab.remote.client import Cluster
    from searchlab.remote.sent import sent

    with Cluster(address or sent(Path.cwd()).get(name)) as cluster:
        status = cluster.stop(name)
    state = "not begun" if status.record is None else status.record.state
    click.echo(f"{name} is {state}; searchlab submit continues it")
