"""Expectations of our own pass on sound rows, name the rows that break them, and stay one scan."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml

from moulouya import duck
from moulouya.errors import DefinitionError
from moulouya.quality import running
from moulouya.quality.suite import Rule, compile_suite
from small_workspace import SmallWorkspace

COLUMNS: dict[str, dict[str, Any]] = {"id": {"type": "integer"}, "v": {"type": "text"}}


@pytest.fixture
def check(run: Any, tmp_path: Path) -> Any:
    """Hold a query's rows against one expectation; its type says which check to return."""

    def call(query: str, kind: str, columns: Any = COLUMNS, inputs: Any = None, **kwargs: Any):
        path = tmp_path / "communes.yml"
        path.write_text(yaml.safe_dump({"expectations": [{"type": kind, "kwargs": kwargs}]}))
        found = run(query, columns, ["id"], expectations=path, inputs=inputs)
        return next(one for one in found.checks if one.type == kind)

    return call


def rows_of(values: list[str], kind: str = "VARCHAR") -> str:
    return f"SELECT i AS id, ({[*values]!r})[i + 1]::{kind} AS v FROM range({len(values)}) r(i)"


PLACES = {
    "region": (["02", None, "05"], "2"),
    "province": (["02.113"], "02.11"),
    "cercle": (["02.113.01"], "02.113"),
    "commune": (["02.113.01.01", "02.113.01.1"], "02.113.01"),
}


@pytest.mark.parametrize("level", PLACES)
def test_place_codes_have_the_form_of_their_level(check: Any, level: str) -> None:
    kind = "expect_column_values_to_be_place_codes"
    good, bad = PLACES[level]
    values = "[" + ", ".join("NULL" if v is None else f"'{v}'" for v in good) + "]"
    query = f"SELECT i AS id, ({values})[i + 1] AS v FROM range({len(good)}) r(i)"
    assert check(query, kind, column="v", level=level).success
    found = check(f"{query} UNION ALL SELECT 9, '{bad}'", kind, column="v", level=level)
    assert (found.success, found.unexpected_count) == (False, 1)
    assert found.rows == ({"id": 9, "v": bad},)
    assert f"is no code of a {level}" in found.message


def test_place_codes_lie_inside_a_place(check: Any) -> None:
    kind = "expect_column_values_to_be_place_codes"
    query = "SELECT i AS id, ['02.113', '05.001', '021113'][i + 1] AS v FROM range(3) r(i)"
    found = check(query, kind, column="v", level="province", inside="02")
    assert [row["v"] for row in found.rows] == ["05.001", "021113"]
    assert found.message == "v: 2 of 3 values are no code of a province inside 02"


def test_a_level_that_is_none_is_told(check: Any) -> None:
    with pytest.raises(DefinitionError, match="level is one of region, province"):
        check(rows_of(["x"]), "expect_column_values_to_be_place_codes", column="v", level="douar")


def test_a_name_in_latin_letters_is_no_arabic_name(check: Any) -> None:
    kind = "expect_column_values_to_contain_arabic"
    assert check(rows_of(["بركان", "حي 12 (Berkane)"]), kind, column="v").success
    found = check(rows_of(["بركان", "Berkane", "١٢"]), kind, column="v")
    assert [row["v"] for row in found.rows] == ["Berkane"]
    assert found.message == "v: 1 of 3 values has no Arabic letter"
    assert check(rows_of(["بركان", "Berkane"]), kind, column="v", mostly=0.5).success


POINTS = {"id": {"type": "integer"}, "lon": {"type": "number"}, "lat": {"type": "number"}}
BOX = [-3, 34, -1, 36]


def test_points_lie_inside_a_box(check: Any) -> None:
    kind = "expect_column_pair_values_to_be_inside_box"
    ask = {"column_A": "lon", "column_B": "lat", "box": BOX, "columns": POINTS}
    edges = "(0, -3.0, 34.0), (1, -1.0, 36.0), (2, NULL, NULL)"
    assert check(f"SELECT * FROM (VALUES {edges}) t(id, lon, lat)", kind, **ask).success
    swapped = f"{edges}, (3, 34.5, -2.0), (4, -2.0, NULL)"
    found = check(f"SELECT * FROM (VALUES {swapped}) t(id, lon, lat)", kind, **ask)
    assert (found.unexpected_count, [row["id"] for row in found.rows]) == (2, [3, 4])
    assert "lon and lat do not lie inside -3, 34, -1, 36 in 2 of" in found.message


