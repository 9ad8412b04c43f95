"""Servers of ours listen on the loopback address only."""

from __future__ import annotations

import socket

from searchlab.errors import InputError

HOST = "127.0.0.1"


def refuse_taken(port: int) -> None:
    """Refuses a port that no server can listen on, before one is started.

    Raises:
        InputError: if something listens on it, or it is not for us.
    """
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((HOST, port))
        except OSError:
            raise InputError(
                f"port {port} of {HOST} cannot be used (is another server on it?): give another "
                "--port"
            ) from None
