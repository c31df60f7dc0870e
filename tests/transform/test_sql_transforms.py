"""A dataset's SQL turns its inputs into the published table, in the contract's columns."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from moulouya.errors import TransformError
from moulouya.transform import transform
from small_workspace import SmallWorkspace, column, rows_of

COLUMNS = {"code": column("text"), "people": column("integer")}
STAGED = "SELECT '0' || range AS code, range * 100 AS people FROM range(1, 4)"


@pytest.fixture
def make(workspace: SmallWorkspace, tmp_path: Path) -> Callable[..., list[tuple[Any, ...]]]:
    """Run SQL on tables given as queries; the rows it publishes."""
    import duckdb

    def call(
        sql: str,
        columns: dict[str, Any] = COLUMNS,
        inputs: dict[str, str] | None = None,
        themes: dict[str, str] | None = None,
        suffix: str = ".sql",
    ) -> list[tuple[Any, ...]]:
        workspace.define("made", columns=columns, key=["code"])
        for slug in inputs or {}:
            workspace.define(slug)
        workspace.transform("made", sql, suffix=suffix)
        tables = {}
        with duckdb.connect() as con:
            for name, query in {"staged": STAGED, **(inputs or {})}.items():
                tables[name] = tmp_path / f"{name}.parquet"
                con.execute(f"COPY ({query}) TO '{tables[name]}' (FORMAT parquet)")
        target = tmp_path / "out" / "table.parquet"
        rows = transform(
            workspace.dataset("made"), tables, target,
            region=workspace.region, themes=themes or {}, settings=workspace.settings,
        )  # fmt: skip
        published = rows_of(target)
        assert len(published) == rows
        return published

    return call


def test_the_rows_are_published_in_order_of_the_key(make):
    sql = "-- a row is one commune\nSELECT people, code FROM staged ORDER BY code DESC;\n"
    assert make(sql) == [("01", 100), ("02", 200), ("03", 300)]


def test_other_datasets_are_named_by_slug_or_with_their_theme(make):
    inputs = {"other": "SELECT '01' AS code, 7 AS n"}
    for name in ("other", "places.other"):
        rows = make(
            f"SELECT code, n AS people FROM {name}", inputs=inputs, themes={"other": "places"}
        )
        assert rows == [("01", 7)]


def test_the_region_is_known_by_variables(make):
    sql = (
        "SELECT getvariable('region_code') || getvariable('region_name_fr') AS code, "
        "(getvariable('region_north') - getvariable('region_south'))::BIGINT AS people"
    )
    assert make(sql) == [("77Olive River en français", 2)]


def test_a_column_that_is_not_made_names_the_close_one(make):
    with pytest.raises(
        TransformError, match=r"does not make the column 'people'.*'peopel'"
    ) as caught:
        make("SELECT code, people AS peopel FROM staged")
    assert "makes 'peopel', which the definition does not declare" in caught.value.message
    assert caught.value.exit_code == 2


def test_a_column_that_is_not_declared_is_an_error(make):
    with pytest.raises(TransformError, match="makes 'more', which the definition does not declare"):
        make("SELECT *, 1 AS more FROM staged")


@pytest.mark.parametrize(
    ("expression", "type_"),
    [
        ("1.5::DOUBLE", "integer"),
        ("'5'", "integer"),
        ("1.5::DECIMAL(9,2)", "integer"),
        ("5", "text"),
        ("TIMESTAMP '2024-01-01 10:00:00'", "date"),
        ("'2024-01-01'", "date"),
        ("'POINT(1 2)'", "geometry"),
        ("[1, 2]", "json"),
        ("'x'", "number"),
        ("'x'", "boolean"),
        ("'1.5'", "decimal(4,2)"),
        ("'2024-01-01'", "datetime"),
    ],
)
def test_a_column_of_a_type_that_a_cast_would_change_is_an_error(make, expression, type_):
    with pytest.raises(TransformError, match=f"makes 'x' as .* declared as {type_[:7]}"):
        make(f"SELECT code, {expression} AS x FROM staged",
             {"code": column("text"), "x": column(type_)})  # fmt: skip


@pytest.mark.parametrize(
    ("expression", "type_"),
    [
        ("5::SMALLINT", "integer"),
        ("sum(people)", "integer"),
        ("5", "number"),
        ("1.5::DECIMAL(3,1)", "number"),
        ("1.5::DECIMAL(4,2)", "decimal(4,2)"),
        ("5::INTEGER", "decimal(4,2)"),
        ("1.239::DOUBLE", "decimal(4,2)"),
        ("true", "boolean"),
        ("DATE '2024-01-01'", "date"),
        ("TIMESTAMPTZ '2024-01-01'", "datetime"),
        ("'[1]'::JSON", "json"),
        ("'POINT(1 2)'::GEOMETRY", "geometry"),
        ("NULL::VARCHAR", "text"),
    ],
)
def test_a_type_that_fits_is_cast(make, expression, type_):
    rows = make(f"SELECT code, {expression} AS x FROM staged GROUP BY code",
                {"code": column("text"), "x": column(type_)})  # fmt: skip
    assert len(rows) == 3


@pytest.mark.parametrize(
    ("sql", "message"),
    [
        ("SELECT code, peopel AS people FROM staged", 'made.sql: .*"peopel" not found'),
        ("SELECT code, (people / 'x')::BIGINT AS people FROM staged", "made.sql: .*'x'"),
        ("SELECT code, error('stop here')::BIGINT AS people FROM staged", "made.sql: .*stop here"),
        ("SELECT code, people + 9223372036854775807 AS people FROM staged", "made.sql: .*verflow"),
    ],
)
def test_an_error_of_the_sql_says_which_file_and_what(make, sql, message):
    with pytest.raises(TransformError, match=message):
        make(sql)


def test_a_sum_larger_than_an_integer_is_an_error_not_a_wrong_number(make):
    with pytest.raises(TransformError, match="out of range"):
        make("SELECT 'a' AS code, sum(9223372036854775807) AS people FROM staged")


def test_a_python_transform_gets_and_gives_pandas_frames(make):
    code = (
        "def transform(inputs):\n"
        "    frame = inputs['staged']\n"
        "    frame['people'] = frame['people'] * 2\n"
        "    return frame[frame['code'] != '01']\n"
    )
    assert make(code, suffix=".py") == [("02", 400), ("03", 600)]


def test_python_gets_and_gives_geometry_as_wkb(make):
    code = (
        "import shapely\n"
        'INPUTS = ("other",)\n\n\n'
        "def transform(inputs):\n"
        "    frame = inputs['other']\n"
        "    frame['place'] = [shapely.to_wkb(shapely.from_wkb(bytes(one)).buffer(0).envelope)\n"
        "                      for one in frame['place']]\n"
        "    return frame\n"
    )
    other = "SELECT '1' AS code, 'POLYGON((0 0, 1 0, 1 1, 0 0))'::GEOMETRY AS place"
    columns = {"code": column("text"), "place": column("geometry")}
    ((code_, place),) = make(code, columns, {"other": other}, suffix=".py")
    assert code_ == "1"
    assert len(bytes(place)) > 90


@pytest.mark.parametrize(
    ("code", "message"),
    [
        ("def transform(inputs):\n    frame = inputs['staged']\n    return frame['nothing']\n",
         r"made\.py:3: KeyError: 'nothing'"),
        ("def transform(inputs):\n    return 5\n", r"made\.py: transform\(\) returned int"),
        ("import no_such_module\n\n\ndef transform(inputs):\n    ...\n",
         r"made\.py.*No module named 'no_such_module'"),
        ("def helper():\n    raise ValueError('no')\n\n\ndef transform(inputs):\n    helper()\n",
         r"made\.py:2: ValueError: no"),
        ("def transform(inputs):\n    return inputs['staged'].assign(x=1)\n",
         "makes 'x', which the definition does not declare"),
        ("def transform(inputs):\n    return inputs['staged'].assign(people=1.5)\n",
         "makes 'people' as DOUBLE"),
        ("def transform(inputs):\n    return inputs['staged'].assign(people=[1, 'x', None])\n",
         r"made\.py"),
    ],
)  # fmt: skip
def test_an_error_of_the_python_says_file_line_and_what(make, code, message):
    with pytest.raises(TransformError, match=message):
        make(code, suffix=".py")
