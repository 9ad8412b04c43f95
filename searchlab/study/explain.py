"""Messages about wrong values of a study file, each with its remedy."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

from pydantic_core import ErrorDetails

from searchlab.core.nearest import LENIENT, did_you_mean, nearest
from searchlab.study.meant import meant
from searchlab.study.params import KINDS
from searchlab.study.spec import StudySpec

_WIDTH = 60  # characters shown of a wrong value

_LIST, _GROUP = "must be a list, such as {list}", "must be a group of keys, such as {group}"
_MESSAGES = {
    "int_type": "must be a whole number",
    "int_from_float": "must be a whole number",
    "float_type": "must be a number",
    "string_type": "must be text",
    "bool_type": "must be true or false",
    "list_type": _LIST,
    "tuple_type": _LIST,
    "dict_type": _GROUP,
    "model_type": _GROUP,
    "finite_number": "must be a finite number",
    "greater_than": "must be above {gt}",
    "greater_than_equal": "must be at least {ge}",
    "less_than": "must be below {lt}",
    "less_than_equal": "must be at most {le}",
    "literal_error": "must be {expected}",
}
_NEEDS = {  # the kind of value that an empty key needs
    "int_type": "a whole number",
    "float_type": "a number",
    "string_type": "a text",
    "bool_type": "true or false",
    "list_type": "a list, such as {list}",
    "tuple_type": "a list, such as {list}",
    "dict_type": "a group of keys, such as {group}",
    "model_type": "a group of keys, such as {group}",
}
_LISTS = {
    "int": "[1, 100]",
    "float": "[1.0e-4, 1.0e-2]",
    "choice": "[relu, elu]",
    "in": "[2, 3]",
    "drop": "[id]",
    "features": "[age, 'temp_*']",
    "n_grams": "[1, 2]",
    "warm_start": "[houses]",
}
_LONE = {  # keys that take one text, with what it names
    "target": "one column (a study has one target, which several outputs may learn)",
    **dict.fromkeys(("id", "weight", "groups", "column", "stratify"), "one column"),
}
_GROUPS = {
    "data": "{dataset: digits}",
    "split": "{by: time, column: when}",
    "space": "{learning_rate: {float: [1.0e-4, 1.0e-2], log: true}}",
    "kinds": "{zip: category}",
    "text": "{by: words, n_grams: [1, 2]}",
    "objective": "{metric: val_loss}",
    "search": "{backend: optuna, trials: 30}",
    "options": "{sampler: tpe}",
    "training": "{epochs: 100}",
    "early_stopping": "{patience: 10} (or null, to train all epochs)",
    "evaluation": "{holdout: 0.2}",
    "execution": "{workers: 2}",
    "limits": "{seconds: 600, memory: 2GB}",
    "params": "{optimizer: adam}",
    "when": "{param: n_hidden, in: [2, 3]}",
}
_ADD = {
    "name": "name: and a name for the study",
    "factory": "factory: mlp, or your own, such as factory: models.py:build_model",
    "retry": "retry: 2",
    "study": "study: and the name of another study",
    "param": "param: and the name of another param of the space",
}
_PARAM = "{int: [1, 100]}, {float: [0.0, 0.5]} or {choice: [relu, elu]}"


def message_of(detail: ErrorDetails, keys: Sequence[str]) -> str:
    """Describe one of pydantic's errors at its key.

    Args:
        detail: pydantic's error.
        keys: the path of the key in the file.
    """
    kind, value, context = detail["type"], detail["input"], detail.get("ctx", {})
    special: dict[str, Callable[[], str]] = {
        "value_error": lambda: str(context["error"]),
        "extra_forbidden": lambda: _unknown(keys, value),
        "either": lambda: f"{detail['msg']}, got {shown(value)}",
        "missing": lambda: _missing(keys[-1]),
        "param_kind": lambda: _param_kind(value),
        "too_short": lambda: _too_short(keys),
        "too_long": lambda: _too_long(context["actual_length"]),
    }
    if kind in special:
        return special[kind]()
    last = keys[-1] if keys else ""
    examples = {"list": _LISTS.get(last, "[a, b]"), "group": _GROUPS.get(last, "{a: 1}")}
    if value is None and kind in _NEEDS:
        return f"is empty: give it {_NEEDS[kind].format(**examples)}"
    if kind not in _MESSAGES:
        message = detail["msg"]
        return f"{message[:1].lower()}{message[1:]}, got {shown(value)}"
    text = _MESSAGES[kind].format(**examples, **context)
    if kind == "string_type" and isinstance(value, list) and last in _LONE:
        text = f"must be the name of {_LONE[last]}"
    return f"{text}, got {shown(value)}{_hint(kind, value, context)}"


def _unknown(keys: Sequence[str], value: Any) -> str:
    hint = meant(keys, value) or suggestion(keys[-1], _known_keys(keys[:-1]))
    return f"unknown key; {hint}"


def suggestion(name: str, known: Iterable[str]) -> str:
    """Suggest the nearest of some names, or list all of them."""
    names = list(known)
    others = f"known here: {', '.join(names) or 'none'}"
    return did_you_mean(name, names, others, likeness=LENIENT)


def shown(value: Any) -> str:
    """Format a value as in the file, shortened if it is long."""
    if value is None:
        return "nothing"
    text = json.dumps(value, default=str, ensure_ascii=False)
    text = text if len(text) <= _WIDTH else f"{text[: _WIDTH - 3]}..."
    return f"the text {text}" if isinstance(value, str) else text


def _hint(kind: str, value: Any, context: Mapping[str, Any]) -> str:
    """Suggest how to write what was probably meant."""
    if kind.startswith("int_") and isinstance(value, float) and value.is_integer():
        return f": write {int(value)}"
    if kind in ("int_type", "float_type") and isinstance(value, str):
        plain = value.strip().replace("_", "")
        if plain.isdecimal():
            return f": write {plain}, without quotes or signs"
    if kind == "string_type" and not isinstance(value, dict | list):
        return f': write it in quotes, "{json.dumps(value)}"'
    if kind == "bool_type" and str(value).lower() in ("yes", "no", "on", "off", "1", "0"):
        return f": write {'true' if str(value).lower() in ('yes', 'on', '1') else 'false'}"
    if kind == "literal_error" and isinstance(value, str):
        names = [name.strip("' ") for name in context["expected"].replace(" or ", ",").split(",")]
        hint = did_you_mean(value.lower(), names, "", likeness=LENIENT)
        return f"; {hint}" if hint else ""
    return ""


def _missing(key: str) -> str:
    if key.isdigit():  # one end of a range
        return "is missing: a range has two ends, [low, high]"
    return f"is missing: add {_ADD.get(key) or f'{key}: {_GROUPS.get(key, _LISTS.get(key))}'}"


def _too_short(keys: Sequence[str]) -> str:
    if len(keys) == 1:
        return f"is empty: name at least one param, such as {_GROUPS[keys[0]][1:-1]}"
    return f"is empty: give it at least one value, such as {_LISTS[keys[-1]]}"


def _too_long(length: int) -> str:
    return f"has {length} entries: a range has two ends, [low, high]; a step is a key of its own"


def _param_kind(value: Any) -> str:
    if not isinstance(value, dict):
        return f"must be a param, such as {_PARAM}, got {shown(value)}"
    kinds = [kind for kind in KINDS if kind in value]
    if kinds:
        return f"has {' and '.join(kinds)}: keep one of them"
    for key in value:
        close = nearest(key, KINDS, likeness=LENIENT)
        if close:
            return f"has no kind of param; did you mean {close[0]} in place of {key}?"
    return f"has no kind of param: write it as {_PARAM}"


def _known_keys(parents: Sequence[str]) -> list[str]:
    """Return the keys that any variant of the schema allows below `parents`."""
    schema = StudySpec.model_json_schema(by_alias=True)
    places = [schema]
    for parent in parents:
        below = [_property(place, parent) for place in _variants(places, schema)]
        places = [place for place in below if place is not None]
    found = _variants(places, schema)
    return sorted({key for place in found for key in place.get("properties", {})})


def _property(place: dict[str, Any], key: str) -> dict[str, Any] | None:
    found = place.get("properties", {}).get(key, place.get("additionalProperties"))
    return found if isinstance(found, dict) else None


def _variants(places: list[dict[str, Any]], schema: dict[str, Any]) -> list[dict[str, Any]]:
    found = []
    for place in places:
        if "$ref" in place:
            found += _variants([schema["$defs"][place["$ref"].rsplit("/", 1)[-1]]], schema)
        elif "anyOf" in place or "oneOf" in place:
            found += _variants(place.get("anyOf", []) + place.get("oneOf", []), schema)
        else:
            found.append(place)
    return found
