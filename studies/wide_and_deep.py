"""A wide and deep network for house prices, with an auxiliary output."""

import keras


def build_model(n_hidden=2, n_neurons=30, learning_rate=1e-3, auxiliary=0.1, *, input_shape):
    """Build a network of two inputs and two outputs (Cheng et al., "Wide & Deep Learning").

    The wide input goes straight to the main output, for simple rules; the deep one through hidden
    layers, for patterns. The auxiliary output makes the deep part learn something by itself.
    """
    wide = keras.Input(input_shape["wide"], name="wide")
    deep = keras.Input(input_shape["deep"], name="deep")
    hidden = deep
    for _ in range(n_hidden):
        hidden = keras.layers.Dense(n_neurons, activation="relu")(hidden)
    main = keras.layers.Dense(1, name="main")(keras.layers.concatenate([wide, hidden]))
    aux = keras.layers.Dense(1, name="aux")(hidden)
    model = keras.Model(inputs=[wide, deep], outputs=[main, aux])
    model.compile(
        loss=["mse", "mse"],
        loss_weights=[1 - auxiliary, auxiliary],
        metrics=[["mae"], ["mae"]],
        optimizer=keras.optimizers.Adam(learning_rate),
    )
    return model
