"""``/bulk/…``: the whole catalogue or one theme in one archive, of one release."""

from __future__ import annotations

import datetime as dt
import hashlib
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from email.utils import format_datetime

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response, StreamingResponse

from moulouya import release
from moulouya.errors import LakeError
from moulouya.portal import absence, downloads
from moulouya.portal.answers import FOREVER, matches
from moulouya.portal.current import Current
from moulouya.portal.kept import Kept
from moulouya.portal.published import Catalogue, PublishedDataset, Record, moment, read_version
from moulouya.portal.ranges import NotSatisfiable, parse_range
from moulouya.portal.records import archive, readme

SUFFIXES = (".parquet", ".csv.gz")


@dataclass(frozen=True)
class Bundle:
    """An archive: its parts, its size, and the tag of its content."""

    parts: list[archive.Part]
    size: int
    tag: str
    name: str
    made: dt.datetime


@dataclass(frozen=True)
class _Release:
    """What an archive is made of: the datasets of a release, then or now."""

    number: int
    created: dt.datetime
    region: Record
    datasets: list[PublishedDataset]


_bundles: Kept[Bundle] = Kept(32)
_crcs: Kept[int] = Kept(100_000)
_making = threading.Lock()


def contents(catalogue: Catalogue, theme: str | None = None) -> tuple[int, int]:
    """How many tables the archive of the catalogue or of a theme has, and about how many bytes."""
    within = [one for one in catalogue.datasets.values() if theme is None or theme in one.themes]
    sizes = (
        one.files[name].bytes
        for one in within
        for name in (f"{one.slug}{suffix}" for suffix in SUFFIXES)
        if name in one.files
    )
    return len(within), sum(sizes)


def newest(request: Request) -> Response:
    """``/bulk/catalogue.zip`` and ``/bulk/themes/<theme>.zip``: 302 to those of the release."""
    catalogue = downloads.served(request.app.state.current)
    theme = request.path_params.get("theme")
    _check(catalogue, theme)
    name = f"themes/{theme}.zip" if theme else "catalogue.zip"
    return downloads.redirect(f"/bulk/{catalogue.number}/{name}")


def bundle(request: Request) -> Response:
    """``/bulk/<release>/catalogue.zip``, ``/bulk/<release>/themes/<theme>.zip``: immutable."""
    current: Current = request.app.state.current
    catalogue = downloads.served(current)
    number = downloads.number_of(request.path_params["number"])
    theme = request.path_params.get("theme")
    if number > catalogue.number:
        raise HTTPException(404)
    _check(catalogue, theme)
    base = f"{request.app.state.public_url}"
    try:
        return _answer(request, _bundle(current, catalogue, number, theme, base))
    except LakeError as error:
        raise HTTPException(503 if error.retry else 500) from error


def _check(catalogue: Catalogue, theme: str | None) -> None:
    if theme is not None and theme not in catalogue.region["themes"]:
        raise HTTPException(404)


def _bundle(
    current: Current, catalogue: Catalogue, number: int, theme: str | None, public_url: str
) -> Bundle:
    """The archive of a release; its files are found sound once, and measured once."""
    released = _released(current, catalogue, number)
    # What is withdrawn must go from an archive at once: who belongs to it is part of its key.
    key = (current.lake, number, theme, public_url,
           tuple((one.slug, one.number) for one in released.datasets))  # fmt: skip
    found = _bundles.find(key)
    if found is not None:
        return found
    with _making:
        return _bundles.find(key) or _bundles.keep(
            key, _make(catalogue, released, theme, public_url)
        )


def _released(current: Current, catalogue: Catalogue, number: int) -> _Release:
    if number == catalogue.number:
        datasets = list(catalogue.datasets.values())
        return _Release(number, catalogue.created, catalogue.region, datasets)
    try:
        manifest = release.read(current.lake, number, verify=False).manifest
    except (LakeError, OSError) as error:
        raise HTTPException(410) from error
    found = []
    for slug, named in sorted(manifest["datasets"].items()):
        if absence.of_version(current.lake, catalogue, slug, int(named["version"])) is not None:
            raise HTTPException(410, f"{slug} version {named['version']} is no longer published")
        try:
            old = read_version(current.lake, slug, int(named["version"]))
        except OSError as error:
            raise HTTPException(410) from error
        found.append(
            PublishedDataset(
                slug, old.number, old.folder, old.record, old.files,
                theme=named["theme"], sha256=named["version_sha256"],
            )
        )  # fmt: skip
    return _Release(number, moment(manifest["created"]), manifest["region"], found)


def _make(catalogue: Catalogue, released: _Release, theme: str | None, public_url: str) -> Bundle:
    datasets = [one for one in released.datasets if theme is None or theme in one.themes]
    if not datasets:
        raise HTTPException(404, "this theme has no dataset yet")
    name = f"{theme or 'catalogue'}-release-{released.number}"
    entries: list[archive.Entry] = []
    sums: list[tuple[str, str]] = []

    def add(path: str, content: bytes) -> None:
        entries.append(archive.entry(f"{name}/{path}", content))
        sums.append((hashlib.sha256(content).hexdigest(), path))

    for inside, content in readme.files(released.region, released.number, datasets, public_url):
        add(inside, content)
    for dataset in datasets:
        for suffix in SUFFIXES:
            file = dataset.files.get(f"{dataset.slug}{suffix}")
            if file is None:
                continue
            path = catalogue.sound(dataset.folder, file)
            crc = _crcs.find(file.sha256)
            if crc is None:
                crc = _crcs.keep(file.sha256, archive.crc_of(path))
            inside = f"data/{dataset.theme}/{file.name}"
            entries.append(archive.Entry(f"{name}/{inside}", file.bytes, crc, path))
            sums.append((file.sha256, inside))
    listed = "".join(f"{sha256}  {path}\n" for sha256, path in sums).encode()
    entries.append(archive.entry(f"{name}/SHA256SUMS", listed))
    parts = archive.layout(entries, released.created)
    tag = hashlib.sha256(listed + released.created.isoformat().encode()).hexdigest()[:32]
    return Bundle(parts, archive.size_of(parts), tag, f"{name}.zip", released.created)


def _answer(request: Request, made: Bundle) -> Response:
    tag = f'"{made.tag}"'
    headers = {
        "ETag": tag,
        "Last-Modified": format_datetime(made.made, usegmt=True),
        "Cache-Control": FOREVER,
        "Accept-Ranges": "bytes",
        "Content-Disposition": f'attachment; filename="{made.name}"',
        "Access-Control-Allow-Origin": "*",
        "Access-Control-Expose-Headers": "Accept-Ranges, Content-Length, Content-Range, ETag",
        "Cross-Origin-Resource-Policy": "cross-origin",
    }
    if matches(request.headers.get("if-none-match"), tag):
        return Response(status_code=304, headers=headers)
    start, end, status = 0, made.size, 200
    wanted, unless = request.headers.get("range"), request.headers.get("if-range")
    if wanted is not None and unless in (None, tag):
        try:
            spans = parse_range(wanted, made.size)
        except NotSatisfiable:
            headers["Content-Range"] = f"bytes */{made.size}"
            return Response(status_code=416, headers=headers)
        if len(spans) == 1:
            (start, end), status = spans[0], 206
            headers["Content-Range"] = f"bytes {start}-{end - 1}/{made.size}"
    headers["Content-Length"] = str(end - start)
    head = request.method == "HEAD"
    body: Iterator[bytes] = iter(()) if head else archive.pieces(made.parts, start, end)
    return StreamingResponse(body, status, headers, "application/zip")
