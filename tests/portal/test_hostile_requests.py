"""Whatever is asked for: no crash, nothing executable comes back, the rules are sent along."""

from __future__ import annotations

import re
from html.parser import HTMLParser
from urllib.parse import quote

import httpx
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from starlette.routing import Route

from moulouya.portal.headers import SECURITY

from .conftest import Client

PAYLOADS = (
    "<script>alert(7)</script>",
    '"><img src=x onerror=alert(7)>',
    "' onmouseover='alert(7)",
    "javascript:alert(7)",
    "{{7*191}}",
    "%0d%0aSet-Cookie: a=b",
    "\r\nSet-Cookie: a=b",
    "../../../../etc/passwd",
    "..%2f..%2fetc%2fpasswd",
    "'; DROP TABLE communes; --",
    "\x00",
    "%",
    "٣",
    "\u202e\ud7ff",
    "𒐫" * 50,
    "9" * 40,
    "-1",
    "1e309",
    "NaN",
    "",
)
VALUES = {
    "lang": ("ar", "fr", "en", "de"),
    "slug": ("communes", "boundaries", "density", "nope"),
    "theme": ("demography", "nope"),
    "version": ("1", "latest", "0", "99"),
    "number": ("1", "0", "99"),
    "code": ("77", "77.001", "nope"),
    "form": ("json", "csv", "bib", "atom", "xyz"),
    "file": (
        "communes.parquet",
        "communes.csv",
        "communes.xlsx",
        "version.json",
        "catalogue.duckdb",
    ),
    "name": ("datasets", "communes"),
    "goal": ("11", "99"),
}
NAMES = (
    "q", "theme", "publisher", "place", "goal", "format", "licence", "fresh", "quality", "sort",
    "page", "lang", "_lang", "_search", "_sort", "_sort_desc", "_size", "_page", "_after", "_col",
    "_next", "_filter_column", "_filter_op", "_filter_value", "population__gt", "code", "kind",
    "population", "x", "y", "agg", "by", "state", "status", "column", "row", "indicator", "year",
    "level", "within", "code__in", "name__contains", "_format", "where", "fq", "start", "id",
)  # fmt: skip
ANYTHING = st.one_of(
    st.sampled_from(PAYLOADS), st.text(max_size=30), st.integers().map(str), st.just("communes")
)


def _routes(portal: Client) -> list[str]:
    return sorted({route.path for route in portal.app.routes if isinstance(route, Route)})


def _filled(template: str, draw: st.DrawFn) -> str:
    def value(found: re.Match[str]) -> str:
        known = VALUES.get(found[1], ("1", "communes"))
        given = draw(st.one_of(st.sampled_from(known), st.sampled_from(known), ANYTHING))
        return quote(given.encode("utf-8", "surrogatepass"), safe="")

    return re.sub(r"\{(\w+)(?::\w+)?\}", value, template)


class Executable(HTMLParser):
    """What in a page would run, were it not for the policy: scripts within, and handlers."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.found: list[str] = []
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        named = dict(attrs)
        if tag == "script" and named.get("type") != "application/ld+json" and not named.get("src"):
            self.found.append(str(attrs))
        for name, value in attrs:
            address = name in ("href", "src", "action", "formaction")
            if name.startswith("on") or name == "style":
                self.found.append(f"{tag} {name}={value}")
            if address and (value or "").strip().lower().startswith(("javascript:", "data:")):
                self.found.append(f"{tag} {name}={value}")


def _judge(asked: str, answer: httpx.Response) -> None:
    assert answer.status_code < 500 or answer.status_code == 503, (asked, answer.text[:300])
    assert answer.status_code != 503 or "retry-after" in answer.headers, asked
    assert "set-cookie" not in answer.headers, asked
    for name, value in SECURITY.items():
        sent = answer.headers.get(name)
        assert sent is not None, (asked, name)
        if name not in ("Content-Security-Policy", "Cross-Origin-Resource-Policy"):
            assert sent == value, (asked, name)
    policy = answer.headers["content-security-policy"]
    assert "default-src 'none'" in policy, asked
    assert "unsafe" not in policy, asked
    if answer.headers.get("content-type", "").startswith("text/html"):
        assert not Executable(answer.text).found, (asked, Executable(answer.text).found)
        for payload in PAYLOADS[:3]:
            assert payload not in answer.text, (asked, payload)
        assert "1337" not in answer.text or "7*191" not in asked, asked
        assert "Traceback" not in answer.text, asked
    location = answer.headers.get("location", "/")
    assert location.startswith("/"), (asked, location)
    assert not location.startswith("//"), (asked, location)


@pytest.mark.timeout(300)
@given(data=st.data())
@settings(max_examples=150, deadline=None, suppress_health_check=list(HealthCheck))
def test_no_address_breaks_the_portal(portal: Client, data: st.DataObject) -> None:
    template = data.draw(st.sampled_from(_routes(portal)))
    path = _filled(template, data.draw)
    pairs = data.draw(st.lists(st.tuples(st.sampled_from(NAMES), ANYTHING), max_size=4))
    query = "&".join(
        f"{name}={quote(value.encode('utf-8', 'surrogatepass'), safe='')}" for name, value in pairs
    )
    asked = f"{path}?{query}" if query else path
    _judge(asked, portal.get(asked, accept_encoding="identity"))


@pytest.mark.parametrize("payload", PAYLOADS, ids=range(len(PAYLOADS)))
@pytest.mark.parametrize(
    "template", ["/fr/datasets?q={}", "/ar/datasets?theme={}",
                 "/en/datasets/communes/data?_search={}",
                 "/fr/places?q={}", "/fr/requests?q={}", "/fr/requests/new?title={}",
                 "/fr/datasets/communes/report?column={}", "/fr/{}", "/{}", "/fr/datasets/{}"]
)  # fmt: skip
def test_what_is_typed_comes_back_as_text(portal: Client, template: str, payload: str) -> None:
    asked = template.format(quote(payload.encode("utf-8", "surrogatepass"), safe=""))
    _judge(asked, portal.get(asked, accept_encoding="identity"))


def test_other_methods_are_refused_politely(portal: Client) -> None:
    for method in ("PUT", "DELETE", "PATCH", "TRACE", "PROPFIND"):
        for path in ("/fr/", "/fr/datasets/communes", "/files/communes/1/version.json"):
            answer = portal.request(method, path)
            assert answer.status_code in (404, 405), (method, path)
            _judge(f"{method} {path}", answer)


@pytest.mark.parametrize("query", ["&".join(["q=a"] * 3000), "q=" + "a" * 60_000, "=&=&&&=;", "%"])
def test_long_and_broken_queries_are_answered(portal: Client, query: str) -> None:
    for path in ("/fr/datasets", "/fr/datasets/communes/data", "/feeds/datasets.atom"):
        _judge(path, portal.get(f"{path}?{query}"))
