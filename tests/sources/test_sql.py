"""Rows of real PostgreSQL and MariaDB servers: one snapshot, exact types, or a clear refusal."""

from __future__ import annotations

import datetime as dt
import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from decimal import Decimal
from math import inf
from pathlib import Path
from typing import Any

import psycopg
import pyarrow.parquet as pq
import pymysql
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pydantic import ValidationError
from services import HOST, free_port, mariadb, postgresql

from moulouya.definition import SqlSource
from moulouya.errors import SourceError
from moulouya.sources import Request, fetch, sql

Take = Callable[..., Any]


@pytest.fixture(scope="module")
def postgres() -> Iterator[str]:
    with postgresql() as uri:
        yield uri


@pytest.fixture(scope="module")
def maria() -> Iterator[dict[str, Any]]:
    with mariadb() as at:
        yield at


@pytest.fixture
def connections(monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest) -> None:
    if "postgres" in request.fixturenames:
        monkeypatch.setenv("AIRFLOW_CONN_PG", request.getfixturevalue("postgres"))
    if "maria" in request.fixturenames:
        at = request.getfixturevalue("maria")
        uri = f"mysql://root@{at['host']}:{at['port']}/{at['database']}"
        monkeypatch.setenv("AIRFLOW_CONN_MARIA", uri)


@pytest.fixture
def take(tmp_path: Path, connections: None) -> Take:
    """Fetch a query's rows; returns the delivery and the file."""
    count = iter(range(1000))

    def call(
        query: str,
        connection: str = "pg",
        interval: Any = None,
        max_bytes: int = 10**9,
        **more: Any,
    ) -> Any:
        folder = tmp_path / f"delivery{next(count)}"
        folder.mkdir()
        request = Request(
            folder, tmp_path, "agent", timeout=5, interval=interval, max_bytes=max_bytes
        )
        source = SqlSource(kind="sql", connection=connection, query=query, **more)
        try:
            delivery = fetch(source, request)
        except SourceError:
            assert not list(folder.iterdir()), "something was left behind"
            raise
        return delivery, folder / delivery.members[0]

    return call


@pytest.fixture
def rows(take: Take) -> Callable[..., list[dict[str, Any]]]:
    def call(query: str, connection: str = "pg", **more: Any) -> list[dict[str, Any]]:
        return list(pq.read_table(take(query, connection, **more)[1]).to_pylist())

    return call


def types_of(path: Path) -> dict[str, str]:
    schema = pq.read_schema(path)
    return {name: str(schema.field(name).type) for name in schema.names}


def test_postgresql_types_are_exact(postgres, take):
    _, path = take(
        "SELECT 1::int2 AS small, 2::int8 AS big, true AS flag, 1.1::float4 AS single, "
        "0.1::float8 AS double, 12345678901234567890.12::numeric(22, 2) AS money, "
        "0.0000001::numeric AS free, 'é'::text AS word, DATE '2026-02-07' AS day, "
        "TIMESTAMPTZ '2026-02-07 01:00+01' AS moment, TIMESTAMP '2026-02-07 01:00:00.000001' "
        "AS local, TIME '23:59:59.999999' AS hour, '{\"b\": 1.10, \"a\": null}'::json AS doc, "
        "'6ecd8c99-4036-403d-bf84-cf8400f67836'::uuid AS id, ARRAY[1.50, 2]::numeric[] AS list, "
        "ARRAY['a', NULL] AS words, int4range(1, 5) AS span, NULL::int AS nothing"
    )
    assert types_of(path) == {
        "small": "int16", "big": "int64", "flag": "bool", "single": "float", "double": "double",
        "money": "decimal128(22, 2)", "free": "string", "word": "string", "day": "date32[day]",
        "moment": "timestamp[us, tz=UTC]", "local": "timestamp[us]", "hour": "time64[us]",
        "doc": "string", "id": "string", "list": "string", "words": "string", "span": "string",
        "nothing": "int32",
    }  # fmt: skip
    (row,) = pq.read_table(path).to_pylist()
    assert row["money"] == Decimal("12345678901234567890.12")
    assert row["free"] == "0.0000001"
    assert row["single"] == pytest.approx(1.1, abs=1e-7)
    assert (row["day"], row["hour"]) == (dt.date(2026, 2, 7), dt.time(23, 59, 59, 999999))
    assert row["moment"] == dt.datetime(2026, 2, 7, tzinfo=dt.UTC)
    assert row["local"] == dt.datetime(2026, 2, 7, 1, 0, 0, 1)
    assert row["doc"] == '{"b": 1.10, "a": null}'
    assert (row["list"], row["words"], row["span"]) == ('["1.50", "2"]', '["a", null]', "[1,5)")
    assert row["id"] == "6ecd8c99-4036-403d-bf84-cf8400f67836"
    assert row["nothing"] is None


