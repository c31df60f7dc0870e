"""The engine gives what GX gives, in few scans, and hides no failure."""

from __future__ import annotations

import datetime as dt
import subprocess
import sys
from pathlib import Path
from typing import Any

import duckdb
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from moulouya import duck
from moulouya.quality import metrics, running, uniqueness
from moulouya.quality.suite import Rule, compile_suite

from .conftest import only

# 5,000 rows with every kind of fault, sorted by a key in which some are empty or stand twice.
CORRUPT = """
    SELECT CASE WHEN i % 97 = 0 THEN NULL WHEN i % 53 = 0 THEN i - 1 ELSE i END AS id,
        CASE WHEN i % 31 = 0 THEN 'Xyz' ELSE ['Berkane', 'Nador', 'Jerada'][i % 3 + 1] END AS place,
        CASE WHEN i % 41 = 0 THEN 'abc' WHEN i % 71 = 0 THEN NULL ELSE 'بركان الجديدة' END AS name,
        CASE WHEN i % 43 = 0 THEN 'IND-1' WHEN i % 59 = 0 THEN 'xIND-001' ELSE 'IND-123' END AS mark,
        CASE WHEN i % 37 = 0 THEN -5.0 WHEN i % 83 = 0 THEN NULL ELSE i / 7 END::DOUBLE AS amount,
        (i % 1000 / 100)::DECIMAL(10,2) AS price,
        CASE WHEN i % 61 = 0 THEN DATE '1999-12-31' ELSE DATE '2020-01-01' + (i % 900)::INTEGER END
            AS day,
        i // 3 AS a, CASE WHEN i % 89 = 0 THEN NULL ELSE i % 3 END AS b
    FROM range(5000) r(i)
"""
# ruff: noqa: E501
RULES = [
    Rule("expect_table_row_count_to_be_between", {"min_value": 1, "max_value": 4999}),
    Rule("expect_column_values_to_not_be_null", {"column": "id"}),
    Rule("expect_column_values_to_be_unique", {"column": "id"}),
    Rule("expect_column_values_to_be_unique", {"column": "name"}),
    Rule("expect_compound_columns_to_be_unique", {"column_list": ["a", "b"], "ignore_row_if": "never"}),
    Rule("expect_compound_columns_to_be_unique", {"column_list": ["id", "place"], "ignore_row_if": "never"}),
    Rule("expect_column_values_to_be_in_set", {"column": "place", "value_set": ["Berkane", "Nador", "Jerada"]}),
    Rule("expect_column_values_to_not_be_in_set", {"column": "place", "value_set": ["Xyz"], "mostly": 0.9}),
    Rule("expect_column_values_to_match_regex", {"column": "name", "regex": "^[\u0600-\u06ff ]+$"}),
    Rule("expect_column_values_to_match_regex", {"column": "mark", "regex": r"^IND-\d{3}$"}),
    Rule("expect_column_values_to_not_match_regex", {"column": "mark", "regex": "^x"}),
    Rule("expect_column_values_to_match_regex_list", {"column": "mark", "regex_list": ["^I", r"\d{3}$"], "match_on": "all"}),
    Rule("expect_column_value_lengths_to_be_between", {"column": "name", "min_value": 4, "max_value": 80}),
    Rule("expect_column_values_to_be_between", {"column": "amount", "min_value": 0, "max_value": 700}),
    Rule("expect_column_values_to_not_be_null", {"column": "amount", "mostly": 0.9}),
    Rule("expect_column_mean_to_be_between", {"column": "amount", "min_value": 300, "max_value": 400}),
    Rule("expect_column_max_to_be_between", {"column": "amount", "max_value": 100}),
    Rule("expect_column_values_to_be_between", {"column": "price", "min_value": 0.5}),
    Rule("expect_column_values_to_be_between", {"column": "day", "min_value": "2020-01-01", "max_value": "2022-01-01"}),
    Rule("expect_column_unique_value_count_to_be_between", {"column": "place", "max_value": 3}),
]  # fmt: skip


