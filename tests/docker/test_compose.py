"""docker/compose.yaml on a real engine: build, up, studies, kills, down and up again.

Takes some minutes, and more on a machine that has not built the image yet. The tests stand in an
order: each goes on with the stack that the one before has left.
"""

from __future__ import annotations

import json
import urllib.error
import urllib.request

import pytest
from compose_stack import Stack, why_not
from faults.compare import Finished

_WHY_NOT = why_not()
pytestmark = [
    pytest.mark.keras,
    pytest.mark.slow,
    pytest.mark.timeout(1500),
    pytest.mark.skipif(_WHY_NOT is not None, reason=f"no stack: {_WHY_NOT}"),
]

BACKENDS = ("randomized", "hyperband", "optuna")
QUICK = ("--epochs", "3", "--trials", "3", "--set", "confirm.seeds=1", "--set", "search.options={}")
LONG = (
    "--trials",
    "24",
    "--epochs",
    "60",
    "--set",
    "confirm.seeds=1",
    "--set",
    "search.options={}",
)
KILLED = [pytest.param("fused", ("postgres", "mlflow"), id="fused")]
COUNT = """
import ray, time
ray.init(log_to_driver=False)
for _ in range(60):  # a node that has just started is counted a moment later
    alive = sum(node["Alive"] for node in ray.nodes())
    if alive == 3:
        break
    time.sleep(1)
print(alive)
"""
OPEN = 8  # trials in flight at once: Optuna learns from outcomes


@pytest.fixture(scope="module")
def stack():
    stack = Stack()
    stack.remove()
    try:
        stack.compose("build")
        stack.up()
        yield stack
    finally:
        stack.remove()


def digits(name: str, *arguments: str) -> tuple[str, ...]:
    """The ready study on scikit-learn's digits, under another name."""
    return ("run", "studies/digits.yaml", "--name", name, *arguments)


def status(uri: str, **headers: str) -> int:
    """What the MLflow server answers to a question of its API."""
    question = f"{uri}/api/2.0/mlflow/experiments/get?experiment_id=0"
    request = urllib.request.Request(question, headers=headers)  # noqa: S310 - our own server
    try:
        with urllib.request.urlopen(request, timeout=30) as answer:  # noqa: S310
            return answer.status
    except urllib.error.HTTPError as error:
        return error.code


def test_only_mlflow_is_published_on_the_loopback_address(stack):
    """No other port leaves the containers; strange hosts are turned away; nobody is root."""
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


@pytest.mark.parametrize("backend", BACKENDS)
def test_a_study_of_each_backend_is_in_postgresql(stack, tmp_path, backend):
    """Run through the server, every trial is in MLflow's tables there, as the journal has it."""
    result = json.loads(stack.searchlab(*digits(backend, "--backend", backend, *QUICK, "--json")))
    assert result["state"] == "finished"
    finished = Finished(stack.copy_study(backend, tmp_path), backend)
    finished.check(len(finished.record.trials), OPEN)
    assert len(finished.record.trials) >= 3


def test_the_best_model_is_loaded_from_the_server(stack, monkeypatch):
    """Outside of the containers, from the registry, whose files lie in the server's volume."""
    from sklearn.datasets import load_digits

    import searchlab

    monkeypatch.setenv("MLFLOW_TRACKING_URI", stack.uri)
    table = load_digits(as_frame=True)
    predicted = searchlab.load_model("models:/digits@champion").predict(table.data)
    assert (predicted == table.target.to_numpy()).mean() > 0.5


@pytest.mark.parametrize(("executor", "victims"), KILLED)
def test_a_study_survives_kill_9_of_every_part(stack, tmp_path, executor, victims):
    """Services and driver are killed in mid-study, one by one: it ends as if left alone."""
    run = (*LONG, "--set", f"execution.executor={executor}")
    assert stack.end(stack.begin(*digits("unbroken", *run))) == 0
    driver = stack.begin(*digits("broken", *run))
    for number, victim in enumerate(victims, start=1):
        stack.wait_for_lines("broken", 120 * number)
        stack.kill(stack.container(victim))
    stack.wait_for_lines("broken", 120 * (len(victims) + 1))
    stack.kill(driver)
    assert stack.end(driver) == 137
    assert stack.end(stack.begin(*digits("broken", *run))) == 0
    stack.up()
    stack.searchlab("sync", "broken")
    unbroken = Finished(stack.copy_study("unbroken", tmp_path / "unbroken"), "unbroken")
    broken = Finished(stack.copy_study("broken", tmp_path / "broken"), "broken")
    for study in (unbroken, broken):
        study.check(24, OPEN)
    assert broken.picture() == unbroken.picture()
    assert broken.mlflow_picture() == unbroken.mlflow_picture()


def test_down_and_up_keeps_everything(stack):
    """Runs, models, studies and passwords are there again; a finished study is only reported."""
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


def test_a_second_worker_joins_the_cluster(stack):
    """`up --scale worker=2`: Ray counts both, beside its head; without the token nobody gets in."""
    stack.compose("up", "--detach", "--wait", "--scale", "worker=2")
    count = ("head", "python", "-c", COUNT)
    assert stack.compose("exec", "-T", *count).split()[-1] == "3"
    stranger = ("exec", "-T", "-e", f"RAY_AUTH_TOKEN={64 * '0'}", *count)
    assert "3" not in stack.compose(*stranger, check=False).split()


def test_with_the_login_profile_mlflow_asks_for_a_login(stack):
    """It refuses strangers from then on, also after an `up` without the profile, not searchlab."""
    stack.up("--profile", "login")
    assert status(stack.uri) == 401
    result = json.loads(stack.searchlab(*digits("guarded", *QUICK, "--json")))
    assert result["state"] == "finished"
    runs = "select count(*) from tags where key = 'searchlab.study' and value = 'guarded'"
    assert int(stack.sql(runs)[0][0]) >= 1 + 3, "the study and its trials"
    stack.up()
    assert status(stack.uri) == 401


def test_no_secret_is_written_anywhere(stack):
    """Neither logs nor the containers' settings hold a password or the token."""
    where = ("exec", "-T", "mlflow", "cat")
    secrets = {
        stack.compose("exec", "-T", "postgres", "cat", "/secrets/password").strip(),
        stack.compose(*where, "/secrets/tracking/session-key").strip(),
        stack.compose("exec", "-T", "head", "cat", "/secrets/cluster/token").strip(),
        stack.compose(*where, "/home/searchlab/.mlflow/credentials").split()[-1],
    }
    assert all(len(secret) >= 24 for secret in secrets)
    seen = stack.compose("logs", "--no-color") + stack.inspected()
    assert not [secret for secret in secrets if secret in seen]
