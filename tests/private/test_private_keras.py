"""Canaries: searchlab's touches of Keras' private parts work and are still needed."""

import json
import threading

import numpy as np
import pytest
from exported import exported

from searchlab.private import keras as private

pytestmark = pytest.mark.keras


def functional():
    """Return a functional model that uses one layer twice."""
    import keras

    layer = keras.layers.Dense(3, kernel_regularizer="l2")
    inputs = keras.Input((3,))
    return keras.Model(inputs, layer(layer(inputs)))


def compiled(**arguments):
    model = functional()
    model.compile(**{"optimizer": "sgd", "loss": "mse", **arguments})
    return model


def test_exports_are_found():
    """The search for public names finds one."""
    import keras

    assert "keras.layers.Dense" in exported("keras", keras.layers.Dense)


def test_reset_names():
    """Keras numbers names; this restarts the count, and the public way affects other threads."""
    import keras
    from keras.src.backend.common import global_state
    from keras.src.utils.naming import reset_uids

    private.reset_names()
    names = [keras.metrics.AUC().name for _ in range(2)]
    private.reset_names()
    assert [*names, keras.metrics.AUC().name] == ["auc", "auc_1", "auc"]
    assert exported("keras", reset_uids) == []
    begun, cleared, found = threading.Event(), threading.Event(), []

    def other():
        global_state.set_global_attribute("canary", 1)
        begun.set()
        cleared.wait(60)
        found.append(global_state.get_global_attribute("canary"))

    thread = threading.Thread(target=other)
    thread.start()
    begun.wait(60)
    keras.utils.clear_session(free_memory=False)
    cleared.set()
    thread.join()
    assert found == [None]


def test_shuffled_batches():
    """The rows come in the order in which `fit` takes them, whatever the size of a batch."""
    import keras
    from keras.src.trainers.data_adapters.array_data_adapter import ArrayDataAdapter

    class Seen(keras.Sequential):
        def train_step(self, data):
            seen.extend(np.asarray(data[0]).ravel().tolist())
            return super().train_step(data)

    seen: list[float] = []
    model = Seen([keras.Input((1,)), keras.layers.Dense(1)])
    model.compile("sgd", "mse", run_eagerly=True)
    rows = np.arange(20.0).reshape(-1, 1)
    keras.utils.set_random_seed(7)
    model.fit(rows, rows, batch_size=8, verbose=0)
    keras.utils.set_random_seed(7)
    (order,) = private.shuffled_batches(np.arange(20), 20)
    assert seen == np.asarray(order).tolist() != sorted(seen)
    assert exported("keras", ArrayDataAdapter) == []


def test_all_layers():
    """A layer inside a user's own layer is included, but not in `layers`."""
    import keras

    class Own(keras.layers.Layer):
        def __init__(self):
            super().__init__()
            self.inner = keras.layers.Dense(2)

    own = Own()
    model = keras.Sequential([own])
    inner = own.inner
    assert any(each is inner for each in private.all_layers(model))
    assert not any(each is inner for each in model.layers)
    assert not hasattr(model, "flatten_layers")


def test_is_functional():
    """Only `keras.Model(inputs, outputs)` is, whose class has no public name."""
    import keras

    model = functional()

    class Functional(keras.Model):
        """A name alone says nothing."""

    assert private.is_functional(model)
    others = [keras.Sequential(), Functional(model.inputs, model.outputs)]
    assert not any(map(private.is_functional, others))
    assert exported("keras", type(model)) == []


def test_made_tensors():
    """Both outputs of a shared layer are found; the public `output` is only its first call's."""
    model = functional()
    layer = model.layers[-1]
    made = {id(each) for each in private.made_tensors(layer)}
    assert len(made) == 2
    assert id(model.outputs[0]) in made
    assert layer.output is not model.outputs[0]


def test_run_graph():
    """Each layer is called with its inputs and arguments, in both kinds of models."""
    import keras

    x = np.ones((2, 3), np.float32)
    shared = functional()
    layer = keras.layers.Dropout(0.5)
    inputs = keras.Input((3,))
    chosen = keras.Model(inputs, layer(inputs, training=True))
    chain = keras.Sequential([keras.Input((3,)), keras.layers.ReLU(), keras.layers.Dense(3)])
    for model, wanted in ((shared, ["dense"] * 2), (chain, ["relu", "dense"]), (chosen, [None])):
        called = []

        def call(layer, *given, called=called, **options):
            called.append((type(layer).__name__.lower(), options))
            return layer(*given, **options)

        found = private.run_graph(model, x, call)
        assert found.shape == (2, 3)
        if wanted == [None]:
            assert called == [("dropout", {"training": True})]
        else:
            assert [name for name, _ in called] == wanted
            np.testing.assert_array_equal(found, model(x))
        assert not any(hasattr(model, name) for name in ("functional", "run_through_graph"))


