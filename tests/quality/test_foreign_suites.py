"""Suites that Great Expectations wrote elsewhere run as they are, or are faults before they run."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import duckdb
import pytest
from great_expectations.core import ExpectationSuite
from great_expectations.expectations.expectation_configuration import ExpectationConfiguration
from typer.testing import CliRunner

from moulouya.cli import app
from moulouya.errors import DefinitionError
from moulouya.quality import rehearsal
from moulouya.quality.validation import Validation
from small_workspace import SmallWorkspace

from .conftest import make_dataset, only
from .test_expectation_files import ARGUMENTS, SAMPLE

# ruff: noqa: E501
COLUMNS = {
    "code": {"type": "text"},
    "order": {"type": "integer"},
    "at": {"type": "datetime"},
    "share": {"type": "number"},
    "day": {"type": "date"},
    "name": {"type": "text"},
    "price": {"type": "decimal(10,2)"},
    "flag": {"type": "boolean"},
}
QUERY = """
    SELECT 'c' || i AS code, i::BIGINT AS "order",
        TIMESTAMPTZ '2024-01-01 00:00:00+00' + to_hours(i::INTEGER) AS at,
        i / 2 AS "share", DATE '2024-01-01' + i::INTEGER AS day,
        ['بركان', 'l''Oriental', 'a "b"'][i % 3 + 1] AS name, i::DECIMAL(10,2) AS price,
        i % 2 = 0 AS flag
    FROM range({rows}) r(i)
"""
SAMPLE_COLUMNS = {
    **{name: {"type": "integer"} for name in ("n", "same", "m", "one", "two")},
    **{name: {"type": "text"} for name in ("kind", "day", "json", "nothing", "place", "arabic")},
    "amount": {"type": "decimal(10,2)"},
    "shape": {"type": "geometry"},
}


def serialised(*expectations: dict[str, Any], **suite: Any) -> dict[str, Any]:
    """Expectations as GX itself writes them: with ids, rendered contents and every default."""
    made = []
    for one in expectations:
        domain = ExpectationConfiguration(**{"meta": {"owner": "a team"}, **one}).to_domain_obj()
        domain.render()
        made.append(domain)
    written: dict[str, Any] = ExpectationSuite("theirs", expectations=made, **suite).to_json_dict()
    for number, one in enumerate(written["expectations"]):
        one["id"] = f"00000000-0000-4000-8000-{number:012}"
    return {**written, "id": "10000000-0000-4000-8000-000000000000"}


@pytest.fixture
def judge(run: Any, tmp_path: Path) -> Any:
    """Validate a query with a suite of GX's own form as the expectations file."""

    def call(
        written: dict[str, Any], query: str = QUERY.format(rows=10), **more: Any
    ) -> Validation:
        path = tmp_path / "communes.yml"
        path.write_text(json.dumps(written), encoding="utf-8")
        found: Validation = run(query, COLUMNS, expectations=path, **more)
        return found

    return call


@pytest.mark.parametrize("rows", ["all", "one", "none", "empty"])
def test_every_type_runs_on_every_table_as_gx_writes_it(
    run: Any, table: Any, tmp_path: Path, rows: str
) -> None:
    written = serialised(*({"type": kind, "kwargs": found} for kind, found in ARGUMENTS.items()))
    assert {"id", "rendered_content", "meta", "severity"} <= written["expectations"][0].keys()
    path = tmp_path / "communes.yml"
    path.write_text(json.dumps(written), encoding="utf-8")
    query = SAMPLE.split(";")[0].removeprefix("\n    CREATE TABLE sample AS ")
    if rows == "empty":
        with duckdb.connect() as con:
            types = con.execute(f"DESCRIBE {query}").fetchall()
        cells = ", ".join(f'NULL::{kind} AS "{name}"' for name, kind, *_ in types)
        query = f"SELECT {cells} FROM range(5)"
    else:
        query = f"{query} LIMIT { {'all': 100, 'one': 1, 'none': 0}[rows] }"
    other = table(query, "other")
    for fuse in (True, False) if rows == "all" else (True,):
        found = run(query, SAMPLE_COLUMNS, expectations=path, inputs={"other": other}, fuse=fuse)
        theirs = [check for check in found.checks if check.source == "expectations"]
        assert [check.type for check in theirs] == list(ARGUMENTS)
        wrong = {check.type: check.message for check in theirs
                 if "could not be checked" in check.message}  # fmt: skip
        # A divergence of no value cannot be computed, and a Parquet file without a single shape
        # has no column of shapes: both fail, and say so.
        without = {"expect_column_kl_divergence_to_be_less_than",
                   "expect_column_values_to_be_inside_box"}  # fmt: skip
        assert wrong.keys() == (without if rows in ("none", "empty") else set()), wrong
        if rows == "all":
            assert [check.message for check in theirs if not check.success] == []


