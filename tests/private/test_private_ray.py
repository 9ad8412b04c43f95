"""Canaries: what searchlab touches of Ray is still there, and is needed.

Ray is read and not imported here: the first import decides for a whole process on whether there is
a token. The tests on clusters show that all of this works.
"""

import re
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

import pytest

from searchlab.private.ray import (
    cluster_of,
    for_another_driver,
    is_head,
    silence_dead_nodes,
    start_command,
)

RAY = find_spec("ray")
pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(RAY is None, reason="needs the extra searchlab[ray]"),
]


def source(path: str) -> str:
    return (Path(RAY.origin).parent / path).read_text()


def test_silence_dead_nodes():
    """Ray prints errors of nodes by the function that is replaced, whatever it is told to log."""
    text = source("_private/worker.py")
    assert silence_dead_nodes.__doc__
    assert "\ndef print_to_stdstream(data, ignore_prefix: bool):" in text
    listener = text[text.index("def listen_error_messages") :]
    called = listener[: listener.index("\ndef ")]
    assert re.search(r"\n +print_to_stdstream\(", called)
    assert "log_to_driver" not in called


def test_start_command():
    """`ray start` can be run as this module, and `python -m ray` does not exist."""
    command = start_command("--help")
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    assert "--address" in done.stdout
    assert not (Path(RAY.origin).parent / "__main__.py").exists()
    assert command[0] == sys.executable


def test_cluster_of():
    """Ray starts its node process by this name and with this argument."""
    text = source("_private/services.py")
    start = text.index("def start_raylet(")
    command = text[start : text.index("\ndef ", start)]
    assert '"raylet", "raylet" + EXE_SUFFIX' in text
    assert "RAYLET_EXECUTABLE," in command
    assert 'f"--gcs-address={gcs_address}"' in command
    assert cluster_of("raylet", ["raylet", "--gcs-address=10.0.0.1:6379"]) == ("10.0.0.1", "6379")
    assert cluster_of("gcs_server", ["--gcs-address=10.0.0.1:6379"]) is None
    assert cluster_of("raylet", []) is None


def test_is_head():
    """The head has a resource of its own by this name."""
    text = source("_common/constants.py")
    (prefix,) = re.findall(r'^NODE_ID_PREFIX = "(.+)"', text, re.MULTILINE)
    (name,) = re.findall(r'^HEAD_NODE_RESOURCE_NAME = NODE_ID_PREFIX \+ "(.+)"', text, re.MULTILINE)
    assert is_head({"Resources": {f"{prefix}{name}": 1.0}})
    assert not is_head({"Resources": {f"{prefix}10.0.0.1": 1.0}})


def test_for_another_driver():
    """Variables that Ray sets for one worker are dropped; those that the user set are passed on."""
    constants = source("_private/ray_constants.py") + source("_private/runtime_env/setup_hook.py")
    assert '"RAY_worker_niceness"' in constants
    assert "RAY_JOB_ID" in source("_private/worker.py") + constants
    given = {"RAY_JOB_ID": "1", "RAY_AUTH_TOKEN": "x", "RAY_worker_niceness": "0", "PATH": "/bin"}
    assert for_another_driver(given) == {
        "RAY_AUTH_TOKEN": "x",
        "RAY_worker_niceness": "0",
        "PATH": "/bin",
    }
