"""The aliases of a registered model: champion and candidate.

A version's alias is decided once, when the version is made, and its verdict is kept as a tag.
Sending a study again to a store that has it therefore never takes an alias back from a version that
has since won or been promoted.

MLflow has no call that reads and sets the champion at once. Of two studies that finish within the
same few milliseconds, the last to set it is champion, even if the other is better. A program that
dies before it has tagged its verdict decides again when the study is sent next; a version that was
promoted in the meantime stays champion.
"""

from __future__ import annotations

from datetime import UTC, datetime

from mlflow import MlflowClient

from searchlab.core.verdict import Alias, Verdict
from searchlab.tracking.mlflow.model_versions import PREFIX, Version, aliases_of, made_versions

_DIGITS = (4, 6, 9, 17)  # the last tells any two numbers apart


def decide(client: MlflowClient, mine: Version) -> Verdict:
    """Give a version its alias, unless it has one.

    Returns:
        The alias and why.

    Raises:
        Exception: any error of MLflow's.
    """
    if mine.verdict is not None:
        return mine.verdict
    made = {each.version: each for each in made_versions(client, mine.name)}
    number = aliases_of(client, mine.name).get(Alias.CHAMPION, 0)
    if number == mine.version:  # an interrupted attempt got here, or another process was faster
        said = Verdict(Alias.CHAMPION, "it had the alias already")
    elif number and number not in made:
        said = Verdict(Alias.CANDIDATE, f"version {number} was not made by searchlab")
    else:
        said = verdict(mine, made.get(number))
    if said.alias is Alias.CHAMPION:
        crown(client, mine)
    else:
        client.set_registered_model_alias(mine.name, Alias.CANDIDATE.value, str(mine.version))
    _tag(client, mine, "verdict", str(said))
    return said


def verdict(mine: Version, champion: Version | None) -> Verdict:
    """Return the alias of a new version beside a champion that searchlab has made, and why."""
    if champion is None:
        return Verdict(Alias.CHAMPION, "no other champion")
    obstacle = _incomparable(mine, champion)
    if obstacle is not None:
        return Verdict(Alias.CANDIDATE, obstacle)
    assert mine.confirmed is not None  # noqa: S101 - or there is an obstacle
    assert champion.confirmed is not None  # noqa: S101 - likewise
    better = mine.confirmed < champion.confirmed
    if mine.direction == "maximize":
        better = mine.confirmed > champion.confirmed
    one, two = _apart(mine.confirmed, champion.confirmed)
    if better:
        return Verdict(Alias.CHAMPION, f"{one} beats {two} of version {champion.version}")
    return Verdict(Alias.CANDIDATE, f"{one} does not beat {two} of version {champion.version}")


def _incomparable(mine: Version, champion: Version) -> str | None:
    """Return why the scores of two versions are not comparable; None if they are."""
    other = f"version {champion.version}"
    since = champion.promoted is not None and champion.promoted > mine.created
    obstacles = {
        f"{other} was measured on other data": mine.digest != champion.digest,
        f"{other} was to {champion.direction} {champion.metric}": (mine.metric, mine.direction)
        != (champion.metric, champion.direction),
        "its score is not confirmed": mine.confirmed is None,
        f"the score of {other} is not confirmed": champion.confirmed is None,
        f"{other} has been promoted since": since,
    }
    return next((text for text, holds in obstacles.items() if holds), None)


def promote(client: MlflowClient, chosen: Version) -> int | None:
    """Make a version the champion, whatever its score.

    Returns:
        The number of the version that was champion before, or None.

    Raises:
        Exception: any error of MLflow's.
    """
    before = aliases_of(client, chosen.name).get(Alias.CHAMPION)
    if before != chosen.version:
        now = datetime.now(UTC).isoformat(timespec="milliseconds")
        _tag(client, chosen, "promoted", now)
        over = f" over version {before}" if before else ""
        _tag(client, chosen, "verdict", str(Verdict(Alias.CHAMPION, f"promoted{over}")))
    crown(client, chosen)
    return before


def crown(client: MlflowClient, version: Version) -> None:
    """Make a version the champion and no longer a candidate."""
    client.set_registered_model_alias(version.name, Alias.CHAMPION.value, str(version.version))
    if aliases_of(client, version.name).get(Alias.CANDIDATE) == version.version:
        client.delete_registered_model_alias(version.name, Alias.CANDIDATE.value)


def _tag(client: MlflowClient, version: Version, key: str, value: str) -> None:
    client.set_model_version_tag(version.name, str(version.version), f"{PREFIX}{key}", value)


def _apart(one: float, two: float) -> tuple[str, str]:
    """Return both numbers, with as many digits as tell them apart."""
    texts = [(f"{one:.{digits}g}", f"{two:.{digits}g}") for digits in _DIGITS]
    return next((pair for pair in texts if pair[0] != pair[1]), texts[0])
