"""Study files: their contents, and the messages about their mistakes."""

import pickle
from pathlib import Path

import pytest

from searchlab.core.domains import Choice, Float, Int, When
from searchlab.errors import StudyFileError
from searchlab.study.changes import differences
from searchlab.study.file import load_study, parse_override
from searchlab.study.spec import StudySpec

GOOD = """\
name: digits
data: {dataset: digits, test: 0.25, validation: 0.25, scale: standard}
model: mlp
space:
  n_hidden: {int: [0, 3]}
  n_neurons: {int: [1, 100], when: {param: n_hidden, in: [1, 2, 3]}}
  learning_rate: {float: [3e-4, 3.0e-2], log: true}
  activation: {choice: [relu, yes, 1, null]}
objective: {metric: val_loss, direction: minimize}
search: {backend: optuna, trials: 30, seed: 42, options: {}}
training: {epochs: 100, batch_size: 32, early_stopping: {patience: 10}}
evaluation: {folds: 3}
"""


def load(tmp_path, text, overrides=None):
    path = tmp_path / "study.yaml"
    path.write_text(text)
    return load_study(path, overrides).spec


def refused(tmp_path, text, overrides=None):
    with pytest.raises(StudyFileError) as caught:
        load(tmp_path, text, overrides)
    return caught.value.problems


def test_a_study_file_becomes_frozen_types(tmp_path):
    """Every key arrives with its type, following YAML 1.2's rules for numbers and text."""
    spec = load(tmp_path, GOOD)
    assert dict(spec.search_space.domains) == {
        "n_hidden": Int(0, 3),
        "n_neurons": Int(1, 100, when=When("n_hidden", (1, 2, 3))),
        "learning_rate": Float(3e-4, 3e-2, log=True),
        "activation": Choice(("relu", "yes", 1, None)),
    }
    assert spec.evaluation.folds == 3
    assert spec.factory.factory == "mlp"
    assert type(spec).from_dict(spec.as_dict()) == spec
    with pytest.raises(ValueError, match="frozen"):
        spec.search.trials = 3


def test_overrides_win_over_the_file(tmp_path):
    """A dotted key from the command line replaces or adds a value of the file."""
    spec = load(
        tmp_path,
        GOOD,
        {"search.trials": 5, "model.params.dropout": 0.5, "training.batch_size": 8},
    )
    assert (spec.search.trials, spec.training.batch_size) == (5, 8)
    assert (spec.factory.factory, spec.factory.params) == ("mlp", {"dropout": 0.5})


@pytest.mark.parametrize(
    ("old", "new", "line", "message"),
    [
        ("model: mlp", "modle: mlp", 3, "modle: unknown key; did you mean model?"),
        ("[0, 3]", "[3, 0]", 5, "space.n_hidden: the low end 3 is above the high end 0"),
        ("[0, 3]", "[0, true]", 5, "space.n_hidden.int.1: must be a whole number, got true"),
        ("[0, 3]", "[0, 3.5]", 5, "space.n_hidden.int.1: must be a whole number, got 3.5"),
        ("int: [0, 3]", "intt: [0, 3]", 5, "did you mean int in place of intt?"),
        (
            "log: true",
            "log: yes",
            7,
            'learning_rate.log: must be true or false, got the text "yes"',
        ),
        ("3e-4", "0", 7, "a log range must start above 0"),
        ("3e-4", ".nan", 7, "must be a finite number"),
        ("[relu, yes, 1, null]", "[]", 8, "give at least one choice"),
        ("in: [1, 2, 3]", "in: [7]", 6, "n_neurons depends on n_hidden being 7, which it never is"),
        ("trials: 30", "trials: 0", 10, "search.trials: must be at least 1, got 0"),
        ("trials: 30", "trial: 30", 10, "search.trial: unknown key; did you mean trials?"),
        ("val_loss", "loss", 9, "name one measured on unseen rows, such as val_loss"),
        ("folds: 3", "folds: 3, holdout: 0.2", 12, "give either folds"),
        ("test: 0.25", "test: 1.0", 2, "data.test: must be below 1.0, got 1.0"),
        ("dataset: digits", "path: a.csv", 2, "a file needs a target"),
        (
            "dataset: digits",
            "path: a.csv, target: {main: y, aux: z}",
            2,
            "data.target: names the columns y, z, and all outputs learn the same one",
        ),
        (
            "dataset: digits",
            "path: a.csv, target: [y, z]",
            2,
            "the column that each of them learns, such as {main: price, aux: price}",
        ),
        ("name: digits", "name: a/b", 1, "is not a study name"),
        ("search:", "name: again\nsearch:", 10, "name: appears again (first on line 1)"),
        ("name: digits", "name: &a digits", 1, "anchors, aliases and tags are not used"),
        ("name: digits", "name: !!python/object:os.system digits", 1, "tags are not used"),
        ("name: digits", "name: [", 1, "is not valid YAML"),
        ("  n_hidden", "\tn_hidden", 5, "a tab is used where YAML needs spaces"),
    ],
)
def test_a_mistake_is_told_with_file_line_key_and_remedy(tmp_path, old, new, line, message):
    """Each mistake gives one line that starts with the file and the line number."""
    assert old in GOOD
    (problem,) = refused(tmp_path, GOOD.replace(old, new, 1))
    assert problem.startswith(f"{tmp_path / 'study.yaml'}:{line}: ")
    assert message in problem
    assert "\n" not in problem


