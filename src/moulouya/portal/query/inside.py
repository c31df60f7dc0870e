"""A statement that a page or another API asks for: the service's own rules, its answer in hand."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import orjson
from starlette.datastructures import Headers
from starlette.requests import Request
from starlette.types import Message, Scope

from moulouya.portal.query import service
from moulouya.portal.query.answering import BrokenOff

ADDRESS = "/api/v1/sql"
# What tells who asks; the rest of a request is about the page that it is for.
KEPT = (b"authorization", b"dnt", b"from", b"sec-gpc", b"user-agent", b"x-api-key",
        b"x-forwarded-for")  # fmt: skip
BROKEN: dict[str, Any] = {
    "type": "urn:moulouya:problem:too-slow",
    "title": "The statement took too long",
    "status": 422,
    "detail": "the result broke off before its end",
    "hint": "read fewer rows, or aggregate",
}


@dataclass(frozen=True)
class Answered:
    """What the service answered; ``body`` is the result, or a problem (RFC 9457)."""

    status: int
    headers: Headers
    body: bytes

    @property
    def problem(self) -> dict[str, Any] | None:
        """What is wrong; None for a result."""
        found: dict[str, Any] | None = None if self.status == 200 else orjson.loads(self.body)
        return found


async def ask(request: Request, options: dict[str, Any]) -> Answered:
    """The answer to a statement as ``POST /api/v1/sql`` with these options gives it.

    It is asked in the name of who sent ``request``, and stopped when they go away.
    """
    headers = [pair for pair in request.scope["headers"] if pair[0] in KEPT]
    scope: Scope = {
        **request.scope,
        "method": "POST",
        "path": ADDRESS,
        "raw_path": ADDRESS.encode(),
        "query_string": b"",
        "headers": [*headers, (b"content-type", b"application/json")],
    }
    scope.pop("state", None)
    body = orjson.dumps(options)
    given = False
    begun: list[Message] = []
    pieces: list[bytes] = []

    async def receive() -> Message:
        nonlocal given
        if given:
            return await request.receive()
        given = True
        return {"type": "http.request", "body": body, "more_body": False}

    async def send(message: Message) -> None:
        if message["type"] == "http.response.start":
            begun.append(message)
        else:
            pieces.append(message.get("body", b""))

    response = await service.sql(Request(scope, receive))
    try:
        await response(scope, receive, send)
    except BrokenOff:
        return Answered(422, Headers(), orjson.dumps(BROKEN))
    return Answered(begun[0]["status"], Headers(raw=begun[0]["headers"]), b"".join(pieces))