SHAPES = {"id": {"type": "integer"}, "g": {"type": "geometry"}}


@pytest.mark.parametrize("crs", [False, True])
def test_shapes_lie_inside_a_box(check: Any, crs: bool) -> None:
    kind = "expect_column_values_to_be_inside_box"
    ask = {"column": "g", "box": BOX, "columns": SHAPES}
    shapes = {
        "POINT(-3 34)": True,
        "POLYGON((-3 34, -1 34, -1 36, -3 34))": True,
        "POINT EMPTY": True,
        "POINT(-3.0000000000000004 34)": False,
        "POINT(34.5 -2)": False,
        "LINESTRING(-2 35, -2 36.1)": False,
        "POLYGON((-9 30, 9 30, 9 40, -9 40, -9 30))": False,
    }
    values = ", ".join(f"({i}, '{shape}')" for i, shape in enumerate(shapes))
    shape = "ST_SetCRS(g::GEOMETRY, 'OGC:CRS84')" if crs else "g::GEOMETRY"
    query = f"SELECT id, {shape} AS g FROM (VALUES {values}, (99, NULL)) t(id, g)"
    found = check(query, kind, **ask)
    outside = [number for number, inside in enumerate(shapes.values()) if not inside]
    assert [row["id"] for row in found.rows] == outside
    assert check(f"{query} WHERE id NOT IN {tuple(outside)}", kind, **ask).success


@pytest.mark.parametrize("kind", ["pair_values", "values"])
def test_a_box_is_west_south_east_north(check: Any, kind: str) -> None:
    columns = {"column_A": "lon", "column_B": "lat"} if kind == "pair_values" else {"column": "lon"}
    with pytest.raises(DefinitionError, match="box is west, south, east, north"):
        check("SELECT 1 AS id", f"expect_column_{kind}_to_be_inside_box", POINTS, **columns,
              box=[34, -3, 36, -4])  # fmt: skip


SERIES: dict[str, dict[str, Any]] = {
    "id": {"type": "integer"}, "well": {"type": "text"}, "day": {"type": "date"},
    "v": {"type": "integer"},
}  # fmt: skip


def series(*rows: str) -> str:
    values = ", ".join(f"({i}, {row})" for i, row in enumerate(rows))
    return f"SELECT id, well, day::DATE AS day, v FROM (VALUES {values}) t(id, well, day, v)"


def test_a_meter_never_runs_backwards(check: Any) -> None:
    kind = "expect_column_values_to_be_monotone"
    ask = {"column": "v", "order_by": "day", "group_by": ["well"], "columns": SERIES}
    sound = series("'a', '2026-01-02', 5", "'a', '2026-01-01', 5", "'b', '2026-01-03', 1",
                   "'a', '2026-01-03', NULL", "'a', '2026-01-04', 9")  # fmt: skip
    assert check(sound, kind, **ask).message == "v is increasing along day by well"
    found = check(f"{sound} UNION ALL SELECT 9, 'a', DATE '2026-01-05', 8", kind, **ask)
    assert (found.success, found.unexpected_count) == (False, 1)
    (row,) = found.rows
    assert row == {"id": 9, "well": "a", "day": "2026-01-05", "v": 8, "before": 9}
    assert found.message == "v is not increasing along day by well: 1 row breaks this"
    without = {**ask, "group_by": []}
    assert check(sound, kind, **without).unexpected_count == 1
    falling = check(sound, kind, **ask, direction="decreasing")
    assert falling.unexpected_count == 1
    assert check(sound.replace("9)", "4)"), kind, **ask, direction="decreasing").success


def test_a_series_has_no_gap(check: Any) -> None:
    kind = "expect_column_values_to_have_no_gap_in_time"
    ask = {"column": "day", "group_by": ["well"], "columns": SERIES}
    sound = ["'a', '2026-01-01', 1", "'a', '2026-01-02', 1", "'a', '2026-01-02', 2",
             "'b', '2026-03-01', 1", "'a', NULL, 1"]  # fmt: skip
    assert check(series(*sound), kind, **ask).success
    found = check(series(*sound, "'a', '2026-01-04', 1"), kind, **ask)
    assert found.rows == ({"well": "a", "after_this": "2026-01-02", "comes_this": "2026-01-04"},)
    assert found.message == "day has 1 gap longer than 1 day by well"
    assert check(series(*sound, "'a', '2026-01-04', 1"), kind, **ask, step="2 days").success
    months = series("'a', '2026-01-31', 1", "'a', '2026-02-28', 1", "'a', '2026-03-31', 1")
    assert not check(months, kind, **ask, step="1 month").success
    assert check(series("'a', '2026-01-01', 2014", "'a', '2026-01-01', 2015"), kind, columns=SERIES,
                 column="v", step=1).success  # fmt: skip
    assert not check(series("'a', '2026-01-01', 2014", "'a', '2026-01-01', 2024"), kind,
                     columns=SERIES, column="v", step=1).success  # fmt: skip


