"""The codec: values survive the round trip, and wrong types are rejected with their place."""

import json
import math
import random
import types
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, fields, is_dataclass
from enum import StrEnum
from typing import Any, Literal, Union, get_args, get_origin, get_type_hints

import pytest

from searchlab.core.codec import CodecError, decode, encode
from searchlab.core.trial import Outcome, TrialState
from searchlab.data.prepared import DataSummary
from searchlab.data.schema import RowSchema
from searchlab.journal.events import Event, Told
from searchlab.package.manifest import Manifest
from searchlab.remote.driver import _Order
from searchlab.tracking.mlflow.state import State


class Color(StrEnum):
    RED = "red"
    BLUE = "blue"


@dataclass(frozen=True)
class Inner:
    color: Color
    pair: tuple[int, str]
    weight: float | None


@dataclass(frozen=True)
class Outer:
    inner: Inner | None
    many: tuple[Inner, ...]
    numbered: Mapping[int, Inner]
    named: Mapping[str, bool | int | float | str | None]
    way: Literal["up", "down"]
    anything: Any


KEPT = [*get_args(Event), DataSummary, RowSchema, Manifest, State, _Order, Outer]


def dice(kind: type) -> random.Random:
    """Return a random generator that is the same for a type in every run."""
    return random.Random(kind.__name__)  # noqa: S311 - nothing secret


def example(hint: Any, chance: random.Random) -> Any:
    """Return a random value of a type, made from its hint without the codec."""
    if get_origin(hint) is not None:
        return compound(get_origin(hint), get_args(hint), chance)
    if is_dataclass(hint):
        return some(hint, chance)
    if isinstance(hint, type) and issubclass(hint, StrEnum):
        return chance.choice(list(hint))
    plain = {
        str: chance.choice(["", "ä\n", 'a"b', "x"]),
        int: chance.randrange(9),
        float: chance.choice([0.1 + 0.2, 1e-300, -0.0, 3.0]),
        bool: chance.random() < 0.5,
        Any: {"list": [1, {"deep": None}], "text": "x"},
    }
    return plain.get(hint)


def compound(origin: Any, arguments: tuple[Any, ...], chance: random.Random) -> Any:
    several = range(chance.randrange(1, 4))
    if origin in (Union, types.UnionType):
        return example(chance.choice(arguments), chance)
    if origin is Literal:
        return chance.choice(arguments)
    if origin is tuple:
        repeated = arguments[-1] is Ellipsis
        members = [arguments[0] for _ in several] if repeated else arguments
        return tuple(example(each, chance) for each in members)
    key, value = arguments
    return {key(each): example(value, chance) for each in several}


def some(kind: Any, chance: random.Random) -> Any:
    """Return an instance of a dataclass; draw again while its values contradict each other."""
    hints = get_type_hints(kind)
    while True:
        try:
            return kind(**{each.name: example(hints[each.name], chance) for each in fields(kind)})
        except ValueError:
            continue


