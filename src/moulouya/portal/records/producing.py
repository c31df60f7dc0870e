"""A view written in a format, piece by piece: DuckDB reads and converts, Arrow carries.

The same view of the same version always gives the same bytes.
"""

from __future__ import annotations

import io
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import duckdb
import orjson
import pyarrow as pa
import pyarrow.csv as pc
import pyarrow.parquet as pq
import shapely

from moulouya.duck import identifier, literal
from moulouya.portal.languages import Language
from moulouya.portal.published import PublishedDataset
from moulouya.portal.records.formats import shape_of
from moulouya.portal.records.view import View

BATCH = 10_000
ROW_GROUP = 122_880
# Spreadsheets run what begins like this, also in the wide forms of East Asian keyboards.
FORMULA = "=+-@\t\r\n＝＋－＠"
_DOUBTFUL = f"'^[{FORMULA.replace('-', chr(92) + '-')}]'"
_MOMENT = "%Y-%m-%dT%H:%M:%S.%fZ"


@dataclass(frozen=True)
class Order:
    """What to write: rows of a dataset's version, and the words that go with them."""

    dataset: PublishedDataset
    view: View
    suffix: str
    language: Language
    public_url: str

    @property
    def titles(self) -> list[str]:
        """The heads of the columns in the reader's language; a title used twice has its name."""
        columns = self.dataset.definition["columns"]
        words = [columns[name]["title"][self.language.code] for name in self.view.shown]
        return [
            f"{title} ({name})" if words.count(title) > 1 else title
            for name, title in zip(self.view.shown, words, strict=True)
        ]

    def about(self) -> dict[str, str]:
        """Whose data they are, under which licence, from when and from where."""
        record, definition = self.dataset.record, self.dataset.definition
        code = self.language.code
        attribution = (definition.get("attribution") or {}).get(code)
        return {
            "title": definition["title"][code],
            "attribution": attribution or record["publisher"]["name"][code],
            "licence": record["licence"]["spdx"],
            "licence_url": record["licence"].get("url") or "",
            "version": str(self.dataset.number),
            "published": self.dataset.created.date().isoformat(),
            "source": f"{self.public_url}/{code}/datasets/{self.dataset.slug}",
        }


def guarded(text: str) -> str:
    """A text that a spreadsheet takes for a text: an apostrophe before what begins a formula."""
    return f"'{text}" if text[:1] and text[0] in FORMULA else text


def batches(
    con: duckdb.DuckDBPyConnection, source: str, view: View, columns: list[str], rows: int = BATCH
) -> Iterator[pa.RecordBatch]:
    """The rows of a view, some at a time, as SQL expressions over its table."""
    where, bound = view.where()
    ordered = f" ORDER BY {view.order()}" if view.sort else ""
    query = f"SELECT {', '.join(columns)} FROM {source} WHERE {where}{ordered}"
    reader = con.execute(query, bound).to_arrow_reader(rows)
    for batch in reader:
        if batch.num_rows:
            yield batch


def csv(con: duckdb.DuckDBPyConnection, source: str, order: Order) -> Iterator[bytes]:
    """RFC 4180 in UTF-8: an empty cell is a missing value, ``""`` an empty text."""
    view = order.view
    columns = [_plain(name, view.table.types[name]) for name in view.shown]
    yield (",".join(f'"{name}"' for name in view.shown) + "\r\n").encode()
    options = pc.WriteOptions(include_header=False, eol="\r\n")
    for batch in batches(con, source, view, columns):
        yield _written(batch, options)


def excel_csv(con: duckdb.DuckDBPyConnection, source: str, order: Order) -> Iterator[bytes]:
    """For Excel as it is set in Morocco: a mark for UTF-8, semicolons, no formulas.

    Decimals have a comma in Arabic and French, a point in English.
    """
    view = order.view
    comma = order.language.code in ("ar", "fr")
    columns = [_for_excel(name, view.table.types[name], comma) for name in view.shown]
    heads = [guarded(title).replace('"', '""') for title in order.titles]
    yield ("\ufeff" + ";".join(f'"{head}"' for head in heads) + "\r\n").encode()
    options = pc.WriteOptions(include_header=False, delimiter=";", eol="\r\n")
    for batch in batches(con, source, view, columns):
        yield _written(batch, options)


def _written(batch: pa.RecordBatch, options: pc.WriteOptions) -> bytes:
    sink = pa.BufferOutputStream()
    pc.write_csv(batch, sink, options)
    return bytes(sink.getvalue().to_pybytes())


def ndjson(con: duckdb.DuckDBPyConnection, source: str, order: Order) -> Iterator[bytes]:
    """One object a line."""
    for batch in batches(con, source, order.view, [_object(order.view)]):
        yield ("\n".join(batch.column(0).to_pylist()) + "\n").encode()


def json(con: duckdb.DuckDBPyConnection, source: str, order: Order) -> Iterator[bytes]:
    """An array of objects, one a line."""
    lead = "[\n"
    for batch in batches(con, source, order.view, [_object(order.view)]):
        yield (lead + ",\n".join(batch.column(0).to_pylist())).encode()
        lead = ",\n"
    yield b"[]\n" if lead == "[\n" else b"\n]\n"


