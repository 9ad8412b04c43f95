"""A real PostgreSQL server of Debian's package, which does not run as root."""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

from .mlflow_server import free_port

PASSWORD = "no/one:knows@it"  # noqa: S105 - of this server
_ADDRESS = "postgresql+psycopg2://postgres:no%2Fone%3Aknows%40it@127.0.0.1:{port}/postgres"


def programs() -> Path | None:
    """Return the directory of the server's programs; None if it cannot be started here."""
    found = sorted(Path("/usr/lib/postgresql").glob("*/bin"))
    return found[-1] if found and os.geteuid() == 0 else None


@contextlib.contextmanager
def server(bin_: Path) -> Iterator[str]:
    """Start a server, and yield the address of its database once it answers."""
    port, where = free_port(), Path(tempfile.mkdtemp(prefix="searchlab-test-"))
    shutil.chown(where, "postgres")
    (where / "password").write_text(PASSWORD)
    (where / "password").chmod(0o644)
    as_user = ["setpriv", "--reuid=postgres", "--regid=postgres", "--init-groups"]
    made = [bin_ / "initdb", "-D", where / "data", "--auth=scram-sha-256", "--no-sync"]
    made += [f"--pwfile={where / 'password'}", "--username=postgres", "--encoding=UTF8"]
    subprocess.run([*as_user, *made], check=True, capture_output=True, cwd="/")
    serve = [bin_ / "postgres", "-D", where / "data", "-p", str(port), "-k", where]
    with (where / "log").open("wb") as log:
        running = subprocess.Popen(
            [*as_user, *serve, "-c", "listen_addresses=127.0.0.1"], stdout=log, stderr=log, cwd="/"
        )
    try:
        _wait(port)
        yield _ADDRESS.format(port=port)
    finally:
        running.send_signal(signal.SIGINT)  # SIGTERM waits for clients to leave
        running.wait(60)
        shutil.rmtree(where)


def _wait(port: int) -> None:
    import psycopg2

    for _ in range(300):
        with contextlib.suppress(psycopg2.OperationalError):
            psycopg2.connect(
                host="127.0.0.1", port=port, user="postgres", password=PASSWORD
            ).close()
            return
        time.sleep(0.2)
    raise RuntimeError("the server does not answer")
