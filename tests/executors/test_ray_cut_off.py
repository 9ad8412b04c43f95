"""A cluster over a network of its own, and a node that is cut off from it in mid-study."""

import os
import subprocess
import sys
from contextlib import suppress
from pathlib import Path

import psutil
import pytest
from executors.ray_cluster import ENVIRONMENT, until

pytest.importorskip("ray", reason="needs the extra searchlab[ray]")
pytestmark = [
    pytest.mark.keras,
    pytest.mark.slow,
    pytest.mark.timeout(900),
    pytest.mark.skipif(os.geteuid() != 0, reason="network namespaces need root"),
]
DRIVER = Path(__file__).with_name("cut_off_driver.py")
QUIET = {"capture_output": True, "text": True}
NODES = ("head", "one", "two")


def ip(*arguments: str) -> None:
    subprocess.run(["ip", *arguments], check=True, capture_output=True)


class Network:
    """Network namespaces, a bridge between them, and what runs in them."""

    def __init__(self, directory: Path) -> None:
        self._directory, self._tag = directory, f"s{os.getpid() % 10_000}"
        self.started: list[subprocess.Popen] = []
        ip("link", "add", self._tag, "type", "bridge")
        ip("link", "set", self._tag, "up")
        for number, name in enumerate(NODES, start=1):
            space, wire = self._names(name)
            ip("netns", "add", space)
            ip("link", "add", wire, "type", "veth", "peer", "name", "eth0", "netns", space)
            ip("link", "set", wire, "master", self._tag, "up")
            ip("-n", space, "addr", "add", f"10.77.0.{number}/24", "dev", "eth0")
            ip("-n", space, "link", "set", "eth0", "up")
            ip("-n", space, "link", "set", "lo", "up")

    def start(self, name: str, *command: str, **environment: str) -> subprocess.Popen:
        """Starts a program in a namespace; what it prints goes to a file of its name."""
        log = (self._directory / f"{name}-{len(self.started)}.log").open("w")
        everything = ["ip", "netns", "exec", self._names(name)[0], sys.executable, *command]
        variables = {**os.environ, **ENVIRONMENT, **environment}
        process = subprocess.Popen(everything, env=variables, stdout=log, stderr=log)
        self.started.append(process)
        return process

    def ray(self, name: str, *arguments: str) -> None:
        """Starts a node."""
        process = self.start(name, "-m", "ray.scripts.scripts", "start", *arguments)
        assert process.wait(120) == 0

    def cut(self, name: str) -> None:
        """Takes a node off the network, without a word to anybody."""
        ip("link", "set", self._names(name)[1], "down")

    def close(self) -> None:
        for name in NODES:
            space = self._names(name)[0]
            pids = subprocess.run(["ip", "netns", "pids", space], check=False, **QUIET)
            for pid in pids.stdout.split():
                with suppress(psutil.Error):
                    psutil.Process(int(pid)).kill()
            subprocess.run(["ip", "netns", "del", space], check=False, **QUIET)
        subprocess.run(["ip", "link", "del", self._tag], check=False, **QUIET)

    def _names(self, name: str) -> tuple[str, str]:
        return f"{self._tag}{name}", f"{self._tag}{name[0]}{len(name)}"


@pytest.fixture
def network(tmp_path):
    try:
        network = Network(tmp_path)
    except (OSError, subprocess.CalledProcessError) as error:
        pytest.skip(f"no network namespaces here: {error}")
    yield network
    network.close()


def test_a_node_that_is_cut_off_costs_no_trial(network, tmp_path):
    """Its trainings are run again on the other one, and all is as on one machine."""
    head = ("--head", "--port=6379", "--num-cpus=0", "--include-dashboard=false")
    network.ray("head", *head, "--node-ip-address=10.77.0.1", f"--temp-dir={tmp_path / 'ray'}")
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
