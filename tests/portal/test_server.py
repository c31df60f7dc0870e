"""The real server on loopback: DuckDB attaches the catalogue, raw requests stay outside."""

from __future__ import annotations

import http.client
import re
import signal
import socket
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import duckdb
import httpx
import pytest

from moulouya import duck
from moulouya.errors import UsageError
from moulouya.portal.server import serve as serve_portal

from . import lakes
from .conftest import Server, free_port

Serve = Callable[[lakes.Built, int], Server]


@pytest.fixture
def at_port(tmp_path: Path) -> tuple[lakes.Built, int]:
    """A lake whose catalogue points to the port at which it will be served."""
    port = free_port()
    return lakes.build(tmp_path / "lake", f"http://127.0.0.1:{port}"), port


@pytest.fixture
def analyst() -> Iterator[duckdb.DuckDBPyConnection]:
    """A plain DuckDB with httpfs."""
    con = duckdb.connect()
    duck.load_extension(con, "httpfs")
    yield con
    con.close()


def test_a_second_server_does_not_share_the_port_of_the_first(
    serve: Serve, at_port: tuple[lakes.Built, int]
) -> None:
    built, port = at_port
    serve(built, port)
    with pytest.raises(UsageError, match=f"127.0.0.1 port {port} cannot be served on"):
        serve_portal(built.settings, port=port)


def test_duckdb_attaches_the_catalogue_and_reads_by_ranges(
    serve: Serve, at_port: tuple[lakes.Built, int], analyst: duckdb.DuckDBPyConnection
) -> None:
    built, port = at_port
    server = serve(built, port)
    analyst.execute("CALL enable_logging('HTTP')")
    analyst.execute(f"ATTACH '{server.url}/catalogue.duckdb' AS moulouya (READ_ONLY)")
    total = "SELECT count(*), sum(population) FROM moulouya.demography.communes"
    expected = sum(row[3] or 0 for row in lakes.COMMUNE_ROWS)
    assert analyst.execute(total).fetchone() == (30, expected)
    assert analyst.execute("SELECT count(*) FROM moulouya.catalogue.datasets").fetchone() == (3,)
    asked = analyst.execute(
        "SELECT request.type, response.status FROM duckdb_logs_parsed('HTTP')"
    ).fetchall()
    assert ("GET", "PartialContent_206") in asked, asked

    # A newer release does not disturb the session that began with this one.
    lakes.publish_communes(built, lakes.COMMUNE_ROWS[:5])
    lakes.commit(built)
    end = time.monotonic() + 20
    while httpx.get(f"{server.url}/health/ready").json()["release"] != 2:
        assert time.monotonic() < end, "the new release was not taken up"
    location = httpx.get(f"{server.url}/catalogue.duckdb").headers["location"]
    assert location == "/releases/2/catalogue.duckdb"
    assert analyst.execute(total).fetchone() == (30, expected)
    analyst.execute(f"ATTACH '{server.url}/catalogue.duckdb' AS newer (READ_ONLY)")
    newer = analyst.execute("SELECT count(*) FROM newer.demography.communes")
    assert newer.fetchone() == (5,)


def test_session_on_a_release_is_not_disturbed_by_the_next_one(
    serve: Serve, at_port: tuple[lakes.Built, int], analyst: duckdb.DuckDBPyConnection
) -> None:
    """Even through the address of the newest; its tables are first read after the change."""
    built, port = at_port
    server = serve(built, port)
    analyst.execute(f"ATTACH '{server.url}/catalogue.duckdb' AS moulouya (READ_ONLY)")
    lakes.publish_communes(built, lakes.COMMUNE_ROWS[:5])
    lakes.commit(built)
    end = time.monotonic() + 20
    while httpx.get(f"{server.url}/health/ready").json()["release"] != 2:
        assert time.monotonic() < end, "the new release was not taken up"
    rows = analyst.execute("SELECT slug, version, rows FROM moulouya.catalogue.versions ORDER BY 1")
    assert rows.fetchall() == [("boundaries", 1, 3), ("communes", 1, 30), ("density", 1, 3)]


def test_duckdb_reads_a_version_and_its_own_database(
    serve: Serve, at_port: tuple[lakes.Built, int], analyst: duckdb.DuckDBPyConnection
) -> None:
    built, port = at_port
    server = serve(built, port)
    for name in ("1/communes.parquet", "latest/communes.parquet"):
        rows = analyst.execute(f"SELECT count(*) FROM '{server.url}/files/communes/{name}'")
        assert rows.fetchone() == (30,)
    analyst.execute(f"ATTACH '{server.url}/files/communes/1/communes.duckdb' AS one (READ_ONLY)")
    assert analyst.execute("SELECT count(*) FROM one.communes").fetchone() == (30,)


