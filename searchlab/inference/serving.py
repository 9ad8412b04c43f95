"""Serving of a model through MLflow's scoring server (see `scoring`), on loopback only."""

from __future__ import annotations

import http.client
import json
import logging
import os
import shlex
import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import AbstractContextManager, suppress
from pathlib import Path
from typing import BinaryIO

import numpy as np

from searchlab.core.children import server, terminated_as_interrupted
from searchlab.core.logs import last_line, open_log, wait_capping
from searchlab.core.loopback import HOST, refuse_taken
from searchlab.core.scratch import scratch
from searchlab.core.versions import PACKAGE
from searchlab.data.example import load_example
from searchlab.errors import PackageError


def serve_package(package: Path, port: int, say: Callable[[str], None]) -> int:
    """Run MLflow's scoring server until it is stopped.

    Args:
        package: the packaged model.
        port: a free port on the loopback address.
        say: called with the address and an example request once the server answers.

    Returns:
        The exit code: 0 after Ctrl-C or SIGTERM.

    Raises:
        InputError: if the port is taken.
        PackageError: if the server does not start.
    """
    refuse_taken(port)
    with suppress(KeyboardInterrupt), terminated_as_interrupted(), scratch() as folder:
        model, log = folder / "model", folder / "log"
        _write(package, model)
        with os.fdopen(open_log(log), "ab") as output, _server(model, port, output) as process:
            _wait_for(process, port, log)
            say(f"serving on http://{HOST}:{port}/invocations (Ctrl-C to stop); try it:")
            say(example_call(package, port))
            return wait_capping(process, output.fileno())
    return 0


def example_call(package: Path, port: int) -> str:
    """Return a shell command that asks the server to predict the package's first example row."""
    row = load_example(package)[:1]
    if isinstance(row, np.ndarray):
        body = '{"inputs": [IMAGE]}'  # an image has hundreds of numbers
        note = f"   (IMAGE: nested lists of the shape {' x '.join(map(str, row.shape[1:]))})"
    else:
        cells = row.astype(object).where(row.notna(), None).to_numpy().tolist()
        split = {"columns": list(row.columns), "data": cells}
        body, note = json.dumps({"dataframe_split": split}, ensure_ascii=False), ""
    header = "Content-Type: application/json"
    url = f"http://{HOST}:{port}/invocations"
    return f"curl -H {shlex.quote(header)} -d {shlex.quote(body)} {url}{note}"


def _write(package: Path, model: Path) -> None:
    from searchlab.inference.flavor import save_model  # imports MLflow

    # It warns about the environment that it writes down, which nobody installs: "no pip here".
    logging.getLogger("mlflow").setLevel(logging.ERROR)
    save_model(str(model), package)


def _server(
    model: Path, port: int, log: BinaryIO
) -> AbstractContextManager[subprocess.Popen[bytes]]:
    """Run the scoring server for the duration of the block."""
    command = [sys.executable, "-m", "searchlab.inference.scoring", str(model), str(port)]
    # The server's directory is another one, and searchlab may be importable only from here.
    path = os.pathsep.join(filter(None, [str(PACKAGE.parent), os.environ.get("PYTHONPATH")]))
    settings = {"MLFLOW_DISABLE_TELEMETRY": "true", "TF_CPP_MIN_LOG_LEVEL": "3", "PYTHONPATH": path}
    return server(command, {**os.environ, **settings}, model.parent, log)


def _wait_for(process: subprocess.Popen[bytes], port: int, log: Path) -> None:
    while not _answers(port):
        if process.poll() is not None:
            last = last_line(log) or "no message"
            raise PackageError(f"the scoring server failed to start: {last[:300]}")
        time.sleep(0.2)


def _answers(port: int) -> bool:
    connection = http.client.HTTPConnection(HOST, port, timeout=5)  # ignores proxy settings
    try:
        connection.request("GET", "/health")
        return connection.getresponse().status == http.client.OK
    except (OSError, http.client.HTTPException):
        return False
    finally:
        connection.close()