@pytest.mark.parametrize("step", ["a while", "1 day' OR true --", 0, -1])
def test_a_step_is_a_number_or_words_of_time(check: Any, step: Any) -> None:
    with pytest.raises(DefinitionError, match="a step is a whole number, or words"):
        check(series("'a', '2026-01-01', 1"), "expect_column_values_to_have_no_gap_in_time",
              SERIES, column="day", step=step)  # fmt: skip


PEOPLE: dict[str, dict[str, Any]] = {
    "id": {"type": "integer"}, "province": {"type": "text"}, "level": {"type": "text"},
    "people": {"type": "integer"},
}  # fmt: skip


def test_sums_are_the_figures_of_another_table(check: Any, table: Any) -> None:
    kind = "expect_column_sums_to_match_other_table"
    other = table("SELECT unnest(['p1', 'p2']) AS code, unnest([30, 70]) AS total", "provinces")
    ask = {
        "column": "people", "group_by": ["province"], "where": "level = 'commune'",
        "other_table": "provinces", "other_column": "total", "other_group_by": ["code"],
        "columns": PEOPLE, "inputs": {"provinces": other},
    }  # fmt: skip
    rows = "(0, 'p1', 'commune', 10), (1, 'p1', 'commune', 20), (2, 'p2', 'commune', 70)"
    query = f"SELECT * FROM (VALUES {rows}, (3, 'p1', 'cercle', 5)) t(id, province, level, people)"
    sound = check(query, kind, **ask)
    assert sound.message == "the sums of people by province are those of provinces.total"
    assert sound.success
    found = check(query.replace("70", "71"), kind, **ask)
    assert found.rows == ({"province": "p2", "sum": 71, "expected": 70},)
    assert found.message == "1 sum of people by province differs from provinces.total"
    assert check(query.replace("70", "71"), kind, **ask, tolerance=0.02).success
    # A province that one of the two lacks is no match.
    assert check(query.replace("'p2'", "'p3'"), kind, **ask).unexpected_count == 2
    whole = {**ask, "group_by": [], "other_group_by": None}
    assert check(query, kind, **whole).success
    assert check(query.replace("70", "1"), kind, **whole).rows == ({"sum": 31, "expected": 100},)


def test_braces_in_a_condition_are_not_filled_in(check: Any, table: Any) -> None:
    other = table("SELECT 1 AS total", "provinces")
    assert check(
        "SELECT 1 AS id, '{batch}' AS province, 'x' AS level, 1 AS people",
        "expect_column_sums_to_match_other_table", PEOPLE, {"provinces": other}, column="people",
        where="province = '{batch}'", other_table="provinces", other_column="total",
    ).success  # fmt: skip


def test_another_table_that_is_not_published_is_told_and_does_not_fail(check: Any) -> None:
    found = check("SELECT 1 AS id, 'p' AS province, 'x' AS level, 1 AS people",
                  "expect_column_sums_to_match_other_table", PEOPLE, column="people",
                  other_table="provinces", other_column="total")  # fmt: skip
    assert (found.success, found.severity) == (True, "info")
    assert found.message == "people: not checked against provinces, which is not published"


@pytest.mark.parametrize(
    ("kwargs", "words"),
    [
        ({"group_by": ["province"], "other_group_by": []}, "must have as many columns"),
        ({"tolerance": -1}, "greater than or equal to 0"),
        ({"direction": "up"}, "direction"),
    ],
)
def test_wrong_arguments_are_faults(check: Any, kwargs: Any, words: str) -> None:
    with pytest.raises(DefinitionError, match=words):
        check("SELECT 1 AS id", "expect_column_sums_to_match_other_table", PEOPLE,
              column="people", other_table="communes", other_column="people", **kwargs)  # fmt: skip