def test_what_a_suite_says_about_its_run_changes_nothing(judge: Any) -> None:
    window = {"constraint_fn": "mean", "parameter_name": "p", "range": 5,
              "offset": {"positive": 0.2, "negative": 0.2}}  # fmt: skip
    for form in ("BOOLEAN_ONLY", "COMPLETE", {"result_format": "SUMMARY"}):
        written = serialised(
            {
                "type": "expect_column_values_to_be_between",
                "kwargs": {"column": "order", "max_value": 6, "mostly": 0.9, "windows": [window],
                           "result_format": form, "catch_exceptions": False},
                "severity": "warning",
                "notes": ["first", "second"],
                "description": "orders are small",
            }
        )  # fmt: skip
        assert "windows" in written["expectations"][0]["kwargs"]
        found = judge(written)
        check = only(found, "expect_column_values_to_be_between", "order")
        assert (check.success, check.unexpected_count, check.severity) == (False, 3, "warning")
        assert check.reason == "first\nsecond"
        assert [row["code"] for row in check.rows] == ["c7", "c8", "c9"]
        assert found.success


@pytest.mark.parametrize(
    ("condition", "count"),
    [
        ({"type": "comparison", "column": {"name": "share"}, "operator": ">=", "parameter": 3.5}, 3),
        ({"type": "comparison", "column": {"name": "name"}, "operator": "==", "parameter": "l'Oriental"}, 3),
        ({"type": "comparison", "column": {"name": "name"}, "operator": "IN", "parameter": ["بركان"]}, 4),
        ({"type": "nullity", "column": {"name": "order"}, "is_null": False}, 10),
        ({"type": "and", "conditions": [
            {"type": "comparison", "column": {"name": "order"}, "operator": ">", "parameter": 2},
            {"type": "comparison", "column": {"name": "flag"}, "operator": "==", "parameter": True}]}, 3),
        ({"type": "or", "conditions": [
            {"type": "comparison", "column": {"name": "order"}, "operator": "<", "parameter": 2},
            {"type": "comparison", "column": {"name": "order"}, "operator": ">", "parameter": 8}]}, 3),
    ],
)  # fmt: skip
def test_conditions_choose_rows(judge: Any, condition: dict[str, Any], count: int) -> None:
    kwargs = {"column": "order", "max_value": -1, "row_condition": condition}
    found = judge(serialised({"type": "expect_column_values_to_be_between", "kwargs": kwargs}))
    check = only(found, "expect_column_values_to_be_between", "order")
    assert check.unexpected_count == count
    assert len(check.rows) == min(count, 10)


@pytest.mark.parametrize("parser", ["great_expectations", "great_expectations__experimental__"])
def test_conditions_in_words_choose_rows(judge: Any, parser: str) -> None:
    # As a person writes it: GX itself makes an object of the words before it writes them.
    for words, count in (
        ('col("share") >= 3.5', 3),
        ('col("name") == "بركان"', None),
        ('col("flag") == "true"', 5),
        ('col("order").notNull()', 10),
        ('col("day") > date("2024-01-05")', 5),
    ):
        kwargs = {"column": "order", "max_value": -1, "row_condition": words,
                  "condition_parser": parser}  # fmt: skip
        written = {
            "expectations": [{"type": "expect_column_values_to_be_between", "kwargs": kwargs}]
        }
        if count is None:  # GX's small language knows Latin letters
            with pytest.raises(DefinitionError, match="unable to parse condition"):
                judge(written)
            continue
        check = only(judge(written), "expect_column_values_to_be_between", "order")
        assert check.unexpected_count == count, words


def test_parameters_of_the_suite_are_filled_in(judge: Any) -> None:
    kwargs = {"column": "order", "max_value": {"$PARAMETER": "most"}}
    written = serialised(
        {"type": "expect_column_values_to_be_between", "kwargs": kwargs},
        suite_parameters={"most": 6},
    )
    assert only(judge(written), "expect_column_values_to_be_between", "order").unexpected_count == 3
    written["suite_parameters"] = {}
    with pytest.raises(DefinitionError, match=r"max_value: the suite_parameters .* have no 'most'"):
        judge(written)


def test_rows_that_repeat_several_columns_come_with_their_key(judge: Any) -> None:
    kwargs = {"column_list": ["name", "flag"]}
    found = judge(serialised({"type": "expect_compound_columns_to_be_unique", "kwargs": kwargs}))
    check = only(found, "expect_compound_columns_to_be_unique")
    # Ten rows of six pairs, of which two pairs stand in one row only.
    assert check.unexpected_count == len(check.rows) == 8
    assert {row["code"] for row in check.rows} == {f"c{i}" for i in (0, 1, 2, 3, 6, 7, 8, 9)}