def test_mariadb_types_are_exact(maria, take):
    _, path = take(
        "SELECT CAST(1 AS SIGNED) AS big, CAST(18446744073709551615 AS UNSIGNED) AS biggest, "
        "CAST('123456789012345678.90' AS DECIMAL(20, 2)) AS money, 0.1e0 AS double_, "
        "'é' AS word, DATE '2026-02-07' AS day, TIMESTAMP '2026-02-07 01:00:00.000001' AS local, "
        "CAST('-800:00:01' AS TIME) AS span, NULL AS nothing",
        "maria",
    )
    assert types_of(path) == {
        "big": "int32", "biggest": "uint64", "money": "decimal128(20, 2)", "double_": "double",
        "word": "string", "day": "date32[day]", "local": "timestamp[us]", "span": "string",
        "nothing": "string",
    }  # fmt: skip
    (row,) = pq.read_table(path).to_pylist()
    assert (row["big"], row["biggest"]) == (1, 18446744073709551615)
    assert (row["money"], row["double_"]) == (Decimal("123456789012345678.90"), 0.1)
    assert row["local"] == dt.datetime(2026, 2, 7, 1, 0, 0, 1)
    assert (row["word"], row["span"], row["nothing"]) == ("é", "-800:00:01", None)


def test_a_mariadb_timestamp_is_utc_and_a_tinyint_a_number(maria, take):
    with pymysql.connect(**maria, autocommit=True) as con, con.cursor() as cursor:
        cursor.execute("SET time_zone = '+01:00'")
        cursor.execute("CREATE OR REPLACE TABLE t (at TIMESTAMP(6), n TINYINT(1), y YEAR)")
        cursor.execute("INSERT INTO t VALUES ('2026-02-07 01:00:00.5', 7, 2026)")
    _, path = take("SELECT * FROM t", "maria")
    assert types_of(path) == {"at": "timestamp[us, tz=UTC]", "n": "int8", "y": "uint16"}
    (row,) = pq.read_table(path).to_pylist()
    assert row["at"] == dt.datetime(2026, 2, 7, 0, 0, 0, 500000, tzinfo=dt.UTC)
    assert (row["n"], row["y"]) == (7, 2026)


@pytest.mark.parametrize(
    ("expression", "hint"),
    [
        ("'\\x00'::bytea", "encode(x, 'base64')"),
        ("INTERVAL '1 month'", "x::text"),
        ("ARRAY['\\x00'::bytea]", "to_json(x::text[])"),
        ("ARRAY['r']::mood[]", "to_json(x)"),
        ("ROW(1, 'a')::pair", "to_json(x)"),
    ],
)
def test_what_postgresql_has_no_exact_form_for_is_refused_with_the_cast(
    postgres, take, expression, hint
):
    with psycopg.connect(postgres, autocommit=True) as con:
        con.execute("DROP TYPE IF EXISTS mood; CREATE TYPE mood AS ENUM ('r', 'b')")
        con.execute("DROP TYPE IF EXISTS pair; CREATE TYPE pair AS (a int, b text)")
    with pytest.raises(SourceError, match="column x of the query is") as caught:
        take(f"SELECT {expression} AS x")
    assert hint in caught.value.hint


