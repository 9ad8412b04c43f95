"""Differences of two studies: a name stands for one study, of which few keys may change."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from searchlab.study.spec import StudySpec


@dataclass(frozen=True)
class Difference:
    """One key in which two studies differ."""

    key: str
    old: Any
    new: Any

    def __str__(self) -> str:
        return f"{self.key}: {self.old!r} -> {self.new!r}"


_MAY_CHANGE = (
    "search.trials",
    "search.seconds",
    "search.on_failure",
    "training.limits",
    "training.resources",
    "files",
    "execution.executor",
    "execution.workers",
    "trackers",
    "confirm",
    "refit",
    "baselines",
    "registered_model",
)


def differences(old: StudySpec, new: StudySpec) -> list[Difference]:
    """Return the changed keys that make `new` another study than `old`, budgets aside."""
    before, after = _flat(old.as_dict()), _flat(new.as_dict())
    changed = [
        Difference(key, before.get(key), after.get(key))
        for key in sorted({*before, *after})
        if before.get(key) != after.get(key) and not _may_change(key)
    ]
    orders = [] if changed else zip(_orders(old), _orders(new), strict=True)
    changed += [Difference(key, first, other) for (key, first), (_, other) in orders
                if first != other]  # fmt: skip
    return changed


def _orders(study: StudySpec) -> list[tuple[str, list[str]]]:
    """Return the keys below which the order of the names has a meaning, with the names."""
    return [
        ("space", list(study.space)),  # backends sample in this order
        ("data.target", list(study.data.outputs)),  # the first output predicts
        ("data.inputs", list(study.data.inputs or ())),  # a class may take them in this order
    ]


def _may_change(key: str) -> bool:
    return any(key == each or key.startswith(f"{each}.") for each in _MAY_CHANGE)


def _flat(values: Mapping[str, Any], prefix: str = "") -> dict[str, Any]:
    flat: dict[str, Any] = {}
    for key, value in values.items():
        if isinstance(value, Mapping) and value:
            flat.update(_flat(value, f"{prefix}{key}."))
        else:
            flat[f"{prefix}{key}"] = value
    return flat
