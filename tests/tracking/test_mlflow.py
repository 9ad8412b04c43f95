"""The MLflow tracker against real stores: SQLite, and servers that come and go."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
import time
from collections import Counter
from dataclasses import replace
from pathlib import Path

import mlflow
import numpy as np
import pandas as pd
import pytest
from mlflow import MlflowClient
from support import programs
from support.mlflow_server import Server
from support.stores import artifacts, history, page, put_model, runs, track

from searchlab.core.codec import encode
from searchlab.data.findings import Finding
from searchlab.data.preprocessing import load_preprocessing
from searchlab.data.understood import Profile, write_profile
from searchlab.errors import TrackingError
from searchlab.journal.layout import StudyLayout
from searchlab.report.html.report import report_page
from searchlab.testing import entries as make
from searchlab.tracking.mlflow.address import redact, resolve_uri
from searchlab.tracking.mlflow.state import read_ids
from searchlab.tracking.mlflow.tracker import MlflowTracker


def picture(uri):
    """Return everything that the store shows, without the ids of runs."""
    return {
        name: (run.info.status, run.data.params, run.info.end_time, history(uri, run))
        for name, run in runs(uri).items()
    }


def test_a_study_becomes_a_run_with_a_nested_run_for_each_trial(uri, home):
    """Runs, their nesting, statuses, times, params and tags match the journal."""
    tracker = track(uri, home, make.small_study())
    assert (tracker.pending, tracker.problem) == (0, None)
    found = runs(uri)
    parent = found["housing"]
    assert {name: run.info.status for name, run in found.items()} == {
        "housing": "FINISHED",
        "trial-0000": "FINISHED",
        "trial-0001": "KILLED",
        "trial-0002": "FAILED",
        "trial-0003": "FINISHED",
    }
    best = found["trial-0003"]
    assert best.data.params == {"units": "11", "rate": "0.004", "norm": "True"}
    assert best.data.tags["mlflow.parentRunId"] == parent.info.run_id
    assert best.info.end_time - best.info.start_time == 5000
    assert found["trial-0002"].data.tags["searchlab.error"] == "ValueError: units must be above 0"
    error = MlflowClient(uri).download_artifacts(found["trial-0002"].info.run_id, "error.txt")
    assert Path(error).read_text() == make.FAILURE.traceback
    ids = read_ids(home)
    assert ids.run_id == parent.info.run_id
    assert ids.trials[3] == best.info.run_id
    assert ids.sent == len(make.small_study())


def test_metrics_of_a_hold_out_have_a_step_an_epoch(uri, home):
    """A hold-out's curves have Keras' names and one point per epoch, at the time of the report."""
    track(uri, home, make.small_study())
    run = runs(uri)["trial-0000"]
    points = MlflowClient(uri).get_metric_history(run.info.run_id, "val_loss")
    assert [(point.step, point.value) for point in points] == [(1, 2.0), (2, 1.0), (3, 2 / 3)]
    assert points[0].timestamp == int((make.BEGIN + 3 * 1.25) * 1000)
    own = {name: value for name, value in run.data.metrics.items() if "loss" not in name}
    assert own == {"objective": 0.5, "duration": 1.5, "epochs": 3, "score/val_mae_1_": 0.25}


def test_metrics_of_folds_are_told_apart(uri, home):
    """Each fold has its own curves, so that no step of a curve occurs twice."""
    track(uri, home, make.small_study(folds=3))
    run = runs(uri)["trial-0003"]
    curves = {name for name in run.data.metrics if name.endswith("/val_loss") and "fold" in name}
    assert curves == {"fold_0/val_loss", "fold_1/val_loss", "fold_2/val_loss"}
    assert "val_loss" not in run.data.metrics
    steps = Counter((name, step) for name, step, _, _ in history(uri, run).elements())
    assert set(steps.values()) == {1}


def test_points_that_are_not_finite_are_left_out_and_named(uri, home):
    """NaN and infinity, which MLflow stores as 1.8e308, become a tag instead."""
    track(uri, home, make.small_study())
    run = runs(uri)["trial-0002"]
    assert "loss" not in run.data.metrics
    assert run.data.tags["searchlab.non_finite"] == "loss from step 1; val_loss from step 1"


def test_the_study_run_shows_settings_results_data_and_files(uri, home, monkeypatch):
    """The study's run alone shows the space, the data and the results."""
    track(uri, home, make.small_study())
    run = runs(uri)["housing"]
    assert {"backend": "random", "epochs": "3", "seed": "7"}.items() <= run.data.params.items()
    expected = {"objective": 0.25, "test/loss": 0.3, "trials/complete": 2, "trials/fail": 1}
    assert expected.items() <= run.data.metrics.items()
    assert run.data.tags["best.units"] == "11"
    assert run.data.tags["searchlab.best_trial"] == "3"
    assert "trial 3" in run.data.tags["mlflow.note.content"]
    dataset = run.inputs.dataset_inputs[0].dataset
    assert (dataset.name, len(dataset.digest)) == ("california", 36)
    assert json.loads(dataset.profile)["rows"] == 20640
    expected = {"study.yaml", "trials.json", "trials.csv", "report.html"}
    assert artifacts(uri, run.info.run_id) >= expected
    monkeypatch.setenv("MLFLOW_TRACKING_URI", uri)  # load_table reads this, not its client's URI
    table = MlflowClient(uri).load_table(run.info.experiment_id, "trials.json", [run.info.run_id])
    assert list(table["state"]) == ["COMPLETE", "PRUNED", "FAIL", "COMPLETE"]
    assert list(table["units"]) == [8, 9, 10, 11]


