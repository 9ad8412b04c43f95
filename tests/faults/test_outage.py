"""MLflow outages: nothing waits, nothing is lost, and each point is stored once."""

import shutil
import sqlite3
import subprocess
import sys
import time
from contextlib import closing
from pathlib import Path

import pytest
from faults.place import TRIALS, Place, one_line
from mlflow import MlflowClient
from support.finished import Finished
from support.mlflow_server import Server, free_port

from searchlab.tracking.mlflow import opening, outbox
from searchlab.tracking.mlflow.address import resolve_uri
from searchlab.tracking.mlflow.opening import open_store
from searchlab.tracking.mlflow.state import read_ids
from searchlab.tracking.mlflow.trouble import reason


@pytest.fixture
def place(tmp_path, monkeypatch, database):
    """Create a study over an empty store, with short timeouts for requests and closing."""
    monkeypatch.setenv("MLFLOW_HTTP_REQUEST_TIMEOUT", "2")
    monkeypatch.setattr(outbox, "_PATIENCE", 1.0)
    shutil.copy(database, tmp_path / "mlflow.db")
    return Place(tmp_path, monkeypatch)


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory, database):
    """Run the study with its store always available; return its journal and its MLflow view."""
    directory = tmp_path_factory.mktemp("undisturbed")
    with pytest.MonkeyPatch.context() as patch:
        shutil.copy(database, directory / "mlflow.db")
        assert Place(directory, patch).run().exit_code == 0
    finished = Finished(directory)
    finished.check(TRIALS)
    return finished


@pytest.fixture
def server(tmp_path):
    """Create a server over the store in the working directory, without starting it."""
    server = Server(tmp_path, started=False)
    yield server
    server.kill()


def assert_all_is_there(place: Place, undisturbed: Finished) -> None:
    """Assert that runs, statuses, params and points equal the undisturbed study's, each once."""
    finished = Finished(place.cwd)
    finished.check(TRIALS)
    assert finished.picture() == undisturbed.picture()
    assert finished.mlflow_picture() == undisturbed.mlflow_picture()


@pytest.mark.slow
@pytest.mark.parametrize("fault", ["hangs", pytest.param("refuses", marks=pytest.mark.long)])
def test_a_server_away_for_a_while_gets_everything_once(place, server, undisturbed, fault):
    """The server goes away in mid-study and returns before its end or after it."""
    server.start()
    place.at(1, 3, server.hang if fault == "hangs" else server.kill)
    place.slowly(0.2)  # 3 to 4 seconds of outage: longer than a request waits
    place.at(4, 5, server.go_on if fault == "hangs" else lambda: server.start(wait=False))
    result = place.run("--tracking-uri", server.uri)
    assert result.exit_code == 0
    server.wait()
    assert place.searchlab("sync", "small", "--tracking-uri", server.uri).exit_code == 0
    assert_all_is_there(place, undisturbed)


@pytest.mark.slow
@pytest.mark.parametrize("fault", [pytest.param("hangs", marks=pytest.mark.long), "refuses"])
def test_an_outage_for_the_whole_study_is_made_up_by_sync(place, server, undisturbed, fault):
    """All trials run without the server; one warning names the command that sends them later."""
    if fault == "hangs":
        server.start()
        server.hang()
    result = place.run("--tracking-uri", server.uri)
    assert (result.exit_code, result.stdout) == (0, "")
    assert result.stderr.startswith("searchlab: MLflow lacks the last ")
    remedy = f"; nothing is lost: once it is back, searchlab sync small --tracking-uri {server.uri}"
    assert remedy in result.stderr
    still = place.searchlab("sync", "small", "--tracking-uri", server.uri)
    assert still.exit_code == 2
    why = "timed out" if fault == "hangs" else "connection refused"
    assert one_line(still).startswith(f"searchlab: {server.uri} does not answer ({why})")
    if fault == "hangs":
        server.go_on()
    else:
        server.start()
    sent = place.searchlab("sync", "small", "--tracking-uri", server.uri)
    lines = len(place.journal.read_bytes().splitlines())
    assert (sent.exit_code, sent.stderr) == (0, "")
    assert sent.stdout.startswith(f"sent {lines} events to {server.uri}, run ")
    again = place.searchlab("sync", "small", "--tracking-uri", server.uri)
    assert (again.exit_code, again.stdout[:19]) == (0, "nothing was missing")
    assert_all_is_there(place, undisturbed)


