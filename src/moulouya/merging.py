"""Deliveries that add to a dataset: new rows replace the published ones of the same key.

A row stays as the newest data interval had it: a delivery about an earlier time fills the gaps that
later ones left, and overwrites none of their rows unless it restates. For that ``origins.parquet``
beside the table says of each row by which delivery it came; it is written once a delivery has an
interval. Between rows that have none the sequence decides, as in ``order``.
"""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
from duckdb import DuckDBPyConnection

from moulouya import duck, tables
from moulouya.duck import columns_of, identifier, literal
from moulouya.settings import Settings
from moulouya.staging import Staged
from moulouya.storage.files import told_plainly
from moulouya.workspace import Dataset

ORIGINS = "origins.parquet"
ORIGIN = "_snapshot, _retrieved, _until"


@dataclass(frozen=True)
class Origin:
    """The delivery by which rows come: its number, when it came, until when its data go."""

    snapshot: int
    retrieved: dt.datetime
    until: dt.datetime | None

    def to_json(self) -> dict[str, Any]:
        """The same as a note of a run keeps it."""
        until = self.until.isoformat() if self.until else None
        return {"snapshot": self.snapshot, "retrieved": self.retrieved.isoformat(), "until": until}

    @classmethod
    def of(cls, record: dict[str, Any]) -> Origin:
        """The origin that a note tells of."""
        until = record["until"]
        return cls(
            record["snapshot"],
            dt.datetime.fromisoformat(record["retrieved"]),
            dt.datetime.fromisoformat(until) if until else None,
        )

    @property
    def columns(self) -> str:
        """The same as columns of a SELECT."""
        until = f"{literal(self.until.isoformat())}::TIMESTAMPTZ" if self.until else "NULL"
        return (
            f"{self.snapshot}::BIGINT AS _snapshot, "
            f"{literal(self.retrieved.isoformat())}::TIMESTAMPTZ AS _retrieved, "
            f"{until}::TIMESTAMPTZ AS _until"
        )


@dataclass(frozen=True)
class Base:
    """What rows are merged into: a table, and where its rows came from.

    ``origin`` is that of all of them where there is no file of ``origins``; ``confirmed`` is a
    delivery that a newer interval gave once more.
    """

    table: Path
    origins: Path | None
    origin: Origin
    confirmed: Origin | None = None


def merge(
    dataset: Dataset,
    staged: Staged,
    base: Base | None,
    settings: Settings,
    *,
    origin: Origin,
    restate: bool = False,
) -> Staged:
    """The published rows with the staged ones merged in by key, in the published layout.

    Of staged rows with one key the last that arrived counts, so that a message which was
    delivered twice is one row. ``origins.parquet`` is written beside the table, where it is needed.
    """
    target = staged.table.with_name("merged.parquet")
    origins = target.with_name(ORIGINS)
    key = columns_of(dataset.definition.key)
    columns = columns_of(list(dataset.definition.columns))
    with (
        told_plainly(f"merging into {dataset.slug}"),
        duck.connect(
            memory_limit=settings.memory_limit,
            threads=settings.threads,
            spill=target.parent / "spill",
        ) as con,
    ):
        con.execute(
            f"CREATE TEMP TABLE arrived AS SELECT {columns}, {origin.columns} FROM "
            f"read_parquet({literal(str(staged.table))}, file_row_number = true) QUALIFY "
            f"row_number() OVER (PARTITION BY {key} ORDER BY file_row_number DESC) = 1"
        )
        query = "FROM arrived"
        if base is not None:
            _view(con, dataset, base)
            query = _merged(dataset, origin, restate)
        follows = base is not None and base.origins is not None
        if origin.until is not None or follows:
            written = origins.with_suffix(".new")
            con.execute(
                f"COPY (SELECT {key}, {ORIGIN} FROM ({query}) ORDER BY {key}) "
                f"TO {literal(str(written))} ({tables.LAYOUT})"
            )
            written.replace(origins)
        else:
            origins.unlink(missing_ok=True)
        written = target.with_suffix(".new")
        rows = tables.write_published(con, f"SELECT {columns} FROM ({query})", dataset, written)
        written.replace(target)
    return replace(staged, table=target, rows=rows, published_layout=True, arrived=staged.rows)


def _view(con: DuckDBPyConnection, dataset: Dataset, base: Base) -> None:
    """The rows there are as ``old``, each with its origin."""
    table = f"read_parquet({literal(str(base.table))})"
    key = dataset.definition.key
    if base.origins is None or not {*key} <= {*pq.read_schema(base.origins).names}:
        con.execute(f"CREATE TEMP VIEW old AS SELECT *, {base.origin.columns} FROM {table}")
        return
    until = "_until"
    if base.confirmed is not None and base.confirmed.until is not None:
        again = literal(base.confirmed.until.isoformat())
        until = (
            f"CASE WHEN _snapshot = {base.confirmed.snapshot} "
            f"THEN greatest(_until, {again}::TIMESTAMPTZ) ELSE _until END"
        )
    con.execute(
        f"CREATE TEMP VIEW old AS SELECT * REPLACE ({until} AS _until) FROM {table} AS rows JOIN "
        f"read_parquet({literal(str(base.origins))}) AS origins USING ({columns_of(key)})"
    )


def _merged(dataset: Dataset, origin: Origin, restate: bool) -> str:
    """The rows that stay and those that are taken, each with its origin."""
    columns = f"{columns_of(list(dataset.definition.columns))}, {ORIGIN}"
    # A key is never missing (staging rejects such rows), so plain equality matches all.
    same = " AND ".join(
        f"old.{identifier(name)} = arrived.{identifier(name)}" for name in dataset.definition.key
    )
    newer = "false"
    if origin.until is not None and not restate:
        until = f"{literal(origin.until.isoformat())}::TIMESTAMPTZ"
        came = f"{literal(origin.retrieved.isoformat())}::TIMESTAMPTZ"
        newer = (
            f"coalesce(old._until > {until}, old._retrieved > {until} AND old._retrieved <= {came})"
        )
    return (
        f"SELECT {columns} FROM arrived WHERE NOT EXISTS "
        f"(SELECT 1 FROM old WHERE {same} AND {newer}) UNION ALL "
        f"SELECT {columns} FROM old WHERE {newer} OR NOT EXISTS "
        f"(SELECT 1 FROM arrived WHERE {same})"
    )
