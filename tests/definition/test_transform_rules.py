"""What a transform and a suite may name, found without running them."""

from __future__ import annotations

import pytest


def fault_of(workspace, name):
    found = [fault for fault in workspace.faults() if fault[0] == name]
    assert len(found) == 1, workspace.faults()
    return found[0]


def test_the_tables_in_the_sql_are_the_inputs(workspace):
    workspace.define("a")
    workspace.define("b", theme="people")
    workspace.define("c")
    workspace.transform(
        "c",
        "WITH x AS (SELECT * FROM a) SELECT staged.* FROM staged JOIN x USING (code) "
        "WHERE code IN (SELECT code FROM people.b AS other)",
    )
    assert workspace.faults() == []
    assert workspace.dataset("c").inputs == ("a", "b")


def test_an_unknown_table_is_shown_on_its_line(workspace):
    workspace.define("communes")
    workspace.derive("density", "-- a row is one commune\nSELECT *\nFROM comunes\n")
    _, line, _, message, hint = fault_of(workspace, "transforms/places/density.sql")
    assert (line, message, hint) == (3, "no dataset 'comunes'", "did you mean 'communes'?")


def test_a_mistake_in_the_sql_is_shown_on_its_line(workspace):
    workspace.derive("density", "SELECT\n    code,\n    FROM FROM staged\n")
    _, line, _, message, _ = fault_of(workspace, "transforms/places/density.sql")
    assert line == 3
    assert "syntax error" in message


@pytest.mark.parametrize(
    "sql",
    [
        "SELECT 1; SELECT 2",
        "DROP TABLE staged",
        "COPY (SELECT 1) TO 'out.csv'",
        "ATTACH 'x.duckdb'",
        "INSTALL httpfs",
        "-- nothing",
        "",
    ],
)
def test_a_transform_is_exactly_one_select(workspace, sql):
    workspace.define("communes")
    workspace.transform("communes", sql)
    _, line, _, message, _ = fault_of(workspace, "transforms/places/communes.sql")
    assert (line, message) == (1, "a transform is exactly one SELECT statement")


def test_a_derived_dataset_has_no_staged_table(workspace):
    workspace.derive("density", "SELECT *\nFROM staged")
    _, line, _, message, hint = fault_of(workspace, "transforms/places/density.sql")
    assert (line, message) == (2, "a derived dataset has no staged table")
    assert hint == "name the datasets it reads"


def test_no_dataset_may_be_called_staged(workspace):
    workspace.define("staged")
    assert "is the name of the staged table" in workspace.faults()[0][3]


def test_the_file_of_rejected_rows_is_no_name_for_a_dataset(workspace):
    workspace.define("rejected")
    assert "is the name of the file of rejected rows" in workspace.faults()[0][3]


def test_a_python_transform_lists_its_inputs(workspace):
    workspace.define("a")
    workspace.define("b")
    workspace.transform(
        "b", 'INPUTS = ("staged", "a")\n\n\ndef transform(inputs):\n    ...\n', suffix=".py"
    )
    assert workspace.dataset("b").inputs == ("a",)


def test_a_python_transform_reads_the_staged_table_by_default(workspace):
    workspace.define("a")
    workspace.transform("a", "def transform(inputs):\n    ...\n", suffix=".py")
    assert workspace.dataset("a").inputs == ()


@pytest.mark.parametrize(
    ("code", "line", "message"),
    [
        ("def transform(inputs:\n    ...\n", 1, "'(' was never closed"),
        ("x = 1\n\ny = = 2\n", 3, "invalid syntax"),
        ("def other():\n    ...\n", 1, "no function transform(inputs)"),
        ("INPUTS = tables()\n\ndef transform(inputs):\n    ...\n", 1, "malformed node"),
        ('INPUTS = ("nothing",)\n\ndef transform(inputs):\n    ...\n', 1, "no dataset 'nothing'"),
    ],
)
def test_a_mistake_in_python_is_shown_on_its_line_without_running_it(
    workspace, code, line, message
):
    workspace.define("a")
    workspace.transform("a", code, suffix=".py")
    _, found, _, told, _ = fault_of(workspace, "transforms/places/a.py")
    assert (found, told[: len(message)]) == (line, message)


def test_a_transform_is_not_run_when_it_is_checked(workspace, tmp_path):
    workspace.define("a")
    trace = tmp_path / "trace"
    workspace.transform(
        "a", f"open({str(trace)!r}, 'w')\ndef transform(inputs): ...\n", suffix=".py"
    )
    assert workspace.faults() == []
    assert not trace.exists()


def test_a_transform_that_is_not_utf_8_is_a_fault(workspace):
    workspace.define("a")
    workspace.write("transforms/places/a.sql", "SELECT 'café' AS name FROM staged".encode("cp1252"))
    _, _, _, message, _ = fault_of(workspace, "transforms/places/a.sql")
    assert "UTF-8" in message


