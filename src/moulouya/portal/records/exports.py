"""``/exports/…``: a table, or a view of it, in any format, made when it is asked for."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import duckdb
import pyarrow
import xlsxwriter
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response

from moulouya.portal import downloads, problems
from moulouya.portal.answers import matches, packing_for
from moulouya.portal.languages import language
from moulouya.portal.published import Catalogue, PublishedDataset
from moulouya.portal.reading import stored_name, tables
from moulouya.portal.records import formats, rows, workbook
from moulouya.portal.records.formats import FORMATS
from moulouya.portal.records.making import STREAM_PACKERS, Made, Work
from moulouya.portal.records.producing import STREAMED, Order
from moulouya.portal.records.view import View, ViewError
from moulouya.portal.rendering import offered

SECONDS = 300.0
# Raised whenever the same view would be written otherwise.
WRITING = (
    f"1 duckdb-{duckdb.__version__} pyarrow-{pyarrow.__version__} xlsx-{xlsxwriter.__version__}"
)
CACHE = "public, max-age=3600, stale-while-revalidate=86400"
PACKED = ("csv", "excel.csv", "json", "ndjson", "geojson")


def export(request: Request) -> Response:
    """``/exports/<slug>/<version>/<slug>.<format>?<view>``; 302 from the version ``latest``."""
    current = request.app.state.current
    catalogue = downloads.served(current)
    slug, version, name = (request.path_params[key] for key in ("slug", "version", "file"))
    suffix = name.removeprefix(f"{slug}.")
    if suffix not in FORMATS or suffix == name:
        raise HTTPException(404, f"the formats are {', '.join(FORMATS)}")
    dataset = downloads.version_of(current, catalogue, slug, version)
    if version == "latest":
        query = f"?{request.url.query}" if request.url.query else ""
        return downloads.redirect(f"/exports/{slug}/{dataset.number}/{name}{query}")
    try:
        order = _order(request, catalogue, dataset, suffix)
    except ViewError as error:
        return problems.problem(request, 400, str(error))
    file = dataset.files.get(f"{slug}.parquet")
    if suffix == "parquet" and order.view.whole and file is not None:
        return downloads.redirect(f"/files/{slug}/{version}/{file.name}")
    return _answer(request, catalogue, order)


def _order(request: Request, catalogue: Catalogue, dataset: PublishedDataset, suffix: str) -> Order:
    """What is asked for; raises ViewError."""
    given = request.query_params
    view = View.parse(dataset, given.multi_items(), ignore=("_lang",)).content()
    code = given.get("_lang") or offered(catalogue)[0]
    if code not in offered(catalogue):
        raise ViewError("_lang", "the languages are %(known)s",
                        known=", ".join(offered(catalogue)))  # fmt: skip
    if suffix == "geojson" and not formats.shape_of(view.table):
        raise ViewError("geojson", "this table has no shapes and no longitude and latitude")
    return Order(dataset, view, suffix, language(code), request.app.state.public_url)


def tag_of(order: Order) -> str:
    """The name of a file's content: the same for the same bytes, known before they are made."""
    said = (WRITING, order.dataset.sha256, order.suffix, order.view.query(), order.language.code,
            order.public_url)  # fmt: skip
    return hashlib.sha256("\0".join(said).encode()).hexdigest()[:32]


def file_name(order: Order) -> str:
    """What the file is called where it is saved."""
    ending = order.suffix.removeprefix("excel.")
    part = (
        ""
        if order.view.whole
        else f"-{hashlib.sha256(order.view.query().encode()).hexdigest()[:6]}"
    )
    excel = "-excel" if order.suffix == "excel.csv" else ""
    return f"{order.dataset.slug}-v{order.dataset.number}{part}{excel}.{ending}"


