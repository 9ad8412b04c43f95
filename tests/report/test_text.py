"""The output of `run`, `show`, `list` and `best` about a study."""

from __future__ import annotations

import io
import json
import math
from dataclasses import replace
from pathlib import Path

import pytest
import yaml
from rich.console import Console, RenderableType

from searchlab.core import wording
from searchlab.core.domains import Scalar
from searchlab.core.state import StudyState
from searchlab.core.trial import Failure, Outcome, TrialState
from searchlab.core.verdict import Alias
from searchlab.journal.events import (
    Compared,
    Event,
    Stopped,
    Told,
)
from searchlab.journal.ids import Registration, StudyIds
from searchlab.journal.record import StudyRecord
from searchlab.report.brief import brief_of
from searchlab.report.html.report import report_page
from searchlab.report.json import show_json, study_json
from searchlab.report.tables import list_table, show_table
from searchlab.report.text import _yaml, best_text, place_text, summary
from searchlab.study.ending import Ending
from searchlab.study.spec import StudySpec
from searchlab.testing import entries as make

DIRECTORY = Path("studies-home") / "tiny"
PARAMS = {"n_hidden": 2, "learning_rate": 0.0123456789, "activation": "on"}


IDS = StudyIds(
    uri="sqlite:///mlflow.db",
    experiment_id="1",
    run_id="study-run",
    trials={0: "run-zero"},
    sent=9,
    model_id="m-1",
    registered=Registration(
        "houses", "2", Alias.CANDIDATE, "0.3 is no better than 0.25 of version 1"
    ),
)


def record(*outcomes: Outcome, then: tuple[Event, ...] = (), running: int = 0) -> StudyRecord:
    """Return a study of ten trials: these outcomes, then running trials, then more events."""
    spec = StudySpec.model_validate_json(
        json.dumps(
            {
                "name": "tiny",
                "data": {"dataset": "iris"},
                "space": {
                    "n_hidden": {"int": [0, 3]},
                    "learning_rate": {"float": [0.0001, 0.1]},
                    "activation": {"choice": ["on", "off"]},
                },
                "search": {"trials": 10},
            }
        )
    )
    events: list[Event] = [make.started(spec), make.resumed(10)]
    for number in range(len(outcomes) + running):
        events.append(make.asked(number, PARAMS, epochs=20))
    return make.record(*events, *map(Told, outcomes), *then)


def complete(number: int, value: float) -> Outcome:
    """Return a COMPLETE outcome."""
    return Outcome(number, TrialState.COMPLETE, value, scores=(value,), epochs=7, seconds=1.5)


def failed(number: int, message: str) -> Outcome:
    """Return a FAIL outcome."""
    return Outcome(number, TrialState.FAIL, error=Failure("ValueError", message, "..."))


def rendered(renderable: RenderableType, width: int = 160) -> str:
    """Return the output in a terminal of this width, without colors."""
    console = Console(file=io.StringIO(), width=width)
    console.print(renderable, soft_wrap=not hasattr(renderable, "__rich_console__"))
    assert isinstance(console.file, io.StringIO)
    return console.file.getvalue()


def test_json_has_the_study_with_its_best() -> None:
    """The JSON object has the best trial with exact params, and the paths of all files."""
    stopped = make.finished(12.5, 0, {"loss": 0.25}, "best/model.keras", memory=3_000_000)
    study = record(complete(0, 0.2), complete(1, 0.3), then=(stopped,))
    assert study_json(study, IDS, DIRECTORY) == {
        "name": "tiny",
        "backend": "optuna",
        "state": "finished",
        "trials_by_state": {"COMPLETE": 2},
        "best": {"number": 0, "value": 0.2, "params": PARAMS},
        "winner": 0,
        "confirmed": [],
        "baselines": {},
        "metric": "val_loss",
        "direction": "minimize",
        "epochs": 14,
        "seconds": 12.5,
        "memory": 3_000_000,
        "tracking_uri": "sqlite:///mlflow.db",
        "experiment_id": "1",
        "run_id": "study-run",
        "registered": {
            "name": "houses",
            "version": "2",
            "alias": "candidate",
            "reason": "0.3 is no better than 0.25 of version 1",
        },
        "model_path": str(DIRECTORY / "best/model.keras"),
        "measured": "test",
        "test": {"loss": 0.25},
        "findings": [],
    }