def outcomes(results: dict[int, Any]) -> list[tuple[Any, ...]]:
    kept = ("unexpected_count", "missing_count", "element_count", "observed_value")
    told = []
    for number in range(len(RULES)):
        result = results[number]
        values = [result.result.get(name) for name in kept]
        rounded = [round(value, 6) if isinstance(value, float) else value for value in values]
        told.append((RULES[number].type, result.success, *rounded))
    return told


def on_duckdb(query: str, *, fuse: bool) -> dict[int, Any]:
    with duck.connect() as con:
        con.execute(f"CREATE TABLE corrupt AS {query}")
        return running.results(
            con, "corrupt", compile_suite("x", RULES).expectations, ["id"], fuse=fuse
        )


def on_pandas(query: str) -> dict[int, Any]:
    with duckdb.connect() as con:
        frame = con.execute(query).df()
    frame["day"] = frame["day"].dt.date
    frame["price"] = frame["price"].astype(float)
    context = running.datasource().data_context
    source = context.data_sources.add_pandas("frames")
    try:
        batch = source.add_dataframe_asset("frame").add_batch_definition_whole_dataframe("all")
        found = batch.get_batch({"dataframe": frame}).validate(
            compile_suite("x", [_for_pandas(rule) for rule in RULES]), result_format="SUMMARY"
        )
    finally:
        context.data_sources.delete("frames")
    return {result.expectation_config.meta["rule"]: result for result in found.results}


def _for_pandas(rule: Rule) -> Rule:
    if rule.kwargs.get("column") != "day":
        return rule
    days = {
        key: dt.date.fromisoformat(value) if key.endswith("_value") else value
        for key, value in rule.kwargs.items()
    }
    return Rule(rule.type, days)


@pytest.mark.parametrize("order", ["i", "hash(i)"])
def test_fused_unfused_and_pandas_agree_about_corrupted_rows(order: str) -> None:
    query = f"{CORRUPT} ORDER BY {order}"
    fused = outcomes(on_duckdb(query, fuse=True))
    assert sum(not success for _, success, *_ in fused) > 12
    assert fused == outcomes(on_duckdb(query, fuse=False))
    assert fused == outcomes(on_pandas(query))


def test_samples_are_rows_that_break_the_rule(run: Any) -> None:
    columns = {"id": {"type": "integer"}, "mark": {"type": "text", "pattern": "^IND-[0-9]{3}$"}}
    query = f"SELECT id, mark FROM ({CORRUPT}) WHERE id IS NOT NULL"
    for fuse in (True, False):
        check = only(run(query, columns, fuse=fuse), "expect_column_values_to_match_regex", "mark")
        assert len(check.rows) == 10
        assert {row["mark"] for row in check.rows} <= {"IND-1", "xIND-001"}
        assert all(isinstance(row["id"], int) for row in check.rows)


def test_sound_rows_are_read_in_two_scans(run: Any, statements: list[str], tmp_path: Path) -> None:
    columns: dict[str, dict[str, Any]] = {
        "id": {"type": "integer"},
        **{f"v{i}": {"type": "integer", "required": True, "range": [0, 99999]} for i in range(9)},
        "t": {"type": "text", "pattern": "^x"},
    }
    query = (
        "SELECT i AS id, "
        + ", ".join(f"i AS v{i}" for i in range(9))
        + ", 'x' AS t FROM range(50) r(i)"
    )
    # These are ready sooner than the counts, and others later: lengths need a metric of their own.
    expectations = tmp_path / "communes.yml"
    expectations.write_text("""
expectations:
  - {type: expect_column_max_to_be_between, kwargs: {column: v0, max_value: 99}}
  - {type: expect_column_mean_to_be_between, kwargs: {column: v0, max_value: 99}}
  - {type: expect_column_value_lengths_to_equal, kwargs: {column: t, value: 1}}
""")
    found = run(query, columns, expectations=expectations)
    assert found.success
    assert len(found.checks) >= 20
    # GX looks whether the table is there, reads its columns and the number of rows, which take no
    # scan; then the key in its order, and everything else at once.
    kinds = sorted(_kind(statement) for statement in statements)
    assert kinds == ["columns", "counts", "rows", "there", "unique"]
    statements.clear()
    run(query, columns, fuse=False)
    assert len(statements) > 20


