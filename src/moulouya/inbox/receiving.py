"""Bytes on their way in: counted, hashed and written as they come, within size and time."""

from __future__ import annotations

import asyncio
import base64
import binascii
import errno
import hashlib
import time
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path

from starlette.concurrency import run_in_threadpool
from starlette.datastructures import Headers
from starlette.requests import ClientDisconnect

from moulouya.inbox.refusals import Refused
from moulouya.sources import uploads
from moulouya.storage.files import remove_tree

SILENCE = 60.0  # seconds without a byte
SLOWEST = 1024  # bytes a second, on the average after the first minute


@dataclass(frozen=True)
class Arrived:
    """A body that came whole, in a scratch folder."""

    folder: Path
    bytes: int
    sha256: str


def announced(headers: Headers) -> str | None:
    """The SHA-256 that the sender says the body has, in hexadecimal (RFC 9530, section 2).

    Raises Refused for one that cannot be read, and for a body that is a part or encoded.
    """
    if headers.get("content-encoding", "identity").lower() != "identity":
        raise Refused(415, "encoded")
    if "content-range" in headers:
        raise Refused(400, "encoded")
    given: set[str] = set()
    plain = headers.get("x-content-sha256")
    if plain is not None:
        given.add(plain.strip().lower())
    for part in headers.get("content-digest", "").split(","):
        algorithm, _, value = part.strip().partition("=")
        if algorithm == "sha-256":
            try:
                given.add(base64.b64decode(value.strip(":"), validate=True).hex())
            except binascii.Error:
                raise Refused(400, "digest-unknown") from None
    if "content-digest" in headers and not given:
        raise Refused(400, "digest-unknown")
    if len(given) > 1 or any(len(digest) != 64 for digest in given):
        raise Refused(400, "digest-unknown")
    return given.pop() if given else None


async def arrive(
    chunks: AsyncIterator[bytes], root: Path, most: int, digest: str | None = None
) -> Arrived:
    """Write a body to a scratch folder; raises Refused, with nothing left behind."""
    folder = await run_in_threadpool(uploads.scratch, root)
    try:
        size, found = await _write(chunks, folder, most)
        if size == 0:
            raise Refused(422, "empty")
        if digest is not None and digest != found:
            raise Refused(400, "digest")
    except BaseException as error:
        await run_in_threadpool(remove_tree, folder)
        if isinstance(error, ClientDisconnect):
            raise Refused(400, "broken-off") from error
        if isinstance(error, TimeoutError):
            raise Refused(408, "too-slow") from error
        if isinstance(error, OSError) and error.errno in (errno.ENOSPC, errno.EDQUOT):
            raise Refused(507, "full") from error
        raise
    return Arrived(folder, size, found)


async def _write(chunks: AsyncIterator[bytes], folder: Path, most: int) -> tuple[int, str]:
    hashed = hashlib.sha256()
    size = 0
    begun = time.monotonic()
    with (folder / uploads.BODY).open("xb") as file:
        async with asyncio.timeout(SILENCE) as patience:
            async for chunk in chunks:
                patience.reschedule(asyncio.get_running_loop().time() + SILENCE)
                size += len(chunk)
                if size > most:
                    raise Refused(413, "too-large")
                hashed.update(chunk)
                await run_in_threadpool(file.write, chunk)
                elapsed = time.monotonic() - begun
                if elapsed > SILENCE and size / elapsed < SLOWEST:
                    raise Refused(408, "too-slow")
    return size, hashed.hexdigest()
