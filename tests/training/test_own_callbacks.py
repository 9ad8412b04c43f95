"""Callbacks of a study in its trainings: as in Keras' own fit, in each kind of job."""

from __future__ import annotations

from dataclasses import replace

import pytest
from support.training import trained

from searchlab.core.trial import Decision, Suggestion, Trial
from searchlab.data.prepare import prepare
from searchlab.errors import ModelError
from searchlab.testing.doubles import as_job, study
from searchlab.training.job import CheckJob, RefitJob, TrialJob

pytestmark = pytest.mark.keras

MODEL = """
import keras

def build(units=4, input_shape=None):
    layers = [keras.Input(input_shape), keras.layers.Dense(units, "relu")]
    model = keras.Sequential([*layers, keras.layers.Dense(3, "softmax")])
    model.compile(keras.optimizers.SGD(0.1), "sparse_categorical_crossentropy")
    return model

class Batches(keras.callbacks.Callback):
    def __init__(self, add=0):
        super().__init__()
        self.count, self.add = 0, add

    def on_train_batch_end(self, batch, logs=None):
        self.count += 1

    def on_epoch_end(self, epoch, logs=None):
        logs["batches"] = self.count + self.add
        logs["rate"] = float(self.model.optimizer.learning_rate)

class Silent(keras.callbacks.Callback):
    def on_epoch_end(self, epoch, logs=None):
        logs["words"] = "none"

def halved(epoch, rate):
    return rate / 2

SEEN = []

def counted(epoch, rate):
    SEEN.append(rate)
    return 0.1 / len(SEEN)

def chance(epoch, rate):
    return float(keras.random.uniform(()))

def listed(epoch, rate, seen=[]):
    return rate

def fails(epoch, rate):
    raise ValueError("ran out of rates")

def several(count):
    return [Batches() for _ in range(count)]

def broken():
    raise KeyError("nothing")
"""
PLATEAU = {"reduce_lr_on_plateau": {"patience": 1, "min_delta": 9.0, "factor": 0.3}}


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    """A directory with the factory and prepared rows of iris."""
    directory = tmp_path_factory.mktemp("study")
    (directory / "own.py").write_text(MODEL)
    prepare(of([]), directory, directory / "data")
    return directory


def of(callbacks, **changes):
    training = {"epochs": 4, "batch_size": 16, "early_stopping": None, "callbacks": callbacks}
    space = {"units": {"int": [4, 8]}}
    return study(model="own.py:build", training=training, **{"space": space, **changes})


def job(place, callbacks, params=None, **changes):
    params = {"units": 4, **(params or {})}
    return TrialJob(
        number=0,
        trial=Trial(0, Suggestion(params, 4), 11),
        spec=of(callbacks, **changes).settled(params),
        base=place,
        data=place / "data",
        directory=place,
    )


