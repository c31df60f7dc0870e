"""Features as GeoJSON (RFC 7946): a page of them, or one, written by DuckDB and GEOS.

A page is cut where it grows too large, and the link to the next one goes on from there: so that no
page has to be held or sent that a client cannot want as a whole.
"""

from __future__ import annotations

import hashlib
import math
from collections.abc import Sequence
from typing import Any

import duckdb
import orjson
import shapely
from starlette.exceptions import HTTPException

from moulouya.duck import identifier, literal
from moulouya.portal.api import shapes
from moulouya.portal.api.pieces import Piece
from moulouya.portal.kept import Kept
from moulouya.portal.ogc import conditions, parameters
from moulouya.portal.ogc.answering import Stream
from moulouya.portal.ogc.asking import GEOJSON, Asked
from moulouya.portal.ogc.layers import MOMENT, Layer, feature_path
from moulouya.portal.reading import tables
from moulouya.portal.records.making import Slots

AT_ONCE = 4
A_BATCH = 500
MOST_BYTES = 16 * 1024**2
# Beyond so many rows, those that fit a condition are not counted.
COUNTED = 1_000_000
# Raised whenever the same features would be written otherwise.
WRITING = f"2 duckdb-{duckdb.__version__} shapely-{shapely.__version__}"
_slots = Slots(AT_ONCE)
_totals: Kept[int] = Kept(4096)


def page(asked: Asked, layer: Layer) -> Stream:
    """``/collections/<slug>/items``."""
    wanted = conditions.where(layer, asked.given)
    order = parameters.order(asked.given, layer.simple)
    offset, limit = parameters.offset(asked.given), parameters.limit(asked.given)

    def make() -> bytes:
        with _slots, tables(asked.catalogue, [layer.dataset]) as con:
            return _page(con, asked, layer, wanted, order, offset, limit)

    return Stream(_tag(asked, layer), make, GEOJSON)


def one(asked: Asked, layer: Layer, feature: str) -> Stream:
    """``/collections/<slug>/items/<id>``; 404 where there is none."""
    found = layer.find_sql(feature)
    if found is None:
        raise HTTPException(404)
    sql, bound = found
    with _slots, tables(asked.catalogue, [layer.dataset]) as con:
        rows = con.execute(_select(layer, sql, "LIMIT 1"), bound).fetchall()
    if not rows:
        raise HTTPException(404)
    (text,) = _written(layer, rows)
    path = feature_path(layer, feature)
    links = [
        *asked.around(path, GEOJSON),
        asked.link("collection", f"/collections/{layer.slug}"),
    ]
    body = text[:-1].encode() + b',"links":' + orjson.dumps(links) + b"}"
    return Stream(_tag(asked, layer, feature), lambda: body, GEOJSON)


def _tag(asked: Asked, layer: Layer, feature: str = "") -> str:
    """What an answer depends on: the version, the question, and the addresses in it."""
    said = (
        WRITING, layer.dataset.sha256, asked.catalogue.number, feature, sorted(asked.given.items()),
        asked.site, asked.language.code,
    )  # fmt: skip
    return hashlib.sha256(repr(said).encode()).hexdigest()[:32]


def _page(
    con: duckdb.DuckDBPyConnection,
    asked: Asked,
    layer: Layer,
    wanted: Piece | None,
    order: Sequence[tuple[str, bool]],
    offset: int,
    limit: int,
) -> bytes:
    version = layer.dataset.sha256
    bound = shapes.looked_up(con, layer.source, wanted.bound, version) if wanted else []
    if wanted is None and not order:
        # Row numbers have no gaps: the page is cut out of the table without a scan.
        query = _select(layer, "rowid >= ?", f"LIMIT {limit}")
        rows = con.execute(query, [offset])
    else:
        terms = [
            f"{identifier(name)} {'DESC' if down else 'ASC'} NULLS LAST" for name, down in order
        ]
        by = f"ORDER BY {', '.join([*terms, 'rowid'])} " if order else ""
        sql = wanted.sql if wanted else conditions.EVERYTHING
        rows = con.execute(_select(layer, sql, f"{by}LIMIT {limit + 1} OFFSET {offset}"), bound)
    texts: list[bytes] = []
    size, more = 0, False
    while size < MOST_BYTES and not more and (some := rows.fetchmany(A_BATCH)):
        more = len(texts) + len(some) > limit
        for text in _written(layer, some[: limit - len(texts)]):
            texts.append(text.encode())
            size += len(texts[-1])
    more = more or bool(len(texts) < limit and size >= MOST_BYTES)
    if wanted is None:
        more = offset + len(texts) < layer.table.rows
    total = _total(con, layer, wanted, bound, offset + len(texts), more or not texts)
    foot = {
        **({} if total is None else {"numberMatched": total}),
        "numberReturned": len(texts),
        "links": _links(asked, layer, offset, limit, len(texts), more),
    }
    return b"".join([
        b'{"type":"FeatureCollection","features":[\n', b",\n".join(texts), b"\n],",
        orjson.dumps(foot)[1:],
    ])  # fmt: skip


