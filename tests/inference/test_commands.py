"""The commands that use a model, run as programs in their own directory."""

import json
import os
import signal
import subprocess
import sys
import urllib.error
import urllib.request

import numpy as np
import pandas as pd
import psutil
import pytest
from support import programs
from support.mlflow_server import free_port
from support.packages import package_of, table
from support.processes import wait_until_gone

from searchlab.inference.export import export_package
from searchlab.inference.loading import load_package
from searchlab.inference.scoring import LIMIT
from searchlab.journal.journal import Journal
from searchlab.journal.layout import study_layout
from searchlab.registry.resolve import load_model
from searchlab.testing import entries as make

pytestmark = pytest.mark.keras


def command(*arguments):
    return [sys.executable, "-m", "searchlab", *map(str, arguments)]


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    """Return a directory with a packaged classifier and files of raw rows."""
    directory = tmp_path_factory.mktemp("place")
    frame = table()
    frame = frame.assign(y=np.where(frame["y"] > 3, "yes", "no"))
    package_of(directory, frame, drop=["garden"])
    frame.to_csv(directory / "known.csv", index=False)
    rows = frame.drop(columns=["y", "garden"])
    rows.to_csv(directory / "rows.tsv.gz", index=False, sep="\t")
    rows.to_parquet(directory / "rows.parquet")
    rows.rename(columns={"rooms": "rooom"}).to_csv(directory / "wrong.csv", index=False)
    return directory


def run(place, *arguments, code=0):
    done = programs.run(place, *arguments)
    assert done.returncode == code, done.stderr[-2000:]
    return done


def test_files_of_raw_rows_become_files_of_predictions(place):
    """In a fresh process, every input and output format yields the model's predictions."""
    model = load_package(place / "refit")
    wanted = model.table(pd.read_csv(place / "known.csv"))
    for source, output in (("rows.tsv.gz", "out.parquet"), ("known.csv", "out.npz")):
        run(place, "predict", "refit", "--input", source, "--output", output)
        if output.endswith("npz"):
            with np.load(place / output) as arrays:
                found = pd.DataFrame(dict(arrays))
        else:
            found = pd.read_parquet(place / output)
        assert list(found.columns) == ["y", "probability_no", "probability_yes"]
        assert list(found["y"]) == list(wanted["y"])
        np.testing.assert_allclose(found["probability_yes"], wanted["probability_yes"], atol=1e-6)
    printed = run(place, "predict", "refit", "--input", "rows.parquet").stdout
    assert len(printed.splitlines()) == 121
    assert not list(place.glob(".*out*"))


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("refit", "--input", "wrong.csv"), "wrong.csv: column 'rooms' is missing; did you mean"),
        (("refit", "--input", "rows.docx"), "unknown kind of file"),
        (("refit", "--input", "row.parquet"), "no such file; did you mean 'rows.parquet'?"),
        (("refit", "--input", "known.csv", "--output", "known.csv"), "is the input file"),
        (("refit", "--input", "known.csv", "--output", "x.xls"), "x.xls: unknown kind of file"),
        (("nothing", "--input", "known.csv"), "there is no model 'nothing'"),
        (("models:/a@champion", "--input", "known.csv"), "there is no mlflow.db here"),
        (("data", "--input", "known.csv"), "is not a searchlab model"),
    ],
)
def test_what_cannot_be_predicted_is_told_in_a_line(place, arguments, message):
    """An error names the problem in one line, and nothing is written."""
    before = sorted(each.name for each in place.iterdir())
    done = run(place, "predict", *arguments, code=2)
    assert message in done.stderr
    assert len(done.stderr.splitlines()) == 1
    assert sorted(each.name for each in place.iterdir()) == before


def test_a_model_is_evaluated_on_a_file(place):
    """Evaluation agrees with the predictions and names labels unknown to the model."""
    found = json.loads(run(place, "evaluate", "refit", "--data", "known.csv", "--json").stdout)
    known = pd.read_csv(place / "known.csv")
    right = load_package(place / "refit").predict(known) == known["y"]
    assert found["rows"] == 120
    assert found["metrics"]["accuracy"] == pytest.approx(right.mean())
    assert set(found["metrics"]) == {"accuracy", "loss", "balanced_accuracy"}
    known.assign(y="maybe").to_csv(place / "strange.csv", index=False)
    done = run(place, "evaluate", "refit", "--data", "strange.csv", code=2)
    assert "strange.csv: row 2: the target 'y' is 'maybe', which is a class that" in done.stderr
    done = run(place, "evaluate", "refit", "--data", "rows.parquet", code=2)
    assert "the target 'y' is missing" in done.stderr


def test_an_exported_model_is_whole(place):
    """The exported package, SavedModel and card load, and all forms predict the same."""
    import tensorflow as tf

    run(place, "export", "refit", "exported")
    model, exported = load_package(place / "refit"), load_model(place / "exported")
    rows = pd.read_csv(place / "known.csv")
    np.testing.assert_array_equal(exported.predict_proba(rows), model.predict_proba(rows))
    steps = model._preprocessing.transform(rows)
    saved = tf.saved_model.load(place / "exported" / "saved_model")
    served = saved.serve(steps)
    np.testing.assert_allclose(np.asarray(served)[:, 0], model.predict_proba(rows)[:, 1], atol=1e-6)
    card = (place / "exported" / "README.md").read_text()
    for text in ("predicts the class", "`rooms`: number", "trial 4", "keras ", "SHA-256"):
        assert text in card
    done = run(place, "export", "refit", "exported", code=2)
    assert "is not empty" in done.stderr
    again = run(place, "export", "exported", "twice")
    assert "wrote twice" in again.stdout


