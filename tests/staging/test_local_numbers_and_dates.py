"""Numbers and dates as Morocco writes them: Arabic digits, French and Arabic months."""

from __future__ import annotations

import datetime as dt
from decimal import Decimal

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from moulouya import casting, duck
from moulouya.definition import Dialect, StagedColumn
from small_workspace import rows_of

GENTLY = settings(max_examples=40, deadline=None, suppress_health_check=list(HealthCheck))
EASTERN = str.maketrans("0123456789", "٠١٢٣٤٥٦٧٨٩")
PERSIAN = str.maketrans("0123456789", "۰۱۲۳۴۵۶۷۸۹")


def cast(type_, text, dialect=None, **more):
    """What the tolerant form makes of a text; the strict one gives the same or stops."""
    column = StagedColumn.model_validate({"type": type_, **more})
    marks = Dialect.model_validate(dialect or {})
    with duck.connect() as con:
        con.execute("CREATE TABLE source AS SELECT ?::VARCHAR AS x", [text])
        value = con.execute(f"SELECT {casting.tolerant('x', column, marks)} FROM source").fetchone()
        try:
            strict = con.execute(f"SELECT {casting.strict('x', column, marks)} FROM source")
            assert strict.fetchone() == value
        except duck.duckdb.Error:
            pass
    return value[0]


@pytest.mark.parametrize(
    ("type_", "text", "value"),
    [
        ("integer", "١٢٣", 123),
        ("integer", "۱۲۳", 123),
        ("integer", "\u200f\u202b-١٢\u202c", -12),
        ("integer", "\u22125", -5),
        ("integer", "١٬٢٣٤", 1234),
        ("integer", "١٬٢٣", None),
        ("number", "١٢٫٥", 12.5),
        ("decimal(9,2)", "١٬٢٣٤٫٥", Decimal("1234.50")),
        ("text", "١٢٣", "١٢٣"),
    ],
)
def test_arabic_digits_are_numbers_and_stay_text_in_text(type_, text, value):
    assert cast(type_, text) == value


def test_arabic_decimal_marks_hold_where_the_comma_is_declared_too():
    assert cast("number", "١٬٢٣٤٫٥", {"decimal": ","}) == 1234.5


@pytest.mark.parametrize(
    ("thousands", "text", "value"),
    [(" ", "1 234", 1234), (" ", "1\u00a0234\u202f567", 1234567), ("\u00a0", "1 234", 1234),
     (" ", "12 34", None), (".", "12.5", None), (".", "1.234", 1234), ("'", "1'2", None)],
)  # fmt: skip
def test_thousands_marks_stand_before_three_digits_or_it_is_no_number(thousands, text, value):
    assert cast("integer", text, {"thousands": thousands, "decimal": ","}) == value


@pytest.mark.parametrize(
    ("language", "text", "month"),
    [
        ("fr", "1 janvier 2024", 1), ("fr", "1 févr. 2024", 2), ("fr", "1 Fevrier 2024", 2),
        ("fr", "1 AOÛT 2024", 8), ("fr", "1 déc 2024", 12), ("en", "1 Sept 2024", 9),
        ("ar", "1 يناير 2024", 1), ("ar", "1 ماي 2024", 5), ("ar", "١ غشت ٢٠٢٤", 8),
        ("ar", "1 دجنبر 2024", 12), ("ar", "1 أبريل 2024", 4), ("ar", "1 ابريل 2024", 4),
        ("ar", "1 كانون الثاني 2024", 1), ("ar", "1 أغسطس 2024", 8), ("ar", "1 جويلية 2024", 7),
    ],
)  # fmt: skip
def test_month_names_of_the_declared_language_are_read(language, text, month):
    found = cast("date", text, format="%d %B %Y", language=language)
    assert found == dt.date(2024, month, 1)


@pytest.mark.parametrize("text", ["31 février 2024", "1 mais 2024", "1 janvier 24", "janvier 2024"])
def test_what_is_no_day_of_the_calendar_is_none(text):
    assert cast("date", text, format="%d %B %Y", language="fr") is None


def test_two_digits_are_a_year_only_where_the_format_says_so():
    assert cast("date", "01/09/24", format="%d/%m/%Y") is None
    assert cast("date", "01/09/24", format="%d/%m/%y") == dt.date(2024, 9, 1)


@pytest.mark.parametrize(
    "text",
    ["2024-09-01T10:00:00+02:00", "2024-09-01 10:00:00+02",
     "2024-09-01T10:00:00+0200", "2024-09-01T08:00:00Z", "2024-09-01 08:00:00"],
)  # fmt: skip
def test_an_offset_is_never_lost_in_the_fast_cast(text):
    assert cast("datetime", text).astimezone(dt.UTC) == dt.datetime(2024, 9, 1, 8, tzinfo=dt.UTC)


@GENTLY
@given(st.integers(-(2**63), 2**63 - 1), st.sampled_from([EASTERN, PERSIAN]))
def test_every_integer_is_the_same_in_arabic_digits(value, digits):
    assert cast("integer", str(value).translate(digits)) == value


@GENTLY
@given(st.dates(dt.date(1000, 1, 1)), st.sampled_from([EASTERN, PERSIAN, {}]))
def test_every_date_is_the_same_in_arabic_digits(value, digits):
    text = f"{value.day:02}/{value.month:02}/{value.year:04}".translate(digits)
    assert cast("date", text, format="%d/%m/%Y") == value


def test_a_column_of_arabic_digits_is_staged_whole(staged):
    result = staged("code,x\n١,٢٫٥\n۲,3.5\n", {"code": "integer", "x": "number"})
    assert rows_of(result.table) == [(1, 2.5), (2, 3.5)]
    assert result.rejected == 0