def test_compiled_arguments():
    """A loss given as a function is the function; in the public configuration it is a name."""

    def loss(y, predicted):
        return (y - predicted) ** 2

    model = compiled(loss=loss)
    assert private.compiled_arguments(model)["loss"] is loss
    assert model.get_compile_config()["loss"] is not loss


def test_compiled_loss():
    """It is a batch's mean by the rows' weights; the public one includes penalties."""
    model = compiled()
    y, predicted, w = np.ones((2, 3)), np.array([[1.0] * 3, [3.0] * 3]), np.array([1.0, 0.5])
    assert float(private.compiled_loss(model, y, predicted, w)) == pytest.approx(1.0)
    assert float(model.compute_loss(None, y, predicted, w)) > 1.0
    assert not hasattr(model, "compile_loss")


def test_compiled_losses():
    """A loss given by its name, and its weight, are there once it has been computed."""
    model = compiled(loss=["mse"], loss_weights=[0.5])
    private.compiled_loss(model, np.ones((2, 3)), np.ones((2, 3)), None)
    [(loss, weight)] = private.compiled_losses(model)
    np.testing.assert_allclose(loss.call(np.zeros((2, 3)), np.ones((2, 3))), [1.0, 1.0])
    assert weight == 0.5
    assert model.loss == ["mse"]


def test_logits_of_and_with_logits():
    """A crossentropy is that of the logits that outputs note, where those are saturated."""
    import keras
    import tensorflow as tf

    logits, target = tf.constant([[40.0]]), tf.zeros([1, 1])
    outputs = keras.activations.sigmoid(logits)
    assert private.logits_of(outputs) is logits
    bare = tf.identity(outputs)
    assert private.logits_of(bare) is None
    found = keras.losses.binary_crossentropy(target, private.with_logits(bare, logits))
    np.testing.assert_allclose(found, [40.0], rtol=1e-6)
    assert float(keras.losses.binary_crossentropy(target, tf.identity(outputs))[0]) < 30


def test_averaged():
    """A metric that is a mean over rows gives their values; others, also of its kind, do not."""
    import keras

    class Own(keras.metrics.MeanAbsoluteError):
        def result(self):
            return super().result() + 1

    function = private.averaged(keras.metrics.MeanSquaredError())
    np.testing.assert_allclose(function(np.zeros((2, 3)), np.full((2, 3), 2.0)), [4.0, 4.0])
    others = [Own(), keras.metrics.RootMeanSquaredError(), keras.metrics.AUC()]
    assert [private.averaged(each) for each in others] == [None] * 3
    assert not hasattr(keras.metrics.MeanSquaredError(), "fn")


def test_loss_tracker():
    """It is the metric that `fit` reports as the loss; a user's metric may have the same name."""
    import keras

    model = compiled(metrics=[keras.metrics.MeanAbsoluteError(name="loss")])
    model.train_on_batch(np.ones((2, 3)), np.ones((2, 3)))
    tracker = private.loss_tracker(model)
    assert float(tracker.result()) > 0
    assert model.metrics[0] is tracker
    assert not hasattr(model, "loss_tracker")


def test_compiled_metrics():
    """Rows can be masked out of both kinds; the public way gives one of them no weights."""
    model = compiled(metrics=["mae"], weighted_metrics=["mse"])
    model.train_on_batch(np.ones((2, 3)), np.ones((2, 3)))
    y, predicted, w = np.array([[1.0] * 3, [3.0] * 3]), np.zeros((2, 3)), np.array([1, 0])

    def results():
        values = model.get_metrics_result()
        return float(values["mae"]), float(values["mse"])

    model.reset_metrics()
    model.compute_metrics(None, y, predicted, w)
    assert results() == (2.0, 1.0)
    model.reset_metrics()
    found = list(private.compiled_metrics(model))
    for metric, _ in found:
        metric.update_state(y, predicted, sample_weight=w)
    assert results() == (1.0, 1.0)
    assert [weighted for _, weighted in found] == [False, True]
    assert list(private.compiled_metrics(functional())) == []
    assert not hasattr(model, "compile_metrics")


