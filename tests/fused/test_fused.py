"""Fused training equals ordinary training, and no training affects its neighbours."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from searchlab.core.trial import TrialState
from searchlab.journal.layout import StudyLayout, refit_data
from searchlab.study.extent import Extent
from searchlab.testing.doubles import as_job, study
from searchlab.training.job import CheckJob, FinalJob, RefitJob

pytestmark = pytest.mark.keras

BINARY = "binary_crossentropy"
REGRESSION = {"dataset": "diabetes"}
CANCER = {"dataset": "breast_cancer"}
WEIGHTED = {"path": "t.csv", "target": "y", "weight": "w"}


@pytest.fixture(scope="module")
def benches(tmp_path_factory):
    """Create each study once: `benches(data, folds=2)`."""
    from support.fused import EPOCHS, Bench

    made = {}

    def bench(data=None, folds=None, batch=16, **training):
        key = repr((data, folds, batch, training))
        if key not in made:
            directory = tmp_path_factory.mktemp("study")
            rng = np.random.default_rng(1)
            table = pd.DataFrame(rng.normal(size=(170, 4)), columns=list("abcd"))
            table["w"] = np.arange(170) / 50
            table["y"] = np.where(table.a + table.b > 0.5, "p", np.where(table.c > 0, "q", "r"))
            table.to_csv(directory / "t.csv", index=False)
            prices = table[list("abcd")].assign(y=np.exp(9 + table.a + 0.1 * table.b))
            prices.to_csv(directory / "p.csv", index=False)
            evaluation = {"holdout": 0.2} if folds is None else {"folds": folds}
            training = {"epochs": EPOCHS, "batch_size": batch, **training}
            made[key] = Bench(directory, data, evaluation=evaluation, training=training)
        return made[key]

    return bench


PADDED = "padded widths, masked rows, XLA, direct"
EXACT = "exact widths, masked rows, XLA, direct"
EQUAL = {  # the study, the factory's params, and the fastest correct method
    "momentum-tanh-l2": (
        {},
        {"optimizer": "momentum", "activation": "tanh", "layer": "l2"},
        PADDED,
    ),
    "nesterov-elu-l1": ({}, {"optimizer": "nesterov", "activation": "elu", "layer": "l1"}, PADDED),
    "rmsprop-selu-normalization": (  # which moves 0
        {},
        {"optimizer": "RMSprop", "activation": "selu", "layer": "normalization"},
        EXACT,
    ),
    "centered-swish-large_batch": (
        {"batch": 500},
        {"optimizer": "centered", "activation": "swish"},
        PADDED,
    ),
    "adam-sigmoid": ({}, {"optimizer": "Adam", "activation": "sigmoid"}, EXACT),
    "adamw-softplus-layer_norm": (
        {},
        {"optimizer": "AdamW", "activation": "softplus", "layer": "layer_norm"},
        EXACT,
    ),
    "mse-gelu-folds": (
        {"data": REGRESSION, "folds": 3, "batch": 32},
        {"loss": "mse", "optimizer": "Adam", "activation": "gelu"},
        PADDED,
    ),
    "mae-global_clipnorm": (
        {"data": REGRESSION, "batch": 32},
        {"loss": "mae", "optimizer": "global_clipnorm"},
        PADDED,
    ),
    "huber-convolution": (
        {"data": REGRESSION, "batch": 32},
        {"factory": "convolution", "loss": "huber", "optimizer": "Adam"},
        PADDED,
    ),
    "auc-dropout": (
        {"data": CANCER, "batch": 32},
        {"loss": BINARY, "layer": "dropout", "optimizer": "amsgrad"},
        PADDED,
    ),
    "batch_norm": (  # rows of weight 0 would count in the mean
        {"data": REGRESSION, "batch": 32},
        {"loss": "mse", "layer": "batch_norm", "optimizer": "clipvalue"},
        "padded widths, exact rows, XLA, direct",
    ),
    "skip-add-clipnorm-max_norm": (
        {},
        {"factory": "skips", "optimizer": "clipnorm", "layer": "max_norm", "rate": 0.1},
        PADDED,
    ),
    "skip-inputs": ({}, {"factory": "wide_and_deep"}, PADDED),
    "subclassed": (  # a wider mask would be another one
        {},
        {"factory": "own", "weighted": True},
        "exact widths, masked rows, XLA, mapped",
    ),
    "weights-folds": (
        {"data": WEIGHTED, "class_weight": "balanced", "folds": 2},
        {"weighted": True, "rate": 0.003},
        PADDED,
    ),
}


REPRESENTATIVE = {  # every kind of model; for the methods see also the test of verification
    *("huber-convolution", "batch_norm", "skip-add-clipnorm-max_norm", "subclassed"),
    "weights-folds",
}


@pytest.mark.parametrize(
    "case", [pytest.param(c, marks=[] if c in REPRESENTATIVE else pytest.mark.long) for c in EQUAL]
)
def test_fused_training_equals_fit(benches, case):
    """All epochs' reports, the scores and the epoch counts equal those of ordinary training."""
    from support.fused import Driver, assert_same, run_alone

    where, params, method = EQUAL[case]
    job = benches(**where).job(**params)
    driver = Driver(1)
    found = driver.run([job])[0]
    assert [str(each) for each in driver.methods] == [method]
    assert_same(found, run_alone(job))


