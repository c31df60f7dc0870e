"""JSON documents and newline-delimited JSON: each record's fields as text."""

from __future__ import annotations

from pathlib import Path

import duckdb

from moulouya.definition import Reading
from moulouya.duck import literal
from moulouya.errors import ReadError
from moulouya.readers.table import RawTable

LEAST_OBJECT = 16 * 1024 * 1024


def read(
    con: duckdb.DuckDBPyConnection, files: list[Path], source: Reading, scratch: Path
) -> RawTable:
    """Open JSON as one row a record; nested values become their JSON text.

    ``source.records`` is the path of keys to the list of records; without it the document is a
    list, or (ndjson) every line is a record.
    """
    listed = ", ".join(literal(str(path)) for path in files)
    layout = "newline_delimited" if source.format == "ndjson" else _layout(source)
    # DuckDB's buffers are as large as this allows, so no larger than the files need.
    largest = max([LEAST_OBJECT, *(path.stat().st_size + 1 for path in files)])
    documents = (
        f"read_json_objects([{listed}], format = {literal(layout)}, filename = true, "
        f"maximum_object_size = {largest}, compression = 'uncompressed')"
    )
    relation = f"(SELECT json AS record, filename FROM {documents})"
    if source.records:
        path = literal("".join(map(_pointer, source.records.split("."))))
        relation = (
            f"(SELECT unnest(from_json(json_extract(json, {path}), '[\"JSON\"]')) AS record, "
            f"filename FROM {documents})"
        )
    try:
        names = con.execute(
            "SELECT DISTINCT unnest(json_keys(record)) AS name "
            f"FROM {relation} WHERE json_type(record) = 'OBJECT' ORDER BY name"
        ).fetchall()
    except (duckdb.InvalidInputException, duckdb.IOException) as error:
        raise ReadError(
            f"{files[0].name} is not JSON: {str(error).splitlines()[0]}",
            hint="check source.format and source.compression",
        ) from error
    if not names:
        raise ReadError(
            f"{files[0].name} has no records"
            + (f" at {source.records!r}" if source.records else ""),
            hint="set source.records to the keys that lead to the list of records",
        )
    return RawTable(
        relation=relation,
        expressions={name: f"(record ->> {literal(_pointer(name))})" for (name,) in names},
        file_expression="filename",
    )


def _pointer(key: str) -> str:
    """A key as a step of a JSON Pointer (RFC 6901)."""
    return "/" + key.replace("~", "~0").replace("/", "~1")


def _layout(source: Reading) -> str:
    return "unstructured" if source.records else "array"
