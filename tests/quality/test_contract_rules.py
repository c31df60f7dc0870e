"""Each rule of a contract passes on sound rows and names the rows that break it."""

# ruff: noqa: E501
from __future__ import annotations

from typing import Any

import pytest

from moulouya.errors import DataError, DefinitionError

from .conftest import only

CODE = {"code": {"type": "text"}}
CASES = [
    pytest.param(
        {"type": "integer", "required": True}, "1", "NULL::BIGINT",
        "expect_column_values_to_not_be_null", "v: 1 of 3 values has no value", None, id="required",
    ),
    pytest.param(
        {"type": "text", "pattern": r"^\d{2}\.[٠-٩]+$"}, "'02.٣'", "'02.3'",
        "expect_column_values_to_match_regex",
        r"v: 1 of 3 values does not match ^\d{2}\.[٠-٩]+$", "02.3", id="pattern",
    ),
    pytest.param(
        {"type": "integer", "pattern": r"^\d{3}$"}, "123::BIGINT", "1234::BIGINT",
        "expect_column_values_to_match_regex",
        r"v: 1 of 3 values does not match ^\d{3}$", 1234, id="pattern of a number",
    ),
    pytest.param(
        {"type": "integer", "range": [0, 5000000]}, "0::BIGINT", "-4::BIGINT",
        "expect_column_values_to_be_between",
        "v: 1 of 3 values is not between 0 and 5000000", -4, id="range",
    ),
    pytest.param(
        {"type": "decimal(10,2)", "range": [None, 99.99]}, "99.99::DECIMAL(10,2)",
        "100::DECIMAL(10,2)", "expect_column_values_to_be_between",
        "v: 1 of 3 values is not at most 99.99", "100.00", id="range of decimals",
    ),
    pytest.param(
        {"type": "date", "range": ["2020-01-01", None]}, "DATE '2020-01-01'", "DATE '2019-12-31'",
        "expect_column_values_to_be_between",
        "v: 1 of 3 values is not at least 2020-01-01", "2019-12-31", id="range of dates",
    ),
    pytest.param(
        {"type": "datetime", "range": ["2020-01-01T12:00:00Z", None]},
        "TIMESTAMPTZ '2020-01-01 12:00:00Z'", "TIMESTAMPTZ '2020-01-01 11:59:59Z'",
        "expect_column_values_to_be_between",
        "v: 1 of 3 values is not at least 2020-01-01T12:00:00+00:00",
        "2020-01-01T11:59:59+00:00", id="range of times",
    ),
    pytest.param(
        {"type": "text", "values": {"بلدية": {"ar": "a", "fr": "a", "en": "a"}}}, "'بلدية'", "'قيادة'",
        "expect_column_values_to_be_in_set", "v: 1 of 3 values is none of بلدية", "قيادة",
        id="values",
    ),
    pytest.param(
        {"type": "integer", "values": {"1": {"ar": "a", "fr": "a", "en": "a"}}},
        "1::BIGINT", "2::BIGINT", "expect_column_values_to_be_in_set",
        "v: 1 of 3 values is none of 1", 2, id="values of numbers",
    ),
]  # fmt: skip


@pytest.mark.parametrize(("column", "good", "bad", "type_", "message", "value"), CASES)
def test_a_rule_about_values(
    run: Any, column: Any, good: Any, bad: Any, type_: Any, message: Any, value: Any
) -> None:
    columns = {**CODE, "v": column}
    sound = only(run(_rows(good, good), columns), type_, "v")
    assert (sound.success, sound.unexpected_count, sound.rows) == (True, 0, ())
    broken = only(run(_rows(good, bad), columns), type_, "v")
    assert not broken.success
    assert (broken.severity, broken.source) == ("critical", "contract")
    assert (broken.unexpected_count, round(broken.unexpected_percent or 0)) == (1, 33)
    assert broken.message == message
    assert broken.rows == ({"code": "c2", "v": value},)


def _rows(good: str, last: str) -> str:
    return (
        f"SELECT 'c' || i AS code, CASE WHEN i = 2 THEN {last} ELSE {good} END AS v "
        "FROM range(3) r(i)"
    )


def test_empty_values_break_no_rule_but_required(run: Any) -> None:
    every = {"type": "integer", "range": [0, 9], "pattern": "^x$", "unique": True}
    found = run(
        "SELECT 'a' AS code, NULL::BIGINT AS v UNION ALL SELECT 'b', NULL", {**CODE, "v": every}
    )
    assert found.success
    assert found.rows == 2


def test_a_key_has_no_empty_and_no_repeated_values(run: Any) -> None:
    query = "SELECT unnest(['a', 'b', 'a', NULL, NULL]) AS code, 'x' AS v"
    found = run(query, {**CODE, "v": {"type": "text"}})
    assert only(found, "expect_column_values_to_not_be_null", "code").unexpected_count == 2
    unique = only(found, "expect_column_values_to_be_unique", "code")
    assert unique.unexpected_count == 2
    assert unique.rows == ({"code": "a"}, {"code": "a"})
    assert unique.message == "code: 2 of 3 values occur more than once"