def test_the_study_run_shows_how_its_data_were_understood(uri, home):
    """The whole profile is a file, and findings are in the description and in a tag."""
    odd = Finding("leak", ("boat",), "column 'boat' predicts the target: drop it")
    parts = {"train": 6, "validation": 2, "test": 2}
    write_profile(StudyLayout(home).profile, Profile("p.csv", 10, parts, (1,), (), (), (odd,)))
    first, *rest = make.small_study()
    data = {**first.event.data, "findings": [encode(odd)]}
    track(uri, home, [replace(first, event=replace(first.event, data=data)), *rest])
    run = runs(uri)["housing"]
    assert "data.json" in artifacts(uri, run.info.run_id)
    assert run.data.tags["searchlab.findings"] == "leak"
    assert f"- {odd.message}" in run.data.tags["mlflow.note.content"]


def test_what_a_backend_sets_about_epochs_becomes_tags(uri, home):
    """A promotion names the trial and epoch that it continues from."""
    events = [make.started(make.spec()), make.RESUMED, *make.trial(0)]
    events += [make.asked(1, epochs=9, initial_epoch=3, resume_from=0)]
    track(uri, home, make.timed(*events))
    tags = runs(uri)["trial-0001"].data.tags
    assert tags["searchlab.epochs"] == "9"
    assert tags["searchlab.initial_epoch"] == "3"
    assert tags["searchlab.resume_from"] == "0"
    assert "searchlab.epochs" not in runs(uri)["trial-0000"].data.tags


@pytest.mark.parametrize("memory", ["lost", "damaged", "old"])
def test_sending_again_changes_nothing(uri, home, memory):
    """A crash before a sending is recorded, or a lost note, duplicates and loses nothing."""
    entries = make.small_study(folds=2)
    track(uri, home, entries[:9])
    old = (home / "mlflow.jsonl").read_text()
    track(uri, home, entries[9:], before=entries[:9])
    once = picture(uri)
    if memory == "lost":
        (home / "mlflow.jsonl").unlink()
    else:
        (home / "mlflow.jsonl").write_text(old if memory == "old" else old[:-5])
    assert track(uri, home, [], before=entries).pending == 0
    assert picture(uri) == once
    assert all(count == 1 for _, _, _, points in once.values() for count in points.values())


@pytest.mark.parametrize("call", ["create_run", "log_batch", "set_terminated", "delete_run"])
def test_a_call_whose_answer_is_lost_is_not_done_twice(uri, home, call, monkeypatch):
    """If the store accepts a call but its answer is lost, retrying stores nothing twice."""
    events = [make.started(make.spec()), make.RESUMED, make.asked(0), make.reported(0, 1)]
    events += [make.RESUMED, *make.trial(0)[1:], *make.trial(1)]
    entries = make.timed(*events, make.finished(1.0, 0))
    track(uri, home, entries[:4])
    real, failed = getattr(MlflowClient, call), []

    def fails_every_other_time(self, *args, **kwargs):
        answer = real(self, *args, **kwargs)
        if len(failed) < 2:
            failed.append(call)
            raise ConnectionError("the answer was lost")
        return answer

    monkeypatch.setattr(MlflowClient, call, fails_every_other_time)
    tracker = track(uri, home, entries[4:], before=entries[:4])
    assert failed
    assert tracker.pending == 0
    found = picture(uri)
    assert set(found) == {"housing", "trial-0000", "trial-0001"}
    curve = [point for point in found["trial-0000"][3].elements() if point[0] == "loss"]
    assert sorted(step for _, step, _, _ in curve) == [1, 2, 3]


