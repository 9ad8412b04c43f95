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
CONFIG = "/opt/docker/login.ini"


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
        credentials = configparser.ConfigParser()
        credentials.read(LOGIN)
        os.environ["MLFLOW_AUTH_CONFIG_PATH"] = CONFIG
        os.environ["MLFLOW_AUTH_ADMIN_PASSWORD"] = credentials["mlflow"]["mlflow_tracking_password"]
        key = Path("/secrets/tracking/session-key").read_text()
        os.environ["MLFLOW_FLASK_SERVER_SECRET_KEY"] = key
        command += ["--app-name", "basic-auth"]
    os.execvp(command[0], command)


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
