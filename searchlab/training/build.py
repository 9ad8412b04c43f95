"""A job's model, as its factory builds it."""

from __future__ import annotations

from typing import Any

import keras

from searchlab.data.prepare import PreparedData
from searchlab.factories.find import call_factory, load_factory
from searchlab.private.keras import reset_names
from searchlab.training.checkpoint import Checkpoint, restore
from searchlab.training.initial import copy_layers, initial_layers
from searchlab.training.job import BaselineJob, TrainingJob


def build(job: TrainingJob | BaselineJob, data: PreparedData) -> Any:
    """Builds a job's model, seeded, by calling the study's factory.

    If the study wants initial weights, its first layers have them.

    Raises:
        ModelError: if the factory cannot be imported, or the initial weights do not fit.
        Exception: whatever the factory raises.
    """
    function = load_factory(job.spec.factory.factory, job.base)
    params = {**job.spec.factory.params, **job.trial.suggestion.params}
    layers = initial_layers(job)  # before the seed, as it may load a model
    reset_names()
    keras.utils.set_random_seed(job.trial.seed)
    given = {"input_shape": data.summary.input_shape, "meta": data.meta}
    model = call_factory(function, params, given)
    if layers:
        make_weights(model, data)
        copy_layers(layers, model)
    return model


def make_weights(model: Any, data: PreparedData) -> None:
    """Lets a model make its weights, if it has none yet."""
    if not model.built:
        model(keras.Input(data.summary.input_shape))  # symbolic: for any number of rows, as in fit


def make_variables(model: Any, data: PreparedData) -> None:
    """Lets a compiled model and its optimiser make their variables, if they have none yet."""
    make_weights(model, data)
    model.optimizer.build(model.trainable_variables)


def take_over(model: Any, checkpoint: Checkpoint, data: PreparedData) -> None:
    """Gives a model another training's weights and the state of its optimiser.

    Raises:
        ModelError: if they do not fit the model.
    """
    make_variables(model, data)
    restore(model, checkpoint)
