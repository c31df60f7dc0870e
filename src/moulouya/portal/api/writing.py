"""A page of records in a format: DuckDB writes the rows, what stands around them is added.

Whole numbers and decimals keep all their digits in JSON. Days and times are ISO 8601 in UTC, a
missing value, NaN and infinity are null, a shape is GeoJSON (longitude, latitude; RFC 7946).
"""

from __future__ import annotations

import io
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import duckdb
import orjson
import pyarrow as pa
import pyarrow.csv as pc
import pyarrow.parquet as pq

from moulouya.portal.api import objects, querying
from moulouya.portal.api.choosing import Output
from moulouya.portal.api.faults import Refused
from moulouya.portal.api.querying import Question, Statement
from moulouya.portal.records.formats import LATITUDES, LONGITUDES

MEDIA_TYPES = {
    "json": "application/json",
    "geojson": "application/geo+json",
    "csv": "text/csv; charset=utf-8; header=present",
    "ndjson": "application/x-ndjson",
    "arrow": "application/vnd.apache.arrow.stream",
    "parquet": "application/vnd.apache.parquet",
}
# Raised whenever the same question would be written otherwise.
WRITING = f"1 duckdb-{duckdb.__version__} pyarrow-{pa.__version__}"
AT_A_TIME = 1000
LARGEST = 64 * 1024**2


@dataclass(frozen=True)
class Page:
    """A page as it is sent, and the address of the next one."""

    body: bytes
    next: str | None


@dataclass(frozen=True)
class Around:
    """What stands around the records: ``head`` is the beginning of the object, ``link`` makes the
    address of the next page from its cursor and nothing of None, ``units`` are those of the
    columns.
    """

    head: Mapping[str, Any]
    link: Callable[[str | None], str | None]
    units: Mapping[str, str]


def write(
    con: duckdb.DuckDBPyConnection,
    source: str,
    asked: Question,
    form: str,
    around: Around,
) -> Page:
    """Ask and write one page. Raises Refused, duckdb.Error and what reading.tables raises."""
    if form in TEXTUAL:
        return TEXTUAL[form](asked, _lines(con, source, asked, around), around)
    return _WRITERS[form](con, source, asked, around)


def shape_of(outputs: Sequence[Output]) -> tuple[Output, ...]:
    """The output that is a shape, or those of longitude and latitude; empty where none is."""
    found = next((one for one in outputs if one.kind == "geometry"), None)
    if found is not None:
        return (found,)
    named = {one.column: one for one in outputs if not one.aggregate
             and one.kind.startswith(("number", "decimal"))}  # fmt: skip
    east = next((named[name] for name in LONGITUDES if name in named), None)
    north = next((named[name] for name in LATITUDES if name in named), None)
    return (east, north) if east is not None and north is not None else ()


@dataclass(frozen=True)
class Cut:
    """Records as lines of JSON, without a newline at the end, and the places of their rows.

    There is one place more than lines where that is not the end. ``total`` is None where it is not
    known.
    """

    joined: bytes
    places: Sequence[int]
    total: int | None


def write_cut(asked: Question, cut: Cut, form: str, around: Around) -> Page:
    """A page of whole rows in their own order whose records are known."""
    token = querying.following(asked, cut.places, _version(around))
    count = min(len(cut.places), asked.limit)
    return TEXTUAL[form](asked, _Lines(cut.joined, count, token, cut.total, False), around)


@dataclass(frozen=True)
class _Lines:
    """Records as lines of JSON, without a newline at the end, and what else is known of them."""

    joined: bytes
    count: int
    next: str | None
    total: int | None
    estimated: bool


def _lines(con: duckdb.DuckDBPyConnection, source: str, asked: Question, around: Around) -> _Lines:
    shapes = [one for one in asked.choice.outputs if one.kind == "geometry"]
    made = querying.statement(con, source, asked, objects.expressions(asked.choice, shapes))
    rows = _fetched(con, made)
    token = querying.following(asked, [row[0] for row in rows], _version(around))
    kept = rows[: asked.limit]
    texts = objects.with_shapes(kept, shapes) if shapes else [row[1] for row in kept]
    total, estimated = querying.total(con, source, asked)
    return _Lines("\n".join(texts).encode(), len(texts), token, total, estimated)


def _json(asked: Question, lines: _Lines, around: Around) -> Page:
    total = lines.total
    if total is None and lines.next is None and not asked.offset and asked.after is None:
        total = lines.count
    head = orjson.dumps({**around.head, "columns": _columns(asked, around.units)})
    foot: dict[str, Any] = {"count": lines.count}
    if total is not None:
        foot |= {"total": total, "total_is": "estimate" if lines.estimated else "exact"}
    foot["next"] = around.link(lines.next)
    # No line has a newline of its own: JSON writes it as an escape.
    records = lines.joined.replace(b"\n", b",\n")
    body = b"".join([head[:-1], b',"records":[\n', records, b"\n],", orjson.dumps(foot)[1:]])
    return Page(body, foot["next"])


def _ndjson(asked: Question, lines: _Lines, around: Around) -> Page:
    return Page(lines.joined + b"\n" if lines.count else b"", around.link(lines.next))


def _fetched(con: duckdb.DuckDBPyConnection, made: Statement) -> list[tuple[Any, ...]]:
    """The rows of a page; raises Refused for a page too large to be held."""
    con.execute(made.sql, made.bound)
    rows: list[tuple[Any, ...]] = []
    size = 0
    while some := con.fetchmany(AT_A_TIME):
        rows += some
        size += sum(len(one) for row in some for one in row if isinstance(one, str | bytes))
        _bounded(size)
    return rows


