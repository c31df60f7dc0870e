"""The DuckDB file of one table that a version carries: the same rows give the same bytes.

DuckDB's storage does not promise that. Three things of it depend on chance: what lies in memory
that was never written to (it gets into the file, and with it pieces of whatever the process did
before), the samples from which FSST makes its table of symbols, and what bit-packing keeps in place
of a missing value. So blocks come from memory of their own that starts as zeros, FSST is not used,
columns with missing values are not bit-packed, and one thread writes.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from duckdb import DuckDBPyConnection

from moulouya import duck
from moulouya.definition import Definition
from moulouya.duck import identifier, literal, one_row
from moulouya.settings import Settings

# The types that DuckDB packs into bits, but for missing values that it leaves undetermined.
PACKED = ("BIGINT", "BOOLEAN", "DATE", "TIMESTAMP WITH TIME ZONE", "DECIMAL")


def write(
    table: Path,
    database: Path,
    slug: str,
    definition: Definition,
    *,
    settings: Settings,
    spill: Path,
) -> None:
    """Write a published Parquet file as a database of one table, named ``slug``.

    Clients since DuckDB 1.0 can open it. A file that is there is replaced.
    """
    database.unlink(missing_ok=True)
    with duck.connect(memory_limit=settings.memory_limit, threads=1, spill=spill) as con:
        con.execute(f"SET block_allocator_memory = {literal(settings.memory_limit)}")
        con.execute("SET disabled_compression_methods = 'fsst'")
        con.execute(f"CREATE VIEW published AS FROM read_parquet({literal(str(table))})")
        con.execute(f"ATTACH {literal(str(database))} AS target (STORAGE_VERSION 'v1.0.0')")
        copy_table(con, "published", f"target.{identifier(slug)}", definition)
        con.execute("DETACH target")


def copy_table(con: DuckDBPyConnection, source: str, target: str, definition: Any) -> None:
    """Copy a published table into a database that clients since DuckDB 1.0 can open.

    Geometry becomes WKB in a BLOB: storage v1.0.0 knows no GEOMETRY. Titles become comments.
    """
    columns = definition.columns
    selected = ", ".join(
        f"ST_AsWKB({identifier(name)}) AS {identifier(name)}"
        if column.type == "geometry"
        else identifier(name)
        for name, column in columns.items()
    )
    types = {
        row[0]: row[1]
        for row in con.execute(f"DESCRIBE SELECT {selected} FROM {source}").fetchall()
    }
    counts = ", ".join(f"count(*) - count({identifier(name)})" for name in types)
    missing = one_row(con, f"SELECT {counts} FROM {source}")
    declared = [
        f"{identifier(name)} {kind}"
        + (" USING COMPRESSION uncompressed" if empty and kind.startswith(PACKED) else "")
        for (name, kind), empty in zip(types.items(), missing, strict=True)
    ]
    con.execute(f"CREATE TABLE {target} ({', '.join(declared)})")
    con.execute(f"INSERT INTO {target} SELECT {selected} FROM {source}")
    con.execute(f"COMMENT ON TABLE {target} IS {literal(definition.title.en)}")
    for name, column in columns.items():
        comment = f"{column.title.en}: {column.description.en}"
        if column.type == "geometry":
            comment += " (WKB, OGC:CRS84)"
        con.execute(f"COMMENT ON COLUMN {target}.{identifier(name)} IS {literal(comment)}")
