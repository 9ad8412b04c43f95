"""Connection to a Ray cluster: its address, its token, and one of its nodes on this machine.

A Ray driver talks to a node on its own machine. If none of the cluster's nodes runs here, a node
that offers no resources is started for the driver's lifetime.
"""

from __future__ import annotations

import contextlib
import gc
import logging
import os
import signal
import socket
import subprocess
import threading
import time

import psutil

from searchlab.core.children import ends_with_parent
from searchlab.core.loopback import host_and_port, is_loopback, with_port
from searchlab.errors import InputError, SearchlabError
from searchlab.private.ray import cluster_of, silence_dead_nodes, start_command

ADDRESS = "RAY_ADDRESS"
"""The environment variable with a cluster's address, shared with Ray."""

_REACH = 5.0  # seconds to open a connection
_ANSWER = 30.0  # seconds for the cluster to answer
_JOIN = 60.0  # seconds for a node to start
_PORT = 6379  # Ray's default port


class Connection:
    """This process' connection to a cluster as a Ray driver, until it is closed.

    Attributes:
        address: host and port of the cluster's head.
    """

    def __init__(self, given: str | None = None) -> None:
        """Connect to a cluster.

        Args:
            given: the head's address; `RAY_ADDRESS` if None.

        Raises:
            InputError: if there is no usable address, or the cluster is remote and has no token.
            SearchlabError: if the cluster cannot be reached or denies access.
        """
        host, port = _address(given or os.environ.get(ADDRESS, ""))
        self.address = with_port(host, port)
        _reach(host, port)
        self._own = None if _has_node(host, port) else _start_node(host, port)
        try:
            _init(self.address)
        except BaseException:
            self._stop_node()
            raise

    def close(self) -> None:
        """Disconnect from the cluster; safe to call twice.

        Ray aborts the process if one of its references is freed during shutdown, which a garbage
        collection in another thread can cause.
        """
        import ray

        gc.collect()
        gc.disable()
        try:
            ray.shutdown()
        finally:
            gc.enable()
        self._stop_node()

    def _stop_node(self) -> None:
        if self._own is not None:
            self._own.terminate()
            try:
                self._own.wait(_REACH)
            except subprocess.TimeoutExpired:
                for each in psutil.Process(self._own.pid).children(recursive=True):
                    with contextlib.suppress(psutil.Error):
                        each.kill()
                self._own.kill()
                self._own.wait()
            self._own = None


def _address(given: str) -> tuple[str, int]:
    found = host_and_port(given)
    if found is None or found[0] in ("", "auto"):
        what = f"{given!r} is not a Ray cluster's address" if given else "no address is given"
        raise InputError(
            f"{what}: give the head node's address, as --address 10.0.0.1:6379 or in {ADDRESS}"
        )
    host, port = found
    if not is_loopback(host) and not _has_token():
        raise InputError(
            f"the cluster at {given} is not on this machine, and a cluster without a token runs "
            "code from anybody: start its nodes and this command with RAY_AUTH_MODE=token and "
            "the same RAY_AUTH_TOKEN"
        )
    return host, _PORT if port is None else port


def _has_token() -> bool:
    """Return whether Ray uses a token, which it reads from the environment or a file."""
    return os.environ.get("RAY_AUTH_MODE", "").lower() == "token"


def _reach(host: str, port: int) -> None:
    try:
        socket.create_connection((host, port), timeout=_REACH).close()
    except OSError as error:
        raise SearchlabError(
            f"there is no Ray cluster at {with_port(host, port)} ({error.strerror or error}): "
            "start it there with `ray start --head`, or correct the address"
        ) from None


def _has_node(host: str, port: int) -> bool:
    """Return whether one of the cluster's nodes runs on this machine."""
    ours = {host, *_resolved(host)}
    if is_loopback(host):
        ours |= {"127.0.0.1", "::1", _own_address()}
    for process in psutil.process_iter(["name", "cmdline"]):
        theirs = cluster_of(process.info["name"], process.info["cmdline"] or ())
        if theirs is not None and theirs[0] in ours and theirs[1] == str(port):
            return True
    return False


def _resolved(host: str) -> set[str]:
    with contextlib.suppress(OSError):
        return {str(address[0]) for *_, address in socket.getaddrinfo(host, None)}
    return set()


def _own_address() -> str:
    """Return the address that Ray uses for a machine it was told is local."""
    from ray.util import get_node_ip_address

    return str(get_node_ip_address())


def _start_node(host: str, port: int) -> subprocess.Popen[bytes]:
    """Start a node without resources on this machine; it ends with this process.

    Raises:
        SearchlabError: if the node does not start.
    """
    without = ("--num-cpus=0", "--num-gpus=0", "--block", "--disable-usage-stats")
    address = with_port(host, port)
    command = start_command(f"--address={address}", *without)
    process = subprocess.Popen(  # noqa: S603 - our own words
        command,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,  # only this process acts on Ctrl-C
        preexec_fn=ends_with_parent(signal.SIGTERM),  # noqa: PLW1509
    )
    until = time.monotonic() + _JOIN
    while process.poll() is None and time.monotonic() < until:
        if _has_node(host, port):
            return process
        time.sleep(0.2)
    process.kill()
    raise SearchlabError(
        f"this machine cannot join the Ray cluster at {address}: check that `ray start "
        f"--address={address}` works here, with the cluster's Ray version and RAY_AUTH_TOKEN"
    )


def _init(address: str) -> None:
    """Connect in a separate thread, because Ray takes over signals and can block for minutes."""
    errors: list[Exception] = []

    def connect() -> None:
        import ray

        silence_dead_nodes()
        try:
            ray.init(
                address, namespace="searchlab", log_to_driver=False, logging_level=logging.CRITICAL
            )
        except Exception as error:  # Ray has no base class for its errors
            errors.append(error)

    thread = threading.Thread(target=connect, name="searchlab-ray", daemon=True)
    thread.start()
    thread.join(_ANSWER)
    if thread.is_alive():
        raise SearchlabError(
            f"the Ray cluster at {address} does not answer: check its head node "
            "with `ray status` there, then try again"
        )
    for error in errors:
        why = " ".join(str(error).split()).partition(". ")[0]
        raise SearchlabError(
            f"the Ray cluster at {address} denies access ({type(error).__name__}: {why}): use "
            "the Ray and Python versions and the RAY_AUTH_TOKEN of its nodes"
        )
    if threading.current_thread() is threading.main_thread():
        # Ray's C++ part has replaced Python's handler.
        signal.signal(signal.SIGTERM, signal.getsignal(signal.SIGTERM))
