"""Files of versions and releases: immutable, in whole or in ranges, only what a record lists."""

from __future__ import annotations

import datetime as dt
import secrets
from collections.abc import Iterator
from email.utils import format_datetime, parsedate_to_datetime
from pathlib import Path

import structlog
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import FileResponse, RedirectResponse, Response, StreamingResponse
from starlette.types import Receive, Scope, Send

from moulouya import release
from moulouya.errors import LakeError
from moulouya.portal import absence, history
from moulouya.portal.answers import FOREVER, matches
from moulouya.portal.current import Current
from moulouya.portal.published import (
    Catalogue,
    PublishedDataset,
    PublishedVersion,
    files_of,
    moment,
    read_version,
)
from moulouya.portal.ranges import NotSatisfiable, parse_range
from moulouya.portal.records.shown import shown
from moulouya.storage.lake import Lake
from moulouya.versions import PUBLIC_RECORDS

CHUNK = 256 * 1024
REDIRECT = "public, max-age=60"
# Records beside the data that are public too, though no record lists them with a hash.
RECORDS = ("version.json", *PUBLIC_RECORDS)
log = structlog.get_logger("moulouya.portal")


class WholeFile(FileResponse):
    """The whole file; a Range header that was already judged void is not looked at again."""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Send it, by the server's own file transfer where it has one."""
        headers = [pair for pair in scope["headers"] if pair[0] not in (b"range", b"if-range")]
        await super().__call__({**scope, "headers": headers}, receive, send)


def dataset_file(request: Request) -> Response:
    """``/files/<slug>/<version>/<file>``: one file of one version, or 302 from ``latest``."""
    current: Current = request.app.state.current
    catalogue = served(current)
    slug, version, name = (request.path_params[key] for key in ("slug", "version", "file"))
    dataset = catalogue.datasets.get(slug)
    if dataset is None and not history.known(current.lake, catalogue, slug):
        raise absence.of_dataset(current.lake, catalogue, slug) or HTTPException(404)
    if version == "latest":
        if dataset is None:
            raise absence.of_dataset(current.lake, catalogue, slug) or HTTPException(404)
        if name not in dataset.files and name not in RECORDS:
            raise HTTPException(404)
        return redirect(f"/files/{slug}/{dataset.number}/{name}")
    number = number_of(version)
    gone = absence.of_version(current.lake, catalogue, slug, number)
    if gone is not None and (gone.withdrawal is not None or name not in RECORDS):
        raise gone
    if dataset is None or number > dataset.number:
        raise gone or HTTPException(404)
    found = dataset if number == dataset.number else _older(current.lake, slug, number)
    if name in found.files:
        file = found.files[name]
        return _file(current, request, found.folder / name, file.media_type, file.sha256,
                     found.created, f"{slug}-v{number}-{name}")  # fmt: skip
    if name == "version.json":
        sha256 = dataset.sha256 if found is dataset else shown(current.lake).sha256(slug, number)
        return _file(current, request, found.folder / name, "application/json", sha256,
                     found.created, f"{slug}-v{number}-{name}")  # fmt: skip
    if name in RECORDS and _here(current.lake, found.folder / name).is_file():
        return _file(current, request, found.folder / name, "application/json", None,
                     found.created, f"{slug}-v{number}-{name}")  # fmt: skip
    raise HTTPException(404)


def release_file(request: Request) -> Response:
    """``/releases/<n>/<file>``: one file of one release, as its manifest lists it."""
    current: Current = request.app.state.current
    catalogue = served(current)
    number = number_of(request.path_params["number"])
    if number > catalogue.number:
        raise HTTPException(404)
    name = request.path_params["file"]
    if number == catalogue.number and name in catalogue.files:
        file = catalogue.files[name]
        path = catalogue.folder / name
        return _file(current, request, path, file.media_type, file.sha256, catalogue.created, name)
    if not _here(current.lake, current.lake.release(number) / "manifest.json").parent.is_dir():
        raise HTTPException(410)
    committed = release.read(current.lake, number, verify=False)
    listed = files_of(committed.manifest)
    created = moment(committed.manifest["created"])
    path = committed.path / name
    if name == "manifest.json":
        return _file(current, request, path, "application/json", None, created, name)
    if name not in listed:
        raise HTTPException(404)
    if number < catalogue.gone.expired.releases_before:
        raise HTTPException(410, f"the catalogue files of release {number} have expired; its "
                                 "manifest.json has not")  # fmt: skip
    file = listed[name]
    return _file(current, request, path, file.media_type, file.sha256, created, name)


