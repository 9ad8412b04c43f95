"""docker/compose.yaml on a real engine: build, up, studies, kills, down and up again.

Takes some minutes, and longer on a machine that has not built the image yet. The tests depend on
their order: each continues with the stack that the previous one left.
"""

from __future__ import annotations

import json
import urllib.error
import urllib.request

import psutil
import pytest
from end_to_end.compose_stack import Stack, why_not
from support.finished import Finished
from support.ray_cluster import actors_below, trainings_of, until

_WHY_NOT = why_not()
pytestmark = [
    pytest.mark.keras,
    pytest.mark.slow,
    pytest.mark.cluster,
    pytest.mark.timeout(1500),
    pytest.mark.skipif(_WHY_NOT is not None, reason=f"no stack: {_WHY_NOT}"),
]

BACKENDS = ("randomized", "hyperband", "optuna")
LIGHT = ("--set", "confirm.seeds=1", "--set", "search.options={}")
NARROW = ("--set", "space.n_neurons={int: [16, 32]}")  # all widths share programs
QUICK = ("--epochs", "3", "--trials", "3", *LIGHT, *NARROW)
TRIALS, LINES = 16, 60  # a study long enough to be killed four times
LONG = ("--epochs", "40", "--trials", str(TRIALS), *LIGHT, *NARROW)
OPEN = 8  # trials in flight at once: Optuna learns from outcomes


@pytest.fixture(scope="module")
def stack():
    stack = Stack()
    stack.remove()
    try:
        stack.build()
        stack.up()
        yield stack
    finally:
        stack.remove()


def busy(stack, worker):
    """Return whether trainings run in a worker's container."""
    actors = actors_below(psutil.Process(stack.process(worker)))
    trainings = [each for actor in actors for each in trainings_of(actor)]
    return any(each.cpu_times().user > 0.5 for each in trainings)


def digits(name: str, *arguments: str) -> tuple[str, ...]:
    """Return the arguments for the ready digits study under another name."""
    return ("run", "studies/digits.yaml", "--name", name, *arguments)


def status(uri: str, **headers: str) -> int:
    """Return the MLflow server's HTTP status for an API request."""
    question = f"{uri}/api/2.0/mlflow/experiments/get?experiment_id=0"
    request = urllib.request.Request(question, headers=headers)  # noqa: S310 - our own server
    try:
        with urllib.request.urlopen(request, timeout=30) as answer:  # noqa: S310
            return answer.status
    except urllib.error.HTTPError as error:
        return error.code


def test_only_mlflow_is_published_on_the_loopback_address(stack):
    """No other port is published, strange hosts are rejected, and nothing runs as root."""
    lines = stack.compose("ps", "--format", "json").splitlines()
    services = {each["Service"]: each for each in map(json.loads, lines)}
    assert set(services) == {"postgres", "mlflow", "head", "worker"}
    published = {
        (name, port["URL"], port["PublishedPort"])
        for name, each in services.items()
        for port in each["Publishers"] or []
        if port["PublishedPort"]
    }
    assert published == {("mlflow", "127.0.0.1", stack.port)}
    assert status(stack.uri) == 200
    assert status(stack.uri, Host="10.evil.com:5000") == 403
    for service in ("mlflow", "head", "worker"):
        assert stack.compose("exec", "-T", service, "id", "-u").strip() == "1000"


@pytest.mark.parametrize("service", ["postgres", "mlflow", "head", "worker"])
def test_a_container_has_the_least_of_everything(stack, service):
    """The engine holds each to its limits, and the image of none can be written to."""
    settings = stack.settings(service)["HostConfig"]
    assert settings["ReadonlyRootfs"]
    assert settings["CapDrop"] == ["ALL"]
    assert not settings["CapAdd"]
    assert settings["PidsLimit"] > 0
    assert settings["Memory"] > 0


def test_a_worker_has_nothing_but_the_token(stack):
    """It has no login, no study and no way to MLflow or its database."""
    mounts = stack.settings("worker")["Mounts"]
    assert [(each["Destination"], each["RW"]) for each in mounts] == [("/secrets/cluster", False)]
    reach = "import socket, sys; socket.create_connection((sys.argv[1], int(sys.argv[2])), 5)"
    for place in (("mlflow", "5000"), ("postgres", "5432")):
        text = stack.compose(
            "exec", "-T", "worker", "sh", "-c", f'python -c "{reach}" {" ".join(place)} || echo no'
        )
        assert text.strip() == "no"


@pytest.mark.parametrize("backend", BACKENDS)
def test_a_study_of_each_backend_is_in_postgresql(stack, tmp_path, backend):
    """Run through the server, every trial is in MLflow's tables as the journal has it."""
    result = json.loads(stack.searchlab(*digits(backend, "--backend", backend, *QUICK, "--json")))
    assert result["state"] == "finished"
    finished = Finished(stack.copy_study(backend, tmp_path), backend)
    finished.check(len(finished.record.trials), OPEN)
    assert len(finished.record.trials) >= 3


def test_the_best_model_is_loaded_from_the_server(stack, monkeypatch):
    """Outside the containers, the model loads from the registry through the server."""
    from sklearn.datasets import load_digits

    import searchlab

    monkeypatch.setenv("MLFLOW_TRACKING_URI", stack.uri)
    table = load_digits(as_frame=True)
    predicted = searchlab.load_model("models:/digits@champion").predict(table.data)
    assert (predicted == table.target.to_numpy()).mean() > 0.5


