"""Queries on the published catalogue, for people at a terminal."""

from __future__ import annotations

import csv
import re
import tempfile
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any, TextIO

import duckdb

from moulouya import duck, release, serving
from moulouya.errors import LakeError, UsageError, did_you_mean
from moulouya.release import Release
from moulouya.settings import Settings
from moulouya.storage.lake import Lake, look_into

if TYPE_CHECKING:
    import pyarrow as pa

EVERY_TABLE = "moulouya sql 'SELECT theme, slug, title_en FROM catalogue.datasets' has them all"
# What lists the tables of a database.
ABOUT_ALL = re.compile(r"\s*(SHOW|DESCRIBE)\s*(ALL\s+)?(TABLES|DATABASES|SCHEMAS)?\s*;?\s*$", re.I)
ABOUT_SCHEMA = re.compile(
    r"\binformation_schema\s*\.|\bpg_catalog\s*\.|"
    r"\b(duckdb_(tables|views|columns|schemas|databases)|sqlite_master|pg_tables)\b",
    re.I,
)
WITHOUT_TEXTS = re.compile(r"'(?:[^']|'')*'")
WORD = re.compile(r"[a-z_][a-z0-9_]*")


@dataclass(frozen=True)
class Result:
    """The rows a query gave."""

    table: pa.Table

    @property
    def columns(self) -> list[str]:
        """Names of the columns."""
        return list(self.table.column_names)

    @property
    def total(self) -> int:
        """Number of rows."""
        return int(self.table.num_rows)

    def rows(self, limit: int | None = None) -> list[tuple[Any, ...]]:
        """The rows as tuples, at most ``limit``."""
        part = self.table if limit is None else self.table.slice(0, limit)
        return list(zip(*(column.to_pylist() for column in part.columns), strict=True))

    def to_dicts(self) -> list[dict[str, Any]]:
        """The rows as dicts, for JSON."""
        rows: list[dict[str, Any]] = self.table.to_pylist()
        return rows

    def write_csv(self, file: TextIO) -> None:
        """Write the rows as CSV with a header."""
        writer = csv.writer(file)
        writer.writerow(self.columns)
        writer.writerows(islice(self.rows(), None))


def query(settings: Settings, text: str) -> Result:
    """Run one read-only SELECT on the current release; tables are ``<theme>.<slug>``.

    Only the tables that it names are opened, each after its hash was verified. Raises UsageError
    when there is no release yet, or when the statement is not a SELECT or fails.
    """
    lake = look_into(settings)
    current = release.current(lake, verify=False)
    if current is None:
        raise UsageError("there is no release yet", hint="moulouya run --all")
    _require_one_select(text)
    named = names_in(text)
    with (
        tempfile.TemporaryDirectory(prefix="moulouya-") as spill,
        serving.connect(
            _tables(lake, current, {slug for _, slug in named}),
            _sound(lake, current.path / serving.METADATA, current.manifest["files"]),
            memory_limit=settings.memory_limit,
            threads=settings.threads,
            spill=Path(spill),
        ) as con,
    ):
        try:
            return Result(con.execute(text).to_arrow_table())
        except duckdb.Error as error:
            raise UsageError(str(error), hint=_hint(current, named)) from error


def _require_one_select(text: str) -> None:
    try:
        statements = duckdb.extract_statements(text)
    except duckdb.Error as error:
        raise UsageError(str(error)) from error
    kinds = {statement.type for statement in statements}
    if len(statements) != 1 or not kinds <= {
        duckdb.StatementType.SELECT,
        duckdb.StatementType.EXPLAIN,
    }:
        raise UsageError("only one SELECT at a time", hint="the catalogue is read-only")
    if ABOUT_ALL.match(text) or ABOUT_SCHEMA.search(WITHOUT_TEXTS.sub("", text)):
        raise UsageError(
            "a statement sees only the tables that it names, so that it cannot list them",
            hint=f"{EVERY_TABLE}; FROM catalogue.columns has their columns",
        )


def names_in(text: str) -> set[tuple[str, str]]:
    """The tables that a statement may read, as (schema or nothing, name) in lower case.

    Where DuckDB cannot tell without having them, every word of it is a candidate: a table too many
    is opened in vain, and does no harm.
    """
    with duck.connect(threads=1) as con:
        try:
            found = con.get_table_names(text, qualified=True)
        except duckdb.Error:
            return {("", word) for word in WORD.findall(text.lower())}
    names = set()
    for one in found:
        parts = [
            part.strip('"').lower()
            for part in one.rpartition(" AS ")[0 if " AS " in one else 2].split(".")
        ]
        names.add((parts[-2] if len(parts) > 1 else "", parts[-1]))
    return names


def _tables(lake: Lake, current: Release, slugs: set[str]) -> dict[serving.Table, Path]:
    """The files of the datasets that are named."""
    datasets = current.manifest["datasets"]
    return {
        (datasets[slug]["theme"], slug): _sound(
            lake,
            lake.version(slug, datasets[slug]["version"]) / serving.file_name(slug),
            datasets[slug]["files"],
        )
        for slug in sorted(slugs & datasets.keys())
    }


def _sound(lake: Lake, path: Path, files: list[dict[str, Any]]) -> Path:
    """A committed file on this host, its hash verified."""
    recorded = next((file for file in files if file["name"] == path.name), None)
    if recorded is None:
        raise LakeError(f"{path} is in no record", hint="moulouya verify")
    here = lake.local(path)
    release.require(here, recorded)
    return here


def _hint(current: Release, named: set[tuple[str, str]]) -> str:
    """Where the table is that was meant."""
    datasets = current.manifest["datasets"]
    for schema, name in sorted(named):
        if name in datasets and schema not in ("", datasets[name]["theme"]):
            return f"{name} is in another theme: {datasets[name]['theme']}.{name}"
        if name not in datasets and schema != "catalogue":
            close = did_you_mean(name, datasets).removeprefix("; ")
            if close:
                return close
    return EVERY_TABLE