def catalogue_file(request: Request) -> Response:
    """``/catalogue.duckdb``: 302 to the immutable file of the current release.

    DuckDB follows the redirect anew at every range, so a session that lasts over a release would
    read table blocks of the newer file: pages give the address of the release itself.
    """
    catalogue = served(request.app.state.current)
    if "catalogue.duckdb" not in catalogue.files:
        raise HTTPException(404)
    return redirect(f"/releases/{catalogue.number}/catalogue.duckdb")


def served(current: Current) -> Catalogue:
    """The release being served; 503 before the first."""
    catalogue = current.catalogue()
    if catalogue is None:
        raise HTTPException(503)
    return catalogue


def version_of(current: Current, catalogue: Catalogue, slug: str, version: str) -> PublishedDataset:
    """A dataset at a version whose data are still to be had, or ``latest``; else 404 or 410."""
    dataset = catalogue.datasets.get(slug)
    if dataset is None:
        raise absence.of_dataset(current.lake, catalogue, slug) or HTTPException(404)
    if version == "latest":
        return dataset
    number = number_of(version)
    gone = absence.of_version(current.lake, catalogue, slug, number)
    if gone is not None:
        raise gone
    if number == dataset.number:
        return dataset
    if number > dataset.number:
        raise HTTPException(404)
    old = _older(current.lake, slug, number)
    sha256 = shown(current.lake).sha256(slug, number)
    if sha256 is None or current.verified.sha256(old.folder / "version.json") != sha256:
        raise HTTPException(404 if sha256 is None else 500)
    return PublishedDataset(
        slug, number, old.folder, old.record, old.files, theme=dataset.theme, sha256=sha256
    )


def _here(lake: Lake, path: Path) -> Path:
    """A committed file on this host; 503 while the store of the lake does not answer."""
    try:
        return lake.local(path)
    except LakeError as error:
        log.error("file not brought", file=str(path), reason=error.message)
        if error.retry:
            raise HTTPException(503) from error
        raise HTTPException(500, "the file is damaged and is not served") from error


def redirect(location: str) -> Response:
    """302 to an address that may be another in a minute."""
    headers = {"Cache-Control": REDIRECT, "Access-Control-Allow-Origin": "*"}
    return RedirectResponse(location, 302, headers)


def number_of(text: str) -> int:
    """A version or release number, or 404."""
    if not text.isascii() or not text.isdigit() or len(text) > 9 or text.startswith("0"):
        raise HTTPException(404)
    return int(text)


def _older(lake: Lake, slug: str, number: int) -> PublishedVersion:
    """A version before the released one; 410 once its directory is gone."""
    _here(lake, lake.version(slug, number) / "version.json")
    try:
        return read_version(lake, slug, number)
    except FileNotFoundError as error:
        raise HTTPException(410) from error


def _file(
    current: Current,
    request: Request,
    path: Path,
    media_type: str,
    sha256: str | None,
    created: dt.datetime,
    save_as: str,
) -> Response:
    """Answer with a committed file; one that does not have its hash is never sent."""
    path = _here(current.lake, path)
    found = current.verified.sha256(path)
    if sha256 is not None and found != sha256:
        log.error("damaged file refused", file=str(path))
        raise HTTPException(500, "the file is damaged and is not served")
    tag = f'"{found}"'
    headers = {
        "ETag": tag,
        "Last-Modified": format_datetime(created, usegmt=True),
        "Cache-Control": FOREVER,
        "Accept-Ranges": "bytes",
        "Content-Disposition": f'attachment; filename="{save_as}"',
        "Content-Security-Policy": "default-src 'none'; sandbox",
        "Access-Control-Allow-Origin": "*",
        "Access-Control-Expose-Headers": "Accept-Ranges, Content-Length, Content-Range, ETag",
        "Cross-Origin-Resource-Policy": "cross-origin",
    }
    if _unchanged(request, tag, created):
        return Response(status_code=304, headers=headers)
    return _sent(request, path, media_type, tag, headers)


