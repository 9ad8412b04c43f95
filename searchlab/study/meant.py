"""Keys that people expect from other tools, each with the one that stands for it here."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

_TIME = ("by", "date", "datetime", "order", "order_by", "sort", "sort_by", "time", "time_column")
_GROUPS = ("group", "group_by", "group_column", "groups", "group_k_fold", "by_group")
_STRATA = ("stratified", "stratify", "stratify_by")
_PARTS = ("fold_column", "part", "split_by", "split_column", "subset")
_KINDS = ("cv", "kind", "method", "scheme", "splitter", "strategy", "type")
_OTHERS = {
    ("n_folds", "n_splits", "k", "k_folds", "kfold", "splits"): "folds: 5",
    ("n_repeats", "repeat", "times"): "repeats: 3",
    ("nested", "nested_folds", "outer", "outer_cv", "outer_folds"): "data.test_folds: 5",
    ("gap", "embargo", "purge"): "data.split: {by: time, gap: 5}",
}


def meant(keys: Sequence[str], value: Any) -> str | None:
    """Return how to write what an unknown key was probably meant for, or None.

    Args:
        keys: the path of the unknown key in the file.
        value: its value.
    """
    match [*keys]:
        case ["data", "split", key]:
            return _in_split(key, value)
        case ["data" | "evaluation", key] if (say := _scheme_of(key)) is not None:
            return f"write it as data.split: {say(value)}"
        case ["evaluation", key]:
            return _in_evaluation(key, value)
        case _:
            return None


def _in_evaluation(key: str, value: Any) -> str | None:
    if key in _KINDS:
        return f"write the scheme of the folds as data.split: {_scheme(value)}"
    found = {names: said for names, said in _OTHERS.items() if key in names}
    return next((f"write it as {said}" for said in found.values()), None)


def _scheme_of(key: str) -> Callable[[Any], str] | None:
    return next((say for names, say in _SPLITS.items() if key in names), None)


def _in_split(key: str, value: Any) -> str | None:
    if key in _GROUPS:
        return f"write it as groups: {_name(value, 'patient')}"
    if key in _TIME:
        return f"write it as {{by: time, column: {_name(value, 'when')}}}"
    return f"write it as column: {_name(value, 'part')}" if key in _PARTS else None


def _name(value: Any, example: str) -> str:
    return value if isinstance(value, str) and value != "time" else example


def _scheme(value: Any) -> str:
    text = str(value).lower()
    if "time" in text or "order" in text or "forward" in text:
        return "{by: time, column: when}"
    if "group" in text:
        return "{groups: patient}"
    if "strat" in text:
        return "{stratify: region} (classes are stratified by themselves)"
    return "{by: time, column: when}, {groups: patient}, {column: part} or {stratify: region}"


_SPLITS: Mapping[tuple[str, ...], Callable[[Any], str]] = {
    _TIME: lambda value: f"{{by: time, column: {_name(value, 'when')}}}",
    _GROUPS: lambda value: f"{{groups: {_name(value, 'patient')}}}",
    _STRATA: lambda value: f"{{stratify: {_name(value, 'region')}}}",
    _PARTS: lambda value: f"{{column: {_name(value, 'part')}}}",
}
