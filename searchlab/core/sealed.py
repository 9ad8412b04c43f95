"""JSON texts that tell whether they are as they were written, for what only saves time."""

from __future__ import annotations

import json
import zlib
from typing import Any

_CRC = ',"crc":"'


def sealed(values: Any, *, allow_nan: bool = True) -> str:
    """Return an object as one line of JSON without its end, with a checksum as its last key.

    Raises:
        ValueError: if a number is not finite and `allow_nan` is not set.
    """
    return with_checksum(json.dumps(values, separators=(",", ":"), allow_nan=allow_nan))


def with_checksum(body: str, before: int = 0) -> str:
    """Return the JSON text of an object with a checksum as its last key.

    Args:
        body: the text.
        before: the checksum of what comes before it, which this one then covers, too.
    """
    return f'{body[:-1]}{_CRC}{zlib.crc32(body.encode(), before):08x}"}}'


def unsealed(text: str) -> dict[str, Any]:
    """Return the object of a text that `sealed` made.

    Raises:
        ValueError: if the text is not such a one, or has been changed.
    """
    body, found, _ = text.rpartition(_CRC)
    body += "}"
    if not found or text != with_checksum(body):
        raise ValueError("the text is not as it was written")
    return dict(json.loads(body))
