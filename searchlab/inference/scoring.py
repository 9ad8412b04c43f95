"""The program that `searchlab serve` starts: MLflow's scoring server behind a guard.

MLflow's server answers whatever names a request asks for, and takes bodies of any size.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Awaitable, Callable, Iterable, MutableMapping
from typing import Any

from searchlab.core.loopback import HOST, asks_for_loopback

LIMIT = 32 * 2**20
"""The most bytes of a request's body."""

_Message = MutableMapping[str, Any]
_Receive = Callable[[], Awaitable[_Message]]
_Send = Callable[[_Message], Awaitable[None]]
_App = Callable[[_Message, _Receive, _Send], Awaitable[None]]


class Guard:
    """An ASGI application that lets only requests to loopback with small bodies through."""

    def __init__(self, app: _App, limit: int = LIMIT) -> None:
        self._app, self._limit = app, limit

    async def __call__(self, scope: _Message, receive: _Receive, send: _Send) -> None:
        """Answer one request, or hand it on with its whole body."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        if not asks_for_loopback(_header(scope, b"host")):
            why = f"this server answers requests to {HOST} and localhost only"
            await _refuse(send, 403, "PERMISSION_DENIED", why)
            return
        body = await self._body(scope, receive)
        if body is None:
            most = f"the body has more than {self._limit / 2**20:g} MiB: send fewer rows at once"
            await _refuse(send, 413, "REQUEST_LIMIT_EXCEEDED", most)
            return
        await self._app(scope, _giving(body, receive), send)

    async def _body(self, scope: _Message, receive: _Receive) -> bytes | None:
        """Return the body, or None if it is too large.

        A client that is sending it sees the answer only once all is taken; nothing of that is kept.
        """
        length = _header(scope, b"content-length")
        large = length.isdigit() and int(length) > self._limit
        if large and _header(scope, b"expect"):  # it asks before it sends
            return None
        parts: list[bytes] = []
        size, more = 0, True
        while more:
            message = await receive()
            parts.append(message.get("body", b""))
            size, more = size + len(parts[-1]), message.get("more_body", False)
            large = large or size > self._limit
            if large:
                parts.clear()
        return None if large else b"".join(parts)


def _header(scope: _Message, name: bytes) -> str:
    headers: Iterable[tuple[bytes, bytes]] = scope["headers"]
    return next((value.decode("latin-1") for key, value in headers if key == name), "")


def _giving(body: bytes, receive: _Receive) -> _Receive:
    """Return a `receive` that gives the whole body at once, then what the client does next."""
    messages: list[_Message] = [{"type": "http.request", "body": body, "more_body": False}]

    async def give() -> _Message:
        return messages.pop() if messages else await receive()

    return give


async def _refuse(send: _Send, status: int, code: str, message: str) -> None:
    """Answer in the form of MLflow's own errors."""
    body = json.dumps({"error_code": code, "message": message}).encode()
    headers = [(b"content-type", b"application/json"), (b"connection", b"close")]
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": body})


def main(model: str, port: int) -> None:
    """Serve an MLflow model on a port of the loopback address until a signal ends it."""
    import uvicorn

    from searchlab.private.mlflow import scoring_app

    uvicorn.run(Guard(scoring_app(model)), host=HOST, port=port, log_level="warning")


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]))