def test_an_interrupted_trial_starts_anew_in_a_run_of_its_own(uri, home):
    """An interrupted run is KILLED and later replaced, so that only one attempt's curve shows."""
    first = [make.started(make.spec()), make.RESUMED, *make.trial(0)]
    first += [
        make.asked(1),
        make.reported(1, 1),
        make.reported(1, 2),
        make.interrupted(5.0),
    ]
    entries = make.timed(*first)
    track(uri, home, entries)
    assert runs(uri)["trial-0001"].info.status == "KILLED"
    assert runs(uri)["housing"].info.status == "KILLED"
    again = make.timed(make.RESUMED, make.reported(1, 1, loss=0.7), begin=entries[-1].time + 1000)
    track(uri, home, again, before=entries)
    found = runs(uri)
    assert found["trial-0001"].info.status == found["housing"].info.status == "RUNNING"
    loss = [point for point in history(uri, found["trial-0001"]) if point[0] == "loss"]
    assert [(step, value) for _, step, _, value in loss] == [(1, 0.7)]
    assert found["trial-0000"].info.status == "FINISHED"


def test_an_extended_study_shows_its_new_best(uri, home):
    """The params of the best are replaced, stale ones included; the data set stays a single one."""
    events = [make.started(make.spec()), make.RESUMED, *make.trial(2, value=0.5)]
    entries = make.timed(*events, make.finished(3.0, 2))
    track(uri, home, entries)
    assert runs(uri)["housing"].data.tags["best.momentum"] == "0.5"
    more = [make.RESUMED, *make.trial(3, value=0.1), make.finished(3.0, 3)]
    track(uri, home, make.timed(*more, begin=entries[-1].time + 9), before=entries)
    run = runs(uri)["housing"]
    assert run.data.tags["searchlab.best_trial"] == "3"
    assert "best.momentum" not in run.data.tags
    assert run.data.metrics["trials/complete"] == 2
    assert len(run.inputs.dataset_inputs) == 1
    assert run.info.status == "FINISHED"


def test_studies_of_one_name_have_runs_of_their_own(uri, tmp_path):
    """Another directory's study of the same name is another study, and stays as it is."""
    for place in ("a", "b"):
        (tmp_path / place).mkdir()
        events = [make.started(make.spec(), id=place), make.RESUMED, *make.trial(0)]
        track(uri, tmp_path / place, make.timed(*events))
    one, other = read_ids(tmp_path / "a"), read_ids(tmp_path / "b")
    assert one.run_id != other.run_id
    assert one.trials[0] != other.trials[0]


def test_another_store_gets_the_whole_study(uri, home, database, tmp_path):
    """A study that moves to another store is sent there in full, not only its rest."""
    entries = make.small_study()
    track(uri, home, entries[:8])
    (tmp_path / "other").mkdir()
    shutil.copy(database, tmp_path / "other" / "mlflow.db")
    other = resolve_uri(None, tmp_path / "other")
    track(other, home, entries[8:], before=entries[:8])
    assert len(runs(other)) == 5
    assert read_ids(home).uri == other


def test_a_deleted_study_is_sent_again(uri, home):
    """If the study's run was deleted, the next process creates a new one with everything."""
    entries = make.small_study()
    track(uri, home, entries[:-1])
    MlflowClient(uri).delete_run(read_ids(home).run_id)
    deleted = set(read_ids(home).trials.values())
    for run_id in deleted:
        MlflowClient(uri).delete_run(run_id)
    track(uri, home, entries[-1:], before=entries[:-1])
    assert len(runs(uri)) == 5
    assert deleted.isdisjoint(read_ids(home).trials.values())


def test_more_values_than_one_call_takes_all_arrive(uri, home):
    """MLflow's limit of 1000 metrics per call loses no point."""
    events = [make.started(make.spec()), make.RESUMED, make.asked(0)]
    events += [make.reported(0, epoch) for epoch in range(1, 1301)]
    track(uri, home, make.timed(*events, make.told(0)))
    assert len(MlflowClient(uri).get_metric_history(read_ids(home).trials[0], "loss")) == 1300


