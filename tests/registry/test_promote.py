"""`searchlab promote` and `searchlab models` on the command line, with real stores."""

from __future__ import annotations

import io
import json
from dataclasses import replace
from datetime import datetime

import pytest
from click.testing import CliRunner
from mlflow import MlflowClient
from rich.console import Console
from support.stores import log_with, track

from searchlab.cli import cli
from searchlab.journal.home import StudyHome
from searchlab.journal.journal import Journal, read_journal
from searchlab.registry.listing import models_table
from searchlab.testing import entries as make
from searchlab.tracking.mlflow.log_model import LoggedModel
from searchlab.tracking.mlflow.model_versions import Version
from searchlab.tracking.mlflow.state import read_ids

pytestmark = pytest.mark.slow  # a real MLflow store in nearly every test


def searchlab(*arguments):
    """Run the command line and return its exit_code, stdout and stderr."""
    return CliRunner().invoke(cli, list(arguments))


def one_line(*arguments):
    """Run a command that must fail, and return its one-line message."""
    result = searchlab(*arguments)
    assert (result.exit_code, result.stdout) == (2, ""), result
    assert result.stderr.count("\n") == 1
    return result.stderr.removeprefix("searchlab: ").rstrip()


@pytest.fixture
def place(uri, tmp_path, monkeypatch):
    """A function that creates a finished study, journal and all, in the working directory."""

    def log_model(file):
        client = MlflowClient(file.uri)
        model = client.create_logged_model(file.experiment_id, source_run_id=file.run_id)
        return LoggedModel(model.model_id)

    log_with(monkeypatch, log_model)
    monkeypatch.chdir(tmp_path)

    def study(name, **changes):
        home = StudyHome(name, tmp_path)
        (home.directory / "refit").mkdir(parents=True)
        (home.directory / "refit" / "model.keras").write_text(name)
        with Journal(home.paths.journal) as journal:
            for entry in make.ended_study(name=name, **changes):
                journal.append(entry.event)
        assert (
            track(uri, home.directory, [], before=list(read_journal(home.paths.journal))).pending
            == 0
        )
        return home.directory

    return study


def aliases(uri, name="houses"):
    return dict(MlflowClient(uri).get_registered_model(name).aliases)


def test_a_study_is_promoted_by_its_name(place, uri):
    """Its latest version becomes champion and is no longer candidate, and the study records it."""
    place("first", scores=(0.28, 0.28))
    second = place("second", scores=(0.3, 0.3))
    result = searchlab("promote", "second")
    assert result.stdout == "champion of houses: version 2 (before: version 1)\n"
    assert aliases(uri) == {"champion": 2}
    found = read_ids(second).registered
    assert (found.version, found.alias, found.reason) == ("2", "champion", "promoted")
    tags = MlflowClient(uri).get_model_version("houses", "2").tags
    assert tags["searchlab.verdict"] == "champion: promoted over version 1"
    assert datetime.fromisoformat(tags["searchlab.promoted"]).tzinfo is not None
    again = searchlab("promote", "second")
    assert again.stdout == "champion of houses: version 2 (as before)\n"
    place("third", scores=(0.29, 0.29))
    assert aliases(uri) == {"champion": 3}  # a promoted champion can be beaten like any other


def test_a_registered_model_is_promoted_by_candidate_or_version(place, uri):
    """Without a version, the candidate is promoted; a version may belong to any study."""
    place("first", scores=(0.28, 0.28))
    place("second", scores=(0.3, 0.3))
    place("third", scores=(0.31, 0.31))
    result = searchlab("promote", "houses")
    assert result.stdout == "champion of houses: version 3 (before: version 1)\n"
    result = searchlab("promote", "houses", "--version", "2", "--tracking-uri", uri)
    assert result.stdout == "champion of houses: version 2 (before: version 3)\n"
    assert aliases(uri) == {"champion": 2}
    MlflowClient(uri).delete_registered_model_alias("houses", "champion")
    result = searchlab("promote", "houses", "--version", "1")
    assert result.stdout == "champion of houses: version 1 (there was none before)\n"


