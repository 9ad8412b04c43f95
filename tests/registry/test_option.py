"""The store that only `--tracking-uri` names: a real server, used by every command on models."""

import signal
import urllib.request

import pandas as pd
import pytest
from support import programs
from support.mlflow_server import Server, free_port
from support.packages import package_with_code, table
from support.stores import track

import searchlab
from searchlab.testing import entries as make
from searchlab.tracking.mlflow.state import read_ids

pytestmark = [pytest.mark.keras, pytest.mark.slow]


@pytest.fixture(scope="module")
def server(tmp_path_factory, database):
    """A server with the registered model `houses`, of a study elsewhere, with code of its own."""
    folder = tmp_path_factory.mktemp("server")
    (folder / "mlflow.db").write_bytes(database.read_bytes())
    package_with_code(folder)
    server = Server(folder)
    with pytest.MonkeyPatch.context() as patch:
        patch.delenv("MLFLOW_TRACKING_URI", raising=False)
        tracker = track(server.uri, folder, make.ended_study(), drain_seconds=200)
    assert (tracker.pending, tracker.problem) == (0, None)
    server.ids = read_ids(folder)
    assert server.ids.registered.version == "1"
    yield server
    server.kill()


@pytest.fixture
def place(tmp_path, monkeypatch):
    """A working directory with rows and nothing else, and nothing new in it after the test."""
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    monkeypatch.chdir(tmp_path)
    table().to_csv(tmp_path / "rows.csv", index=False)
    yield tmp_path
    strays = {"mlflow.db", "mlruns", "mlartifacts"}
    assert not strays & {each.name for each in tmp_path.iterdir()}


def run(place, server, *arguments):
    """Run a command with the option; return what it prints."""
    done = programs.run(place, *arguments, "--tracking-uri", server.uri)
    assert done.returncode == 0, done.stderr
    return done.stdout


LOADING = [
    ("predict", "houses", "--input", "rows.csv"),
    ("evaluate", "models:/houses/1", "--data", "rows.csv"),
    ("export", "models:/houses@champion", "exported"),
]
OTHERS = [("models",), ("promote", "houses", "--version", "1")]


@pytest.mark.parametrize(
    "arguments", [*((*each, "--trust-code") for each in LOADING), *OTHERS], ids=lambda each: each[0]
)
def test_the_option_names_the_registry_too(place, server, arguments):
    """Each command finds the model on the server, and makes no store of its own."""
    assert run(place, server, *arguments) != ""


@pytest.mark.parametrize("arguments", [*LOADING, ("serve", "houses")], ids=lambda each: each[0])
def test_code_from_a_server_does_not_run_unasked(place, server, arguments):
    """Each command that would load the model says in one line that it has code, and what to do."""
    done = programs.run(place, *arguments, "--tracking-uri", server.uri)
    assert (done.returncode, done.stdout, len(done.stderr.splitlines())) == (2, "", 1)
    assert "comes with code, which would run here with your rights" in done.stderr
    assert f"whoever can write to {server.uri}, add --trust-code" in done.stderr
    assert not (place / "exported").exists()


@pytest.mark.long  # inference/test_commands.py asks a server
def test_a_model_is_served_from_the_named_store(place, server):
    """The scoring server starts with a model that was downloaded from the option's store."""
    port = free_port()
    arguments = ("serve", "houses", "--port", port, "--tracking-uri", server.uri, "--trust-code")
    program = programs.Program(place, *arguments)
    assert program.stdout.readline().startswith("serving on http://127.0.0.1:")
    assert program.stdout.readline().startswith("curl ")
    with urllib.request.urlopen(f"http://127.0.0.1:{port}/health") as answer:
        assert answer.status == 200
    program.send_signal(signal.SIGINT)
    assert program.wait(60) == 0


@pytest.mark.long
def test_every_address_of_a_model_is_one_of_the_named_store(place, server):
    """In Python, a name, an alias, a version, a logged model and a run's all load the same."""
    addresses = ["houses", "models:/houses@champion", "models:/houses/1"]
    addresses += [f"models:/{server.ids.model_id}", f"runs:/{server.ids.run_id}/model"]
    rows = pd.read_csv("rows.csv")
    found = {
        address: searchlab.load_model(address, server.uri, trust_code=True).predict(rows).tobytes()
        for address in addresses
    }
    assert len(set(found.values())) == 1
    for missing in ("models:/houses/7", "models:/houses@none", "models:/m-0", "runs:/0/model"):
        with pytest.raises(searchlab.errors.PackageError, match=f"has no model {missing}"):
            searchlab.load_model(missing, server.uri)
