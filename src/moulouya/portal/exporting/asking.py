"""Asking the application itself, in this process: no server, no port, no network."""

from __future__ import annotations

import asyncio
import tempfile
from dataclasses import dataclass
from typing import IO
from urllib.parse import unquote, urlsplit

from starlette.applications import Starlette
from starlette.datastructures import Headers
from starlette.types import Message, Scope

IN_MEMORY = 8 * 1024**2
# An export is no reader: nothing that it asks for is counted as a use.
_HEADERS = [(b"host", b"export"), (b"dnt", b"1"), (b"accept-encoding", b"identity")]


@dataclass(frozen=True)
class Answer:
    """An answer; a large body is in a temporary file."""

    status: int
    headers: Headers
    body: IO[bytes]

    @property
    def media_type(self) -> str:
        """The media type, without its parameters."""
        return self.headers.get("content-type", "").partition(";")[0]

    @property
    def page(self) -> bool:
        """True for HTML."""
        return self.media_type == "text/html"


async def get(app: Starlette, address: str) -> Answer:
    """The application's answer to GET; what the application raises is raised here."""
    parts = urlsplit(address)
    body = tempfile.SpooledTemporaryFile(IN_MEMORY)  # noqa: SIM115  # closed with its answer
    begun: list[Message] = []
    scope: Scope = {
        "type": "http",
        "asgi": {"version": "3.0"},
        "http_version": "1.1",
        "method": "GET",
        "scheme": "http",
        "path": unquote(parts.path),
        "raw_path": parts.path.encode(),
        "root_path": "",
        "query_string": parts.query.encode(),
        "headers": _HEADERS,
        "client": ("127.0.0.1", 0),
        "server": ("export", 80),
    }

    received = False

    async def receive() -> Message:
        nonlocal received
        if received:
            # Nobody hangs up: who watches for it waits until the answer is whole.
            await asyncio.Event().wait()
        received = True
        return {"type": "http.request", "body": b"", "more_body": False}

    async def send(message: Message) -> None:
        if message["type"] == "http.response.start":
            begun.append(message)
        else:
            body.write(message.get("body", b""))

    await app(scope, receive, send)
    body.seek(0)
    return Answer(begun[0]["status"], Headers(raw=begun[0]["headers"]), body)
