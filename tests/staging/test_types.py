"""Text becomes the contract's types; a value that does not fit is rejected, never changed."""

from __future__ import annotations

import datetime as dt
from decimal import Decimal

import pytest

from small_workspace import rows_of


def read(staged, type_, *texts, source=None, **spec):
    body = "code;x\n" + "".join(f'{n};"{text}"\n' for n, text in enumerate(texts))
    dialect = {"delimiter": ";", **(source or {})}
    return staged(body, {"code": "integer", "x": {"type": type_, **spec}},
                  source={"dialect": dialect})  # fmt: skip


def values(result):
    return [row[1] for row in rows_of(result.table)]


@pytest.mark.parametrize(
    ("type_", "text", "value"),
    [
        ("text", " a ", " a "),
        ("integer", "0012", 12),
        ("integer", " -5 ", -5),
        ("integer", "+5", 5),
        ("integer", "12.0", 12),
        ("integer", "12.", 12),
        ("integer", "9223372036854775807", 2**63 - 1),
        ("integer", "9007199254740993.0", 9007199254740993),
        ("number", "1.5e3", 1500.0),
        ("number", "-.5", -0.5),
        ("decimal(6,2)", "1234.5", Decimal("1234.50")),
        ("decimal(6,2)", "1.500", Decimal("1.50")),
        ("boolean", "true", True),
        ("boolean", "F", False),
        ("date", "2024-09-01", dt.date(2024, 9, 1)),
        ("date", " 2024-9-1 ", dt.date(2024, 9, 1)),
        ("json", '{""a"": [1]}', '{"a": [1]}'),
    ],
)
def test_a_value_that_fits_is_taken(staged, type_, text, value):
    assert values(read(staged, type_, text)) == [value]


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("2024-09-01T10:00:00Z", dt.datetime(2024, 9, 1, 10)),
        ("2024-09-01T10:00:00+02:00", dt.datetime(2024, 9, 1, 8)),
        ("2024-09-01 10:00", dt.datetime(2024, 9, 1, 10)),
        ("2024-09-01 10:00:00.5", dt.datetime(2024, 9, 1, 10, 0, 0, 500000)),
        ("2024-09-01", dt.datetime(2024, 9, 1)),
    ],
)
def test_a_moment_is_kept_in_utc(staged, text, value):
    result = read(staged, "datetime", text)
    assert rows_of(result.table, "x AT TIME ZONE 'UTC'") == [(value,)]


@pytest.mark.parametrize(
    ("type_", "text"),
    [
        ("integer", "12.7"),
        ("integer", "127e-1"),
        ("integer", "12,7"),
        ("integer", "9223372036854775808"),
        ("integer", "9007199254740992.5"),
        ("integer", "1 234"),
        ("integer", "n/a"),
        ("integer", "1e3"),
        ("integer", "0x1F"),
        ("integer", "1_000"),
        ("number", "1_000.5"),
        ("datetime", "24-09-01"),
        ("number", "nan"),
        ("number", "inf"),
        ("number", "-Infinity"),
        ("number", "1e400"),
        ("number", "1,5"),
        ("decimal(3,2)", "12.34"),
        ("decimal(6,2)", "1.239"),
        ("decimal(6,2)", "1.5e-3"),
        ("decimal(6,2)", "nan"),
        ("boolean", "maybe"),
        ("boolean", "2"),
        ("date", "2024-02-30"),
        ("date", "01/09/2024"),
        ("date", "2024-09-01 12:00"),
        ("date", "epoch"),
        ("date", "infinity"),
        ("datetime", "infinity"),
        ("datetime", "epoch"),
        ("datetime", "2024-09-01T25:00:00Z"),
        ("json", "{a}"),
        ("geometry", "POINT(1"),
        ("geometry", "x"),
    ],
)
def test_a_value_that_does_not_fit_is_rejected(staged, type_, text):
    fitting = {"json": "1", "geometry": "POINT(1 2)", "boolean": "true", "date": "2024-01-01",
               "datetime": "2024-01-01"}.get(type_, "1")  # fmt: skip
    result = read(staged, type_, fitting, text)
    assert (result.rows, result.rejected) == (1, 1)
    ((reason,),) = rows_of(result.rejects, "reason")
    assert reason == f"x: {text} is not {type_}"


