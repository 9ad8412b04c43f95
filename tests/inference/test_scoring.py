"""The guard of the scoring server, with an application that tells the body it was given."""

import asyncio
import json

import pytest

from searchlab.inference.scoring import Guard


async def echo(scope, receive, send):
    """An application that answers with the body."""
    message = await receive()
    assert not message["more_body"]
    await send({"type": "http.response.start", "status": 200, "headers": []})
    await send({"type": "http.response.body", "body": message["body"]})


def ask(parts, limit=8, **headers):
    """Send a body in parts; return the status, the answer and the parts that nobody took."""
    given = {"host": "127.0.0.1:5001", **headers}
    scope = {"type": "http", "headers": [(k.encode(), v.encode()) for k, v in given.items()]}
    left, sent = list(parts), []

    async def receive():
        return {"type": "http.request", "body": left.pop(0), "more_body": bool(left)}

    async def send(message):
        sent.append(message)

    asyncio.run(Guard(echo, limit)(scope, receive, send))
    return sent[0]["status"], sent[1]["body"], left


def test_a_body_arrives_whole():
    """The application gets all parts at once, up to the limit to the byte."""
    assert ask([b"1234", b"5678"]) == (200, b"12345678", [])


@pytest.mark.parametrize("headers", [{}, {"content-length": "12"}])
def test_a_body_that_is_too_large_is_refused_in_one_line(headers):
    """Its length need not be told; it is taken to its end, as clients answer to nothing before."""
    status, body, left = ask([b"1234"] * 3, **headers)
    assert (status, left) == (413, [])
    assert "MiB: send fewer rows at once" in json.loads(body)["message"]


def test_a_client_that_asks_first_sends_nothing_for_nothing():
    """A body that is announced with Expect is refused before it is sent."""
    headers = {"content-length": "12", "expect": "100-continue"}
    status, _, left = ask([b"1234"] * 3, **headers)
    assert (status, len(left)) == (413, 3)


def test_a_request_to_another_name_is_refused():
    """A page whose name was given the address of this machine reaches no model."""
    status, body, left = ask([b"1234"], host="rebound.example:5001")
    assert (status, len(left)) == (403, 1)
    assert json.loads(body)["message"].startswith("this server answers requests to 127.0.0.1")
