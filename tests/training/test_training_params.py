"""Params of each training: the ordinary and the fused way train with a trial's own."""

from __future__ import annotations

import numpy as np
import pytest
from support.training import trained

from searchlab.core.trial import Suggestion, Trial
from searchlab.data.prepare import prepare
from searchlab.testing.doubles import study
from searchlab.training.job import CheckJob, TrialJob

pytestmark = pytest.mark.keras

MODEL = """
import keras

def build(layers=(4,), optimizer="sgd", input_shape=None):
    hidden = [keras.layers.Dense(width, "relu") for width in layers + [3]]
    output = keras.layers.Dense(3, "softmax")
    model = keras.Sequential([keras.Input(input_shape), *hidden, output])
    model.compile(optimizer, "sparse_categorical_crossentropy", metrics=["accuracy"])
    return model
"""
SPACE = {
    "model__layers": {"choice": [[4], [6, 5]]},
    "optimizer": {"choice": ["sgd", "adam"]},
    "optimizer__learning_rate": {"float": [0.001, 0.1]},
    "optimizer__momentum": {"choice": [0.0, 0.9], "when": {"param": "optimizer", "in": ["sgd"]}},
    "batch_size": {"choice": [16, 7]},
    "epochs": {"choice": [2, 3]},
}
CHOSEN = {
    "model__layers": "[6, 5]",
    "optimizer": "sgd",
    "optimizer__learning_rate": 0.05,
    "optimizer__momentum": 0.9,
    "batch_size": 7,
    "epochs": 3,
}


@pytest.fixture(scope="module")
def jobs(tmp_path_factory):
    """Two trials on iris that differ in all params, with prepared data."""
    directory = tmp_path_factory.mktemp("study")
    (directory / "own.py").write_text(MODEL)
    spec = study(model="own.py:build", space=SPACE, training={})
    prepare(spec, directory, directory / "data")
    other = {"model__layers": "[4]", "optimizer": "adam", "optimizer__learning_rate": 0.01}
    other |= {"batch_size": 16, "epochs": 2}
    return [
        TrialJob(
            number=number,
            trial=Trial(number, Suggestion(params, epochs=params["epochs"]), seed=11),
            spec=spec.settled(params),
            base=directory,
            data=directory / "data",
            directory=directory,
        )
        for number, params in enumerate([CHOSEN, other])
    ]


def plain(job):
    """Return the history of Keras' own fit with the values of `CHOSEN`, written out."""
    import keras

    from searchlab.data.prepared import open_data

    data = open_data(job.data)
    rows, _ = data.folds[0]
    keras.utils.set_random_seed(11)
    names = {}
    exec(MODEL, names)  # noqa: S102 - the text above
    optimizer = keras.optimizers.SGD(learning_rate=0.05, momentum=0.9)
    model = names["build"]([6, 5], optimizer, data.summary.input_shape)
    keras.utils.set_random_seed(11)
    x, y = data.x_train[rows], data.y_train[rows]
    return model.fit(x, y, epochs=3, batch_size=7, verbose=0).history


def test_the_ordinary_way_trains_with_the_params_of_the_trial(jobs):
    """Batch size, epochs, optimizer and layers are those of the same training in plain Keras."""
    reports = trained(jobs[0])
    assert [report["loss"] for report in reports] == plain(jobs[0])["loss"]
    assert len(trained(jobs[1])) == 2


def test_fused_trials_of_different_batch_sizes_train_as_the_ordinary_way(jobs):
    """Each gets a program for its own number of rows a step, and the data are there once."""
    from support.fused import Driver

    driver = Driver()
    results = driver.run(jobs)
    for job in jobs:
        reports, outcome = results[job.number]
        assert outcome.error is None, outcome.error
        wanted = trained(job)
        assert len(reports) == len(wanted)
        for report, ordinary in zip(reports, wanted, strict=True):
            np.testing.assert_allclose(report.metrics["loss"], ordinary["loss"], rtol=1e-4)
    tensors = {id(programs.data) for _, programs in driver.host._studies.values()}
    assert (len(driver.host._studies), len(tensors)) == (2, 1)


def test_a_setting_of_another_optimizer_is_refused_before_the_first_trial(jobs):
    """The message says which optimizer lacks it, and that the param needs a condition."""
    from searchlab.data.prepared import open_data
    from searchlab.errors import ModelError
    from searchlab.training.check import check_model

    space = {**SPACE, "optimizer__momentum": {"choice": [0.0, 0.9]}}
    spec = study(model="own.py:build", space=space, training={})
    fields = {name: getattr(jobs[0], name) for name in ("number", "base", "data", "directory")}
    with pytest.raises(ModelError, match=r"adam does not take .*momentum.* when: "):
        check_model(CheckJob(**fields, spec=spec), open_data(jobs[0].data))
    job = CheckJob(**fields, spec=study(model="own.py:build", space=SPACE, training={}))
    assert check_model(job, open_data(jobs[0].data)).error is None


def test_the_check_of_a_study_with_such_keys_tries_its_first_values(jobs):
    """`training.batch_size` and `epochs` with several values are no obstacle to fused programs."""
    from support.fused import Driver

    from searchlab.study.extent import extent
    from searchlab.testing.doubles import as_job

    training = {"batch_size": {"choice": [16, 7]}, "epochs": {"choice": [20, 30]}}
    space = {"model__layers": {"choice": [[4]]}}
    search = {"trials": 100}
    spec = study(model="own.py:build", space=space, training=training, search=search)
    job = as_job(CheckJob, jobs[0], spec=spec, extent=extent(spec))
    _, checked = Driver().run([job])[job.number]
    assert (checked.error, checked.unfused) == (None, None)
