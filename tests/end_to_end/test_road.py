"""The whole road on real data: a study, its model, and every use of the model.

Everything runs as users run it, as programs in their own directory. All imports are already done,
except in Python's own test. Digits go the whole way every time, houses (a regression) only in CI.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
import urllib.error
import urllib.request
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from support import programs
from support.mlflow_server import free_port

pytestmark = [pytest.mark.keras, pytest.mark.slow]

STUDIES = Path(__file__).parents[2] / "studies"
ROWS = 25


WEAK = ("--epochs", "1", "--trials", "1", "--set", "confirm=0", "--set", "baselines=false")


@dataclass(frozen=True)
class Case:
    """A ready study, and the options that narrow its space and make it small."""

    file: str
    name: str
    space: tuple[str, ...]
    small: tuple[str, ...]


def narrow(**space: str) -> tuple[str, ...]:
    """Restrict a space to models that share one program, whatever their widths."""
    given = {"n_hidden": "{int: [1, 1]}", "n_neurons": "{int: [16, 32]}", **space}
    return tuple(part for name, of in given.items() for part in ("--set", f"space.{name}={of}"))


ONE_LAYER = narrow(activation="{choice: [relu]}", dropout="{choice: [0.0]}")
DIGITS = Case("digits.yaml", "digits", ONE_LAYER, ("--trials", "4", "--epochs", "12"))
HOUSES = Case(
    *("california_housing.yaml", "california-housing"), narrow(), ("--trials", "3", "--epochs", "6")
)


class Road:
    """A directory in which a case's study has been run."""

    def __init__(self, directory: Path, case: Case) -> None:
        self.directory, self.case = directory, case
        self.result = self.json("run", STUDIES / case.file, *case.space, *case.small, "--json")
        self.rows = self._rows()
        self.rows.to_csv(directory / "rows.csv", index=False)

    def run(self, *arguments) -> subprocess.CompletedProcess:
        done = programs.run(self.directory, *arguments)
        assert done.returncode == 0, done.stderr[-2000:]
        return done

    def json(self, *arguments):
        return json.loads(self.run(*arguments).stdout)

    def _rows(self) -> pd.DataFrame:
        from sklearn.datasets import fetch_california_housing, load_digits

        loader = load_digits if self.case is DIGITS else fetch_california_housing
        return loader(as_frame=True).data.head(ROWS)

    @cached_property
    def expected(self) -> np.ndarray:
        """The outputs of the study's Keras model, (rows, outputs)."""
        import keras

        from searchlab.data.preprocessing import load_preprocessing

        file = Path(self.result["model_path"])
        x = load_preprocessing(file.with_name("preprocessing.skops")).transform(self.rows)
        return keras.saving.load_model(file, safe_mode=True).predict(x, verbose=0)

    def same(self, table: pd.DataFrame) -> None:
        """Assert that a table of predictions equals the predictions of the study's model."""
        wanted = self.expected
        if self.case is HOUSES:
            np.testing.assert_allclose(table["MedHouseVal"], wanted[:, 0], rtol=1e-5)
            return
        assert list(table["target"]) == list(wanted.argmax(axis=1))
        likely = table[[f"probability_{label}" for label in range(10)]]
        np.testing.assert_allclose(likely, wanted, atol=1e-5)

    def predicted(self, model: str) -> pd.DataFrame:
        (self.directory / "out.csv").unlink(missing_ok=True)
        self.run("predict", model, "--input", "rows.csv", "--output", "out.csv")
        return pd.read_csv(self.directory / "out.csv")


@pytest.fixture(
    scope="module",
    params=[DIGITS, pytest.param(HOUSES, marks=pytest.mark.long)],
    ids=lambda case: case.name,
)
def road(request, tmp_path_factory):
    if request.param is HOUSES and "SCIKIT_LEARN_DATA" not in os.environ:
        pytest.skip("SCIKIT_LEARN_DATA does not say where California housing is")
    return Road(tmp_path_factory.mktemp(request.param.name), request.param)


