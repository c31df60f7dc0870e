"""Small answers from memory: with ETag, 304, gzip and the caching that their kind allows."""

from __future__ import annotations

import gzip
import hashlib
from pathlib import Path

from starlette.datastructures import Headers
from starlette.requests import Request
from starlette.responses import Response

SHORT = "public, max-age=60, stale-while-revalidate=600"
FOREVER = "public, max-age=31536000, immutable"
WORTH_PACKING = 1000


def answer(
    request: Request,
    body: str | bytes,
    media_type: str,
    *,
    status: int = 200,
    cache: str = SHORT,
    headers: dict[str, str] | None = None,
) -> Response:
    """A text answer: 304 when the client has it already, gzip when the client takes it."""
    content = body.encode() if isinstance(body, str) else body
    packed = len(content) >= WORTH_PACKING and _takes_gzip(request.headers)
    tag = f'"{hashlib.sha256(content).hexdigest()[:32]}{"-gz" if packed else ""}"'
    every = {"Cache-Control": cache, "ETag": tag, "Vary": "Accept-Encoding", **(headers or {})}
    if status == 200 and matches(request.headers.get("if-none-match"), tag):
        return Response(status_code=304, headers=every)
    if packed:
        content = gzip.compress(content, 5, mtime=0)
        every["Content-Encoding"] = "gzip"
    return Response(content, status, every, media_type)


def matches(if_none_match: str | None, tag: str) -> bool:
    """True when an If-None-Match header names the tag (weak comparison) or is ``*``."""
    if if_none_match is None:
        return False
    tags = [part.strip().removeprefix("W/") for part in if_none_match.split(",")]
    return tag in tags or tags == ["*"]


def _takes_gzip(headers: Headers) -> bool:
    for part in headers.get("accept-encoding", "").split(","):
        coding, _, parameters = part.strip().partition(";")
        if coding.strip().lower() in ("gzip", "*"):
            return parameters.replace(" ", "") not in ("q=0", "q=0.0", "q=0.00", "q=0.000")
    return False


class Statics:
    """The files of ``static/`` under names that carry their hash, so that they never go stale."""

    def __init__(self, folder: Path) -> None:
        self.served: dict[str, tuple[bytes, str]] = {}
        self._names: dict[str, str] = {}
        types = {".css": "text/css", ".svg": "image/svg+xml", ".png": "image/png"}
        for path in sorted(folder.iterdir()):
            content = path.read_bytes()
            digest = hashlib.sha256(content).hexdigest()[:12]
            name = f"{path.stem}.{digest}{path.suffix}"
            self.served[name] = (content, types[path.suffix])
            self._names[path.name] = name

    def href(self, name: str) -> str:
        """The address of a file by its plain name."""
        return f"/static/{self._names[name]}"
