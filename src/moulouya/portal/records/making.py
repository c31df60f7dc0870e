"""Making a file while it is sent: stopped when the client goes away, kept where it may go on."""

from __future__ import annotations

import asyncio
import contextlib
import errno
import threading
import zlib
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any, Protocol

import brotli
import duckdb
import pyarrow as pa
import structlog
import zstandard
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from moulouya.errors import LakeError
from moulouya.portal import problems
from moulouya.portal.reading import TooSlow
from moulouya.portal.records.spool import Draft, Spool

AT_ONCE = 4
WAIT_SECONDS = 2.0
RETRY_SECONDS = 10
# A file that ends within so many bytes is sent with its length.
AHEAD = 256 * 1024
log = structlog.get_logger("moulouya.portal")


class Busy(Exception):
    """As many files are being made as this machine makes at once."""


class Slots:
    """How many files are made at once."""

    def __init__(self, most: int = AT_ONCE) -> None:
        self._free = threading.BoundedSemaphore(most)

    def __enter__(self) -> None:
        if not self._free.acquire(timeout=WAIT_SECONDS):
            raise Busy

    def __exit__(self, *_: object) -> None:
        self._free.release()


class Packer(Protocol):
    """Compresses a stream."""

    def add(self, piece: bytes) -> bytes:
        """What is ready after one more piece."""

    def end(self) -> bytes:
        """The rest."""


class _Brotli:
    def __init__(self) -> None:
        self._with = brotli.Compressor(quality=3)

    def add(self, piece: bytes) -> bytes:
        return bytes(self._with.process(piece) + self._with.flush())

    def end(self) -> bytes:
        return bytes(self._with.finish())


class _Zlib:
    def __init__(self) -> None:
        self._with = zlib.compressobj(5, zlib.DEFLATED, 31)

    def add(self, piece: bytes) -> bytes:
        return self._with.compress(piece) + self._with.flush(zlib.Z_SYNC_FLUSH)

    def end(self) -> bytes:
        return self._with.flush()


class _Zstandard:
    def __init__(self) -> None:
        self._with = zstandard.ZstdCompressor(level=3).compressobj()

    def add(self, piece: bytes) -> bytes:
        ready = self._with.compress(piece)
        return bytes(ready + self._with.flush(zstandard.COMPRESSOBJ_FLUSH_BLOCK))

    def end(self) -> bytes:
        return bytes(self._with.flush())


STREAM_PACKERS: dict[str, Callable[[], Packer]] = {
    "br": _Brotli,
    "zstd": _Zstandard,
    "gzip": _Zlib,
}


class Work:
    """One file being made in one thread at a time, and the way to stop it from another."""

    def __init__(self, begin: Callable[[ExitStack], tuple[Any, Iterator[bytes]]]) -> None:
        self._begin = begin
        self._stack = ExitStack()
        self._con: duckdb.DuckDBPyConnection | None = None
        self._lock = threading.Lock()
        self.stopped = False
        self._pieces: Iterator[bytes] = iter(())

    def start(self) -> None:
        """Open what is read; raises Busy, LakeError, TooSlow."""
        con, pieces = self._begin(self._stack)
        with self._lock:
            self._con, self._pieces = con, pieces
            if self.stopped:
                con.interrupt()

    def next(self) -> bytes | None:
        """The next piece, None after the last."""
        return None if self.stopped else next(self._pieces, None)

    def ahead(self) -> tuple[list[bytes], bool]:
        """The first pieces, and whether they are all."""
        pieces: list[bytes] = []
        while sum(map(len, pieces)) < AHEAD and len(pieces) < 8:
            piece = self.next()
            if piece is None:
                return pieces, True
            pieces.append(piece)
        return pieces, False

    def into(self, draft: Draft) -> None:
        """Write every piece to a file."""
        while (piece := self.next()) is not None:
            draft.write(piece)

    def stop(self) -> None:
        """Interrupt the query that runs, from any thread."""
        with self._lock:
            self.stopped = True
            if self._con is not None:
                self._con.interrupt()

    def close(self) -> None:
        """Give back the connection and the slot."""
        with self._lock:
            self._con = None
        with contextlib.suppress(duckdb.Error, TooSlow):
            self._stack.close()


