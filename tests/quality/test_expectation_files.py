"""Expectations of a file: their severities, moments and reasons, and faults in them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from great_expectations.expectations.registry import list_registered_expectation_implementations

from moulouya import duck
from moulouya.errors import DataError, DefinitionError
from moulouya.expectations import EXPECTATION_TYPES
from moulouya.quality import running, validation
from moulouya.quality.suite import Rule, compile_suite

from .conftest import only

COLUMNS = {"code": {"type": "text"}, "v": {"type": "integer"}}
QUERY = "SELECT 'c' || i AS code, i AS v FROM range(10) r(i)"


@pytest.fixture
def written(tmp_path: Path) -> Any:
    def write(text: str) -> Path:
        path = tmp_path / "communes.yml"
        path.write_text(text, encoding="utf-8")
        return path

    return write


def test_only_critical_expectations_stop_a_publication(run: Any, written: Any) -> None:
    for severity, stops in (("critical", True), ("warning", False), ("info", False)):
        path = written(f"""
expectations:
  - type: expect_column_values_to_be_between
    kwargs: {{column: v, max_value: 6}}
    severity: {severity}
    meta: {{reason: "seven is a lot"}}
""")
        found = run(QUERY, COLUMNS, expectations=path)
        check = only(found, "expect_column_values_to_be_between", "v")
        assert (check.severity, check.source, check.reason) == (
            severity,
            "expectations",
            "seven is a lot",
        )
        assert (check.success, check.unexpected_count) == (False, 3)
        assert found.success is not stops
        assert bool(found.warnings) is not stops
        if stops:
            with pytest.raises(DataError):
                found.raise_for_critical()
        else:
            found.raise_for_critical()


def test_an_expectation_is_checked_at_its_moment(run: Any, written: Any) -> None:
    path = written("""
expectations:
  - type: expect_column_max_to_be_between
    kwargs: {column: v, max_value: 5}
    meta: {moment: incoming}
  - type: expect_column_min_to_be_between
    kwargs: {column: v, min_value: 0}
""")
    sql = path.with_suffix(".sql")
    incoming = run(QUERY, COLUMNS, expectations=path, transform=sql, moment="incoming")
    assert only(incoming, "expect_column_max_to_be_between", "v").observed == 9
    assert incoming.failed[0].message == (
        "v: expect_column_max_to_be_between(max_value=5) observed 9, which breaks the rule"
    )
    outgoing = run(QUERY, COLUMNS, expectations=path, transform=sql)
    assert only(outgoing, "expect_column_min_to_be_between", "v").success
    assert "expect_column_max_to_be_between" not in {check.type for check in outgoing.checks}


def test_without_a_transform_there_is_one_moment(run: Any, written: Any) -> None:
    path = written("""
expectations:
  - type: expect_column_max_to_be_between
    kwargs: {column: v, max_value: 5}
    meta: {moment: incoming}
""")
    assert not only(
        run(QUERY, COLUMNS, expectations=path), "expect_column_max_to_be_between", "v"
    ).success


def test_what_mostly_tolerates_is_told(run: Any, written: Any) -> None:
    path = written("""
expectations:
  - type: expect_column_values_to_be_between
    kwargs: {column: v, max_value: 7, mostly: 0.8}
""")
    check = only(run(QUERY, COLUMNS, expectations=path), "expect_column_values_to_be_between", "v")
    assert check.success
    assert check.unexpected_count == 2
    assert check.message == "v: 2 of 10 values are not at most 7 (tolerated: mostly 0.8)"
    assert check.rows == ({"code": "c8", "v": 8}, {"code": "c9", "v": 9})


def test_a_query_can_return_the_rows_that_are_wrong(run: Any, written: Any) -> None:
    path = written("""
expectations:
  - type: unexpected_rows_expectation
    kwargs: {unexpected_rows_query: "SELECT code, v FROM {batch} WHERE v > 7"}
""")
    check = only(run(QUERY, COLUMNS, expectations=path), "unexpected_rows_expectation")
    assert not check.success
    assert check.unexpected_count == 2
    assert check.rows == ({"code": "c8", "v": 8}, {"code": "c9", "v": 9})


def test_a_condition_chooses_rows_and_may_choose_none(run: Any, written: Any) -> None:
    path = written("""
expectations:
  - type: expect_column_values_to_be_between
    kwargs:
      column: v
      max_value: 2
      row_condition: {type: comparison, column: {name: v}, operator: '>', parameter: 7}
  - type: expect_column_values_to_be_in_set
    kwargs:
      column: v
      value_set: [1]
      row_condition: {type: comparison, column: {name: v}, operator: '>', parameter: 99}
