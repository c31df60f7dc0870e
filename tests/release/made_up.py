"""Versions that were never published: a record and nothing else, quick to make in numbers."""

from __future__ import annotations

import json
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from moulouya.catalogue.tables import file_name
from moulouya.release import Plan
from moulouya.storage.lake import Lake


def version(lake: Lake, slug: str, inputs: dict[str, int] | None = None) -> int:
    """Commit one more version of a dataset; returns its number."""
    while True:
        number = lake.free(lake.versions(slug))
        scratch = lake.scratch(f"{slug}-{number}-made-up")
        scratch.mkdir(parents=True)
        record = {
            "format": 1, "slug": slug, "theme": "places", "version": number, "rows": number,
            "run_id": f"{slug}-{number}", "files": [], "inputs": inputs or {}, "snapshots": [],
        }  # fmt: skip
        (scratch / "version.json").write_text(json.dumps(record))
        if lake.commit(scratch, lake.version(slug, number), "version.json"):
            return number


def build(plan: Plan, folder: Path) -> None:
    """A catalogue of one table, which says what every dataset was made from."""
    columns: dict[str, list[object]] = {
        name: [] for name in ("slug", "version", "input", "input_version")
    }
    pq.write_table(pa.table(columns), folder / file_name("inputs"))
    (folder / "said.json").write_text(json.dumps(plan.datasets))