@pytest.mark.parametrize("order", ["code, year", "hash(code || year)"])
def test_a_compound_key_is_unique_as_a_whole(run: Any, order: str) -> None:
    columns = {"code": {"type": "text"}, "year": {"type": "integer"}}
    query = f"SELECT 'c' || (i // 10) AS code, i % 10 AS year FROM range(100) r(i) ORDER BY {order}"
    sound = only(run(query, columns, ["code", "year"]), "expect_compound_columns_to_be_unique")
    assert sound.success
    twice = f"({query}) UNION ALL SELECT 'c3', 7"
    broken = only(run(twice, columns, ["code", "year"]), "expect_compound_columns_to_be_unique")
    assert broken.unexpected_count == 2
    assert broken.rows == ({"code": "c3", "year": 7}, {"code": "c3", "year": 7})
    assert broken.message == "2 of 101 rows have the same code, year as another row"


def test_empty_parts_of_a_compound_key_are_equal(run: Any) -> None:
    columns = {"code": {"type": "text"}, "year": {"type": "integer"}}
    query = "SELECT unnest(['a', 'a', 'b']) AS code, unnest([NULL, NULL, 1::BIGINT]) AS year"
    check = only(run(query, columns, ["code", "year"]), "expect_compound_columns_to_be_unique")
    assert check.unexpected_count == 2
    assert check.rows == ({"code": "a", "year": None}, {"code": "a", "year": None})


def test_a_unique_column_names_rows_by_key(run: Any) -> None:
    columns = {**CODE, "v": {"type": "text", "unique": True}}
    found = run("SELECT 'c' || i AS code, 'v' || (i % 3) AS v FROM range(4) r(i)", columns)
    unique = only(found, "expect_column_values_to_be_unique", "v")
    assert unique.rows == ({"v": "v0", "code": "c0"}, {"v": "v0", "code": "c3"})


def test_rows_have_a_lower_and_an_upper_bound(run: Any) -> None:
    query = "SELECT 'c' || i AS code FROM range(5) r(i)"
    assert run(query, CODE, rows={"at_least": 5, "at_most": 5}).success
    for bounds, message in (
        ({"at_least": 6}, "the table has 5 rows, expected at least 6"),
        ({"at_least": 1, "at_most": 4}, "the table has 5 rows, expected between 1 and 4"),
    ):
        found = only(run(query, CODE, rows=bounds), "expect_table_row_count_to_be_between")
        assert (found.success, found.observed, found.message) == (False, 5, message)


def test_an_empty_table_fails_by_its_rows_only(run: Any) -> None:
    columns = {**CODE, "v": {"type": "integer", "required": True, "range": [0, 1]}}
    found = run("SELECT 'a' AS code, 1::BIGINT AS v WHERE false", columns)
    assert [check.type for check in found.failed] == ["expect_table_row_count_to_be_between"]


def test_columns_are_those_announced_in_their_order(run: Any) -> None:
    columns = {**CODE, "v": {"type": "text"}}
    kind = "expect_table_columns_to_match_ordered_list"
    assert only(run("SELECT 'a' AS code, 'x' AS v", columns), kind).success
    for query, message in (
        ("SELECT 'x' AS v, 'a' AS code", "the columns stand in another order: v, code"),
        ("SELECT 'a' AS code", "columns missing: v"),
        ("SELECT 'a' AS code, 'x' AS v, 1 AS w", "columns that were not announced: w"),
    ):
        found = only(run(query, columns), kind)
        assert (found.success, found.message) == (False, message)


def test_a_column_has_the_announced_type(run: Any) -> None:
    columns = {
        "code": {"type": "text"}, "i": {"type": "integer"}, "n": {"type": "number"},
        "d": {"type": "decimal(10,2)"}, "b": {"type": "boolean"}, "day": {"type": "date"},
        "t": {"type": "datetime"}, "j": {"type": "json"}, "g": {"type": "geometry"},
    }  # fmt: skip
    query = (
        "SELECT 'a' AS code, 1::BIGINT AS i, 1.5::DOUBLE AS n, 1::DECIMAL(10,2) AS d, true AS b, "
        "DATE '2020-01-01' AS day, TIMESTAMPTZ '2020-01-01' AS t, '{}'::JSON AS j, "
        "'POINT(1 2)'::GEOMETRY AS g"
    )
    assert run(query, columns).success
    wrong = query.replace("::BIGINT", "::INTEGER").replace("(10,2)", "(10,3)")
    found = only(run(wrong, columns), "expect_table_columns_to_have_types")
    assert not found.success
    assert found.message == (
        "wrong types: i is INTEGER instead of BIGINT; d is DECIMAL(10,3) instead of DECIMAL(10,2)"
    )


