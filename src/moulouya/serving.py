"""The published tables opened together, as one read-only database.

A release holds only its metadata (``serving.duckdb``, schema ``catalogue``). The table of each
dataset is in the DuckDB file of its version, written once; a reader attaches the ones it needs and
sees them under their names, ``<theme>.<slug>``.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import duckdb

from moulouya import duck
from moulouya.duck import identifier, literal

METADATA = "serving.duckdb"
# Names of attached files have a dot, which no theme and no slug has.
METADATA_AS = "release.duckdb"
Table = tuple[str, str]


def file_name(slug: str) -> str:
    """The file of a version that holds its table for DuckDB."""
    return f"{slug}.duckdb"


@contextmanager
def connect(
    tables: Mapping[Table, Path],
    metadata: Path | None = None,
    *,
    memory_limit: str = "256MB",
    threads: int = 1,
    spill: Path | None = None,
) -> Iterator[duckdb.DuckDBPyConnection]:
    """Open the files of some tables, by theme and slug, and of a release's metadata.

    The caller has verified them. The connection can read nothing else and change nothing: neither
    a file nor its own settings. A table is found by its slug alone, too.
    """
    with duck.connect(memory_limit=memory_limit, threads=threads, spill=spill) as con:
        schemas = {theme for theme, _ in tables}
        if metadata is not None:
            con.execute(f"ATTACH {literal(str(metadata))} AS {identifier(METADATA_AS)} (READ_ONLY)")
            described = con.execute(
                "SELECT table_name FROM duckdb_tables() WHERE schema_name = 'catalogue' "
                f"AND database_name = {literal(METADATA_AS)}"
            ).fetchall()
            con.execute("CREATE SCHEMA catalogue")
            for (name,) in described:
                table = f"catalogue.{identifier(name)}"
                con.execute(f"CREATE VIEW {table} AS FROM {identifier(METADATA_AS)}.{table}")
        for theme in sorted(schemas):
            con.execute(f"CREATE SCHEMA IF NOT EXISTS {identifier(theme)}")
        for (theme, slug), path in tables.items():
            file = identifier(file_name(slug))
            con.execute(f"ATTACH {literal(str(path))} AS {file} (READ_ONLY)")
            con.execute(
                f"CREATE VIEW {identifier(theme)}.{identifier(slug)} AS "
                f"FROM {file}.main.{identifier(slug)}"
            )
        searched = ["main", *sorted(schemas), *(["catalogue"] if metadata is not None else [])]
        con.execute(f"SET search_path = {literal(','.join(map(identifier, searched)))}")
        con.execute("SET enable_external_access = false")
        con.execute("SET lock_configuration = true")
        yield con