def test_json_without_anything_yet_is_null_not_absent() -> None:
    """A study without a best trial or MLflow ids has the same keys, with null."""
    values = study_json(record(), None, DIRECTORY)
    assert values.keys() == study_json(record(complete(0, 1.0)), IDS, DIRECTORY).keys()
    for key in ("best", "tracking_uri", "experiment_id", "run_id", "registered", "model_path"):
        assert values[key] is None


def test_json_never_has_nan() -> None:
    """Values that are not finite become null, in trials and in the test."""
    pruned = Outcome(0, TrialState.PRUNED, math.nan, scores=(math.inf, 1.0))
    stopped = Stopped(StudyState.FAILED, 1.0, None, {"loss": math.nan})
    values = show_json(record(pruned, then=(stopped,)), None, DIRECTORY)
    assert json.loads(json.dumps(values, allow_nan=False))["test"] == {"loss": None}
    assert (values["trials"][0]["value"], values["trials"][0]["scores"]) == (None, [None, 1.0])


def test_json_lists_the_trials_by_number() -> None:
    """Each trial has its state, run and one-line error; a running one has no seconds."""
    study = record(failed(0, "two\nlines"), complete(1, 0.5), running=1)
    trials = show_json(study, IDS, DIRECTORY)["trials"]
    assert [trial["state"] for trial in trials] == ["FAIL", "COMPLETE", "RUNNING"]
    assert trials[0]["error"] == "ValueError: two lines"
    assert [trial["run_id"] for trial in trials] == ["run-zero", None, None]
    assert [trial["seconds"] for trial in trials] == [0.0, 1.5, None]
    assert trials[1].keys() == trials[2].keys() == {
        "number", "state", "params", "value", "epochs", "seconds", "run_id", "error", "scores",
        "unfused",
    }  # fmt: skip


def test_what_a_store_took_later_is_told_later() -> None:
    """Only lines that a summary lacked are added to it: the place, the registration, or none."""
    stopped = make.finished(125.0, 0, {"loss": 0.25}, "best/model.keras")
    study = record(complete(0, 0.2), then=(stopped,))
    whole = rendered(place_text(study, IDS, None))
    assert whole.splitlines()[0].split() == ["MLflow", "run", "study-run", "in", IDS.uri]
    later = rendered(place_text(study, IDS, replace(IDS, registered=None)))
    assert later == whole.partition("\n")[2]
    assert "houses version 2" in later
    assert not place_text(study, IDS, IDS)
    assert not place_text(study, None, None)


def test_summary_of_a_finished_study() -> None:
    """It has the best value and params, the test, the model and the next commands."""
    stopped = make.finished(125.0, 0, {"loss": 0.25}, "best/model.keras")
    text = rendered(summary(record(complete(0, 0.2), then=(stopped,)), IDS, DIRECTORY))
    for part in (
        "study tiny finished",
        "1 COMPLETE",
        "val_loss 0.2 in trial 0",
        "learning_rate  0.01235",
        "loss 0.25",
        "7 model-epochs in 2 min 05 s",
        str(DIRECTORY / "best/model.keras"),
        "run study-run in sqlite:///mlflow.db",
        "houses version 2, candidate: 0.3 is no better than 0.25 of version 1",
        "searchlab promote tiny",
        "searchlab predict tiny",
    ):
        assert part in text


def confirmed_record() -> StudyRecord:
    """Return a study in which trial 1, second in the search, is best with fresh seeds."""
    spec = record().spec
    events: list[Event] = [make.started(spec), make.resumed(2, ending=Ending(top=2, seeds=2))]
    for number, value in enumerate((0.2, 0.3)):
        params = {**PARAMS, "n_hidden": number}
        events.append(make.asked(number, params, epochs=20))
        events.append(Told(complete(number, value)))
    for number, seed, value in ((0, 43, 0.5), (0, 44, 0.7), (1, 43, 0.375), (1, 44, 0.125)):
        events.append(make.confirmed(number, seed, value))
    events.append(Compared("linear", {"loss": 0.75}))
    events.append(Compared("boosting", error=Failure("MemoryError", "[red]too large")))
    path = "refit/model.keras"
    events.append(make.finished(9.0, 0, {"loss": 0.28, "mae": 0.4}, path, winner=1, epochs=7))
    return make.record(*events)


