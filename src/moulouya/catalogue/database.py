"""The two databases of a release.

``catalogue.duckdb`` has a view a dataset, over the immutable Parquet by absolute address: what
analysts attach. ``serving.duckdb`` has the same names as native tables: what the portal opens.
Both are written in storage version 1.0.0, which every client since DuckDB 1.0 reads.
"""

from __future__ import annotations

import datetime as dt
import io
import shutil
from pathlib import Path
from typing import Any

import fsspec
from duckdb import DuckDBPyConnection

from moulouya import duck, release
from moulouya.catalogue import tables
from moulouya.definition import Definition
from moulouya.duck import identifier, literal
from moulouya.release import Plan
from moulouya.storage.files import sha256_of
from moulouya.storage.lake import Lake
from moulouya.versions import Version, copy_table


def build_catalogue(found: dict[str, Version], plan: Plan, target: Path) -> None:
    """Write the catalogue of views; their addresses need not be reachable while it is written."""
    files = {_url(plan, version): version.table for version in found.values()}
    with duck.connect() as con:
        con.register_filesystem(_PublishedFiles(files))
        _create(con, target, plan, found)
        for slug, version in found.items():
            view = f"target.{identifier(version.record['theme'])}.{identifier(slug)}"
            con.execute(f"CREATE VIEW {view} AS FROM read_parquet({literal(_url(plan, version))})")
            _comment(con, "VIEW", view, version)
        con.execute("DETACH target")


def build_serving(lake: Lake, found: dict[str, Version], plan: Plan, target: Path) -> None:
    """Write the native tables; those unchanged since the last release are not copied again."""
    kept = _start_from_last(lake, plan, target)
    with duck.connect() as con:
        _create(con, target, plan, found)
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


def _create(con: DuckDBPyConnection, target: Path, plan: Plan, found: dict[str, Version]) -> None:
    con.execute(f"ATTACH {literal(str(target))} AS target (STORAGE_VERSION 'v1.0.0')")
    for theme in sorted({version.record["theme"] for version in found.values()}):
        con.execute(f"CREATE SCHEMA IF NOT EXISTS target.{identifier(theme)}")
    tables.write(con, "target.catalogue", plan, found)


def _url(plan: Plan, version: Version) -> str:
    return f"{plan.public_url}/files/{version.slug}/{version.number}/{version.table.name}"


def _comment(con: DuckDBPyConnection, kind: str, name: str, version: Version) -> None:
    title = version.record["definition"]["title"]["en"]
    licence = version.record["licence"]["spdx"]
    con.execute(f"COMMENT ON {kind} {name} IS {literal(f'{title} ({licence})')}")


class _PublishedFiles(fsspec.AbstractFileSystem):  # type: ignore[misc]
    """The published files under their public addresses, read from the lake.

    DuckDB binds a view when it is created, which needs the file behind the address; the portal
    that will serve it may not be running yet.
    """

    protocol = ("http", "https")
    cachable = False

    def __init__(self, files: dict[str, Path]) -> None:
        super().__init__()
        self.files = files

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
        return self.files[path].open("rb")
