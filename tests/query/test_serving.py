"""The real server with its workers: releases that follow, clients that go, an end."""

from __future__ import annotations

import signal
import socket
import time
from collections.abc import Callable
from pathlib import Path
from urllib.parse import urlencode

import httpx
import pytest

from portal import lakes
from portal.conftest import Server, free_port
from portal.conftest import serve as serve  # the fixture

Serve = Callable[[lakes.Built, int], Server]
ENDLESS = "SELECT count(*) FROM range(1000000000000)"


@pytest.fixture
def served(tmp_path: Path, serve: Serve, monkeypatch: pytest.MonkeyPatch) -> Server:
    """A portal of a lake of its own, whose statements may run for a minute."""
    monkeypatch.setenv("MOULOUYA_SQL_SECONDS", "60")
    monkeypatch.setenv("MOULOUYA_STATE", str(tmp_path / "state"))
    port = free_port()
    built = lakes.build(tmp_path / "lake", f"http://127.0.0.1:{port}")
    return serve(built, port)


def wait_for(what: Callable[[], bool]) -> None:
    end = time.monotonic() + 60
    while not what():
        assert time.monotonic() < end, "it did not come to be"
        time.sleep(0.05)


def runs(pid: int) -> bool:
    """Whether a process has not ended; what nobody has collected yet has."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


def children(pid: int) -> list[int]:
    """The processes below a process."""
    found: list[int] = []
    for stat in Path("/proc").glob("[0-9]*/stat"):
        try:
            fields = stat.read_text().rpartition(")")[2].split()
        except OSError:
            continue
        if int(fields[1]) == pid and fields[0] != "Z":
            one = int(stat.parent.name)
            found += [one, *children(one)]
    return found


def test_a_new_release_is_asked_from_then_on(served: Server, tmp_path: Path) -> None:
    ask = f"{served.url}/api/v1/sql"
    count = {"sql": "SELECT count(*) AS n FROM communes"}
    first = httpx.post(ask, json=count, timeout=120)
    assert (first.json()["rows"], first.headers["result-release"]) == ([{"n": 30}], "1")
    built = lakes.Built(lakes.open_lake(tmp_path / "lake"), lakes.Settings(lake=tmp_path / "lake"))
    lakes.publish_communes(built, lakes.COMMUNE_ROWS[:5])
    lakes.commit(built)
    wait_for(lambda: httpx.get(f"{served.url}/health/ready").json()["release"] == 2)
    second = httpx.post(ask, json=count, timeout=120)
    assert (second.json()["rows"], second.headers["result-release"]) == ([{"n": 5}], "2")
    assert httpx.get(f"{served.url}/health/ready").json()["sql"] == {
        "status": "ready", "problem": None, "layers": ["duckdb", "system"],
    }  # fmt: skip
    problem = httpx.delete(ask)
    assert (problem.status_code, problem.headers["content-type"]) == (
        405, "application/problem+json",
    )  # fmt: skip


@pytest.mark.parametrize(
    ("path", "media_type", "body"),
    [
        ("/api/v1/sql", "text/plain", ENDLESS),
        ("/en/sql", "application/x-www-form-urlencoded", urlencode({"sql": ENDLESS})),
    ],
    ids=["api", "page"],
)
def test_the_worker_of_a_client_that_goes_away_is_ended(
    served: Server, path: str, media_type: str, body: str
) -> None:
    assert httpx.post(f"{served.url}/api/v1/sql", json={"sql": "SELECT 1"}, timeout=120).is_success
    idle = set(children(served.process.pid))
    host, port = served.url.removeprefix("http://").split(":")
    with socket.create_connection((host, int(port))) as client:
        client.sendall(
            f"POST {path} HTTP/1.1\r\nHost: x\r\nContent-Type: {media_type}\r\n"
            f"Content-Length: {len(body)}\r\n\r\n{body}".encode()
        )
        wait_for(lambda: len(set(children(served.process.pid)) - idle) == 1)
    wait_for(lambda: not set(children(served.process.pid)) - idle)
    assert httpx.get(f"{served.url}/health/live").is_success


def test_an_answer_in_pieces_arrives_while_it_is_made(served: Server) -> None:
    sql = "SELECT range AS n FROM range(100000000)"
    headers = {"From": "reader@example.org"}
    url = f"{served.url}/api/v1/sql"
    asked = {"sql": sql, "format": "json", "limit": 50_000}
    with httpx.stream("POST", url, json=asked, headers=headers, timeout=120) as answer:
        pieces = list(answer.iter_raw())
    assert b'"truncated":true,"truncated_by":"rows"' in pieces[-1] or b"truncated" in b"".join(
        pieces
    )
    wide = {"sql": "SELECT repeat('x', 100000) AS x FROM range(1000)", "format": "csv"}
    with pytest.raises(httpx.RemoteProtocolError):
        httpx.post(url, json=wide, timeout=120)


def test_nothing_is_left_when_the_portal_stops_or_dies(served: Server) -> None:
    assert httpx.post(f"{served.url}/api/v1/sql", json={"sql": "SELECT 1"}, timeout=120).is_success
    below = children(served.process.pid)
    assert below
    served.process.send_signal(signal.SIGTERM)
    served.process.communicate(timeout=60)
    wait_for(lambda: not any(runs(pid) for pid in below))
