"""One statement, five forms of its result, and what the headers say of it."""

from __future__ import annotations

import io
import json
import subprocess

import duckdb
import httpx
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from portal import lakes

from .conftest import KEY, Portal, Start

NAMES = "SELECT code, name, population FROM communes ORDER BY code"
EXPECTED = [(row[0], row[1], row[3]) for row in lakes.COMMUNE_ROWS]


def test_json_says_columns_rows_and_that_it_is_whole(portal: Portal) -> None:
    answer = portal.sql(NAMES)
    told = answer.json()
    assert answer.headers["content-type"] == "application/json"
    assert told["release"] == 1
    assert told["columns"][2] == {"name": "population", "type": "BIGINT"}
    assert [tuple(row.values()) for row in told["rows"]] == EXPECTED
    assert (told["row_count"], told["truncated"], told["truncated_by"]) == (30, False, None)
    assert (answer.headers["result-rows"], answer.headers["result-truncated"]) == ("30", "false")
    assert answer.headers["access-control-allow-origin"] == "*"
    arrays = portal.sql(NAMES, shape="arrays").json()["rows"]
    assert [tuple(row) for row in arrays] == EXPECTED


@pytest.mark.parametrize(
    ("accept", "form"),
    [
        ("application/x-ndjson", "ndjson"),
        ("text/csv", "csv"),
        ("application/vnd.apache.arrow.stream", "arrow"),
        ("application/vnd.apache.parquet, */*;q=0.1", "parquet"),
    ],
)
def test_format_is_chosen_by_name_or_by_accept(portal: Portal, accept: str, form: str) -> None:
    named = portal.sql(NAMES, format=form)
    chosen = portal.sql(NAMES, headers={"Accept": accept})
    assert named.content == chosen.content
    assert named.headers["content-type"] == chosen.headers["content-type"]
    assert portal.sql(NAMES, headers={"Accept": "image/png"}).status_code == 406


def test_clients_read_every_form(portal: Portal) -> None:
    got = {form: portal.sql(NAMES, format=form) for form in ("ndjson", "csv", "arrow", "parquet")}
    lines = [tuple(json.loads(line).values()) for line in got["ndjson"].text.splitlines()]
    assert lines == EXPECTED
    frame = pd.read_csv(io.BytesIO(got["csv"].content), dtype={"code": str})
    assert frame["population"].sum() == sum(row[2] or 0 for row in EXPECTED)
    table = pa.ipc.open_stream(got["arrow"].content).read_all()
    assert [tuple(row.values()) for row in table.to_pylist()] == EXPECTED
    found = duckdb.from_arrow(table).aggregate("count(*), sum(population)").fetchall()
    assert found == [(30, sum(row[2] or 0 for row in EXPECTED))]
    file = pq.ParquetFile(io.BytesIO(got["parquet"].content))
    assert [tuple(row.values()) for row in file.read().to_pylist()] == EXPECTED
    assert file.metadata.metadata[b"truncated"] == b"false"


def test_curl_and_an_address_are_enough(portal: Portal) -> None:
    url = f"{portal.web.base_url}/api/v1/sql"
    for arguments in (
        ["--data-urlencode", "sql=SELECT count(*) AS n FROM communes"],
        ["-H", "Content-Type: text/plain", "--data", "SELECT count(*) AS n FROM communes"],
        ["--data", "SELECT count(*) AS n FROM communes WHERE 1 = 1"],
        ["-G", "--data-urlencode", "sql=SELECT count(*) AS n FROM communes", "-d", "format=json"],
    ):
        told = subprocess.run(["curl", "-s", *arguments, url], capture_output=True, check=True)
        assert json.loads(told.stdout)["rows"] == [{"n": 30}]


@pytest.mark.parametrize(
    "statement",
    [
        "FROM demography.communes LIMIT 1",
        "VALUES (1), (2)",
        "TABLE communes",
        "DESCRIBE communes",
        "SUMMARIZE communes",
        "SHOW TABLES",
        "SHOW ALL TABLES",
        "SHOW TABLES FROM demography",
        "EXPLAIN SELECT count(*) FROM communes",
        "EXPLAIN ANALYZE FROM communes",
        "/* kinds */ EXPLAIN (FORMAT json) -- of\n FROM communes",
        "PIVOT communes ON kind USING sum(population)",
        "PIVOT communes ON kind IN ('U', 'R') USING sum(population) GROUP BY year",
        "UNPIVOT communes ON year, population INTO NAME what VALUE value",
        "WITH big AS (FROM communes WHERE population > 5000) SELECT count(*) FROM big",
        "SELECT slug FROM catalogue.datasets;",
        "SELECT c.name, d.density FROM communes c JOIN density d USING (code)",
        "SELECT shape FROM territory.boundaries",
    ],
)
def test_every_kind_of_statement_that_reads_is_answered(portal: Portal, statement: str) -> None:
    assert portal.rows(statement)


def test_lists_of_tables_show_the_whole_catalogue(portal: Portal) -> None:
    shown = {(row["schema"], row["name"]) for row in portal.rows("SHOW TABLES")}
    assert shown == {("demography", "communes"), ("demography", "density"),
                     ("territory", "boundaries")}  # fmt: skip


