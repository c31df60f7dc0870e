"""Queries on the published catalogue, for people at a terminal."""

from __future__ import annotations

import csv
from dataclasses import dataclass
from itertools import islice
from typing import TYPE_CHECKING, Any, TextIO

import duckdb

from moulouya import duck, release
from moulouya.errors import UsageError
from moulouya.settings import Settings
from moulouya.storage.lake import look_into

if TYPE_CHECKING:
    import pyarrow as pa


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

    Raises UsageError when there is no release yet, or when the statement is not a SELECT or
    fails.
    """
    current = release.current(look_into(settings.lake_root), verify=False)
    if current is None:
        raise UsageError("there is no release yet", hint="moulouya run --all")
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
    with duck.connect(
        current.path / "serving.duckdb",
        read_only=True,
        memory_limit=settings.memory_limit,
        threads=settings.threads,
    ) as con:
        themes = sorted({entry["theme"] for entry in current.manifest["datasets"].values()})
        con.execute(f"SET search_path = {duck.literal(','.join(['main', *themes, 'catalogue']))}")
        con.execute("SET enable_external_access = false")
        con.execute("SET lock_configuration = true")
        try:
            return Result(con.execute(text).to_arrow_table())
        except duckdb.Error as error:
            raise UsageError(
                str(error),
                hint="moulouya sql 'SELECT slug, theme, title_en FROM catalogue.datasets'",
            ) from error
