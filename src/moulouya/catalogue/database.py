"""The two databases of a release.

``catalogue.duckdb`` has nothing but views, over immutable Parquet by absolute address: what
analysts attach. DuckDB reads such a file whole when it is attached, so that a session never mixes
two releases, even when it attached through the redirect to the newest one. ``serving.duckdb`` has
schema ``catalogue`` as native tables: what the portal opens; the tables of the datasets are in
files of their own (``moulouya.serving``). Both are written in storage version 1.0.0, which every
client since DuckDB 1.0 reads.
"""

from __future__ import annotations

import datetime as dt
import io
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any

import fsspec
from duckdb import DuckDBPyConnection

from moulouya import duck, release
from moulouya.catalogue.tables import Described, file_name
from moulouya.duck import identifier, literal
from moulouya.errors import LakeError
from moulouya.release import Plan

Find = Callable[[], Path]


def build_catalogue(described: Described, plan: Plan, target: Path) -> None:
    """Write the catalogue of views; their addresses need not be reachable while it is written.

    It starts from the catalogue of the release before, where there is a sound one, and only the
    views that changed are written anew.
    """
    about = set(plan.changed if _start_from_last(plan, target) else plan.datasets)
    published = _PublishedFiles()
    with duck.connect() as con:
        con.register_filesystem(published)
        # Views keep the types of their columns. DuckDB before 1.5 refuses one whose shapes are not
        # the BLOB that it reads there; those since then do not mind, and read GEOMETRY.
        con.execute("SET enable_geoparquet_conversion = false")
        con.execute(f"ATTACH {literal(str(target))} AS target (STORAGE_VERSION 'v1.0.0')")
        con.begin()  # one, or every view is synced to disk by itself
        _drop_others(con, plan)
        about |= _with_geometry(con)
        for schema in sorted({"catalogue", *(one["theme"] for one in plan.datasets.values())}):
            con.execute(f"CREATE SCHEMA IF NOT EXISTS target.{identifier(schema)}")
        for name in described:
            address = f"{plan.public_url}/releases/{plan.number}/{file_name(name)}"
            path = partial(Path, target.parent / file_name(name))
            with published.found(address, path):
                _view(con, "catalogue", name, address)
        for slug in sorted(about):
            version, theme = plan.version(slug), plan.datasets[slug]["theme"]
            address = f"{plan.public_url}/files/{slug}/{version.number}/{slug}.parquet"
            with published.found(address, partial(getattr, version, "table")):
                view = _view(con, theme, slug, address)
            title = version.record["definition"]["title"]["en"]
            comment = f"{title} ({version.record['licence']['spdx']})"
            con.execute(f"COMMENT ON VIEW {view} IS {literal(comment)}")
        con.commit()
        con.execute("DETACH target")


def build_serving(described: Described, target: Path) -> None:
    """Write schema ``catalogue`` as native tables."""
    with duck.connect() as con:
        con.execute(f"ATTACH {literal(str(target))} AS target (STORAGE_VERSION 'v1.0.0')")
        con.begin()
        con.execute("CREATE SCHEMA target.catalogue")
        for name, table in described.items():
            con.register("described", table)
            con.execute(f"CREATE TABLE target.catalogue.{identifier(name)} AS FROM described")
            con.unregister("described")
        con.commit()
        con.execute("DETACH target")


def _view(con: DuckDBPyConnection, schema: str, name: str, address: str) -> str:
    view = f"target.{identifier(schema)}.{identifier(name)}"
    con.execute(f"CREATE OR REPLACE VIEW {view} AS FROM read_parquet({literal(address)})")
    return view


def _start_from_last(plan: Plan, target: Path) -> bool:
    """Copy the catalogue of the release before as a start; False where it is none."""
    last = plan.start
    recorded = last.recorded(target.name) if last is not None else None
    if last is None or recorded is None:
        return False
    try:
        origin = plan.lake.local(last.path / target.name)
        release.require(origin, recorded)
    except LakeError:
        return False
    shutil.copyfile(origin, target)
    return True


def _drop_others(con: DuckDBPyConnection, plan: Plan) -> None:
    """Drop the views of datasets that are published no longer, or under another theme."""
    found = con.execute(
        "SELECT schema_name, view_name FROM duckdb_views() "
        "WHERE database_name = 'target' AND NOT internal AND schema_name <> 'catalogue'"
    ).fetchall()
    kept = {one["theme"] for one in plan.datasets.values()}
    for schema, name in found:
        if name not in plan.datasets or plan.datasets[name]["theme"] != schema:
            con.execute(f"DROP VIEW target.{identifier(schema)}.{identifier(name)}")
    for schema in sorted({schema for schema, _ in found} - kept):
        con.execute(f"DROP SCHEMA target.{identifier(schema)}")


def _with_geometry(con: DuckDBPyConnection) -> set[str]:
    """Datasets whose views an earlier release wrote with a type that DuckDB before 1.5 refuses."""
    found = con.execute(
        "SELECT DISTINCT table_name FROM duckdb_columns() "
        "WHERE database_name = 'target' AND starts_with(data_type, 'GEOMETRY')"
    ).fetchall()
    return {name for (name,) in found}


class _PublishedFiles(fsspec.AbstractFileSystem):  # type: ignore[misc]
    """The published files under their public addresses, read from the lake.

    DuckDB binds a view when it is created, which needs the file behind the address; the portal
    that will serve it may not be running yet.
    """

    protocol = ("http", "https")
    cachable = False

    def __init__(self) -> None:
        super().__init__()
        self.files: dict[str, Find] = {}
        self.opened: list[io.BufferedReader] = []

    @contextmanager
    def found(self, address: str, find: Find) -> Iterator[None]:
        """Answer one address while the block runs."""
        self.files[address] = find
        try:
            yield
        finally:
            # DuckDB leaves it to the garbage collector to close what it has opened.
            while self.opened:
                self.opened.pop().close()
            del self.files[address]

    @classmethod
    def _strip_protocol(cls, path: str) -> str:
        return path

    def info(self, path: str, **_: Any) -> dict[str, Any]:
        return {"name": path, "size": self.files[path]().stat().st_size, "type": "file"}

    def glob(self, path: str, **_: Any) -> list[str]:
        return [path]

    def exists(self, path: str, **_: Any) -> bool:
        return path in self.files

    def modified(self, path: str) -> dt.datetime:
        return dt.datetime.fromtimestamp(self.files[path]().stat().st_mtime, dt.UTC)

    def _open(self, path: str, mode: str = "rb", **_: Any) -> io.BufferedReader:
        file = self.files[path]().open("rb")
        self.opened.append(file)
        return file
