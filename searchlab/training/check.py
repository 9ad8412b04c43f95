"""The check of a model factory before trial 0, so that a mistake costs seconds, not a study."""

from __future__ import annotations

import inspect
import json
import random
from collections.abc import Hashable, Iterator, Sequence
from contextlib import contextmanager
from itertools import islice
from typing import Any

import keras
import numpy as np

from searchlab.core.domains import Choice, Float, Int, Params, Scalar
from searchlab.core.metrics import addable
from searchlab.core.space import SearchSpace
from searchlab.core.wording import params_text
from searchlab.data.prepared import PreparedData, open_data
from searchlab.errors import ModelError
from searchlab.factories.check import ambiguous, factory_problems
from searchlab.factories.find import call_factory, load_factory
from searchlab.journal.layout import study_data, variant_data
from searchlab.measure.added import add_metrics, takes_more
from searchlab.measure.form import loss_name
from searchlab.measure.goal import Goal
from searchlab.measure.meter import Meter, overrides
from searchlab.measure.of_classes import without_own
from searchlab.private.keras import without_advice
from searchlab.study.spec import StudySpec
from searchlab.training.build import arguments_of, feed_of
from searchlab.training.embeddings import check_embeddings
from searchlab.training.initial import copy_layers, initial_layers
from searchlab.training.job import Checked, CheckJob
from searchlab.training.own_callbacks import check_callbacks

_ROWS = 64
_MORE_POINTS = 30
_FITTING = {
    "regression": "mse",
    "binary": "binary_crossentropy",
    "multiclass": "sparse_categorical_crossentropy",
}


def check_model(job: CheckJob, data: PreparedData) -> Checked:
    """Build the study's model for one or two points of its space and try it on a few rows.

    If the data have params of the search, it is tried with each kind of input that these make.

    Raises:
        ModelError: with the factory's name, the problem and the remedy.
    """
    spec = job.spec
    for key, problem in factory_problems(spec.first, job.base):
        raise ModelError(f"{key}: {problem}")
    function = load_factory(spec.factory.factory, job.base)
    metrics = _try(function, spec.first, data)
    check_callbacks(spec.first, job.base, metrics)
    _check_initial(job, function, data)
    tried = [_kind(data)]
    for params in spec.variants[1:]:
        place = variant_data(study_data(job.data), spec.variant(params))
        if (kind := _kind(other := open_data(place))) in tried:
            continue
        tried.append(kind)
        try:
            _try(function, spec.settled(params), other)
        except ModelError as error:
            raise ModelError(f"with {params_text(params)}: {error}") from error
    return Checked(job.number)


def _kind(data: PreparedData) -> Hashable:
    """Return all that may decide whether a model takes the inputs and the target of some data."""
    sizes = tuple(data.meta.get("sizes", {}).items())
    return (
        data.summary.input_shape,
        str(data.summary.inputs),
        sizes,
        data.meta["scale"],
        bool(data.transform),
    )


def _try(function: Any, spec: StudySpec, data: PreparedData) -> list[str]:
    """Build a model, and reject one that cannot be trained on some of the rows, or be saved.

    Returns:
        The names of its metrics.
    """
    name = spec.factory.factory
    _check_arguments(function, spec)
    model = _built(function, spec, data)
    if not isinstance(model, keras.Model):
        hint = ": end it with `return model`" if model is None else ""
        raise ModelError(f"{name} returned {type(model).__name__}, not a Keras model{hint}")
    if not model.compiled:
        raise ModelError(f"{name} returned a model that is not compiled: call model.compile in it")
    rows = data.unseen("train", slice(_ROWS))
    with _blaming(name, data):
        feed = feed_of(model, data)
    check_embeddings(name, model, data)
    with _blaming(name, data):
        predicted = model(feed(rows.x))
    with _blaming(name, data):
        goal = Goal.of(model, feed, len(data.summary.classes), data.summary.outputs)
    for loss, output in zip(goal.losses, keras.tree.flatten(predicted), strict=True):
        _check_loss(name, loss_name(loss), output, data)
        _check_shape(name, model, loss, output)
    _check_own_ways(name, model, data)
    add_metrics(model, spec.named_metrics, len(data.summary.classes))
    model.run_eagerly = True  # compiling takes a second and does not pay off for one batch
    with _blaming(name, data):
        metrics = Meter(model, goal, data.transform, _ROWS, feed)(rows)
        model.train_on_batch(feed(rows.x), goal.array(np.asarray(rows.t)))
    more = addable(len(data.summary.classes)) if takes_more(model) else ()
    _check_metrics(name, list(metrics), more, spec)
    without_own(model)
    _check_saved(name, model)
    return list(metrics)


