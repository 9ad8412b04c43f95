"""Model factories: found without executing them, called as written, checked before trial 0."""

import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from searchlab.engine.jobs import Jobs
from searchlab.errors import ModelError
from searchlab.factories.check import factory_problems
from searchlab.factories.find import call_factory, load_factory
from searchlab.testing.doubles import study
from searchlab.training.job import CheckJob

HERE = Path(__file__).parent
FILE = "user_factories.py"
PARAMS = {"n_hidden": 1, "n_neurons": 5, "learning_rate": 0.01}


def problems(reference, **changes):
    return list(factory_problems(study(model=reference, **changes), HERE))


@pytest.mark.parametrize(
    ("reference", "message"),
    [
        ("mpl", "did you mean mlp?"),
        ("resnet", "your own is written path/to/file.py:build_model"),
        ("nowhere.py:build", "the model factory's file nowhere.py does not exist"),
        (f"{FILE}:boko", f"{FILE} has no function boko: did you mean book?"),
        ("no_such_package.sub:build", "there is no module no_such_package.sub"),
        (f"{FILE}:fewer", "fewer takes no argument n_neurons"),
        (f"{FILE}:fewer", "no argument learning_rate: did you mean learning_rat?"),
        (f"{FILE}:needs_more", "needs an argument width: add width to space, or to model.params"),
        (f"{FILE}:hypermodel", "takes hp, as Keras Tuner's hypermodels do"),
    ],
)
def test_a_wrong_reference_is_found_in_the_source_alone(reference, message):
    """Validation names the factory and the remedy, and imports none of the user's code."""
    sys.modules.pop("user_factories", None)
    assert any(message in problem for _, problem in problems(reference))
    assert "user_factories" not in sys.modules


@pytest.mark.parametrize("name", ["batch_size", "epochs"])
def test_a_param_of_the_training_is_not_lost_in_kwargs(name):
    """Of the space it is the training's; a fixed one would be taken, and nothing come of it."""
    space = {"n_neurons": {"int": [1, 9]}, name: {"choice": [2, 4]}}
    assert problems(f"{FILE}:everything", space=space, training={}) == []
    model = {"factory": f"{FILE}:everything", "params": {name: 2}}
    ((key, problem),) = factory_problems(study(model=model), HERE)
    assert key == f"model.params.{name}"
    assert f"write training.{name}" in problem


ROUTED = [
    ("batch_size", {"choice": [16, 32]}, "space.batch_size", "Write model__batch_size"),
    ("model__n_neurons", {"int": [1, 9]}, "space.model__n_neurons", "is n_neurons, too"),
    ("optimizer__momentum", {"float": [0, 1]}, "space.optimizer__momentum", "through which"),
]


@pytest.mark.parametrize(("name", "param", "key", "message"), ROUTED, ids=str)
def test_a_param_that_may_be_for_two_things_is_refused(tmp_path, name, param, key, message):
    """The message says how to write each; a factory without an optimizer cannot be given one."""
    source = "def build(n_neurons=3, batch_size=8):\n    pass\n"
    (tmp_path / "two.py").write_text(source)
    space = {"n_neurons": {"int": [1, 9]}, name: param}
    ((found, problem),) = factory_problems(study(model="two.py:build", space=space), tmp_path)
    assert found == key
    assert message in problem


@pytest.mark.parametrize("reference", ["mlp", f"{FILE}:book", f"{FILE}:everything"])
def test_good_references_have_no_problems(reference):
    """Arguments with defaults, `input_shape`, `meta` and **kwargs require nothing in the space."""
    assert problems(reference) == []


def test_a_syntax_error_is_told_with_its_line(tmp_path):
    """A factory file with a syntax error is rejected with its line number."""
    (tmp_path / "a.py").write_text("x = 1\ndef build(:\n")
    spec = study(model="a.py:build")
    ((_, problem),) = factory_problems(spec, tmp_path)
    assert problem.startswith("a.py:2: ")


def test_validation_runs_no_code_of_a_package(tmp_path, monkeypatch):
    """Resolving package.module:function imports neither the package nor the module."""
    package = tmp_path / "mine"
    package.mkdir()
    (package / "__init__.py").write_text("raise SystemExit('was run')")
    (package / "nets.py").write_text("raise SystemExit('was run')\ndef build(n_hidden): ...\n")
    spec = study(model="mine.nets:build", space={"n_hidden": {"int": [0, 1]}})
    assert list(factory_problems(spec, tmp_path)) == []


def test_a_factory_can_import_its_neighbours(tmp_path):
    """A factory's file may import a sibling file, from any working directory."""
    (tmp_path / "sizes_beside_it.py").write_text("WIDTH = 7\n")
    (tmp_path / "with_neighbour.py").write_text(
        "from sizes_beside_it import WIDTH\ndef build(n): return n * WIDTH\n"
    )
    assert call_factory(load_factory("with_neighbour.py:build", tmp_path), {"n": 6}, {}) == 42