def made_file(
    request: Request,
    path: Path,
    media_type: str,
    tag: str,
    created: dt.datetime,
    headers: dict[str, str],
) -> Response:
    """Answer with a file that the portal made itself, in whole or in ranges."""
    named = {
        **headers,
        "ETag": f'"{tag}"',
        "Last-Modified": format_datetime(created, usegmt=True),
        "Accept-Ranges": "bytes",
    }
    return _sent(request, path, media_type, named["ETag"], named)


def _sent(
    request: Request, path: Path, media_type: str, tag: str, headers: dict[str, str]
) -> Response:
    """The file, or the ranges of it that are asked for."""
    stat = path.stat()
    spans: list[tuple[int, int]] = []
    wanted = request.headers.get("range")
    if wanted is not None and _same_file(request.headers.get("if-range"), tag, headers):
        try:
            spans = parse_range(wanted, stat.st_size)
        except NotSatisfiable:
            headers["Content-Range"] = f"bytes */{stat.st_size}"
            return Response(status_code=416, headers=headers)
    if not spans:
        return WholeFile(path, 200, headers, media_type, stat_result=stat)
    return _partial(request, path, spans, stat.st_size, media_type, headers)


def _unchanged(request: Request, tag: str, created: dt.datetime) -> bool:
    """If-None-Match decides; If-Modified-Since only counts without it (RFC 9110 §13.2.2)."""
    if "if-none-match" in request.headers:
        return matches(request.headers["if-none-match"], tag)
    since = _http_date(request.headers.get("if-modified-since"))
    return since is not None and created.replace(microsecond=0) <= since


def _same_file(if_range: str | None, tag: str, headers: dict[str, str]) -> bool:
    """True when ranges may be used: no If-Range, or one that names exactly this file."""
    return if_range is None or if_range in (tag, headers["Last-Modified"])


def _http_date(text: str | None) -> dt.datetime | None:
    try:
        parsed = parsedate_to_datetime(text) if text else None
    except ValueError:
        return None
    return parsed if parsed is not None and parsed.tzinfo is not None else None


def _partial(
    request: Request,
    path: Path,
    spans: list[tuple[int, int]],
    size: int,
    media_type: str,
    headers: dict[str, str],
) -> Response:
    """206 with one range, or several as multipart/byteranges; a HEAD gets the headers only."""
    parts: list[bytes | tuple[int, int]]
    if len(spans) == 1:
        start, end = spans[0]
        headers["Content-Range"] = f"bytes {start}-{end - 1}/{size}"
        parts = [spans[0]]
    else:
        boundary = secrets.token_hex(16)
        parts = []
        for start, end in spans:
            head = (f"\r\n--{boundary}\r\nContent-Type: {media_type}\r\n"
                    f"Content-Range: bytes {start}-{end - 1}/{size}\r\n\r\n")  # fmt: skip
            parts += [head.encode(), (start, end)]
        parts.append(f"\r\n--{boundary}--\r\n".encode())
        media_type = f"multipart/byteranges; boundary={boundary}"
    length = sum(len(part) if isinstance(part, bytes) else part[1] - part[0] for part in parts)
    headers["Content-Length"] = str(length)
    body = iter(()) if request.method == "HEAD" else _pieces(path, parts)
    return StreamingResponse(body, 206, headers, media_type)


def _pieces(path: Path, parts: list[bytes | tuple[int, int]]) -> Iterator[bytes]:
    with path.open("rb") as file:
        for part in parts:
            if isinstance(part, bytes):
                yield part
                continue
            position, end = part
            file.seek(position)
            while position < end:
                piece = file.read(min(CHUNK, end - position))
                if not piece:
                    raise OSError(f"{path.name} is shorter than its record says")
                position += len(piece)
                yield piece
