"""Small answers from memory: with ETag, 304, compression and the caching that their kind allows."""

from __future__ import annotations

import gzip
import hashlib
from collections.abc import Callable
from functools import lru_cache
from pathlib import Path

import brotli
import zstandard
from starlette.datastructures import Headers
from starlette.requests import Request
from starlette.responses import Response

SHORT = "public, max-age=60, stale-while-revalidate=600"
FOREVER = "public, max-age=31536000, immutable"
WORTH_PACKING = 1000
# The best first, as RFC 9110 §12.5.3 leaves the choice among what a client takes to the server.
PACKERS: dict[str, Callable[[bytes], bytes]] = {
    "br": lambda content: bytes(brotli.compress(content, quality=4)),
    "zstd": lambda content: zstandard.ZstdCompressor(level=9).compress(content),
    "gzip": lambda content: gzip.compress(content, 6, mtime=0),
}
MEDIA_TYPES = {
    ".css": "text/css; charset=utf-8",
    ".geojson": "application/geo+json",
    ".js": "text/javascript; charset=utf-8",
    ".json": "application/json",
    ".mjs": "text/javascript; charset=utf-8",
    ".png": "image/png",
    ".svg": "image/svg+xml",
    ".txt": "text/plain; charset=utf-8",
    ".wasm": "application/wasm",
    ".woff2": "font/woff2",
}
PACKED_ALREADY = (".png", ".woff2")


def answer(
    request: Request,
    body: str | bytes,
    media_type: str,
    *,
    status: int = 200,
    cache: str = SHORT,
    headers: dict[str, str] | None = None,
    pack: bool = True,
) -> Response:
    """A text answer: 304 when the client has it already, compressed as the client likes it."""
    content = body.encode() if isinstance(body, str) else body
    packing = packing_for(request.headers) if pack and len(content) >= WORTH_PACKING else None
    tag = f'"{hashlib.sha256(content).hexdigest()[:32]}{f"-{packing}" if packing else ""}"'
    every = {"Cache-Control": cache, "ETag": tag, "Vary": "Accept-Encoding", **(headers or {})}
    if status == 200 and matches(request.headers.get("if-none-match"), tag):
        return Response(status_code=304, headers=every)
    if packing:
        content = PACKERS[packing](content)
        every["Content-Encoding"] = packing
    return Response(content, status, every, media_type)


def matches(if_none_match: str | None, tag: str) -> bool:
    """True when an If-None-Match header names the tag (weak comparison) or is ``*``."""
    if if_none_match is None:
        return False
    tags = [part.strip().removeprefix("W/") for part in if_none_match.split(",")]
    return tag.removeprefix("W/") in tags or tags == ["*"]


def packing_for(headers: Headers) -> str | None:
    """The content coding to use: the first of ours that the client takes, None for none."""
    return _packing(headers.get("accept-encoding", "")[:200])


@lru_cache(maxsize=256)
def _packing(accepted: str) -> str | None:
    refused = ("q=0", "q=0.0", "q=0.00", "q=0.000")
    codings = {}
    for part in accepted.split(","):
        coding, _, parameters = part.strip().partition(";")
        codings[coding.strip().lower()] = parameters.replace(" ", "") not in refused
    for ours in PACKERS:
        if codings.get(ours, codings.get("*", False)):
            return ours
    return None


class Statics:
    """The files of ``static/``, under one hash of them all, so that they never go stale.

    Files keep their places below it, so that style and scripts find one another by relative path.
    """

    def __init__(self, folder: Path) -> None:
        self._files = {
            path.relative_to(folder).as_posix(): path
            for path in sorted(folder.rglob("*"))
            if path.suffix in MEDIA_TYPES
        }
        digest = hashlib.sha256()
        for name, path in self._files.items():
            digest.update(name.encode() + b"\0" + hashlib.sha256(path.read_bytes()).digest())
        self.digest = digest.hexdigest()[:12]
        self._packed = lru_cache(maxsize=256)(self._pack)

    def serve(self, request: Request, digest: str, name: str) -> Response | None:
        """A file, packed once for each coding; None where there is no such file."""
        path = self._files.get(name)
        if path is None or digest != self.digest:
            return None
        packing = None if path.suffix in PACKED_ALREADY else packing_for(request.headers)
        content, tag = self._packed(name, packing)
        headers = {
            "Cache-Control": FOREVER,
            "ETag": tag,
            "Vary": "Accept-Encoding",
            "Access-Control-Allow-Origin": "*",
            "Cross-Origin-Resource-Policy": "cross-origin",
            **({"Content-Encoding": packing} if packing else {}),
        }
        if matches(request.headers.get("if-none-match"), tag):
            return Response(status_code=304, headers=headers)
        return Response(content, 200, headers, MEDIA_TYPES[path.suffix])

    def _pack(self, name: str, packing: str | None) -> tuple[bytes, str]:
        content = self._files[name].read_bytes()
        tag = f'"{hashlib.sha256(content).hexdigest()[:32]}{f"-{packing}" if packing else ""}"'
        return (PACKERS[packing](content) if packing else content), tag

    def href(self, name: str) -> str:
        """The address of a file by its path below ``static/``; KeyError for an unknown one."""
        if name not in self._files:
            raise KeyError(f"there is no static file {name}")
        return f"/static/{self.digest}/{name}"