def _check_arguments(function: Any, spec: StudySpec) -> None:
    """Reject params of which nobody can tell what they are for, and optimizers with wrong ones."""
    known = list(inspect.signature(function).parameters)
    for key, problem in ambiguous(spec.factory.factory, known, spec):
        raise ModelError(f"{key}: {problem}")
    for point in alternatives(spec.search_space):
        arguments_of(function, spec, point)


def _check_shape(name: str, model: Any, loss: Any, predicted: Any) -> None:
    """Reject outputs of several values a row, to which a loss of Keras' would stretch the target.

    A model may have steps of its own in which its inputs are the target, or a loss of its own.
    """
    shape = tuple(predicted.shape[1:])
    own = overrides(model, "train_step", "compute_loss") or not loss_name(loss)
    if len(shape) > 1 and not own:
        raise ModelError(
            f"{name}: its output has the shape {shape} a row, and the target is one value a row: "
            "end it with one (return_sequences=False in the last recurrent layer, or Flatten)"
        )


def _check_own_ways(name: str, model: Any, data: PreparedData) -> None:
    """Reject a model whose metrics could not be had in the target's own units."""
    own = [each for each in ("test_step", "evaluate") if overrides(model, each)]
    if data.transform and own:
        raise ModelError(
            f"{name}'s model overrides {own[0]}, so its metrics would be of the transformed target "
            f"({data.transform}): write target_transform: none in data"
        )


def _check_saved(name: str, model: Any) -> None:
    """Reject a model that Keras could not save at the end of the study."""
    try:
        json.dumps(keras.saving.serialize_keras_object(model))
    except Exception as error:
        reason = without_advice(" ".join(str(error).split()))[:300]
        raise ModelError(
            f"{name} returned a model that Keras cannot save ({type(error).__name__}: {reason}): "
            "give each class of yours a get_config from which it can be made again"
        ) from error


def probes(space: SearchSpace) -> Iterator[Params]:
    """Yield two points of a space: the low end of each param, and its middle."""
    for place in (0.0, 0.5):
        yield space.active({name: _at(domain, place) for name, domain in space})


def alternatives(space: SearchSpace) -> Iterator[Params]:
    """Yield the middle of a space, and the same with each other value of each choice."""
    middle = {name: _at(domain, 0.5) for name, domain in space}
    seen: list[Params] = []
    others = [(name, each) for name, domain in space for each in _values(domain)]
    for changed in ({}, *({name: each} for name, each in others)):
        point = space.active({**middle, **changed})
        if point not in seen:
            seen.append(point)
            yield point


def _values(domain: Int | Float | Choice) -> tuple[Scalar, ...]:
    return domain.values if isinstance(domain, Choice) else ()


def _at(domain: Int | Float | Choice, place: float) -> Scalar:
    match domain:
        case Choice():
            return domain.values[int(place * len(domain.values))]
        case Int():
            return domain.low + int(place * (domain.high - domain.low)) // domain.step * domain.step
        case Float(step=float(step)):
            values = round((domain.high - domain.low) / step) + 1
            return float(domain.low + int(place * values) * step)
        case Float():
            return float(domain.low + place * (domain.high - domain.low))


def _built(function: Any, spec: StudySpec, data: PreparedData) -> Any:
    """Build a model; if the factory fails with some params, try others."""
    given = {"input_shape": data.summary.given_shape, "meta": data.meta}
    first: Exception | None = None
    for params in probes(spec.search_space):
        try:
            return call_factory(function, arguments_of(function, spec, params), given)
        except Exception as error:
            first = first or error
    assert first is not None  # noqa: S101 - there is at least one probe
    params = next(probes(spec.search_space))
    shown = ", ".join(f"{key}={value!r}" for key, value in params.items())
    raise ModelError(
        f"{spec.factory.factory} failed with {shown}: {type(first).__name__}: "
        f"{' '.join(str(first).split())}{_line(first, function)}"
    ) from first


