"""Records written ahead: the same pages as DuckDB gives, and never in its way."""

from __future__ import annotations

import errno
import random
import shutil
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pyroaring import BitMap

from moulouya import duck
from moulouya.portal.api import ahead, answering, equalities, records
from moulouya.portal.api.ahead import WORTH, Written
from moulouya.portal.api.blocks import FEWEST, ROWS, Blocks, Damaged
from moulouya.portal.api.equalities import Equalities
from moulouya.portal.app import create_app
from moulouya.portal.kept import Kept
from moulouya.portal.records.spool import Draft
from moulouya.settings import Settings
from moulouya.storage.lake import Lake

from . import lakes, tables
from .conftest import Client

LONG = (FEWEST + 20) * ROWS + 5
# As programs ask; browsers ask for packed answers.
PLAIN = {"Accept-Encoding": "identity"}
ADDRESS = "/api/v1/datasets/observations/records"


@pytest.fixture(scope="module")
def observed(pristine: lakes.Built, tmp_path_factory: pytest.TempPathFactory) -> lakes.Built:
    """A lake with a table of some blocks, of every type but shapes."""
    root = tmp_path_factory.mktemp("ahead") / "lake"
    shutil.copytree(pristine.lake.root, root)
    settings = Settings(lake=root, state=root.parent / "state", public_url="http://portal")
    built = lakes.Built(Lake(root), settings)
    columns = dict(tables.DEFINITION["columns"])
    del columns["shape"], columns["kind"]
    more = columns.pop("more")
    columns |= {"kept": lakes.column("integer", "kept", "kept", "kept"), "more": more}
    listed = ", ".join(map(duck.literal, tables.TEXTS))
    lakes.publish(built, "observations", "energy", {**tables.DEFINITION, "columns": columns}, f"""
        SELECT i::BIGINT AS id, ([{listed}])[1 + i % {len(tables.TEXTS)}]::VARCHAR AS label,
            CASE i % 4 WHEN 0 THEN NULL WHEN 1 THEN 'nan'::DOUBLE ELSE i / 7 END AS size,
            CASE WHEN i % 11 = 5 THEN NULL ELSE (i % 13) - 6.25 END::DECIMAL(10,2) AS price,
            CASE WHEN i % 5 = 0 THEN NULL ELSE i % 2 = 0 END AS "open",
            DATE '1899-12-30' + (i * 400)::INTEGER AS day,
            TIMESTAMPTZ '2024-03-01 12:00:00+00' + to_seconds(i * 86399) AS "at",
            CASE WHEN i % 9 = 0 THEN NULL ELSE i % 40 END AS kept,
            CASE WHEN i % 3 = 0 THEN NULL ELSE '{{"n":' || chr(10) || i || '}}' END AS more
        FROM range({LONG}) r(i) ORDER BY hash(i)
    """)  # fmt: skip
    lakes.commit(built)
    return built


@pytest.fixture
def site(observed: lakes.Built, tmp_path: Path) -> Client:
    """A portal with a state of its own that has written nothing ahead."""
    url = observed.settings.public_url
    own = Settings(lake=observed.lake.root, state=tmp_path / "state", public_url=url)
    return Client(create_app(own, look_every=0))


@pytest.fixture(scope="module")
def both(observed: lakes.Built, tmp_path_factory: pytest.TempPathFactory) -> tuple[Client, Client]:
    """A portal that answers from DuckDB, and one that has written its records ahead."""
    url = observed.settings.public_url
    found = []
    for name in ("asks", "cuts"):
        state = tmp_path_factory.mktemp(name)
        own = Settings(lake=observed.lake.root, state=state, public_url=url)
        found.append(Client(create_app(own, look_every=0)))
    found[0].app.state.ahead._wish = lambda *_: None
    write(found[1])
    return found[0], found[1]


@pytest.fixture(autouse=True)
def forgotten() -> None:
    """No answer is kept from one test to the next."""
    records._answers.clear()


def write(site: Client) -> Path:
    """Ask often enough that the file is written, and wait for it."""
    for number in range(WORTH):
        assert site.get(f"{ADDRESS}?limit={number + 1}").status_code == 200
    site.app.state.ahead.settle()
    (file,) = (site.app.state.ahead._spool.folder).glob("[!.]*")
    return file


def index_of(blocks: Blocks) -> Equalities:
    """The index of a file, with bitmaps of its own."""
    return Equalities(blocks, "", Kept(1_000_000, len))


def without_duckdb(monkeypatch: pytest.MonkeyPatch) -> None:
    """Refuse what asks DuckDB, and forget the answers that are kept."""
    records._answers.clear()
    monkeypatch.setattr(records, "tables", None)


