"""A new study's inheritance from earlier ones, and its recovery when the study resumes."""

import shutil

import pytest

from searchlab.core.trial import Failure, Outcome, Suggestion, Trial, TrialState
from searchlab.engine.warm_start import inherit
from searchlab.errors import InputError
from searchlab.journal.events import Asked, Told
from searchlab.journal.home import StudyHome
from searchlab.journal.journal import Journal, read_journal
from searchlab.journal.layout import StudyLayout
from searchlab.journal.record import StudyRecord
from searchlab.testing import entries as make
from searchlab.testing.doubles import STUDY_SPACE, study

DATA = {"name": "iris", "digest": "d1"}


def params(n_hidden=1, n_neurons=8, learning_rate=0.01):
    return {"n_hidden": n_hidden, "n_neurons": n_neurons, "learning_rate": learning_rate}


def complete(number, value, epochs=9, **changes):
    """Return a COMPLETE trial: its suggestion and its outcome."""
    return Suggestion(params(**changes), epochs), Outcome(number, TrialState.COMPLETE, value)


def write(cwd, name, trials=(), data=DATA, model_path=None, **changes):
    """Write a study to `.searchlab/`, as its journal would hold it."""
    home = StudyHome(name, cwd)
    with Journal(home.paths.journal) as journal:
        file = str(cwd / f"{name}.yaml")
        journal.append(make.started(study(name=name, **changes), file=file, data=data))
        journal.append(make.resumed(9))
        for suggestion, outcome in trials:
            journal.append(Asked(Trial(outcome.number, suggestion, 42)))
            journal.append(Told(outcome))
        if model_path is not None:
            (home.directory / model_path).parent.mkdir()
            (home.directory / model_path).write_bytes(b"a model")
            (home.directory / model_path).with_name("model.json").write_text("{}")
            journal.append(make.finished(model_path=model_path))
    return home


def warm(cwd, *names, **changes):
    """Return the trials that a new study inherits through `search.warm_start`."""
    spec = study(name="new", search={"warm_start": list(names)}, **changes)
    return inherit(spec, DATA, StudyHome("new", cwd), None).known


def test_complete_trials_of_all_studies_are_known_best_first(tmp_path):
    """Trials without a value are left out, and equal values keep the order of the studies."""
    write(
        tmp_path,
        "a",
        [
            complete(0, 0.5),
            complete(1, 0.2, n_neurons=9),
            (Suggestion(params(3), 9), Outcome(2, TrialState.PRUNED, 0.1)),
            (Suggestion(params(2), 9), Outcome(3, TrialState.FAIL, error=Failure("E", "no"))),
        ],
    )
    write(tmp_path, "b", [complete(0, 0.3, n_neurons=10), complete(1, 0.2, n_neurons=11)])
    found = warm(tmp_path, "a", "b", "a")
    assert [(each.study, each.number, each.value) for each in found] == [
        ("a", 1, 0.2),
        ("b", 1, 0.2),
        ("b", 0, 0.3),
        ("a", 0, 0.5),
    ]
    assert found[0].params == params(n_neurons=9)


def test_the_highest_is_the_best_where_the_objective_says_so(tmp_path):
    """A maximized objective reverses the order."""
    objective = {"metric": "val_accuracy"}
    write(tmp_path, "a", [complete(0, 0.5), complete(1, 0.9, n_neurons=9)], objective=objective)
    assert [each.value for each in warm(tmp_path, "a", objective=objective)] == [0.9, 0.5]


def test_equal_params_are_known_once_by_their_longest_training(tmp_path):
    """A promoted trial counts instead of its first rung; of two equally long, the better one."""
    first = [complete(0, 0.1, epochs=1), complete(1, 0.4), complete(2, 0.3)]
    write(tmp_path, "a", first)
    (found,) = warm(tmp_path, "a")
    assert (found.number, found.value) == (2, 0.3)


def test_points_that_python_takes_for_equal_are_two(tmp_path):
    """1, 1.0 and true are three choices, as in the space."""
    space = {"x": {"choice": [1, 1.0, True]}}
    trials = [
        (Suggestion({"x": value}, 9), Outcome(number, TrialState.COMPLETE, 0.5))
        for number, value in enumerate([1, 1.0, True])
    ]
    write(tmp_path, "a", trials, space=space)
    found = warm(tmp_path, "a", space=space)
    assert [type(each.params["x"]) for each in found] == [int, float, bool]


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        (
            {
                "space": {
                    **STUDY_SPACE,
                    "n_neurons": {"int": [1, 99]},
                    "dropout": {"float": [0.0, 0.5]},
                }
            },
            "search.warm_start: study a has another search space (it differs in dropout, "
            "n_neurons): .* remove it from search.warm_start",
        ),
        (
            {"space": {**STUDY_SPACE, "n_neurons": {"int": [1, 100], "log": True}}},
            "differs in n_neurons",
        ),
        (
            {"data": {"name": "iris", "digest": "d2"}},
            "study a had other data (iris, with different",
        ),
        ({"objective": {"metric": "val_mae"}}, "has another objective (the lowest val_mae)"),
        (
            {"objective": {"metric": "val_loss2", "direction": "maximize"}},
            "has another objective (the highest val_loss2)",
        ),
    ],
    ids=["params", "scale", "data", "metric", "direction"],
)
def test_a_study_of_something_else_is_refused(tmp_path, changes, message):
    """One line names the study, the difference and the remedy."""
    write(tmp_path, "a", [complete(0, 0.5)], **changes)
    pattern = message.replace("(", r"\(").replace(")", r"\)")
    with pytest.raises(InputError, match=pattern):
        warm(tmp_path, "a")