def objects(instance: Any, values: Any, path: tuple[str, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """Yield each nested dataclass: its type, its plain values, and its path."""
    if is_dataclass(instance):
        yield type(instance), values, path
        for each in fields(instance):
            inner = getattr(instance, each.name)
            yield from objects(inner, values[each.name], (*path, each.name))
    elif isinstance(instance, tuple):
        for place, (inner, of) in enumerate(zip(instance, values, strict=True)):
            yield from objects(inner, of, (*path, str(place)))
    elif isinstance(instance, Mapping):
        for name, inner in instance.items():
            yield from objects(inner, values.get(str(name)), (*path, str(name)))


@pytest.mark.parametrize("kind", KEPT, ids=lambda kind: kind.__name__)
def test_what_is_written_comes_back(kind):
    """Every event and every other stored type is unchanged after a round trip through JSON."""
    chance = dice(kind)
    for _ in range(50):
        instance = some(kind, chance)
        assert decode(kind, json.loads(json.dumps(encode(instance)))) == instance


@pytest.mark.parametrize("kind", KEPT, ids=lambda kind: kind.__name__)
def test_a_key_too_many_or_too_few_is_named_with_its_place(kind):
    """In each object, however deep, a missing field and an unknown one are rejected."""
    chance = dice(kind)
    for _ in range(10):
        instance = some(kind, chance)
        values = encode(instance)
        for _, at, path in objects(instance, values):
            at["mood"] = 1
            place = ".".join((*path, "mood"))
            with pytest.raises(CodecError, match=f"^{place}: is unknown$"):
                decode(kind, values)
            del at["mood"]
            name = next(iter(at))
            kept = at.pop(name)
            place = ".".join((*path, name))
            with pytest.raises(CodecError, match=f"^{place}: is missing$"):
                decode(kind, values)
            at[name] = kept


@pytest.mark.parametrize("kind", KEPT, ids=lambda kind: kind.__name__)
def test_a_value_of_a_wrong_type_is_named_with_its_place(kind):
    """No field, however deep, accepts a value outside its type."""
    chance = dice(kind)
    instance = some(kind, chance)
    values = encode(instance)
    for of, at, path in objects(instance, values):
        hints = get_type_hints(of)
        for each in fields(of):
            if hints[each.name] is Any:
                continue
            kept, at[each.name] = at[each.name], object()
            place = ".".join((*path, each.name))
            with pytest.raises(CodecError, match=f"^{place}: is <object"):
                decode(kind, values)
            at[each.name] = kept


OUTER = encode(
    Outer(
        Inner(Color.RED, (1, "a"), None),
        (Inner(Color.BLUE, (2, "b"), 0.5),),
        {3: Inner(Color.RED, (3, "c"), 1)},
        {"x": True},
        "up",
        None,
    )
)


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"way": "left"}, "way: is 'left' instead of one of up, down"),
        ({"many": {}}, "many: is {} instead of an array"),
        ({"many": [OUTER["inner"], None]}, "many.1: is None instead of an object"),
        ({"numbered": {"one": OUTER["inner"]}}, "numbered.one: is not a whole number"),
        ({"named": {"x": []}}, "named.x: is [] instead of text or a whole number or a number"),
        ({"inner": {**OUTER["inner"], "color": "green"}}, "inner.color: is 'green' instead of one"),
        ({"inner": {**OUTER["inner"], "pair": [1]}}, "inner.pair: has 1 items instead of 2"),
        ({"inner": {**OUTER["inner"], "pair": [True, "a"]}}, "inner.pair.0: is True instead of a"),
        ({"inner": {**OUTER["inner"], "weight": "1"}}, "inner.weight: is '1' instead of a number"),
    ],
)
def test_the_message_says_what_was_wanted(changes, said):
    """It names the place, the value found and the type expected; a boolean is not a number."""
    with pytest.raises(CodecError) as caught:
        decode(Outer, {**OUTER, **changes})
    assert str(caught.value).startswith(said)


def test_values_that_contradict_each_other_are_refused_with_their_place():
    """A type's own validation error is reported with the place of the value."""
    values = encode(Told(Outcome(0, TrialState.COMPLETE, 0.5)))
    values["outcome"]["value"] = None
    with pytest.raises(CodecError, match=r"^outcome: a COMPLETE trial needs a finite value"):
        decode(Told, values)


def test_numbers_that_are_not_finite_come_back():
    """An integer is accepted as a float, and nan and inf are floats."""
    inner = encode(Inner(Color.RED, (1, "a"), math.inf))
    assert decode(Inner, json.loads(json.dumps(inner))).weight == math.inf
    assert decode(Inner, {**inner, "weight": 2}).weight == 2


def test_what_has_no_coding_is_refused():
    """A type that JSON cannot distinguish and a value it cannot hold are programming errors."""

    @dataclass(frozen=True)
    class Either:
        one: Inner | Outer

    with pytest.raises(TypeError, match="has no coding"):
        encode(Inner(Color.RED, (1, "a"), object()))
    with pytest.raises(TypeError, match="has no coding"):
        decode(Either, {"one": OUTER})