def test_an_enum_is_its_text(postgres, rows):
    with psycopg.connect(postgres, autocommit=True) as con:
        con.execute("CREATE TYPE colour AS ENUM ('red')")
    assert rows("SELECT 'red'::colour AS x") == [{"x": "red"}]


@pytest.mark.parametrize(
    ("expression", "hint"),
    [
        ("x'00ff'", "TO_BASE64"), ("b'101'", "TO_BASE64"),
        ("CAST(0.1 AS FLOAT)", "AS DOUBLE"), ("POINT(1, 2)", "ST_AsText"),
    ],
)  # fmt: skip
def test_what_mariadb_has_no_exact_form_for_is_refused_with_the_cast(maria, take, expression, hint):
    with pytest.raises(SourceError, match="column x of the query is") as caught:
        take(f"SELECT {expression} AS x", "maria")
    assert hint in caught.value.hint


@pytest.mark.parametrize("value", ["'NaN'::numeric(5, 2)", "'infinity'::date"])
def test_a_value_without_a_place_fails_and_names_its_column(postgres, take, value):
    with pytest.raises(SourceError):
        take(f"SELECT {value} AS x")


def test_a_zero_date_fails(maria, take):
    with pymysql.connect(**maria, autocommit=True) as con, con.cursor() as cursor:
        cursor.execute("SET sql_mode = ''")
        cursor.execute("CREATE OR REPLACE TABLE z (d DATE)")
        cursor.execute("INSERT INTO z VALUES ('0000-00-00')")
    with pytest.raises(SourceError, match="a value of column d is no date32"):
        take("SELECT d FROM z", "maria")


@settings(deadline=None, max_examples=25, suppress_health_check=list(HealthCheck))
@given(
    value=st.decimals(
        allow_nan=False, allow_infinity=False, places=4, max_value=10**30, min_value=-(10**30)
    )
)
def test_decimals_come_back_digit_for_digit(postgres, rows, value):
    ((row),) = rows(f"SELECT ({value:f})::numeric(38, 4) AS exact, ({value:f})::numeric AS free")
    assert row["exact"] == value
    assert Decimal(row["free"]) == value


def test_many_rows_come_in_several_row_groups(postgres, take):
    _, path = take("SELECT n, md5(n::text) AS h FROM generate_series(1, 50001) AS n ORDER BY n")
    file = pq.ParquetFile(path)
    assert (file.metadata.num_rows, file.metadata.num_row_groups) == (50001, 3)
    assert file.read().column("n").to_pylist() == list(range(1, 50002))


def test_no_rows_are_a_table_with_its_columns(postgres, maria, take):
    for connection in ("pg", "maria"):
        _, path = take("SELECT 1 AS a, 'x' AS b FROM (SELECT 1) AS t WHERE 1 = 0", connection)
        table = pq.read_table(path)
        assert (table.num_rows, table.column_names) == (0, ["a", "b"])


def test_the_same_rows_are_the_same_bytes(postgres, take):
    query = "SELECT n, now() < '2020-01-01' AS never FROM generate_series(1, 30000) n ORDER BY n"
    assert take(query)[1].read_bytes() == take(query)[1].read_bytes()


def test_start_and_end_are_the_data_intervals(postgres, maria, rows):
    start = dt.datetime(2026, 2, 7, tzinfo=dt.UTC)
    interval = (start, start + dt.timedelta(days=1))
    ((found),) = rows(
        "SELECT :start AS a, :end::date AS b, ':start 12:30' AS c -- :end", interval=interval
    )
    assert found == {"a": start, "b": dt.date(2026, 2, 8), "c": ":start 12:30"}
    ((found),) = rows("SELECT :start AS a, ':end' AS b", "maria", interval=interval)
    assert found == {"a": "2026-02-07 00:00:00", "b": ":end"}


