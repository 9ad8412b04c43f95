"""docker/compose.yaml as text: what each service may do, and who is given a secret."""

import runpy
from pathlib import Path

import pytest
import yaml

DOCKER = Path(__file__).parents[2] / "docker"
COMPOSE = yaml.safe_load((DOCKER / "compose.yaml").read_text())
SERVICES = COMPOSE["services"]
MAY_WRITE = {
    "secrets": {"database-secret", "tracking-secret", "cluster-secret"},
    "login": {"login", "client-login"},
    "login-required": set(),
    "postgres": {"database", "database-socket"},
    "mlflow": {"artifacts", "login"},
    "head": {"work", "scikit-learn", "keras"},
    "worker": set(),
    "searchlab": {"work", "scikit-learn", "keras"},
}
"""The volumes that a service may write to."""

MAY_READ = {
    "login-required": {"login"},
    "postgres": {"database-secret"},
    "mlflow": {"tracking-secret", "client-login"},
    "head": {"cluster-secret", "client-login"},
    "worker": {"cluster-secret"},
    "searchlab": {"cluster-secret", "client-login", "studies", "data"},
}


def mounts(service: str) -> dict[str, bool]:
    """Return the volumes and folders of a service, and whether it may write to them."""
    found = {}
    for each in SERVICES[service].get("volumes", []):
        source, _, rest = each.removeprefix("${").partition("}:" if each.startswith("$") else ":")
        found[source.partition(":-")[2].rpartition("/")[2] or source] = not rest.endswith(":ro")
    return found


@pytest.mark.parametrize("name", SERVICES)
def test_a_service_has_the_least_of_everything(name):
    """No capability, no new privilege, no writable image, and a limit of processes and memory."""
    service = SERVICES[name]
    assert service["cap_drop"] == ["ALL"]
    assert "cap_add" not in service
    assert "privileged" not in service
    assert service["security_opt"] == ["no-new-privileges:true"]
    assert service["read_only"] is True
    assert service["pids_limit"] > 0
    assert service["mem_limit"]


@pytest.mark.parametrize("name", SERVICES)
def test_a_service_mounts_what_it_needs(name):
    """A worker has the cluster's token and nothing else: Ray brings it the data and the code."""
    writable = {volume for volume, writes in mounts(name).items() if writes}
    assert writable == MAY_WRITE[name]
    assert set(mounts(name)) - writable == MAY_READ.get(name, set())


def test_a_worker_knows_of_no_store():
    """It shares no network with MLflow or the database, and is not told where MLflow is."""
    networks = {name: set(each.get("networks", ["default"])) for name, each in SERVICES.items()}
    assert not networks["worker"] & (networks["mlflow"] | networks["postgres"])
    assert not [key for key in SERVICES["worker"]["environment"] if key == "MLFLOW_TRACKING_URI"]


@pytest.mark.parametrize(
    ("published", "local"),
    [
        ("127.0.0.1:5000", True),
        ("127.8.0.1:80", True),
        ("[::1]:5000", True),
        ("0.0.0.0:5000", False),
        ("[::]:5000", False),
        ("10.0.0.7:5000", False),
        (":5000", False),
        ("5000", False),
        ("127.0.0.1.attacker.net:5000", False),
        ("localhost.example:5000", False),
    ],
)
@pytest.mark.parametrize("login", [True, False])
def test_mlflow_beyond_this_machine_needs_a_login(monkeypatch, tmp_path, published, local, login):
    """Only loopback addresses are this machine's; a bare port is published on all addresses."""
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("PUBLISHED", published)
    monkeypatch.setattr("sys.argv", ["serve_mlflow.py", "check"])
    if login:
        (tmp_path / ".mlflow").mkdir()
        (tmp_path / ".mlflow" / "credentials").write_text("")
    main = runpy.run_path(str(DOCKER / "bin" / "serve_mlflow.py"))["main"]
    if login or local:
        main()
    else:
        with pytest.raises(SystemExit, match=r"give it a login with --profile login"):
            main()