@pytest.mark.parametrize("kind", ["log1p", pytest.param("quantile", marks=pytest.mark.long)])
def test_a_transformed_target_is_fused_as_in_fit(benches, kind):
    """Losses of the transformed target and metrics in own units equal those of ordinary training.

    `standard` is so, too: the diabetes of the other tests is standardised.
    """
    from support.fused import assert_same, run_alone, run_fused

    data = {"path": "p.csv", "target": "y", "target_transform": kind}
    job = benches(data, batch=32).job(loss="mse", optimizer="Adam", epochs=6)
    reports, outcome = run_fused([job])[0]
    assert_same((reports, outcome), run_alone(job))
    assert outcome.metrics["val_loss"] < 10
    assert outcome.metrics["val_mae"] > 100


@pytest.mark.parametrize("layer", ["", "dropout"])
def test_neighbours_and_slots_change_no_bit(benches, layer):
    """A job's result is the same alone and among others, in any order, on any number of lanes."""
    from support.fused import Driver, plain

    bench, driver = benches(folds=2), Driver(1)
    job = bench.job(0, layer=layer, optimizer="Adam")
    alone = plain(driver.run([job])[0])
    others = [
        bench.job(
            number,
            layer=layer,
            units=5 + number,
            rate=0.003 * number,
            drop=0.08 * number,
            optimizer="Adam",
            seed=number,
            epochs=5 + number,
        )
        for number in range(1, 11)
    ]
    if layer:
        results = driver.run([job, *others[::-1]])
    else:
        results = Driver(2).run([*others[:6], job, *others[6:]])
    assert len(results) == 11
    assert plain(results[0]) == alone


def test_a_neighbour_that_diverges_harms_nobody(benches):
    """A diverging job becomes FAIL with its reason; the others' results keep every bit."""
    from support.fused import Driver, plain

    bench, driver = benches(), Driver()
    good = [bench.job(number, rate=0.01 * number) for number in (1, 2)]
    alone = driver.run(good)
    results = driver.run([bench.job(0, rate=1e30), *good, bench.job(3, rate=1e30)])
    assert list(map(str, driver.methods)) == [PADDED]  # divergence does not rule out a method
    for number in (0, 3):
        assert results[number][1].state is TrialState.FAIL
        assert "the training diverged" in results[number][1].error.message
    for number in (1, 2):
        assert plain(results[number]) == plain(alone[number])


@pytest.mark.long
def test_verification_sees_through_a_tiny_learning_rate(benches):
    """Verification notices that sigmoid(0) is not 0 even if the first trial hardly moves."""
    from support.fused import Driver, assert_same, run_alone

    driver = Driver()
    jobs = [
        benches().job(number, rate=rate, activation="sigmoid")
        for number, rate in enumerate([1e-7, 0.3])
    ]
    results = driver.run(jobs)
    assert list(map(str, driver.methods)) == [EXACT]
    assert_same(results[1], run_alone(jobs[1]))


@pytest.mark.parametrize("restore", [True, pytest.param(False, marks=pytest.mark.long)])
def test_early_stopping_is_keras_own(benches, restore):
    """Trainings stop after the same epochs as in fit, with the same score."""
    from support.fused import EPOCHS, assert_same, run_alone, run_fused

    bench = benches().early(patience=2, restore_best_weights=restore)
    jobs = [bench.job(number, rate=0.002 * 100**number, optimizer="Adam") for number in (0, 1)]
    results = run_fused(jobs)
    assert {results[number][1].epochs < EPOCHS for number in (0, 1)} == {True, False}
    assert_same(results[1], run_alone(jobs[1]))