def _kind(statement: str) -> str:
    if "lag(" in statement:
        return "unique"
    if "LIMIT" in statement:
        return "there" if statement.startswith("SELECT 1") else "columns"
    if statement.startswith('SELECT count(*) AS "table.row_count" \n'):
        return "rows"
    return "counts" if "unexpected_count" in statement else statement


def test_only_rules_that_fail_cost_a_sample(run: Any, statements: list[str]) -> None:
    columns = {
        "id": {"type": "integer"},
        "a": {"type": "integer", "range": [0, 3]},
        "b": {"type": "integer", "range": [0, 99]},
    }
    run("SELECT i AS id, i AS a, i AS b FROM range(9) r(i)", columns)
    samples = [one for one in statements if "LIMIT" in one and "WHERE" in one and "NOT NULL" in one]
    assert len(samples) == 2
    assert all("(a >=" in one for one in samples)


def test_a_key_out_of_order_is_grouped_only_after_the_pass_in_order(
    run: Any, statements: list[str]
) -> None:
    columns = {"id": {"type": "integer"}}
    run("SELECT i AS id FROM range(100) r(i)", columns)
    assert not [one for one in statements if "GROUP BY" in one]
    statements.clear()
    assert run("SELECT i AS id FROM range(100) r(i) ORDER BY hash(i)", columns).success
    assert len([one for one in statements if "GROUP BY" in one]) == 1


def test_patterns_never_use_the_tilde(run: Any, statements: list[str]) -> None:
    columns = {"code": {"type": "text", "pattern": "b"}}
    assert run("SELECT 'abc' AS code", columns).success
    assert any("regexp_matches" in one for one in statements)
    assert not [one for one in statements if " ~ " in one]


def test_an_exception_in_a_metric_is_a_failed_check_with_its_message(run: Any) -> None:
    # The referenced column holds dates; DuckDB refuses to compare them with numbers.
    columns = {"code": {"type": "text"}, "v": {"type": "integer", "references": "communes.day"},
               "day": {"type": "date"}, "w": {"type": "integer", "range": [0, 5]}}  # fmt: skip
    query = "SELECT 'a' AS code, 1::BIGINT AS v, DATE '2020-01-01' AS day, 9::BIGINT AS w"
    for fuse in (True, False):
        found = run(query, columns, fuse=fuse)
        check = only(found, "expect_column_values_to_be_found_in_table", "v")
        assert not check.success
        assert "could not be checked" in check.message
        assert "Cannot compare values of type BIGINT" in check.message
        assert not found.success
        # The other rules are still counted.
        assert only(found, "expect_column_values_to_be_between", "w").unexpected_count == 1


@pytest.mark.parametrize(
    ("place", "name"),
    [
        (uniqueness, "_groups"),
        (uniqueness, "_ascending"),
        (metrics, "_matches"),
        (metrics, "_constant"),
    ],
)
def test_a_metric_that_raises_never_passes(
    run: Any, monkeypatch: pytest.MonkeyPatch, place: Any, name: str
) -> None:
    columns = {"code": {"type": "text", "pattern": "^c", "unique": True}, "v": {"type": "text"}}
    query = "SELECT 'c' || i AS code, 'x' AS v FROM range(9) r(i) ORDER BY hash(i)"
    assert run(query, columns).success

    def broken(*_: Any, **__: Any) -> Any:
        raise RuntimeError("the disk is on fire")

    monkeypatch.setattr(place, name, broken)
    found = run(query, columns)
    assert not found.success
    assert any("the disk is on fire" in check.message for check in found.failed)


