"""MLflow's UI on a directory's own store."""

from __future__ import annotations

import os
import sys
from contextlib import suppress
from pathlib import Path

from searchlab.core.children import server, terminated_as_interrupted
from searchlab.core.loopback import HOST, refuse_taken
from searchlab.errors import TrackingError
from searchlab.tracking.mlflow.address import redact, refuse_missing, resolve_uri, sqlite_file


def serve_ui(cwd: Path, port: int) -> int:
    """Run MLflow's UI until it is stopped; it listens on the loopback address only.

    Args:
        cwd: the directory of the `mlflow.db` to show.
        port: the port, which must be free.

    Returns:
        The exit code of MLflow's server; 0 after Ctrl-C or SIGTERM.

    Raises:
        TrackingError: if there is no store, or it is not a file.
        InputError: if the port is taken.
    """
    uri = resolve_uri(None, cwd)
    file = sqlite_file(uri)
    if file is None:
        raise TrackingError(
            f"MLFLOW_TRACKING_URI is {redact(uri)}: open that server's own page, or unset it to "
            "see this directory's store"
        )
    refuse_missing(uri)
    refuse_taken(port)
    print(f"MLflow UI on http://{HOST}:{port} (Ctrl-C to stop)", flush=True)  # noqa: T201
    command = [sys.executable, "-m", "mlflow", "server", "--backend-store-uri", uri]
    command += ["--host", HOST, "--port", str(port)]
    # One worker and no job runner: a third of the memory, and ready sooner.
    environment = {**os.environ, "MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false"}
    command += ["--allowed-hosts", f"{HOST}:*,localhost:*"]  # MLflow's own list takes 10.evil.com
    command += ["--workers", "1", "--artifacts-destination", str(file.parent / "mlartifacts")]
    with (
        suppress(KeyboardInterrupt),
        terminated_as_interrupted(),
        server(command, environment, cwd) as process,
    ):
        return process.wait()
    return 0