YEARS = {
    "title": lakes.text("سنوات", "Années", "Years"),
    "description": lakes.text("قيم كل سنة.", "Les valeurs par an.", "The values of years."),
    "row_is": lakes.text("قيمة", "une valeur", "one value"),
    "publisher": "office",
    "source": {"kind": "http", "url": "https://example.org/years.csv", "format": "csv"},
    "key": ["year", "place"],
    "columns": {
        "year": lakes.column("integer", "السنة", "Année", "Year"),
        "place": lakes.column("integer", "المكان", "Lieu", "Place"),
        "value": lakes.column("number", "القيمة", "Valeur", "Value"),
    },
}


def test_duckdb_skips_what_a_filter_leaves_out(
    serve: Serve, at_port: tuple[lakes.Built, int], analyst: duckdb.DuckDBPyConnection
) -> None:
    built, port = at_port
    lakes.publish(
        built, "years", "energy", YEARS,
        "SELECT (2000 + i // 50000)::BIGINT AS year, (i % 50000)::BIGINT AS place, "
        "hash(i) / 1e19 AS value FROM range(1000000) r(i)",
    )  # fmt: skip
    lakes.commit(built)
    url = f"{serve(built, port).url}/files/years/1/years.parquet"
    size = int(httpx.head(url).headers["content-length"])
    analyst.execute("CALL enable_logging('HTTP')")
    found = f"SELECT count(*), sum(value) > 0 FROM '{url}' WHERE year = 2003"
    assert analyst.execute(found).fetchone() == (50_000, True)
    asked = analyst.execute(
        "SELECT request.headers['Range'], response.status FROM duckdb_logs_parsed('HTTP') "
        "WHERE request.type = 'GET'"
    ).fetchall()
    ranges = [re.fullmatch(r"bytes=(\d+)-(\d+)", str(wanted)) for wanted, _ in asked]
    assert ranges
    assert all(ranges), asked
    read = sum(int(one[2]) - int(one[1]) + 1 for one in ranges if one)
    assert read < size / 3, f"{read} of {size} bytes were read"


def test_large_file_and_its_parts_arrive_whole(
    serve: Serve, at_port: tuple[lakes.Built, int]
) -> None:
    built, port = at_port
    server = serve(built, port)
    content = (built.lake.releases / "1" / "serving.duckdb").read_bytes()
    url = f"{server.url}/releases/1/serving.duckdb"
    assert len(content) > 1_000_000
    assert httpx.get(url).content == content
    half = httpx.get(url, headers={"Range": "bytes=1000-"})
    assert (half.status_code, half.content) == (206, content[1000:])
    several = httpx.get(url, headers={"Range": "bytes=0-9,-10"})
    assert several.status_code == 206
    assert content[:10] in several.content
    assert content[-10:] in several.content
    void = httpx.get(url, headers={"Range": "bytes=5-1"})
    assert (void.status_code, void.content) == (200, content)
    head = httpx.head(url, headers={"Range": "bytes=0-"})
    assert (head.status_code, head.content) == (206, b"")
    page = httpx.head(f"{server.url}/ar/")
    assert (page.status_code, page.content) == (200, b"")


def test_raw_paths_lead_nowhere_outside(pristine: lakes.Built, serve: Serve) -> None:
    port = free_port()
    serve(pristine, port)
    for target in (
        "/files/../communes/1/version.json",
        "/files/communes/1/../../../../FORMAT",
        "/releases/../log/1",
        "/releases/1/../../FORMAT",
        "//etc/passwd",
        "/static/../app.py",
        "/%2e%2e/%2e%2e/etc/passwd",
        "/ar/../../../etc/passwd",
    ):
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=10)
        connection.putrequest("GET", target)
        connection.endheaders()
        answer = connection.getresponse()
        body = answer.read()
        connection.close()
        assert answer.status == 404, target
        assert b'"format"' not in body
        assert b"root:" not in body


def test_server_ends_the_running_download_and_stops_when_told(
    serve: Serve, at_port: tuple[lakes.Built, int]
) -> None:
    built, port = at_port
    server = serve(built, port)
    with socket.create_connection(("127.0.0.1", port), timeout=10) as waiting:
        waiting.sendall(b"GET /ar/ HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
        server.process.send_signal(signal.SIGTERM)
        received = b""
        while chunk := waiting.recv(65536):
            received += chunk
    assert re.match(rb"HTTP/1.1 200", received)
    assert received.rstrip().endswith((b"</html>", b"0"))
    server.process.communicate(timeout=20)
    assert server.process.returncode == 0
