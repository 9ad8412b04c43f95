"""The loopback address, the only one that our servers listen on."""

from __future__ import annotations

import re
import socket
from ipaddress import IPv6Address, ip_address

from searchlab.errors import InputError

HOST = "127.0.0.1"

_WITH_PORT = re.compile(r"(?:\[([^\[\]@/]*)\]|([^\[\]:@/]+))(?::(\d+))?")


def host_and_port(text: str) -> tuple[str, int | None] | None:
    """Return the host and the port of an address such as `[::1]:80`; None if it is no address.

    A port that is not given is None, too.
    """
    found = _WITH_PORT.fullmatch(text)
    if found is None:
        return None
    return found[1] or found[2], None if found[3] is None else int(found[3])


def with_port(host: str, port: int) -> str:
    """Return the address of a host and a port, which `host_and_port` takes apart."""
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"


def is_loopback(host: str) -> bool:
    """Return whether a host is certainly this machine: `localhost`, or a loopback address.

    Any other name may be anybody's, even one that begins with 127.
    """
    if host.lower() == "localhost":
        return True
    try:
        address = ip_address(host)
    except ValueError:
        return False
    mapped = address.ipv4_mapped if isinstance(address, IPv6Address) else None
    return (mapped or address).is_loopback


def asks_for_loopback(header: str) -> bool:
    """Return whether the Host header of a request names this machine.

    Another name in it means that a web page of that name has been given this machine's address, so
    that its scripts reach a server which trusts everybody who can reach it (DNS rebinding).
    """
    found = host_and_port(header)
    return found is not None and is_loopback(found[0])


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
