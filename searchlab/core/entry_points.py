"""Code that other installed packages offer by name: entry points in one group for each kind."""

from __future__ import annotations

import re
from collections.abc import Collection
from dataclasses import dataclass
from importlib import metadata
from typing import Any

from searchlab.errors import InputError

GROUPS = {
    "backend": "searchlab.backends",
    "executor": "searchlab.executors",
    "tracker": "searchlab.trackers",
    "model factory": "searchlab.factories",
}
"""The group of entry points for each kind of thing that has a name in a study file."""

_TARGET = re.compile(r"[\w.]+(:[\w.]+)?\s*(\[.*\])?")


@dataclass(frozen=True)
class Offer:
    """An entry point of an installed package; nothing of it has been imported.

    Attributes:
        kind: one of `GROUPS`.
        name: the name in study files.
        target: "module:attribute".
        package: the installed package, as pip names it.
    """

    kind: str
    name: str
    target: str
    package: str

    def __str__(self) -> str:
        return f"{self.kind} {self.name} of package {self.package}"

    def load(self) -> Any:
        """Import what is offered.

        Raises:
            InputError: if that fails, for whatever reason.
        """
        if not _TARGET.fullmatch(self.target):
            raise InputError(self.broken("the entry point is not written as module:name"))
        try:
            return metadata.EntryPoint(self.name, self.target, GROUPS[self.kind]).load()
        except (Exception, SystemExit) as error:  # somebody else's code: it can raise anything
            raise InputError(self.broken(f"{type(error).__name__}: {error}")) from error

    def broken(self, reason: str) -> str:
        """Return a message in one line for an offer that cannot be used."""
        return (
            f"the {self} ({self.target}) cannot be used: {' '.join(reason.split())}; update or "
            f"uninstall {self.package}"
        )


def offers(kind: str) -> dict[str, list[Offer]]:
    """Return what all installed packages offer of a kind, by name; imports none of it."""
    found: dict[str, list[Offer]] = {}
    for point in metadata.entry_points(group=GROUPS[kind]):
        package = "?" if point.dist is None else point.dist.name
        offer = Offer(kind, point.name, point.value, package)
        others = found.setdefault(point.name, [])
        if offer not in others:  # a package may be found in two places
            others.append(offer)
    return found


def find_offer(kind: str, name: str, own: Collection[str]) -> Offer | None:
    """Return the only offer of a name, or None if no package has one.

    Args:
        kind: one of `GROUPS`.
        name: the name in a study file.
        own: the names of searchlab's own.

    Raises:
        InputError: if it is not the only one of this name.
    """
    found = offers(kind).get(name, [])
    if found and name in own:
        package = found[0].package
        raise InputError(
            f"{kind} {name} is searchlab's own, and package {package} has another of this name: "
            f"uninstall {package}, or ask its authors for another name"
        )
    if len(found) > 1:
        packages = " and ".join(sorted({each.package for each in found}))
        raise InputError(f"{kind} {name} is in packages {packages}: uninstall all but one of them")
    return found[0] if found else None
