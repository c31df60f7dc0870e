"""Hostile statements with either layer switched off: none gets out, and the service lives on."""

from __future__ import annotations

import itertools
import socket
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path

import httpx
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from moulouya.sandbox import lockdown
from portal import lakes

from . import hostile, hostile_clients
from .conftest import KEY, Portal, Start, unable

SECRET = "the-secret-in-the-file"
CANARY = "the-secret-in-the-environment"
BOTH = "duckdb,system"
# What wants everything is held by the limits, whichever layer there is: a few of them do there.
CORPORA = (hostile, hostile_clients)
ALL = [statement for corpus in CORPORA for statement in corpus.ALL]
BOMBS = [statement for corpus in CORPORA for statement in corpus.BOMBS]
BY_ONE_LAYER = [one for one in ALL if one not in frozenset(BOMBS)] + BOMBS[::8]
LIMIT, LIMIT_OF_BOMBS = 1.0, 0.5


@dataclass
class Outside:
    """What a statement must not reach: a file, a folder to write to, a server."""

    file: Path
    folder: Path
    listener: socket.socket
    came: list[object] = field(default_factory=list)

    def text(self, statement: str, number: int) -> str:
        return (
            statement.replace("$FILE", str(self.file))
            .replace("$NEW", str(self.folder / f"new{number}"))
            .replace("$PORT", str(self.listener.getsockname()[1]))
        )

    def listen(self) -> None:
        while True:
            try:
                self.came.append(self.listener.accept())
            except OSError:
                return


@pytest.fixture
def outside(tmp_path: Path) -> Iterator[Outside]:
    folder = tmp_path / "writable"
    folder.mkdir(mode=0o777)
    file = tmp_path / "secret.csv"
    file.write_text(f"a\n{SECRET}\n")
    with socket.create_server(("127.0.0.1", 0)) as listener:
        found = Outside(file, folder, listener)
        thread = threading.Thread(target=found.listen, daemon=True)
        thread.start()
        yield found
        listener.shutdown(socket.SHUT_RDWR)
        thread.join()


def layers_here(layers: str) -> None:
    if layers != "duckdb" and not any(lockdown.available().values()):
        unable("this machine has neither Landlock nor seccomp")


def ask(portal: Portal, text: str, form: str, limit: float) -> httpx.Response:
    """An answer; one that was broken off is told as such."""
    try:
        return portal.sql(text, format=form, limit=1000, timeout=limit, headers={"X-Api-Key": KEY})
    except httpx.RemoteProtocolError:
        return httpx.Response(200, text="broken off")


@pytest.mark.parametrize("layers", ["duckdb", "system", BOTH])
def test_no_hostile_statement_gets_out(
    started: Start,
    lake: lakes.Built,
    keys: Path,
    outside: Outside,
    layers: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    layers_here(layers)
    monkeypatch.setenv("MOULOUYA_CANARY", CANARY)
    portal = started(lake, sql_layers=layers, sql_keys=keys, sql_seconds=6.0, sql_workers=6)
    assert portal.sql("SELECT 1", headers={"X-Api-Key": KEY}).status_code == 200
    files = {path: path.read_bytes() for path in lake.lake.root.rglob("*.duckdb")}

    def try_out(number: int, statement: str, form: str) -> tuple[str, httpx.Response]:
        text = outside.text(statement, number)
        return text, ask(portal, text, form, LIMIT_OF_BOMBS if statement in bombs else LIMIT)

    bombs = frozenset(BOMBS)
    statements = ALL if layers == BOTH else BY_ONE_LAYER
    forms = itertools.cycle(("json", "csv", "arrow", "parquet", "ndjson"))
    with ThreadPoolExecutor(3) as crowd:
        answers = list(crowd.map(try_out, itertools.count(), statements, forms))
    for text, answer in answers:
        assert answer.status_code in (200, 400, 403, 413, 422, 503), (text[:200], answer.text)
        assert SECRET.encode() not in answer.content, text
        assert CANARY.encode() not in answer.content, text
        assert b"root:x:" not in answer.content, text
    assert outside.came == []
    assert list(outside.folder.iterdir()) == []
    assert outside.file.read_text() == f"a\n{SECRET}\n"
    assert {path: path.read_bytes() for path in lake.lake.root.rglob("*.duckdb")} == files
    rows = portal.sql("SELECT count(*) AS n FROM communes", headers={"X-Api-Key": KEY}).json()
    assert rows["rows"] == [{"n": 30}]


def test_without_any_layer_the_same_statements_do_get_out(
    started: Start, lake: lakes.Built, outside: Outside
) -> None:
    """So that the tests above can fail."""
    portal = started(lake, sql_layers="")
    read = portal.sql(f"SELECT content FROM read_text('{outside.file}')")
    assert SECRET in read.text
    portal.sql(f"COPY (SELECT 1) TO '{outside.folder / 'new'}'")
    made = "SELECT count(*) AS n FROM glob('" + str(outside.folder) + "/*')"
    assert portal.rows(made) in ([{"n": 0}], [{"n": 1}])


@settings(max_examples=40, deadline=None, suppress_health_check=list(HealthCheck))
@given(
    st.one_of(
        st.text(min_size=1, max_size=300),
        st.text(alphabet="SELECTFROMcommunes*()'\";-/ ,1?$", min_size=1, max_size=120),
        st.lists(
            st.sampled_from(
                ["SELECT", "FROM", "communes", "(", ")", "*", ",", "'a'", "1", "WITH", "x", "AS",
                 "PIVOT", "ON", "EXPLAIN", "ANALYZE", "COPY", "TO", ";", "--", "/*", "*/", "VALUES",
                 "read_text", "UNION", "ALL", "ORDER", "BY", "NULL", "::", "JSON", "[", "]", "{"]
            ),
            min_size=1, max_size=25,
        ).map(" ".join),
    )
)  # fmt: skip
def test_any_text_gives_a_result_or_a_problem(portal: Portal, text: str) -> None:
    answer = portal.sql(text, limit=10, timeout=5)
    assert answer.status_code in (200, 400, 403, 413, 422, 503), answer.text
    kind = "application/json" if answer.status_code == 200 else "application/problem+json"
    assert answer.headers["content-type"] == kind


def test_where_no_process_can_be_locked_in_nothing_is_run(
    started: Start, lake: lakes.Built, monkeypatch: pytest.MonkeyPatch
) -> None:
    portal = started(lake)
    pool_of = portal.app.state.sql._make

    def on_a_machine_without() -> object:
        pool = pool_of()
        make = pool.forker_for

        def weak(release: int, metadata: Path) -> object:
            forker = make(release, metadata)
            ready = forker.ready

            async def found_weak() -> None:
                await ready()
                forker.could = ["read a file"]

            monkeypatch.setattr(forker, "ready", found_weak)
            return forker

        pool.forker_for = weak
        return pool

    monkeypatch.setattr(portal.app.state.sql, "_make", on_a_machine_without)
    answer = portal.sql("SELECT 1")
    assert (answer.status_code, answer.headers["retry-after"]) == (503, "30")
    assert "could read a file" in answer.json()["detail"]
    health = portal.web.get("/health/ready")
    assert (health.status_code, health.json()["status"]) == (200, "ready")
    assert health.json()["sql"]["status"] == "unavailable"
    assert "Landlock or seccomp" in health.json()["sql"]["problem"]
