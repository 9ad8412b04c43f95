"""Construction of a job's model by its factory."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import Any

import keras

from searchlab.core.domains import Params
from searchlab.core.wording import params_text
from searchlab.data.prepared import PreparedData
from searchlab.errors import ModelError
from searchlab.factories.find import call_factory, load_factory
from searchlab.measure.added import add_metrics
from searchlab.measure.feed import Feed
from searchlab.measure.goal import Goal
from searchlab.measure.meter import Meter
from searchlab.private.keras import reset_names
from searchlab.study.routing import OPTIMIZER
from searchlab.study.spec import StudySpec
from searchlab.training.checkpoint import Checkpoint, restore
from searchlab.training.initial import copy_layers, initial_layers
from searchlab.training.job import BaselineJob, TrainingJob


def build(job: TrainingJob | BaselineJob, data: PreparedData) -> Any:
    """Build a job's model, seeded, by calling the study's factory.

    If the study has initial weights, they are copied into the first layers. The model gets the
    metrics that the study names and the factory does not compile it with.

    Raises:
        ModelError: if the factory cannot be imported, or the initial weights do not fit.
        Exception: whatever the factory raises.
    """
    function = load_factory(job.spec.factory.factory, job.base)
    layers = initial_layers(job)  # before seeding, because it may load a model
    reset_names()
    keras.utils.set_random_seed(job.trial.seed)
    given = {"input_shape": data.summary.given_shape, "meta": data.meta}
    params = arguments_of(function, job.spec, job.trial.suggestion.params)
    model = call_factory(function, params, given)
    if layers:
        feed_of(model, data)
        copy_layers(layers, model)
    if isinstance(model, keras.Model) and model.compiled:
        add_metrics(model, job.spec.named_metrics, len(data.summary.classes))
    return model


def arguments_of(function: Callable[..., Any], spec: StudySpec, params: Params) -> dict[str, Any]:
    """Return the arguments of a study's factory for a trial's params.

    Params such as `optimizer__momentum` make the optimizer that it is given as `optimizer`.

    Raises:
        ModelError: if there is no such optimizer, or it lacks one of these settings.
    """
    found = spec.arguments(params)
    settings = {
        name.removeprefix(OPTIMIZER): found.pop(name) for name in spec.arguments(params)
        if name.startswith(OPTIMIZER)
    }  # fmt: skip
    if not settings:
        return found
    default = inspect.signature(function).parameters.get("optimizer")
    name = found.get("optimizer", None if default is None else default.default)
    if not isinstance(name, str):
        raise ModelError(
            f"the settings {', '.join(settings)} are for an optimizer that has no name: add "
            "optimizer to space or model.params, such as optimizer: {choice: [sgd, adam]}"
        )
    try:
        found["optimizer"] = keras.optimizers.get({"class_name": name, "config": settings})
    except Exception as error:
        only = " ".join(str(error).split())[:200]
        raise ModelError(
            f"the optimizer {name} does not take {params_text(settings)} ({only}): if the setting "
            "is for another one, give its param when: {param: optimizer, in: [...]}"
        ) from error
    return found


def feed_of(model: Any, data: PreparedData) -> Feed:
    """Return the form in which a model takes rows; create its weights if it has none yet.

    Raises:
        ModelError: if the model's inputs are not those of the study.
    """
    summary = data.summary
    return Feed.of(model, summary.input_shape, summary.inputs, text=summary.raw_text)


def meter_of(model: Any, job: TrainingJob | BaselineJob, data: PreparedData) -> Meter:
    """Return what measures a job's compiled model on unseen rows; create its weights if needed."""
    feed = feed_of(model, data)
    goal = Goal.of(model, feed, len(data.summary.classes), data.summary.outputs)
    return Meter(model, goal, data.transform, job.spec.training.batch_size, feed)


def make_variables(model: Any, data: PreparedData) -> None:
    """Create the variables of a compiled model and its optimizer if they have none yet."""
    feed_of(model, data)
    model.optimizer.build(model.trainable_variables)


def take_over(model: Any, checkpoint: Checkpoint, data: PreparedData) -> None:
    """Copy another training's weights and optimizer state into a model.

    Raises:
        ModelError: if they do not fit the model.
    """
    make_variables(model, data)
    restore(model, checkpoint)
