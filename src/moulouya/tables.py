"""Published Parquet: one layout, byte-identical for the same rows and the same contract."""

from __future__ import annotations

import base64
import json
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
from duckdb import DuckDBPyConnection

from moulouya.duck import columns_of, identifier, literal, one_row
from moulouya.workspace import Dataset

# 122,880 rows a group suits scans; measured against 10k to 500k on 1.8 M rows.
LAYOUT = (
    "FORMAT parquet, COMPRESSION zstd, COMPRESSION_LEVEL 3, PARQUET_VERSION V2, "
    "ROW_GROUP_SIZE 122880"
)
# The coordinate reference system as GeoArrow says it; GeoParquet's own default is the same.
_CRS84 = {
    b"ARROW:extension:metadata": b'{"crs": "OGC:CRS84", "crs_type": "authority_code"}',
}
SCRATCH_LAYOUT = "FORMAT parquet, COMPRESSION snappy"


def write_published(con: DuckDBPyConnection, query: str, dataset: Dataset, target: Path) -> int:
    """Write a query's rows in the published layout, sorted by key; returns the rows.

    The footer carries the contract: the dataset's metadata under the key ``moulouya``, and the
    title and description of every column as Arrow field metadata. Geometry is GeoParquet 1.0.0:
    WKB, in OGC:CRS84.
    """
    definition = dataset.definition
    selected = ", ".join(
        f"CAST({identifier(name)} AS {column.sql_type}) AS {identifier(name)}"
        for name, column in definition.columns.items()
    )
    typed = f"SELECT {selected} FROM ({query})"
    metadata = {
        "moulouya": json.dumps(footer(dataset), ensure_ascii=False),
        "ARROW:schema": _arrow_schema(con, typed, dataset),
    }
    (rows,) = one_row(
        con,
        f"COPY (SELECT * FROM ({typed}) ORDER BY {columns_of(definition.key)}) "
        f"TO {literal(str(target))} ({LAYOUT}, GEOPARQUET_VERSION 'V1', {_footers(metadata)})",
    )
    shapes = [name for name, column in definition.columns.items() if column.type == "geometry"]
    if shapes:
        _tell_empty_shapes(con, target, shapes, metadata)
    return int(rows)


def _footers(metadata: dict[str, str]) -> str:
    """File metadata as an option of COPY."""
    listed = ", ".join(f"{literal(key)}: {literal(value)}" for key, value in metadata.items())
    return f"KV_METADATA {{{listed}}}"


def _tell_empty_shapes(
    con: DuckDBPyConnection, target: Path, shapes: list[str], metadata: dict[str, str]
) -> None:
    """Write the file again where a column of shapes has none at all.

    DuckDB leaves such a column out of the GeoParquet metadata, and readers then take it for
    bytes. An empty list of types is the specification's way to say that none is known.
    """
    written = (pq.read_metadata(target).metadata or {}).get(b"geo")
    known = json.loads(written)["columns"] if written else {}
    if all(name in known for name in shapes):
        return
    columns = {name: known.get(name, {"encoding": "WKB", "geometry_types": []}) for name in shapes}
    geo = {"version": "1.0.0", "primary_column": shapes[0], "columns": columns}
    again = target.with_name(f"{target.name}.again")
    con.execute(
        f"COPY (FROM read_parquet({literal(str(target))})) TO {literal(str(again))} "
        f"({LAYOUT}, GEOPARQUET_VERSION 'NONE', {_footers({**metadata, 'geo': json.dumps(geo)})})"
    )
    again.replace(target)


def footer(dataset: Dataset) -> dict[str, object]:
    """What a published file says of itself: no run, no clock, only the contract."""
    kept = ("title", "description", "row_is", "publisher", "attribution", "key", "columns", "notes")
    contract = dataset.definition.model_dump(mode="json", by_alias=True, exclude_none=True)
    return {
        "slug": dataset.slug,
        "theme": dataset.theme,
        "licence": dataset.licence.spdx,
        **{name: contract[name] for name in kept if name in contract},
    }


def _arrow_schema(con: DuckDBPyConnection, typed: str, dataset: Dataset) -> str:
    """The Arrow schema that readers of Arrow find in ARROW:schema, with column comments."""
    schema = con.execute(f"SELECT * FROM ({typed}) LIMIT 0").to_arrow_table().schema
    fields = []
    for arrow_field in schema:
        column = dataset.definition.columns[arrow_field.name]
        comment = {
            **(arrow_field.metadata or {}),
            **(_CRS84 if column.type == "geometry" else {}),
            b"unit": (column.unit or "").encode(),
            **{
                f"{kind}_{language}".encode(): text[language].encode()
                for kind, text in (("title", column.title), ("description", column.description))
                for language in ("ar", "fr", "en")
            },
        }
        fields.append(arrow_field.with_metadata(comment))
    return base64.b64encode(pa.schema(fields).serialize().to_pybytes()).decode()
