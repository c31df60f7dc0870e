"""The comparison in SQL finds what a naive one in Python finds, for values of every type."""

from __future__ import annotations

import datetime as dt
import json
import math
from decimal import Decimal
from pathlib import Path
from typing import Any

import duckdb
import pyarrow as pa
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from moulouya import changes, tables
from moulouya.settings import Settings
from moulouya.storage.files import canonical_json
from small_workspace import bare_dataset

SHAPES = ("POINT (1 2)", "POINT (1 3)", "POINT EMPTY", "POLYGON ((0 0, 1 0, 1 1, 0 0))")
MOMENTS = (dt.datetime(2024, 1, 1, tzinfo=dt.UTC), dt.datetime(2024, 1, 1, 0, 0, 1, tzinfo=dt.UTC))
VALUES = st.fixed_dictionaries(
    {
        "n": st.none() | st.sampled_from([0, 1, -1, 2**63 - 1]),
        "x": st.none()
        | st.sampled_from([0.0, -0.0, 1.5, 0.1 + 0.2, 0.3, math.nan, math.inf, -math.inf]),
        "d": st.none() | st.sampled_from([Decimal("0.000"), Decimal("0.001"),
                                          Decimal("123456789012345.678")]),
        "t": st.none() | st.sampled_from(["", "a", "A", "é", "e\u0301", "بركان", "a'b", "x" * 600]),
        "b": st.none() | st.booleans(),
        "day": st.none() | st.sampled_from([dt.date(2024, 2, 29), dt.date(1, 1, 1)]),
        "moment": st.none() | st.sampled_from(MOMENTS),
        "j": st.none() | st.sampled_from(['{"a": 1}', '{"a":1}', "[]", "null"]),
        "g": st.none() | st.sampled_from(SHAPES),
    }
)  # fmt: skip
KEYS = st.tuples(st.sampled_from(["01", "1", "é", "Z", ""]), st.integers(-2, 3))
TABLES = st.dictionaries(KEYS, VALUES, max_size=12)
Table = dict[tuple[str, int], dict[str, Any]]


SCHEMA = pa.schema(
    [
        ("code", pa.string()), ("year", pa.int64()), ("n", pa.int64()), ("x", pa.float64()),
        ("d", pa.decimal128(18, 3)), ("t", pa.string()), ("b", pa.bool_()), ("day", pa.date32()),
        ("moment", pa.timestamp("us", "UTC")), ("j", pa.string()), ("g", pa.string()),
    ]
)  # fmt: skip
DATASET = bare_dataset(
    {
        "code": "text", "year": "integer", "n": "integer", "x": "number", "d": "decimal(18,3)",
        "t": "text", "b": "boolean", "day": "date", "moment": "datetime", "j": "json",
        "g": "geometry",
    },
    ["code", "year"],
)  # fmt: skip
NAMES = SCHEMA.names[2:]


def write(path: Path, table: Table) -> Path:
    """The table as Parquet, sorted by key as published tables are."""
    rows = [{"code": code, "year": year, **row} for (code, year), row in table.items()]
    with duckdb.connect() as con:
        con.execute("SET TimeZone = 'UTC'")
        con.register("rows", pa.Table.from_pylist(rows, SCHEMA))
        tables.write_published(con, "FROM rows", DATASET, path)
    return path


def same(one: Any, other: Any) -> bool:
    """Equal as a reader of figures sees it: NaN is NaN, and zero has no sign."""
    both = isinstance(one, float) and isinstance(other, float)
    if both and math.isnan(one):
        return math.isnan(other)
    return bool(one == other)


def naive(before: Table, after: Table) -> tuple[dict[str, int], dict[str, int], list[Any]]:
    differing = {
        key: [name for name in NAMES if not same(before[key][name], after[key][name])]
        for key in before.keys() & after.keys()
    }
    changed = sorted(
        (key for key, names in differing.items() if names),
        key=lambda key: (key[0].encode(), key[1]),
    )
    values = {
        name: sum(name in differing[key] for key in changed) for name in NAMES
    }  # fmt: skip
    rows = {
        "added": len(after.keys() - before.keys()),
        "removed": len(before.keys() - after.keys()),
        "changed": len(changed),
    }
    return rows, {name: n for name, n in values.items() if n}, [
        (key, sorted(differing[key])) for key in changed
    ]  # fmt: skip


def compared(folder: Path, before: Table, after: Table) -> changes.Changes:
    return changes.compare(
        write(folder / "before.parquet", before), write(folder / "after.parquet", after),
        ["code", "year"], metadata=({}, {}), settings=Settings(), spill=folder / "spill",
    )  # fmt: skip


@pytest.mark.parametrize("cells", [10, changes.CELLS], ids=["in many ranges", "in one"])
@settings(
    max_examples=30,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(before=TABLES, after=TABLES, kept=st.booleans())
def test_it_finds_what_python_finds(tmp_path, monkeypatch, cells, before, after, kept):
    monkeypatch.setattr(changes, "CELLS", cells)
    if kept:  # as most versions are: nearly the same as the one before
        after = {**before, **dict(list(after.items())[:2])}
    found = compared(tmp_path, before, after)
    rows, values, changed = naive(before, after)
    assert found.rows == rows
    assert found.values == values
    sampled = found.sample.get("changed", [])
    assert [
        ((one["key"]["code"], one["key"]["year"]), sorted(one["after"])) for one in sampled
    ] == changed
    assert all(one["before"].keys() == one["after"].keys() for one in sampled)
    kept_json = canonical_json(found.to_json())
    json.loads(kept_json, parse_constant=lambda word: pytest.fail(f"{word} is no JSON"))
    assert compared(tmp_path, before, before).none
