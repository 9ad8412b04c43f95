"""The structure that decides which trainings can share a program.

Models of one structure differ only in widths, initial weights, optimizer constants and the numbers
of their layers that are data, such as dropout rates (see `plan`). The structure is read from a
model's configuration; `verify` checks whether that is complete by running the stacked program
beside the real model.
"""

from __future__ import annotations

import json
import re
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import keras
import numpy as np

from searchlab.fused.contents import Contents
from searchlab.fused.optimizers import Rule, constants_of, rule_of
from searchlab.fused.plan import PENALTIES, Plan, plan_of
from searchlab.fused.sharing import Sharing, coarse
from searchlab.private.keras import all_layers, is_functional, made_tensors

_OWN_WAYS = ("train_step", "test_step", "fit", "evaluate", "compute_loss", "compute_metrics")
"""Methods whose override means that a model trains in its own way."""

_FORGOTTEN = ("build_config", "name", "seed")
"""Parts of a layer's configuration that do not change what a program computes."""

_NUMBER = re.compile(r"-?\d+\.\d+(e-?\d+)?|@[0-9a-f]+")
"""Numbers, and the digests and addresses of what a model holds."""

_NARROWEST, _STEP = 32, 16
"""Widths are padded to a multiple of `_STEP`, or of an eighth of the width if that is more, so that
little work is wasted and few programs serve all widths. Below `_NARROWEST`, overhead dominates."""


@dataclass(frozen=True)
class Structure:
    """Everything that the trainings of a program have in common.

    Attributes:
        text: the model's and the losses' configuration without widths and numbers, as JSON.
        rule: the optimizers' update rule.
        widths: the units of each hidden Dense layer, in order.
        padded: the widths of a program that can be shared by trainings of several widths.
        random: whether a layer draws random numbers: a wider one would draw different ones, unless
            it is computed directly.
        plan: the way to compute the model directly, if there is one.
    """

    text: str
    rule: Rule
    widths: tuple[int, ...]
    padded: tuple[int, ...]
    random: bool
    plan: Plan | None = field(compare=False)

    @property
    def numbers(self) -> tuple[float, ...]:
        """The numbers of the layers that are data in a program that computes them directly."""
        return self.plan.numbers if self.plan else ()

    def constants(self, optimizer: Any) -> np.ndarray[Any, Any]:
        """Return a training's constants: its optimizer's, then its model's numbers, float32."""
        return np.append(constants_of(optimizer), np.array(self.numbers, np.float32))

    @cached_property
    def family(self) -> str:
        """Group of structures with the same feasible methods: the text without numbers."""
        return _NUMBER.sub("#", self.text)

    @property
    def variant(self) -> tuple[float, ...]:
        """The numbers for which a program is verified apart, as they choose what it computes."""
        return self.plan.variant if self.plan else ()


def structure_of(model: Any, params: Mapping[str, Any], sharing: Sharing) -> Structure | str:
    """Return the structure of a built and compiled model, or the reason why it cannot be stacked.

    Args:
        model: the model, with a built optimizer.
        sharing: what is known of the study's trials.
        params: the trial's params. Layers of the user's own may depend on them without any trace in
            the configuration, so models with such code share a program only if their params are
            equal. Losses and metrics hold whatever they depend on.
    """
    if reason := _refusal(model):
        return reason
    rule = rule_of(model.optimizer)
    if isinstance(rule, str):
        return rule
    try:
        config = _plain(keras.saving.serialize_keras_object(model))
        compiled = model.get_compile_config() or {}
    except Exception:  # the user's get_config may raise anything
        config, compiled = {"class_name": type(model).__qualname__, "module": "own"}, {}
    config = {key: value for key, value in config.items() if key != "compile_config"}
    compiled = {key: value for key, value in compiled.items() if key != "optimizer"}
    layers = hidden_layers(model)
    trainable = [tuple(variable.shape) for variable in model.trainable_variables]
    little = sharing.little(trainable, [layer.units for layer in layers])
    plan = plan_of(model, sharing.activations if little else ())
    numbers = plan.layers if plan else {}
    contents = Contents(factors=plan is None)
    held = contents.of_layers(model, _forgotten(numbers, layers))
    own_code = contents.own or _own_code(config) or not compiled
    held.append(contents.of_compiled(model))
    own_code = own_code or contents.layers
    hidden = [] if own_code else layers
    names = {layer.name: f"layer-{index}" for index, layer in enumerate(all_layers(model))}
    forgotten = _forgotten(numbers, hidden)
    widths = tuple(layer.units for layer in hidden)
    text = [
        _anonymous(config, names, forgotten, factors=plan is None),
        compiled,
        _anonymous(held, names, {}, factors=True),
    ]
    if own_code:
        text.append(sorted(params.items()))
    if not hidden:  # the configuration may be incomplete
        text.append(trainable)
    return Structure(
        json.dumps(text, sort_keys=True, default=str),
        rule,
        widths,
        tuple(map(coarse if little else _padded, widths)),
        any("seed_generator" in each.path for each in model.variables),
        plan,
    )


