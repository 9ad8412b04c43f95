"""The versions in the model registry, as their tags describe them."""

from __future__ import annotations

import contextlib
import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from mlflow import MlflowClient

from searchlab.core.verdict import Verdict

PREFIX = "searchlab."
_STUDY_ID = f"{PREFIX}study_id"


@dataclass(frozen=True)
class Version:
    """A version of a registered model that searchlab has made.

    Attributes:
        name: the registered model.
        version: the version's number, from 1.
        aliases: the aliases that it has.
        study: the study's name.
        study_id: the study's identity.
        trial: the trial that the model is made of.
        metric: the study's objective.
        direction: "minimize" or "maximize".
        search: the objective in the search, or None if it is not known.
        confirmed: its mean over fresh seeds, or None if it was not confirmed.
        spread: its sample standard deviation over the seeds, or None.
        test: the objective's metric on the test rows, or None if it was not measured there.
        validation: that on the early-stopping rows, if the study had no test rows, or None.
        data: the data set's name.
        digest: the digest of its content.
        model: SHA-256 of the model's file.
        run_id: the study's run.
        created: when it was made, in seconds since the epoch.
        promoted: when it was last promoted by hand, in seconds since the epoch, or None.
        verdict: which alias it was given and why, or None while it was given none.
    """

    name: str
    version: int
    aliases: tuple[str, ...]
    study: str
    study_id: str
    trial: int
    metric: str
    direction: str
    search: float | None
    confirmed: float | None
    spread: float | None
    test: float | None
    validation: float | None
    data: str
    digest: str
    model: str
    run_id: str
    created: float
    promoted: float | None
    verdict: Verdict | None


def made_versions(client: MlflowClient, name: str | None = None) -> list[Version]:
    """Return the versions that searchlab has made, by name, the latest first.

    Args:
        client: of the store.
        name: the only registered model to look at.
    """
    filters = [f"tags.`{_STUDY_ID}` LIKE '%'"]  # a shared registry may hold thousands of others
    if name is not None:
        filters.append(f"name = '{name}'")
    found = [each for each in _search(client, " and ".join(filters)) if _STUDY_ID in each.tags]
    aliases = {name: aliases_of(client, name) for name in {each.name for each in found}}
    read = [_version(each, aliases[each.name]) for each in found]
    return sorted(read, key=lambda each: (each.name, -each.version))


def aliases_of(client: MlflowClient, name: str) -> dict[str, int]:
    """Return the version of each alias of a registered model."""
    aliases = client.get_registered_model(name).aliases
    return {alias: int(version) for alias, version in aliases.items()}


def _search(client: MlflowClient, filter_string: str) -> Iterator[Any]:
    token: str | None = None
    while True:
        page = client.search_model_versions(filter_string, max_results=1000, page_token=token)
        yield from page
        token = page.token
        if not token:
            return


def _version(found: Any, aliases: Mapping[str, int]) -> Version:
    """Read a version from MLflow's; a tag that is not a number counts as missing."""
    tags = {key.removeprefix(PREFIX): value for key, value in found.tags.items()}
    number = int(found.version)
    data, _, digest = tags.get("data", "").partition("@")
    return Version(
        name=found.name,
        version=number,
        aliases=tuple(sorted(alias for alias, of in aliases.items() if of == number)),
        study=tags.get("study", ""),
        study_id=tags["study_id"],
        trial=int(_number(tags, "trial") or 0),
        metric=tags.get("metric", ""),
        direction=tags.get("direction", ""),
        search=_number(tags, "search"),
        confirmed=_number(tags, "confirmed"),
        spread=_number(tags, "spread"),
        test=_number(tags, "test"),
        validation=_number(tags, "validation"),
        data=data,
        digest=digest,
        model=tags.get("model", ""),
        run_id=found.run_id or "",
        created=found.creation_timestamp / 1000,
        promoted=_time(tags, "promoted"),
        verdict=Verdict.read(tags.get("verdict", "")),
    )


def _number(tags: Mapping[str, str], key: str) -> float | None:
    with contextlib.suppress(KeyError, ValueError):
        value = float(tags[key])
        return value if math.isfinite(value) else None
    return None


def _time(tags: Mapping[str, str], key: str) -> float | None:
    with contextlib.suppress(KeyError, ValueError):
        return datetime.fromisoformat(tags[key]).timestamp()
    return None