@pytest.mark.parametrize("reference", ["built.py:build", "built:build"])
def test_studies_of_one_process_may_have_modules_of_one_name(tmp_path, reference):
    """Each factory uses its own neighbours, whichever were imported before."""
    folders = [tmp_path / "first", tmp_path / "second"]
    for number, folder in enumerate(folders, 1):
        folder.mkdir()
        (folder / "neighbour.py").write_text(f"WIDTH = {number}\n")
        (folder / "built.py").write_text(
            "import neighbour\ndef build():\n    import neighbour as now\n"
            "    return neighbour.WIDTH, now.WIDTH\n"
        )
    for number in (1, 2, 1):
        assert load_factory(reference, folders[number - 1])() == (number, number)


def test_a_factory_gets_only_what_it_takes():
    """`input_shape` and `meta` are passed only if the factory names them; fixed params win."""
    given = {"input_shape": (4,), "meta": {}}
    assert call_factory(lambda a: a, {"a": 1}, given) == 1
    assert call_factory(lambda a, input_shape: input_shape, {"a": 1}, given) == (4,)
    assert call_factory(lambda **all_: sorted(all_), {"a": 1}, given) == ["a"]
    assert call_factory(lambda input_shape: input_shape, {"input_shape": (9,)}, given) == (9,)


def test_a_module_that_raises_is_told_in_one_line(tmp_path):
    """An exception raised while a factory's module is imported becomes a one-line error."""
    (tmp_path / "broken_module.py").write_text("1 / 0\n\ndef build(): ...\n")
    with pytest.raises(ModelError, match="cannot be imported: ZeroDivisionError"):
        load_factory("broken_module.py:build", tmp_path)


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    """Prepared data: iris has three classes, breast_cancer two, diabetes a numeric target."""
    from searchlab.data.prepare import prepare
    from searchlab.data.prepared import open_data

    prepared = {}
    for name in ("iris", "breast_cancer", "diabetes"):
        directory = tmp_path_factory.mktemp(name) / "data"
        prepare(study(data={"dataset": name}), HERE, directory)
        prepared[name] = open_data(directory)
    return prepared


def check(reference, prepared, **changes):
    from searchlab.training.check import check_model

    spec = study(model=reference, **changes)
    check_model(CheckJob(number=0, spec=spec, base=HERE, data=Path(), directory=Path()), prepared)


@pytest.mark.keras
def test_a_model_is_tried_with_each_kind_of_input(tmp_path):
    """One that takes the first width alone is refused, with the values that make another one."""
    from searchlab.data.prepare import prepare
    from searchlab.data.prepared import open_data
    from searchlab.training.check import check_model

    table = pd.DataFrame({"a": range(90), "c": ["x", "y", "z"] * 30})
    table.assign(y=np.sin(table["a"])).to_csv(tmp_path / "t.csv", index=False)
    (tmp_path / "fixed_width.py").write_text(
        "import keras\ndef build(units):\n"
        "    layers = [keras.Input((4,)), keras.layers.Dense(units), keras.layers.Dense(1)]\n"
        "    model = keras.Sequential(layers)\n"
        "    model.compile('sgd', 'mse')\n"
        "    return model\n"
    )
    categories = {"choice": ["one_hot", "ordinal"]}
    scale = {"choice": ["standard", "robust"]}
    data = {"path": "t.csv", "target": "y", "categories": categories, "scale": scale}
    spec = study(model="fixed_width.py:build", data=data, space={"units": {"int": [1, 4]}})
    prepare(spec, tmp_path, tmp_path / "data")
    job = Jobs(spec, tmp_path, tmp_path).check()
    said = (
        r"with data\.scale=standard data\.categories=ordinal: fixed_width.py:build: its model .* "
    )
    with pytest.raises(ModelError, match=rf"{said}rows of shape \(2,\)"):
        check_model(job, open_data(job.data))


@pytest.mark.keras
@pytest.mark.parametrize(
    ("reference", "dataset"),
    [
        ("mlp", "iris"),
        ("mlp", "breast_cancer"),
        ("mlp", "diabetes"),
        ("book", "diabetes"),
        ("scikeras_style", "iris"),
        ("subclassed", "iris"),
        ("everything", "iris"),
        ("picky", "iris"),
        ("crossentropy", "breast_cancer"),
        ("own_loss", "iris"),
        ("one_hot", "iris"),
    ],
)
def test_factories_as_people_write_them_pass(data, reference, dataset):
    """A textbook function, scikeras' meta, a subclassed model, **kwargs and a custom loss pass."""
    check(reference if reference == "mlp" else f"{FILE}:{reference}", data[dataset])


