"""Conditions in CQL2 keep the rows that a plain evaluation keeps, whatever is written."""

from __future__ import annotations

import contextlib
import datetime as dt
import itertools
import re
import time
import unicodedata
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

import duckdb
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from moulouya import duck
from moulouya.portal.api import conditions, cql, shapes
from moulouya.portal.api.faults import Refused
from moulouya.portal.records.view import Table

Row = Mapping[str, Any]
BEYOND_DOUBLES = 2**53
TABLE = Table(
    "things", 1, 8,
    tuple((name, kind, 0, 1) for name, kind in (
        ("n", "integer"), ("m", "integer"), ("x", "number"), ("p", "decimal(10,2)"),
        ("s", "text"), ("b", "boolean"), ("d", "date"), ("t", "datetime"), ("g", "geometry"),
    )),
)  # fmt: skip
ROWS: list[Row] = [
    dict(zip(TABLE.types, row, strict=True)) for row in (
        (0, 1, 0.5, "1.10", "Berkane", True, "2024-01-01", "2024-01-01 00:00:00+00", "POINT (0 0)"),
        (-7, 2, -2.25, "0.00", "berkane", False, "2024-02-29", "2024-02-29 12:30:00+00", None),
        (BEYOND_DOUBLES, BEYOND_DOUBLES + 1, 1e300, "-99.99", "Éclair", None, "1969-07-20",
         "1969-07-20 20:17:40+00", "POINT (1 1)"),
        (BEYOND_DOUBLES + 1, 3, 0.1, "12345678.90", "50%_\\'", True, None, None,
         "LINESTRING (0 0, 2 2)"),
        (2**63 - 1, -(2**63), 7.0, None, "", False, "2024-01-01", "2024-01-01 00:00:01+00",
         "POLYGON ((0 0, 3 0, 3 3, 0 3, 0 0))"),
        (None, 5, None, "5.00", None, None, "9999-12-31", "2024-12-31 23:59:59+00",
         "POLYGON ((10 10, 11 10, 10 11, 10 10))"),
        (5, None, -0.0, "5.05", "éclair", True, "0001-01-01", "2024-06-01 00:00:00+00",
         "POINT (2 0.5)"),
        (5, 5, 5.0, "2.50", "بركان", False, "2024-06-01", "2024-06-01 00:00:00+00", "POINT (9 9)"),
    )
]  # fmt: skip
SQL = {"integer": "BIGINT", "number": "DOUBLE", "text": "VARCHAR", "boolean": "BOOLEAN",
       "date": "DATE", "datetime": "TIMESTAMPTZ", "geometry": "VARCHAR"}  # fmt: skip


@pytest.fixture(scope="module")
def con() -> Iterator[duckdb.DuckDBPyConnection]:
    with duck.connect() as con:
        columns = ", ".join(f"{name} {SQL.get(kind, kind)}" for name, kind in TABLE.types.items())
        con.execute(f"CREATE TABLE read ({columns})")
        for row in ROWS:
            con.execute(f"INSERT INTO read VALUES ({', '.join('?' * len(row))})",
                        list(row.values()))  # fmt: skip
        con.execute(
            "CREATE TABLE things AS SELECT * REPLACE (ST_AsWKB(g::GEOMETRY) AS g) FROM read"
        )
        yield con


def kept(con: duckdb.DuckDBPyConnection, text: str) -> list[int]:
    """The numbers of the rows that a condition keeps."""
    piece, _ = conditions.compile_text(text, TABLE)
    bound = shapes.looked_up(con, "things", piece.bound, "version")
    query = f"SELECT rowid FROM things WHERE {piece.sql} ORDER BY rowid"
    return [row[0] for row in con.execute(query, bound).fetchall()]


@dataclass(frozen=True)
class Said:
    """An expression as text, and what it means for a row; None is unknown."""

    text: str
    of: Callable[[Row], Any]


def value_of(name: str) -> Callable[[Row], Any]:
    kind = TABLE.types[name]

    def read(row: Row) -> Any:
        value = row[name]
        if value is None or kind in ("integer", "number", "text", "boolean"):
            return value
        if kind == "date":
            return dt.date.fromisoformat(value)
        if kind == "datetime":
            return dt.datetime.fromisoformat(value)
        return Decimal(value)

    return read


def column(*names: str) -> st.SearchStrategy[Said]:
    return st.sampled_from(names).map(lambda name: Said(name, value_of(name)))


def constant(text: str, value: Any) -> Said:
    return Said(text, lambda row: value)


def lifted(function: Callable[..., Any], *parts: Said) -> Callable[[Row], Any]:
    """A function of values that is unknown where one of them is."""

    def of(row: Row) -> Any:
        values = [part.of(row) for part in parts]
        return None if any(value is None for value in values) else function(*values)

    return of