def test_parameters_are_bound_and_never_read_as_sql(portal: Portal) -> None:
    hostile = "'; DROP VIEW communes; --"
    assert portal.rows("SELECT $1 AS a, $2 AS b", parameters=[hostile, 2]) == [
        {"a": hostile, "b": 2}
    ]
    found = portal.rows(
        "SELECT name FROM communes WHERE code = $code", parameters={"code": "77.001"}
    )
    assert found == [{"name": "بركان"}]
    answer = portal.web.get(
        "/api/v1/sql", params={"sql": "SELECT ? + 1 AS n", "parameters": "[41]"}
    )
    assert answer.json()["rows"] == [{"n": 42}]
    missing = portal.sql("SELECT ?")
    assert (missing.status_code, missing.json()["type"]) == (400, "urn:moulouya:problem:parameters")


@pytest.mark.parametrize("form", ["json", "ndjson", "csv", "arrow", "parquet"])
def test_a_cut_result_says_so(portal: Portal, form: str) -> None:
    answer = portal.sql("FROM range(100)", limit=7, format=form)
    assert (answer.headers["result-truncated"], answer.headers["result-rows"]) == ("true", "7")
    if form == "json":
        told = answer.json()
        assert (told["row_count"], told["truncated"], told["truncated_by"]) == (7, True, "rows")
    if form == "arrow":
        batches = list(pa.ipc.open_stream(answer.content).iter_batches_with_custom_metadata())
        assert batches[-1].custom_metadata[b"truncated"] == b"rows"
        assert sum(one.batch.num_rows for one in batches) == 7
    if form == "parquet":
        file = pq.ParquetFile(io.BytesIO(answer.content))
        assert file.metadata.num_rows == 7
        assert file.metadata.metadata[b"truncated"] == b"rows"
    assert portal.sql("FROM range(7)", limit=7, format=form).headers["result-truncated"] == "false"


def test_rows_beyond_the_limit_of_bytes_are_left_out(portal: Portal) -> None:
    wide = "SELECT range AS n, repeat('x', 100000) AS wide FROM range(1000)"
    told = portal.sql(wide).json()
    assert told["truncated_by"] == "bytes"
    assert [row["n"] for row in told["rows"]] == list(range(told["row_count"]))
    with pytest.raises(httpx.RemoteProtocolError):
        portal.sql(wide, format="csv")
    one = portal.sql("SELECT repeat('x', 20000000)")
    assert (one.status_code, one.json()["title"]) == (422, "A row is too large")


def test_values_of_every_type_arrive(portal: Portal) -> None:
    (row,) = portal.rows(
        "SELECT 1::HUGEINT << 100 AS huge, 1.50::DECIMAL(9, 2) AS d, [1, NULL] AS l, "
        "{'a': 1, 'b': [DATE '2026-01-02']} AS s, 'x'::BLOB AS b, MAP {1: 'a'} AS m, "
        "TIMESTAMPTZ '2026-01-01 00:00:00+01' AS t, 'nan'::DOUBLE AS n, TIME '10:00' AS c, "
        "uuid() IS NOT NULL AS u, 123456789012345678.91::DECIMAL(20, 2) AS exact, NULL AS none"
    )
    assert row == {
        "huge": str(1 << 100), "d": 1.5, "l": [1, None], "s": {"a": 1, "b": ["2026-01-02"]},
        "b": "eA==", "m": {"1": "a"}, "t": "2025-12-31T23:00:00Z", "n": None, "c": "10:00:00",
        "u": True, "exact": "123456789012345678.91", "none": None,
    }  # fmt: skip
    assert portal.sql("SELECT 1 AS a, 2 AS a").json()["rows"] == [{"a": 1, "a_1": 2}]
    broken = portal.sql("SELECT INTERVAL 1 day AS i", format="parquet")
    assert (broken.status_code, broken.json()["hint"]) == (
        422, "cast the column to VARCHAR, or ask for JSON",
    )  # fmt: skip


@pytest.mark.parametrize(
    ("statement", "status", "position", "hint"),
    [
        ("SELECT *\nFROM comunes", 400, (2, 6), "did you mean demography.communes?"),
        ("FROM energy.communes", 400, (1, 6), "it is demography.communes"),
        ("SELECT 'é', nme FROM communes", 400, (1, 13), 'Candidate bindings: "name"'),
        ("SELECT\n  flor(1)", 400, (2, 3), "floor"),
        ("SELECT 1 +", 400, (1, 11), ""),
        ("SELECT * FROM\n  read_csv('/etc/passwd')", 403, (2, 3), "catalogue.datasets"),
        ("DELETE FROM communes", 403, None, "SELECT"),
        ("SELECT 1; SELECT 2", 403, None, "SELECT"),
    ],
)
def test_a_mistake_is_told_with_its_place_and_a_hint(
    portal: Portal, statement: str, status: int, position: tuple[int, int] | None, hint: str
) -> None:
    answer = portal.sql(statement)
    told = answer.json()
    assert answer.headers["content-type"] == "application/problem+json"
    assert (answer.status_code, told["status"]) == (status, status)
    place = told.get("position")
    assert position == (place and (place["line"], place["column"]))
    assert hint in told.get("hint", "")