def _links(
    asked: Asked, layer: Layer, offset: int, limit: int, returned: int, more: bool
) -> list[dict[str, Any]]:
    path = f"/collections/{layer.slug}/items"
    return [
        *asked.around(path, GEOJSON),
        *ways(asked, path, GEOJSON, offset, limit, returned, more),
        asked.link("collection", f"/collections/{layer.slug}"),
    ]


def ways(
    asked: Asked, path: str, media: str, offset: int, limit: int, returned: int, more: bool
) -> list[dict[str, Any]]:
    """The links to the pages before and after a page."""
    kept = {
        name: text for name, text in asked.given.items() if name not in ("offset", "startindex")
    }
    found = []
    if more and returned:
        found.append(
            asked.link("next", path, media, parameters={**kept, "offset": offset + returned})
        )
    if offset:
        before = max(0, offset - limit)
        found.append(asked.link("prev", path, media, parameters={**kept, "offset": before}))
    return found


def _select(layer: Layer, condition: str, rest: str) -> str:
    shown = ", ".join([layer.id_sql(), _properties(layer), *map(identifier, layer.place)])
    return f"SELECT {shown} FROM {layer.source} WHERE {condition} {rest}"


def _properties(layer: Layer) -> str:
    """SQL for the properties of a feature as the text of a JSON object."""
    fields = []
    for name, kind in layer.properties.items():
        sql = identifier(name)
        if kind == "datetime":
            sql = f"strftime({sql}, {literal(MOMENT)})"
        elif kind == "json":
            sql = f"CAST({sql} AS JSON)"
        elif kind == "number":
            sql = f"if(isfinite({sql}), {sql}, NULL)"
        fields.append(f"{literal(name)}: {sql}")
    return f"CAST(to_json({{{', '.join(fields)}}}) AS VARCHAR)" if fields else "'{}'"


def _written(layer: Layer, rows: Sequence[tuple[Any, ...]]) -> list[str]:
    """Features as texts; a shape that is missing or empty is null."""
    if len(layer.place) == 1:
        drawn = _as_geojson([row[2] for row in rows])
    else:
        drawn = [
            f'{{"type":"Point","coordinates":[{float(row[2])!r},{float(row[3])!r}]}}'
            if _is_place(row[2]) and _is_place(row[3])
            else "null"
            for row in rows
        ]
    return [
        f'{{"type":"Feature","id":{orjson.dumps(row[0]).decode()},"geometry":{shape},'
        f'"properties":{row[1]}}}'
        for row, shape in zip(rows, drawn, strict=True)
    ]


def _is_place(value: Any) -> bool:
    return value is not None and math.isfinite(value)


def _as_geojson(wkb: list[bytes | None]) -> list[str]:
    """Shapes with outer rings counter-clockwise, as RFC 7946 wants them."""
    read = shapely.force_2d(shapely.from_wkb([one and bytes(one) for one in wkb]))
    texts = shapely.to_geojson(shapely.orient_polygons(read))
    empty = shapely.is_empty(read)
    return [
        "null" if text is None or nothing else str(text)
        for text, nothing in zip(texts, empty, strict=True)
    ]


def _total(
    con: duckdb.DuckDBPyConnection,
    layer: Layer,
    wanted: Piece | None,
    bound: Sequence[Any],
    seen: int,
    more: bool,
) -> int | None:
    """How many features fit; None where counting them would cost much."""
    if wanted is None:
        return layer.table.rows
    if not more:
        return seen
    if layer.table.rows > COUNTED:
        return None
    key = (layer.dataset.sha256, wanted.sql, repr(wanted.bound))
    known = _totals.find(key)
    if known is not None:
        return known
    counted = con.execute(f"SELECT count(*) FROM {layer.source} WHERE {wanted.sql}", bound)
    row = counted.fetchone()
    assert row is not None, "a count gives one row"
    return _totals.keep(key, int(row[0]))
