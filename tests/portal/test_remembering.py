"""Answers kept in memory: the same for many readers, never stale, never private, never too many."""

from __future__ import annotations

import asyncio
import gzip
from collections.abc import Callable
from types import SimpleNamespace

import brotli
import httpx
import pytest
import zstandard
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from moulouya.portal import remembering
from moulouya.portal.answers import FOREVER, SHORT, answer, packing_for
from moulouya.portal.remembering import Remembering

LONG = "x" * 5000


class Clock:
    """Time that goes on when it is told to."""

    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


class World:
    """An application that counts how often it makes an answer, and its release."""

    def __init__(self, respond: Callable[[Request], Response]) -> None:
        self.made: list[str] = []
        self.clock = Clock()

        async def page(request: Request) -> Response:
            self.made.append(f"{request.method} {request.url.path}")
            return respond(request)

        methods = ["GET", "POST"]
        self.app = Starlette(
            routes=[Route("/{path:path}", page, methods=methods)],
            middleware=[Middleware(Remembering, clock=self.clock)],
        )
        self.release = SimpleNamespace(number=1)
        self.app.state.current = SimpleNamespace(
            due=lambda: False, served=self.release, catalogue=lambda: self.release
        )

    def ask(self, path: str, method: str = "GET", **headers: str) -> httpx.Response:
        named = {name.replace("_", "-"): value for name, value in headers.items()}

        async def send() -> httpx.Response:
            transport = httpx.ASGITransport(self.app)
            async with httpx.AsyncClient(transport=transport, base_url="http://portal") as client:
                return await client.request(method, path, headers=named)

        return asyncio.run(send())


def page(request: Request) -> Response:
    return answer(request, f"<p>{request.url.path}</p>{LONG}", "text/html; charset=utf-8")


def test_the_second_reader_gets_what_the_first_one_got() -> None:
    world = World(page)
    first, second = world.ask("/fr/"), world.ask("/fr/")
    assert world.made == ["GET /fr/"]
    assert (second.status_code, second.text) == (200, first.text)
    assert second.headers == first.headers


def test_each_address_query_and_coding_is_an_answer_of_its_own() -> None:
    world = World(page)
    for path, coding in (("/a", "br"), ("/a", "gzip"), ("/a?q=1", "br"), ("/b", "br")):
        world.ask(path, accept_encoding=coding)
    assert len(world.made) == 4
    world.ask("/a", accept_encoding="br;q=0.5, gzip")
    assert len(world.made) == 4, "another way to ask for the same coding is no other answer"


@pytest.mark.parametrize("coding", ["br", "zstd", "gzip"])
def test_a_kept_answer_is_what_its_coding_says(coding: str) -> None:
    world = World(page)
    plain = world.ask("/a", accept_encoding="identity").text
    for _ in range(2):
        given = world.ask("/a", accept_encoding=coding)
        assert given.headers["content-encoding"] == coding
        assert given.headers["vary"] == "Accept-Encoding"
        assert given.text == plain
    assert len(world.made) == 2


def test_a_reader_who_has_it_is_told_so_in_few_bytes() -> None:
    world = World(page)
    tag = world.ask("/a").headers["etag"]
    again = world.ask("/a", if_none_match=f'"other", W/{tag}')
    assert (again.status_code, again.content) == (304, b"")
    assert "content-encoding" not in again.headers
    assert again.headers["etag"] == tag
    assert again.headers["cache-control"] == SHORT
    assert world.ask("/a", if_none_match='"other"').status_code == 200
    assert len(world.made) == 1


def test_head_is_answered_from_what_get_left_and_leaves_nothing_itself() -> None:
    world = World(page)
    world.ask("/a", "HEAD")
    whole = world.ask("/a")
    assert len(world.made) == 2, "an answer to HEAD has no body to keep"
    head = world.ask("/a", "HEAD")
    assert len(world.made) == 2
    assert (head.content, head.headers) == (b"", whole.headers)


