"""Bytes to rows: one module per family of formats, all giving DuckDB a table to read."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from duckdb import DuckDBPyConnection

from moulouya.definition import SourceBase
from moulouya.readers import csv, json, parquet
from moulouya.readers.table import RawTable

__all__ = ["READERS", "RawTable", "read"]

Reader = Callable[[DuckDBPyConnection, list[Path], SourceBase, Path], RawTable]

READERS: dict[str, Reader] = {
    "csv": csv.read,
    "json": json.read,
    "ndjson": json.read,
    "parquet": parquet.read,
}


def read(con: DuckDBPyConnection, files: list[Path], source: SourceBase, scratch: Path) -> RawTable:
    """Open files in the source's declared format as one raw table, nothing typed or guessed.

    Raises ReadError when the bytes are not what the definition says they are.
    """
    return READERS[source.format](con, files, source, scratch)
