"""Parquet: typed already, so only what does not fit the contract is rejected."""

from __future__ import annotations

from pathlib import Path

import duckdb

from moulouya.definition import Reading
from moulouya.duck import identifier, literal
from moulouya.errors import ReadError
from moulouya.readers.table import RawTable


def read(
    con: duckdb.DuckDBPyConnection, files: list[Path], source: Reading, scratch: Path
) -> RawTable:
    """Open Parquet files with the types they carry."""
    listed = ", ".join(literal(str(path)) for path in files)
    relation = f"read_parquet([{listed}], filename = true)"
    try:
        described = con.execute(f"DESCRIBE SELECT * EXCLUDE (filename) FROM {relation}").fetchall()
    except duckdb.Error as error:
        raise ReadError(
            f"{files[0].name} is not readable Parquet: {str(error).splitlines()[0]}"
        ) from error
    return RawTable(
        relation=relation,
        expressions={row[0]: identifier(row[0]) for row in described},
        types={row[0]: row[1] for row in described if row[1] != "VARCHAR"},
        file_expression="filename",
    )