def test_an_answer_is_made_anew_after_half_a_minute() -> None:
    world = World(page)
    world.ask("/a")
    world.clock.now = remembering.SECONDS - 0.001
    world.ask("/a")
    assert len(world.made) == 1
    world.clock.now = remembering.SECONDS
    world.ask("/a")
    assert len(world.made) == 2


def test_a_new_release_is_shown_at_once() -> None:
    world = World(page)
    world.ask("/a")
    world.release.number = 2
    world.ask("/a")
    assert len(world.made) == 2


@pytest.mark.parametrize(
    ("status", "cache"),
    [(404, SHORT), (500, SHORT), (302, SHORT), (200, "no-store"), (200, FOREVER), (200, "private")],
)
def test_refusals_and_what_is_not_for_everybody_are_not_kept(status: int, cache: str) -> None:
    world = World(lambda request: answer(request, LONG, "text/html", status=status, cache=cache))
    world.ask("/a")
    world.ask("/a")
    assert len(world.made) == 2


def test_what_is_sent_is_not_kept_nor_answered_from_memory() -> None:
    world = World(page)
    world.ask("/a")
    world.ask("/a", "POST")
    world.ask("/a", "POST")
    assert world.made == ["GET /a", "POST /a", "POST /a"]


def test_files_and_health_are_never_kept() -> None:
    world = World(page)
    for path in ("/files/a/1/a.csv", "/releases/1/x", "/health/ready", "/static/1/site.css"):
        world.ask(path)
        world.ask(path)
    assert len(world.made) == 8


def test_memory_has_a_bound_and_the_least_used_go_first(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(remembering, "MOST_BYTES", 3 * len(LONG) + 500)
    world = World(page)
    for path in ("/a", "/b", "/c"):
        world.ask(path, accept_encoding="identity")
    world.ask("/a", accept_encoding="identity")
    world.ask("/d", accept_encoding="identity")
    world.made.clear()
    for path in ("/a", "/c", "/d"):
        world.ask(path, accept_encoding="identity")
    assert world.made == [], "kept"
    world.ask("/b", accept_encoding="identity")
    assert world.made == ["GET /b"]


def test_a_very_large_answer_is_not_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(remembering, "LARGEST", 1000)
    world = World(page)
    world.ask("/a", accept_encoding="identity")
    world.ask("/a", accept_encoding="identity")
    assert len(world.made) == 2


@pytest.mark.parametrize(
    ("accepted", "coding"),
    [
        ("", None), ("identity", None), ("gzip", "gzip"), ("gzip, deflate, br, zstd", "br"),
        ("gzip, zstd", "zstd"), ("br;q=0, gzip", "gzip"), ("*", "br"), ("*;q=0", None),
        ("br;q=0, *", "zstd"), ("BR", "br"), ("gzip;q=0.000", None), (";;,,q=", None),
    ],
)  # fmt: skip
def test_the_best_coding_that_the_reader_takes_is_used(accepted: str, coding: str | None) -> None:
    request = Request({"type": "http", "headers": [(b"accept-encoding", accepted.encode())]})
    assert packing_for(request.headers) == coding


def test_the_codings_unpack_to_the_same() -> None:
    request = {"type": "http", "method": "GET"}
    unpack = {"br": brotli.decompress, "gzip": gzip.decompress,
              "zstd": zstandard.ZstdDecompressor().decompress}  # fmt: skip
    tags = set()
    for coding, opened in unpack.items():
        asked = Request({**request, "headers": [(b"accept-encoding", coding.encode())]})
        given = answer(asked, LONG, "text/plain")
        assert opened(bytes(given.body)) == LONG.encode()
        tags.add(given.headers["etag"])
    assert len(tags) == 3, "each coding has a tag of its own"


def test_a_short_answer_is_not_packed() -> None:
    asked = Request({"type": "http", "headers": [(b"accept-encoding", b"br")]})
    assert "content-encoding" not in answer(asked, "short", "text/plain").headers
