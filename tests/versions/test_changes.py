"""What changed between two versions: rows by key, columns, metadata."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import duckdb
import pytest

from moulouya.changes import Changes, compare
from moulouya.settings import Settings


@pytest.fixture
def changes(tmp_path: Path) -> Callable[..., Changes]:
    def call(before: str, after: str, key: list[str] | None = None, **metadata: Any) -> Changes:
        with duckdb.connect() as con:
            for name, query in (("before", before), ("after", after)):
                con.execute(f"COPY ({query}) TO '{tmp_path}/{name}.parquet' (FORMAT parquet)")
        return compare(
            tmp_path / "before.parquet", tmp_path / "after.parquet", key or ["code"],
            metadata=(metadata.get("old", {}), metadata.get("new", {})),
            settings=Settings(), spill=tmp_path / "spill",
        )  # fmt: skip

    return call


def values(*rows: str) -> str:
    return f"SELECT * FROM (VALUES {', '.join(rows)}) t(code, name, people)"


OLD = values("('1', 'a', 10)", "('2', 'b', 20)", "('3', NULL, NULL)")


def test_the_same_rows_in_another_order_are_no_change(changes):
    found = changes(OLD, f"FROM ({OLD}) ORDER BY code DESC")
    assert found.none
    assert found.rows == {"added": 0, "removed": 0, "changed": 0}
    assert found.sample == {}


def test_rows_are_added_removed_and_changed_by_key(changes):
    found = changes(OLD, values("('1', 'a', 11)", "('3', NULL, NULL)", "('4', 'd', 40)"))
    assert found.rows == {"added": 1, "removed": 1, "changed": 1}
    assert found.sample == {
        "added": [{"code": "4", "name": "d", "people": 40}],
        "removed": [{"code": "2", "name": "b", "people": 20}],
        "changed": [{"key": {"code": "1"}, "before": {"people": 10}, "after": {"people": 11}}],
    }
    assert not found.none


@pytest.mark.parametrize(
    ("before", "after"),
    [("('1', NULL::VARCHAR, 1)", "('1', 'x', 1)"), ("('1', 'x', 1)", "('1', NULL::VARCHAR, 1)")],
)
def test_a_value_that_appears_or_vanishes_is_a_change(changes, before, after):
    assert changes(values(before), values(after)).rows["changed"] == 1


def test_a_key_of_several_columns_is_compared_whole(changes):
    found = changes(OLD, values("('1', 'a', 11)", "('2', 'x', 20)", "('3', NULL, NULL)"),
                    ["code", "name"])  # fmt: skip
    assert found.rows == {"added": 1, "removed": 1, "changed": 1}


def test_columns_come_go_and_change_their_type(changes):
    found = changes(OLD, "SELECT code, people::DOUBLE AS people, 1 AS more FROM (" + OLD + ")")
    assert found.columns == {"added": ["more"], "removed": ["name"], "retyped": ["people"]}
    assert found.rows["changed"] == 0
    assert not found.none


def test_another_key_counts_every_row_as_new(changes):
    found = changes("SELECT 1 AS id", "SELECT 'a' AS code UNION ALL SELECT 'b'")
    assert found.rows == {"added": 2, "removed": 1, "changed": 0}


def test_parts_of_the_contract_that_differ_are_named(changes):
    found = changes(OLD, OLD, old={"title": 1, "licence": 2, "sdg": 3},
                    new={"title": 1, "licence": 5, "unit": 1})  # fmt: skip
    assert found.metadata == ["licence", "sdg", "unit"]
    assert not found.none


def test_the_sample_is_bounded_and_in_order_of_the_key(changes):
    rows = "SELECT range::VARCHAR AS code, 1 AS n FROM range(100, 200)"
    found = changes("SELECT '0' AS code, 1 AS n", rows)
    assert found.rows == {"added": 100, "removed": 1, "changed": 0}
    assert [row["code"] for row in found.sample["added"]] == [str(n) for n in range(100, 120)]


def test_from_nothing_and_to_nothing(changes):
    empty = f"FROM ({OLD}) WHERE false"
    assert changes(empty, OLD).rows == {"added": 3, "removed": 0, "changed": 0}
    assert changes(OLD, empty).rows == {"added": 0, "removed": 3, "changed": 0}


def test_geometry_and_nan_are_compared_by_value(changes):
    query = "SELECT 'a' AS code, 'POINT(1 2)'::GEOMETRY AS g, 'nan'::DOUBLE AS x"
    assert changes(query, query).none
    assert changes(query, query.replace("1 2", "1 3")).rows["changed"] == 1