def _bounded(size: int) -> None:
    if size > LARGEST:
        raise Refused("too-much-memory", f"a page has at most {LARGEST // 1024**2} MiB",
                      "take a smaller limit, or leave large columns out")  # fmt: skip


def _geojson(con: duckdb.DuckDBPyConnection, source: str, asked: Question, around: Around) -> Page:
    place = shape_of(asked.choice.outputs)
    if not place:
        raise Refused("format", "these columns have no shape and no longitude and latitude",
                      "take format=json, or select the column of the shape",
                      parameter="format")  # fmt: skip
    shapes = [one for one in asked.choice.outputs if one.kind == "geometry"]
    without = shapes or list(place)
    expressions = [objects.expressions(asked.choice, without)[0]]
    expressions += [objects.over(asked.choice, one) for one in place]
    made = querying.statement(con, source, asked, expressions)
    rows = _fetched(con, made)
    token = querying.following(asked, [row[0] for row in rows], _version(around))
    kept = rows[: asked.limit]
    if len(place) == 1:
        drawn = objects.as_geojson([row[2] for row in kept])
    else:
        drawn = [
            None if row[2] is None or row[3] is None
            else f'{{"type":"Point","coordinates":[{row[2]},{row[3]}]}}'
            for row in kept
        ]  # fmt: skip
    features = (
        f'{{"type":"Feature","geometry":{shape or "null"},"properties":{row[1]}}}'
        for row, shape in zip(kept, drawn, strict=True)
    )
    total, _ = querying.total(con, source, asked)
    following = around.link(token)
    links = []
    if following:
        links = [{"rel": "next", "href": following, "type": MEDIA_TYPES["geojson"]}]
    foot: dict[str, Any] = {"numberReturned": len(kept), "links": links}
    if total is not None:
        foot["numberMatched"] = total
    head = orjson.dumps({"type": "FeatureCollection", **around.head})
    body = b"".join([
        head[:-1], b',"features":[\n', ",\n".join(features).encode(), b"\n],",
        orjson.dumps(foot)[1:],
    ])  # fmt: skip
    return Page(body, following)


def _csv(con: duckdb.DuckDBPyConnection, source: str, asked: Question, around: Around) -> Page:
    """RFC 4180 in UTF-8: an empty cell is a missing value, ``""`` an empty text."""
    table, token = _table(con, source, asked, around, texts=True)
    sink = pa.BufferOutputStream()
    heads = ",".join(f'"{one.name}"' for one in asked.choice.outputs)
    sink.write(f"{heads}\r\n".encode())
    pc.write_csv(table, sink, pc.WriteOptions(include_header=False, eol="\r\n"))
    return Page(sink.getvalue().to_pybytes(), around.link(token))


def _arrow(con: duckdb.DuckDBPyConnection, source: str, asked: Question, around: Around) -> Page:
    table, token = _table(con, source, asked, around)
    sink = pa.BufferOutputStream()
    with pa.ipc.new_stream(sink, table.schema) as writer:
        writer.write_table(table)
    return Page(sink.getvalue().to_pybytes(), around.link(token))


def _parquet(con: duckdb.DuckDBPyConnection, source: str, asked: Question, around: Around) -> Page:
    table, token = _table(con, source, asked, around)
    metadata = {"moulouya": orjson.dumps(dict(around.head))}
    sink = io.BytesIO()
    pq.write_table(table.replace_schema_metadata(metadata), sink, compression="zstd")
    return Page(sink.getvalue(), around.link(token))


def _table(
    con: duckdb.DuckDBPyConnection,
    source: str,
    asked: Question,
    around: Around,
    *,
    texts: bool = False,
) -> tuple[pa.Table, str | None]:
    """The page as a table; shapes are well-known binary, or with ``texts`` well-known text."""
    expressions = []
    for number, one in enumerate(asked.choice.outputs):
        sql = objects.over(asked.choice, one)
        if one.kind == "geometry" and texts:
            sql = f"ST_AsText(ST_GeomFromWKB({sql}))"
        elif one.kind == "huge":
            # Arrow has no whole numbers of 128 bits.
            sql = f"CAST({sql} AS DECIMAL(38,0))"
        expressions.append(f"{sql} AS o{number}")
    made = querying.statement(con, source, asked, expressions)
    reader = con.execute(made.sql, made.bound).to_arrow_reader(AT_A_TIME)
    batches, size = [], 0
    for batch in reader:
        batches.append(batch)
        size += batch.nbytes
        _bounded(size)
    table = pa.Table.from_batches(batches, reader.schema)
    token = querying.following(asked, table.column(0).to_pylist(), _version(around))
    kept = table.slice(0, asked.limit).remove_column(0)
    return kept.rename_columns([one.name for one in asked.choice.outputs]), token


def _columns(asked: Question, units: Mapping[str, str]) -> list[dict[str, str]]:
    """Name, type, and unit of every column of the answer."""
    found = []
    for one in asked.choice.outputs:
        told = {"name": one.name, "type": "integer" if one.kind == "huge" else one.kind}
        if one.column in units and not one.sql.startswith("count("):
            told["unit"] = units[one.column]
        found.append(told)
    return found


def _version(around: Around) -> int:
    return int(around.head["version"])


# What a line of JSON for each record is enough for.
TEXTUAL: Mapping[str, Callable[[Question, _Lines, Around], Page]] = {
    "json": _json,
    "ndjson": _ndjson,
}
_WRITERS: Mapping[
    str, Callable[[duckdb.DuckDBPyConnection, str, Question, Around], Page]
] = {
    "geojson": _geojson,
    "csv": _csv,
    "arrow": _arrow,
    "parquet": _parquet,
}  # fmt: skip