def test_a_dead_server_holds_nothing_up_and_loses_nothing(uri, home):
    """Without a server, recording continues, close gives up, and the next process sends it all."""
    entries = make.small_study()
    begun = time.monotonic()
    tracker = MlflowTracker("http://me:s3cret@127.0.0.1:9", home)
    tracker.replay([])
    for entry in entries[:-1]:
        tracker.record(entry)
    recorded = time.monotonic() - begun
    while tracker.problem is None:
        time.sleep(0.05)
    begun = time.monotonic()
    tracker.close()
    assert recorded < 60, "MLflow itself would ask again for minutes"
    assert time.monotonic() - begun < 60
    assert tracker.pending == len(entries) - 1
    assert "s3cret" not in tracker.problem
    assert not (home / "mlflow.jsonl").exists()
    assert track(uri, home, entries[-1:], before=entries[:-1]).pending == 0
    assert len(runs(uri)) == 5


@pytest.mark.parametrize(
    ("uri", "shown"),
    [
        ("http://me:s3cret@host:5000/path", "http://me:***@host:5000/path"),
        ("postgresql+psycopg2://me:a%40b@db/x", "postgresql+psycopg2://me:***@db/x"),
        ("postgresql://db/x?user=me&password=s3cret", "postgresql://db/x?user=me&password=***"),
        ("sqlite:////a/mlflow.db", "sqlite:////a/mlflow.db"),
        ("https://me@host", "https://me@host"),
    ],
)
def test_redact_hides_passwords_only(uri, shown):
    """Passwords are hidden in every form of URI; the rest is shown."""
    assert redact(uri) == shown


def test_resolve_uri_prefers_the_option_then_the_environment(tmp_path, monkeypatch):
    """The option overrides the variable, which overrides the file in the working directory."""
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    assert resolve_uri(None, tmp_path) == f"sqlite:///{tmp_path}/mlflow.db"
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "http://server:5000/")
    assert resolve_uri(None, tmp_path) == "http://server:5000"
    assert resolve_uri("sqlite:///sub/x.db", tmp_path) == f"sqlite:///{tmp_path}/sub/x.db"


@pytest.mark.parametrize("uri", ["./mlruns", "file:///mlruns", "ftp://host", "sqlite:///"])
def test_a_uri_that_mlflow_has_no_store_for_is_refused(uri, tmp_path):
    """Such a URI is rejected before anything is trained, with a remedy."""
    with pytest.raises(TrackingError, match=r"such as|give the address"):
        resolve_uri(uri, tmp_path)


def test_importing_the_tracker_does_not_import_mlflow():
    """Studies start at once because the outbox's thread imports MLflow."""
    code = "import sys, searchlab.tracking.mlflow.tracker\n"
    code += "print({'mlflow', 'optuna'} & {*sys.modules})"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "set()"


@pytest.mark.slow
def test_processes_that_start_at_once_share_a_new_store(tmp_path):
    """Three first studies in an empty directory all arrive in one experiment."""
    code = (
        "import sys; from pathlib import Path; from searchlab.testing import entries as make;"
        "sys.path.append(sys.argv[4]); from support.stores import track;"
        "home = Path(sys.argv[2]); home.mkdir();"
        "begun = make.started(make.spec(), id=sys.argv[3]);"
        "entries = make.timed(begun, make.RESUMED, *make.trial(0), begin=float(sys.argv[3]));"
        "assert track(sys.argv[1], home, entries, drain_seconds=200).pending == 0"
    )
    uri = resolve_uri(f"sqlite:///{tmp_path}/mlflow.db", tmp_path)
    tests = Path(__file__).parents[1]
    processes = [
        programs.Program(tmp_path, code, uri, tmp_path / str(n), n, tests, module="-c", silent=True)
        for n in range(3)
    ]
    assert [process.wait() for process in processes] == [0] * 3
    assert len({read_ids(tmp_path / str(n)).run_id for n in range(3)}) == 3
    assert len({read_ids(tmp_path / str(n)).experiment_id for n in range(3)}) == 1


@pytest.fixture
def folder(database, tmp_path):
    """A directory with an empty store, in which a server can start."""
    shutil.copy(database, tmp_path / "mlflow.db")
    return tmp_path


