"""Model factories as people write them, good and bad."""

import keras
from keras import layers


def book(n_hidden=1, n_neurons=30, learning_rate=3e-3, input_shape=[8]):  # noqa: B006 - as in books
    model = keras.models.Sequential()
    model.add(layers.InputLayer(shape=input_shape))
    for _ in range(n_hidden):
        model.add(layers.Dense(n_neurons, activation="relu"))
    model.add(layers.Dense(1))
    model.compile(loss="mse", optimizer=keras.optimizers.SGD(learning_rate=learning_rate))
    return model


def scikeras_style(meta, n_neurons, learning_rate=0.01, n_hidden=1):
    model = keras.Sequential([keras.Input((meta["n_features_in_"],)), layers.Dense(n_neurons)])
    model.add(layers.Dense(meta["n_classes_"], activation="softmax"))
    model.compile(loss="sparse_categorical_crossentropy", optimizer="adam", metrics=["accuracy"])
    return model


class Subclassed(keras.Model):
    def __init__(self, n_neurons, **settings):
        super().__init__(**settings)
        self.n_neurons = n_neurons
        self.hidden, self.out = (
            layers.Dense(n_neurons, activation="relu"),
            layers.Dense(3, "softmax"),
        )

    def call(self, x):
        return self.out(self.hidden(x))

    def get_config(self):
        return {**super().get_config(), "n_neurons": self.n_neurons}


def subclassed(n_hidden, n_neurons, learning_rate):
    model = Subclassed(n_neurons)
    model.compile(
        loss="sparse_categorical_crossentropy", optimizer=keras.optimizers.Adam(learning_rate)
    )
    return model


def everything(**params):
    return classes(3)


def picky(n_hidden, n_neurons, learning_rate):
    if n_hidden == 0:
        raise ValueError("at least one hidden layer")
    return classes(3)


def classes(units=3, loss="sparse_categorical_crossentropy", **settings):
    model = keras.Sequential([layers.Dense(units, "softmax" if units > 1 else "sigmoid")])
    model.compile(loss=loss, optimizer="sgd", **settings)
    return model


def not_compiled(n_hidden, n_neurons, learning_rate):
    return keras.Sequential([layers.Dense(3)])


def forgot_return(n_hidden, n_neurons, learning_rate):
    classes(3)


def returns_text(n_hidden, n_neurons, learning_rate):
    return "model"


def one_hot(n_hidden, n_neurons, learning_rate):
    return classes(3, "categorical_crossentropy")


def two_units(n_hidden, n_neurons, learning_rate):
    return classes(2)


def squared(n_hidden, n_neurons, learning_rate):
    return classes(1, "mse")


def binary_for_three(n_hidden, n_neurons, learning_rate):
    return classes(1, keras.losses.BinaryCrossentropy())


def crossentropy(n_hidden, n_neurons, learning_rate):
    return classes(1, "binary_crossentropy")


def categorical_crossentropy(y_true, y_pred):
    """A working loss with the name of a Keras loss that does not fit class numbers."""
    return keras.losses.sparse_categorical_crossentropy(y_true, y_pred)


def own_loss(n_hidden, n_neurons, learning_rate):
    return classes(3, categorical_crossentropy)


def two_numbers(n_hidden, n_neurons, learning_rate):
    model = keras.Sequential([layers.Dense(2)])
    model.compile(loss="mse", optimizer="sgd")
    return model


def two_outputs(n_hidden, n_neurons, learning_rate, input_shape):
    x = keras.Input(input_shape)
    model = keras.Model(x, [layers.Dense(3)(x), layers.Dense(3)(x)])
    model.compile(loss="sparse_categorical_crossentropy", optimizer="sgd")
    return model


def two_inputs(n_hidden, n_neurons, learning_rate):
    wide, deep = keras.Input((2,), name="wide"), keras.Input((4,), name="deep")
    model = keras.Model([wide, deep], layers.Dense(3)(layers.concatenate([wide, deep])))
    model.compile(loss="sparse_categorical_crossentropy", optimizer="sgd")
    return model


def wrong_shape(n_hidden, n_neurons, learning_rate):
    model = keras.Sequential([keras.Input((99,)), layers.Dense(3, "softmax")])
    model.compile(loss="sparse_categorical_crossentropy", optimizer="sgd")
    return model


def buggy(n_hidden, n_neurons, learning_rate):
    return layers.Dens(3)  # misspelled on purpose


class Unsavable(keras.Model):
    def __init__(self, units):
        super().__init__()
        self.head = layers.Dense(units, "softmax")

    def call(self, x):
        return self.head(x)


def unsavable(n_hidden, n_neurons, learning_rate):
    model = Unsavable(3)
    model.compile("sgd", "sparse_categorical_crossentropy", metrics=["accuracy"])
    return model


def hypermodel(hp):
    return classes(hp.Int("n_neurons", 1, 9))


def needs_more(n_hidden, n_neurons, learning_rate, width):
    return classes(width)


def fewer(n_hidden, learning_rat):
    return classes(3)


def whole_sequence(n_hidden, n_neurons, learning_rate):
    """Forget that the last recurrent layer is to return its last state alone."""
    units = layers.SimpleRNN(2, return_sequences=True)
    return regression([layers.Reshape((10, 1)), units, layers.Dense(1)])


def picture(n_hidden, n_neurons, learning_rate):
    """Return the input again, as an autoencoder does, without saying that it is the target."""
    return regression([layers.Dense(10), layers.Reshape((5, 2, 1))])


def regression(parts):
    model = keras.Sequential(parts)
    model.compile(loss="mse", optimizer="sgd")
    return model