def test_single_values_are_counted_in_the_scan_of_the_others(
    run: Any, statements: list[str], tmp_path: Path
) -> None:
    path = tmp_path / "communes.yml"
    kinds = {
        "expect_column_values_to_be_place_codes": {"column": "code", "level": "province"},
        "expect_column_values_to_contain_arabic": {"column": "name"},
        "expect_column_values_to_be_inside_box": {"column": "g", "box": BOX},
        "expect_column_values_to_not_be_null": {"column": "name"},
    }  # fmt: skip
    path.write_text(
        yaml.safe_dump({"expectations": [{"type": k, "kwargs": v} for k, v in kinds.items()]})
    )
    columns = {**POINTS, "code": {"type": "text"}, "name": {"type": "text"},
               "g": {"type": "geometry"}}  # fmt: skip
    query = (
        "SELECT i AS id, -2.0 AS lon, 35.0 AS lat, '02.113' AS code, 'بركان' AS name, "
        "'POINT(-2 35)'::GEOMETRY AS g FROM range(100) r(i)"
    )
    found = run(query, columns, ["id"], expectations=path)
    assert [one.message for one in found.failed if one.type in kinds] == []
    counts = [one for one in statements if "unexpected_count" in one]
    assert len(counts) == 1
    assert all(name in counts[0] for name in ("regexp_full_match", "Arabic", "intersects"))


# What GX computes on pandas for the same question.
TWINS = [
    ("expect_column_values_to_be_place_codes", {"column": "code", "level": "province"},
     "expect_column_values_to_match_regex", {"column": "code", "regex": r"^\d{2}\.\d{3}$"}),
    ("expect_column_values_to_contain_arabic", {"column": "name"},
     "expect_column_values_to_match_regex", {"column": "name", "regex": "[ء-ي]"}),
    ("expect_column_values_to_be_monotone", {"column": "n", "order_by": "id"},
     "expect_column_values_to_be_increasing", {"column": "n"}),
]  # fmt: skip
CORRUPT = """
    SELECT i AS id, CASE WHEN i % 31 = 0 THEN '2.113' WHEN i % 41 = 0 THEN NULL ELSE '02.113' END
        AS code, CASE WHEN i % 37 = 0 THEN 'Berkane' WHEN i % 43 = 0 THEN NULL ELSE 'بركان' END
        AS name, CASE WHEN i % 47 = 0 THEN i - 5 ELSE i END AS n FROM range(2000) r(i)
"""


@pytest.mark.parametrize(("ours", "kwargs", "theirs", "twin"), TWINS)
def test_counts_are_those_of_gx_on_pandas(ours: str, kwargs: Any, theirs: str, twin: Any) -> None:
    with duck.connect() as con:
        con.execute(f"CREATE TABLE corrupt AS {CORRUPT} ORDER BY i")
        suite = compile_suite("x", [Rule(ours, kwargs)], ["id"]).expectations
        result = running.results(con, "corrupt", suite, ["id"], fuse=True)[0].result
        frame = con.execute("FROM corrupt ORDER BY id").df()
    context = running.datasource().data_context
    source = context.data_sources.add_pandas("frames")
    try:
        batch = source.add_dataframe_asset("frame").add_batch_definition_whole_dataframe("all")
        found = batch.get_batch({"dataframe": frame}).validate(
            compile_suite("x", [Rule(theirs, twin)]), result_format="SUMMARY"
        )
    finally:
        context.data_sources.delete("frames")
    expected = found.results[0].result["unexpected_count"]
    assert expected > 10
    assert result.get("unexpected_count", result.get("observed_value")) == expected


SUMS = "expect_column_sums_to_match_other_table"


def test_other_tables_and_columns_are_checked_with_their_line(workspace: SmallWorkspace) -> None:
    workspace.define("provinces")
    workspace.define("communes")
    workspace.write("expectations/places/communes.yml", f"""
expectations:
  - type: {SUMS}
    kwargs:
      column: people
      group_by: [codee]
      other_table: provinces
      other_column: peple
      other_group_by: code
  - type: {SUMS}
    kwargs: {{column: people, other_table: province, other_column: people}}
  - type: expect_column_values_to_be_monotone
    kwargs: {{column: people, order_by: [code], group_by: code}}
""")  # fmt: skip
    told = [(line, message, hint) for _, line, _, message, hint in workspace.faults()]
    assert told == [
        (6, "no column 'codee'", "did you mean 'code'?"),
        (8, "provinces has no column 'peple'", "did you mean 'people'?"),
        (9, "must be a list of columns", None),
        (11, "no dataset 'province'", "did you mean 'provinces'?"),
        (13, "must be a list of columns", None),
        (13, "must be the name of a column", None),
    ]


