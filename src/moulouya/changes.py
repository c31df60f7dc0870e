"""What changed between two versions of a dataset: rows by key, columns, metadata."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from duckdb import DuckDBPyConnection

from moulouya import duck
from moulouya.duck import columns_of, identifier, literal, one_row
from moulouya.settings import Settings

SAMPLE = 20


@dataclass(frozen=True)
class Changes:
    """Counts of rows added, removed and changed, with a bounded sample of each.

    ``values`` counts, for each column that changed, the rows of which it has another value.
    """

    rows: dict[str, int]
    columns: dict[str, list[str]]
    sample: dict[str, list[dict[str, Any]]] = field(default_factory=dict)
    values: dict[str, int] = field(default_factory=dict)
    metadata: list[str] = field(default_factory=list)

    @property
    def none(self) -> bool:
        """True when neither a row, a column nor the metadata differs."""
        return not (any(self.rows.values()) or any(self.columns.values()) or self.metadata)

    def to_json(self) -> dict[str, Any]:
        """The changes as changes.json keeps them."""
        return asdict(self)


def compare(
    before: Path,
    after: Path,
    key: list[str],
    *,
    metadata: tuple[dict[str, Any], dict[str, Any]],
    settings: Settings,
    spill: Path,
) -> Changes:
    """Compare two Parquet files by key, in DuckDB's memory limit.

    ``metadata`` holds the two contracts; the names of the parts that differ are reported.
    """
    with duck.connect(
        memory_limit=settings.memory_limit, threads=settings.threads, spill=spill
    ) as con:
        for name, path in (("before", before), ("after", after)):
            con.execute(f"CREATE VIEW {name} AS FROM read_parquet({literal(str(path))})")
        old, new = (_types(con, name) for name in ("before", "after"))
        columns = {
            "added": [name for name in new if name not in old],
            "removed": [name for name in old if name not in new],
            "retyped": [name for name in new if name in old and new[name] != old[name]],
        }
        rows, sample = _rows(con, key, old, new)
        values = _values(con, [name for name in new if name in old]) if rows["changed"] else {}
    return Changes(rows, columns, sample, values, _differing(*metadata))


def _types(con: DuckDBPyConnection, name: str) -> dict[str, str]:
    return {row[0]: row[1] for row in con.execute(f"DESCRIBE {name}").fetchall()}


def _rows(
    con: DuckDBPyConnection, key: list[str], old: dict[str, str], new: dict[str, str]
) -> tuple[dict[str, int], dict[str, list[dict[str, Any]]]]:
    if not all(name in old and name in new for name in key):
        count = {
            name: one_row(con, f"SELECT count(*) FROM {name}")[0] for name in ("before", "after")
        }
        return {"added": count["after"], "removed": count["before"], "changed": 0}, {}
    shared = [name for name in new if name in old and name not in key and new[name] == old[name]]
    differs = " OR ".join(
        f"before.{identifier(name)} IS DISTINCT FROM after.{identifier(name)}" for name in shared
    )
    same_key = " AND ".join(
        f"before.{identifier(name)} IS NOT DISTINCT FROM after.{identifier(name)}" for name in key
    )
    first = identifier(key[0])
    con.execute(
        "CREATE TEMP TABLE differing AS SELECT "
        f"CASE WHEN before.{first} IS NULL THEN 'added' WHEN after.{first} IS NULL "
        f"THEN 'removed' ELSE 'changed' END AS kind, before, after "
        f"FROM before FULL JOIN after ON {same_key} "
        f"WHERE before.{first} IS NULL OR after.{first} IS NULL OR {differs or 'false'}"
    )
    counted = dict(con.execute("SELECT kind, count(*) FROM differing GROUP BY kind").fetchall())
    rows = {kind: int(counted.get(kind, 0)) for kind in ("added", "removed", "changed")}
    return rows, {kind: _sample(con, kind, key) for kind, number in rows.items() if number}


def _values(con: DuckDBPyConnection, shared: list[str]) -> dict[str, int]:
    counts = ", ".join(
        f"count(*) FILTER (before.{identifier(name)} IS DISTINCT FROM after.{identifier(name)})"
        for name in shared
    )
    row = one_row(con, f"SELECT {counts} FROM differing WHERE kind = 'changed'")
    return {name: count for name, count in zip(shared, row, strict=True) if count}


def _sample(con: DuckDBPyConnection, kind: str, key: list[str]) -> list[dict[str, Any]]:
    side = "before" if kind == "removed" else "after"
    order = columns_of(key, f"{side}.")
    found = con.execute(
        "SELECT CAST(to_json(before) AS VARCHAR), CAST(to_json(after) AS VARCHAR) FROM differing "
        f"WHERE kind = {literal(kind)} ORDER BY {order} LIMIT {SAMPLE}"
    ).fetchall()
    pairs = [(json.loads(old or "null"), json.loads(new or "null")) for old, new in found]
    if kind == "added":
        return [new for _, new in pairs]
    if kind == "removed":
        return [old for old, _ in pairs]
    return [
        {
            "key": {name: new[name] for name in key},
            "before": {name: old[name] for name in new if name in old and old[name] != new[name]},
            "after": {name: new[name] for name in new if name in old and old[name] != new[name]},
        }
        for old, new in pairs
    ]


def _differing(before: dict[str, Any], after: dict[str, Any]) -> list[str]:
    return sorted(name for name in {*before, *after} if before.get(name) != after.get(name))
