"""A file behind an http or https address, asked for only when it changed."""

from __future__ import annotations

from pathlib import Path, PurePosixPath
from urllib.parse import unquote, urlsplit

from moulouya import web
from moulouya.definition import HttpSource
from moulouya.errors import SourceError
from moulouya.sources.delivery import Delivery, Request

LONGEST_NAME = 200  # bytes; file systems take 255
LOOKS = 2  # an error page that is sent as data may be gone at the second look


def fetch(source: HttpSource, request: Request) -> Delivery | None:
    """Download the file by a conditional GET; None when the server answers 304.

    Raises SourceError for whatever is not the whole file, or cannot be of the declared format.
    """
    url = str(source.url)
    name = _file_name(url)
    path = request.folder / name
    with web.client(source, request) as client:
        response = None
        for look in range(1, LOOKS + 1):
            response = client.download(
                url, path, conditional=True, keep_gzip=source.compression == "gzip"
            )
            wrong = None if response is None else _mismatch(path, source)
            if wrong is None:
                break
            path.unlink()
            if look == LOOKS:
                raise SourceError(
                    f"{web.shown(url)}: {wrong}",
                    hint="open the address in a browser: it may show an error page, or the "
                    "format changed; the last good version stays published",
                )
    if response is None:
        return None
    return Delivery(
        members=(name,),
        url=web.shown(url),
        status=response.status,
        headers=response.headers,
        etag=response.etag,
        last_modified=response.last_modified,
    )


def _mismatch(path: Path, source: HttpSource) -> str | None:
    """What speaks against the declared format in the first bytes of the file."""
    from moulouya.content import HEAD, mismatch

    with path.open("rb") as file:
        return mismatch(file.read(HEAD), source)


def _file_name(url: str) -> str:
    """The last part of an address where it can name a file, else ``body``."""
    name = PurePosixPath(unquote(urlsplit(url).path)).name
    fit = name not in ("", "..") and "\0" not in name and len(name.encode()) <= LONGEST_NAME
    return name if fit else "body"