def test_another_store_gets_the_whole_study(place, undisturbed, database):
    """A study that was tracked elsewhere is sent in full to the new address."""
    shutil.move(place.cwd / "mlflow.db", place.cwd / "first.db")
    assert place.run("--tracking-uri", "sqlite:///first.db").exit_code == 0
    shutil.copy(database, place.cwd / "mlflow.db")
    result = place.searchlab("sync", "small")
    assert (result.exit_code, result.stderr) == (0, "")
    assert_all_is_there(place, undisturbed)


def test_an_interrupted_study_is_sent_as_far_as_it_got(place, undisturbed):
    """Sync sends the first part of a study and run the rest; together they are complete."""
    place.at(3, 2, lambda: (_ for _ in ()).throw(KeyboardInterrupt))
    assert place.run("--tracking-uri", f"http://127.0.0.1:{free_port()}").exit_code != 0
    assert place.searchlab("sync", "small").exit_code == 0
    assert len(read_ids(place.home).trials) == 4
    place.happening = lambda trial, epoch: None
    assert place.run().exit_code == 0
    assert_all_is_there(place, undisturbed)


def test_a_finished_study_is_not_said_to_lack_what_was_sent(place, monkeypatch):
    """With the store away, a fully sent study is shown without a warning, but sync reports it."""
    assert place.run().exit_code == 0

    def away(uri):
        raise ConnectionRefusedError(111, "Connection refused")

    monkeypatch.setattr(opening, "open_store", away)
    result = place.run()
    assert (result.exit_code, result.stderr) == (0, "")
    told = one_line(place.searchlab("sync", "small"))
    assert "mlflow.db does not answer (connection refused); nothing is lost" in told


def test_sync_of_a_study_that_is_not_there(place):
    """One line lists the existing studies, and nothing is created."""
    result = place.searchlab("sync", "smal")
    assert result.exit_code == 2
    assert "there is no study 'smal' in this directory; there is: none yet" in one_line(result)
    assert not (place.cwd / ".searchlab").exists()


