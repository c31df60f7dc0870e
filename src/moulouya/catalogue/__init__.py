"""The catalogue of a release: files that are pure functions of what was committed."""

from __future__ import annotations

from pathlib import Path

from moulouya.catalogue import database, tables
from moulouya.release import Plan

__all__ = ["build"]


def build(plan: Plan, folder: Path) -> None:
    """Write every file of a release's catalogue into ``folder``.

    What the release before says of datasets that did not change is taken over from its files, so
    that a release costs what changed. A damaged file is never a start: then all is made anew.
    """
    described = tables.make(plan)
    tables.write(described, folder)
    database.build_catalogue(described, plan, folder / "catalogue.duckdb")
    database.build_serving(described, folder / "serving.duckdb")