@pytest.mark.parametrize(("direction", "epochs"), [("minimize", 6), ("maximize", 2)])
def test_early_stopping_knows_the_direction_of_an_own_metric(benches, direction, epochs):
    """A metric that falls in all epochs improves only where low values are better."""
    from support.fused import assert_same, run_alone, run_fused

    bench = benches().early(patience=1, monitor="val_largest", direction=direction)
    job = bench.job(factory="sure", epochs=6)
    found = run_fused([job])[0]
    assert found[1].epochs == epochs
    assert_same(found, run_alone(job))


def test_a_promotion_goes_on_as_in_fit(benches):
    """Both parts of a promotion match fit's reports, scores and variables, unpadded."""
    from support.fused import Driver, assert_same, promoted, run_alone

    from searchlab.training.checkpoint import load_checkpoint

    bench, driver = benches(), Driver()
    first = replace(bench.job(0, epochs=3, optimizer="Adam"), keep=True)
    by_hand = replace(first, number=10, trial=replace(first.trial, number=10))
    weights: list[tuple[str, ...]] = [(), ()]
    for fused, alone in ((first, by_hand), (promoted(first, 1, 6), promoted(by_hand, 11, 6))):
        number = fused.trial.number
        found = driver.run([replace(fused, weights=weights[0])])[number]
        plain = run_alone(replace(alone, weights=weights[1]))
        assert_same(found, plain)
        weights = [found[1].weights, plain[1].weights]
        assert found[1].model_path == f"models/{number}/fold-0.npz"
        kept, wanted = (
            load_checkpoint(StudyLayout(bench.directory).checkpoint(each, 0))
            for each in (number, number + 10)
        )
        for group in ("trainable", "non_trainable", "optimizer"):
            pairs = zip(getattr(kept, group), getattr(wanted, group), strict=True)
            for one, other in pairs:
                assert one.shape == other.shape
                assert one.dtype == other.dtype
                np.testing.assert_allclose(one, other, rtol=1e-3, atol=1e-5)
        assert kept.trainable[0].shape == (4, 12)


@pytest.mark.parametrize(
    ("folds", "lost"), [(2, False), pytest.param(None, False, marks=pytest.mark.long), (None, True)]
)
def test_the_studys_model_can_be_loaded_and_is_worth_what_is_said(benches, folds, lost):
    """best/model.keras, kept or retrained, has the outcome's metrics on the test rows."""
    import keras
    from support.fused import EPOCHS, Driver

    from searchlab.data.prepared import open_data
    from searchlab.package.write import model_file

    bench = benches(folds=folds)
    job = replace(bench.job(20 + lost, optimizer="momentum"), keep=True)
    job = replace(job, spec=job.spec.model_copy(update={"refit": False}))
    kept = model_file(StudyLayout(bench.directory).best)
    kept.unlink(missing_ok=True)
    driver = Driver()
    if not lost:
        job = replace(job, weights=driver.run([job])[job.number][1].weights if not folds else ())
    reports, outcome = driver.run([as_job(FinalJob, job)])[job.number]
    assert outcome.error is None, outcome.error
    again = EPOCHS if folds or lost else 0
    assert (len(reports), outcome.epochs) == (again, again)
    model = keras.models.load_model(kept)
    data = open_data(job.data)
    metrics = model.evaluate(data.x_test, data.y_test, verbose=0, return_dict=True)
    assert set(metrics) == set(outcome.metrics)
    for name, value in metrics.items():
        np.testing.assert_allclose(outcome.metrics[name], value, rtol=1e-5)


@pytest.mark.parametrize(
    "data", [pytest.param(None, marks=pytest.mark.long), WEIGHTED], ids=["iris", "weighted"]
)
def test_a_refit_is_fits_on_all_rows_but_the_tests(benches, data):
    """A refit trains for all its epochs, without early stopping, on the early-stopping rows too."""
    from support.fused import Driver, assert_same, run_alone

    bench = benches(data, class_weight="balanced").early(patience=1, min_delta=9.0)
    job = as_job(RefitJob, bench.job(1, epochs=12, optimizer="Adam"))
    job = replace(job, data=refit_data(job.data))
    found, wanted = Driver().run([job])[1], run_alone(job)
    assert [report.epoch for report in found[0]] == list(range(1, 13))
    plain = [replace(report, metrics={"loss": report.metrics["loss"]}) for report in found[0]]
    assert {name for report in wanted[0] for name in report.metrics} == {"loss", "accuracy"}
    alone = [replace(report, metrics={"loss": report.metrics["loss"]}) for report in wanted[0]]
    assert_same((plain, found[1]), (alone, wanted[1]))
    fewer = run_alone(as_job(FinalJob, job))
    assert len(fewer[0]) < 12, "early stopping would have ended it"


def test_a_synchronous_job_waits_for_each_decision(benches):
    """It never runs ahead of the last decided epoch, however long its neighbour trains."""
    from support.fused import Driver, Ended, Epoch

    bench = benches(folds=2)
    driver = Driver()
    driver.submit(replace(bench.job(0, epochs=2), synchronous=True))
    driver.submit(bench.job(100, epochs=20))
    heard = []

    def listen(wanted, number):
        while True:
            message = driver.next()
            if isinstance(message, Epoch) and message.id == 0:
                heard.append((message.report.fold, message.report.epoch))
            if isinstance(message, wanted) and message.id == number:
                return

    listen(Ended, 100)
    for decided in range(1, 4):  # one whole training of the neighbour per decision
        assert heard == [(0, 1), (0, 2), (1, 1)][:decided]
        driver.decide(0, decided)
        driver.submit(bench.job(100 + decided, epochs=20))
        listen(Ended, 100 + decided)
    assert heard == [(0, 1), (0, 2), (1, 1), (1, 2)]


@pytest.mark.parametrize(
    ("factory", "params", "reason"),
    [
        ("steps", {}, "its model overrides train_step"),
        ("chain", {"optimizer": "schedule"}, "its learning rate follows a schedule"),
        ("chain", {"optimizer": "ema"}, "its optimizer keeps a moving average of the weights"),
        ("chain", {"optimizer": "Nadam"}, "its optimizer Nadam is not one of SGD, RMSprop, Adam"),
        ("chain", {"run_eagerly": True}, "its model runs eagerly"),
        ("chain", {"layer": "activity"}, "its model has an activity regularizer"),
        ("two_outputs", {}, "its model has several inputs or outputs"),
        ("fails", {}, "no such class"),
        ("adds_loss", {}, "a layer adds its own loss over all rows of a batch"),
    ],
)
def test_what_cannot_be_stacked_is_declined(benches, factory, params, reason):
    """The host gives the reason and trains nothing."""
    from support.fused import Declined, run_fused

    reports, end = run_fused([benches().job(0, factory, **params)])[0]
    assert isinstance(end, Declined)
    assert reason in end.reason
    assert reports == []


def checked(benches, factory, extent=None, **choices):
    """Return the reason why a study of some choices is not fused, or None, after its check."""
    from support.fused import run_fused

    job = benches().job(0, factory)
    space = {name: {"choice": values} for name, values in choices.items()}
    spec = job.spec.model_copy(update={"space": study(space=space).space})
    check = as_job(CheckJob, replace(job, spec=spec), extent=extent)
    return run_fused([check])[0][1].unfused


@pytest.mark.parametrize(
    ("factory", "choices"),
    [
        pytest.param("chain", {"optimizer": ["SGD", "ema", "Nadam"]}, id="refused at sight"),
        pytest.param("either", {"odd": [False, True]}, id="refused by its program"),
    ],
)
def test_one_model_does_not_decide_for_all(benches, factory, choices):
    """A study is fused although the model in the middle of its space cannot be."""
    assert checked(benches, factory, **choices) is None


def test_a_study_of_which_nothing_can_be_fused_says_why(benches):
    """If no value of any choice helps, all trials are trained alone, for reasons that are true."""
    found = checked(benches, "chain", optimizer=["schedule", "ema", "Nadam"])
    reasons = found.split("; or ")
    assert len(reasons) == 3
    assert reasons[0] == "its optimizer keeps a moving average of the weights (use_ema)"
    assert reasons[1] == "its learning rate follows a schedule"
    assert reasons[2].startswith("its optimizer Nadam is not one of")


def test_a_study_too_short_for_its_variety_is_not_fused(benches):
    """Making a program for nearly each of its trials would take longer than to train them alone."""
    choices = {
        "optimizer": ["SGD", "Adam", "AdamW", "RMSprop", "amsgrad", "centered"],
        "layer": ["l1", "batch_norm", "layer_norm", "dropout", "normalization", "max_norm"],
        "units": [4, 40, 400],
    }
    reason = checked(benches, "chain", Extent(10, 10, 20), **choices)
    assert reason.startswith("the study is too short for its variety: about")
    assert checked(benches, "chain", Extent(10, 10, 20_000), units=[4]) is None


