"""Hosts that are this machine, and those that only look like it."""

import pytest

from searchlab.core.loopback import asks_for_loopback, host_and_port, is_loopback, with_port

HERE = ["127.0.0.1", "127.8.9.10", "::1", "::ffff:127.0.0.1", "localhost", "LocalHost"]
ELSEWHERE = [
    *("127.evil.example", "127.0.0.1.attacker.net", "localhost.attacker.net", "127.0.0.1x"),
    *("10.0.0.1", "192.168.0.1", "::", "::ffff:10.0.0.1", "127.1", "0127.0.0.1", "127.0.0.1 ", ""),
]


@pytest.mark.parametrize("host", HERE)
def test_loopback_addresses_are_this_machine(host):
    """Every address of 127.0.0.0/8, IPv6's own and the name are, however they are written."""
    assert is_loopback(host)


@pytest.mark.parametrize("host", ELSEWHERE)
def test_names_that_begin_like_loopback_are_not(host):
    """A name or an address that is anybody's, or none, is not this machine."""
    assert not is_loopback(host)


@pytest.mark.parametrize("host", [f"[{each}]" if ":" in each else each for each in HERE])
def test_requests_to_this_machine_are_known(host):
    """The Host header may have any port, as behind a tunnel."""
    assert asks_for_loopback(host)
    assert asks_for_loopback(f"{host}:5001")


@pytest.mark.parametrize(
    "header", ["evil.example:5001", "127.0.0.1.evil.example", "", ":5001", "::1", "a@localhost"]
)
def test_requests_to_other_names_are_known(header):
    """So are headers that are no host at all."""
    assert not asks_for_loopback(header)


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("[::1]:6379", ("::1", 6379)),
        ("head:6379", ("head", 6379)),
        ("10.0.0.1", ("10.0.0.1", None)),
        ("[fe80::1]", ("fe80::1", None)),
        ("::1", None),
        ("head:", None),
        ("ray://head:1", None),
        ("", None),
    ],
)
def test_an_address_is_taken_apart_and_put_together(text, found):
    """An IPv6 address with a port is in brackets; without them it is no address."""
    assert host_and_port(text) == found
    if found is not None and found[1] is not None:
        assert with_port(*found) == text
