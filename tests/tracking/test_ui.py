"""`searchlab ui`: MLflow's server ends with the command, however that ends."""

import shutil
import signal
import socket
import time

import psutil
import pytest
from support import programs
from support.mlflow_server import free_port
from support.processes import wait_until_gone

pytestmark = pytest.mark.slow


def listening(port: int) -> bool:
    """Return whether somebody listens on a port of this machine."""
    with socket.socket() as client:
        return client.connect_ex(("127.0.0.1", port)) == 0


@pytest.mark.parametrize(
    ("number", "code"),
    [
        (signal.SIGKILL, -9),
        pytest.param(signal.SIGTERM, 0, marks=pytest.mark.long),
        pytest.param(signal.SIGINT, 0, marks=pytest.mark.long),
    ],
)
def test_nothing_listens_after_the_command(tmp_path, database, number, code):
    """After SIGTERM, SIGKILL and Ctrl-C no process of MLflow's is left, and the port is free."""
    shutil.copy(database, tmp_path / "mlflow.db")
    port = free_port()
    program = programs.Program(tmp_path, "ui", "--port", port, silent=True)
    while not listening(port):
        assert program.poll() is None
        time.sleep(0.1)
    children = psutil.Process(program.pid).children(recursive=True)
    assert children
    program.send_signal(number)
    assert program.wait() == code
    wait_until_gone(children)
    assert not listening(port)