def _forgotten(
    numbers: Mapping[str, Collection[str]], hidden: Sequence[Any]
) -> dict[str, set[str]]:
    """Return the parts of layers that are data in a program, by the layer's name.

    Args:
        numbers: the parts that are numbers of a plan, by the layer's name.
        hidden: the layers whose widths are data.
    """
    forgotten = {name: set(parts) for name, parts in numbers.items()}
    for layer in hidden:
        forgotten.setdefault(layer.name, set()).add("units")
    return forgotten


def hidden_layers(model: Any) -> list[Any]:
    """Return the Dense layers of a Sequential or Functional model, except output layers."""
    if type(model) is keras.Sequential:
        layers = model.layers
        last = [layer for layer in layers if isinstance(layer, keras.layers.Dense)][-1:]
        outputs = {id(layer) for layer in [*layers[-1:], *last]}
    elif is_functional(model):
        layers = model.layers
        outputs = {id(layer) for layer in model.operations if _makes_output(layer, model)}
    else:
        return []
    return [
        layer for layer in layers if type(layer) is keras.layers.Dense and id(layer) not in outputs
    ]


def widened(model: Any, widths: tuple[int, ...]) -> Any:
    """Clone a model with other widths of its hidden layers.

    The clone has new weights and is not compiled.
    """
    units = {layer.name: width for layer, width in zip(hidden_layers(model), widths, strict=True)}

    def widen(layer: Any) -> Any:
        config = layer.get_config()
        if layer.name in units:
            config["units"] = units[layer.name]
        return type(layer).from_config(config)

    compiled, model.compiled = model.compiled, False  # else Keras looks for losses by their names
    try:
        return keras.models.clone_model(model, clone_function=widen)
    finally:
        model.compiled = compiled


def _padded(width: int) -> int:
    step = max(_STEP, (1 << (width - 1).bit_length()) // 8)
    return max(_NARROWEST, -(-width // step) * step)


def _makes_output(layer: Any, model: Any) -> bool:
    made = {id(tensor) for tensor in made_tensors(layer)}
    return any(id(tensor) in made for tensor in model.outputs)


def _refusal(model: Any) -> str | None:
    """Return the reason why a model cannot be stacked, as far as visible without running it."""
    own = [
        name
        for name in _OWN_WAYS
        if getattr(type(model), name) is not getattr(keras.Model, name) or name in vars(model)
    ]
    if own:
        return f"its model overrides {own[0]}"
    if model.run_eagerly:
        return "its model runs eagerly"
    if not model.trainable_variables:
        return "its model has nothing to train"
    if any(getattr(layer, "activity_regularizer", None) for layer in all_layers(model)):
        return "its model has an activity regularizer"
    if isinstance(model.outputs if hasattr(model, "outputs") else None, list) and (
        len(model.outputs) != 1 or len(model.inputs) != 1
    ):
        return "its model has several inputs or outputs"
    return None


def _plain(value: Any) -> Any:
    """Convert a configuration to plain JSON values."""
    return json.loads(json.dumps(value, default=str))


def _own_code(value: Any) -> bool:
    """Return whether a configuration names code from outside Keras."""
    return any(
        str(part.get("module") or "keras").partition(".")[0] != "keras"
        or part.get("class_name") in ("Lambda", "function")
        for part in _parts(value)
        if "class_name" in part
    )


def _parts(value: Any) -> Iterator[Mapping[str, Any]]:
    if isinstance(value, Mapping):
        yield value
        for part in value.values():
            yield from _parts(part)
    elif isinstance(value, list | tuple):
        for part in value:
            yield from _parts(part)


def _anonymous(
    value: Any,
    names: Mapping[str, str],
    forgotten: Mapping[str, Collection[str]],
    *,
    factors: bool,
) -> Any:
    """Strip generated names, initializers and some parts of layers from a configuration.

    Args:
        value: the configuration.
        names: replacements of names.
        forgotten: the parts to strip, by the layer's name.
        factors: whether the factors of penalties stay, and not only whether there are any.
    """

    def inner(part: Any) -> Any:
        return _anonymous(part, names, forgotten, factors=factors)

    if isinstance(value, str):
        return names.get(value, value)
    if isinstance(value, list | tuple):
        return [inner(part) for part in value]
    if not isinstance(value, Mapping):
        return value
    if value.get("class_name") == "__keras_tensor__":  # its shape follows from the layers
        return inner(value["config"]["keras_history"])
    if not factors and value.get("class_name") in {each.__name__ for each in PENALTIES}:
        return [value["class_name"], *(bool(each) for _, each in sorted(value["config"].items()))]
    stripped = {*_FORGOTTEN, *forgotten.get(str(value.get("name")), ())}
    return {
        key: inner(part)
        for key, part in value.items()
        if key not in stripped and not (isinstance(key, str) and key.endswith("_initializer"))
    }