def _answer(request: Request, catalogue: Catalogue, order: Order) -> Response:
    tag = tag_of(order)
    about = order.about()
    media_type = FORMATS[order.suffix].media_type
    links = [f'<{about["source"]}>; rel="describedby"']
    if about["licence_url"]:
        links.append(f'<{about["licence_url"]}>; rel="license"')
    if order.suffix == "csv" and order.view.whole:
        there = f"/exports/{order.dataset.slug}/{order.dataset.number}/{order.dataset.slug}.csv"
        links.append(
            f'<{order.public_url}{there}-metadata.json>; rel="describedby"; '
            'type="application/csvm+json"'
        )
    headers = {
        "Cache-Control": CACHE,
        "Content-Disposition": f'attachment; filename="{file_name(order)}"',
        "Content-Security-Policy": "default-src 'none'; sandbox",
        "Access-Control-Allow-Origin": "*",
        "Access-Control-Expose-Headers": "Accept-Ranges, Content-Length, Content-Range, ETag, Link",
        "Cross-Origin-Resource-Policy": "cross-origin",
        "Link": ", ".join(links),
        "Vary": "Accept-Encoding",
    }
    known = request.headers.get("if-none-match")
    for coded in (tag, *(f"{tag}-{packing}" for packing in STREAM_PACKERS)):
        if matches(known, f'"{coded}"'):
            return Response(status_code=304, headers={**headers, "ETag": f'"{coded}"'})
    spool = request.app.state.spool
    name = f"{tag}.{order.suffix}"

    def serve(path: Path) -> Response:
        return downloads.made_file(request, path, media_type, tag, order.dataset.created, headers)

    ranged = "range" in request.headers
    packing = packing_for(request.headers) if order.suffix in PACKED and not ranged else None
    if packing is None and (kept := spool.find(name)) is not None:
        return serve(kept)
    if order.suffix == "xlsx" and (refused := _too_large(request, catalogue, order)):
        return refused
    if request.method == "HEAD" and not ranged:
        return _head({**headers, "ETag": f'"{tag}"', "Accept-Ranges": "bytes"}, media_type)
    headers_now = {**headers, "ETag": f'"{tag}"', "Accept-Ranges": "bytes"}
    if packing:
        headers_now |= {"ETag": f'"{tag}-{packing}"', "Content-Encoding": packing,
                        "Accept-Ranges": "none"}  # fmt: skip
    return Made(
        request,
        Work(lambda stack: _begin(stack, request, catalogue, order)),
        headers_now,
        media_type,
        spool=spool,
        name=name,
        packing=packing,
        whole_first=ranged or order.suffix == "xlsx",
        serve=serve,
    )


def _head(headers: dict[str, str], media_type: str) -> Response:
    """What GET would say, without a length, as nothing is made."""
    answer = Response(None, 200, headers, media_type)
    del answer.headers["content-length"]
    return answer


def _too_large(request: Request, catalogue: Catalogue, order: Order) -> Response | None:
    """400 where a workbook would have more rows than it can hold in reason."""
    with tables(catalogue, [order.dataset]) as con:
        total = rows.count(con, stored_name(order.dataset), order.view, order.dataset.sha256)
    if formats.fits("xlsx", order.view, total):
        return None
    return problems.problem(
        request, 400, f"{total} rows are too many for a workbook, which has at most "
        f"{formats.MOST_XLSX_ROWS} rows here: narrow the view, or take csv or parquet")  # fmt: skip


def _begin(
    stack: ExitStack, request: Request, catalogue: Catalogue, order: Order
) -> tuple[Any, Iterator[bytes]]:
    stack.enter_context(request.app.state.slots)
    con = stack.enter_context(tables(catalogue, [order.dataset], SECONDS))
    source = stored_name(order.dataset)
    if order.suffix != "xlsx":
        return con, STREAMED[order.suffix](con, source, order)
    units = catalogue.region.get("units", {})
    return con, _workbook(con, source, order, units, request.app.state.spool)


def _workbook(con: Any, source: str, order: Order, units: Any, spool: Any) -> Iterator[bytes]:
    with spool.draft("workbook") as draft:
        workbook.write(con, source, order, draft.path, units)
        with draft.path.open("rb") as file:
            while piece := file.read(downloads.CHUNK):
                yield piece
