"""Bytes to rows: one module per family of formats, all giving DuckDB a table to read."""

from __future__ import annotations

from importlib import import_module
from pathlib import Path

from duckdb import DuckDBPyConnection

from moulouya import duck
from moulouya.definition import Reading
from moulouya.readers.table import RawTable
from moulouya.readers.wrapping import unwrapped

__all__ = ["READERS", "RawTable", "column_names", "read"]

# Each module is imported when a file of its format is read: some bring heavy parsers.
READERS = {
    "arrow": "arrow",
    "csv": "delimited.csv",
    "fixed_width": "delimited.fixed_width",
    "geojson": "geo",
    "geopackage": "geo",
    "gml": "geo",
    "gtfs": "gtfs",
    "html": "html",
    "json": "json",
    "kml": "geo",
    "ndjson": "json",
    "ods": "workbook",
    "parquet": "parquet",
    "sdmx": "sdmx",
    "shapefile": "geo",
    "xls": "workbook",
    "xlsx": "workbook",
    "xml": "xml",
}


def read(con: DuckDBPyConnection, files: list[Path], source: Reading, scratch: Path) -> RawTable:
    """Open files in the source's declared format as one raw table, nothing typed or guessed.

    Raises ReadError when the bytes are not what the definition says they are.
    """
    files = unwrapped(files, source, scratch)
    reader = import_module(f"moulouya.readers.{READERS[source.format]}")
    table: RawTable = reader.read(con, files, source, scratch)
    return table


def column_names(files: list[Path], source: Reading, scratch: Path) -> list[str]:
    """The names under which a definition can ask for the columns of files, in their order."""
    with duck.connect(spill=scratch / "spill") as con:
        return list(read(con, files, source, scratch).expressions)
