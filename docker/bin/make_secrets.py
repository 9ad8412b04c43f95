"""Create missing passwords and tokens, each in the volume of the services that need it.

usage: make_secrets.py services|login
"""

import os
import secrets
import sys
from pathlib import Path

SECRETS = Path("/secrets")
LOGIN = Path.home() / ".mlflow" / "credentials"  # MLflow's clients read it here
CLIENT = SECRETS / "client" / "credentials"  # those of studies have this one there


def keep(path: Path, text: str, mode: int = 0o600) -> str:
    """Return the text of a secret's file, writing it first if it does not exist."""
    if not path.exists():
        scratch = path.with_name(path.name + ".new")
        scratch.write_text(text)
        scratch.chmod(mode)
        scratch.replace(path)
    return path.read_text()


def make_services() -> None:
    """Create PostgreSQL's password (for it and MLflow), Ray's token and MLflow's session key."""
    # World-readable for PostgreSQL, which runs as another user; nobody else mounts the volume.
    password = keep(SECRETS / "database" / "password", secrets.token_hex(24), 0o644)
    keep(SECRETS / "tracking" / "pgpass", f"postgres:5432:mlflow:mlflow:{password}\n")
    keep(SECRETS / "tracking" / "session-key", secrets.token_hex(32))
    keep(SECRETS / "cluster" / "token", secrets.token_hex(32))


def make_login() -> None:
    """Create the logins of MLflow's administrator and of studies, which administer nothing."""
    for path, user in ((LOGIN, "admin"), (CLIENT, "searchlab")):
        password = secrets.token_hex(12)
        login = f"mlflow_tracking_username = {user}\nmlflow_tracking_password = {password}\n"
        keep(path, f"[mlflow]\n{login}")


os.umask(0o077)
{"services": make_services, "login": make_login}[sys.argv[1]]()