def test_summary_has_search_confirmed_and_test_score_side_by_side() -> None:
    """The winner with all three scores comes first, then the others with two, then baselines."""
    text = rendered(summary(confirmed_record(), None, DIRECTORY))
    lines = [" ".join(line.split()) for line in text.splitlines()]
    first = lines.index(
        "confirmed 0.25 ± 0.18 (2 seeds) in the search 0.3 on the test rows 0.28 trial 1"
    )
    assert lines[first - 1] == "best val_loss 0.2 in trial 0"
    assert lines[first + 1] == "0.6 ± 0.14 (2 seeds) in the search 0.2 trial 0"
    assert lines[first + 2] == "params n_hidden 1", "the winner's"
    baselines = lines.index("baselines linear regression loss 0.75")
    assert lines[baselines + 1] == "histogram gradient boosting MemoryError: [red]too large"
    assert lines[baselines - 1] == "test loss 0.28 mae 0.4"


def test_summary_says_why_there_was_no_refit() -> None:
    """The reason has its own line, in the terminal as on the page."""
    error = Failure("FloatingPointError", "[red]diverged")
    stopped = make.finished(1.0, 0, {"loss": 0.3}, "best/model.keras", refit_error=error)
    study = record(complete(0, 0.2), then=(stopped,))
    assert "FloatingPointError: [red]diverged" in rendered(summary(study, None, DIRECTORY))
    assert "its refit failed: FloatingPointError: [red]diverged" in report_page(study)


def test_json_has_confirmation_and_baselines() -> None:
    """It has all confirmations, best first, and the result of each baseline."""
    values = study_json(confirmed_record(), None, DIRECTORY)
    assert (values["best"]["number"], values["winner"]) == (0, 1)
    first, second = values["confirmed"]
    assert (first["number"], first["search"], first["mean"]) == (1, 0.3, 0.25)
    assert first["scores"] == [0.375, 0.125]
    assert second["spread"] == pytest.approx(0.1414, rel=1e-3)
    assert values["baselines"]["linear"]["metrics"] == {"loss": 0.75}
    assert values["baselines"]["boosting"]["error"] == "MemoryError: [red]too large"


def test_best_is_the_winners() -> None:
    """The params to paste are those of the winner, with its scores."""
    text = best_text(confirmed_record(), DIRECTORY).plain
    assert yaml.safe_load(text)["n_hidden"] == 1
    assert "# confirmed: 0.25 ± 0.18 (2 seeds)" in text


@pytest.mark.parametrize("then", [(make.interrupted(3.0),), ()])
def test_summary_of_an_unfinished_study_says_how_to_continue(then: tuple[Event, ...]) -> None:
    """An interrupted study and one whose process died name the command that continues them."""
    study = record(complete(0, 0.2), running=1, then=then)
    text = rendered(summary(study, None, DIRECTORY, Path("studies/tiny.yaml")))
    assert "searchlab run studies/tiny.yaml" in text
    assert ("1 unfinished" in text) == bool(then)


def test_summary_counts_the_reasons_of_failure() -> None:
    """The most frequent reason comes first, as written; the number of reasons is limited."""
    messages = ["rare", "[red]often[/red]\x1b[2J", "[red]often[/red]\x1b[2J", "c", "d"]
    study = record(*(failed(number, message) for number, message in enumerate(messages)))
    text = rendered(summary(study, None, DIRECTORY))
    lines = [line for line in text.splitlines() if "ValueError" in line]
    assert "2 x ValueError: [red]often[/red] [2J  (trial 1, 2)" in lines[0]
    assert "\x1b" not in text
    assert len(lines) == 3
    assert "and 1 other reasons" in text


def test_summary_says_once_why_trials_were_trained_one_by_one() -> None:
    """Each reason appears once with its count, most frequent first; without any, no line."""
    often, rare = "a layer of the model (LayerNormalization)\x1b[2J", "its optimizer (Ftrl)"
    reasons = [rare, None, often, often, None, "c", "d", "d"]
    outcomes = [replace(complete(n, 0.5), unfused=why) for n, why in enumerate(reasons)]
    text = rendered(summary(record(*outcomes), None, DIRECTORY))
    lines = [line.split("unfused")[-1].strip() for line in text.splitlines() if "one by" in line]
    assert lines == [
        "2 of 8 trials were trained one by one: a layer of the model (LayerNormalization) [2J",
        "2 of 8 trials were trained one by one: d",
        "1 of 8 trials were trained one by one: its optimizer (Ftrl)",
    ]
    assert "and 1 other reasons" in text
    assert "unfused" not in rendered(summary(record(complete(0, 0.5)), None, DIRECTORY))
    trials = show_json(record(*outcomes), None, DIRECTORY)["trials"]
    assert [trial["unfused"] for trial in trials] == reasons


