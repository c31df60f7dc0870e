"""One statement from its place in the queue to the last byte of its answer."""

from __future__ import annotations

import asyncio
import contextlib
import math
import time
from collections.abc import AsyncGenerator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import structlog
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from moulouya.portal.answers import PACKERS, WORTH_PACKING, packing_for
from moulouya.portal.query.asking import Asked
from moulouya.portal.query.forker import Ended, Run
from moulouya.portal.query.formats import MEDIA_TYPES
from moulouya.portal.query.frames import BadFrame, Cut, End, Trouble
from moulouya.portal.query.keeping import Result
from moulouya.portal.query.limits import Client
from moulouya.portal.query.pool import Busy, Place, Unavailable
from moulouya.portal.query.worker import Job
from moulouya.portal.query.wrong import Wrong, from_end, from_trouble, too_slow

if TYPE_CHECKING:
    from moulouya.portal.published import Catalogue
    from moulouya.portal.query.service import Service

# An answer that is whole by then has its true length and its flags in its headers.
HOLD_BYTES = 8 * 1024**2
HOLD_SECONDS = 1.0
# A worker at its limit is ended by its server; nobody waits for that longer than this.
TOLERANCE = 0.15
MOST_PACKED = 256 * 1024
# These have a place for the flag; the others are broken off where they turn out to be cut.
FLAGGED = ("json", "arrow", "parquet")
log = structlog.get_logger("moulouya.portal")


class BrokenOff(Exception):
    """An answer that had begun cannot be completed: the connection is closed without its end."""


class _Gone(Exception):
    """The client has gone."""


