"""Initial weights: the first layers start from another model's weights, frozen on request."""

from __future__ import annotations

import shutil
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from searchlab.core.trial import Decision, FailureKind, Suggestion, Trial, TrialState
from searchlab.errors import ModelError
from searchlab.journal.layout import StudyLayout
from searchlab.testing.doubles import as_job, study
from searchlab.training.job import CheckJob, Job, RefitJob, TrialJob

pytestmark = pytest.mark.keras

FACTORIES = Path(__file__).with_name("transfer_factories.py")
SOURCE = FACTORIES.read_text()
SPACE = {"units": {"int": [4, 12]}, "n_hidden": {"int": [1, 3]}}


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    """A directory with prepared data."""
    from searchlab.data.prepare import prepare

    directory = tmp_path_factory.mktemp("study")
    prepare(study(), Path(), directory / "data")
    return directory


@pytest.fixture
def other(place, tmp_path, monkeypatch):
    """A function that packages a factory's model as the source of weights and returns its arrays.

    Its factory is a separate file, deleted afterwards, as if written by another process.
    """
    import keras

    from searchlab.data.prepared import open_data
    from searchlab.factories.find import load_factory
    from searchlab.training.final import pack
    from searchlab.training.initial import keep, weighted_layers

    def keep_model(factory="stack", model=None, source=SOURCE, **params):
        theirs = tmp_path / "theirs"
        theirs.mkdir()
        (theirs / FACTORIES.name).write_text(source)
        with monkeypatch.context() as patch:
            patch.delitem(sys.modules, FACTORIES.stem, raising=False)
            build = load_factory(f"{FACTORIES.name}:{factory}", theirs)
            model = build(**params) if model is None else model
            for variable in model.weights:
                variable.assign(np.random.default_rng(7).normal(0, 0.4, variable.shape))
            refit = as_job(RefitJob, job(place, factory), base=theirs, directory=tmp_path)
            metrics = {refit.spec.objective.metric: 1.0}
            made = pack(refit, open_data(refit.data), model, metrics, 3)
            package = (tmp_path / str(made.model_path)).parent
            del sys.modules[FACTORIES.stem]
        keep(package, place)
        for gone in (theirs, package):
            shutil.rmtree(gone)
        arrays = [[np.array(each) for each in layer.weights] for layer in weighted_layers(model)]
        keras.backend.clear_session()
        return arrays

    return keep_model


def job(place, factory="stack", layers=None, freeze=0, epochs=3, number=0, **rest):
    """Return a trial of a study with initial weights; `rest` holds the params."""
    wanted = {"study": "other", "layers": layers, "freeze": freeze}
    space = {name: SPACE[name] for name in SPACE if name in rest} or {"units": SPACE["units"]}
    spec = study(
        model={"factory": f"{FACTORIES.name}:{factory}", "initial_weights": wanted},
        space=space,
        training={"epochs": epochs, "early_stopping": {"patience": 1, "min_delta": 9.0}},
        refit=False,
    )
    suggestion = Suggestion({"units": 8, **rest}, epochs)
    trial = Trial(number, suggestion, 3)
    return TrialJob(
        number=number,
        trial=trial,
        spec=spec,
        base=FACTORIES.parent,
        data=place / "data",
        directory=place,
        keep=True,
    )


def without(job: Job) -> Job:
    """Return the same job without initial weights."""
    return replace(job, spec=job.spec.model_copy(update={"model": job.spec.factory.factory}))


def built(job: Job):
    """Build a job's model and return the arrays of its layers."""
    from searchlab.data.prepared import open_data
    from searchlab.training.build import build
    from searchlab.training.initial import weighted_layers

    model = build(job, open_data(job.data))
    return [[np.array(each) for each in layer.weights] for layer in weighted_layers(model)]


def trained(job: Job):
    """Run a job and return its reports and its outcome."""
    from searchlab.training.fit import run

    reports = []

    def emit(report):
        reports.append(report)
        return Decision.CONTINUE

    return reports, run(job, emit)


def kept(job: Job) -> list[np.ndarray]:
    """Return the weights that a trial has saved."""
    from searchlab.training.checkpoint import load_checkpoint

    return load_checkpoint(StudyLayout(job.directory).checkpoint(job.trial.number, 0)).trainable


def equal(one, other) -> bool:
    return len(one) == len(other) and all(map(np.array_equal, one, other))


