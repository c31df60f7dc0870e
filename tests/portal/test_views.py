"""Views of a table: what parameters mean, and that any parameters are either right or refused."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Iterator
from decimal import Decimal
from typing import Any
from urllib.parse import parse_qsl

import duckdb
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from moulouya.portal.records import rows
from moulouya.portal.records.view import OPERATORS, PARAMETERS, Table, View, ViewError, operators

KINDS = {
    "id": "integer", "label": "text", "size": "number", "price": "decimal(6,2)", "open": "boolean",
    "day": "date", "at": "datetime", "more": "json", "shape": "geometry",
}  # fmt: skip
SQL = ("BIGINT", "VARCHAR", "DOUBLE", "DECIMAL(6,2)", "BOOLEAN", "DATE", "TIMESTAMPTZ", "VARCHAR",
       "BLOB")  # fmt: skip
LABELS = ["Éclair", "eclair", "بَرْكان", "بركان", "أحفير", "احفير", "", None, "100%", "a,b", "Z"]
DATA: list[tuple[Any, ...]] = [
    (
        number,
        LABELS[number % len(LABELS)],
        None if number % 5 == 0 else (number % 7) / 4 - 0.5,
        None if number % 6 == 0 else Decimal(number % 9) / 4,
        None if number % 4 == 0 else number % 3 == 0,
        dt.date(2020, 1, 1) + dt.timedelta(days=number % 10),
        dt.datetime(2020, 1, 1, tzinfo=dt.UTC) + dt.timedelta(hours=number % 12),
        None if number % 2 else "{}",
        None,
    )
    for number in range(60)
]
TABLE = Table(
    "t", 1, len(DATA),
    tuple((name, kind, 10, sum(row[place] is None for row in DATA))
          for place, (name, kind) in enumerate(KINDS.items())),
)  # fmt: skip


@pytest.fixture(scope="module")
def con() -> Iterator[duckdb.DuckDBPyConnection]:
    with duckdb.connect() as con:
        con.execute("SET TimeZone = 'UTC'")
        declared = ", ".join(f'"{name}" {kind}' for name, kind in zip(KINDS, SQL, strict=True))
        con.execute(f"CREATE TABLE t ({declared})")
        con.executemany(f"INSERT INTO t VALUES ({', '.join('?' * len(KINDS))})", DATA)
        yield con


def ids(con: duckdb.DuckDBPyConnection, *parameters: tuple[str, str]) -> list[int]:
    view = View.parse(TABLE, [*parameters, ("_size", "1000")])
    return [row[0] for row in rows.page(con, "t", view, str(id(con))).rows]


def expected(keeps: Callable[[Any], bool], column: str) -> list[int]:
    place = list(KINDS).index(column)
    return [row[0] for row in DATA if row[place] is not None and keeps(row[place])]


COMPARISONS: dict[str, Callable[[Any, Any], bool]] = {
    "exact": lambda a, b: a == b,
    "not": lambda a, b: a != b,
    "gt": lambda a, b: a > b,
    "gte": lambda a, b: a >= b,
    "lt": lambda a, b: a < b,
    "lte": lambda a, b: a <= b,
}
VALUES = {
    "id": st.integers(-5, 70),
    "size": st.sampled_from([-0.5, 0, 0.25, 0.3, 1e300]),
    "price": st.sampled_from([Decimal("0.25"), Decimal("1.005"), Decimal("-3"), Decimal("2")]),
    "day": st.dates(dt.date(2019, 12, 30), dt.date(2020, 1, 12)),
    "label": st.sampled_from([label for label in LABELS if label is not None]),
}


@given(st.data())
@settings(deadline=None, max_examples=40,
          suppress_health_check=[HealthCheck.function_scoped_fixture])  # fmt: skip
def test_condition_keeps_the_rows_that_python_keeps(
    con: duckdb.DuckDBPyConnection, data: st.DataObject
) -> None:
    column = data.draw(st.sampled_from(list(VALUES)))
    operator = data.draw(st.sampled_from(list(COMPARISONS)))
    value = data.draw(VALUES[column])
    compare = COMPARISONS[operator]
    found = ids(con, (f"{column}__{operator}", str(value)))
    assert found == expected(lambda one: compare(one, value), column)


def test_bare_column_means_equal_and_is_no_condition_when_empty(
    con: duckdb.DuckDBPyConnection,
) -> None:
    assert ids(con, ("id", "7")) == [7]
    assert len(ids(con, ("id", ""))) == len(DATA)
    assert ids(con, ("label__exact", "")) == expected(lambda one: one == "", "label")


def test_lists_take_commas_or_json(con: duckdb.DuckDBPyConnection) -> None:
    assert ids(con, ("id__in", "3,1,99")) == [1, 3]
    assert ids(con, ("label__in", '["a,b","Z"]')) == expected(
        lambda one: one in ("a,b", "Z"), "label"
    )


def test_missing_values_have_conditions_of_their_own(con: duckdb.DuckDBPyConnection) -> None:
    empty = [row[0] for row in DATA if row[2] is None]
    assert ids(con, ("size__isnull", "1")) == empty
    assert ids(con, ("size__notnull", "")) == [row[0] for row in DATA if row[2] is not None]


@pytest.mark.parametrize(
    ("written", "found"),
    [
        ("ECLAIR", {"Éclair", "eclair"}),
        ("éclair", {"Éclair", "eclair"}),
        ("بركان", {"بَرْكان", "بركان"}),
        ("إحفير", {"أحفير", "احفير"}),
        ("١٠٠", {"100%"}),
        ("%", {"100%"}),
        ("zz", set()),
    ],
)
def test_search_does_not_mind_accents_case_and_spellings(
    con: duckdb.DuckDBPyConnection, written: str, found: set[str]
) -> None:
    wanted = expected(lambda one: one in found, "label")
    assert ids(con, ("_search", written)) == wanted
    assert ids(con, ("label__contains", written)) == wanted


@pytest.mark.parametrize("column", [name for name in KINDS if name != "shape"])
@pytest.mark.parametrize("parameter", ["_sort", "_sort_desc"])
@pytest.mark.parametrize("condition", [(), (("id__gt", "4"), ("open__notnull", "1"))])
def test_steps_through_pages_meet_every_row_once_and_lead_back(
    con: duckdb.DuckDBPyConnection,
    column: str,
    parameter: str,
    condition: tuple[tuple[str, str], ...],
) -> None:
    everything = ids(con, *condition, (parameter, column))
    assert sorted(everything) == ids(con, *condition)
    walked: list[int] = []
    pages = []
    page = read(con, *condition, (parameter, column), ("_size", "17"))
    while True:
        assert page.start == len(walked)
        walked += [row[0] for row in page.rows]
        pages.append([row[0] for row in page.rows])
        if not page.after:
            break
        page = read(
            con, *condition, (parameter, column), ("_size", "17"), ("_next", str(page.last))
        )
    assert walked == everything
    last = read(con, *condition, (parameter, column), ("_size", "17"), ("_previous", "end"))
    assert [row[0] for row in last.rows] == pages[-1]
    back = read(
        con, *condition, (parameter, column), ("_size", "17"), ("_previous", str(last.first))
    )
    assert [row[0] for row in back.rows] == pages[-2]
    assert back.after


def read(con: duckdb.DuckDBPyConnection, *parameters: tuple[str, str]) -> rows.Page:
    return rows.page(con, "t", View.parse(TABLE, parameters), str(id(con)))


def test_empty_values_come_last_in_both_directions(con: duckdb.DuckDBPyConnection) -> None:
    gaps = {row[0] for row in DATA if row[2] is None}
    for parameter in ("_sort", "_sort_desc"):
        assert set(ids(con, (parameter, "size"))[-len(gaps) :]) == gaps


def test_columns_are_chosen_or_left_out() -> None:
    assert View.parse(TABLE, [("_col", "size"), ("_col", "id")]).shown == ("size", "id")
    assert "shape" not in View.parse(TABLE, [("_nocol", "shape")]).shown
    assert View.parse(TABLE, [("_col", name) for name in KINDS]).whole
    with pytest.raises(ViewError, match="at least one"):
        View.parse(TABLE, [("_col", "id"), ("_nocol", "id")])


@pytest.mark.parametrize(
    ("parameter", "text", "fix"),
    [
        ("labl", "x", "is “label” meant"),
        ("_srt", "id", "is “_sort” meant"),
        ("_sort", "lable", "is “label” meant"),
        ("label__contain", "x", "is “contains” meant"),
        ("id__gt", "ten", "whole number"),
        ("id__gt", "9223372036854775808", "whole number"),
        ("price__gt", "100000", "more digits"),
        ("day__gt", "1/2/2020", "2026-09-30"),
        ("size__gt", "inf", "1234.5"),
        ("size__contains", "1", "use one of"),
        ("shape__bbox", "1,2,3", "west,south,east,north"),
        ("_sort", "shape", "shapes"),
        ("_size", "0", "from 1 to 1000"),
        ("_next", "-1", "whole number"),
        ("label", "\0", "character"),
    ],
)
def test_mistakes_are_told_with_what_to_write(parameter: str, text: str, fix: str) -> None:
    with pytest.raises(ViewError, match=fix) as told:
        View.parse(TABLE, [(parameter, text)])
    assert told.value.parameter == parameter


names = st.one_of(
    st.sampled_from([*KINDS, *PARAMETERS]),
    st.builds("{}__{}".format, st.sampled_from(list(KINDS)), st.sampled_from(OPERATORS)),
    st.text(max_size=12),
)
texts = st.one_of(
    st.sampled_from(["1", "0", "2020-01-01", "1,2", "-3,33,0,36", "[1,2]", "end", "label", "Z"]),
    st.text(max_size=12),
    st.floats().map(str),
    st.decimals().map(str),
)


@given(st.lists(st.tuples(names, texts), max_size=4))
@settings(deadline=None, max_examples=60,
          suppress_health_check=[HealthCheck.function_scoped_fixture])  # fmt: skip
def test_any_parameters_are_read_or_refused(
    con: duckdb.DuckDBPyConnection, parameters: list[tuple[str, str]]
) -> None:
    try:
        view = View.parse(TABLE, parameters)
        rows.page(con, "t", view, str(id(con)))
    except ViewError:
        return
    again = View.parse(TABLE, parse_qsl(view.query(), keep_blank_values=True))
    assert again == view
    assert again.query() == view.query()


@pytest.mark.parametrize("kind", sorted(set(KINDS.values())))
def test_every_type_has_operators_that_are_known(kind: str) -> None:
    assert set(operators(kind)) <= set(OPERATORS)
    assert {"isnull", "notnull"} <= set(operators(kind))


def test_query_is_the_same_for_the_same_view() -> None:
    view = View.parse(TABLE, [("id__gt", "3"), ("_next", "9")])
    assert view.query() == "id__gt=3&_next=9"
    assert view.query(sort="size") == "id__gt=3&_sort=size", "a new order starts at the first row"
    assert view.content().query() == "id__gt=3"