@dataclass
class Answering(Response):
    """The answer to one statement, made while it is sent."""

    service: Service
    request: Request
    asked: Asked
    who: Client
    job: Job
    catalogue: Catalogue
    kept_as: str | None
    headers_: dict[str, str]

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Run the statement and send what it gives, until the client goes away."""
        gone = asyncio.ensure_future(_gone(receive))
        try:
            await self._answer(gone, scope, receive, send)
        except _Gone:
            log.info("a client went away", client_tier=self.who.tier.name)
        finally:
            gone.cancel()

    async def _answer(
        self, gone: asyncio.Future[None], scope: Scope, receive: Receive, send: Send
    ) -> None:
        pool = self.service.pool()
        headers = self.headers_
        try:
            async with pool.places.place(self.who.name, self.who.tier.at_once) as place:
                forker = await self.service.forker(self.catalogue)
                run = await pool.run(forker, self.job, place)
                pieces = run.data()
                try:
                    response = await self._response(run, pieces, gone, place)
                    await response(scope, receive, send)
                finally:
                    run.cancel()
                    await pieces.aclose()
                    ended = await asyncio.shield(run.ended())
                    self._account(ended)
        except Busy as error:
            wrong = Wrong(503, "busy", str(error), retry_after=error.seconds)
            await wrong.response(headers)(scope, receive, send)
        except Unavailable as error:
            wrong = Wrong(503, "unavailable", str(error), retry_after=30)
            await wrong.response(headers)(scope, receive, send)

    def _account(self, ended: Ended) -> None:
        self.service.allowances.spend(self.who, ended.cpu)
        if ended.killed in ("time", "memory"):
            log.info(
                "a statement was stopped", reason=ended.killed, cpu=round(ended.cpu, 2),
                contact=self.asked.contact if self.who.tier.name == "contact" else None,
            )  # fmt: skip

    async def _response(
        self,
        run: Run,
        pieces: AsyncGenerator[bytes, None],
        gone: asyncio.Future[None],
        place: Place,
    ) -> Response:
        """What to send: a whole answer, the problem, or the beginning of a long answer."""
        held: list[bytes] = []
        size, until = 0, math.inf
        while True:
            following = asyncio.ensure_future(anext(pieces, None))
            waited: set[asyncio.Future[Any]] = {following, gone}
            until = min(until, place.began + self.job.seconds + TOLERANCE)
            left = max(0.0, until - time.monotonic())
            await asyncio.wait(waited, timeout=left, return_when="FIRST_COMPLETED")
            if gone.done():
                following.cancel()
                with contextlib.suppress(asyncio.CancelledError, BadFrame):
                    await following
                raise _Gone
            if not following.done():
                if held:
                    break
                following.cancel()
                with contextlib.suppress(asyncio.CancelledError, BadFrame):
                    await following
                return too_slow(self.job.seconds).response(self.headers_)
            try:
                piece = following.result()
            except BadFrame as error:
                log.error("a worker broke the rules", error=str(error))
                return self._crashed().response(self.headers_)
            if piece is None:
                return await self._whole(run, b"".join(held), place)
            held.append(piece)
            size += len(piece)
            if len(held) == 1:
                until = time.monotonic() + HOLD_SECONDS
            if size > HOLD_BYTES:
                following = asyncio.ensure_future(anext(pieces, None))
                break
        return _Streamed(self, run, held, following, pieces)

    def _crashed(self) -> Wrong:
        return Wrong(422, "crashed", "the process that ran it did not answer as it should")

    async def _whole(self, run: Run, body: bytes, place: Place) -> Response:
        told = run.told
        if isinstance(told, Trouble):
            return from_trouble(told).response(self.headers_)
        if told is None:
            ended = await run.ended()
            if place.pushed_out:
                detail = "it ran long and made room for others"
                return Wrong(503, "busy", detail, retry_after=5).response(self.headers_)
            return from_end(ended, self.job.seconds, self.job.memory).response(self.headers_)
        if self.kept_as is not None:
            self.service.kept.keep(self.kept_as, Result(body, told))
        return whole(self.request, self.asked, body, told, self.headers_, self.kept_as)

    def headers_of_stream(self) -> dict[str, str]:
        """The headers of an answer of which nobody knows yet how long it is."""
        return {
            **self.headers_,
            "Content-Type": MEDIA_TYPES[self.asked.format],
            "Cache-Control": "no-store",
            "Result-Truncated": "unknown",
        }


def whole(
    request: Request,
    asked: Asked,
    body: bytes,
    end: End,
    headers: dict[str, str],
    tag: str | None,
) -> Response:
    """A complete answer; the same statement on the same release need not be sent twice."""
    every = {
        **headers,
        "Result-Rows": str(end.rows),
        "Result-Truncated": "false" if end.cut is Cut.NOT else "true",
        "Cache-Control": "no-cache" if tag else "no-store",
        "Vary": "Accept, Accept-Encoding, Authorization, From, X-Api-Key",
    }
    if tag:
        every["ETag"] = f'W/"{tag}"'
    packing = packing_for(request.headers) if asked.format in ("json", "ndjson", "csv") else None
    if packing and WORTH_PACKING <= len(body) <= MOST_PACKED:
        body = PACKERS[packing](body)
        every["Content-Encoding"] = packing
    return Response(body, 200, every, MEDIA_TYPES[asked.format])


def from_kept(
    request: Request, asked: Asked, kept: Result, headers: dict[str, str], tag: str
) -> Response:
    """A complete answer from memory."""
    return whole(request, asked, kept.body, kept.end, headers, tag)


@dataclass
class _Streamed(Response):
    """A long answer: what is held already, and what still comes."""

    answering: Answering
    run: Run
    held: list[bytes]
    following: asyncio.Future[bytes | None]
    pieces: AsyncGenerator[bytes, None]

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Send it as it comes; raises BrokenOff where it cannot be completed."""
        headers = Response(headers=self.answering.headers_of_stream()).raw_headers
        headers = [(name, value) for name, value in headers if name != b"content-length"]
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        for piece in self.held:
            await send({"type": "http.response.body", "body": piece, "more_body": True})
        try:
            while (piece_ := await self.following) is not None:
                await send({"type": "http.response.body", "body": piece_, "more_body": True})
                self.following = asyncio.ensure_future(anext(self.pieces, None))
        finally:
            self.following.cancel()
            with contextlib.suppress(asyncio.CancelledError, BadFrame):
                await self.following
        told = self.run.told
        cut = isinstance(told, End) and told.cut is not Cut.NOT
        if not isinstance(told, End) or (cut and self.answering.asked.format not in FLAGGED):
            raise BrokenOff("a long answer was not completed")
        await send({"type": "http.response.body", "body": b"", "more_body": False})


async def _gone(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass
