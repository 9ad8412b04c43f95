"""Start the MLflow server; require a login if one exists (`--profile login`).

usage: serve_mlflow.py check|serve

Without a login it serves this machine only. PUBLISHED is the address, such as 127.0.0.1:5000, at
which Compose publishes it; an address without a host means all of the machine's.
"""

import configparser
import ipaddress
import os
import sys
from pathlib import Path

LOGIN = Path.home() / ".mlflow" / "credentials"
CLIENT = Path("/secrets/client/credentials")
CONFIG = Path(__file__).with_name("login.ini")


def is_local(published: str) -> bool:
    """Return whether an address is reached from this machine only."""
    host = published.rpartition(":")[0].strip("[]")
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def serve() -> None:
    """Become the server."""
    command = ["mlflow", "server"]
    if LOGIN.exists():
        admit(*login(CLIENT))
        os.environ["MLFLOW_AUTH_CONFIG_PATH"] = str(CONFIG)
        os.environ["MLFLOW_AUTH_ADMIN_PASSWORD"] = login(LOGIN)[1]
        key = Path("/secrets/tracking/session-key").read_text()
        os.environ["MLFLOW_FLASK_SERVER_SECRET_KEY"] = key
        command += ["--app-name", "basic-auth"]
    os.execvp(command[0], command)


def login(path: Path) -> tuple[str, str]:
    """Return the user and the password of a file."""
    found = configparser.ConfigParser()
    found.read(path)
    return found["mlflow"]["mlflow_tracking_username"], found["mlflow"]["mlflow_tracking_password"]


def admit(user: str, password: str) -> None:
    """Let a user run studies: use all experiments and models, but change no user."""
    from mlflow.server.auth.sqlalchemy_store import SqlAlchemyStore

    config = configparser.ConfigParser()
    config.read(CONFIG)
    store = SqlAlchemyStore()
    store.init_db(config["mlflow"]["database_uri"])
    if store.has_user(user):
        store.update_user(user, password)
    else:
        store.create_user(user, password)
    for kind in ("experiment", "registered_model"):  # also of the time before there was a login
        store.grant_user_permission(user, kind, "*", "MANAGE")
    store.engine.dispose()


def main() -> None:
    """Refuse what anybody could use, else do what is asked."""
    published = os.environ["PUBLISHED"]
    if not (LOGIN.exists() or is_local(published)):
        sys.exit(
            f"MLflow at {published} would let anybody who reaches this machine change models: give "
            "it a login with --profile login, or leave MLFLOW_BIND out"
        )
    if sys.argv[1] == "serve":
        serve()


if __name__ == "__main__":
    main()