""")
    found = run(QUERY, COLUMNS, expectations=path)
    some = only(found, "expect_column_values_to_be_between", "v")
    assert some.message == "v: 2 of 2 values are not at most 2"
    none = only(found, "expect_column_values_to_be_in_set", "v")
    assert (none.success, none.unexpected_count) == (True, 0)


@pytest.mark.parametrize(
    ("text", "line", "words"),
    [
        ("- type: expect_column_values_to_be_between\n    kwargs: {columm: v}", 3, "columm"),
        ("- type: expect_column_values_to_be_betwen", 2, "did you mean"),
    ],
)
def test_wrong_arguments_are_a_fault_with_its_line(
    run: Any, written: Any, text: str, line: int, words: str
) -> None:
    path = written(f"expectations:\n  {text}\n")
    with pytest.raises(DefinitionError, match=words) as raised:
        run(QUERY, COLUMNS, expectations=path)
    assert raised.value.faults[0].line == line


# What GX offers and DuckDB cannot compute with it, and what only our contract uses.
NOT_OFFERED = {
    "expect_column_values_to_be_dateutil_parseable": "pandas only",
    "expect_column_values_to_match_json_schema": "pandas and Spark only",
    "expect_query_results_to_match_comparison": "needs a second data source",
    "expect_column_values_to_be_found_in_table": "ours: `references` in the contract",
    "expect_table_columns_to_have_types": "ours: `columns` in the contract",
}
ARGUMENTS: dict[str, dict[str, Any]] = {
    "expect_column_distinct_values_to_be_in_set": {"column": "kind", "value_set": ["a", "b"]},
    "expect_column_distinct_values_to_contain_set": {"column": "kind", "value_set": ["a"]},
    "expect_column_distinct_values_to_equal_set": {"column": "kind", "value_set": ["a", "b"]},
    "expect_column_kl_divergence_to_be_less_than": {
        "column": "kind",
        "partition_object": {"values": ["a", "b"], "weights": [0.5, 0.5]},
        "threshold": 0.1,
    },
    "expect_column_max_to_be_between": {"column": "n", "max_value": 99},
    "expect_column_mean_to_be_between": {"column": "n", "max_value": 99},
    "expect_column_median_to_be_between": {"column": "n", "max_value": 99},
    "expect_column_min_to_be_between": {"column": "n", "min_value": 0},
    "expect_column_most_common_value_to_be_in_set": {
        "column": "kind",
        "value_set": ["a", "b"],
        "ties_okay": True,
    },
    "expect_column_pair_values_a_to_be_greater_than_b": {"column_A": "m", "column_B": "n"},
    "expect_column_pair_values_to_be_equal": {"column_A": "n", "column_B": "same"},
    "expect_column_pair_values_to_be_inside_box": {
        "column_A": "one",
        "column_B": "two",
        "box": [0, 0, 3, 3],
    },
    "expect_column_pair_values_to_be_in_set": {
        "column_A": "kind",
        "column_B": "one",
        "value_pairs_set": [("a", 1), ("b", 1)],
    },
    "expect_column_proportion_of_non_null_values_to_be_between": {"column": "n", "min_value": 1},
    "expect_column_proportion_of_unique_values_to_be_between": {"column": "n", "min_value": 1},
    "expect_column_quantile_values_to_be_between": {
        "column": "n",
        "quantile_ranges": {"quantiles": [0.5], "value_ranges": [[40, 60]]},
    },
    "expect_column_stdev_to_be_between": {"column": "n", "min_value": 1},
    "expect_column_sum_to_be_between": {"column": "n", "min_value": 4950, "max_value": 4950},
    "expect_column_sums_to_match_other_table": {
        "column": "n",
        "group_by": ["kind"],
        "other_table": "other",
        "other_column": "n",
    },
    "expect_column_to_exist": {"column": "n"},
    "expect_column_type_to_be": {"column": "amount", "type_": "DECIMAL(10,2)"},
    "expect_column_unique_value_count_to_be_between": {"column": "kind", "max_value": 2},
    "expect_column_value_lengths_to_be_between": {"column": "kind", "max_value": 1},
    "expect_column_value_lengths_to_equal": {"column": "kind", "value": 1},
    "expect_column_value_z_scores_to_be_less_than": {
        "column": "n",
        "threshold": 3,
        "double_sided": True,
    },
    "expect_column_values_to_be_between": {"column": "n", "min_value": 0},
    "expect_column_values_to_be_increasing": {"column": "n", "strictly": True},
    "expect_column_values_to_be_decreasing": {"column": "m"},
    "expect_column_values_to_not_be_outliers": {"column": "n"},
    "expect_column_values_to_be_in_set": {"column": "kind", "value_set": ["a", "b"]},
    "expect_column_values_to_be_in_type_list": {"column": "n", "type_list": ["BIGINT"]},
    "expect_column_values_to_be_inside_box": {"column": "shape", "box": [0, 0, 3, 3]},
    "expect_column_values_to_be_json_parseable": {"column": "json"},
    "expect_column_values_to_be_monotone": {
        "column": "n",
        "order_by": "m",
        "direction": "decreasing",
    },
    "expect_column_values_to_be_null": {"column": "nothing"},
    "expect_column_values_to_be_of_type": {"column": "n", "type_": "BIGINT"},
    "expect_column_values_to_be_place_codes": {"column": "place", "level": "province"},
    "expect_column_values_to_be_unique": {"column": "n"},
    "expect_column_values_to_contain_arabic": {"column": "arabic"},
    "expect_column_values_to_have_no_gap_in_time": {"column": "n", "step": 1},
    "expect_column_values_to_match_like_pattern": {"column": "day", "like_pattern": "2020-%"},
    "expect_column_values_to_match_like_pattern_list": {
        "column": "day",
        "like_pattern_list": ["2020-%", "x%"],
        "match_on": "any",
    },
    "expect_column_values_to_match_regex": {"column": "day", "regex": r"^\d{4}-"},
    "expect_column_values_to_match_regex_list": {
        "column": "day",
        "regex_list": [r"^\d{4}-", "x"],
        "match_on": "any",
    },
    "expect_column_values_to_match_strftime_format": {
        "column": "day",
        "strftime_format": "%Y-%m-%d",
    },
    "expect_column_values_to_not_be_in_set": {"column": "kind", "value_set": ["z"]},
    "expect_column_values_to_not_be_null": {"column": "n"},
    "expect_column_values_to_not_match_like_pattern": {"column": "day", "like_pattern": "x%"},
    "expect_column_values_to_not_match_like_pattern_list": {
        "column": "day",
        "like_pattern_list": ["x%", "z%"],
    },
    "expect_column_values_to_not_match_regex": {"column": "day", "regex": "x"},
    "expect_column_values_to_not_match_regex_list": {"column": "day", "regex_list": ["x", "y"]},
    "expect_compound_columns_to_be_unique": {"column_list": ["kind", "n"]},
    "expect_multicolumn_sum_to_equal": {"column_list": ["one", "two"], "sum_total": 3},
    "expect_multicolumn_values_to_be_equal": {"column_list": ["n", "same"]},
    "expect_select_column_values_to_be_unique_within_record": {"column_list": ["one", "two"]},
    "expect_table_column_count_to_be_between": {"max_value": 13},
    "expect_table_column_count_to_equal": {"value": 13},
    "expect_table_columns_to_match_ordered_list": {
        "column_list": [
            "n",
            "same",
            "m",
            "kind",
            "one",
            "two",
            "day",
            "json",
            "nothing",
            "amount",
            "place",
            "arabic",
            "shape",
        ]
    },
    "expect_table_columns_to_match_set": {"column_set": ["n"], "exact_match": False},
    "expect_table_row_count_to_be_between": {"min_value": 100},
    "expect_table_row_count_to_equal": {"value": 100},
    "expect_table_row_count_to_equal_other_table": {"other_table_name": "other"},
    "unexpected_rows_expectation": {"unexpected_rows_query": "SELECT * FROM {batch} WHERE n < 0"},
}
SAMPLE = """
    CREATE TABLE sample AS SELECT i AS n, i AS same, 200 - i AS m, ['a', 'b'][i % 2 + 1] AS kind,
        1 AS one, 2 AS two, '2020-01-01' AS day, '{}' AS json, NULL::VARCHAR AS nothing,
        i::DECIMAL(10,2) AS amount, '02.113' AS place, 'بركان' AS arabic,
        'POINT(1 2)'::GEOMETRY AS shape FROM range(100) r(i);
    CREATE VIEW other AS FROM sample;
"""


def test_the_types_offered_are_those_that_gx_has_and_duckdb_can_compute() -> None:
    registered = set(list_registered_expectation_implementations())
    assert registered == EXPECTATION_TYPES | NOT_OFFERED.keys()
    assert not EXPECTATION_TYPES & NOT_OFFERED.keys()
    assert ARGUMENTS.keys() == EXPECTATION_TYPES


@pytest.mark.parametrize("fuse", [True, False])
def test_every_type_offered_can_be_computed(fuse: bool) -> None:
    rules = [Rule(name, kwargs) for name, kwargs in ARGUMENTS.items()]
    with duck.connect() as con:
        con.execute(SAMPLE)
        results = running.results(
            con, "sample", compile_suite("all", rules).expectations, ["n"], fuse=fuse
        )
    checks = [
        validation._check(rule, "outgoing", results.get(number), 100)
        for number, rule in enumerate(rules)
    ]
    assert [check.message for check in checks if not check.success] == []