def test_shapes_and_json_can_be_required_and_shown(run: Any) -> None:
    columns = {
        **CODE,
        "g": {"type": "geometry", "required": True},
        "j": {"type": "json", "pattern": "^\\["},
    }
    query = (
        "SELECT 'c' || i AS code, CASE WHEN i > 0 THEN 'POINT(1 2)'::GEOMETRY END AS g, "
        "'{\"a\": 1}'::JSON AS j FROM range(3) r(i)"
    )
    found = run(query, columns)
    assert only(found, "expect_column_values_to_not_be_null", "g").rows == (
        {"code": "c0", "g": None},
    )
    assert only(found, "expect_column_values_to_match_regex", "j").rows[0]["j"] == '{"a": 1}'


def test_a_reference_is_found_in_the_other_table(run: Any, table: Any) -> None:
    columns = {**CODE, "province": {"type": "text", "references": "provinces.code"}}
    other = table("SELECT unnest(['p1', 'p2', NULL]) AS code", "provinces")
    query = (
        "SELECT 'c' || i AS code, [NULL, 'p1', 'p2', 'p9'][i + 1] AS province FROM range(4) r(i)"
    )
    found = run(query, columns, inputs={"provinces": other})
    check = only(found, "expect_column_values_to_be_found_in_table", "province")
    assert check.message == "province: 1 of 3 values is not found in provinces.code"
    assert check.rows == ({"code": "c3", "province": "p9"},)
    assert check.severity == "critical"


def test_a_table_can_refer_to_itself(run: Any) -> None:
    columns = {**CODE, "parent": {"type": "text", "references": "communes.code"}}
    query = "SELECT 'c' || i AS code, CASE i WHEN 0 THEN NULL WHEN 3 THEN 'c9' ELSE 'c0' END AS parent FROM range(4) r(i)"
    check = only(run(query, columns), "expect_column_values_to_be_found_in_table", "parent")
    assert check.rows == ({"code": "c3", "parent": "c9"},)


def test_a_reference_to_an_absent_table_is_told_and_does_not_fail(run: Any) -> None:
    columns = {**CODE, "province": {"type": "text", "references": "provinces.code"}}
    found = run("SELECT 'a' AS code, 'p1' AS province", columns)
    check = only(found, "expect_column_values_to_be_found_in_table", "province")
    assert (check.success, check.severity) == (True, "info")
    assert check.message == (
        "province: not checked against provinces.code, as provinces is not published"
    )
    assert found.success
    assert not found.warnings


def test_before_the_transform_only_staged_columns_and_required_values_count(run: Any) -> None:
    columns = {
        "code": {"type": "text", "required": True, "pattern": "^x$"},
        "share": {"type": "number", "computed": True, "range": [0, 1]},
    }
    source = {
        "kind": "file",
        "path": "x.csv",
        "format": "csv",
        "columns": {"raw": {"type": "text"}},
    }
    query = "SELECT unnest(['a', NULL]) AS code, 'x' AS raw, 1 AS _line"
    found = run(query, columns, moment="incoming", source=source)
    assert [check.type for check in found.failed] == ["expect_column_values_to_not_be_null"]
    assert found.failed[0].moment == "incoming"
    assert only(found, "expect_table_columns_to_match_set").success
    missing = run("SELECT 'a' AS code", columns, moment="incoming", source=source)
    assert missing.failed[0].message == "columns missing: raw"
    empty = run(
        "SELECT 'a' AS code, 'x' AS raw WHERE false", columns, moment="incoming", source=source
    )
    assert not empty.success


def test_broken_rules_are_raised_in_plain_words_with_at_most_five_rows(run: Any) -> None:
    columns = {
        "commune_code": {"type": "text"},
        "population": {"type": "integer", "range": [0, 5000000]},
    }
    query = "SELECT printf('02.%03d', i) AS commune_code, i - 20 AS population FROM range(124) r(i)"
    with pytest.raises(DataError) as raised:
        run(query, columns).raise_for_critical()
    rows = "; ".join(f"commune_code=02.{i:03} population={i - 20}" for i in range(5))
    assert raised.value.message == (
        f"population: 20 of 124 values are not between 0 and 5000000: {rows}; …"
    )
    assert raised.value.hint
    assert len(run(query, columns).failed[0].rows) == 10
    run("SELECT '02.001' AS commune_code, 1::BIGINT AS population", columns).raise_for_critical()


def test_a_range_of_texts_is_a_wrong_definition(run: Any) -> None:
    with pytest.raises(DefinitionError, match="a text has no range"):
        run("SELECT 'a' AS code", {"code": {"type": "text", "range": ["a", "b"]}})
