"""`searchlab models`: the registered models and their versions, as a table or as JSON."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from rich.console import RenderableType
from rich.text import Text

from searchlab.core.verdict import Alias
from searchlab.core.wording import confirmed_text, number_text
from searchlab.report.tables import FirstThatFits, plain_table
from searchlab.tracking.mlflow.tracker import registry

if TYPE_CHECKING:
    from searchlab.tracking.mlflow.model_versions import Version

_ALIAS_STYLES = {Alias.CHAMPION.value: "green", Alias.CANDIDATE.value: "yellow"}
_DIGEST = 8  # characters of a digest that people look at


def list_models(uri: str) -> list[Version]:
    """Return all versions of registered models that searchlab made, by name, the latest first.

    Args:
        uri: the tracking URI, from `resolve_uri`.

    Raises:
        TrackingError: if the store is not there or cannot be used.
    """
    with registry(uri) as client:
        from searchlab.tracking.mlflow.model_versions import made_versions  # imports MLflow

        return made_versions(client)


def models_json(versions: Sequence[Version]) -> list[dict[str, Any]]:
    """Return versions as plain JSON values; an unknown one is null, times are ISO 8601 in UTC."""
    return [_json(each) for each in versions]


def models_table(versions: Sequence[Version]) -> RenderableType:
    """Return a table of versions, on one line each, or on some lines in a narrow terminal."""
    wide, narrow = plain_table("model"), plain_table("model")
    wide.add_column("version", justify="right", no_wrap=True)
    wide.add_column("alias", no_wrap=True)
    for name in ("study", "data", "metric"):
        wide.add_column(name, overflow="fold")
    wide.add_column("trial", justify="right", no_wrap=True)
    for table in (wide, narrow):
        for name in ("search", "confirmed", "test"):
            table.add_column(name, justify="right", no_wrap=table is wide or name != "confirmed")
    wide.add_column("made", no_wrap=True)
    for each in versions:
        confirmed = confirmed_text(each.confirmed, each.spread)
        scores = (number_text(each.search), confirmed, _measured(each))
        texts = (Text(each.study), Text(_data(each)), Text(each.metric))
        number, trial, made = str(each.version), str(each.trial), _made(each)
        wide.add_row(Text(each.name), number, _aliases(each), *texts, trial, *scores, made)
        more = f"{each.study}, trial {trial}\n{each.metric} on {_data(each)}, {made}"
        head = Text.assemble(f"{each.name} {number} ", _aliases(each), "\n", (more, "dim"))
        narrow.add_row(head, *scores)
    return FirstThatFits(wide, narrow)


def _json(version: Version) -> dict[str, Any]:
    values = asdict(version)
    for name in ("created", "promoted"):
        if values[name] is not None:
            values[name] = datetime.fromtimestamp(values[name], UTC).isoformat(timespec="seconds")
    return {"uri": f"models:/{version.name}/{version.version}", **values}


def _measured(version: Version) -> str:
    if version.test is None and version.validation is not None:
        return f"{number_text(version.validation)} (validation)"
    return number_text(version.test)


def _data(version: Version) -> str:
    return f"{version.data}@{version.digest[:_DIGEST]}"


def _made(version: Version) -> str:
    """Return the time of creation in local time."""
    return f"{datetime.fromtimestamp(version.created):%Y-%m-%d %H:%M}"


def _aliases(version: Version) -> Text:
    return Text(" ").join(Text(name, _ALIAS_STYLES.get(name, "")) for name in version.aliases)
