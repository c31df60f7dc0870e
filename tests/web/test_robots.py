"""robots.txt where pages are scraped, and only there."""

from __future__ import annotations

import time

import pytest

from moulouya.errors import SourceError
from web.hostile import BEHAVIOURS, BODY


@pytest.fixture
def robots(monkeypatch):
    """Let the server answer /robots.txt like this."""

    def set_to(status: str, text: str = "", **headers: str) -> None:
        def act(to):
            to.answer(status, text.encode(), **headers)

        monkeypatch.setitem(BEHAVIOURS, "robots.txt", act)

    return set_to


FORBIDDING = "User-agent: *\nDisallow: /fine\n"


def test_a_page_that_robots_may_not_read_is_not_asked_for(server, robots, download):
    robots("200 OK", FORBIDDING)
    with pytest.raises(SourceError, match=r"robots\.txt forbids it to Moulouya") as caught:
        download(server.url("fine"), scraped=True)
    assert not caught.value.retry
    assert (server.times("robots.txt"), server.times("fine")) == (1, 0)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "User-agent: *\nDisallow: /private\n",
        "User-agent: *\nDisallow: /\n\nUser-agent: moulouya\nAllow: /\n",
        "not a robots.txt at all",
    ],
)
def test_any_other_page_is(server, robots, download, tmp_path, text):
    robots("200 OK", text)
    download(server.url("fine"), scraped=True)
    assert (tmp_path / "got").read_bytes() == BODY


def test_rules_for_our_name_go_before_those_for_all(server, robots, download):
    robots("200 OK", "User-agent: *\nAllow: /\n\nUser-agent: Moulouya\nDisallow: /\n")
    with pytest.raises(SourceError, match="forbids"):
        download(server.url("fine"), scraped=True)


@pytest.mark.parametrize("status", ["404 Not Found", "403 Forbidden", "410 Gone"])
def test_no_robots_txt_allows_everything(server, robots, download, status):
    robots(status, FORBIDDING)
    assert download(server.url("fine"), scraped=True).status == 200


@pytest.mark.parametrize("status", ["500 Oops", "503 Unavailable", "429 Too Many"])
def test_a_server_in_trouble_forbids_everything_for_now(server, robots, download, status):
    robots(status)
    with pytest.raises(SourceError, match=f"robots.txt answered {status[:3]}") as caught:
        download(server.url("fine"), scraped=True)
    assert caught.value.retry
    assert server.times("fine") == 0


def test_a_robots_txt_that_cannot_be_had_forbids_everything_for_now(server, download, monkeypatch):
    monkeypatch.setitem(BEHAVIOURS, "robots.txt", lambda to: None)
    with pytest.raises(SourceError, match=r"robots\.txt cannot be read") as caught:
        download(server.url("fine"), scraped=True)
    assert caught.value.retry
    assert server.times("fine") == 0


def test_it_is_asked_for_once_a_client_and_holds_for_every_page(server, robots, connect, tmp_path):
    robots("200 OK", FORBIDDING)
    with connect(server.url("fine"), scraped=True) as client:
        for _ in range(3):
            client.download(server.url("chunked"), tmp_path / "got")
        with pytest.raises(SourceError, match="forbids"):
            client.download(server.url("fine"), tmp_path / "got")
    assert server.times("robots.txt") == 1


def test_a_redirect_leads_no_way_round_it(server, robots, download):
    robots("200 OK", FORBIDDING)
    with pytest.raises(SourceError, match="forbids"):
        download(server.url("to", "/302?/fine"), scraped=True)
    assert server.times("fine") == 0


def test_a_moved_robots_txt_is_followed(server, robots, download, monkeypatch):
    robots("301 Moved", Location="/elsewhere.txt")
    monkeypatch.setitem(BEHAVIOURS, "elsewhere.txt", lambda to: to.answer(body=FORBIDDING.encode()))
    with pytest.raises(SourceError, match="forbids"):
        download(server.url("fine"), scraped=True)


def test_an_endless_one_is_read_to_its_limit(server, download, monkeypatch):
    monkeypatch.setitem(BEHAVIOURS, "robots.txt", BEHAVIOURS["endless_body"])
    assert download(server.url("fine"), scraped=True).status == 200


def test_the_pause_it_asks_for_is_kept(server, robots, connect, tmp_path):
    robots("200 OK", "User-agent: *\nCrawl-delay: 0.3\n")
    with connect(server.url("fine"), scraped=True) as client:
        start = time.monotonic()
        for _ in range(2):
            client.download(server.url("fine"), tmp_path / "got")
    assert time.monotonic() - start >= 0.3


def test_a_source_that_is_no_page_asks_for_none(server, robots, download):
    robots("200 OK", FORBIDDING)
    assert download(server.url("fine")).status == 200
    assert server.times("robots.txt") == 0
