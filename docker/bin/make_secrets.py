"""Makes the passwords and tokens that are not there yet, each in the volume of those who need it.

usage: make_secrets.py services|login
"""

import os
import secrets
import sys
from pathlib import Path

SECRETS = Path("/secrets")
LOGIN = Path.home() / ".mlflow" / "credentials"  # where MLflow's clients look for it


def keep(path: Path, text: str, mode: int = 0o600) -> str:
    """The text of a secret's file, which is written if it is not there."""
    if not path.exists():
        scratch = path.with_name(path.name + ".new")
        scratch.write_text(text)
        scratch.chmod(mode)
        scratch.replace(path)
    return path.read_text()


def make_services() -> None:
    """PostgreSQL's password (for its server and for MLflow), Ray's token, MLflow's session key."""
    # PostgreSQL's user, who is another than ours, reads it; nobody else mounts the volume.
    password = keep(SECRETS / "database" / "password", secrets.token_hex(24), 0o644)
    keep(SECRETS / "tracking" / "pgpass", f"postgres:5432:mlflow:mlflow:{password}\n")
    keep(SECRETS / "tracking" / "session-key", secrets.token_hex(32))
    keep(SECRETS / "cluster" / "token", secrets.token_hex(32))


def make_login() -> None:
    """The login of MLflow's administrator."""
    user = f"mlflow_tracking_username = admin\nmlflow_tracking_password = {secrets.token_hex(12)}\n"
    keep(LOGIN, f"[mlflow]\n{user}")


os.umask(0o077)
{"services": make_services, "login": make_login}[sys.argv[1]]()
