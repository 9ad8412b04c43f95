"""The structure that decides which trainings can share a program.

Models of one structure differ only in widths, initial weights and optimizer constants. The
structure is read from a model's configuration; `verify` checks whether that is complete by running
the stacked program beside the real model.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import keras

from searchlab.fused.contents import Contents
from searchlab.fused.optimizers import Rule, rule_of
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
        text: the model's and the losses' configuration without widths, as JSON.
        rule: the optimizers' update rule.
        widths: the units of each hidden Dense layer, in order.
        widenable: whether wider layers can compute the same. Layers that draw random numbers, such
            as dropout, prevent it: a wider layer draws different ones.
    """

    text: str
    rule: Rule
    widths: tuple[int, ...]
    widenable: bool

    @cached_property
    def family(self) -> str:
        """Group of structures with the same feasible methods: the text without numbers."""
        return _NUMBER.sub("#", self.text)

    @cached_property
    def padded(self) -> tuple[int, ...]:
        """The widths of a program that can be shared by trainings of several widths."""
        return tuple(_padded(width) for width in self.widths)


def structure_of(model: Any, params: Mapping[str, Any]) -> Structure | str:
    """Return the structure of a built and compiled model, or the reason why it cannot be stacked.

    Args:
        model: the model, with a built optimizer.
        params: the trial's params. Code outside Keras may depend on them without any trace in the
            configuration, so models with such code share a program only if their params are equal.
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
    contents, layers = Contents(), hidden_layers(model)
    held = contents.of_model(model, {layer.name for layer in layers})
    own_code = contents.own or _own_code(config) or _own_code(compiled) or not compiled
    hidden = set() if own_code else {layer.name for layer in layers}
    names = {layer.name: f"layer-{index}" for index, layer in enumerate(all_layers(model))}
    text = [_anonymous(config, names, hidden), compiled, _anonymous(held, names, hidden)]
    if own_code:
        text.append(sorted(params.items()))
    trainable = [tuple(variable.shape) for variable in model.trainable_variables]
    if not hidden:  # the configuration may be incomplete
        text.append(trainable)
    return Structure(
        json.dumps(text, sort_keys=True, default=str),
        rule,
        tuple(layer.units for layer in layers) if hidden else (),
        bool(hidden) and not any("seed_generator" in each.path for each in model.variables),
    )


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

    return keras.models.clone_model(model, clone_function=widen)


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


def _anonymous(value: Any, names: Mapping[str, str], hidden: set[str]) -> Any:
    """Strip generated names, widths and initializers from a configuration."""
    if isinstance(value, str):
        return names.get(value, value)
    if isinstance(value, list | tuple):
        return [_anonymous(part, names, hidden) for part in value]
    if not isinstance(value, Mapping):
        return value
    forgotten = {"units"} if value.get("name") in hidden else set()
    return {
        key: _anonymous(part, names, hidden)
        for key, part in value.items()
        if key not in forgotten
        and key not in _FORGOTTEN
        and not (isinstance(key, str) and key.endswith("_initializer"))
    }