def test_early_stopping_has_the_direction_of_the_objective(tmp_path):
    """The same metric cannot be better when low in one place and when high in another."""
    text = GOOD.replace("val_loss", "val_x").replace("{patience: 10}", "{monitor: val_x}")
    assert load(tmp_path, text).stopping_way == "minimize"
    text = text.replace("{monitor: val_x}", "{monitor: val_x, direction: maximize}")
    (problem,) = refused(tmp_path, text)
    assert "training.early_stopping.direction: is maximize, and the objective's" in str(problem)


def test_all_problems_are_told_at_once_in_the_order_of_the_file(tmp_path):
    """A file with three mistakes gives three lines."""
    text = GOOD.replace("[0, 3]", "[3, 0]").replace("trials: 30", "trials: x")
    problems = refused(tmp_path, text.replace("model: mlp", "modle: mlp"))
    assert [problem.split(":")[1] for problem in problems] == ["3", "5", "10"]


def test_a_mistake_in_a_flag_is_not_blamed_on_a_line(tmp_path):
    """A wrong value from the command line is reported as such."""
    (problem,) = refused(tmp_path, GOOD, {"search.trials": 0})
    assert "with search.trials overridden: must be at least 1" in problem


@pytest.mark.parametrize("content", [b"", b"- a\n- b\n", b"just text"])
def test_a_file_that_is_no_study_says_what_a_study_needs(tmp_path, content):
    """An empty file, a list or plain text is rejected with a pointer to init."""
    (tmp_path / "x.yaml").write_bytes(content)
    with pytest.raises(StudyFileError, match="searchlab init writes"):
        load_study(tmp_path / "x.yaml")


def test_files_that_cannot_be_read_are_told_without_a_traceback(tmp_path):
    """A file that is missing, not UTF-8, too large or a directory gives one line."""
    (tmp_path / "latin.yaml").write_bytes("name: ä".encode("latin-1"))
    (tmp_path / "large.yaml").write_bytes(b"#" * 50_001)
    for name, message in {
        "larg.yaml": "did you mean",
        "latin.yaml": "not UTF-8",
        "large.yaml": "larger than 50 kB",
        ".": "is a directory",
    }.items():
        with pytest.raises(StudyFileError, match=message):
            load_study(tmp_path / name)


def test_settings_from_the_command_line_are_plain_yaml():
    """--set accepts a dotted key and a YAML value, and nothing else."""
    assert parse_override("search.options.pruner=none") == ("search.options.pruner", "none")
    assert parse_override("training.early_stopping=null") == ("training.early_stopping", None)
    assert parse_override("a=[1, 3e-4]") == ("a", [1, 3e-4])
    with pytest.raises(StudyFileError, match=r"dotted\.key=value"):
        parse_override("search.trials")


def test_differences_are_keys_that_make_another_study(tmp_path):
    """Budgets and workers may change under one name; every other change is a difference."""
    spec = load(tmp_path, GOOD)
    same = load(
        tmp_path, GOOD, {"search.trials": 99, "search.seconds": 5.0, "execution.workers": 2}
    )
    other = load(tmp_path, GOOD, {"training.epochs": 7})
    swapped = load(
        tmp_path,
        GOOD.replace("  learning_rate: {float: [3e-4, 3.0e-2], log: true}\n", "").replace(
            "objective:", "  learning_rate: {float: [3e-4, 3.0e-2], log: true}\nobjective:"
        ),
    )
    assert differences(spec, same) == []
    assert [str(difference) for difference in differences(spec, other)] == [
        "training.epochs: 100 -> 7"
    ]
    assert [difference.key for difference in differences(spec, swapped)] == ["space"]


def test_paths_stay_as_they_are_written(tmp_path):
    """A study does not depend on its file's directory, so that it can be moved."""
    spec = load(tmp_path, GOOD.replace("dataset: digits", "path: ../a.csv, target: y"))
    assert spec.data.path == "../a.csv"
    assert str(Path(tmp_path)) not in str(spec.as_dict())


def test_the_target_of_several_outputs_is_one_column(tmp_path):
    """The outputs come in the order of the file, which another process has, too."""
    new = "path: a.csv, target: {main: y, aux: y}"
    spec = load(tmp_path, GOOD.replace("dataset: digits", new))
    for data in (spec.data, pickle.loads(pickle.dumps(spec.data))):  # noqa: S301 - just made
        assert (data.target, data.outputs) == ("y", ("main", "aux"))
    assert spec.as_dict()["data"]["target"] == {"main": "y", "aux": "y"}
    other = GOOD.replace("dataset: digits", "path: a.csv, target: {aux: y, main: y}")
    assert [each.key for each in differences(spec, load(tmp_path, other))] == ["data.target"]
    alone = load(tmp_path, GOOD.replace("dataset: digits", "dataset: digits, target: {a: t, b: t}"))
    assert alone.data.target == "t"


def test_lists_are_lists_where_one_value_would_do(tmp_path):
    """Files of a data set, and a fixed argument that is a list, come as they are written."""
    for name in ("a.csv", "b.csv"):
        (tmp_path / name).touch()
    (tmp_path / "s.yaml").write_text(
        "name: s\ndata: {path: [a.csv, b.csv], target: y}\nsearch: {trials: 1}\n"
        "model: {factory: mlp, params: {widths: [8, 4]}}\nspace: {n_hidden: {int: [0, 1]}}\n"
    )
    spec = load_study(tmp_path / "s.yaml").spec
    assert spec.data.path == ("a.csv", "b.csv")
    assert spec.factory.params == {"widths": (8, 4)}
    assert StudySpec.from_dict(spec.as_dict()) == spec