def test_a_query_for_an_interval_needs_one(postgres, take):
    with pytest.raises(SourceError, match="no data interval"):
        take("SELECT :start AS a")


def test_the_address_holds_neither_login_nor_query(postgres, take, monkeypatch):
    delivery, _ = take("SELECT 1 AS a")
    other, _ = take("SELECT 2 AS a")
    database = postgres.rpartition("/")[2]
    assert delivery.url.startswith(f"postgresql://{HOST}:5432/{database}#")
    assert "SELECT" not in delivery.url
    assert delivery.url != other.url


@pytest.mark.parametrize(
    "query",
    [
        "DROP TABLE kept",
        "SELECT 1; DROP TABLE kept",
        "SELECT ';' AS a; SELECT 2",
        "/* SELECT */ DELETE FROM kept",
        "EXPLAIN SELECT 1",
        "SELECT :other",
    ],
)
def test_only_one_select_is_a_query(query):
    with pytest.raises(ValidationError, match="query"):
        SqlSource(kind="sql", connection="pg", query=query)


@pytest.mark.parametrize(
    "query",
    [
        "SELECT ';' AS a;",
        "-- the wells; all\nWITH t AS (SELECT 1 AS a) SELECT a::text FROM t -- end; really",
        'SELECT 1 AS "a;b"',
        "SELECT $x$;:no$x$ AS a",
        "SELECT 'it''s; 10:30 :here' AS a",
    ],
)
def test_semicolons_and_colons_in_texts_are_no_statements(query):
    assert SqlSource(kind="sql", connection="pg", query=query).query


def test_comments_and_a_last_semicolon_do_no_harm(postgres, rows):
    assert rows("SELECT 1 AS a -- one;\n;") == [{"a": 1}]
    assert rows("SELECT 'half; :x 50%' AS a") == [{"a": "half; :x 50%"}]


@pytest.mark.parametrize(
    "query",
    [
        "WITH gone AS (DELETE FROM kept RETURNING a) SELECT a FROM gone",
        "SELECT a INTO other FROM kept",
        "SELECT nextval('counter') AS a",
        "SELECT a FROM kept FOR UPDATE",
    ],
)
def test_postgresql_lets_a_source_change_nothing(postgres, take, query):
    with psycopg.connect(postgres, autocommit=True) as con:
        con.execute("DROP TABLE IF EXISTS kept; CREATE TABLE kept AS SELECT 1 AS a")
        con.execute("DROP SEQUENCE IF EXISTS counter; CREATE SEQUENCE counter")
        with pytest.raises(SourceError) as caught:
            take(query)
        assert not caught.value.retry
        assert con.execute("SELECT a FROM kept").fetchall() == [(1,)]


def test_mariadb_lets_a_source_change_nothing(maria, take, tmp_path):
    tmp_path.chmod(0o777)
    out = tmp_path / "out.txt"
    with pymysql.connect(**maria, autocommit=True) as con, con.cursor() as cursor:
        cursor.execute("CREATE OR REPLACE TABLE kept AS SELECT 1 AS a")
        cursor.execute(
            "CREATE OR REPLACE FUNCTION touched() RETURNS INT MODIFIES SQL DATA "
            "BEGIN DELETE FROM kept; RETURN 1; END"
        )
        for query in (f"SELECT 1 AS a INTO OUTFILE '{out}'", "SELECT touched() AS a"):
            with pytest.raises(SourceError) as caught:
                take(query, "maria")
            assert not caught.value.retry
        cursor.execute("SELECT a FROM kept")
        assert cursor.fetchall() == ((1,),)
    assert not out.exists()


def test_columns_of_one_name_are_refused(postgres, take):
    with pytest.raises(SourceError, match="several columns named a"):
        take("SELECT 1 AS a, 2 AS a")


