"""The catalogue of a release: files that are pure functions of what was committed."""

from __future__ import annotations

from pathlib import Path

from moulouya.catalogue import database, tables
from moulouya.release import Plan
from moulouya.storage.lake import Lake
from moulouya.versions import Version

__all__ = ["build"]


def build(lake: Lake, found: dict[str, Version], plan: Plan, folder: Path) -> None:
    """Write every file of a release's catalogue into ``folder``."""
    described = tables.make(plan, found)
    database.write_parquet(described, folder)
    database.build_catalogue(described, found, plan, folder / "catalogue.duckdb")
    database.build_serving(described, lake, found, plan, folder / "serving.duckdb")
