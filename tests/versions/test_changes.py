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


@pytest.mark.parametrize("value", ["'nan'::DOUBLE", "'inf'::DOUBLE", "'-inf'::DOUBLE"])
def test_what_is_no_number_in_json_is_shown_as_text(changes, value):
    found = changes("SELECT 'a' AS code, 1.5::DOUBLE AS x", f"SELECT 'a' AS code, {value} AS x")
    (shown,) = found.sample["changed"]
    assert (shown["before"], shown["after"]) == ({"x": 1.5}, {"x": value.split("'")[1]})


def test_zero_has_no_sign_also_in_a_key(changes):
    query = "SELECT 0.0::DOUBLE AS code, 0.0::DOUBLE AS x"
    assert changes(query, query.replace("0.0", "'-0.0'")).none


def test_a_decimal_is_shown_exactly(changes):
    small = "SELECT 'a' AS code, 9.8::DECIMAL(5,1) AS x"
    found = changes(small, small.replace("9.8", "10.0"))
    assert found.sample["changed"][0]["after"] == {"x": 10}
    long = "SELECT 'a' AS code, 12345678901234567.89::DECIMAL(38,2) AS x"
    found = changes(long, long.replace(".89", ".88"))
    assert found.sample["changed"][0]["after"] == {"x": "12345678901234567.88"}


def test_long_texts_are_cut_in_the_sample(changes):
    found = changes("SELECT 'a' AS code, 'x' AS t", "SELECT 'a' AS code, repeat('y', 9000) AS t")
    assert found.sample["changed"][0]["after"] == {"t": "y" * 500 + "…"}


def test_a_value_of_another_type_does_not_stop_the_comparison(changes):
    before = "SELECT code, people, name FROM (" + values("('1', 'a', 10)", "('2', 'b', 1)") + ")"
    after = "SELECT * FROM (VALUES ('1', 'many', 'a'), ('2', 'few', 'c')) t(code, people, name)"
    found = changes(before, after)
    assert found.columns["retyped"] == ["people"]
    assert (found.rows["changed"], found.values) == (1, {"name": 1})
    assert found.sample["changed"] == [
        {"key": {"code": "2"}, "before": {"name": "b"}, "after": {"name": "c"}}
    ]


def test_a_key_of_another_type_is_matched_by_its_text(changes):
    before = "SELECT range AS code, range AS n FROM range(3)"
    after = "SELECT range::VARCHAR AS code, range AS n FROM range(1, 4)"
    found = changes(before, after)
    assert found.rows == {"added": 1, "removed": 1, "changed": 0}
    assert found.columns["retyped"] == ["code"]
    assert changes(before, "SELECT 'x' AS code, 1 AS n").rows["removed"] == 3


def test_a_key_that_the_older_rows_do_not_have_counts_every_row_as_new(changes):
    before = "SELECT range % 2 AS code, range AS year FROM range(4)"
    after = "SELECT range AS code, range AS year FROM range(2)"
    found = changes(before, after, ["code"], old={"key": ["code", "year"]})
    assert found.rows == {"added": 2, "removed": 4, "changed": 0}
    found = changes(after, after, ["code"], old={"key": ["code", "year"]}, new={"key": ["code"]})
    assert (found.rows["added"], found.metadata) == (0, ["key"])


def test_no_column_name_is_in_the_way(changes):
    names = ("code", "k0", "kind", "key", "before", "after", "counted", "wanted", "differing")
    query = "SELECT " + ", ".join(f"'{name}' AS \"{name}\"" for name in names)
    found = changes(query, query.replace("'kind'", "'other'"), ["code", "key"])
    assert found.sample["changed"] == [
        {"key": {"code": "code", "key": "key"}, "before": {"kind": "kind"},
         "after": {"kind": "other"}}
    ]  # fmt: skip


def test_a_table_in_many_ranges_is_compared_as_one(changes, monkeypatch):
    monkeypatch.setattr("moulouya.changes.CELLS", 300)
    rows = (
        "SELECT 'c' || lpad((range // 7)::VARCHAR, 5, '0') AS code, range % 7 AS year, "
        "range AS n FROM range({}, {}) ORDER BY code, year"
    )
    after = rows.replace("range AS n", "range + (range % 100 = 3)::INT AS n")
    found = changes(rows.format(10, 5000), after.format(0, 4900), ["code", "year"])
    assert found.rows == {"added": 10, "removed": 100, "changed": 48}
    assert found.values == {"n": 48}
    assert [row["n"] for row in found.sample["added"]] == [0, 1, 2, 4, 4, 5, 6, 7, 8, 9]
    assert [row["n"] for row in found.sample["removed"]] == list(range(4900, 4920))
    assert [one["after"]["n"] for one in found.sample["changed"]] == [
        104 + 100 * number for number in range(20)
    ]


def test_geometry_and_nan_are_compared_by_value(changes):
    query = "SELECT 'a' AS code, 'POINT(1 2)'::GEOMETRY AS g, 'nan'::DOUBLE AS x"
    assert changes(query, query).none
    assert changes(query, query.replace("1 2", "1 3")).rows["changed"] == 1
