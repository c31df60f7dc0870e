"""The two databases of a release.

``catalogue.duckdb`` has nothing but views, over immutable Parquet by absolute address: what
analysts attach. DuckDB reads such a file whole when it is attached, so that a session never mixes
two releases, even when it attached through the redirect to the newest one. ``serving.duckdb`` has
the same names as native tables: what the portal opens. Both are written in storage version 1.0.0,
which every client since DuckDB 1.0 reads.
"""

from __future__ import annotations

import datetime as dt
import io
import shutil
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import fsspec
import pyarrow as pa
import pyarrow.parquet as pq
from duckdb import DuckDBPyConnection

from moulouya import duck, release
from moulouya.definition import Definition
from moulouya.duck import identifier, literal
from moulouya.release import Plan
from moulouya.storage.files import sha256_of
from moulouya.storage.lake import Lake
from moulouya.versions import Version, copy_table

Described = dict[str, pa.Table]


def write_parquet(described: Described, folder: Path) -> None:
    """Write the tables of schema ``catalogue`` as Parquet files of the release."""
    for name, table in described.items():
        pq.write_table(table, folder / _described_file(name), compression="zstd")


def build_catalogue(
    described: Described, found: dict[str, Version], plan: Plan, target: Path
) -> None:
    """Write the catalogue of views; their addresses need not be reachable while it is written."""
    views = {("catalogue", name): target.parent / _described_file(name) for name in described}
    views |= {(version.record["theme"], slug): version.table for slug, version in found.items()}
    addresses = {view: _address(plan, found, *view) for view in views}
    files = {addresses[view]: path for view, path in views.items()}
    with ExitStack() as opened, duck.connect() as con:
        con.register_filesystem(_PublishedFiles(files, opened))
        _create(con, target, {schema for schema, _ in views})
        for (schema, name), address in addresses.items():
            view = f"target.{identifier(schema)}.{identifier(name)}"
            con.execute(f"CREATE VIEW {view} AS FROM read_parquet({literal(address)})")
            if schema != "catalogue":
                title = found[name].record["definition"]["title"]["en"]
                licence = found[name].record["licence"]["spdx"]
                con.execute(f"COMMENT ON VIEW {view} IS {literal(f'{title} ({licence})')}")
        con.execute("DETACH target")


def build_serving(
    described: Described, lake: Lake, found: dict[str, Version], plan: Plan, target: Path
) -> None:
    """Write the native tables; those unchanged since the last release are not copied again."""
    kept = _start_from_last(lake, plan, target)
    with duck.connect() as con:
        _create(con, target, {version.record["theme"] for version in found.values()})
        con.execute("DROP SCHEMA IF EXISTS target.catalogue CASCADE")
        con.execute("CREATE SCHEMA target.catalogue")
        for name, table in described.items():
            con.register("described", table)
            con.execute(f"CREATE TABLE target.catalogue.{identifier(name)} AS FROM described")
            con.unregister("described")
        for slug, version in found.items():
            theme = identifier(version.record["theme"])
            if (slug, version.number, version.record["theme"]) in kept:
                continue
            con.execute(f"CREATE VIEW source AS FROM read_parquet({literal(str(version.table))})")
            con.execute(f"DROP TABLE IF EXISTS target.{theme}.{identifier(slug)}")
            definition = Definition.model_validate(version.record["definition"])
            copy_table(con, "source", f"target.{theme}.{identifier(slug)}", definition)
            con.execute("DROP VIEW source")
        con.execute("CHECKPOINT target")
        con.execute("DETACH target")


def _start_from_last(lake: Lake, plan: Plan, target: Path) -> set[tuple[str, int, str]]:
    """Copy the last serving file as a start; returns the (slug, version, theme) it holds.

    A file that has lost datasets, or that is damaged, is not a start.
    """
    last = release.current(lake, verify=False)
    if last is None:
        return set()
    before = last.manifest["datasets"]
    recorded = {file["name"]: file for file in last.manifest["files"]}
    held = {(slug, entry["version"], entry["theme"]) for slug, entry in before.items()}
    themes = {(slug, entry["theme"]) for slug, entry in before.items()}
    if not themes <= {(slug, entry["theme"]) for slug, entry in plan.datasets.items()}:
        return set()
    origin = last.path / "serving.duckdb"
    if not origin.exists() or sha256_of(origin) != recorded[origin.name]["sha256"]:
        return set()
    shutil.copyfile(origin, target)
    return held


def _create(con: DuckDBPyConnection, target: Path, schemas: set[str]) -> None:
    con.execute(f"ATTACH {literal(str(target))} AS target (STORAGE_VERSION 'v1.0.0')")
    for schema in sorted(schemas):
        con.execute(f"CREATE SCHEMA IF NOT EXISTS target.{identifier(schema)}")


def _described_file(name: str) -> str:
    return f"catalogue.{name}.parquet"


def _address(plan: Plan, found: dict[str, Version], schema: str, name: str) -> str:
    """The public address of the Parquet behind a view."""
    if schema == "catalogue":
        return f"{plan.public_url}/releases/{plan.number}/{_described_file(name)}"
    version = found[name]
    return f"{plan.public_url}/files/{name}/{version.number}/{version.table.name}"


class _PublishedFiles(fsspec.AbstractFileSystem):  # type: ignore[misc]
    """The published files under their public addresses, read from the lake.

    DuckDB binds a view when it is created, which needs the file behind the address; the portal
    that will serve it may not be running yet.
    """

    protocol = ("http", "https")
    cachable = False

    def __init__(self, files: dict[str, Path], opened: ExitStack) -> None:
        super().__init__()
        self.files = files
        self.opened = opened

    @classmethod
    def _strip_protocol(cls, path: str) -> str:
        return path

    def info(self, path: str, **_: Any) -> dict[str, Any]:
        return {"name": path, "size": self.files[path].stat().st_size, "type": "file"}

    def glob(self, path: str, **_: Any) -> list[str]:
        return [path]

    def exists(self, path: str, **_: Any) -> bool:
        return path in self.files

    def modified(self, path: str) -> dt.datetime:
        return dt.datetime.fromtimestamp(self.files[path].stat().st_mtime, dt.UTC)

    def _open(self, path: str, mode: str = "rb", **_: Any) -> io.BufferedReader:
        # DuckDB leaves it to the garbage collector to close what it has opened.
        return self.opened.enter_context(self.files[path].open("rb"))