@settings(max_examples=60, deadline=None)
@given(st.integers(0, LONG + 5), st.integers(1, LONG + 5), st.sampled_from(["json", "ndjson"]))
def test_page_is_that_of_duckdb(
    both: tuple[Client, Client], offset: int, limit: int, form: str
) -> None:
    pages = []
    for site in both:
        records._answers.clear()
        pages.append(site.get(f"{ADDRESS}?offset={offset}&limit={limit}&format={form}"))
    asked, cut = pages
    assert cut.status_code == asked.status_code == 200
    assert cut.content == asked.content
    assert cut.headers["etag"] == asked.headers["etag"]
    assert cut.headers.get("link") == asked.headers.get("link")


def test_table_read_to_its_end_is_read_without_duckdb(
    site: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    write(site)
    without_duckdb(monkeypatch)
    seen: list[int] = []
    following: str | None = f"{ADDRESS}?limit=100"
    while following:
        page: dict[str, Any] = site.get(following.replace("http://portal", "")).json()
        seen += [one["id"] for one in page["records"]]
        following = page["next"]
    assert len(seen) == LONG
    assert sorted(seen) == list(range(LONG))


EQUALITIES = [
    *(f"label = {duck.literal(one)}" for one in tables.TEXTS if one and len(one) < 200),
    "open = TRUE", "open = FALSE", "TRUE = open", "kept = 3", "3 = kept", "kept = 3.0",
    "kept = 7000", "label = 'no such text'", "open = TRUE AND open = FALSE",
    "(open = TRUE) AND (kept = 4 AND label = 'Berkane')",
]  # fmt: skip
OTHERS = [
    "kept > 3", "kept = 3 OR kept = 4", "NOT (kept = 3)", "kept = 3 AND id > 90", "kept = id",
    "kept = 2 + 1", "kept = 3.5", "open", "CASEI(label) = CASEI('berkane')", "kept IN (3)",
    "kept IS NULL", "label > 'a'",
]  # fmt: skip


@settings(max_examples=120, deadline=None)
@given(
    st.sampled_from(EQUALITIES + OTHERS), st.integers(0, 300), st.integers(1, 300),
    st.sampled_from(["json", "ndjson"]), st.sampled_from(["none", "exact", "estimate"]),
)  # fmt: skip
def test_page_of_a_condition_is_that_of_duckdb(
    both: tuple[Client, Client], where: str, offset: int, limit: int, form: str, total: str
) -> None:
    query = {"where": where, "offset": offset, "limit": limit, "format": form, "total": total}
    pages = []
    for site in both:
        records._answers.clear()
        pages.append(site.get(f"{ADDRESS}?{urlencode(query)}"))
    asked, cut = pages
    assert cut.status_code == asked.status_code == 200, asked.text
    assert cut.content == asked.content
    assert cut.headers.get("link") == asked.headers.get("link")


@pytest.mark.parametrize("where", EQUALITIES)
def test_rows_that_equal_something_are_read_without_duckdb(
    both: tuple[Client, Client], monkeypatch: pytest.MonkeyPatch, where: str
) -> None:
    asks, cuts = both
    base = f"{ADDRESS}?{urlencode({'where': where})}"
    true = asks.get(f"{base}&limit={LONG}").json()["records"]
    without_duckdb(monkeypatch)
    seen: list[dict[str, Any]] = []
    following: str | None = f"{base}&limit=25"
    while following:
        page: dict[str, Any] = cuts.get(following.replace("http://portal", "")).json()
        seen += page["records"]
        following = page["next"]
    assert seen == true


@pytest.mark.parametrize(
    "query",
    [*(urlencode({"where": one}) for one in OTHERS), "where=open=TRUE&total=estimate",
     "order_by=id", "group_by=open", "select=id", "select=count(*)", "format=csv",
     "where=open=TRUE&format=csv", "where=open=TRUE&order_by=id", "where=price=1.25"],
)  # fmt: skip
def test_another_question_is_for_duckdb(
    site: Client, monkeypatch: pytest.MonkeyPatch, query: str
) -> None:
    write(site)
    monkeypatch.setattr(Written, "cut", None)
    records._answers.clear()
    assert site.get(f"{ADDRESS}?{query}").status_code == 200


@pytest.mark.parametrize(
    "query", ["", "limit=200&offset=7", "where=open=TRUE", "where=kept=3&format=ndjson"]
)
def test_what_is_written_ahead_is_answered_without_a_thread(
    site: Client, monkeypatch: pytest.MonkeyPatch, query: str
) -> None:
    write(site)
    assert site.get(ADDRESS).status_code == 200, "which opens the file"
    records._answers.clear()
    monkeypatch.setattr(answering, "run_in_threadpool", None)
    for _ in range(2):
        assert site.get(f"{ADDRESS}?{query}", **PLAIN).status_code == 200


@pytest.mark.parametrize(
    ("query", "headers", "status"),
    [
        ("limit=201", {}, 200), ("where=id<9", {}, 200), ("order_by=id", {}, 200),
        ("format=csv", {}, 200), ("limit=33", {"Accept-Encoding": "br"}, 200),
        ("where=no=3", {}, 409), (f"where=open=TRUE{' ' * 500}", {}, 200), ("limit=x", {}, 400),
        ("offset=1&cursor=x", {}, 409),
    ],
)  # fmt: skip
def test_what_takes_longer_or_is_wrong_is_answered_in_a_thread(
    site: Client, monkeypatch: pytest.MonkeyPatch, query: str, headers: dict[str, str], status: int
) -> None:
    write(site)
    assert site.get(ADDRESS).status_code == 200, "which opens the file"
    records._answers.clear()
    threads: list[str] = []

    async def counted(function: Any, *arguments: Any) -> Any:
        threads.append(query)
        return function(*arguments)

    monkeypatch.setattr(answering, "run_in_threadpool", counted)
    assert site.get(f"{ADDRESS}?{query}", **(PLAIN | headers)).status_code == status
    assert threads == [query]


def test_column_of_many_values_is_left_to_duckdb(
    site: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(equalities, "MOST_VALUES", 20)
    write(site)
    asked: list[str] = []
    real = records.tables
    monkeypatch.setattr(records, "tables", lambda *a: (asked.append(""), real(*a))[1])
    for where in ("kept = 3", "open = TRUE"):
        assert site.get(f"{ADDRESS}?{urlencode({'where': where})}").json()["count"] > 0
    assert len(asked) == 1


def test_bitmaps_in_memory_are_bounded(site: Client) -> None:
    file = write(site)
    kept: Kept[BitMap] = Kept(40, len)
    index = Equalities(Blocks(file), "", kept)
    for number in range(40):
        assert index.rows(frozenset([("kept", number)]))
        assert sum(map(len, kept._kept.values())) <= 40


def test_table_with_shapes_is_left_to_duckdb(site: Client) -> None:
    for number in range(2 * WORTH):
        site.get(f"/api/v1/datasets/boundaries/records?limit={number + 1}")
    site.app.state.ahead.settle()
    assert list(site.app.state.ahead._spool.folder.iterdir()) == []


def test_file_damaged_anywhere_is_never_served(
    site: Client, both: tuple[Client, Client], tmp_path: Path
) -> None:
    file = write(site)
    whole = file.read_bytes()
    true = both[0].get(f"{ADDRESS}?limit={LONG}&format=ndjson").content.rstrip(b"\n")
    opened = index_of(Blocks(file)).rows(frozenset([("open", True)]))
    chance = random.Random(1)
    for bit in chance.sample(range(8 * len(whole)), 200):
        spoiled = bytearray(whole)
        spoiled[bit // 8] ^= 1 << bit % 8
        damaged = tmp_path / "damaged"
        damaged.write_bytes(spoiled)
        try:
            blocks = Blocks(damaged)
            lines = blocks.span(0, LONG)
            open_rows = index_of(blocks).rows(frozenset([("open", True)]))
        except Damaged:
            continue
        assert lines == true
        assert open_rows == opened


def test_damaged_file_is_forgotten_and_duckdb_answers(site: Client) -> None:
    file = write(site)
    spoiled = bytearray(file.read_bytes())
    spoiled[40] ^= 1
    file.write_bytes(spoiled)
    page = site.get(f"{ADDRESS}?limit=50&offset=3").json()
    assert page["count"] == 50
    assert not file.exists()


@pytest.mark.parametrize("size", [0, 3, 20, 2000])
def test_torn_file_is_forgotten_and_duckdb_answers(site: Client, size: int) -> None:
    file = write(site)
    site.app.state.ahead._open.clear()
    file.write_bytes(file.read_bytes()[-size:] if size else b"")
    assert site.get(f"{ADDRESS}?limit=51").json()["count"] == 51
    assert not file.exists()


def test_full_disk_leaves_the_answers_to_duckdb(
    site: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(Draft, "write", full)
    for number in range(2 * WORTH):
        assert site.get(f"{ADDRESS}?limit={number + 1}").json()["count"] == number + 1
    site.app.state.ahead.settle()
    assert list(site.app.state.ahead._spool.folder.iterdir()) == []


def test_too_large_a_table_is_left_to_duckdb(site: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ahead, "LARGEST", 100)
    for number in range(WORTH):
        site.get(f"{ADDRESS}?limit={number + 1}")
    site.app.state.ahead.settle()
    assert list(site.app.state.ahead._spool.folder.iterdir()) == []
    assert site.get(f"{ADDRESS}?limit=52").json()["count"] == 52


def test_portal_that_stops_leaves_the_file_it_writes(site: Client) -> None:
    site.app.state.ahead.stop()
    for number in range(WORTH):
        site.get(f"{ADDRESS}?limit={number + 1}")
    site.app.state.ahead.settle()
    assert list(site.app.state.ahead._spool.folder.iterdir()) == []
