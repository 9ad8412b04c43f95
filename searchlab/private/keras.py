"""Keras' private parts."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import partial
from typing import Any


def reset_names() -> None:
    """Count the names that Keras gives from the start again, as in a new process.

    Touches: `keras.src.utils.naming.reset_uids`, seen in Keras 3.15.1.
    Public: `keras.utils.clear_session` drops all of Keras' state, that of other threads and their
    trainings as well.
    Without it: an unnamed metric of each further model has another name (`auc_1`), so that logs of
    trials no longer have the objective's name.
    """
    from keras.src.utils.naming import reset_uids

    reset_uids()


def shuffled_batches(rows: Any, batch_size: int) -> Any:
    """Return the data set that `fit` makes of an array: shuffled, in batches.

    Touches: `keras.src.trainers.data_adapters.array_data_adapter.ArrayDataAdapter`, seen in
    Keras 3.15.1.
    Public: nothing tells the order in which `fit` takes rows.
    Without it: fused trainings see the rows in another order than `fit` shows them, and their
    results are others.
    """
    from keras.src.trainers.data_adapters.array_data_adapter import ArrayDataAdapter

    return ArrayDataAdapter(rows, batch_size=batch_size, shuffle=True).get_tf_dataset()


def all_layers(model: Any) -> Sequence[Any]:
    """Return a model, its layers, their layers, and so on.

    Touches: `Layer._flatten_layers`, seen in Keras 3.15.1.
    Public: `Model.layers` does not look inside of a layer of the user's own.
    Without it: names and penalties of nested layers are missed, so that models that differ in them
    share a program.
    """
    return model._flatten_layers()  # type: ignore[no-any-return]


def is_functional(model: Any) -> bool:
    """Tell whether a model was made as `keras.Model(inputs, outputs)`, and is of no subclass.

    Touches: `keras.src.models.functional.Functional`, seen in Keras 3.15.1.
    Public: the class is not exported; it is a `keras.Model` as any subclass is.
    Without it: the widths of functional models count as structure, and each has its own program.
    """
    from keras.src.models.functional import Functional

    return type(model) is Functional


def input_structure(model: Any) -> Any:
    """Return the inputs of a functional model as its function gave them, a list or a dict; or None.

    Touches: `Functional._inputs_struct`, seen in Keras 3.15.1.
    Public: `Model.inputs` is flat, and Keras refuses some calls with another structure.
    Without it: models that take a dict cannot be called.
    """
    return getattr(model, "_inputs_struct", None)


def made_tensors(layer: Any) -> Iterator[Any]:
    """Yield the symbolic tensors that a layer of a functional model has returned, in all calls.

    Touches: `Operation._inbound_nodes`, seen in Keras 3.15.1.
    Public: `Layer.output` is that of the first call only.
    Without it: a shared layer that makes the model's output counts as a hidden one and is widened.
    """
    for node in layer._inbound_nodes:
        yield from node.output_tensors


def run_graph(model: Any, x: Any, call: Callable[..., Any]) -> Any:
    """Run a Sequential or functional model of one input and output, layer by layer.

    Touches: `Sequential._functional` and `Function._run_through_graph`, seen in Keras 3.15.1.
    Public: nothing tells how the layers of a functional model are connected, but a configuration
    that is made for another purpose and written differently for each kind of argument.
    Without it: no model is computed for many slots at once, and programs take seconds to make.

    Args:
        model: a built model.
        x: its input.
        call: returns a layer's outputs; given the layer and the arguments that it is called with.
    """
    graph = getattr(model, "_functional", model)
    found = graph._run_through_graph([x], operation_fn=lambda layer: partial(call, layer))
    return found[0] if isinstance(found, list) else found


def compiled_arguments(model: Any) -> Mapping[str, Any]:
    """Return what a model's `compile` was called with.

    Touches: `Model._compile_config`, seen in Keras 3.15.1.
    Public: `Model.get_compile_config` has the names of the user's own functions in their place.
    Without it: baselines cannot be measured with a loss or metric of the user's own.
    """
    return model._compile_config.config  # type: ignore[no-any-return]


def compiled_loss(model: Any, y: Any, predicted: Any, weights: Any) -> Any:
    """Return the loss that a model was compiled with, of a batch: without any penalty.

    Touches: `Model._compile_loss`, seen in Keras 3.15.1.
    Public: `Model.compute_loss` adds the penalties of the model's own weights, which are not those
    of the training.
    Without it: there is no loss of a fused training.
    """
    return model._compile_loss(y, predicted, weights)


def compiled_losses(model: Any) -> Sequence[tuple[Any, float | None]]:
    """Return the losses that a model was compiled with, each with its weight.

    Touches: `CompileLoss._flat_losses`, seen in Keras 3.15.1.
    Public: `Model.loss` is what `compile` was given, names and functions among it.
    Without it: the rows of several slots cannot go through a loss together.

    Args:
        model: a compiled model whose loss has been computed before.
    """
    return [(each.loss, each.loss_weights) for each in model._compile_loss._flat_losses]


def logits_of(outputs: Any) -> Any:
    """Return what Keras' softmax or sigmoid was given to make some outputs, if it has noted that.

    Touches: `_keras_logits` of a tensor, seen in Keras 3.15.1.
    Public: nothing tells it; Keras' cross-entropies read it.
    Without it: a crossentropy within a loss of the user's own is that of clipped probabilities.
    """
    return getattr(outputs, "_keras_logits", None)


def with_logits(outputs: Any, logits: Any = None) -> Any:
    """Note what softmax or sigmoid was given to make some outputs; see `logits_of`.

    Touches: `_keras_logits` of a tensor, seen in Keras 3.15.1.
    Public: as there.
    Without it: as there.
    """
    if logits is not None:
        outputs._keras_logits = logits
    return outputs


def averaged(metric: Any) -> Callable[[Any, Any], Any] | None:
    """Return the function whose values, one a row, a metric averages; None if it does other things.

    Touches: `MeanMetricWrapper._fn` and `_fn_kwargs`, seen in Keras 3.15.1.
    Public: `update_state` adds up all rows, those of several slots as well.
    Without it: each metric is stacked by `tf.vectorized_map`, which takes long.
    """
    import keras

    kind, wrapper = type(metric), keras.metrics.MeanMetricWrapper
    if not isinstance(metric, wrapper):
        return None
    if kind.update_state is not wrapper.update_state or kind.result is not wrapper.result:
        return None
    return partial(metric._fn, **metric._fn_kwargs)


def loss_tracker(model: Any) -> Any:
    """Return the metric that averages a model's loss.

    Touches: `Model._loss_tracker`, seen in Keras 3.15.1.
    Public: it is in `Model.metrics`, but nothing says which one it is.
    Without it: the loss of a fused training's epoch is not that of Keras' logs.
    """
    return model._loss_tracker


def compiled_metrics(
    model: Any, y: Any = None, predicted: Any = None
) -> Iterator[tuple[Any, bool]]:
    """Yield a model's compiled metrics, and whether each takes the rows' weights.

    Touches: `Model._compile_metrics` with its `_flat_metrics` and `_flat_weighted_metrics`, and its
    `build` with its `built`, seen in Keras 3.15.1.
    Public: `Model.compute_metrics` takes the weights for the weighted metrics only, so rows cannot
    be masked out of the others, nor weighed in them.
    Without it: the metrics of fused trainings count the rows that fill up a batch, and weights do
    not count in `metrics`.

    Args:
        model: a compiled model.
        y: the target of some rows, if the metrics may never have been used before.
        predicted: the model's outputs for these rows.
    """
    compiled = model._compile_metrics
    if compiled is not None:
        if not compiled.built:
            compiled.build(y, predicted)
        yield from ((each, False) for each in compiled._flat_metrics if each is not None)
        yield from ((each, True) for each in compiled._flat_weighted_metrics if each is not None)


def compared_outputs(model: Any, y: Any, predicted: Any) -> Iterator[tuple[Any, Any, Any]]:
    """Yield a model's compiled metrics, each with the target and the output that it compares.

    Touches: `Model._compile_metrics` with its `_flat_metrics`, `_flat_weighted_metrics` and
    `_flatten_y`, and its `build` with its `built`, seen in Keras 3.15.1.
    Public: `Model.compute_metrics` takes the weights for the weighted metrics only.
    Without it: rows' weights do not count in `metrics` of models with several outputs.

    Args:
        model: a compiled model.
        y: the target of some rows, for each output.
        predicted: the model's outputs for these rows.
    """
    compiled = model._compile_metrics
    if compiled is None:
        return
    if not compiled.built:
        compiled.build(y, predicted)
    pairs = list(zip(compiled._flatten_y(y), compiled._flatten_y(predicted), strict=True))
    for metrics in (compiled._flat_metrics, compiled._flat_weighted_metrics):
        for metric, pair in zip(metrics, pairs, strict=True):
            if metric is not None:
                yield metric, *pair


def trained_variables(optimizer: Any) -> Sequence[Any]:
    """Return the variables that an optimiser was built for.

    Touches: `Optimizer._trainable_variables`, seen in Keras 3.15.1.
    Public: `Optimizer.variables` are the optimiser's own.
    Without it: nobody knows which variables weight decay reaches.
    """
    return optimizer._trainable_variables  # type: ignore[no-any-return]


def is_decayed(optimizer: Any, variable: Any) -> bool:
    """Tell whether an optimiser's weight decay reaches one of its variables.

    Keras asks of the `tf.Variable`, whose name ("dense/bias:0") is not the Keras variable's
    ("bias"), and remembers the first answer: with the other name, it would be its own, too.

    Touches: `Optimizer._use_weight_decay`, seen in Keras 3.15.1.
    Public: `Optimizer.exclude_from_weight_decay` sets what nothing tells.
    Without it: fused trainings decay variables that are excluded.
    """
    return bool(optimizer._use_weight_decay(variable.value))


def without_advice(message: str) -> str:
    """Cut off what Keras' message on an object that it cannot serialise advises.

    Touches: the words " Please implement" of that message, seen in Keras 3.15.1.
    Public: the error has nothing but its text.
    Without it: the message is longer, and gives advice that does not hold here.
    """
    return message.partition(" Please implement")[0]


def innermost(message: str) -> str:
    """Return the last of the messages that Keras nests in the one on a model it cannot load.

    Touches: the words "Exception encountered:" and "config={" of such messages, seen in Keras
        3.15.1.
    Public: the error has nothing but its text.
    Without it: the message is the model's whole configuration, and the reason is cut off.
    """
    last = message.rpartition("Exception encountered: ")[2]
    return last.partition(" config={")[0]


def tells_of_lambda(message: str) -> bool:
    """Tell whether Keras cannot load a model because of a lambda, or of code in its place.

    Touches: the name of the layer `Lambda`, and the key of a function's compiled code, in such
        messages, seen in Keras 3.15.1.
    Public: the error has nothing but its text.
    Without it: the message has no remedy.
    """
    return "lambda" in message.lower() or "{'value': ['4w" in message
