"""Uses are counted as plain numbers: nobody is known, and no page waits for it."""

from __future__ import annotations

import csv
import datetime as dt
import sqlite3
import subprocess
import sys
from pathlib import Path

import pytest
from structlog.testing import capture_logs

from moulouya.portal.usage import DAYS, Usage, what

from . import lakes
from .conftest import Client, client_of

DAY = dt.date(2026, 11, 21)


@pytest.fixture
def usage(tmp_path: Path) -> Usage:
    return Usage(tmp_path / "portal" / "usage.db", today=lambda: DAY)


def counted(client: Client) -> dict[str, dict[str, int]]:
    usage: Usage = client.app.state.usage
    usage.flush()
    usage.refresh()
    return {slug: dict(kinds) for slug, kinds in usage.summary().uses.items()}


def test_pages_downloads_and_feeds_are_counted_also_when_remembered(built: lakes.Built) -> None:
    client = client_of(built)
    for _ in range(3):
        tag = client.get("/fr/datasets/communes").headers["etag"]
    client.get("/ar/datasets/communes", if_none_match=tag)
    client.get("/feeds/communes.atom")
    client.get("/files/communes/1/communes.parquet")
    client.get("/files/communes/1/version.json")
    assert counted(client) == {"communes": {"page": 4, "feed": 1, "download": 1}}


def test_a_download_in_pieces_counts_once(built: lakes.Built) -> None:
    client = client_of(built)
    path = "/files/communes/1/communes.parquet"
    for part in ("bytes=0-9", "bytes=10-19", "bytes=-5"):
        assert client.get(path, range=part).status_code == 206
    client.head(path)
    etag = client.get(path, range="bytes=1-2").headers["etag"]
    assert client.get(path, if_none_match=etag).status_code == 304
    assert counted(client) == {"communes": {"download": 1}}


@pytest.mark.parametrize(
    "headers",
    [
        {"dnt": "1"},
        {"sec_gpc": "1"},
        {"user_agent": "Mozilla/5.0 (compatible; Googlebot/2.1; +http://www.google.com/bot.html)"},
        {"user_agent": "SomeCrawler"},
        {"user_agent": "facebookexternalhit/1.1"},
    ],
)
def test_crawlers_and_who_asks_not_to_be_followed_are_not_counted(
    built: lakes.Built, headers: dict[str, str]
) -> None:
    client = client_of(built)
    client.get("/en/datasets/communes", **headers)
    client.get("/en/datasets/communes", dnt="0", user_agent="python-httpx/1")
    assert counted(client) == {"communes": {"page": 1}}


def test_what_is_not_there_is_not_counted(built: lakes.Built) -> None:
    client = client_of(built)
    for path in ("/en/datasets/nothing", "/files/nothing/1/x", "/feeds/datasets.atom", "/en/"):
        client.get(path)
    assert counted(client) == {}


def test_an_address_of_the_api_counts_for_the_dataset_it_names() -> None:
    known = {"communes": 1}
    assert what("/api/v1/datasets/communes/rows", known) == ("communes", "api")
    assert what("/api/v1/datasets", known) is None
    assert what("/en/datasets/communes/report", known) is None


def test_nothing_but_day_dataset_kind_and_number_is_kept(built: lakes.Built) -> None:
    client = client_of(built)
    client.get("/en/datasets/communes", user_agent="Mozilla/5.0 Unmistakable")
    counted(client)
    path = built.settings.state_root / "portal" / "usage.db"
    with sqlite3.connect(path) as con:
        (row,) = con.execute("SELECT * FROM usage").fetchall()
        assert row[1:] == ("communes", "page", 1)
    con.close()
    assert b"Unmistakable" not in path.read_bytes()


def test_the_most_used_come_first_and_old_days_do_not_count(usage: Usage) -> None:
    for slug, times in (("a", 1), ("b", 3), ("c", 1)):
        for _ in range(times):
            usage.count(slug, "page")
    usage.flush()
    usage._today = lambda: DAY - dt.timedelta(days=DAYS)
    for _ in range(9):
        usage.count("old", "page")
    usage.flush()
    usage._today = lambda: DAY
    usage.refresh()
    assert usage.most_used() == ["b", "a", "c"]
    assert usage.most_used(1) == ["b"]
    assert ("2026-10", "old", "page", 9) in usage.months()


WRITER = """
import sys
from pathlib import Path
from moulouya.portal.usage import Usage
usage = Usage(Path(sys.argv[1]))
for _ in range(50):
    usage.count("communes", "page")
    usage.flush()
"""


def test_several_processes_lose_nothing(usage: Usage) -> None:
    command = [sys.executable, "-c", WRITER, str(usage.path)]
    writers = [subprocess.Popen(command) for _ in range(3)]
    assert [writer.wait(timeout=60) for writer in writers] == [0, 0, 0]
    assert sum(row[3] for row in usage.months()) == 150


def test_a_place_that_cannot_be_written_costs_one_line_and_no_page(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    usage = Usage(tmp_path / "file" / "usage.db")
    with capture_logs() as logs:
        for _ in range(3):
            usage.count("communes", "page")
            usage.flush()
    assert [entry["event"] for entry in logs] == ["uses are not counted for now"]
    assert usage.most_used() == []


def test_figures_below_five_are_not_shown(built: lakes.Built) -> None:
    client = client_of(built)
    usage: Usage = client.app.state.usage
    for slug, kind, times in (
        ("communes", "page", 5), ("communes", "download", 4), ("density", "page", 4)
    ):  # fmt: skip
        for _ in range(times):
            usage.count(slug, kind)
    counted(client)
    page = client.get("/en/usage").text
    assert "/en/datasets/communes" in page
    assert "/en/datasets/density" not in page
    assert '<td class="num">5</td><td class="num">–</td>' in page
    rows = list(csv.DictReader(client.get("/usage.csv").text.splitlines()))
    assert [(row["dataset"], row["kind"], row["uses"]) for row in rows] == [
        ("communes", "page", "5")
    ]
    assert "times in the last 30 days" not in client.get("/en/datasets/communes?a=1").text


def test_the_page_of_a_dataset_says_how_often_it_was_downloaded(built: lakes.Built) -> None:
    client = client_of(built)
    for _ in range(6):
        client.app.state.usage.count("communes", "download")
    counted(client)
    page = client.get("/en/datasets/communes").text
    assert "Downloaded 6 times in the last 30 days" in page
