"""All that a model holds besides its configuration, by value, so that no two models are confused.

A configuration lacks the closures of functions, attributes that are set after construction, and
whatever a user's class keeps to itself. All of it becomes part of a program, because it is read
when the program is traced.
"""

from __future__ import annotations

import functools
import hashlib
import types
from collections import deque
from collections.abc import Iterator, Mapping, Set
from string import ascii_letters
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from searchlab.fused.plan import PENALTIES, factors_of
from searchlab.private.keras import all_layers, compiled_arguments

_DEEPEST, _MOST, _LARGEST = 12, 10_000, 2**24
"""Most that is looked into: levels of objects within objects, items of a collection, bytes of an
array. Beyond, an object counts as equal to none but itself."""

_KEPT = ("build", "built", "name", "output_names", "quantize", "seed", "seed_generator")
"""Attributes of layers that change nothing but names, weights and random states, which are data."""

_EXPORTED = ("_api_export_path", "_api_export_symbol_id")
"""Attributes of Keras' functions: public names, and an address, which no two processes share."""

_PLAIN = bool | int | float | complex | str | bytes | None
_MANY = (Mapping, list, tuple, Set, deque)
_LIBRARIES = ("keras", "tensorflow", "numpy", "builtins", "functools")


class Contents:
    """A reader of values, which notes whether any is, or holds, code from outside of Keras.

    Attributes:
        own: whether there was such code.
        layers: whether something other than a model holds a layer.
    """

    def __init__(self, only: Set[str] | None = None, *, factors: bool = True) -> None:
        """Begin with nothing read.

        Args:
            only: the modules whose functions, classes and objects are looked into; all if None.
            factors: whether the factors of Keras' penalties count, and not only whether there are
                any.
        """
        self.own = self.layers = False
        self._only, self._factors = only, factors
        self._open: set[int] = set()

    def of_layers(self, model: Any, forgotten: Mapping[str, Set[str]]) -> list[Any]:
        """Return what a model's layers, penalties and constraints hold, as JSON values.

        Args:
            model: the model.
            forgotten: the attributes that do not count, by the layer's name.
        """
        found: list[Any] = [
            self._layer(each, forgotten.get(each.name, frozenset())) for each in all_layers(model)
        ]
        for each in model.trainable_variables:
            found.append([self.of(each.constraint), self.of(each.regularizer)])
        return found

    def of_compiled(self, model: Any) -> Any:
        """Return what the losses and metrics of a compiled model hold, as JSON values.

        `layers` is then whether one of them holds a layer.
        """
        self.layers = False
        compiled = {k: v for k, v in compiled_arguments(model).items() if k != "optimizer"}
        return self.of(compiled)

    def of(self, value: Any) -> Any:
        """Return a value as JSON values: equal only for values that compute the same.

        An object that cannot be looked into has its address.
        """
        leaf = self._leaf(value)
        if leaf is not None:
            return leaf
        if id(value) in self._open or len(self._open) > _DEEPEST:
            return "above" if id(value) in self._open else _address(value)
        self._open.add(id(value))
        try:
            return self._collection(value) if isinstance(value, _MANY) else self._object(value)
        finally:
            self._open.discard(id(value))

    def _leaf(self, value: Any) -> Any:
        """Return a value in which there is nothing to look into, or None."""
        found: Any = None
        if isinstance(value, _PLAIN):
            found = repr(value)
        elif isinstance(value, keras.Variable | tf.Variable):
            found = ["variable", list(value.shape)]
        elif isinstance(value, np.ndarray | np.generic) or tf.is_tensor(value):
            found = _array(value)
        elif isinstance(value, types.ModuleType | types.BuiltinFunctionType | np.ufunc):
            found = value.__name__
        elif isinstance(value, type) and not (self._only and value.__module__ in self._only):
            found = f"{value.__module__}.{value.__qualname__}"
        return found

    def _object(self, value: Any) -> Any:
        wrapped = getattr(value, "__wrapped__", None)
        found: Any
        match value:
            case type():
                shown = {k: v for k, v in vars(value).items() if not k.startswith("__")}
                found = [value.__qualname__, self.of(shown)]
            case functools.partial():
                found = [self.of(value.func), self.of(value.args), self.of(value.keywords)]
            case types.MethodType():
                found = [self.of(value.__func__), self.of(value.__self__)]
            case _ if self._only is not None and _module(value) not in self._only:
                found = _address(value)
            case types.FunctionType():
                found = self._function(value)
            case _ if type(value) in PENALTIES and not self._factors:
                found = [type(value).__name__, *sorted(factors_of(value))]
            case keras.Layer() | keras.Initializer() | keras.KerasTensor():
                self.layers = self.layers or isinstance(value, keras.Layer)
                found = type(value).__name__  # layers are among the model's, others its weights
            case _ if wrapped is not None:  # by tf.function, say
                found = self.of(wrapped)
            case _:
                self.own = self.own or not _of_library(value)
                held = getattr(value, "__dict__", None)
                name = type(value).__qualname__
                found = _address(value) if held is None else [name, self.of(_told(held, value))]
        return found

    def _collection(self, value: Any) -> Any:
        if len(value) > _MOST:
            return [_address(value), len(value)]
        match value:
            case Mapping():
                return sorted([repr(key), self.of(each)] for key, each in value.items())
            case Set():
                return sorted(str(self.of(each)) for each in value)
        return [self.of(each) for each in value]

    def _function(self, function: types.FunctionType) -> Any:
        name = f"{function.__module__}.{function.__qualname__}"
        if _of_library(function):
            cells: Any = []
        else:
            self.own = True
            cells = [_cell(each) for each in function.__closure__ or ()]
        own = {key: value for key, value in vars(function).items() if key not in _EXPORTED}
        given = (function.__defaults__, function.__kwdefaults__, own, cells)
        return [name, _code(function.__code__), *map(self.of, given)]

    def _layer(self, layer: Any, forgotten: Set[str]) -> Any:
        kind = type(layer)
        own = not _of_library(layer)
        self.own = self.own or own
        attributes = {
            key: each
            for key, each in vars(layer).items()
            if key not in _KEPT
            and key not in _bare()
            and key not in forgotten
            and not key.startswith("_self_")
            and (own or not key.startswith("_"))
        }
        words = layer.get_vocabulary() if hasattr(layer, "get_vocabulary") else None
        shown = _told(attributes, layer) if not own else attributes
        return [kind.__qualname__, self.of(shown), self.of(words)]