@pytest.mark.parametrize("connection", ["pg", "maria"])
def test_rows_that_come_while_it_reads_are_not_in_the_snapshot(
    postgres, maria, take, monkeypatch, connection
):
    """Another client writes between the count and the rows."""
    if connection == "pg":
        writer: Any = psycopg.connect(postgres, autocommit=True)
    else:
        writer = pymysql.connect(**maria, autocommit=True)
    with writer, writer.cursor() as cursor:
        cursor.execute("DROP TABLE IF EXISTS grows")
        cursor.execute("CREATE TABLE grows (a INT)")
        cursor.execute("INSERT INTO grows VALUES (1), (2)")
        made = []

        def late(query: str) -> Any:
            made.append(query)
            if len(made) > 1 and "count(*)" in made[-2]:
                cursor.execute("INSERT INTO grows SELECT a FROM grows")
            return statement(query)

        statement = sql._statement
        monkeypatch.setattr(sql, "_statement", late)
        _, path = take("SELECT a FROM grows ORDER BY a", connection)
        cursor.execute("SELECT count(*) FROM grows")
        assert cursor.fetchone() == (4,)
    assert pq.read_table(path).column("a").to_pylist() == [1, 2]


def test_rows_that_are_not_as_many_as_counted_fail(postgres, take):
    with psycopg.connect(postgres, autocommit=True) as con:
        con.execute("DROP SEQUENCE IF EXISTS s; CREATE SEQUENCE s")
    query = "SELECT n FROM generate_series(1, 1000) n WHERE random() < 0.5"
    with pytest.raises(SourceError, match="rows came of") as caught:
        take(query)
    assert caught.value.retry


def test_a_backend_that_is_terminated_mid_cursor_leaves_nothing(postgres, take, monkeypatch):
    killed = []

    def kill(columns: Any, schema: Any, rows: Any) -> Any:
        if not killed:
            with psycopg.connect(postgres, autocommit=True) as con:
                killed.extend(
                    con.execute(
                        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
                        "WHERE application_name = 'moulouya' AND datname = current_database()"
                    ).fetchall()
                )
        return table(columns, schema, rows)

    table = sql._table
    monkeypatch.setattr(sql, "_table", kill)
    with pytest.raises(SourceError, match="connection pg says") as caught:
        take("SELECT n, repeat('x', 1000) AS pad FROM generate_series(1, 200000) n")
    assert killed == [(True,)]
    assert caught.value.retry


def test_a_mariadb_connection_that_is_killed_leaves_nothing(maria, take, monkeypatch):
    killed = []

    def kill(columns: Any, schema: Any, rows: Any) -> Any:
        if not killed:
            with pymysql.connect(**maria, autocommit=True) as con, con.cursor() as cursor:
                cursor.execute(
                    "SELECT id FROM information_schema.processlist WHERE db = %s AND id <> "
                    "connection_id()", (maria["database"],),
                )  # fmt: skip
                for (number,) in cursor.fetchall():
                    cursor.execute(f"KILL {number}")
                    killed.append(number)
        return table(columns, schema, rows)

    table = sql._table
    monkeypatch.setattr(sql, "_table", kill)
    with pytest.raises(SourceError, match="connection maria says") as caught:
        take("SELECT seq, REPEAT('x', 1000) AS pad FROM seq_1_to_200000", "maria")
    assert killed
    assert caught.value.retry


@pytest.mark.parametrize(
    ("connection", "query"),
    [
        ("pg", "SELECT pg_sleep(10)::text AS a"),
        ("maria", "SELECT SLEEP(10) AS a, seq FROM seq_1_to_3"),
    ],
)
def test_a_query_that_takes_too_long_ends(postgres, maria, take, connection, query):
    begun = dt.datetime.now()
    with pytest.raises(SourceError) as caught:
        take(query, connection, timeout=dt.timedelta(seconds=1))
    assert "source.timeout" in (caught.value.hint or "")
    assert caught.value.retry
    assert dt.datetime.now() - begun < dt.timedelta(seconds=6)