def test_callbacks_do_what_they_do_in_fit(place):
    """Losses and rates are those of Keras' own fit with the same callbacks, to the last bit."""
    import keras

    from searchlab.data.prepared import open_data
    from searchlab.training.build import build

    space = {"units": {"int": [4, 8]}, "callbacks__Batches__add": {"choice": [100, 200]}}
    listed = [PLATEAU, "val_train_ratio", "own.py:Batches"]
    mine = job(place, listed, {"callbacks__Batches__add": 200}, space=space)
    reports = trained(mine)
    data = open_data(mine.data)
    model, (rows, _) = build(mine, data), data.folds[0]
    keras.utils.set_random_seed(11)
    history = model.fit(
        data.x_train[rows],
        data.y_train[rows],
        batch_size=16,
        epochs=4,
        validation_data=(data.x_validation, data.y_validation),
        callbacks=[keras.callbacks.ReduceLROnPlateau(patience=1, min_delta=9.0, factor=0.3)],
        verbose=0,
    ).history
    assert [each["loss"] for each in reports] == history["loss"]
    assert [each["learning_rate"] for each in reports] == history["learning_rate"]
    assert len({*history["learning_rate"]}) > 2
    steps = -(-len(rows) // 16)
    assert [each["batches"] for each in reports] == [200 + steps * n for n in (1, 2, 3, 4)]
    for each in reports:
        assert each["val_train_ratio"] == pytest.approx(each["val_loss"] / each["loss"])


def test_a_refit_has_the_rates_of_the_trial(place):
    """It has no early-stopping rows to watch; a schedule by epochs works without any."""
    from searchlab.training.fit import run

    reports = []

    def emit(report):
        reports.append(report.metrics)
        return Decision.CONTINUE

    mine = as_job(RefitJob, job(place, [PLATEAU, "own.py:Batches"]), rates=(0.1, 0.03))
    result = run(mine, emit)
    assert result.error is None, result.error
    assert [each["rate"] for each in reports] == pytest.approx([0.1, 0.03, 0.03, 0.03])
    reports.clear()
    schedule = {"learning_rate_scheduler": {"schedule": "own.py:halved"}}
    run(as_job(RefitJob, job(place, [schedule, {"own.py:several": {"count": 2}}])), emit)
    assert [each["rate"] for each in reports] == pytest.approx([0.05, 0.025, 0.0125, 0.00625])


def test_a_metric_that_is_no_number_is_told(place):
    """The failure names it, and is no traceback of ours."""
    from searchlab.training.fit import run

    result = run(job(place, ["own.py:Silent"]), lambda _: Decision.CONTINUE)
    assert "the epoch's metric words to 'none': set it to a number" in result.error.message


WRONG = [
    ("own.py:broken", "broken cannot be made of no arguments: KeyError"),
    ({"own.py:Batches": {"no": 1}}, "cannot be made of {'no': 1}: TypeError"),
    ("own.py:build", "build is no callback but Sequential"),
    ({"reduce_lr_on_plateau": {"monitor": "val_mae"}}, "watches val_mae, which the model does not"),
]


@pytest.mark.parametrize(("callback", "message"), WRONG, ids=str)
def test_callbacks_that_cannot_work_are_refused_before_the_first_trial(place, callback, message):
    """The check makes them once, and knows what the model measures."""
    from searchlab.data.prepared import open_data
    from searchlab.training.check import check_model

    mine = as_job(CheckJob, job(place, []), spec=of([callback]))
    arguments = {"input_shape": [4]} if callback == "own.py:build" else {}
    mine = as_job(CheckJob, mine, spec=of([{callback: arguments}])) if arguments else mine
    with pytest.raises(ModelError) as caught:
        check_model(mine, open_data(mine.data))
    assert message in str(caught.value)


SLOTS = [PLATEAU, "val_train_ratio", "terminate_on_nan"]
SCHEDULE = {"learning_rate_scheduler": {"schedule": "own.py:halved"}}


def test_a_slot_has_the_callbacks_of_the_ordinary_way(place):
    """Rates, ratios and losses of fused trainings are those of Keras' own model, in each job."""
    import numpy as np
    from support.fused import Driver

    from searchlab.training.fit import run

    jobs = [
        job(place, [SCHEDULE, *SLOTS]),
        replace(as_job(RefitJob, job(place, SLOTS), rates=(0.1, 0.01)), number=1),
        replace(job(place, [{"learning_rate_scheduler": {"schedule": "own.py:fails"}}]), number=2),
    ]
    driver = Driver()
    results = driver.run(jobs)
    for each in jobs[:2]:
        ordinary: list = []

        def emit(report, ordinary=ordinary):
            ordinary.append(report.metrics)
            return Decision.CONTINUE

        assert run(each, emit).error is None
        fused, outcome = results[each.number]
        assert outcome.error is None, outcome.error
        assert len(fused) == len(ordinary) == 4
        for report, wanted in zip(fused, ordinary, strict=True):
            for name, value in wanted.items():
                np.testing.assert_allclose(report.metrics[name], value, rtol=2e-4)
    rates = [report.metrics["learning_rate"] for report in results[0][0]]
    assert rates == pytest.approx([0.05, 0.025, 0.00375, 0.0005625])
    assert "ran out of rates" in results[2][1].error.message


UNFUSED = [
    ("own.py:Batches", "Batches needs the real model"),
    ({"learning_rate_scheduler": {"schedule": "own.py:counted"}}, "changes the variable SEEN"),
    ({"learning_rate_scheduler": {"schedule": "own.py:chance"}}, "draws random numbers"),
    ({"learning_rate_scheduler": {"schedule": "own.py:listed"}}, "may remember earlier calls"),
]


@pytest.mark.parametrize(("callback", "reason"), UNFUSED, ids=str)
def test_what_a_slot_cannot_do_is_trained_the_ordinary_way(place, callback, reason):
    """Functions that are not the same in each call would be shared by trials side by side."""
    from searchlab.training.own_callbacks import needs_model

    assert reason in (needs_model(of([callback]), place) or "")
