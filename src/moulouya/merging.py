"""Deliveries that add to a dataset: new rows replace the published ones of the same key."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from moulouya import duck, tables
from moulouya.duck import columns_of, identifier, literal
from moulouya.settings import Settings
from moulouya.staging import Staged
from moulouya.storage.files import told_plainly
from moulouya.workspace import Dataset


def merge(dataset: Dataset, staged: Staged, published: Path | None, settings: Settings) -> Staged:
    """The published rows with the staged ones merged in by key, in the published layout.

    Of staged rows with one key the last that arrived counts, so that a message which was
    delivered twice is one row.
    """
    target = staged.table.with_name("merged.parquet")
    key = columns_of(dataset.definition.key)
    columns = columns_of(list(dataset.definition.columns))
    arrived = (
        f"SELECT {columns} FROM read_parquet({literal(str(staged.table))}, "
        f"file_row_number = true) QUALIFY row_number() OVER (PARTITION BY {key} "
        "ORDER BY file_row_number DESC) = 1"
    )
    query = arrived
    if published is not None:
        # A key is never missing (staging rejects such rows), so plain equality matches all.
        same = " AND ".join(
            f"old.{identifier(name)} = new.{identifier(name)}" for name in dataset.definition.key
        )
        query = (
            f"WITH new AS MATERIALIZED ({arrived}) SELECT {columns} FROM new UNION ALL "
            f"SELECT {columns} FROM read_parquet({literal(str(published))}) AS old "
            f"WHERE NOT EXISTS (SELECT 1 FROM new WHERE {same})"
        )
    with (
        told_plainly(f"merging into {dataset.slug}"),
        duck.connect(
            memory_limit=settings.memory_limit,
            threads=settings.threads,
            spill=target.parent / "spill",
        ) as con,
    ):
        rows = tables.write_published(con, query, dataset, target)
    return replace(staged, table=target, rows=rows, published_layout=True, arrived=staged.rows)