@pytest.mark.parametrize(
    ("expectation", "key", "message", "hint"),
    [
        ({"type": "expect_column_values_to_be_uniqe", "kwargs": {"column": "code"}},
         "expectations.0.type", "unknown expectation 'expect_column_values_to_be_uniqe'", None),
        ({"type": "expect_column_values_to_be_unique", "kwargs": {"column": "cod"}},
         "expectations.0.kwargs.column", "no column 'cod'", "did you mean 'code'?"),
        ({"type": "expect_compound_columns_to_be_unique",
          "kwargs": {"column_list": ["code", "peple"]}},
         "expectations.0.kwargs.column_list", "no column 'peple'", "did you mean 'people'?"),
        ({"type": "expect_table_row_count_to_equal", "severity": "fatal"},
         "expectations.0.severity", "Input should be 'critical', 'warning' or 'info'", None),
        ({"type": "expect_table_row_count_to_equal", "sevrity": "info"},
         "expectations.0.sevrity", "unknown key", "did you mean 'severity'?"),
    ],
)  # fmt: skip
def test_a_fault_of_a_suite_has_its_key_and_a_hint(workspace, expectation, key, message, hint):
    workspace.define("communes")
    workspace.expect("communes", expectation)
    _, line, found, told, advice = fault_of(workspace, "expectations/places/communes.yml")
    assert line >= 2
    assert (found, told[: len(message)], advice) == (key, message, hint)


@pytest.mark.parametrize("kwargs", [{"column": ["code"]}, {"column_list": 5}, {"column_list": "x"}])
def test_an_argument_of_the_wrong_form_is_a_fault_not_a_crash(workspace, kwargs):
    workspace.define("communes")
    workspace.expect("communes", {"type": "expect_column_values_to_be_unique", "kwargs": kwargs})
    fault_of(workspace, "expectations/places/communes.yml")


def test_a_suite_may_name_a_column_that_is_only_staged(workspace):
    workspace.define(
        "communes",
        source={"kind": "file", "path": "data/communes.csv", "format": "csv",
                "columns": {"extra": {"type": "text"}}},
    )  # fmt: skip
    workspace.expect(
        "communes",
        {"type": "expect_column_values_to_not_be_null", "kwargs": {"column": "extra"},
         "meta": {"moment": "incoming"}},
    )  # fmt: skip
    assert workspace.faults() == []


def test_an_empty_suite_is_a_fault(workspace):
    workspace.define("communes")
    workspace.write("expectations/places/communes.yml", "expectations: []\n")
    assert fault_of(workspace, "expectations/places/communes.yml")[2] == "expectations"


@pytest.mark.parametrize(
    ("sql", "inputs"),
    [
        ("SELECT staged.* FROM staged JOIN a USING (code)", ("a",)),
        ("SELECT * FROM staged NATURAL JOIN a", ("a",)),
        ("WITH a AS (SELECT * FROM a) SELECT * FROM a", ("a",)),
        ("WITH b AS (SELECT * FROM staged) SELECT * FROM b", ()),
        ("WITH b AS (SELECT * FROM staged) SELECT * FROM people.b", ("b",)),
        ("WITH x AS (SELECT 1 AS n), y AS (SELECT * FROM x, a) SELECT * FROM y", ("a",)),
        ("WITH RECURSIVE r AS (SELECT 1 AS n UNION ALL SELECT n + 1 FROM r, a) FROM r", ("a",)),
        ("SELECT (SELECT max(people) FROM a) AS m, * FROM staged", ("a",)),
        ("SELECT * FROM a UNION ALL SELECT * FROM people.b", ("a", "b")),
        ("SELECT * FROM staged, range(3)", ()),
    ],
)
def test_every_way_to_name_a_table_is_found(workspace, sql, inputs):
    workspace.define("a")
    workspace.define("b", theme="people")
    workspace.define("c")
    workspace.transform("c", sql)
    assert workspace.faults() == []
    assert workspace.dataset("c").inputs == inputs


@pytest.mark.parametrize(
    "sql", ["SELECT * FROM read_csv('x.csv')", "SELECT * FROM READ_PARQUET('x')", "FROM glob('*')"]
)
def test_a_transform_names_no_files(workspace, sql):
    workspace.define("c")
    workspace.transform("c", sql)
    assert "names tables, not files" in fault_of(workspace, "transforms/places/c.sql")[3]


def test_an_unknown_function_is_a_fault(workspace):
    workspace.define("c")
    workspace.transform("c", "SELECT upperr(name) FROM staged")
    assert "upperr does not exist" in fault_of(workspace, "transforms/places/c.sql")[3]