def test_a_study_survives_kill_9_of_every_part(stack, tmp_path):
    """Killing services, a worker and the driver in mid-study changes no result."""
    victims = ("postgres", "mlflow", "worker")
    run = (*LONG, "--executor", "ray")
    assert stack.end(stack.begin(*digits("unbroken", *run))) == 0
    driver = stack.begin(*digits("broken", *run))
    for number, victim in enumerate(victims, start=1):
        stack.wait_for_lines("broken", LINES * number)
        stack.kill(stack.container(victim))
    stack.wait_for_lines("broken", LINES * (len(victims) + 1))
    stack.kill(driver)
    assert stack.end(driver) == 137
    assert stack.end(stack.begin(*digits("broken", *run))) == 0
    stack.up()
    stack.searchlab("sync", "broken")
    one, other = (
        Finished(stack.copy_study(name, tmp_path / name), name) for name in ("unbroken", "broken")
    )
    for study in (one, other):
        study.check(TRIALS, OPEN)
    assert other.picture() == one.picture()
    assert other.mlflow_picture() == one.mlflow_picture()


def test_down_and_up_keeps_everything(stack):
    """Runs, models, studies and passwords survive, and a finished study is only reported."""
    count = "select lifecycle_stage, status, count(*) from runs group by 1, 2 order by 1, 2"
    before, studies = stack.sql(count), stack.searchlab("list", "--json")
    stack.compose("down", "--timeout", "5")
    stack.up()
    assert stack.sql(count) == before
    assert stack.searchlab("list", "--json") == studies
    again = json.loads(stack.searchlab(*digits("optuna", *QUICK, "--json")))
    assert again["state"] == "finished"
    assert stack.sql(count) == before
    assert "digits" in stack.searchlab("models")


def test_two_workers_share_a_study(stack, tmp_path):
    """After `up --scale worker=2` both workers train, and the study equals one with one worker."""
    stack.compose("up", "--detach", "--wait", "--scale", "worker=2")
    workers = stack.compose("ps", "--quiet", "worker").split()
    assert len(workers) == 2
    driver = stack.begin(*digits("shared", *LONG, "--executor", "ray"))
    until(lambda: all(busy(stack, worker) for worker in workers), 300)
    assert stack.end(driver) == 0
    shared = Finished(stack.copy_study("shared", tmp_path / "shared"), "shared")
    shared.check(TRIALS, OPEN)
    unbroken = Finished(stack.copy_study("unbroken", tmp_path / "unbroken"), "unbroken")
    assert shared.picture() == unbroken.picture()


def test_the_cluster_asks_for_its_token(stack):
    """A client with another token, inside the containers' network, is denied access."""
    ask = ("head", "python", "-c", "import ray; ray.init(log_to_driver=False); print('let in')")
    assert "let in" in stack.compose("exec", "-T", *ask)
    stranger = ("exec", "-T", "-e", f"RAY_AUTH_TOKEN={64 * '0'}", *ask)
    assert "let in" not in stack.compose(*stranger, check=False)


def test_a_submitted_study_runs_on_in_the_stack(stack):
    """`submit` returns while the study runs; `list` in a container later shows it finished."""
    text = stack.searchlab("submit", "studies/digits.yaml", "--name", "left", *QUICK)
    assert "left runs on head:6379 by itself" in text

    def finished():
        studies = json.loads(stack.searchlab("list", "--json"))
        return {each["name"]: each["state"] for each in studies}["left"] == "finished"

    until(finished, 300)
    runs = "select count(*) from tags where key = 'searchlab.study' and value = 'left'"
    assert int(stack.sql(runs)[0][0]) >= 1 + 3, "the study and its trials are in PostgreSQL"


def test_mlflow_is_not_published_without_a_login(stack):
    """Beyond the loopback address `up` fails, and the logs say why."""
    stack.compose("up", "--detach", "--wait", check=False, MLFLOW_BIND=f"0.0.0.0:{stack.port}")
    lines = map(json.loads, stack.compose("ps", "--format", "json").splitlines())
    published = [port["URL"] for each in lines for port in each["Publishers"] or []]
    assert set(published) <= {"", "127.0.0.1"}
    assert "give it a login with --profile login" in stack.compose("logs", "login-required")


def test_with_the_login_profile_mlflow_asks_for_a_login(stack):
    """From then on MLflow refuses strangers but not searchlab, also after a plain `up`."""
    stack.up("--profile", "login")
    assert status(stack.uri) == 401
    result = json.loads(stack.searchlab(*digits("guarded", *QUICK, "--json")))
    assert result["state"] == "finished"
    runs = "select count(*) from tags where key = 'searchlab.study' and value = 'guarded'"
    assert int(stack.sql(runs)[0][0]) >= 1 + 3, "the study and its trials"
    login = stack.compose("exec", "-T", "head", "cat", "/home/searchlab/.mlflow/credentials")
    assert "mlflow_tracking_username = searchlab" in login, "and not the administrator's"
    stack.up()
    assert status(stack.uri) == 401


def test_no_secret_is_written_anywhere(stack):
    """Neither logs nor the containers' settings contain a password or the token."""
    where = ("exec", "-T", "mlflow", "cat")
    secrets = {
        stack.compose("exec", "-T", "postgres", "cat", "/secrets/password").strip(),
        stack.compose(*where, "/secrets/tracking/session-key").strip(),
        stack.compose("exec", "-T", "head", "cat", "/secrets/cluster/token").strip(),
        stack.compose(*where, "/home/searchlab/.mlflow/credentials").split()[-1],
        stack.compose(*where, "/secrets/client/credentials").split()[-1],
    }
    assert all(len(secret) >= 24 for secret in secrets)
    seen = stack.compose("logs", "--no-color") + stack.inspected()
    assert not [secret for secret in secrets if secret in seen]