def test_explain_estimates_without_running(portal: Portal) -> None:
    told = portal.sql("SELECT sum(population) FROM communes, range(1000000000000)", explain=True)
    assert told.status_code == 200, told.text
    assert told.json()["tables"] == ["communes"]
    assert told.json()["estimate"]["rows_read"] >= 30
    assert told.json()["plan"]


def test_an_answer_that_is_known_is_not_sent_twice(portal: Portal) -> None:
    first = portal.web.get("/api/v1/sql", params={"sql": NAMES})
    tag = first.headers["etag"]
    assert first.headers["cache-control"] == "no-cache"
    again = portal.web.get("/api/v1/sql", params={"sql": NAMES}, headers={"If-None-Match": tag})
    assert (again.status_code, again.content) == (304, b"")
    spaced = "SELECT code, name,\n  population -- of all\nFROM communes ORDER BY code ;"
    assert portal.web.get("/api/v1/sql", params={"sql": spaced}).headers["etag"] == tag
    for other in ({"format": "csv"}, {"limit": 3}, {"parameters": "[1]"}):
        assert (
            portal.web.get("/api/v1/sql", params={"sql": NAMES, **other}).headers.get("etag") != tag
        )
    changing = portal.web.get("/api/v1/sql", params={"sql": "SELECT random() AS r"})
    assert "etag" not in changing.headers
    assert changing.headers["cache-control"] == "no-store"


def test_who_says_who_it_is_may_ask_more(started: Start, lake: lakes.Built, keys: object) -> None:
    portal = started(lake, sql_keys=keys, sql_rows=10, sql_seconds=3.0)
    anonymous = portal.sql("FROM range(10000)")
    assert anonymous.json()["row_count"] == 10
    assert anonymous.headers["result-limit"] == "tier=anonymous, rows=10, bytes=10485760, seconds=3"
    contact = portal.sql("FROM range(10000)", headers={"From": "reader@example.org"})
    assert contact.json()["row_count"] == 50
    assert contact.headers["result-limit"].startswith("tier=contact, rows=50,")
    for headers in ({"Authorization": f"Bearer {KEY}"}, {"X-Api-Key": KEY}):
        assert portal.sql("FROM range(10000)", headers=headers).json()["row_count"] == 1000
    wrong = portal.sql("SELECT 1", headers={"X-Api-Key": "guessed"})
    assert (wrong.status_code, wrong.json()["type"]) == (401, "urn:moulouya:problem:unknown-key")
    policy = anonymous.headers["ratelimit-policy"]
    assert policy == '"requests";q=1000;w=60, "cpu-seconds";q=120;w=60'
    assert '"requests";r=99' in anonymous.headers["ratelimit"]


def test_a_page_of_another_site_may_ask(portal: Portal) -> None:
    asked = {"Origin": "https://example.org", "Access-Control-Request-Method": "POST"}
    answer = portal.web.options("/api/v1/sql", headers=asked)
    assert answer.status_code == 204
    assert answer.headers["access-control-allow-origin"] == "*"
    assert "POST" in answer.headers["access-control-allow-methods"]
    assert "Content-Type" in answer.headers["access-control-allow-headers"]


@pytest.mark.parametrize(
    ("content", "media", "status"),
    [
        (b"{", "application/json", 400),
        (b"[]", "application/json", 400),
        (b'{"sql": 1}', "application/json", 400),
        (b'{"sql": "SELECT 1", "limt": 1}', "application/json", 400),
        (b'{"sql": "SELECT 1", "limit": -1}', "application/json", 400),
        (b'{"sql": "SELECT 1", "parameters": 1}', "application/json", 400),
        (b'{"sql": "SELECT 1", "format": "xml"}', "application/json", 400),
        (b'{"sql": "SELECT \\ud800"}', "application/json", 400),
        (b"\xff", "text/plain", 400),
        (b"", "text/plain", 400),
        (b"<sql/>", "application/xml", 415),
        (b"SELECT '" + b"x" * 70_000 + b"'", "text/plain", 413),
        (b"x" * 300_000, "text/plain", 413),
    ],
)
def test_a_request_that_is_not_understood_is_a_problem(
    portal: Portal, content: bytes, media: str, status: int
) -> None:
    answer = portal.web.post("/api/v1/sql", content=content, headers={"Content-Type": media})
    assert answer.status_code == status
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.json()["status"] == status


def test_uses_are_counted_by_dataset(portal: Portal) -> None:
    usage = portal.app.state.usage
    usage.flush()
    before = sum(row[3] for row in usage.months() if row[1:3] == ("density", "api"))
    portal.rows("SELECT count(*) FROM density")
    portal.sql("SELECT count(*) FROM density", headers={"DNT": "1"})
    usage.flush()
    assert sum(row[3] for row in usage.months() if row[1:3] == ("density", "api")) == before + 1
