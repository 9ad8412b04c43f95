"""The loopback address, the only one that our servers listen on."""

from __future__ import annotations

import socket

from searchlab.errors import InputError

HOST = "127.0.0.1"


def refuse_taken(port: int) -> None:
    """Refuse a port on which no server can listen.

    Raises:
        InputError: if the port is taken or not permitted.
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