def test_what_cannot_be_promoted_is_told_with_what_there_is(place, uri):
    """Unknown names and versions, and studies without a version, give one line each."""
    place("first", scores=(0.28, 0.28))
    there = "there is: houses version 1 (champion)"
    assert one_line("promote", "nothing") == (
        f"there is no study of this directory and no registered model 'nothing'; {there}"
    )
    told = one_line("promote", "nothing", "--version", "1")
    assert told == f"there is no registered model 'nothing'; {there}"
    told = one_line("promote", "houses", "--version", "7")
    assert told == f"registered model houses has no version 7; {there}"
    told = one_line("promote", "houses")
    assert told == f"registered model houses has no candidate: give --version; {there}"
    place("second", model=None)
    told = one_line("promote", "second")
    assert told.startswith(f"study second has no registered model in {uri}: it is not finished, ")
    assert told.endswith(there)


@pytest.mark.parametrize("command", [["models"], ["models", "--json"], ["promote", "x"]])
def test_a_store_that_is_not_there_is_not_made(tmp_path, monkeypatch, command):
    """Searching for models creates no database but says how to; a dead server is reported."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    assert one_line(*command) == "there is no mlflow.db here yet: searchlab run makes it"
    monkeypatch.setenv("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "0")
    told = one_line(*command, "--tracking-uri", "http://me:s3cret@127.0.0.1:9")
    assert told == "http://me:***@127.0.0.1:9 does not answer (connection refused)"
    assert list(tmp_path.iterdir()) == []


def test_models_lists_what_searchlab_has_made(place, uri):
    """All registered models are listed with their versions, latest first, but not foreign ones."""
    assert "no registered models" in searchlab("models").stdout
    place("first", scores=(0.27, 0.29))
    place("second", scores=())
    place("other", model="flats")
    client = MlflowClient(uri)
    client.create_registered_model("foreign")
    client.create_model_version("foreign", "/nowhere/model")
    lines = searchlab("models").stdout.splitlines()
    assert [line.split()[:3] for line in lines[2:]] == [
        ["flats", "1", "champion"],
        ["houses", "2", "candidate"],
        ["houses", "1", "champion"],
    ]
    assert "0.28 ± 0.014" in lines[-1]
    assert "california@01234567" in lines[-1]
    found = json.loads(searchlab("models", "--json").stdout)
    assert [(each["uri"], each["aliases"], each["study"]) for each in found] == [
        ("models:/flats/1", ["champion"], "other"),
        ("models:/houses/2", ["candidate"], "second"),
        ("models:/houses/1", ["champion"], "first"),
    ]
    scores = {name: found[1][name] for name in ("search", "confirmed", "spread", "test")}
    assert scores == {"search": 0.25, "confirmed": None, "spread": None, "test": 0.3}
    assert datetime.fromisoformat(found[0]["created"]).tzinfo is not None
    assert found[0]["verdict"] == {"alias": "champion", "reason": "no other champion"}


def test_a_spoilt_tag_is_as_one_that_is_not_there(place, uri):
    """If the tags were edited by hand, models are still listed and promoted."""
    place("first")
    client = MlflowClient(uri)
    for tag in ("confirmed", "promoted", "trial", "verdict"):
        client.set_model_version_tag("houses", "1", f"searchlab.{tag}", "?")
    client.delete_model_version_tag("houses", "1", "searchlab.metric")
    (found,) = json.loads(searchlab("models", "--json").stdout)
    assert (found["confirmed"], found["promoted"], found["metric"]) == (None, None, "")
    assert found["verdict"] is None
    assert searchlab("promote", "first").exit_code == 0


VERSION = Version(
    name="california-housing",
    version=12,
    aliases=("champion",),
    study="california-housing-optuna",
    study_id="1" * 32,
    trial=17,
    metric="val_loss",
    direction="minimize",
    search=0.2719,
    confirmed=0.2812,
    spread=0.0041,
    test=0.2903,
    validation=None,
    data="california_housing",
    digest="0" * 64,
    model="",
    run_id="",
    created=1_700_000_000.0,
    promoted=None,
    verdict=None,
)


@pytest.mark.parametrize("width", [160, 80, 60])
def test_the_table_of_models_fits_the_terminal(width):
    """One line per version where it fits, else two; nothing is cut, and no line is too long."""
    console = Console(file=io.StringIO(), width=width)
    console.print(models_table([VERSION, replace(VERSION, version=11, aliases=(), spread=None)]))
    text = console.file.getvalue()
    assert max(map(len, text.splitlines())) <= width
    assert "…" not in text
    for word in ("champion", "12", "0.2719", "0.2812", "0.2903"):
        assert word in text