def test_table_has_a_column_a_param_where_there_is_room() -> None:
    """On a wide terminal each param has a column; on a narrow one all share one; none is lost."""
    study = record(complete(0, 0.3), complete(1, 0.2), failed(2, "no"))
    wide = rendered(show_table(study)).splitlines()
    narrow = rendered(show_table(study), width=66)
    assert wide[0].split() == ["trial", "state", "val_loss", *PARAMS, "epochs", "time"]
    assert wide[3].split()[:4] == ["*", "1", "COMPLETE", "0.2"]
    assert "*" not in wide[2]
    assert "learning_rate=0.01235" in narrow
    assert max(map(len, narrow.splitlines())) <= 66


def test_table_in_a_pipe_has_a_line_a_trial() -> None:
    """In a pipe a table is as wide as needed, so that `grep` finds whole trials."""
    console = Console(file=io.StringIO(), width=40, soft_wrap=True)
    console.print(show_table(record(complete(0, 0.3), complete(1, 0.2))))
    assert isinstance(console.file, io.StringIO)
    lines = console.file.getvalue().splitlines()
    assert len(lines) == 4
    assert lines[2].split() == ["0", "COMPLETE", "0.3", "2", "0.01235", "on", "7", "1.5", "s"]


@pytest.mark.parametrize("width", [80, 160])
def test_list_has_each_study(width: int) -> None:
    """It has each study's name, progress, best value, data set and cluster, at any width."""
    here, away = (brief_of(each, DIRECTORY) for each in (record(complete(0, 0.2)), record()))
    text = rendered(list_table([(here, ""), (away, "head:6379")]), width)
    for part in ("head:6379", "tiny", "optuna", "running", "1/10", "0/10", "val_loss 0.2", "iris"):
        assert part in text


def test_best_is_yaml_with_the_exact_params() -> None:
    """The output of `best` is YAML that reads back as the params, with types and all digits."""
    stopped = make.finished(1.0, 0, {}, "best/model.keras")
    text = best_text(record(complete(0, 0.2), then=(stopped,)), DIRECTORY).plain
    assert yaml.safe_load(text) == PARAMS
    assert f"# model: {DIRECTORY / 'best/model.keras'}" in text


def test_best_of_no_complete_trial_is_a_comment() -> None:
    """Without a COMPLETE trial, a comment replaces the params and names the remedy."""
    text = best_text(record(failed(0, "no")), DIRECTORY).plain
    assert yaml.safe_load(text) is None
    assert "searchlab show tiny" in text


@pytest.mark.parametrize(
    ("value", "text"),
    [(0.0142523, "0.01425"), (3.2e-05, "3.2e-05"), (2891.42, "2891"), (123456.7, "123457"),
     (-0.5, "-0.5"), (None, "-")],
)  # fmt: skip
def test_numbers_are_short(value: float | None, text: str) -> None:
    """Numbers have four significant digits and are never rounded before the decimal point."""
    assert wording.number_text(value) == text


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(0.04, "0.0 s"), (59.94, "59.9 s"), (59.96, "1 min 00 s"), (3599.6, "1 h 00 min"),
     (11220, "3 h 07 min")],
)  # fmt: skip
def test_durations_carry_over(seconds: float, text: str) -> None:
    """A duration never reads 60 seconds or 60 minutes."""
    assert wording.duration_text(seconds) == text


@pytest.mark.parametrize("value", [1e-05, 1e22, 3, True, None, "1e5", "yes", "a: b"])
def test_scalars_survive_any_yaml(value: Scalar) -> None:
    """A pasted param keeps its type and value even in a YAML 1.1 reader."""
    read = yaml.safe_load(f"x: {_yaml(value)}")["x"]
    assert (type(read), read) == (type(value), value)


def test_losses_of_a_transformed_target_are_labelled_and_odd_values_questioned() -> None:
    """The units stand beside the loss; an R2 above 1 is questioned; else neither is there."""
    study = record(complete(0, 0.2), then=(make.finished(1.0, 0, {"loss": 0.3, "r2": 1.8}, "m"),))
    assert "question" in rendered(summary(study, None, DIRECTORY))
    assert "r2 is 1.8, and cannot be above 1" in rendered(summary(study, None, DIRECTORY))
    assert "transformed" not in rendered(summary(study, None, DIRECTORY))
    assert study.started is not None
    data = {**study.started.data, "target_transform": "standardised (mean 9)", "target_why": "far"}
    study.started = replace(study.started, data=data)
    shown = rendered(summary(study, None, DIRECTORY))
    assert "val_loss (of the transformed target) 0.2 in trial 0" in shown
    assert "standardised (mean 9), because far; losses are in these units" in shown
    assert "loss (of the transformed target)" in report_page(study)