class Made(Response):
    """The answer with a file that is made while it is sent.

    ``spool`` and ``name`` are where it is kept when it is whole; with ``whole_first`` it is made to
    its end before the answer begins, which ``serve`` then gives from the kept file.
    """

    def __init__(
        self,
        request: Request,
        work: Work,
        headers: dict[str, str],
        media_type: str,
        *,
        spool: Spool,
        name: str,
        packing: str | None = None,
        whole_first: bool = False,
        serve: Callable[[Path], Response],
    ) -> None:
        super().__init__(None, 200, headers, media_type)
        del self.headers["content-length"]
        self._request = request
        self._work = work
        self._spool = spool
        self._name = name
        self._packing = packing
        self._whole_first = whole_first
        self._serve = serve

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Make and send it; a client that hangs up stops the query."""
        watcher = asyncio.ensure_future(self._watch(receive))
        try:
            with self._spool.draft(self._name) as draft:
                await self._answer(draft, scope, receive, send)
        except Exception as error:
            if not self._work.stopped:
                log.warning("download broken off", path=scope["path"], reason=str(error))
                raise
        finally:
            watcher.cancel()
            await asyncio.shield(run_in_threadpool(self._work.close))

    async def _watch(self, receive: Receive) -> None:
        while (await receive())["type"] != "http.disconnect":
            pass
        self._work.stop()

    async def _answer(self, draft: Draft, scope: Scope, receive: Receive, send: Send) -> None:
        try:
            await run_in_threadpool(self._work.start)
            if self._whole_first:
                await run_in_threadpool(self._work.into, draft)
                if self._work.stopped:
                    return
                answer: Response = self._serve(await run_in_threadpool(draft.keep))
            else:
                pieces, all_of_it = await run_in_threadpool(self._work.ahead)
                if not all_of_it:
                    await self._stream(draft, pieces, send)
                    return
                answer = self._small(b"".join(pieces))
        except (Busy, TooSlow, LakeError, duckdb.Error, pa.ArrowException, OSError) as error:
            if self._work.stopped:
                return
            log.warning("download refused", path=scope["path"], reason=str(error) or "busy")
            busy = isinstance(error, Busy | TooSlow) or _no_room(error)
            answer = problems.problem(self._request, 503 if busy else 500, told(error))
            if busy:
                answer.headers["Retry-After"] = str(RETRY_SECONDS)
        if not self._work.stopped:
            await answer(scope, receive, send)

    def _small(self, content: bytes) -> Response:
        headers = dict(self.headers)
        if self._packing:
            packer = STREAM_PACKERS[self._packing]()
            content = packer.add(content) + packer.end()
        headers["content-length"] = str(len(content))
        body = b"" if self._request.method == "HEAD" else content
        return Response(body, 200, headers)

    async def _stream(self, draft: Draft, ahead: list[bytes], send: Send) -> None:
        packer = STREAM_PACKERS[self._packing]() if self._packing else None
        kept = packer is None
        await send({"type": "http.response.start", "status": 200, "headers": self.raw_headers})

        def following() -> bytes | None:
            return ahead.pop(0) if ahead else self._work.next()

        def more() -> bytes | None:
            nonlocal kept
            piece = following()
            if piece is None or packer is not None:
                return packer.add(piece) if piece is not None and packer is not None else None
            if kept:
                try:
                    draft.write(piece)
                except OSError as error:
                    # A full disk is no reason to stop sending.
                    log.warning("download not kept", reason=str(error))
                    kept = False
                kept = kept and draft.bytes <= self._spool.most // 4
            return piece

        while (piece := await run_in_threadpool(more)) is not None:
            if piece:
                await send({"type": "http.response.body", "body": piece, "more_body": True})
        if self._work.stopped:
            return
        rest = packer.end() if packer is not None else b""
        await send({"type": "http.response.body", "body": rest, "more_body": False})
        if kept:
            await run_in_threadpool(draft.keep)


def told(error: Exception) -> str:
    """Why a file was not made, for who asked for it."""
    if isinstance(error, Busy):
        return "too many downloads are being made at once; try again in a few seconds"
    if isinstance(error, TooSlow):
        return "making this file takes too long; narrow the view, or take the Parquet file"
    if _no_room(error):
        return "the server has no room to make this file now; take the CSV file, or try again later"
    return "the file could not be made"


def _no_room(error: Exception) -> bool:
    return isinstance(error, OSError) and error.errno in (errno.ENOSPC, errno.EDQUOT)
