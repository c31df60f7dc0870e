"""Pages kept in memory for a short time: the same page for many readers is made once."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass

from cachetools import TTLCache
from starlette.concurrency import run_in_threadpool
from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from moulouya.portal.answers import SHORT, matches, packing_for

SECONDS = 30.0
MOST_BYTES = 64 * 1024**2
LARGEST = 2 * 1024**2
# What reads the client's own headers beyond its languages and codings, or never repeats.
NEVER = ("/files/", "/releases/", "/health/", "/static/", "/metrics")
# Whose answers differ by the header Accept, too.
NEGOTIATED = "/api/v1/"
Key = tuple[int | None, str, bytes, str | None, str]


@dataclass(frozen=True)
class Sent:
    """An answer as it was sent."""

    headers: list[tuple[bytes, bytes]]
    body: bytes


class Remembering:
    """Keeps answers that say they may be shared for a minute, by release, address and coding.

    A page names the time (what is late), so it is made anew after ``SECONDS``; a new release is a
    new key. The least recently used go first when ``MOST_BYTES`` are kept.
    """

    def __init__(self, app: ASGIApp, clock: Callable[[], float] = time.monotonic) -> None:
        self.app = app
        self._kept: TTLCache[Key, Sent] = TTLCache(
            MOST_BYTES, SECONDS, clock, getsizeof=lambda sent: len(sent.body)
        )
        self._lock = threading.Lock()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer from memory, or pass on and remember."""
        if (
            scope["type"] != "http"
            or scope["method"] not in ("GET", "HEAD")
            or scope["path"].startswith(NEVER)
        ):
            await self.app(scope, receive, send)
            return
        current = scope["app"].state.current
        served = await run_in_threadpool(current.catalogue) if current.due() else current.served
        headers = Headers(scope=scope)
        number = served.number if served is not None else None
        accept = headers.get("accept", "")[:200] if scope["path"].startswith(NEGOTIATED) else ""
        key = (number, scope["path"], scope["query_string"], packing_for(headers), accept)
        kept = self._find(key)
        if kept is not None:
            await _send(kept, scope["method"], headers, send)
        elif scope["method"] == "HEAD":
            await self.app(scope, receive, send)
        else:
            await self._pass_on(key, scope, receive, send)

    def _find(self, key: Key) -> Sent | None:
        with self._lock:
            return self._kept.get(key)

    async def _pass_on(self, key: Key, scope: Scope, receive: Receive, send: Send) -> None:
        begun: list[Message] = []
        pieces: list[bytes] = []

        async def watched(message: Message) -> None:
            if message["type"] == "http.response.start" and _may_be_kept(message):
                begun.append(message)
            elif message["type"] == "http.response.body" and begun:
                pieces.append(message.get("body", b""))
                if sum(map(len, pieces)) > LARGEST:
                    begun.clear()
                elif not message.get("more_body", False):
                    self._keep(key, list(begun[0]["headers"]), b"".join(pieces))
            await send(message)

        await self.app(scope, receive, watched)

    def _keep(self, key: Key, headers: list[tuple[bytes, bytes]], body: bytes) -> None:
        with self._lock:
            self._kept[key] = Sent(headers, body)


def _may_be_kept(message: Message) -> bool:
    headers = Headers(raw=message["headers"])
    return bool(message["status"] == 200 and headers.get("cache-control") == SHORT)


async def _send(kept: Sent, method: str, asked: Headers, send: Send) -> None:
    """The kept answer; 304 when the client has it."""
    headers = MutableHeaders(raw=list(kept.headers))
    status, body = 200, kept.body if method == "GET" else b""
    if matches(asked.get("if-none-match"), headers.get("etag", "")):
        status, body = 304, b""
        del headers["content-length"]
        del headers["content-encoding"]
    await send({"type": "http.response.start", "status": status, "headers": headers.raw})
    await send({"type": "http.response.body", "body": body})