def quoted(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"


whole = st.sampled_from([0, 1, 2, 5, -7, BEYOND_DOUBLES, BEYOND_DOUBLES + 1, 2**63 - 1, 2**64])
whole_literal = whole.map(lambda n: constant(str(n), n))
FRACTIONS = ["0.5", "5.05", "1.1", "-2.25", "12345678.9", "9007199254740992.5"]
fraction_literal = st.sampled_from(FRACTIONS).map(lambda text: constant(text, Decimal(text)))
words = st.sampled_from(["Berkane", "berkane", "éclair", "Éclair", "", "it's", "50%_\\'", "بركان"])
text_literal = words.map(lambda text: constant(quoted(text), text))


def unaccented(text: str) -> str:
    apart = unicodedata.normalize("NFD", text)
    return "".join(sign for sign in apart if not unicodedata.combining(sign))


def truncated(a: int, b: int) -> int | None:
    return None if b == 0 else abs(a) // abs(b) * (1 if (a < 0) == (b < 0) else -1)


def remainder(a: int, b: int) -> int | None:
    return None if b == 0 else a - (truncated(a, b) or 0) * b


def calculated(inner: st.SearchStrategy[Said]) -> st.SearchStrategy[Said]:
    operators: dict[str, Callable[[int, int], Any]] = {
        "+": lambda a, b: a + b, "-": lambda a, b: a - b, "DIV": truncated, "%": remainder,
    }  # fmt: skip
    return st.builds(
        lambda a, sign, b: Said(f"({a.text} {sign} {b.text})", lifted(operators[sign], a, b)),
        inner, st.sampled_from(sorted(operators)), inner,
    ) | inner.map(lambda a: Said(f"(-{a.text})", lifted(lambda v: -v, a)))  # fmt: skip


integers = st.recursive(column("n", "m") | whole_literal, calculated, max_leaves=3)
texts = st.recursive(
    column("s") | text_literal,
    lambda inner: (
        inner.map(lambda a: Said(f"CASEI({a.text})", lifted(str.lower, a)))
        | inner.map(lambda a: Said(f"accenti({a.text})", lifted(unaccented, a)))
    ),
    max_leaves=2,
)
days = column("d") | st.sampled_from(["2024-01-01", "0001-01-01", "2024-02-29"]).map(
    lambda text: constant(f"DATE('{text}')", dt.date.fromisoformat(text))
)
times = column("t") | st.sampled_from(["2024-01-01T00:00:00Z", "2024-06-01T01:00:00+01:00"]).map(
    lambda text: constant(f"TIMESTAMP('{text}')", dt.datetime.fromisoformat(text))
)
doubles = column("x") | st.sampled_from(["0.1", "0.5", "-2.25", "1e300", "7"]).map(
    lambda text: constant(text, float(text))
)
# Pairs of kinds that can be compared, each exactly.
comparable = st.one_of(
    st.tuples(integers, integers), st.tuples(column("n", "m"), fraction_literal),
    st.tuples(column("p"), column("p") | fraction_literal | whole_literal),
    st.tuples(column("x"), doubles), st.tuples(texts, texts), st.tuples(days, days),
    st.tuples(times, times),
)  # fmt: skip
COMPARED: dict[str, Callable[[Any, Any], bool]] = {
    "=": lambda a, b: a == b, "<>": lambda a, b: a != b, "<": lambda a, b: a < b,
    "<=": lambda a, b: a <= b, ">": lambda a, b: a > b, ">=": lambda a, b: a >= b,
}  # fmt: skip


def between(value: Said, low: Said, high: Said) -> Callable[[Row], Any]:
    above, below = lifted(COMPARED[">="], value, low), lifted(COMPARED["<="], value, high)
    return lambda row: conjunction([above(row), below(row)])


def among(value: Said, others: list[Said]) -> Callable[[Row], Any]:
    def of(row: Row) -> Any:
        return disjunction([lifted(lambda a, b: a == b, value, one)(row) for one in others])

    return of


def disjunction(values: list[Any]) -> Any:
    return True if True in values else None if None in values else False


def conjunction(values: list[Any]) -> Any:
    return False if False in values else None if None in values else True


def like(pattern: str) -> Callable[[str], bool]:
    parts, rest = [], iter(pattern)
    for sign in rest:
        if sign == "\\":
            parts.append(re.escape(next(rest)))
        else:
            parts.append({"%": ".*", "_": "."}.get(sign) or re.escape(sign))
    found = re.compile("".join(parts), re.DOTALL)
    return lambda text: found.fullmatch(text) is not None


PIECES = ["%", "_", "B", "er", "Éclair", "\\%", "\\_", "\\\\", "'", "ان"]
patterns = st.lists(st.sampled_from(PIECES), max_size=4).map("".join)
atoms = st.one_of(
    st.builds(
        lambda pair, sign: Said(
            f"{pair[0].text} {sign} {pair[1].text}", lifted(COMPARED[sign], *pair)
        ),
        comparable, st.sampled_from(sorted(COMPARED)),
    ),
    st.builds(
        lambda a, b, c: Said(f"{a.text} between {b.text} AND {c.text}", between(a, b, c)),
        integers, integers, integers,
    ),
    st.builds(
        lambda a, b: Said(f"{a.text} IN ({', '.join(one.text for one in b)})", among(a, b)),
        integers, st.lists(integers, min_size=1, max_size=3),
    ),
    st.builds(
        lambda a, b: Said(f"{a.text} in ({','.join(one.text for one in b)})", among(a, b)),
        texts, st.lists(texts, min_size=1, max_size=3),
    ),
    st.builds(
        lambda a, p: Said(f"{a.text} LIKE {quoted(p)}", lifted(like(p), a)), texts, patterns
    ),
    st.sampled_from(sorted(TABLE.types)).map(
        lambda name: Said(f"{name} IS NULL", lambda row: row[name] is None)
    ),
    column("b"),
    st.sampled_from([constant("TRUE", True), constant("false", False)]),
)  # fmt: skip


def combined(inner: st.SearchStrategy[Said]) -> st.SearchStrategy[Said]:
    several = st.lists(inner, min_size=2, max_size=3)
    return st.one_of(
        several.map(lambda all_: Said(
            f"({' AND '.join(one.text for one in all_)})",
            lambda row: conjunction([one.of(row) for one in all_]))),
        several.map(lambda all_: Said(
            f"({' or '.join(one.text for one in all_)})",
            lambda row: disjunction([one.of(row) for one in all_]))),
        inner.map(lambda one: Said(
            f"NOT ({one.text})",
            lambda row: None if one.of(row) is None else not one.of(row))),
    )  # fmt: skip


def depth(text: str) -> int:
    """How many parentheses are open at once."""
    signs = [1 if sign == "(" else -1 for sign in re.sub("'[^']*'", "", text) if sign in "()"]
    return max(itertools.accumulate(signs), default=0)


expressions = st.recursive(atoms, combined, max_leaves=5)


@settings(max_examples=300, deadline=None)
@given(said=expressions)
def test_condition_keeps_the_rows_that_it_means(con: duckdb.DuckDBPyConnection, said: Said) -> None:
    # Parentheses in parentheses are limited.
    assume(depth(said.text) <= cql.DEEPEST)
    assert kept(con, said.text) == [n for n, row in enumerate(ROWS) if said.of(row) is True], (
        said.text
    )


ALLOWED = re.compile(
    r"AND|OR|NOT|IN|IS|NULL|TRUE|FALSE|CAST|AS|BIGINT|HUGEINT|DOUBLE|DECIMAL|VARCHAR|DATE|BOOLEAN|"
    r"TIMESTAMPTZ|CASE|WHEN|THEN|ELSE|END|SELECT unnest|rowid|"
    r"lower|translate|strip_accents|starts_with|ends_with|contains|regexp_full_match|divide|nullif|"
    r"trunc|pow"
)
soup = st.lists(
    st.sampled_from([
        *TABLE.types, "nope", "rowid", "things", "AND", "OR", "NOT", "IN", "LIKE", "BETWEEN", "IS",
        "NULL", "TRUE", "(", ")", ",", "=", "<>", "<", ">=", "+", "-", "*", "/", "%", "^", "DIV",
        "1", "0.5", "1e999", "99999999999999999999", "'a'", "'%\\'", "DATE('2024-01-01')", "CASEI(",
        "S_INTERSECTS(", "g", "BBOX(0,0,1,1)", "POINT(1 1)", "POINT(nan nan)", '"s"', '"', "'", ";",
        "--", "/*", "#1", '"#1"', "INTERVAL('2024-01-01','..')", "f(", "read_csv('x')", "\0", "é",
    ]), max_size=14,
).map(" ".join)  # fmt: skip


@settings(max_examples=400, deadline=None)
@given(text=soup | st.text(max_size=40))
def test_any_text_is_a_condition_or_a_clean_refusal(
    con: duckdb.DuckDBPyConnection, text: str
) -> None:
    try:
        piece, _ = conditions.compile_text(text, TABLE)
    except Refused as refused:
        refusal = refused
    else:
        refusal = None
    if refusal is not None:
        assert refusal.status in (409, 414)
        assert refusal.detail
        return
    assert set(re.findall(r'"([^"]*)"', piece.sql)) <= set(TABLE.types)
    rest = re.sub(r"\"[^\"]*\"|'ىةٱـ', 'يها'|'s'", " ", piece.sql)
    assert not re.sub(r"[\s()<>=,?*/%+\-0-9\[\]]", "", ALLOWED.sub("", rest)), piece.sql
    try:
        kept(con, text)
    except (Refused, duckdb.OutOfRangeException, duckdb.ConversionException):
        return


@pytest.mark.parametrize(
    ("text", "rows"),
    [
        ("n = 9007199254740993", [3]),
        ("n = 9007199254740992.0", [2]),
        ("n + 1 = 9007199254740993", [2]),
        ("n = 5 AND 9007199254740993 > 9007199254740992 AND 1 IN (2, 1.0)", [6, 7]),
        ("S_INTERSECTS(g, BBOX(0,0,1,1))", [0, 2, 3, 4]),
        ("S_INTERSECTS(geometry, POINT(2 1))", [4]),
        ("S_WITHIN(g, POLYGON((-1 -1,4 -1,4 4,-1 4,-1 -1)))", [0, 2, 3, 4, 6]),
        ("S_CONTAINS(POLYGON((-1 -1,4 -1,4 4,-1 4,-1 -1)), g)", [0, 2, 3, 4, 6]),
        ("S_DISJOINT(g, BBOX(0,0,5,5))", [5, 7]),
        ("NOT S_INTERSECTS(g, BBOX(0,0,5,5))", [5, 7]),
        ("d = '2024-01-01' AND t > DATE('2024-01-01')", [4]),
        ("ACCENTI(CASEI(s)) = ACCENTI(CASEI('ECLAIR'))", [2, 6]),
        ("CASEI(s) LIKE CASEI('BER%')", [0, 1]),
        ("\"n\" = 5 AND 'بركان' = s", [7]),
        ("x / 0 = 1 OR p * 2 = 5", [7]),
    ],
)
def test_condition_by_example(con: duckdb.DuckDBPyConnection, text: str, rows: list[int]) -> None:
    assert kept(con, text) == rows


@pytest.mark.parametrize(
    ("text", "kind", "position", "said"),
    [
        ("nn = 1", "unknown-column", 1, "n"),
        ("n = 1 AND ss = 'a'", "unknown-column", 11, "s"),
        ("n = 'a'", "types", 5, "without quotes"),
        ("s = 5", "types", 5, "'5'"),
        ("n = ", "expression", 4, "column"),
        ("(n = 1", "expression", 1, "closed"),
        ("n = 1)", "expression", 6, "opened"),
        ("n = 1 2", "expression", 7, "operator"),
        ("n # 1", "expression", 3, "meaning"),
        ("s = 'a", "expression", 5, "closed"),
        ("d = 'soon'", "values", 5, "2026-09-30"),
        ("n = NULL", "types", None, "IS NULL"),
        ("upper(s) = 'A'", "expression", 7, "casei"),
        ("rowid = 1", "unknown-column", 1, "n"),
        ("g = 1", "types", 5, "shape"),
        ("S_INTERSECTS(g, BBOX(3,0,1,1))", "values", 14, "west"),
        ("S_INTERSECTS(n, POINT(1 1))", "types", 14, "no shape"),
        ("(" * 9 + "n = 1" + ")" * 9, "expression", 9, "parentheses"),
        ("not " * 4 + "b", "expression", 13, "signs"),
        ("n", "types", 1, "condition"),
    ],
)
def test_mistake_is_told_with_its_place(
    text: str, kind: str, position: int | None, said: str
) -> None:
    with pytest.raises(Refused) as refused:
        conditions.compile_text(text, TABLE)
    told = refused.value.to_json()
    assert told["type"] == f"urn:moulouya:problem:{kind}"
    assert told.get("position") == position
    assert said in told["detail"] + told.get("hint", "") + " ".join(told.get("near", ()))


@pytest.mark.parametrize(
    "text",
    [
        "(" * 8 + " and ".join(["n = 1"] * 120) + " and" + ")" * 8,
        " and ".join(["(" * 8 + "n=1" + ")" * 8] * 60) + " and",
        "n in (" + "(" * 7 + "1 1" + ")" * 8,
        "n = " + "+".join(["1"] * 400),
        "s like '" + "%a" * 400 + "'",
    ],
)
def test_no_expression_takes_long_to_read(text: str) -> None:
    begun = time.process_time()
    with contextlib.suppress(Refused):
        conditions.compile_text(text, TABLE)
    assert time.process_time() - begun < 0.5


def test_text_beyond_the_limit_never_reaches_the_parser(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cql, "cql2", None)
    with pytest.raises(Refused) as refused:
        conditions.compile_text("n = 1 OR " * 1000, TABLE)
    assert refused.value.status == 414
