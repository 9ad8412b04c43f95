"""Permissions that count, for tests that run as root."""

from __future__ import annotations

import ctypes
import os
from collections.abc import Iterator
from contextlib import contextmanager

_VERSION_3 = 0x20080522
_OVERRIDES = (1 << 1) | (1 << 2)  # CAP_DAC_OVERRIDE and CAP_DAC_READ_SEARCH


class _Header(ctypes.Structure):
    _fields_ = (("version", ctypes.c_uint32), ("pid", ctypes.c_int))


class _Data(ctypes.Structure):
    _fields_ = (
        ("effective", ctypes.c_uint32),
        ("permitted", ctypes.c_uint32),
        ("inheritable", ctypes.c_uint32),
    )


@contextmanager
def as_anybody() -> Iterator[None]:
    """Have files' modes count for this thread, and those that it starts, as for any user."""
    if os.geteuid() != 0:
        yield
        return
    libc, header, data = ctypes.CDLL(None), _Header(_VERSION_3, 0), (_Data * 2)()
    if libc.capget(ctypes.byref(header), data) != 0:
        raise OSError("the capabilities cannot be read")
    before = data[0].effective
    data[0].effective = before & ~_OVERRIDES
    if libc.capset(ctypes.byref(header), data) != 0:
        raise OSError("the capabilities cannot be dropped")
    try:
        yield
    finally:
        data[0].effective = before
        libc.capset(ctypes.byref(header), data)
