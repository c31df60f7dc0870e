"""Bytes to rows: one module per family of formats, all giving DuckDB a table to read."""

from __future__ import annotations

import gzip
import shutil
import zlib
from collections.abc import Callable
from pathlib import Path

from duckdb import DuckDBPyConnection

from moulouya.definition import SourceBase
from moulouya.errors import ReadError
from moulouya.readers import csv, json, parquet
from moulouya.readers.table import RawTable

__all__ = ["READERS", "RawTable", "read"]

BLOCK = 1024 * 1024
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
    if source.compression == "gzip":
        files = [_unpacked(path, scratch / "unpacked") for path in files]
    return READERS[source.format](con, files, source, scratch)


def _unpacked(path: Path, folder: Path) -> Path:
    """The unpacked file, its checksum verified: DuckDB reads a truncated one without a word."""
    folder.mkdir(parents=True, exist_ok=True)
    target = folder / path.name
    with target.open("wb") as unpacked:
        try:
            with gzip.open(path) as packed:
                shutil.copyfileobj(packed, unpacked, BLOCK)
        except (gzip.BadGzipFile, EOFError, zlib.error) as error:
            raise ReadError(
                f"{path.name} cannot be unpacked: {error}", hint="check source.compression"
            ) from error
    return target