@pytest.mark.keras
@pytest.mark.parametrize(
    ("reference", "dataset", "message"),
    [
        ("not_compiled", "iris", "not compiled: call model.compile in it"),
        ("forgot_return", "iris", "returned NoneType, not a Keras model: end it with `return"),
        ("returns_text", "iris", "returned str, not a Keras model"),
        ("two_units", "iris", "2 units for 3 classes: give it 3 units with a softmax"),
        ("squared", "iris", "loss mse does not fit 3 classes"),
        ("binary_for_three", "iris", "loss binary_crossentropy does not fit 3 classes"),
        ("crossentropy", "diabetes", "does not fit a continuous target: use 'mse'"),
        ("two_numbers", "diabetes", "2 units, but the target is one number a row"),
        ("whole_sequence", "diabetes", "its output has the shape (10, 1) a row"),
        ("picture", "diabetes", "its output has the shape (5, 2, 1) a row"),
        ("two_outputs", "iris", "the model has 2 outputs, and data.target names one column"),
        ("two_inputs", "iris", "the model has 2 inputs, and the study names none"),
        ("wrong_shape", "iris", "cannot be trained on rows of shape (4,)"),
        ("buggy", "iris", "AttributeError"),
        ("unsavable", "iris", "a model that Keras cannot save (NotImplementedError: "),
    ],
)
def test_a_factory_that_cannot_work_is_refused_before_trial_0(data, reference, dataset, message):
    """The error names the factory, the problem and the remedy."""
    with pytest.raises(ModelError) as caught:
        check(f"{FILE}:{reference}", data[dataset])
    assert message in str(caught.value)
    assert reference in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.keras
def test_an_objective_that_the_model_does_not_measure_is_refused(data):
    """The error lists the available metrics."""
    with pytest.raises(ModelError, match=r"no metric val_mae; it has val_loss, val_accuracy"):
        check("mlp", data["iris"], objective={"metric": "val_mae"})
    monitor = {"epochs": 1, "early_stopping": {"monitor": "val_lost", "direction": "minimize"}}
    with pytest.raises(ModelError, match=r"training\.early_stopping\.monitor"):
        check("mlp", data["iris"], training=monitor)


@pytest.mark.keras
def test_the_mlp_normalises_what_the_study_does_not_scale(tmp_path):
    """With `scale: none`, the built-in model normalizes features to mean 0 and variance 1."""
    import keras

    from searchlab.data.prepare import prepare
    from searchlab.data.prepared import open_data
    from searchlab.factories.built_in import mlp

    spec = study(data={"dataset": "wine", "scale": "none"})
    prepare(spec, HERE, tmp_path / "data")
    prepared = open_data(tmp_path / "data")
    model = mlp(1, 5, input_shape=prepared.summary.input_shape, meta=prepared.meta)
    normalised = np.asarray(model.layers[0](prepared.x_train[prepared.folds[0][0]]))
    assert isinstance(model.layers[0], keras.layers.Normalization)
    np.testing.assert_allclose(normalised.mean(axis=0), 0, atol=1e-4)
    np.testing.assert_allclose(normalised.std(axis=0), 1, atol=1e-3)


META = {"scale": "standard", "task": "regression"}


@pytest.mark.keras
def test_with_a_skip_connection_the_mlp_contains_the_linear_model():
    """Hidden layers that say nothing leave a linear model; without any, nothing is skipped."""
    from searchlab.factories.built_in import mlp

    model = mlp(2, 5, skip=True, input_shape=(3,), meta=META)
    kernel, bias = model.layers[-1].get_weights()
    assert kernel.shape == (3 + 5, 1)
    kernel[3:] = 0
    model.layers[-1].set_weights([kernel, bias + 2])
    x = np.random.default_rng(1).normal(size=(7, 3)).astype(np.float32)
    np.testing.assert_allclose(np.asarray(model(x)), x @ kernel[:3] + 2, rtol=1e-5)
    linear = mlp(0, 5, skip=True, input_shape=(3,), meta=META)
    assert [tuple(weight.shape) for weight in linear.weights] == [(3, 1), (1,)]


@pytest.mark.keras
def test_the_mlps_weight_decay_is_its_optimisers():
    """It shrinks weights without being a part of the loss; left out, the optimiser's own counts."""
    from searchlab.factories.built_in import mlp

    model = mlp(optimizer="adamw", weight_decay=0.5, input_shape=(3,), meta=META)
    assert (model.optimizer.weight_decay, model.losses) == (0.5, [])
    assert mlp(optimizer="adam", input_shape=(3,), meta=META).optimizer.weight_decay is None
