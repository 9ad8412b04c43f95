"""Serving of a model through MLflow's scoring server (see `scoring`), on loopback only."""

from __future__ import annotations

import http.client
import json
import logging
import os
import shlex
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from types import FrameType

import numpy as np

from searchlab.core.loopback import HOST, refuse_taken
from searchlab.core.versions import PACKAGE
from searchlab.data.example import load_example
from searchlab.errors import PackageError

_GRACE = 5.0  # seconds between SIGTERM and SIGKILL


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
    with tempfile.TemporaryDirectory(prefix="searchlab-") as folder, _terminated_as_interrupted():
        try:
            model, log = Path(folder, "model"), Path(folder, "log")
            _write(package, model)
            with _server(model, port, log) as server:
                _wait_for(server, port, log)
                say(f"serving on http://{HOST}:{port}/invocations (Ctrl-C to stop); try it:")
                say(example_call(package, port))
                return server.wait()
        except KeyboardInterrupt:
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


@contextmanager
def _server(model: Path, port: int, log: Path) -> Iterator[subprocess.Popen[bytes]]:
    """Run the server in its own process group, which ends with the block."""
    command = [sys.executable, "-m", "searchlab.inference.scoring", str(model), str(port)]
    # The server's directory is another one, and searchlab may be importable only from here.
    path = os.pathsep.join(filter(None, [str(PACKAGE.parent), os.environ.get("PYTHONPATH")]))
    settings = {"MLFLOW_DISABLE_TELEMETRY": "true", "TF_CPP_MIN_LOG_LEVEL": "3", "PYTHONPATH": path}
    with log.open("wb") as output:
        process = subprocess.Popen(  # noqa: S603 - our own interpreter, our own arguments
            command,
            env={**os.environ, **settings},
            cwd=model.parent,
            stdout=output,
            stderr=output,
            start_new_session=True,  # Ctrl-C reaches only this process
        )
        try:
            yield process
        finally:
            _end(process)


def _end(process: subprocess.Popen[bytes]) -> None:
    with suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGTERM)
    with suppress(subprocess.TimeoutExpired):
        process.wait(_GRACE)
    with suppress(ProcessLookupError):  # survivors in the group
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()


def _wait_for(server: subprocess.Popen[bytes], port: int, log: Path) -> None:
    while not _answers(port):
        if server.poll() is not None:
            lines = log.read_text(errors="replace").split("\n")
            last = next((line.strip() for line in lines[::-1] if line.strip()), "no message")
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


@contextmanager
def _terminated_as_interrupted() -> Iterator[None]:
    """Turn SIGTERM and SIGHUP into KeyboardInterrupt, so that the server's processes end too."""

    def interrupt(_number: int, _frame: FrameType | None) -> None:
        raise KeyboardInterrupt

    before = {each: signal.signal(each, interrupt) for each in (signal.SIGTERM, signal.SIGHUP)}
    try:
        yield
    finally:
        for each, handler in before.items():
            signal.signal(each, handler)