@pytest.mark.parametrize("given", [True, False], ids=["with input", "unbuilt"])
def test_all_layers_but_the_last_are_copied(place, other, given):
    """The last layer is initialized as usual; all others are copied."""
    arrays = other(n_hidden=2)
    wanted = job(place, n_hidden=2, given=given)
    found, again = built(wanted), built(wanted)
    assert equal(found[0], arrays[0])
    assert equal(found[1], arrays[1])
    assert not equal(found[2][:1], arrays[2][:1])
    assert all(map(equal, found, again)), "also when the other model has been loaded before"
    if given:
        assert equal(found[2], built(without(wanted))[2])


def test_as_many_layers_are_copied_as_are_asked_for(place, other):
    """`layers: 1` copies one layer; all of them can be copied, too."""
    arrays = other(n_hidden=2)
    one, three = (built(job(place, n_hidden=2, layers=count)) for count in (1, 3))
    assert [equal(*pair) for pair in zip(one, arrays, strict=True)] == [True, False, False]
    assert all(map(equal, three, arrays))


def test_another_depth_and_another_last_layer_are_fine(place, other):
    """The layers after the copied ones may differ in number and shape."""
    arrays = other(n_hidden=1)
    found = built(job(place, n_hidden=3))
    assert equal(found[0], arrays[0])
    assert len(found) == 4


@pytest.mark.parametrize(
    ("params", "layers", "message"),
    [
        (
            {"units": 9},
            None,
            r"layer 1, dense.*, has weights of \(4, 8\) and \(8,\), but dense.* of the model "
            r"that the factory builds has \(4, 9\) and \(9,\): .* or name another study",
        ),
        ({"n_hidden": 1}, None, r"layer 2, .* or set model.initial_weights.layers to 1"),
        ({}, 4, r"model.initial_weights.layers: .* has only 3 layers .*: ask for at most 3"),
        ({"n_hidden": 1}, 3, r"3 layers are to be copied, but .* only 2 .* to at most 2"),
    ],
    ids=["width", "depth", "other's layers", "own layers"],
)
def test_weights_that_do_not_fit_are_refused(place, other, params, layers, message):
    """The line names layer, shapes and remedy; the check fails only if no point can fit."""
    from searchlab.training.fit import run

    other(n_hidden=2)
    wanted = job(place, layers=layers, **{"n_hidden": 2, **params})
    with pytest.raises(ModelError, match=message):
        built(wanted)
    check = as_job(CheckJob, wanted)
    fits = layers != 4
    outcome = run(check, lambda _: Decision.CONTINUE)
    assert (outcome.error is None) == fits, outcome.error


def test_the_check_refuses_what_can_fit_nowhere(place, other):
    """A width outside the space is reported before trial 0."""
    other(n_hidden=1, units=40)
    _, outcome = trained(as_job(CheckJob, job(place)))
    assert outcome.error.kind is FailureKind.REFUSED
    assert outcome.error.message.startswith("model.initial_weights: layer 1, dense")


def test_a_model_of_one_layer_gives_nothing(place, other):
    """A model whose only layer with weights is its last has nothing to copy, which is reported."""
    other(n_hidden=0)
    with pytest.raises(ModelError, match="no layers with weights but its last"):
        built(job(place))


def test_what_a_normalization_knows_of_its_data_stays(place, other):
    """Layers are matched as if neither model had a normalization."""
    arrays = other("normalized")
    assert equal(built(job(place, "normalized"))[0], arrays[0])
    assert equal(built(job(place, n_hidden=1))[0], arrays[0])


def test_layers_of_ones_own_need_no_source_but_the_copy(place, other):
    """Classes of the other factory, registered or not, are loaded from the packaged code."""
    arrays = other("own")
    found = built(job(place, "own"))
    assert equal(found[0], arrays[0])
    assert equal(found[1], arrays[1])


def test_modules_of_one_name_do_not_meet(place, other, monkeypatch):
    """The other model uses its own classes, and the study's module stays the imported one."""
    from searchlab.training.initial import initial_layers

    arrays = other("own", source=SOURCE.replace("units", "width").replace('"ones"', "'zeros'"))
    wanted = job(place, "own")
    monkeypatch.delitem(sys.modules, FACTORIES.stem, raising=False)
    copied = [layer.weights for layer in initial_layers(wanted)]
    assert all(map(equal, copied, arrays))
    assert FACTORIES.stem not in sys.modules
    found = built(wanted)
    assert all(map(equal, found[:2], arrays))
    assert sys.modules[FACTORIES.stem].__file__ == str(FACTORIES)


def test_code_that_cannot_be_imported_is_told(place, other):
    """The line names the key, the copy, and the missing module."""
    other("own")
    with (place / "initial" / "code" / FACTORIES.name).open("a") as file:
        file.write("import no_such_library\n")
    with pytest.raises(ModelError, match=r"^model\.initial_weights: .*initial/code.* 'no_such_lib"):
        built(job(place, "own"))