@pytest.mark.slow
def test_a_server_that_dies_and_returns_gets_everything_once(folder, home):
    """A server killed during a study and restarted neither loses nor duplicates anything."""
    entries = make.small_study(folds=2)
    server = Server(folder)
    try:
        tracker = MlflowTracker(server.uri, home, drain_seconds=120, render=page)
        tracker.replay([])
        for entry in entries[:9]:
            tracker.record(entry)
        while read_ids(home) is None:
            time.sleep(0.05)
        server.kill()
        for entry in entries[9:20]:
            tracker.record(entry)
        while tracker.problem is None:
            time.sleep(0.05)
        server.start()
        for entry in entries[20:]:
            tracker.record(entry)
        tracker.close()
        assert tracker.pending == 0
        found = picture(server.uri)
        run_id = read_ids(home).run_id
        assert "report.html" in artifacts(server.uri, run_id)
    finally:
        server.kill()
    direct = f"sqlite:///{folder / 'direct.db'}"
    (folder / "again").mkdir()
    track(direct, folder / "again", entries)
    assert found == picture(direct)


@pytest.mark.slow
def test_a_plain_mlflow_ui_shows_the_embedded_store(folder, home):
    """`mlflow ui` in the study's working directory lists and serves the artifacts."""
    uri = f"sqlite:///{folder}/mlflow.db"
    assert track(uri, home, make.small_study(), render=report_page).pending == 0
    run_id = read_ids(home).run_id
    server = Server(folder, ui=True)
    try:
        listing = json.loads(server.get(f"/api/2.0/mlflow/artifacts/list?run_id={run_id}"))
        assert "trials.json" in {file["path"] for file in listing["files"]}
        page = server.get(f"/get-artifact?path=report.html&run_uuid={run_id}")
        assert b"<title>housing" in page
    finally:
        server.kill()


@pytest.mark.keras
def test_the_best_model_is_logged_once_and_can_be_used(uri, home, model_file, monkeypatch):
    """The only logged model predicts from MLflow alone and has its signature and preprocessing."""
    put_model(home, model_file)
    entries = make.small_study(model_path="best/model.keras")
    track(uri, home, entries, drain_seconds=200)
    more = make.timed(make.RESUMED, entries[-1].event, begin=entries[-1].time + 60)
    track(uri, home, more, before=entries, drain_seconds=200)
    (home / "mlflow.jsonl").unlink()
    track(uri, home, [], before=[*entries, *more], drain_seconds=200)
    client = MlflowClient(uri)
    ids = read_ids(home)
    models = client.search_logged_models([ids.experiment_id])
    assert [model.model_id for model in models] == [ids.model_id]
    assert models[0].params["units"] == "11"
    assert {(metric.key, metric.value) for metric in models[0].metrics} >= {("test/loss", 0.3)}
    monkeypatch.setenv("MLFLOW_TRACKING_URI", uri)
    model = mlflow.pyfunc.load_model(f"models:/{ids.model_id}")
    assert model.metadata.signature.inputs.input_names() == ["a", "b", "c"]
    folder = Path(mlflow.artifacts.download_artifacts(f"models:/{ids.model_id}"))
    assert (folder / "data" / "best" / "preprocessing.skops").exists()
    needed = {line.split("==")[0] for line in (folder / "requirements.txt").open()}
    assert needed >= {"keras", "tensorflow", "numpy", "pandas", "scikit-learn", "skops"}
    rows = pd.DataFrame(np.ones((2, 3)), columns=["c", "b", "a"])
    answers = model.predict(rows)
    assert list(answers.columns) == ["y"]
    kept = mlflow.keras.load_model(f"models:/{ids.model_id}")
    steps = load_preprocessing(home / "best" / "preprocessing.skops")
    wanted = kept.predict(steps.transform(rows), verbose=0)[:, 0]
    np.testing.assert_allclose(answers["y"], wanted, rtol=1e-5)
    assert all(count == 1 for count in history(uri, runs(uri)["housing"]).values())


@pytest.mark.keras
def test_a_model_that_only_its_own_code_can_load_is_kept_as_a_file(uri, home):
    """A broken or foreign model stops neither the study nor tracking, and a tag says why."""
    (home / "best").mkdir()
    (home / "best" / "model.keras").write_bytes(b"no model")
    entries = make.small_study(model_path="best/model.keras")
    tracker = track(uri, home, entries, drain_seconds=200)
    assert tracker.pending == 0
    run = runs(uri)["housing"]
    assert run.info.status == "FINISHED"
    assert run.data.tags["searchlab.model_error"]
    assert artifacts(uri, run.info.run_id, "model_files") == {"model_files/model.keras"}