def test_trained_variables():
    """They are those that it was built for, in order, and none of its public `variables`."""
    model = compiled()
    model.optimizer.build(model.trainable_variables)
    own = {id(each) for each in model.optimizer.variables}
    found = private.trained_variables(model.optimizer)
    assert [id(each) for each in found] == [id(each) for each in model.trainable_variables]
    assert not own & {id(each) for each in found}
    assert not hasattr(model.optimizer, "trainable_variables")


def test_is_decayed():
    """An excluded variable is not, and nothing public says so."""
    import keras

    optimizer = keras.optimizers.AdamW(weight_decay=0.1)
    variables = [keras.Variable(np.ones(2)) for _ in range(2)]
    optimizer.exclude_from_weight_decay(var_list=variables[1:])
    optimizer.build(variables)
    assert [private.is_decayed(optimizer, each) for each in variables] == [True, False]
    assert not hasattr(optimizer, "use_weight_decay")


def test_without_advice():
    """Keras' message about a layer that it cannot save is cut before its advice."""
    import keras

    class Own(keras.layers.Layer):
        def __init__(self, units):
            super().__init__()

    with pytest.raises(NotImplementedError) as caught:
        keras.saving.serialize_keras_object(Own(object()))
    message = " ".join(str(caught.value).split())
    assert message.startswith(private.without_advice(message))
    assert len(private.without_advice(message)) < len(message)


@pytest.mark.parametrize(
    ("activation", "told"), [(lambda x: x * 2, True), ("nothing_of_the_kind", False)]
)
def test_innermost_and_tells_of_lambda(activation, told):
    """Of a model that Keras cannot load, the last reason is left, and a lambda is recognised."""
    import keras

    dense = keras.layers.Dense(1, activation=activation if told else "relu")
    model = keras.Sequential([keras.Input((2,)), dense])
    saved = json.loads(json.dumps(keras.saving.serialize_keras_object(model)))
    if not told:
        saved["config"]["layers"][1]["config"]["activation"] = activation
    with pytest.raises((TypeError, ValueError)) as caught:
        keras.saving.deserialize_keras_object(saved)
    message = " ".join(str(caught.value).split())
    reason = private.innermost(message)
    assert reason.startswith("Could not interpret activation function identifier: ")
    assert private.tells_of_lambda(reason) == told


def test_tells_of_lambda_of_a_layer():
    """A Lambda layer is refused in safe mode with its name."""
    import keras

    layer = keras.layers.Lambda(lambda x: x * 2)
    saved = keras.saving.serialize_keras_object(layer)
    with pytest.raises((TypeError, ValueError)) as caught:
        keras.saving.deserialize_keras_object(saved, safe_mode=True)
    assert private.tells_of_lambda(private.innermost(" ".join(str(caught.value).split())))


def test_the_inputs_of_a_functional_model_are_known_by_no_public_name():
    """`Model.inputs` is flat, and Keras refuses a list where the model was made with a dict."""
    import keras

    wide, deep = keras.Input((2,), name="wide"), keras.Input((3,), name="deep")
    both = keras.layers.concatenate([wide, deep])
    model = keras.Model({"wide": wide, "deep": deep}, keras.layers.Dense(1)(both))
    assert set(private.input_structure(model)) == {"wide", "deep"}
    assert isinstance(model.inputs, list)
    with pytest.raises(ValueError, match="structure of `inputs`"):
        model([np.ones((1, 3)), np.ones((1, 2))])
    assert private.input_structure(keras.Sequential()) is None


def test_compared_outputs():
    """Each metric comes with the target and the output of its own; a public way has no weights."""
    import keras

    x = keras.Input((2,))
    outputs = {name: keras.layers.Dense(1, name=name)(x) for name in ("b", "a")}
    model = keras.Model(x, outputs)
    model.compile("sgd", {"a": "mse", "b": "mse"}, metrics={"b": ["mae"]})
    y = {"a": np.zeros((3, 1)), "b": np.ones((3, 1))}
    [(metric, target, output)] = private.compared_outputs(model, y, {"a": "a's", "b": "b's"})
    assert metric.metrics[0].name == "mae"
    assert target is y["b"]
    assert output == "b's"
    assert [each.name for each in model.metrics] != ["mae"]  # nothing says which output it is of