def _check_initial(job: CheckJob, function: Any, data: PreparedData) -> None:
    """Reject initial weights that fit none of the sampled points of the space."""
    layers = initial_layers(job)
    given = {"input_shape": data.summary.given_shape, "meta": data.meta}
    misfits: list[ModelError] = []
    for params in _points(job.spec.first.search_space) if layers else ():
        try:
            model = call_factory(function, arguments_of(function, job.spec, params), given)
            feed_of(model, data)
            copy_layers(layers, model)
            return
        except ModelError as error:
            misfits.append(error)
        except Exception:  # noqa: S112 - the trial itself will report params that fail
            continue
    if misfits:
        raise misfits[0]


def _points(space: SearchSpace) -> Iterator[Params]:
    """Yield the probes of a space and more points, because widths and depths must fit together."""
    yield from probes(space)
    yield from islice(points(space), _MORE_POINTS)


def points(space: SearchSpace) -> Iterator[Params]:
    """Yield points from all over a space without end, the same ones each time."""
    places = random.Random(1)  # noqa: S311 - points, not secrets
    while True:
        yield space.active({name: _at(domain, places.random()) for name, domain in space})


def _line(error: Exception, function: Any) -> str:
    """Return the line of the factory's file that raised an error, or an empty string."""
    file = getattr(getattr(function, "__code__", None), "co_filename", None)
    line, place = None, error.__traceback__
    while place is not None:
        if place.tb_frame.f_code.co_filename == file:
            line = place.tb_lineno
        place = place.tb_next
    return "" if line is None else f" (line {line} of the factory's file)"


def _check_loss(name: str, loss: str, predicted: Any, data: PreparedData) -> None:
    """Reject a known loss that does not fit the target; unknown losses are only tried."""
    task = data.summary.task
    fitting = _FITTING[task]
    units = predicted.shape[-1]
    crossentropy = "crossentropy" in loss
    if task == "regression" and crossentropy:
        raise ModelError(f"{name}: loss {loss} does not fit a continuous target: use {fitting!r}")
    classes = len(data.summary.classes)
    if task == "multiclass" and (loss == "binary_crossentropy" or (units == 1 and loss in _MEANS)):
        raise ModelError(f"{name}: loss {loss} does not fit {classes} classes: use {fitting!r}")
    if task != "regression" and loss in _UNITS and units < classes:
        other = " (or 1 unit, loss 'binary_crossentropy')" if task == "binary" else ""
        raise ModelError(
            f"{name}: the last layer has {units} units for {classes} classes: give it {classes} "
            f"units with a softmax{other}"
        )
    one_number = task == "regression" or loss == "binary_crossentropy"
    if one_number and len(predicted.shape) > 1 and units != 1:
        raise ModelError(
            f"{name}: the last layer has {units} units, but the target is one number a row: give "
            "it 1 unit"
        )


_UNITS = ("sparse_categorical_crossentropy", "categorical_crossentropy")
_MEANS = ("mse", "mean_squared_error", "mae", "mean_absolute_error", "huber", "msle")


@contextmanager
def _blaming(name: str, data: PreparedData) -> Iterator[None]:
    """Turn Keras' errors about a model that does not fit its data into one line."""
    try:
        yield
    except ModelError as error:
        raise ModelError(f"{name}: {error}") from error
    except Exception as error:
        reason = " ".join(str(error).split())[:300]
        raise ModelError(
            f"{name}: its model cannot be trained on rows of shape {data.summary.given_shape} "
            f"with a {data.summary.task} target: {type(error).__name__}: {reason}"
        ) from error


def _check_metrics(name: str, metrics: Sequence[str], more: Sequence[str], spec: StudySpec) -> None:
    wanted = {"objective.metric": spec.objective.metric}
    if spec.training.early_stopping is not None:
        wanted["training.early_stopping.monitor"] = spec.training.early_stopping.monitor
    for key, metric in wanted.items():
        if (plain := metric.removeprefix("val_")) not in metrics:
            known = ", ".join(f"val_{each}" for each in metrics)
            others = [f"val_{each}" for each in more if each not in metrics]
            gets = f", and gets any of {', '.join(others)} if named" if others else ""
            raise ModelError(
                f"{key}: {name}'s model has no metric {metric}; it has {known}{gets}: name one of "
                f"these, or compile the model with {plain}"
            )