@pytest.mark.parametrize(("units", "looks"), [(4, True), (1100, False)])
def test_large_models_are_not_built_to_know_how_varied_a_study_is(
    benches, monkeypatch, units, looks
):
    """Building them takes longer than a wrong choice would cost."""
    from searchlab.data.prepared import open_data
    from searchlab.fused import check
    from searchlab.fused.left import Left
    from searchlab.fused.messages import Submit
    from searchlab.fused.programs import Programs
    from searchlab.fused.tensors import Tensors

    job = benches().job(0, "chain")
    spec = job.spec.model_copy(update={"space": study(space={"units": {"choice": [units]}}).space})
    job = as_job(CheckJob, replace(job, spec=spec), extent=Extent(10, 10, 20))
    data, looked = open_data(job.data), []
    monkeypatch.setattr(check, "too_varied", lambda *_: looked.append(True))
    programs = Programs(Tensors.of(data), 16, len(data.folds), Left())
    found = check.Check(Submit(0, job), job, data, programs).first()
    assert found.trainings, "it goes on with the model that was built"
    assert looked == [True] * looks


def test_a_model_that_reads_its_modules_variables_is_trained_alone(benches):
    """A program that is made later would have the value that another trial's factory has left."""
    from support.fused import Declined, run_alone, run_fused

    bench = benches()
    model = {"model": "remembering_factories.py:leaking"}
    jobs = [bench.job(number, slope=slope, epochs=1) for number, slope in enumerate((0.0, 5.0))]
    jobs = [replace(job, spec=job.spec.model_copy(update=model)) for job in jobs]
    for _, end in run_fused(jobs).values():
        assert isinstance(end, Declined)
        assert "its code changes the variable SLOPE" in end.reason
    first, second = (run_alone(job)[1].value for job in jobs)
    assert first != second


def test_trials_share_programs(benches):
    """Similar widths, other constants, penalties and dropout rates share one program."""
    from support.fused import Driver, assert_same, run_alone

    bench, driver = benches(), Driver()
    jobs = [
        bench.job(
            number,
            units=3 + 5 * number,
            rate=0.01 / (number + 1),
            epochs=2,
            l2=10.0 ** -(number + 1),
            layer="dropout",
            drop=(number + 1) / 10,
        )
        for number in range(5)
    ]
    results = driver.run(jobs)
    assert driver.made == 1
    for job in jobs[1:4:2]:  # others than the one that the program was verified with
        assert_same(results[job.number], run_alone(job))
    driver.run([bench.job(5, epochs=2)])  # without penalty and dropout
    assert driver.made == 2


@pytest.mark.parametrize(
    ("epochs", "programs"),
    [
        pytest.param(2, 1, id="short"),
        pytest.param(100_000, 3, id="long", marks=pytest.mark.long),
    ],
)
def test_small_models_share_a_program_whatever_their_activation(benches, epochs, programs):
    """Widths and activations are data where training takes less than a program."""
    from support.fused import Driver, assert_same, run_alone

    bench, driver = benches(epochs=epochs), Driver()
    space = {"activation": {"choice": ["relu", "tanh", "swish"]}}
    jobs = []
    for number, activation in enumerate(["relu", "tanh", "swish"]):
        job = bench.job(number, units=40 + 30 * number, epochs=2, activation=activation)
        spec = job.spec.model_copy(update={"space": study(space=space).space})
        jobs.append(replace(job, spec=spec))
    results = driver.run(jobs)
    for job in jobs:
        assert_same(results[job.number], run_alone(job))
    assert driver.made == programs


def test_metrics_are_named_alike_in_all_models(benches):
    """The second model's AUC is not `auc_1`, a name that no objective or program knows."""
    from support.fused import Driver

    bench, driver = benches(data=CANCER, batch=32), Driver()
    jobs = [bench.job(number, loss=BINARY, rate=0.01 + number, epochs=1) for number in range(3)]
    results = driver.run(jobs)
    assert driver.made == 1
    for reports, _ in results.values():
        assert set(reports[0].metrics) >= {"auc", "val_auc"}


@pytest.mark.parametrize("rows", [1, 50, 2000])
def test_rows_come_in_the_order_of_fit(rows):
    """Every epoch of a real `fit` sees the rows in the order that `order` returns."""
    import keras
    from support.fused import seen_by_fit

    from searchlab.fused.tensors import order

    keras.utils.set_random_seed(3)
    seen = seen_by_fit(rows, epochs=3, seed=11)
    assert sorted(seen[0]) == list(range(rows))
    assert seen == [order(rows, 11).tolist()] * 3
