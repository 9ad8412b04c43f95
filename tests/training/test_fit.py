"""One training: running whole epochs in one call of the program changes no result."""

from pathlib import Path

import numpy as np
import pytest
from support.training import trained

from searchlab.core.trial import Suggestion, Trial
from searchlab.testing.doubles import study
from searchlab.training.job import TrialJob

pytestmark = pytest.mark.keras

PARAMS = {"n_hidden": 1, "n_neurons": 8, "learning_rate": 0.01}


@pytest.fixture(scope="module")
def job(tmp_path_factory):
    """A trial on iris with three epochs of SGD and prepared data."""
    from searchlab.data.prepare import prepare

    directory = tmp_path_factory.mktemp("study")
    spec = study(training={"epochs": 3, "batch_size": 7}, model="mlp")
    prepare(spec, Path(), directory / "data")
    return job_of(spec, PARAMS, Path(), directory, keep=True)


def job_of(spec, params, base, directory, **more):
    """Return the job of a trial with prepared data."""
    return TrialJob(
        number=0,
        trial=Trial(0, Suggestion(params, epochs=spec.training.epochs), seed=11),
        spec=spec,
        base=base,
        data=directory / "data",
        directory=directory,
        **more,
    )


def plain(job):
    """Return the history of Keras' own fit of the same model to the same rows."""
    import keras

    from searchlab.data.prepared import open_data
    from searchlab.training.build import build

    data = open_data(job.data)
    model = build(job, data)
    rows, _ = data.folds[0]
    keras.utils.set_random_seed(11)
    return model.fit(
        data.x_train[rows],
        data.y_train[rows],
        epochs=job.spec.training.epochs,
        batch_size=job.spec.training.batch_size,
        validation_data=(data.x_validation, data.y_validation),
        verbose=0,
    ).history


def test_whole_epochs_in_one_call_give_the_same_losses(job):
    """The losses equal those of Keras' own batch-by-batch fit: in training to the last bit."""
    reports, history = trained(job), plain(job)
    assert len(reports) == 3
    assert [report["loss"] for report in reports] == history["loss"]
    for name in ("val_loss", "val_accuracy"):  # sums in another order round differently
        np.testing.assert_allclose([report[name] for report in reports], history[name], rtol=1e-6)


OWN_FIT = """
import keras

class Careful(keras.Model):
    factor = 1.0

    def fit(self, *args, callbacks=(), **given):
        slower = keras.callbacks.ReduceLROnPlateau(patience=1, factor=self.factor, min_delta=1e9)
        return super().fit(*args, callbacks=[slower, *callbacks], **given)

def build(factor, input_shape):
    inputs = keras.Input(input_shape)
    model = Careful(inputs, keras.layers.Dense(3, "softmax")(inputs))
    model.factor = factor
    model.compile(keras.optimizers.SGD(0.1), "sparse_categorical_crossentropy")
    return model
"""


@pytest.mark.parametrize("factor", [0.5, 0.001])
def test_callbacks_of_an_own_fit_see_the_unseen_rows(tmp_path, factor):
    """A rate that is reduced where `val_loss` does not fall is reduced, by the trial's factor."""
    from searchlab.data.prepare import prepare

    (tmp_path / "careful.py").write_text(OWN_FIT)
    space = {"factor": {"choice": [0.5, 0.001]}}
    training = {"epochs": 4, "batch_size": 16}
    spec = study(training=training, model="careful.py:build", space=space)
    prepare(spec, tmp_path, tmp_path / "data")
    job = job_of(spec, {"factor": factor}, tmp_path, tmp_path)
    reports = trained(job)
    rates = [report["learning_rate"] for report in reports]
    assert rates == pytest.approx([0.1, 0.1, 0.1 * factor, 0.1 * factor**2], rel=1e-5)
    losses = [report["val_loss"] for report in reports]
    np.testing.assert_allclose(losses, plain(job)["val_loss"], rtol=1e-6)