@contextmanager
def silent_after(port: int, most: int) -> Iterator[int]:
    """A line to a server that passes so many bytes on and then nothing, without hanging up."""
    listener = socket.create_server((HOST, 0))
    ends: list[socket.socket] = [listener]

    def copy(source: socket.socket, target: socket.socket, left: float) -> None:
        with suppress(OSError):
            while left > 0 and (block := source.recv(4096)):
                target.sendall(block)
                left -= len(block)

    def serve() -> None:
        with suppress(OSError):
            client, _ = listener.accept()
            server = socket.create_connection((HOST, port))
            ends.extend((client, server))
            threading.Thread(target=copy, args=(client, server, inf), daemon=True).start()
            copy(server, client, most)

    threading.Thread(target=serve, daemon=True).start()
    try:
        yield listener.getsockname()[1]
    finally:
        for end in ends:
            end.close()


@pytest.mark.parametrize("kind", ["postgres", "mysql"])
def test_a_server_that_falls_silent_is_left_in_time(postgres, maria, take, monkeypatch, kind):
    monkeypatch.setattr(sql, "GRACE", 1.0)
    login, port = {"postgres": ("postgres", 5432), "mysql": ("root", 3306)}[kind]
    database = postgres.rpartition("/")[2] if kind == "postgres" else maria["database"]
    numbers = {"postgres": "generate_series(1, 100000) AS n", "mysql": "seq_1_to_100000"}[kind]
    with silent_after(port, 50_000) as silent:
        uri = f"{kind}://{login}@{HOST}:{silent}/{database}"
        monkeypatch.setenv("AIRFLOW_CONN_SILENT", uri + "?sslmode=disable" * (kind == "postgres"))
        begun = time.monotonic()
        with pytest.raises(SourceError, match="connection silent says") as caught:
            take(f"SELECT * FROM {numbers}", "silent", timeout=dt.timedelta(seconds=1))
        assert time.monotonic() - begun < 10
    assert caught.value.retry


def test_too_many_bytes_are_refused(postgres, take):
    with pytest.raises(SourceError, match="more than 1000 bytes"):
        take("SELECT md5(n::text) AS h FROM generate_series(1, 60000) n", max_bytes=1000)


@pytest.mark.parametrize("kind", ["postgres", "mysql"])
def test_a_wrong_login_is_said_without_the_password(postgres, maria, take, monkeypatch, kind):
    port = {"postgres": 5432, "mysql": 3306}[kind]
    monkeypatch.setenv("AIRFLOW_CONN_OTHER", f"{kind}://nobody_here:hushhush@{HOST}:{port}/none")
    with pytest.raises(SourceError, match="the database of connection other says") as caught:
        take("SELECT 1 AS a", "other")
    assert not caught.value.retry
    assert "hushhush" not in str(caught.value)


@pytest.mark.parametrize("kind", ["postgres", "mysql"])
def test_a_server_that_is_away_is_tried_again(take, monkeypatch, kind):
    monkeypatch.setenv("AIRFLOW_CONN_OTHER", f"{kind}://me:hushhush@{HOST}:{free_port()}/none")
    with pytest.raises(SourceError) as caught:
        take("SELECT 1 AS a", "other")
    assert caught.value.retry
    assert "hushhush" not in str(caught.value)


def test_a_wrong_query_says_what_the_server_says(postgres, take):
    with pytest.raises(SourceError, match='relation "nowhere" does not exist') as caught:
        take("SELECT * FROM nowhere")
    assert not caught.value.retry


def test_another_kind_of_connection_is_refused(take, monkeypatch):
    monkeypatch.setenv("AIRFLOW_CONN_OTHER", "http://example.org")
    with pytest.raises(SourceError, match="of type 'http'"):
        take("SELECT 1 AS a", "other")