def _told(attributes: Mapping[str, Any], owner: Any) -> dict[str, Any]:
    """Return the attributes of an object that count; Keras' own keep much besides."""
    if not _of_library(owner):
        return dict(attributes)
    return {
        key: each
        for key, each in attributes.items()
        if key.startswith(("_fn", *ascii_letters))
        and not isinstance(each, keras.Variable | keras.Initializer)
    }


@functools.cache
def _bare() -> frozenset[str]:
    """Return the attributes that every layer and model has, whatever it computes."""
    model = keras.Sequential(
        [keras.Input((1,), name="c"), keras.layers.Dense(1, name="a")], name="b"
    )
    model.compile("sgd", "mse")
    return frozenset({*vars(keras.Layer(name="a")), *vars(keras.Model(name="a")), *vars(model)})


def _module(value: Any) -> str:
    """Return the module of a function, or of an object's class."""
    owner = value if isinstance(value, types.FunctionType) else type(value)
    return owner.__module__ or ""


def _of_library(value: Any) -> bool:
    return _module(value).partition(".")[0] in _LIBRARIES


def _cell(cell: Any) -> Any:
    try:
        return cell.cell_contents
    except ValueError:  # a variable that is set later
        return None


def _code(code: types.CodeType) -> str:
    """Return a digest of what a function does, as far as its own text says."""
    digest = hashlib.sha256(code.co_code)
    for part in _parts(code):
        digest.update(part.encode())
    return f"@{digest.hexdigest()[:16]}"


def _parts(code: types.CodeType) -> Iterator[str]:
    yield repr((code.co_names, code.co_varnames, code.co_freevars))
    for each in code.co_consts:
        yield _code(each) if isinstance(each, types.CodeType) else repr(each)


def _array(value: Any) -> Any:
    try:
        array = np.asarray(value)
    except Exception:  # a symbolic tensor has no value yet
        return _address(value)
    if array.dtype.kind == "O" or array.nbytes > _LARGEST:
        return _address(value)
    digest = hashlib.sha256(array.tobytes()).hexdigest()[:16]
    return [str(array.dtype), list(array.shape), f"@{digest}"]


def _address(value: Any) -> str:
    return f"{type(value).__qualname__}@{id(value):x}"