def test_a_metric_without_a_value_never_passes(monkeypatch: pytest.MonkeyPatch, run: Any) -> None:
    from moulouya.quality.engine import DuckDBExecutionEngine

    lost = "column_values.match_regex.unexpected_count"
    original = DuckDBExecutionEngine.resolve_metric_bundle

    def forgetful(self: Any, metric_fn_bundle: Any) -> Any:
        return {
            metric: None if metric[0] == lost else value
            for metric, value in original(self, metric_fn_bundle).items()
        }

    monkeypatch.setattr(DuckDBExecutionEngine, "resolve_metric_bundle", forgetful)
    found = run("SELECT 'a' AS code", {"code": {"type": "text", "pattern": "z"}})
    check = only(found, "expect_column_values_to_match_regex", "code")
    assert not check.success
    assert check.message == (
        "code: expect_column_values_to_match_regex could not be checked: a metric has no value"
    )


values = st.one_of(st.none(), st.integers(-3, 3))


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(
    rows=st.lists(st.tuples(values, values, st.sampled_from(["a", "é", "ب", None])), max_size=12)
)
def test_counts_are_those_of_plain_sql(rows: list[tuple[Any, ...]]) -> None:
    rules = {
        "coalesce(NOT x BETWEEN -1 AND 2, false)": Rule(
            "expect_column_values_to_be_between", {"column": "x", "min_value": -1, "max_value": 2}
        ),
        "y IS NULL": Rule("expect_column_values_to_not_be_null", {"column": "y"}),
        "coalesce(t NOT IN ('a', 'ب'), false)": Rule(
            "expect_column_values_to_be_in_set", {"column": "t", "value_set": ["a", "ب"]}
        ),
        "coalesce(NOT regexp_matches(t, '^[a-z]$'), false)": Rule(
            "expect_column_values_to_match_regex", {"column": "t", "regex": "^[a-z]$"}
        ),
        "x IS NOT NULL AND count(*) OVER (PARTITION BY x) > 1": Rule(
            "expect_column_values_to_be_unique", {"column": "x"}
        ),
        "count(*) OVER (PARTITION BY x, y) > 1": Rule(
            "expect_compound_columns_to_be_unique",
            {"column_list": ["x", "y"], "ignore_row_if": "never"},
        ),
        "x IS NOT NULL AND NOT x IN (SELECT y FROM t WHERE y IS NOT NULL)": Rule(
            "expect_column_values_to_be_found_in_table",
            {"column": "x", "other_table": "t", "other_column": "y"},
        ),
    }
    with duck.connect() as con:
        con.execute("CREATE TABLE t (x BIGINT, y BIGINT, t VARCHAR)")
        if rows:
            con.executemany("INSERT INTO t VALUES (?, ?, ?)", rows)
        counted = [
            con.execute(f"SELECT count(*) FROM (SELECT {bad} AS bad FROM t) WHERE bad").fetchall()[
                0
            ][0]
            for bad in rules
        ]
        suite = compile_suite("x", list(rules.values())).expectations
        results = running.results(con, "t", suite, ["x"], fuse=True)
    found = [results[number].result["unexpected_count"] or 0 for number in range(len(rules))]
    assert found == counted


def test_the_package_is_imported_without_great_expectations() -> None:
    code = "import sys, moulouya.quality; sys.exit('great_expectations' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_columns_may_have_the_names_of_keywords(run: Any) -> None:
    with duckdb.connect() as con:
        words = [
            word
            for (word,) in con.execute(
                "SELECT keyword_name FROM duckdb_keywords() "
                "WHERE keyword_category <> 'unreserved' AND length(keyword_name) % 3 = 2"
            ).fetchall()
        ]
    assert "at" in words
    rule = {"type": "integer", "range": [0, 1]}
    selected = ", ".join(f'i AS "{word}"' for word in words)
    columns = {"id": {"type": "integer"}, **dict.fromkeys(words, rule)}
    found = run(f"SELECT i AS id, {selected} FROM range(2) r(i)", columns)
    assert [check.message for check in found.failed] == []