def test_the_study_ends_with_a_registered_champion(road):
    """The study is confirmed, tested and compared; its model is version 1 and the champion."""
    result = road.result
    assert result["state"] == "finished"
    assert result["winner"] == result["confirmed"][0]["number"]
    assert len(result["confirmed"][0]["scores"]) == 3
    metric = result["metric"].removeprefix("val_")
    assert metric in result["test"]
    assert all(metric in each["metrics"] for each in result["baselines"].values())
    registered = result["registered"]
    assert (registered["name"], registered["version"]) == (road.case.name, "1")
    assert registered["alias"] == "champion"


@pytest.mark.parametrize("source", ["{name}", "models:/{name}@champion", ".searchlab/{name}/refit"])
def test_raw_rows_of_a_file_are_predicted_in_another_process(road, source):
    """By study, registry and path, predictions equal those of the trained model."""
    road.same(road.predicted(source.format(name=road.case.name)))


def test_python_predicts_raw_rows(road):
    """In another process, `load_model` returns a model that predicts the data set's raw rows."""
    code = (
        "import pandas, searchlab\n"
        f"model = searchlab.load_model({road.case.name!r})\n"
        "print(list(model.predict(pandas.read_csv('rows.csv')).tolist()))"
    )
    found = json.loads(programs.run_code(road.directory, code).splitlines()[-1])
    wanted = road.expected
    wanted = wanted[:, 0] if road.case is HOUSES else wanted.argmax(axis=1)
    np.testing.assert_allclose(found, wanted, rtol=1e-5)


@pytest.mark.long  # inference/test_commands.py asks the server of a small model
def test_a_server_answers_a_real_request(road):
    """`searchlab serve` accepts raw rows over HTTP, on the loopback address, until Ctrl-C."""
    port = free_port()
    command = [sys.executable, "-m", "searchlab", "serve", road.case.name, "--port", str(port)]
    server = subprocess.Popen(command, cwd=road.directory, start_new_session=True)
    try:
        answer = ask(server, port, road.rows)
    finally:
        os.killpg(server.pid, signal.SIGINT)
        assert server.wait() in (0, 130)
    road.same(pd.DataFrame(answer["predictions"]))


def ask(server: subprocess.Popen, port: int, rows: pd.DataFrame) -> dict:
    """Query a scoring server once it is up."""
    body = json.dumps({"dataframe_split": rows.to_dict(orient="split", index=False)}).encode()
    request = urllib.request.Request(
        f"http://127.0.0.1:{port}/invocations", body, {"Content-Type": "application/json"}
    )
    while True:
        try:
            with urllib.request.urlopen(request) as response:  # noqa: S310 - our own
                return json.loads(response.read())
        except urllib.error.HTTPError:
            raise
        except OSError:
            assert server.poll() is None, "the server ended"
            time.sleep(0.5)


def test_an_exported_model_is_used_elsewhere(road):
    """The directory has every form of the model and a card, and predicts like the study."""
    road.run("export", road.case.name, "exported")
    place = road.directory / "exported"
    for name in ("model.keras", "saved_model", "README.md", "preprocessing.skops"):
        assert (place / name).exists()
    road.same(road.predicted("exported"))


def test_a_weaker_study_does_not_take_the_alias(road):
    """It becomes version 2 and the candidate; promoting it takes a separate command."""
    weak = ("--name", "weak", *road.case.space, *WEAK)
    result = road.json("run", STUDIES / road.case.file, *weak, "--json")
    registered = result["registered"]
    assert (registered["name"], registered["version"]) == (road.case.name, "2")
    assert registered["alias"] == "candidate"
    road.same(road.predicted(f"models:/{road.case.name}@champion"))
    road.run("promote", "weak")
    text = road.run("models").stdout
    assert road.case.name in text
    road.run("promote", road.case.name)
    road.same(road.predicted(f"models:/{road.case.name}@champion"))


def test_the_best_trial_is_reproduced(road):
    """Retrained from the journal alone, its value is the same to the last digit."""
    assert "same" in road.run("reproduce", road.case.name).stdout


def test_the_report_is_a_page_and_is_in_mlflow(road):
    """The page has the study's results, and another page compares studies."""
    road.run("report", road.case.name)
    page = (road.directory / f"{road.case.name}.html").read_text()
    for text in ("histogram gradient boosting", road.case.name, str(road.result["winner"])):
        assert text in page
    assert road.case.name in road.run("compare", road.case.name, "weak").stdout
