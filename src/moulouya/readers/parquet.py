"""Parquet: typed already, so only what does not fit the contract is rejected."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import duckdb

from moulouya.definition import Reading
from moulouya.duck import identifier, literal, one_row
from moulouya.errors import ReadError
from moulouya.readers.table import RawTable

LARGEST_CHUNK = 512 * 1024**2
NESTED = ("STRUCT", "MAP", "UNION", "VARIANT")
WKB_MARKS = "('00', '01')"  # byte order of well-known binary


def read(
    con: duckdb.DuckDBPyConnection, files: list[Path], source: Reading, scratch: Path
) -> RawTable:
    """Open Parquet files with the types they carry; lists and structures become JSON text.

    Raises ReadError when one is damaged, encrypted, or its pages are not those it has checksums of.
    """
    for path in files:
        _verify(path)
    return opened(con, files)


def opened(con: duckdb.DuckDBPyConnection, files: list[Path]) -> RawTable:
    """Parquet files that are known to be whole, as one raw table."""
    listed = ", ".join(literal(str(path)) for path in files)
    relation = f"read_parquet([{listed}], filename = '_file')"
    try:
        described = con.execute(f"DESCRIBE SELECT * EXCLUDE (_file) FROM {relation}").fetchall()
        expressions: dict[str, str] = {}
        types: dict[str, str] = {}
        for name, kind, *_ in described:
            expressions[name], text = _expression(con, relation, name, kind)
            if not text:
                types[name] = kind
    except duckdb.Error as error:
        if isinstance(error, duckdb.OutOfMemoryException):
            raise
        raise ReadError(
            f"{files[0].name} is not readable Parquet: {_plain(error)}",
            hint="the file is damaged, was cut off, or uses what no reader knows yet",
        ) from error
    return RawTable(
        relation=relation, expressions=expressions, types=types, file_expression="_file"
    )


def _plain(error: Exception) -> str:
    """What went wrong, without the place on this machine."""
    return re.sub(r'Failed to read file "[^"]*": ', "", str(error).splitlines()[0])


def _expression(
    con: duckdb.DuckDBPyConnection, relation: str, name: str, kind: str
) -> tuple[str, bool]:
    """SQL for a column, and whether it gives text."""
    column = identifier(name)
    if kind.startswith(NESTED) or kind.endswith("]"):
        return f"CAST(to_json({column}) AS VARCHAR)", True
    if kind in ("VARCHAR", "UUID", "JSON", "INTERVAL", "TIME") or kind.startswith("ENUM"):
        return f"CAST({column} AS VARCHAR)", True
    if kind != "BLOB":
        return column, False
    # Old writers do not say which bytes are text; geometry is not text, and neither are images.
    query = (
        f"SELECT count(*) FILTER (WHERE TRY(decode({column})) IS NULL), "
        f"count(*) FILTER (WHERE left(hex({column}), 2) NOT IN {WKB_MARKS}) "
        f"FROM {relation} WHERE {column} IS NOT NULL"
    )
    no_text, no_geometry = one_row(con, query)
    if not no_text:
        return f"decode({column})", True
    if not no_geometry:
        return column, False
    message = literal(f"the column {name!r} has bytes that are no text")
    return f"CASE WHEN {column} IS NOT NULL THEN error({message}) END", True


def _verify(path: Path) -> None:
    """Hold every page against its checksum, where there is one: DuckDB does not."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    if path.stat().st_size < 12:
        raise ReadError(f"{path.name} is not readable Parquet: it has no footer")
    with path.open("rb") as file:
        head = file.read(4)
        file.seek(-8, 2)
        length, tail = int.from_bytes(file.read(4), "little"), file.read(4)
    if b"PARE" in (head, tail):
        raise ReadError(f"{path.name} is encrypted", hint="ask the publisher for it without a key")
    if head != b"PAR1" or tail != b"PAR1" or length + 12 > path.stat().st_size:
        raise ReadError(
            f"{path.name} is not readable Parquet: its footer is not whole",
            hint="the file is damaged or was cut off",
        )
    try:
        with pq.ParquetFile(path, page_checksum_verification=True, pre_buffer=False) as parquet:
            _check_sizes(path, parquet.metadata)
            for _ in parquet.iter_batches(use_threads=False):
                pass
    except (pa.ArrowException, OSError, ValueError) as error:
        # pyarrow knows less of the format than DuckDB, so only what it is sure of counts.
        if "crypt" in str(error).lower():
            raise ReadError(
                f"{path.name} is encrypted", hint="ask the publisher for it without a key"
            ) from error
        if "checksum" in str(error).lower():
            raise ReadError(
                f"{path.name} is damaged: {str(error).splitlines()[0]}", hint="fetch it again"
            ) from error


def _check_sizes(path: Path, metadata: Any) -> None:
    """Refuse columns that expand to more than memory holds at once."""
    for group in range(metadata.num_row_groups):
        for number in range(metadata.num_columns):
            column = metadata.row_group(group).column(number)
            if column.total_uncompressed_size > LARGEST_CHUNK:
                raise ReadError(
                    f"{path.name}: the column {column.path_in_schema} has "
                    f"{column.total_uncompressed_size} bytes in one row group",
                    hint="ask the publisher for smaller row groups",
                )