def test_the_other_table_is_there_and_comes_first(workspace: SmallWorkspace) -> None:
    workspace.define("provinces")
    workspace.define("communes")
    workspace.data("communes", "code,name,people\n01,a,100\n02,b,200\n03,c,299\n")
    workspace.expect(
        "communes",
        {"type": SUMS, "severity": "warning", "kwargs": {
            "column": "people", "group_by": ["code"], "other_table": "provinces",
            "other_column": "people"}},
    )  # fmt: skip
    dataset = workspace.dataset("communes")
    assert (dataset.references, dataset.upstream) == (("provinces",), ("provinces",))
    assert [one.slug for one in workspace.load().in_order()] == ["provinces", "communes"]
    workspace.run()
    lake = workspace.lake
    text = (lake.version("communes", 1) / "validation.json").read_text()
    (found,) = [one for one in yaml.safe_load(text)["checks"] if one["type"] == SUMS]
    assert found["rows"] == [{"code": "03", "sum": 299, "expected": 300}]


def test_the_base_of_queries_is_no_expectation() -> None:
    from great_expectations.expectations.registry import list_registered_expectation_implementations

    assert not [one for one in list_registered_expectation_implementations() if "query_of" in one]


QUERY = "unexpected_rows_expectation"


def query(sql: str) -> dict[str, Any]:
    return {"type": QUERY, "severity": "warning", "kwargs": {"unexpected_rows_query": sql}}


def test_a_query_may_read_another_dataset(workspace: SmallWorkspace) -> None:
    workspace.define("provinces")
    workspace.define("communes")
    workspace.data("communes", "code,name,people\n01,a,1\n09,b,2\n10,c,3\n")
    workspace.expect(
        "communes", query("SELECT code FROM {batch} WHERE code NOT IN (SELECT code FROM provinces)")
    )
    assert workspace.faults() == []
    assert workspace.dataset("communes").references == ("provinces",)

    def found() -> dict[str, Any]:
        workspace.run("communes")
        newest = workspace.lake.latest(workspace.lake.versions("communes"))
        path = workspace.lake.version("communes", newest or 0) / "validation.json"
        checks = yaml.safe_load(path.read_text())["checks"]
        return next(one for one in checks if one["type"] == QUERY)

    assert found()["message"].endswith("not checked against provinces, which is not published")
    workspace.run("provinces")
    workspace.data("communes", "code,name,people\n01,a,1\n09,b,2\n10,c,4\n")
    assert found()["rows"] == [{"code": "09"}, {"code": "10"}]


@pytest.mark.parametrize(
    ("sql", "message", "hint"),
    [
        ("SELECT * FROM {batch} JOIN province USING (code)", "no dataset 'province'",
         "did you mean 'provinces'?"),
        ("SELECT * FROM communess", "no dataset 'communess'", "did you mean 'communes'?"),
        ("SELECT * FROM {batch} WHERE name SIMILAR TO 'x{3}'", "braces with something else inside",
         "write {{ and }} for braces that are not {batch}"),
        ("DELETE FROM {batch}", "a query is exactly one SELECT statement", None),
        ("FROM read_csv('/etc/passwd')", "read_csv: a query names tables, not files", None),
        ("SELECT FROM WHERE {batch}", "Parser Error", None),
    ],
)  # fmt: skip
def test_faults_of_a_query_are_told_before_it_runs(
    workspace: SmallWorkspace, sql: str, message: str, hint: str | None
) -> None:
    workspace.define("provinces")
    workspace.define("communes")
    workspace.expect("communes", query(sql))
    ((file, line, key, told, hinted),) = workspace.faults()
    assert (file, key) == ("expectations/places/communes.yml",
                           "expectations.0.kwargs.unexpected_rows_query")  # fmt: skip
    assert line > 1
    assert told.startswith(message)
    assert hinted == hint


def test_braces_that_are_doubled_belong_to_the_query(workspace: SmallWorkspace) -> None:
    workspace.define("communes")
    workspace.expect(
        "communes",
        query("WITH bad AS (SELECT * FROM {batch} WHERE name SIMILAR TO 'x{{3}}') FROM bad"),
    )
    assert workspace.faults() == []
    assert workspace.outcome("communes") == "published"
