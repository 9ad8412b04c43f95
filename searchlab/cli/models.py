"""Commands that use the models of studies."""

from __future__ import annotations

import sys
from pathlib import Path

import click

from searchlab.cli.printing import (
    complain,
    console,
    print_json,
)
from searchlab.cli.program import F, cli, errors_are_lines, tracking_uri_option


def stored_model_options(function: F) -> F:
    """Add the store of a model and the trust in it to a command that loads one."""
    trust = click.option(
        "--trust-code", is_flag=True, help="Run the code that a model from MLflow comes with."
    )
    return tracking_uri_option(trust(function))


@cli.command()
@click.option("--json", "as_json", is_flag=True, help="Print a JSON array.")
@tracking_uri_option
@errors_are_lines
def models(as_json: bool, tracking_uri: str | None) -> None:
    """List the registered models with their versions and scores."""
    from searchlab.registry.listing import list_models, models_json, models_table
    from searchlab.tracking.mlflow.address import redact, resolve_uri

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
@tracking_uri_option
@errors_are_lines
def promote(name: str, version: int | None, tracking_uri: str | None) -> None:
    """Make a study's model the champion, whatever its score.

    NAME is a study of this directory, or a registered model: its candidate, or any --version.
    """
    from searchlab.registry.promote import promote_model
    from searchlab.tracking.mlflow.address import resolve_uri

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
@stored_model_options
@errors_are_lines
def predict(
    model: str, source: Path, output: Path | None, tracking_uri: str | None, trust_code: bool
) -> None:
    """Predict raw rows of a CSV, TSV, Parquet or NPZ file; for classes with probabilities.

    MODEL is a study of this directory, models:/NAME@champion, or the path of an exported model.
    """
    from searchlab.inference.prediction import check_output, predict_file, print_table, write_table
    from searchlab.registry.resolve import load_model

    if output is not None:
        check_output(output, source)
    loaded = load_model(model, tracking_uri, trust_code=trust_code)
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
@stored_model_options
@errors_are_lines
def evaluate(
    model: str, data: str, as_json: bool, tracking_uri: str | None, trust_code: bool
) -> None:
    """Measure a model on rows whose target is known.

    MODEL is a study of this directory, models:/NAME@champion, or the path of an exported model.
    """
    from searchlab.core.wording import number_text
    from searchlab.inference.evaluation import evaluate_on
    from searchlab.registry.resolve import load_model
    from searchlab.report.questions import questioned

    loaded = load_model(model, tracking_uri, trust_code=trust_code)
    found = evaluate_on(loaded, data)
    if as_json:
        print_json({"rows": found.rows, "seen": found.seen, "metrics": found.metrics})
        return
    click.echo(f"{found.rows:,} rows" + (", most of which it was trained on" * found.seen))
    for name, value in found.metrics.items():
        click.echo(f"{name}  {number_text(value)}")
    if transform := loaded.manifest.rows.transform:
        click.echo(f"(loss is of the target {transform}, all else in its own units)")
    for line in questioned(found.metrics):
        complain(line)


@cli.command()
@click.argument("model")
@click.option("--port", type=click.IntRange(1, 65535), default=5001, show_default=True)
@stored_model_options
@errors_are_lines
def serve(model: str, port: int, tracking_uri: str | None, trust_code: bool) -> None:
    """Serve a model with MLflow's scoring server, on 127.0.0.1 only.

    MODEL is a study of this directory, models:/NAME@champion, or the path of an exported model.
    """
    from searchlab.core.loopback import refuse_taken
    from searchlab.registry.resolve import located

    refuse_taken(port)
    with located(model, Path.cwd(), tracking_uri, trust_code=trust_code) as package:
        from searchlab.inference.serving import serve_package

        raise click.exceptions.Exit(serve_package(package, port, click.echo))


@cli.command()
@click.argument("model")
@click.argument("directory", type=click.Path(path_type=Path))
@stored_model_options
@errors_are_lines
def export(model: str, directory: Path, tracking_uri: str | None, trust_code: bool) -> None:
    """Export a model to a new DIRECTORY: Keras, SavedModel, ONNX, and a model card.

    MODEL is a study of this directory, models:/NAME@champion, or a path.
    """
    from searchlab.inference.export import export_package
    from searchlab.registry.resolve import located

    with located(model, Path.cwd(), tracking_uri, trust_code=trust_code) as package:
        export_package(package, directory, complain)
    click.echo(f"wrote {directory}; next: searchlab predict {directory} --input FILE")