def test_a_study_that_divides_its_rows_otherwise_is_refused(tmp_path):
    """Scores of a shuffled series say nothing about those of a later time."""
    home = write(tmp_path, "a", [complete(0, 0.5)])
    split = {"dataset": "iris", "split": {"by": "time"}}
    spec = study(name="new", search={"warm_start": ["a"]}, data=split)
    with pytest.raises(InputError, match="study a divides its rows in another way"):
        inherit(spec, DATA, StudyHome("new", home.cwd), None)


def test_studies_differ_in_more_than_is_asked_for_here(tmp_path):
    """Another backend, seed, model, order of params or number of epochs is accepted."""
    changed = dict(reversed(STUDY_SPACE.items()))
    write(
        tmp_path,
        "a",
        [complete(0, 0.5)],
        space=changed,
        search={"backend": "randomized", "trials": 3, "seed": 9},
        training={"epochs": 3},
    )
    assert len(warm(tmp_path, "a")) == 1


@pytest.mark.parametrize("key", ["search.warm_start", "model.initial_weights"])
def test_a_study_that_is_not_there_is_named_with_its_key(tmp_path, key):
    """The usual error about missing studies also names the key."""
    write(tmp_path, "a")
    wanted = {"search": {"warm_start": ["aa"]}}
    if key == "model.initial_weights":
        wanted = {"model": {"factory": "mlp", "initial_weights": "aa"}}
    with pytest.raises(InputError, match=f"{key}: there is no study 'aa'.*there is: a"):
        inherit(study(name="new", **wanted), DATA, StudyHome("new", tmp_path), None)


def test_a_resumed_study_knows_what_it_knew(tmp_path):
    """The record of its start is used; the other studies may have changed or be gone."""
    home = write(tmp_path, "a", [complete(0, 0.5)])
    known = warm(tmp_path, "a")
    spec = study(name="new", search={"warm_start": ["a"]})
    with Journal(tmp_path / "journal.jsonl") as journal:
        journal.append(make.started(spec, known=known))
    shutil.rmtree(home.directory)
    started = StudyRecord(read_journal(tmp_path / "journal.jsonl")).started
    assert inherit(spec, DATA, StudyHome("new", tmp_path), started).known == known != ()


WEIGHTS = study(name="new", model={"factory": "mlp", "initial_weights": {"study": "a"}})


def test_the_other_studys_model_is_copied(tmp_path):
    """The copy outlives the other study and must stay unchanged, code included."""
    home, other = StudyHome("new", tmp_path), write(tmp_path, "a", model_path="best/model.keras")
    code = other.directory / "best" / "code" / "nets" / "own.py"
    code.parent.mkdir(parents=True)
    code.write_text("units = 3")
    initial = inherit(WEIGHTS, DATA, home, None).initial
    shutil.rmtree(other.directory)
    copy = StudyLayout(home.directory).initial
    assert (copy / "model.keras").read_bytes() == b"a model"
    assert (copy / "code" / "nets" / "own.py").read_text() == "units = 3"
    started = make.started(WEIGHTS, initial=initial)
    assert inherit(WEIGHTS, DATA, home, started).initial == initial
    for name in ("code/nets/own.py", "model.keras"):
        before = (copy / name).read_bytes()
        for spoil in (lambda file: file.write_bytes(b"another"), lambda file: file.unlink()):
            spoil(copy / name)
            with pytest.raises(
                InputError, match=r"initial: the model, or its code, has changed since"
            ):
                inherit(WEIGHTS, DATA, home, started)
        (copy / name).write_bytes(before)
    inherit(WEIGHTS, DATA, home, started)


def test_a_study_without_a_model_gives_no_weights(tmp_path):
    """A study that has not finished is reported, and nothing is copied."""
    write(tmp_path, "a", [complete(0, 0.5)])
    home = StudyHome("new", tmp_path)
    with pytest.raises(InputError, match="study a has no model: run it to its end first"):
        inherit(WEIGHTS, DATA, home, None)
    assert not home.directory.exists()
