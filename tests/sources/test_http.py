"""The http source against a real server on loopback."""

from __future__ import annotations

import gzip
import hashlib
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from email.utils import formatdate
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from moulouya.definition import HttpSource
from moulouya.errors import SourceError
from moulouya.sources import Delivery, Request, fetch

BODY = b"code,name\n01,Berkane\n"


@dataclass
class Server:
    """A server that gives the answers it was told to, one after the other, the last for ever."""

    url: str
    answers: list[tuple[int, dict[str, str], bytes]] = field(default_factory=list)
    requests: list[dict[str, str]] = field(default_factory=list)

    def answer(self, status: int = 200, body: bytes = BODY, **headers: str) -> None:
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        self.answers.append((status, {"Content-Length": str(len(body)), **named}, body))


@pytest.fixture
def server() -> Iterator[Server]:
    known = Server("")

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            known.requests.append({k.lower(): v for k, v in self.headers.items()} | {"": self.path})
            answers = known.answers
            status, headers, body = answers.pop(0) if len(answers) > 1 else answers[0]
            self.send_response(status)
            for name, value in headers.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(body)
            self.close_connection = True

        def log_message(self, *_: Any) -> None:
            pass

    listener = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    known.url = f"http://127.0.0.1:{listener.server_port}/data/communes.csv"
    thread = threading.Thread(target=listener.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    yield known
    listener.shutdown()
    thread.join()
    listener.server_close()


@pytest.fixture
def waits(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """The pauses that a fetch wanted to make; none is made."""
    wanted: list[float] = []
    monkeypatch.setattr("tenacity.nap.time.sleep", wanted.append)
    return wanted


@pytest.fixture
def get(server: Server, tmp_path: Path, waits: list[float]) -> Callable[..., Delivery | None]:
    def call(
        url: str | None = None,
        headers: dict[str, str] | None = None,
        source: dict[str, Any] | None = None,
        **more: Any,
    ) -> Any:
        model = HttpSource.model_validate(
            {
                "kind": "http",
                "url": url or server.url,
                "format": "csv",
                "headers": headers or {},
                "requests_per_second": 100,
                **(source or {}),
            }
        )
        return fetch(model, Request(tmp_path, tmp_path, "Moulouya/test (+someone)", **more))

    return call


def test_the_exact_bytes_are_kept_with_what_the_server_said(server, get, tmp_path):
    server.answer(ETag='"v1"', Last_Modified=formatdate(0, usegmt=True))
    delivery = get()
    assert delivery.members == ("communes.csv",)
    assert (tmp_path / "communes.csv").read_bytes() == BODY
    assert (delivery.url, delivery.status, delivery.etag) == (server.url, 200, '"v1"')
    assert delivery.last_modified == "Thu, 01 Jan 1970 00:00:00 GMT"
    assert delivery.headers["content-length"] == str(len(BODY))


def test_the_request_names_who_asks_and_wants_no_encoding(server, get):
    server.answer()
    get()
    (seen,) = server.requests
    assert seen["user-agent"] == "Moulouya/test (+someone)"
    assert seen["accept-encoding"] == "identity"
    assert "if-none-match" not in seen


def test_an_etag_asks_conditionally_and_304_is_nothing_new(server, get):
    server.answer(304, b"")
    assert get(etag='"v1"', last_modified="Thu, 01 Jan 1970 00:00:00 GMT") is None
    (seen,) = server.requests
    assert seen["if-none-match"] == '"v1"'
    assert "if-modified-since" not in seen  # RFC 9110: the ETag decides


def test_without_an_etag_the_date_asks_conditionally(server, get):
    server.answer(304, b"")
    assert get(last_modified="Thu, 01 Jan 1970 00:00:00 GMT") is None
    assert server.requests[0]["if-modified-since"] == "Thu, 01 Jan 1970 00:00:00 GMT"


def test_a_304_that_nobody_asked_for_is_an_error(server, get):
    server.answer(304, b"")
    with pytest.raises(SourceError, match="304"):
        get()


@pytest.mark.parametrize(
    ("status", "hint"),
    [
        (401, "env:NAME"),
        (403, "refuses"),
        (404, "check source.url"),
        (410, "the publisher withdrew the file"),
    ],
)
def test_a_refusal_says_what_to_do_and_is_not_tried_again(server, get, waits, status, hint):
    server.answer(status, b"no")
    with pytest.raises(SourceError, match=f"{server.url} answered {status}") as caught:
        get()
    assert hint in str(caught.value.hint)
    assert (caught.value.retry, caught.value.exit_code) == (False, 3)
    assert (len(server.requests), waits) == (1, [])


def test_a_passing_trouble_is_tried_again(server, get, waits):
    server.answer(503, b"")
    server.answer(502, b"")
    server.answer(200)
    assert get().status == 200
    assert (len(server.requests), len(waits)) == (3, 2)


def test_after_three_attempts_the_scheduler_may_try_later(server, get):
    server.answer(503, b"")
    with pytest.raises(SourceError, match="answered 503") as caught:
        get()
    assert caught.value.retry
    assert len(server.requests) == 3


def test_a_server_that_asks_for_a_long_wait_gets_it_from_the_scheduler(server, get, waits):
    server.answer(429, b"", Retry_After="3600")
    with pytest.raises(SourceError, match="429") as caught:
        get()
    assert (caught.value.retry, caught.value.retry_after) == (True, 3600.0)
    assert (len(server.requests), waits) == (1, [])


def test_a_wait_may_be_given_as_a_date_but_is_never_longer_than_six_hours(server, get):
    server.answer(503, b"", Retry_After="Fri, 01 Jan 2100 00:00:00 GMT")
    with pytest.raises(SourceError) as caught:
        get()
    assert caught.value.retry_after == 6 * 3600


def test_a_short_wait_is_kept_before_the_next_attempt(server, get, waits):
    server.answer(503, b"", Retry_After="4")
    server.answer()
    assert get().status == 200
    assert len(waits) == 1
    assert waits[0] >= 4


@pytest.mark.parametrize("value", ["soon", "-5", "Thu, 01 Jan 1970 00:00:00 -0000", "²"])
def test_a_wait_that_means_nothing_or_is_over_is_ignored(server, get, value):
    server.answer(503, b"", Retry_After=value.encode().decode("latin-1"))
    server.answer()
    assert get().status == 200


def test_a_body_shorter_than_declared_is_never_kept_as_whole(server, get):
    server.answer(200, BODY, Content_Length=str(len(BODY) + 10))
    with pytest.raises(SourceError) as caught:
        get()
    assert caught.value.retry
    assert len(server.requests) == 3


def test_a_body_that_is_packed_though_asked_not_to_is_kept_unpacked(server, get, tmp_path):
    server.answer(200, gzip.compress(BODY, mtime=0), Content_Encoding="gzip")
    get()
    assert (tmp_path / "communes.csv").read_bytes() == BODY


def test_a_gzip_file_that_the_server_calls_gzip_is_kept_as_it_is(server, get, tmp_path):
    packed = gzip.compress(BODY, mtime=0)
    server.answer(200, packed, Content_Encoding="gzip")
    get(source={"compression": "gzip"})
    assert (tmp_path / "communes.csv").read_bytes() == packed


def test_a_body_that_is_packed_in_an_unknown_way_is_refused(server, get):
    server.answer(200, b"\x1f\x8b...", Content_Encoding="br")
    with pytest.raises(SourceError, match="sent a br body"):
        get()


HTML = b"<!DOCTYPE html><html><head><title>Busy</title></head><body>Come back later</body></html>"


@pytest.mark.parametrize(
    ("declared", "body"),
    [
        ({}, HTML),
        ({}, b'{"error": "busy"}'),
        ({}, gzip.compress(BODY, mtime=0)),
        ({"compression": "gzip"}, BODY),
        ({"archive": {"kind": "zip"}}, HTML),
        ({"format": "json"}, HTML),
        ({"format": "parquet"}, BODY),
    ],
)
def test_another_format_than_declared_is_asked_for_twice_and_refused(
    server, get, tmp_path, declared, body
):
    server.answer(200, body)
    with pytest.raises(SourceError, match=f"{server.url}: it is ") as caught:
        get(source=declared)
    assert not caught.value.retry
    assert len(server.requests) == 2
    assert list(tmp_path.iterdir()) == []


def test_an_error_page_that_passes_does_no_harm(server, get, tmp_path):
    server.answer(200, HTML)
    server.answer()
    assert get().status == 200
    assert (tmp_path / "communes.csv").read_bytes() == BODY


def test_a_scraped_page_is_taken_only_where_robots_may_read(server, get):
    server.answer(200, b"User-agent: *\nDisallow: /data/\n")
    with pytest.raises(SourceError, match=r"robots\.txt forbids"):
        get(source={"scraped": True})
    assert [seen[""] for seen in server.requests] == ["/robots.txt"]


def test_secrets_in_the_address_are_not_kept(server, get):
    server.answer()
    delivery = get(f"{server.url}?api_key=s3cret&year=2026")
    assert delivery.url == f"{server.url}?api_key=***&year=2026"
    assert server.requests[0][""].endswith("?api_key=s3cret&year=2026")


def test_a_login_in_the_address_is_no_definition():
    with pytest.raises(ValidationError, match="`url` holds a login"):
        HttpSource.model_validate(
            {"kind": "http", "url": "https://me:secret@example.org/x.csv", "format": "csv"}
        )


def test_a_login_comes_from_a_connection(server, get, monkeypatch):
    monkeypatch.setenv("AIRFLOW_CONN_OFFICE", "http://fatima:secret@ignored")
    server.answer()
    get(source={"connection": "office"})
    assert server.requests[0]["authorization"] == "Basic ZmF0aW1hOnNlY3JldA=="


def test_a_body_that_is_too_large_is_stopped(server, get):
    server.answer(200, b"x" * 100_000)
    with pytest.raises(SourceError, match="larger than 1000 bytes") as caught:
        get(max_bytes=1000)
    assert "MOULOUYA_HTTP_MAX_BYTES" in str(caught.value.hint)
    assert not caught.value.retry


def test_a_refused_connection_may_be_tried_later(get):
    with pytest.raises(SourceError, match="ConnectError") as caught:
        get("http://127.0.0.1:1/x.csv")
    assert caught.value.retry
    assert "last good version" in str(caught.value.hint)


def test_a_redirect_is_followed(server, get):
    server.answer(302, b"", Location="/elsewhere.csv")
    server.answer()
    delivery = get()
    assert delivery.url == server.url
    assert [seen[""] for seen in server.requests] == ["/data/communes.csv", "/elsewhere.csv"]


def test_redirects_in_a_circle_are_an_error(server, get):
    server.answer(302, b"", Location="/data/communes.csv")
    with pytest.raises(SourceError, match="TooManyRedirects"):
        get()


def test_a_header_is_read_from_the_environment(server, get, monkeypatch):
    monkeypatch.setenv("THE_TOKEN", "s3cret")
    server.answer()
    get(headers={"Authorization": "env:THE_TOKEN", "X-Plain": "as it stands"})
    (seen,) = server.requests
    assert (seen["authorization"], seen["x-plain"]) == ("s3cret", "as it stands")


def test_a_header_whose_variable_is_not_set_is_an_error(server, get, monkeypatch):
    monkeypatch.delenv("THE_TOKEN", raising=False)
    server.answer()
    with pytest.raises(SourceError, match="THE_TOKEN is not set"):
        get(headers={"Authorization": "env:THE_TOKEN"})
    assert server.requests == []


@pytest.mark.parametrize(
    ("path", "name"),
    [
        ("/", "body"),
        ("/a%20b.csv?x=1/2", "a b.csv"),
        ("/a%2F..%2F..", "body"),
        ("/a%00b.csv", "body"),
        ("/" + "x" * 300, "body"),
    ],
)
def test_the_name_of_the_file_never_leaves_its_folder(server, get, tmp_path, path, name):
    server.answer()
    delivery = get(server.url.replace("/data/communes.csv", path))
    assert delivery.members == (name,)
    assert (tmp_path / name).read_bytes() == BODY


def test_the_second_run_asks_conditionally_and_takes_no_new_snapshot(server, workspace):
    server.answer(200, BODY, ETag='"v1"')
    workspace.define("communes", source={"kind": "http", "url": server.url, "format": "csv"})
    from moulouya import snapshots

    def take() -> int:
        dataset = workspace.dataset("communes")
        return snapshots.take(
            workspace.lake, dataset, workspace.region, workspace.settings, "r"
        ).number

    assert take() == 1
    server.answers[:] = []
    server.answer(304, b"")
    assert take() == 1
    assert server.requests[-1]["if-none-match"] == '"v1"'
    server.answers[:] = []
    server.answer(200, BODY + b"02,Oujda\n", ETag='"v2"')
    assert take() == 2
    snapshot = snapshots.read(workspace.lake, "communes", 2)
    (kept,) = snapshots.paths(workspace.lake, snapshot).values()
    assert hashlib.sha256(kept.read_bytes()).hexdigest() == snapshot.sha256
    assert (snapshot.etag, snapshot.licence) == ('"v2"', "ODbL-1.0")
