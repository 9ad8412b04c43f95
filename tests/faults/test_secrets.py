"""Passwords reach the tracking store and nothing else; no port is open beyond this machine."""

import json
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from pathlib import Path

import psutil
import pytest
from faults.place import Place
from support import programs
from support.mlflow_server import Server, free_port
from support.programs import run_fresh

from searchlab.tracking.mlflow import outbox
from searchlab.tracking.mlflow.address import redact, scrub
from searchlab.tracking.mlflow.state import read_ids

CANARY = "CaNaRy7"
AWAY = f"http://user:{CANARY}@127.0.0.1:9"
FORMS = {
    "http": AWAY,
    "quoted": "http://user:CaNaRy7%40x@127.0.0.1:9",
    "unquoted slash": f"http://user:{CANARY}/x@127.0.0.1:9",
    "unquoted at": f"http://user:x@{CANARY}@127.0.0.1:9",
    "postgres": f"postgresql://user:{CANARY}@127.0.0.1:9/db",
    "psycopg2": f"postgresql+psycopg2://user:{CANARY}@127.0.0.1:9/db",
    "query": f"postgresql://127.0.0.1:9/db?user=me&password={CANARY}",
    "mysql": f"mysql+pymysql://user:{CANARY}@127.0.0.1:9/db",
}
REFUSED = {
    "no scheme": f"user:{CANARY}@127.0.0.1:5000",
    "one slash": f"http:/user:{CANARY}@127.0.0.1",
    "no store": f"ftp://user:{CANARY}@127.0.0.1",
    "databricks": f"databricks://user:{CANARY}@host",
}


@pytest.fixture
def place(tmp_path, monkeypatch, database):
    """Create a study in an environment with passwords."""
    monkeypatch.setattr(outbox, "_PATIENCE", 0.5)
    monkeypatch.setenv("MLFLOW_TRACKING_USERNAME", "user")
    monkeypatch.setenv("MLFLOW_TRACKING_PASSWORD", f"{CANARY}-password")
    shutil.copy(database, tmp_path / "mlflow.db")
    return Place(tmp_path, monkeypatch)


def assert_no_canary(place: Place, *results) -> None:
    """Assert that neither the directory's files nor any output contains a password."""
    for result in results:
        assert CANARY not in result.stdout
        assert CANARY not in result.stderr
    files = [path for path in place.cwd.rglob("*") if path.is_file()]
    assert place.journal in files
    assert [path for path in files if CANARY.encode() in path.read_bytes()] == []


def every_command(place: Place, uri: str, *, by_option: bool, debug: bool = False) -> list:
    """Return the results of all commands that concern a study or its store."""
    option = ["--tracking-uri", uri] if by_option else []
    start = ["--debug"] if debug else []
    commands = [
        ["run", "small.yaml", *option],
        ["run", "small.yaml", "--trials", "99", "--epochs", "7", *option],
        ["sync", "small", *option],
        ["sync", "none", *option],
        ["show", "small"],
        ["show", "small", "--json"],
        ["best", "small", "--json"],
        ["list", "--json"],
        ["list"],
    ]
    with socket.create_server(("127.0.0.1", 0)) as taken:
        commands.append(["ui", "--port", str(taken.getsockname()[1])])
        return [place.searchlab(*start, *command) for command in commands]


@pytest.mark.parametrize("form", ["http", "unquoted slash", "postgres", "query"])
def test_a_password_stays_in_its_address(place, form):
    """With the store away, no command prints or keeps the password, however it is given."""
    results = every_command(place, FORMS[form], by_option=True)
    assert [result.exit_code for result in results[:3]] == [0, 2, 2]
    assert "***" in results[0].stderr
    assert_no_canary(place, *results)


@pytest.mark.slow
@pytest.mark.parametrize("debug", [pytest.param(False, marks=pytest.mark.long), True])
def test_a_password_in_the_environment_stays_there(place, monkeypatch, debug):
    """MLFLOW_TRACKING_URI is treated alike, and --debug's tracebacks contain no password."""
    monkeypatch.setenv("MLFLOW_TRACKING_URI", AWAY)
    results = every_command(place, AWAY, by_option=False, debug=debug)
    results.append(programs.run(place.cwd, *(["--debug"] * debug), "sync", "small"))
    assert ("Traceback" in results[-1].stderr) == debug
    assert "***" in results[-1].stderr
    assert_no_canary(place, *results)


@pytest.mark.parametrize(
    ("form", "debug"), [*((form, False) for form in REFUSED), ("no scheme", True)]
)
def test_an_address_that_cannot_be_used_is_refused_without_its_password(place, form, debug):
    """The message shows the address, so that it can be corrected, but without the password."""
    arguments = ["run", "small.yaml", "--tracking-uri", REFUSED[form]]
    result = run_fresh(place.cwd, *(["--debug"] * debug), *arguments)
    assert "tracking URI" in result.stderr
    assert "***" in result.stderr
    assert CANARY not in result.stderr + result.stdout


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["address", pytest.param("token", marks=pytest.mark.long)])
def test_a_server_that_is_there_is_not_told_the_password_either(place, monkeypatch, kind):
    """The password is only in request headers; no run, tag or file of the store contains it."""
    server = Server(place.cwd)
    uri = server.uri
    if kind == "token":
        monkeypatch.delenv("MLFLOW_TRACKING_USERNAME")
        monkeypatch.delenv("MLFLOW_TRACKING_PASSWORD")
        monkeypatch.setenv("MLFLOW_TRACKING_TOKEN", f"{CANARY}-token")
    else:
        uri = uri.replace("//", f"//user:{CANARY}@")
    try:
        results = every_command(place, uri, by_option=True)
    finally:
        server.kill()
    assert [result.exit_code for result in results[:3]] == [0, 2, 0]
    assert results[2].stdout.startswith("nothing was missing in http://")
    assert_no_canary(place, *results)


