"""A table written from Python values, and what the privacy gate finds in it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from moulouya.privacy import Finding, find
from moulouya.settings import Settings
from small_workspace import bare_dataset, text

Find = Callable[..., tuple[Finding, ...]]


@pytest.fixture
def findings(tmp_path: Path) -> Find:
    """Find in columns of values: ``findings(col=["…"], row_is="one person")``."""

    def call(
        row_is: str = "one record",
        titles: dict[str, str] | None = None,
        sources: dict[str, str] | None = None,
        **columns: list[Any],
    ) -> tuple[Finding, ...]:
        described = {
            name: {
                "type": "text",
                "title": {"ar": "عمود", "fr": (titles or {}).get(name, name), "en": name},
                "from": (sources or {}).get(name, name),
            }
            for name in columns
        }
        words = {"ar": "سطر", "fr": "écriture", "en": row_is}
        dataset = bare_dataset(described, [next(iter(columns))], row_is=words, title=text("Table"))
        path = tmp_path / "table.parquet"
        pq.write_table(pa.table(columns), path)
        return find(path, dataset, Settings(threads=1))

    return call


@pytest.fixture
def blocked(findings: Find) -> Callable[..., set[tuple[str, str]]]:
    """The columns and kinds that block in columns of values."""

    def call(*args: Any, **columns: Any) -> set[tuple[str, str]]:
        found = findings(*args, **columns)
        return {(one.column, one.kind) for one in found if one.blocking}

    return call