@pytest.mark.parametrize(
    ("dialect", "type_", "text", "value"),
    [
        ({"decimal": ","}, "number", "1,5", 1.5),
        ({"decimal": ","}, "decimal(6,2)", "-1,50", Decimal("-1.50")),
        ({"decimal": ",", "thousands": "."}, "number", "1.234,5", 1234.5),
        ({"decimal": ",", "thousands": " "}, "integer", "1 234 567", 1234567),
        ({"decimal": ",", "thousands": "\u00a0"}, "integer", "1\u00a0234", 1234),
        ({"decimal": ",", "thousands": "\u202f"}, "decimal(9,1)", "1\u202f234,5",
         Decimal("1234.5")),
        ({"thousands": ","}, "integer", "1,234", 1234),
        ({"thousands": "'"}, "integer", "1'234", 1234),
        ({"decimal": ","}, "integer", "12,0", 12),
    ],
)  # fmt: skip
def test_numbers_are_written_as_the_dialect_says(staged, dialect, type_, text, value):
    assert values(read(staged, type_, text, source=dialect)) == [value]


@pytest.mark.parametrize(
    ("type_", "text"), [("number", "1.5"), ("integer", "1.234"), ("number", "1,2,3")]
)
def test_a_point_is_no_number_where_the_comma_is_the_decimal_mark(staged, type_, text):
    result = read(staged, type_, "1", text, source={"decimal": ","})
    assert (result.rows, result.rejected) == (1, 1)


@pytest.mark.parametrize(
    ("type_", "format_", "text", "value"),
    [
        ("date", "%d/%m/%Y", "01/09/2024", dt.date(2024, 9, 1)),
        ("date", "%Y%m%d", " 20240901 ", dt.date(2024, 9, 1)),
        ("date", "%d/%m/%Y %H:%M", "01/09/2024 00:00", dt.date(2024, 9, 1)),
    ],
)
def test_a_declared_format_reads_dates(staged, type_, format_, text, value):
    assert values(read(staged, type_, text, format=format_)) == [value]


@pytest.mark.parametrize("text", ["2024-09-01", "31/02/2024", "01/09/2024 10:00", "x"])
def test_a_date_in_another_format_is_rejected(staged, text):
    result = read(staged, "date", "01/01/2024", text, format="%d/%m/%Y")
    assert (result.rows, result.rejected) == (1, 1)


def test_a_date_never_loses_its_time(staged):
    result = read(staged, "date", "01/01/2024 00:00", "01/01/2024 10:00", format="%d/%m/%Y %H:%M")
    assert (result.rows, result.rejected) == (1, 1)


def test_a_declared_format_reads_moments(staged):
    result = read(staged, "datetime", "01/09/2024 10:30", format="%d/%m/%Y %H:%M")
    assert rows_of(result.table, "x AT TIME ZONE 'UTC'") == [(dt.datetime(2024, 9, 1, 10, 30),)]


def test_texts_that_mean_no_value_become_none(staged):
    result = read(staged, "integer", "5", "n/a", "-", " ", missing=["n/a", "-", " "])
    assert values(result) == [5, None, None, None]


def test_an_empty_value_is_no_value(staged):
    result = staged('code,a,b\n1,,\n2,"",x\n', {"code": "integer", "a": "integer", "b": "text"})
    assert rows_of(result.table) == [(1, None, None), (2, None, "x")]


def test_with_no_missing_texts_an_empty_text_is_a_text_where_it_is_quoted(staged):
    result = staged('code,a\n1,""\n', {"code": "integer", "a": {"type": "text", "missing": []}})
    assert rows_of(result.table)[0][1] in ("", None)


def test_a_required_value_that_is_missing_rejects_its_row(staged):
    result = staged(
        "code,a\n1,\n2,x\n", {"code": "integer", "a": {"type": "text", "required": True}}
    )
    assert rows_of(result.table) == [(2, "x")]
    assert rows_of(result.rejects, "reason") == [("a: missing",)]


def test_a_key_is_required_without_saying_so(staged):
    result = staged("code,a\n,y\n2,x\n", {"code": "text", "a": "text"})
    assert rows_of(result.table) == [("2", "x")]
    assert rows_of(result.rejects, "reason") == [("code: missing",)]


def test_geometry_is_read_from_well_known_text(staged):
    result = staged('code,g\n1,POINT(-2.3 34.9)\n2,"POLYGON((0 0, 1 0, 1 1, 0 0))"\n',
                    {"code": "integer", "g": "geometry"})  # fmt: skip
    assert rows_of(result.table, "ST_AsText(g)") == [
        ("POINT (-2.3 34.9)",), ("POLYGON ((0 0, 1 0, 1 1, 0 0))",)
    ]  # fmt: skip