@pytest.mark.parametrize(
    ("uri", "told"),
    [
        ("http://me:secret@127.0.0.1:9", "http://me:***@127.0.0.1:9 does not answer (connection "),
        ("http://nowhere.invalid", "http://nowhere.invalid does not answer (name or service not k"),
        ("sqlite:////dev/null/x.db", "/dev/null (file exists)"),
    ],
)
def test_the_reason_is_what_the_system_said(uri, told, monkeypatch):
    """Nested library errors are reduced to the innermost reason and the address, in one line."""
    monkeypatch.setenv("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "0")
    with pytest.raises(Exception) as caught:  # noqa: PT011 - whatever MLflow raises
        open_store(uri)
    assert reason(caught.value, uri).startswith(told)


def test_a_database_that_cannot_be_opened_says_so_at_once(tmp_path, monkeypatch):
    """A directory or a non-database in its place is reported without MLflow's 100 s of retries."""

    def sleep(seconds):
        raise AssertionError("MLflow sleeps")

    monkeypatch.setattr("mlflow.store.db.utils.time.sleep", sleep)
    (tmp_path / "a.db").mkdir()
    (tmp_path / "b.db").write_text("no database" * 100)
    for name, told in (("a", "unable to open database file"), ("b", "file is not a database")):
        uri = f"sqlite:///{tmp_path}/{name}.db"
        with pytest.raises(Exception) as caught:  # noqa: PT011 - whatever MLflow raises
            open_store(uri)
        assert reason(caught.value, uri) == f"{uri} cannot be used ({told})"


def test_a_process_ends_though_a_request_hangs(tmp_path):
    """A server that never answers does not keep the program from closing in time."""
    code = (
        "import socket, sys; from pathlib import Path; sys.path[:0] = sys.argv[2:];"
        "from searchlab.testing import entries as make;"
        "from searchlab.tracking.mlflow.tracker import MlflowTracker;"
        "deaf = socket.create_server(('127.0.0.1', 0));"
        "uri = f'http://127.0.0.1:{deaf.getsockname()[1]}';"
        "tracker = MlflowTracker(uri, Path(sys.argv[1]), 1);"
        "tracker.replay(make.small_study()); tracker.close(); print(tracker.pending)"
    )
    folder = Path(__file__).parents[1]
    done = subprocess.run(
        [sys.executable, "-c", code, str(tmp_path), str(folder)],
        capture_output=True, text=True, check=True, timeout=60,
    )  # fmt: skip
    assert int(done.stdout) > 0


def lost(place, uri, fault):
    """Delete, once the store has three trials, what a fault names; return the ids that are dead."""
    while (ids := read_ids(place.home)) is None or len(ids.trials) < 3:
        time.sleep(0.02)
    client = MlflowClient(uri)
    match fault:
        case "study":
            dead = [ids.run_id]
        case "trial":
            dead = [ids.trials[max(ids.trials)]]
        case "all" | "experiment":
            dead = [ids.run_id, *ids.trials.values()]
    if fault == "experiment":
        client.delete_experiment(ids.experiment_id)
    else:
        for each in dead:
            client.delete_run(each)
    return set(dead)


def forget_deleted(place):
    """Take deleted runs out of the database, as `mlflow gc` does."""
    with closing(sqlite3.connect(place.cwd / "mlflow.db")) as database, database:
        for table in ("metrics", "latest_metrics", "params", "tags"):
            database.execute(
                f"delete from {table} where run_uuid in "  # noqa: S608 - our own words
                "(select run_uuid from runs where lifecycle_stage = 'deleted')"
            )
        database.execute("delete from runs where lifecycle_stage = 'deleted'")


@pytest.mark.slow
@pytest.mark.parametrize(
    "fault", [*(pytest.param(each, marks=pytest.mark.long) for each in ("study", "trial")), "all"]
)
def test_runs_that_are_deleted_in_mid_study_are_made_anew(place, undisturbed, fault):
    """The running process notices, and at its end the store has all of the study, each once."""
    uri, dead = resolve_uri(None, place.cwd), set()
    place.slowly(0.05)
    place.at(2, 3, lambda: dead.update(lost(place, uri, fault)))
    result = place.run()
    assert (result.exit_code, result.stderr) == (0, "")
    ids = read_ids(place.home)
    assert dead.isdisjoint({ids.run_id, *ids.trials.values()})
    forget_deleted(place)
    assert_all_is_there(place, undisturbed)
    for run_id in ids.trials.values():
        assert MlflowClient(uri).get_run(run_id).data.tags["mlflow.parentRunId"] == ids.run_id


@pytest.mark.slow
def test_a_deleted_experiment_is_told_and_made_up_for_by_sync(place, undisturbed):
    """All of the study is missing then; once the experiment is restored, sync sends all of it."""
    uri = resolve_uri(None, place.cwd)
    place.at(2, 3, lambda: lost(place, uri, "experiment"))
    result = place.run()
    lines = len(place.journal.read_bytes().splitlines())
    assert result.exit_code == 0
    assert one_line(result).startswith(
        f"searchlab: MLflow lacks the last {lines} events: the MLflow experiment 'searchlab' has "
        "been deleted; restore it in MLflow, or set MLFLOW_EXPERIMENT_NAME to another name"
    )
    client = MlflowClient(uri)
    client.restore_experiment(client.get_experiment_by_name("searchlab").experiment_id)
    assert place.searchlab("sync", "small").exit_code == 0
    assert_all_is_there(place, undisturbed)


@pytest.mark.slow
@pytest.mark.parametrize(
    "removed", [pytest.param("mlflow.db", marks=pytest.mark.long), "mlflow.db*"]
)
def test_a_removed_database_is_made_anew_by_the_running_study(place, undisturbed, removed):
    """The new file gets all that was written to the removed one, too."""

    def remove():
        while (ids := read_ids(place.home)) is None or len(ids.trials) < 3:
            time.sleep(0.02)
        for file in place.cwd.glob(removed):
            file.unlink()

    place.slowly(0.05)
    place.at(2, 3, remove)
    result = place.run()
    assert (result.exit_code, result.stderr) == (0, "")
    assert_all_is_there(place, undisturbed)


@pytest.mark.slow
def test_a_server_that_comes_back_empty_gets_all_of_the_study(place, server, undisturbed, database):
    """The running process does not keep the ids of runs that the new database does not have."""

    def anew():
        while (ids := read_ids(place.home)) is None or len(ids.trials) < 3:
            time.sleep(0.02)
        server.kill()
        for file in place.cwd.glob("mlflow.db*"):
            file.unlink()
        shutil.copy(database, place.cwd / "mlflow.db")
        server.start()

    server.start()
    place.at(2, 3, anew)
    result = place.run("--tracking-uri", server.uri)
    assert (result.exit_code, result.stderr) == (0, "")
    assert_all_is_there(place, undisturbed)
