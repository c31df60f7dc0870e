"""Which queries one thread must compute, and which ask for what changes at every call."""

from __future__ import annotations

import duckdb
import pytest

from moulouya.repeatable import by_chance, threads_for


@pytest.fixture
def con():
    with duckdb.connect() as opened:
        yield opened


@pytest.mark.parametrize(
    "query",
    [
        "SELECT a, sum(b) FROM t GROUP BY a",
        "SELECT first(b) FROM t",
        "SELECT string_agg(b, ',') FROM t",
        "SELECT * FROM (SELECT * FROM t LIMIT 3)",
        "SELECT DISTINCT ON (a) * FROM t",
        "SELECT row_number() OVER () FROM t",
        "WITH c AS (SELECT avg(b) AS m FROM t) SELECT t.a FROM t, c WHERE b > m",
        "SELECT * FROM t USING SAMPLE 3",
        "not a query",
    ],
)
def test_where_the_order_of_rows_has_a_say_one_thread_computes(con, query):
    assert threads_for(con, query, 4) == 1


@pytest.mark.parametrize(
    "query",
    [
        "SELECT a, count(*), max(b), min(b) FROM t GROUP BY a",
        "SELECT sum(CAST(b AS BIGINT)), avg(b::DECIMAL(9,2)) FROM t",
        "SELECT t.a, split_part(u.b, '-', 1) FROM t JOIN u USING (a) ORDER BY 1",
        "SELECT DISTINCT a FROM t UNION ALL SELECT a FROM u",
    ],
)
def test_where_it_has_none_every_thread_may(con, query):
    assert threads_for(con, query, 4) == 4


def test_what_is_another_thing_at_every_call_is_named(con):
    assert by_chance(con, "SELECT random(), now(), current_date, a FROM t") == [
        "current_date", "now", "random"
    ]  # fmt: skip
    assert by_chance(con, "SELECT upper(a), max(b) FROM t GROUP BY 1") == []