FAULTS: dict[str, tuple[str, dict[str, Any], str]] = {
    "an argument that GX does not know": (
        "expect_column_values_to_be_between", {"column": "order", "maximum": 5}, "maximum"),
    "an argument of another type": (
        "expect_column_values_to_be_between", {"column": "order", "mostly": 7}, "mostly"),
    "an argument that is missing": ("expect_column_values_to_match_regex", {"regex": "x"}, "column"),
    "a mean of texts": (
        "expect_column_mean_to_be_between", {"column": "name", "max_value": 5}, "cannot be computed"),
    "numbers among texts": (
        "expect_column_values_to_be_in_set", {"column": "name", "value_set": [1, 2]}, "Could not convert"),
    "a range of texts": (
        "expect_column_values_to_be_between", {"column": "name", "max_value": 5}, "VARCHAR"),
    "a pattern that looks ahead": (
        "expect_column_values_to_match_regex", {"column": "name", "regex": "^(?!x)"}, "(?!"),
    "a condition about no column": (
        "expect_column_values_to_not_be_null",
        {"column": "name", "row_condition": {"type": "nullity", "column": {"name": "nome"}, "is_null": True}},
        "nome"),
    "a condition of pandas": (
        "expect_column_values_to_not_be_null",
        {"column": "name", "row_condition": "order > 5", "condition_parser": "pandas"},
        "PassThroughCondition"),
    "a condition that GX forgets": (
        "expect_column_pair_values_to_be_in_set",
        {"column_A": "name", "column_B": "flag", "value_pairs_set": [["a", True]],
         "row_condition": {"type": "nullity", "column": {"name": "day"}, "is_null": True}},
        "ignores the row_condition"),
    "a query about no column": (
        "unexpected_rows_expectation", {"unexpected_rows_query": "SELECT nome FROM {batch}"}, "nome"),
    "what pandas has alone": (
        "expect_column_values_to_match_json_schema", {"column": "name", "json_schema": {}},
        "DuckDB cannot compute"),
    "an unknown type": ("expect_column_values_to_be_nice", {"column": "name"}, "unknown expectation"),
}  # fmt: skip


@pytest.mark.parametrize("what", FAULTS)
def test_what_cannot_work_is_a_fault_before_there_is_data(what: str, tmp_path: Path) -> None:
    kind, kwargs, words = FAULTS[what]
    sound = {"type": "expect_column_values_to_not_be_null", "kwargs": {"column": "code"}}
    path = tmp_path / "communes.yml"
    # One expectation a line, as JSON is a form of YAML.
    lines = ",\n".join(json.dumps(one) for one in (sound, sound, {"type": kind, "kwargs": kwargs}))
    path.write_text(f'{{"expectations": [\n{lines}\n]}}', encoding="utf-8")
    dataset = make_dataset(COLUMNS, ["code"], expectations=path)
    (fault,) = rehearsal.faults(dataset, {})
    assert (fault.file, fault.line) == (path, 4)
    assert words in fault.message


def test_expectations_that_work_are_no_faults_before_there_is_data(tmp_path: Path) -> None:
    path = tmp_path / "communes.yml"
    written = serialised(*({"type": kind, "kwargs": found} for kind, found in ARGUMENTS.items()))
    path.write_text(json.dumps(written), encoding="utf-8")
    here = make_dataset(SAMPLE_COLUMNS, ["n"], expectations=path)
    other = make_dataset(SAMPLE_COLUMNS, ["n"], slug="other")
    here = replace(here, references=("other",))
    assert [fault.message for fault in rehearsal.faults(here, {"other": other})] == []


def test_check_shows_what_cannot_work_with_its_line(
    workspace: SmallWorkspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    workspace.define("communes")
    kwargs = {"column": "name", "max_value": 5}
    workspace.expect("communes", {"type": "expect_column_mean_to_be_between", "kwargs": kwargs})
    monkeypatch.setenv("MOULOUYA_WORKSPACE", str(workspace.root))
    monkeypatch.setenv("MOULOUYA_STATE", str(workspace.settings.state_root))
    result = CliRunner().invoke(app, ["check", "--json"])
    assert result.exit_code == 2
    answer = json.loads(result.stdout)
    assert answer["datasets"] == []
    (fault,) = answer["faults"]
    assert fault["file"].endswith("expectations/places/communes.yml")
    assert fault["line"] == 3
    assert "expect_column_mean_to_be_between cannot be computed" in fault["message"]


def test_a_slip_in_what_we_keep_beside_an_expectation_is_a_fault(tmp_path: Path) -> None:
    path = tmp_path / "communes.yml"
    path.write_text("""
expectations:
  - type: expect_column_values_to_not_be_null
    kwargs: {column: code}
    meta: {momment: incoming}
""")
    (fault,) = rehearsal.faults(make_dataset(COLUMNS, ["code"], expectations=path), {})
    assert "did you mean 'moment'" in fault.message
    assert fault.line == 5