def test_a_study_without_a_model_says_what_to_do(tmp_path):
    """An unfinished study is recognized, and the error says how to get its model."""
    with Journal(study_layout("housing", tmp_path).journal) as journal:
        journal.append(make.started(make.spec()))
        journal.append(make.RESUMED)
    done = run(tmp_path, "predict", "housing", "--input", "rows.csv", code=2)
    assert "study housing has no model (it is running): run its study file" in done.stderr


def test_an_export_that_fails_leaves_nothing(place, monkeypatch):
    """An export that fails midway leaves no directory."""

    def fails(*_):
        raise OSError("disk full")

    monkeypatch.setattr("searchlab.inference.export.card", fails)
    before = sorted(each.name for each in place.iterdir())
    with pytest.raises(OSError, match="disk full"):
        export_package(place / "refit", place / "broken", print)
    assert sorted(each.name for each in place.iterdir()) == before


def test_onnx_gives_the_same_numbers(place, tmp_path):
    """If its libraries are installed, the ONNX file predicts like the model."""
    pytest.importorskip("tf2onnx")
    reference = pytest.importorskip("onnx.reference")  # ONNX's own, to the letter of its standard
    said = []
    export_package(place / "refit", tmp_path / "exported", said.append)
    assert said == []
    model, rows = load_package(place / "refit"), pd.read_csv(place / "known.csv")
    session = reference.ReferenceEvaluator(str(tmp_path / "exported" / "model.onnx"))
    steps = model._preprocessing.transform(rows)
    (found,) = session.run(None, {session.input_names[0]: steps})
    np.testing.assert_allclose(found[:, 0], model.predict_proba(rows)[:, 1], atol=1e-5)


@pytest.mark.slow
@pytest.mark.parametrize(
    "end",
    [
        signal.SIGKILL,
        pytest.param(signal.SIGINT, marks=pytest.mark.long),
        pytest.param(signal.SIGTERM, marks=pytest.mark.long),
    ],
)
def test_a_server_answers_and_leaves_nothing_behind(place, end):
    """The server answers raw rows on loopback, reports a taken port and leaves no process.

    It refuses requests to other hosts' names, and bodies that are too large, and serves on.
    """
    port = free_port()
    environment = {**os.environ, "PATH": "/usr/bin:/bin"}  # as with a venv that is not activated
    large = b'{"inputs": [' + b"1," * LIMIT
    server = subprocess.Popen(
        command("serve", "refit", "--port", port),
        cwd=place,
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    assert f"http://127.0.0.1:{port}/invocations" in server.stdout.readline()
    assert server.stdout.readline().startswith("curl ")
    rows = pd.read_csv(place / "known.csv")
    rows = rows.astype({"rooms": float, "size": object})
    rows.loc[0, "rooms"] = rows.loc[1, "size"] = None
    body = json.loads(rows.to_json(orient="split", index=False))
    status, answer = ask(port, {"dataframe_split": body})
    assert status == 200
    found = pd.DataFrame(answer["predictions"])
    wanted = load_package(place / "refit").table(rows)
    np.testing.assert_allclose(found["probability_yes"], wanted["probability_yes"], atol=1e-6)
    status, answer = ask(port, {"dataframe_split": body}, Host=f"127.evil.example:{port}")
    assert (status, answer["error_code"]) == (403, "PERMISSION_DENIED")
    status, answer = ask(port, large)
    told = "the body has more than 32 MiB: send fewer rows at once"
    assert (status, answer["message"]) == (413, told)
    body["data"][0][body["columns"].index("rooms")] = "many"
    status, answer = ask(port, {"dataframe_split": body})
    assert status == 400
    assert "column 'rooms' must hold numbers" in answer["message"]
    taken = run(place, "serve", "refit", "--port", port, code=2)
    assert "cannot be used (is another server on it?)" in taken.stderr
    children = psutil.Process(server.pid).children(recursive=True)
    assert any("searchlab.inference.scoring" in " ".join(each.cmdline()) for each in children)
    server.send_signal(end)
    _, errors = server.communicate(timeout=60)
    assert (server.returncode, errors) == (-9 if end is signal.SIGKILL else 0, "")
    wait_until_gone(children)


def ask(port, body, **headers):
    """Return a scoring server's status and answer."""
    request = urllib.request.Request(
        f"http://127.0.0.1:{port}/invocations",
        body if isinstance(body, bytes) else json.dumps(body).encode(),
        {"Content-Type": "application/json", **headers},
    )
    try:
        with urllib.request.urlopen(request, timeout=60) as response:  # noqa: S310 - our own
            return response.status, json.loads(response.read())
    except urllib.error.HTTPError as error:
        return error.code, json.loads(error.read())
