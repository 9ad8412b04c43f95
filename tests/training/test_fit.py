"""One training: running whole epochs in one call of the program changes no result."""

from pathlib import Path

import numpy as np
import pytest

from searchlab.core.trial import Decision, Suggestion, Trial
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
    trial = Trial(0, Suggestion(PARAMS, epochs=3), seed=11)
    return TrialJob(
        number=0,
        trial=trial,
        spec=spec,
        base=Path(),
        data=directory / "data",
        directory=directory,
        keep=True,
    )


def test_whole_epochs_in_one_call_give_the_same_losses(job):
    """The losses equal those of Keras' own batch-by-batch fit: in training to the last bit."""
    import keras

    from searchlab.data.prepared import open_data
    from searchlab.training.build import build
    from searchlab.training.fit import run

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
    for name in ("val_loss", "val_accuracy"):  # sums in another order round differently
        np.testing.assert_allclose([report[name] for report in reports], history[name], rtol=1e-6)
