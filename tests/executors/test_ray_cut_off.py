"""A cluster on a network of its own, and a node that is cut off from it during a study."""

import os
import subprocess
import sys
import tempfile
from contextlib import suppress
from pathlib import Path

import psutil
import pytest
from support.ray_cluster import ENVIRONMENT, ON_A_CLUSTER, until

pytestmark = [
    *ON_A_CLUSTER,
    pytest.mark.skipif(os.geteuid() != 0, reason="network namespaces need root"),
]
DRIVER = Path(__file__).with_name("cut_off_driver.py")
NODES = ("head", "one", "two")


def ip(*arguments: str) -> None:
    subprocess.run(["ip", *arguments], check=True, capture_output=True)


class Network:
    """Network namespaces and their processes.

    The bridge is in the head's namespace, where this machine's firewall does not interfere.
    """

    def __init__(self, directory: Path) -> None:
        self._directory, self._tag = directory, f"s{os.getpid()}"
        self.started: list[subprocess.Popen] = []
        for name in NODES:
            ip("netns", "add", self._space(name))
            ip("-n", self._space(name), "link", "set", "lo", "up")
        head = self._space("head")
        ip("-n", head, "link", "add", "bridge", "type", "bridge")
        ip("-n", head, "addr", "add", "10.77.0.1/24", "dev", "bridge")
        ip("-n", head, "link", "set", "bridge", "up")
        for number, name in enumerate(NODES[1:], start=2):
            space = self._space(name)
            ip("-n", head, "link", "add", name, "type", "veth", "peer", "eth0", "netns", space)
            ip("-n", head, "link", "set", name, "master", "bridge", "up")
            ip("-n", space, "addr", "add", f"10.77.0.{number}/24", "dev", "eth0")
            ip("-n", space, "link", "set", "eth0", "up")

    def start(self, name: str, *command: str, **environment: str) -> subprocess.Popen:
        """Start a program in a namespace; its output goes to a file of its name."""
        log = (self._directory / f"{name}-{len(self.started)}.log").open("w")
        everything = ["ip", "netns", "exec", self._space(name), sys.executable, *command]
        variables = {**os.environ, **ENVIRONMENT, **environment}
        process = subprocess.Popen(everything, env=variables, stdout=log, stderr=log)
        self.started.append(process)
        return process

    def ray(self, name: str, *arguments: str) -> None:
        """Start a node."""
        process = self.start(name, "-m", "ray.scripts.scripts", "start", *arguments)
        assert process.wait(120) == 0

    def cut(self, name: str) -> None:
        """Disconnect a node from the network without notice."""
        ip("-n", self._space("head"), "link", "set", name, "down")

    def close(self) -> None:
        """Kill all processes in the namespaces, and remove the namespaces."""
        for name in NODES:
            command = ["ip", "netns", "pids", self._space(name)]
            pids = subprocess.run(command, check=False, capture_output=True, text=True)
            for pid in pids.stdout.split():
                with suppress(psutil.Error):
                    psutil.Process(int(pid)).kill()
            with suppress(subprocess.CalledProcessError):
                ip("netns", "del", self._space(name))

    def _space(self, name: str) -> str:
        return f"{self._tag}{name}"


@pytest.fixture
def network(tmp_path):
    try:
        network = Network(tmp_path)
    except (OSError, subprocess.CalledProcessError) as error:
        pytest.skip(f"no network namespaces here: {error}")
    yield network
    network.close()


@pytest.fixture
def sockets():
    """A directory whose path is short enough for Ray's sockets."""
    with tempfile.TemporaryDirectory(prefix="ray-", dir="/tmp", ignore_cleanup_errors=True) as path:
        yield path


def test_a_node_that_is_cut_off_costs_no_trial(network, sockets, tmp_path):
    """Its trainings run again on the other node, with the same results as on one machine."""
    head = ("--head", "--port=6379", "--num-cpus=0", "--include-dashboard=false")
    network.ray("head", *head, "--node-ip-address=10.77.0.1", f"--temp-dir={sockets}")
    for number, name in enumerate(NODES[1:], start=2):
        network.ray(
            name, "--address=10.77.0.1:6379", f"--node-ip-address=10.77.0.{number}", "--num-cpus=1"
        )
    driver = network.start("head", str(DRIVER), "ray", str(tmp_path), RAY_ADDRESS="10.77.0.1:6379")
    until(lambda: (tmp_path / "midway").exists() or driver.poll() is not None, 120)
    assert (tmp_path / "midway").read_text() == "2 nodes"
    network.cut("two")
    (tmp_path / "go-on").touch()
    assert driver.wait(240) == 0
    subprocess.run([sys.executable, DRIVER, "fused", tmp_path], check=True)
    assert (tmp_path / "ray.txt").read_text() == (tmp_path / "fused.txt").read_text()