def geojson(con: duckdb.DuckDBPyConnection, source: str, order: Order) -> Iterator[bytes]:
    """A FeatureCollection of RFC 7946, one feature a line, with the source named at its top."""
    view, place = order.view, shape_of(order.view.table)
    others = _object(view, but=place if len(place) == 1 else ())
    if len(place) == 1:
        shape = identifier(place[0])
    else:
        east, north = map(identifier, place)
        shape = (
            f"CASE WHEN {east} IS NULL OR {north} IS NULL THEN NULL ELSE "
            f"'{{\"type\":\"Point\",\"coordinates\":[' || {east} || ',' || {north} || ']}}' END"
        )
    about = orjson.dumps(order.about())[1:-1].decode()
    yield f'{{"type":"FeatureCollection",{about},"features":[\n'.encode()
    lead = ""
    for batch in batches(con, source, view, [others, shape], 1000 if len(place) == 1 else BATCH):
        shapes = batch.column(1).to_pylist()
        if len(place) == 1:
            shapes = _as_geojson(shapes)
        features = (
            f'{{"type":"Feature","geometry":{shape or "null"},"properties":{text}}}'
            for text, shape in zip(batch.column(0).to_pylist(), shapes, strict=True)
        )
        yield (lead + ",\n".join(features)).encode()
        lead = ",\n"
    yield b"\n]}\n"


def _as_geojson(shapes: list[bytes | None]) -> list[str | None]:
    """Shapes with outer rings counter-clockwise, as RFC 7946 wants them."""
    read = shapely.force_2d(shapely.from_wkb(shapes))
    # An empty shape has no coordinates to show, and some readers refuse one.
    texts = shapely.to_geojson(shapely.orient_polygons(read))
    return [None if text is None else str(text) for text in texts]


def parquet(con: duckdb.DuckDBPyConnection, source: str, order: Order) -> Iterator[bytes]:
    """Parquet with the types of the table, its source in the metadata; shapes as GeoParquet."""
    view = order.view
    columns = [identifier(name) for name in view.shown]
    empty = con.execute(f"SELECT {', '.join(columns)} FROM {source} LIMIT 0").to_arrow_table()
    shapes = [name for name in view.shown if view.table.types[name] == "geometry"]
    metadata = {"moulouya": orjson.dumps({"slug": view.table.slug, **order.about()})}
    if shapes:
        columns_of_shapes = {name: {"encoding": "WKB", "geometry_types": []} for name in shapes}
        geo = {"version": "1.0.0", "primary_column": shapes[0], "columns": columns_of_shapes}
        metadata["geo"] = orjson.dumps(geo)
    schema = empty.schema.with_metadata(metadata)
    sink = _Pieces()
    with pq.ParquetWriter(sink, schema, compression="zstd", compression_level=3) as writer:
        for group in _groups(batches(con, source, view, columns)):
            writer.write_table(group.cast(schema), row_group_size=ROW_GROUP)
            yield sink.taken()
    yield sink.taken()


class _Pieces(io.RawIOBase):
    """A file that gives away what was written to it."""

    def __init__(self) -> None:
        self._pieces: list[bytes] = []
        self._length = 0

    def writable(self) -> bool:
        return True

    def write(self, piece: Any) -> int:
        self._pieces.append(bytes(piece))
        self._length += len(self._pieces[-1])
        return len(self._pieces[-1])

    def tell(self) -> int:
        return self._length

    def taken(self) -> bytes:
        """What was written since the last time."""
        pieces, self._pieces = self._pieces, []
        return b"".join(pieces)


def _groups(found: Iterator[pa.RecordBatch]) -> Iterator[pa.Table]:
    """Batches as tables of exactly one row group each, but the last."""
    held: list[pa.RecordBatch] = []
    rows = 0
    for batch in found:
        held.append(batch)
        rows += batch.num_rows
        while rows >= ROW_GROUP:
            table = pa.Table.from_batches(held)
            yield table.slice(0, ROW_GROUP)
            rest = table.slice(ROW_GROUP)
            held, rows = rest.to_batches(), rest.num_rows
    if rows:
        yield pa.Table.from_batches(held)


def _plain(name: str, kind: str) -> str:
    column = identifier(name)
    if kind == "geometry":
        return f"ST_AsText(ST_GeomFromWKB({column})) AS {column}"
    return column


def _for_excel(name: str, kind: str, comma: bool) -> str:
    column = identifier(name)
    if kind == "geometry":
        return f"ST_AsText(ST_GeomFromWKB({column}))"
    if kind in ("text", "json"):
        return f"CASE WHEN regexp_matches({column}, {_DOUBTFUL}) THEN '''' || {column} " \
               f"ELSE {column} END"  # fmt: skip
    if kind == "datetime":
        return f"strftime({column}, '%Y-%m-%d %H:%M:%S')"
    if comma and kind.startswith(("number", "decimal")):
        return f"replace(CAST({column} AS VARCHAR), '.', ',')"
    return column


def _object(view: View, but: tuple[str, ...] = ()) -> str:
    """SQL for a row as the text of a JSON object."""
    fields = []
    for name in view.shown:
        if name in but:
            continue
        column, kind = identifier(name), view.table.types[name]
        if kind == "geometry":
            column = f"ST_AsText(ST_GeomFromWKB({column}))"
        elif kind == "datetime":
            column = f"strftime({column}, {literal(_MOMENT)})"
        elif kind == "json":
            column = f"CAST({column} AS JSON)"
        fields.append(f"{literal(name)}: {column}")
    if not fields:
        return "'{}'"
    return f"CAST(to_json({{{', '.join(fields)}}}) AS VARCHAR)"


Producer = Callable[[duckdb.DuckDBPyConnection, str, Order], Iterator[bytes]]
STREAMED: Mapping[str, Producer] = {
    "csv": csv,
    "excel.csv": excel_csv,
    "json": json,
    "ndjson": ndjson,
    "geojson": geojson,
    "parquet": parquet,
}


def values_of(batch: pa.RecordBatch) -> list[tuple[Any, ...]]:
    """The rows of a batch as tuples."""
    return list(zip(*(column.to_pylist() for column in batch.columns), strict=True))
