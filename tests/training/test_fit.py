"""One training: whole epochs in one call change nothing, and kept weights bring their optimiser."""

from pathlib import Path

import numpy as np
import pytest
from support import study

from searchlab.training.job import Job, Work
from searchlab.trial import Decision, Suggestion, Trial

pytestmark = pytest.mark.keras

PARAMS = {"n_hidden": 1, "n_neurons": 8, "learning_rate": 0.01}


@pytest.fixture(scope="module")
def job(tmp_path_factory):
    """A trial on iris with three epochs of SGD, its data prepared."""
    from searchlab.training.prepare import prepare

    directory = tmp_path_factory.mktemp("study")
    spec = study(training={"epochs": 3, "batch_size": 7}, model="mlp")
    prepare(spec, Path(), directory / "data")
    trial = Trial(0, Suggestion(PARAMS, epochs=3), seed=11)
    return Job(Work.TRIAL, trial, spec, Path(), directory / "data", directory, keep=True)


def test_whole_epochs_in_one_call_give_the_same_losses(job):
    """The reported losses are, to the last bit, those of Keras' own fit batch by batch."""
    import keras

    from searchlab.training.fit import build, run
    from searchlab.training.prepare import open_data

    reports = []

    def emit(report):
        reports.append(report.metrics)
        return Decision.CONTINUE

    outcome = run(job, emit)
    data = open_data(job.data)
    model = build(job, data)
    rows, _ = data.folds[0]
    keras.utils.set_random_seed(11)
    history = model.fit(
        data.x_train[rows],
        data.y_train[rows],
        epochs=3,
        batch_size=7,
        validation_data=(data.x_validation, data.y_validation),
        verbose=0,
    ).history
    assert outcome.epochs == 3
    assert [report["loss"] for report in reports] == history["loss"]
    assert [report["val_loss"] for report in reports] == history["val_loss"]


@pytest.mark.parametrize("built", [True, False])
def test_kept_weights_come_with_the_state_of_their_optimiser(tmp_path, job, built):
    """Adam goes on with its moments, also in a model that is only built when it sees data."""
    import keras

    from searchlab.training.fit import _load_weights
    from searchlab.training.prepare import open_data

    data = open_data(job.data)
    x, y = np.asarray(data.x_train), np.asarray(data.y_train)

    def adam():
        layers = [keras.layers.Dense(5, activation="relu"), keras.layers.Dense(3, "softmax")]
        model = keras.Sequential([keras.Input(x.shape[1:]), *layers] if built else layers)
        model.compile(loss="sparse_categorical_crossentropy", optimizer="adam")
        return model

    first = adam()
    first.fit(x, y, epochs=2, verbose=0)
    first.save(tmp_path / "kept.keras")
    second = adam()
    _load_weights(second, tmp_path / "kept.keras", data)
    for left, right in zip(first.optimizer.variables, second.optimizer.variables, strict=True):
        np.testing.assert_array_equal(np.asarray(left), np.asarray(right))
    for left, right in zip(first.weights, second.weights, strict=True):
        np.testing.assert_array_equal(np.asarray(left), np.asarray(right))


def test_a_killed_save_leaves_no_half_of_a_model(tmp_path, monkeypatch):
    """A model appears under its name only when it is whole."""
    import keras

    from searchlab.training.fit import _save

    class Torn:
        def save(self, path):
            Path(path).write_bytes(b"half")
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        _save(Torn(), tmp_path / "models" / "0" / "fold-0.keras")
    assert list((tmp_path / "models" / "0").iterdir()) == []
    whole = keras.Sequential([keras.Input((1,)), keras.layers.Dense(1)])
    _save(whole, tmp_path / "models" / "0" / "fold-0.keras")
    assert [path.name for path in (tmp_path / "models" / "0").iterdir()] == ["fold-0.keras"]