@pytest.mark.slow
def test_the_ui_listens_on_loopback_only_and_prints_no_password(place):
    """`searchlab ui` shows this directory's study, and listens on 127.0.0.1 only."""
    assert place.run("--tracking-uri", f"sqlite:///{place.cwd}/mlflow.db").exit_code == 0
    port, log = free_port(), place.cwd / "ui.log"
    command = [sys.executable, "-m", "searchlab", "--debug", "ui", "--port", str(port)]
    with log.open("w") as output:
        program = subprocess.Popen(
            command, cwd=place.cwd, stdout=output, stderr=output, start_new_session=True
        )
    try:
        run = read_ids(place.home).run_id
        answer = json.loads(_asked(program, port, f"/api/2.0/mlflow/runs/get?run_id={run}"))
        assert answer["run"]["info"]["run_name"] == "small"
        assert {address for address, _ in _listening(program.pid)} == {"127.0.0.1"}
        with pytest.raises(urllib.error.HTTPError, match="403"):
            _asked(program, port, "/api/2.0/mlflow/runs/get", Host=f"10.evil.example:{port}")
    finally:
        os.killpg(program.pid, signal.SIGINT)
        program.wait()
    assert_no_canary(place)


def _asked(server: subprocess.Popen, port: int, path: str, **headers: str) -> bytes:
    """Query a server once it is up."""
    request = urllib.request.Request(f"http://127.0.0.1:{port}{path}", headers=headers)
    while True:
        try:
            with urllib.request.urlopen(request) as answer:  # noqa: S310 - our own
                return answer.read()
        except urllib.error.HTTPError:
            raise
        except OSError:
            assert server.poll() is None, "the server ended"
            time.sleep(0.2)


def _listening(pid: int) -> set[tuple[str, int]]:
    """Return the addresses on which a process and its descendants listen."""
    program = psutil.Process(pid)
    found = set()
    for process in [program, *program.children(recursive=True)]:
        for connection in process.net_connections("inet"):
            if connection.status == psutil.CONN_LISTEN:
                found.add((connection.laddr.ip, connection.laddr.port))
    return found


def test_no_service_of_a_study_listens_at_all(place):
    """While a study runs, neither it nor its workers have an open port."""
    found = []
    place.at(1, 2, lambda: found.append(_listening(os.getpid())))
    assert place.run("--tracking-uri", AWAY).exit_code == 0
    assert found == [set()]


@pytest.mark.parametrize("form", FORMS)
def test_scrub_takes_the_password_out_of_any_text(form):
    """It also works when a library's text holds only the password, quoted or not."""
    uri = FORMS[form]
    text = f"request to {uri}/api failed: password={CANARY}; {uri!r}"
    assert CANARY not in scrub(text, uri)
    assert CANARY not in redact(uri)


def test_models_are_only_loaded_safely():
    """Every load of a file uses a loader that cannot execute code from the file."""
    source = "\n".join(path.read_text() for path in Path(outbox.__file__).parents[2].rglob("*.py"))
    loads = re.findall(r"keras\.[a-z.]*load_model\((?:[^()]|\([^()]*\))*\)", source)
    assert loads
    assert all("safe_mode=True" in load for load in loads)
    assert not re.search(
        r"safe_mode=False|allow_pickle=True|enable_unsafe|joblib\.load|yaml\.load\(", source
    )
    assert not re.search(r"^\s*(import|from) (pickle|dill|cloudpickle)\b", source, re.M)
    for load in re.findall(r"skops\.io\.load\([^)]*\)", source):
        assert "trusted=[*_TRUSTED, *users]" in load  # users: classes that came as source
    assert '"MLFLOW_ALLOW_PICKLE_DESERIALIZATION": "false"' in source


@pytest.mark.parametrize("value", ["!!python/object/apply:os.system ['touch pwned']", "!new [1]"])
def test_a_study_file_cannot_make_objects(place, value):
    """A tag in a study file is refused with its line, and the named object is not executed."""
    text = (place.cwd / "small.yaml").read_text().replace("{dataset: iris}", value)
    (place.cwd / "bad.yaml").write_text(text)
    for command in ("validate", "run"):
        result = place.searchlab(command, "bad.yaml")
        assert result.exit_code == 2
        assert "bad.yaml:2: " in result.stderr
        assert "tags are not used" in result.stderr
    assert not (place.cwd / "pwned").exists()


@pytest.mark.parametrize("factory", ["mine.py:build", "mine:build"])
def test_validating_runs_no_code_of_the_user(place, factory):
    """The factory's file is inspected, not imported."""
    (place.cwd / "mine.py").write_text(
        "open('pwned', 'w').close()\ndef build(n_hidden, n_neurons, learning_rate): ...\n"
    )
    text = (place.cwd / "small.yaml").read_text()
    (place.cwd / "own.yaml").write_text(text + f"model: {factory}\n")
    run_fresh(place.cwd, "validate", "own.yaml")
    assert not (place.cwd / "pwned").exists()