def test_no_code_of_a_model_file_is_run(place, other):
    """A file with a Lambda layer is rejected in one line because models load in safe mode."""
    import keras

    layers = [keras.Input((4,)), keras.layers.Lambda(lambda x: x + 1), keras.layers.Dense(3)]
    other(model=keras.Sequential(layers))
    with pytest.raises(
        ModelError, match=r"initial/model\.keras: the model cannot be loaded"
    ) as caught:
        built(job(place))
    assert "\n" not in str(caught.value)


# ---- freezing


@pytest.mark.parametrize("optimizer", [pytest.param("SGD", marks=pytest.mark.long), "Adam"])
def test_copied_layers_are_frozen_for_the_first_epochs(place, other, optimizer):
    """Frozen layers keep their weights while the others train; in the next epoch all train."""
    first, _, last = other(n_hidden=2)
    frozen = job(place, layers=1, freeze=2, epochs=2, n_hidden=2, optimizer=optimizer)
    reports, outcome = trained(frozen)
    assert outcome.error is None, outcome.error
    assert equal(kept(frozen)[:2], first)
    assert not equal(kept(frozen)[4:], last)
    thawed = job(place, layers=1, freeze=2, epochs=3, n_hidden=2, optimizer=optimizer)
    more, _ = trained(thawed)
    assert more[:2] == reports
    assert not equal(kept(thawed)[:1], first[:1])


def test_epochs_run_through_and_early_stopping_waits(place, other):
    """Epochs are numbered through, and early stopping counts its patience only after thawing."""
    other(n_hidden=2)
    reports, outcome = trained(job(place, freeze=3, epochs=9, n_hidden=2))
    assert [each.epoch for each in reports] == [1, 2, 3, 4, 5]
    assert outcome.epochs == 5
    assert [each.epoch for each in trained(job(place, epochs=9, n_hidden=2))[0]] == [1, 2]


def test_a_frozen_training_can_be_stopped(place, other):
    """STOP in a frozen epoch prunes the trial at that epoch."""
    from searchlab.training.fit import run

    other(n_hidden=2)
    outcome = run(job(place, freeze=3, epochs=5, n_hidden=2), lambda _: Decision.STOP)
    assert (outcome.state, outcome.epochs) == (TrialState.PRUNED, 1)


@pytest.mark.parametrize("done", [1, pytest.param(2, marks=pytest.mark.long), 3])
def test_a_promotion_goes_on_with_its_own_weights(place, other, done):
    """Promoted before, at or after the end of freezing, a trial keeps its own trained weights."""
    first, *_ = other(n_hidden=2)
    early = job(place, layers=1, freeze=2, epochs=done, n_hidden=2)
    _, ended = trained(early)
    suggestion = Suggestion(early.trial.suggestion.params, 4, done, early.trial.number)
    trial = Trial(1, suggestion, 3)
    promoted = replace(early, number=1, trial=trial, weights=ended.weights)
    reports, outcome = trained(promoted)
    assert outcome.error is None, outcome.error
    assert reports[0].epoch == done + 1
    assert not equal(kept(promoted)[:1], first[:1])
    suggestion = replace(suggestion, epochs=2) if done == 1 else suggestion
    if done == 1:  # the promoted trial ends while still frozen
        still = replace(promoted, number=2, trial=Trial(2, suggestion, 3))
        trained(still)
        assert equal(kept(still)[:2], first)
        assert not equal(kept(still)[4:], kept(early)[4:])


def test_any_loss_can_be_frozen(place, other):
    """The factory compiles the second phase, so that a loss need not be serializable."""
    other(n_hidden=1)
    _, outcome = trained(job(place, "own_loss", freeze=1))
    assert outcome.error is None, outcome.error


# ---- in fused programs


def test_fused_trainings_begin_with_the_same_weights(place, other):
    """Fused and ordinary training agree for several shapes of the layers that are not copied."""
    from support.fused import assert_same, run_alone, run_fused

    other(n_hidden=1)
    jobs = [
        job(place, n_hidden=depth, number=number, epochs=6, dropout=dropout)
        for number, (depth, dropout) in enumerate([(2, 0.0), (1, 0.3)])
    ]
    fused = run_fused(jobs)
    for each in jobs:
        assert_same(fused[each.number], run_alone(each))


def test_frozen_epochs_are_not_fused(place, other):
    """A job with frozen epochs is declined with the reason that the study shows."""
    from support.fused import run_fused

    other(n_hidden=1)
    ((_, end),) = run_fused([job(place, freeze=1)]).values()
    assert end.reason == "its copied layers are frozen for the first epochs"
