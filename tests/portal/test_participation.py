"""People take part: they ask, follow, withdraw; nothing is public before a person has read it."""

from __future__ import annotations

import asyncio
import dataclasses
import html
import itertools
import re
import shutil
from collections.abc import Iterator, Mapping
from html.parser import HTMLParser
from pathlib import Path
from typing import Any
from unittest.mock import patch
from urllib.parse import urlencode

import httpx
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from moulouya import catalogue, release
from moulouya.participation.database import database
from moulouya.participation.desk import MOST_IN_AN_HOUR
from moulouya.participation.moderation import Moderation
from moulouya.participation.spam import MOST_SENT, Rates, flags, prefix
from moulouya.portal.app import create_app
from moulouya.portal.languages import language
from moulouya.portal.participation import tickets
from moulouya.portal.participation.forms import LONGEST, TRAP, cleaned, faults
from moulouya.portal.participation.tickets import LATEST, SOONEST, Tickets
from moulouya.region import RequestDesk
from moulouya.settings import Settings
from moulouya.storage.lake import Lake

from . import lakes
from .conftest import Client

NAMED = {"name": lakes.text("قانون الحق", "Loi du droit", "The law of access")}
OTHER = {"name": lakes.text("قانون الحماية", "Loi de protection", "The law of privacy")}
REGION = lakes.REGION.model_copy(
    update={
        "requests": RequestDesk.model_validate({"law": NAMED, "privacy_law": OTHER}),
        "proactive": tuple(
            type(lakes.REGION).model_validate(
                {
                    **lakes.REGION.model_dump(mode="json"),
                    "proactive": [
                        {"title": lakes.text("إحصاء", "Statistiques", "Statistics"),
                         "themes": ["demography"]},
                        {"title": lakes.text("ميزانية", "Budgets", "Budgets")},
                    ],
                }
            ).proactive
        ),
    }
)  # fmt: skip
MOMENTS = itertools.count()
ASKED = {"kind": "request", "title": "Water use by commune", "body": "By month, please."}


class Visitor(Client):
    """Somebody with a browser: opens forms, fills them in, follows where they lead."""

    moderation: Moderation

    def post(self, path: str, fields: Mapping[str, str], **headers: str) -> httpx.Response:
        return self.send(path, urlencode(fields).encode(), **headers)

    def send(self, path: str, body: bytes, **headers: str) -> httpx.Response:
        kind = {"content-type": "application/x-www-form-urlencoded"}
        named = kind | {name.replace("_", "-"): value for name, value in headers.items()}

        async def ask() -> httpx.Response:
            transport = httpx.ASGITransport(self.app, raise_app_exceptions=False)
            async with httpx.AsyncClient(transport=transport, base_url="http://portal") as client:
                return await client.post(path, content=body, headers=named)

        return asyncio.run(ask())

    def fill_in(self, path: str = "/en/requests/new", **fields: str) -> httpx.Response:
        """Open a form, take time to type, and send it."""
        ticket = shown(self.get(path).text)["opened"]
        with self.passed(60):
            return self.post(path.partition("?")[0], {**ASKED, "opened": ticket, **fields})

    def passed(self, seconds: float) -> Any:
        own = self.app.state.participation.tickets
        now = own._clock()
        return patch.object(own, "_clock", lambda: now + seconds)


def shown(page: str) -> dict[str, str]:
    """What a page's form holds, by name."""
    fields: dict[str, str] = {}
    for tag in re.findall(r"<input[^>]*>", page):
        found = dict(re.findall(r'([a-z-]+)="([^"]*)"', tag))
        if found.get("type") in ("radio", "checkbox") and " checked" not in tag:
            continue
        if "name" in found:
            fields[found["name"]] = html.unescape(found.get("value", ""))
    for name, text in re.findall(r'<textarea[^>]*name="(\w+)"[^>]*>\n?([^<]*)</textarea>', page):
        fields[name] = html.unescape(text)
    for name, inside in re.findall(r'<select[^>]*name="(\w+)"[^>]*>(.*?)</select>', page, re.S):
        chosen = re.search(r'value="([^"]*)" selected', inside)
        fields[name] = chosen[1] if chosen else ""
    return fields


@pytest.fixture(scope="module")
def site(pristine: lakes.Built, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Visitor]:
    """A portal of a region with a law."""
    folder = tmp_path_factory.mktemp("participation")
    lake = Lake(Path(shutil.copytree(pristine.lake.root, folder / "lake")))
    url = pristine.settings.public_url
    chosen = Settings(lake=lake.root, state=folder / "state", public_url=url)
    release.commit(lake, REGION, chosen.public_url, catalogue.build)
    visitor = Visitor(create_app(chosen, look_every=0))
    store = database(chosen)
    visitor.moderation = Moderation(store)
    yield visitor
    store.close()
    visitor.app.state.participation.desk._store.close()


@pytest.fixture
def visitor(site: Visitor) -> Visitor:
    """A visitor of the portal, before anybody sent anything."""
    with site.moderation._store.writing() as con:
        con.exec_driver_sql("DELETE FROM items")
    own = site.app.state.participation
    site.app.state.participation = dataclasses.replace(own, rates=Rates())
    return site


def fresh(visitor: Visitor, path: str) -> httpx.Response:
    """A page as it is now, not as it was remembered half a minute ago."""
    return visitor.get(f"{path}{'&' if '?' in path else '?'}now={next(MOMENTS)}")


def sent(visitor: Visitor, **fields: str) -> tuple[int, str]:
    """Send the form; the number of what came in, and the path of the private page."""
    answered = visitor.fill_in(**fields)
    assert answered.status_code == 303, answered.text
    return visitor.moderation.cases()[-1].item.id, answered.headers["location"]


@pytest.mark.parametrize("code", ["ar", "fr", "en"])
def test_a_request_is_sent_read_answered_and_followed(visitor: Visitor, code: str) -> None:
    number, mine = sent(
        visitor,
        path=f"/{code}/requests/new",
        name="Amina",
        email="amina@sender.example",
        consent="yes",
    )
    assert mine.startswith(f"/{code}/requests/mine/")
    private = visitor.get(mine)
    assert private.status_code == 200
    assert private.headers["cache-control"] == "no-store"
    assert "noindex" in private.headers["x-robots-tag"]
    assert "By month, please." in private.text
    assert visitor.get(f"/{code}/requests/{number}").status_code == 404
    assert ASKED["title"] not in fresh(visitor, f"/{code}/requests").text
    visitor.moderation.accept(number, "Engineer", "We ask the agency.")
    visitor.moderation.answer(number, "Engineer", "Look: https://example.org/x", "communes")
    page = fresh(visitor, f"/{code}/requests/{number}")
    assert page.status_code == 200
    for word in (ASKED["title"], "We ask the agency.", f"/{code}/datasets/communes"):
        assert word in page.text
    assert '<a href="https://example.org/x" rel="nofollow noopener">' in page.text
    for private_word in ("Amina", "amina@sender.example", "Engineer"):
        assert private_word not in page.text
    assert ASKED["title"] in fresh(visitor, f"/{code}/requests").text


def test_the_clock_is_shown_until_there_is_an_answer(visitor: Visitor) -> None:
    number, _ = sent(visitor)
    visitor.moderation.accept(number, "E")
    page = fresh(visitor, f"/en/requests/{number}").text
    assert "answer due by" in page
    assert "20 working days" in page
    assert "The law of access" in page
    visitor.moderation.extend(number, "E", "It takes longer.")
    assert "extended once by 20 working days" in fresh(visitor, f"/en/requests/{number}").text
    visitor.moderation.answer(number, "E", "Here.")
    assert "answer due by" not in fresh(visitor, f"/en/requests/{number}").text


def test_what_is_late_says_so(visitor: Visitor) -> None:
    number, _ = sent(visitor)
    visitor.moderation.accept(number, "E")
    with visitor.moderation._store.writing() as con:
        con.exec_driver_sql("UPDATE items SET created = '2020-01-01 00:00:00.000000'")
    assert "answer was due by January 29, 2020" in fresh(visitor, f"/en/requests/{number}").text


def test_a_region_without_a_law_promises_no_time(portal: Client) -> None:
    for path in ("/en/requests", "/en/requests/new", "/en/privacy", "/en/proactive"):
        page = portal.get(path)
        assert page.status_code == 200
        assert "working day" not in page.text


def test_a_problem_starts_from_the_column_and_row_and_shows_on_the_dataset(
    visitor: Visitor,
) -> None:
    path = "/fr/datasets/communes/report?column=population&row=77.001"
    form = shown(visitor.get(path).text)
    assert (form["column"], form["row"]) == ("population", "77.001")
    answered = visitor.fill_in(path, column="population", row="77.001")
    assert answered.status_code == 303
    assert ASKED["title"] not in fresh(visitor, "/fr/datasets/communes").text
    case = visitor.moderation.cases()[0]
    assert (case.item.kind, case.item.dataset) == ("problem", "communes")
    visitor.moderation.accept(case.item.id, "E")
    page = fresh(visitor, "/fr/datasets/communes").text
    assert ASKED["title"] in page
    assert "/fr/datasets/communes/report" in page
    assert ASKED["title"] not in fresh(visitor, "/fr/datasets/density").text


def test_a_problem_in_what_is_not_published_has_no_form(visitor: Visitor) -> None:
    assert visitor.get("/en/datasets/nothing/report").status_code == 404
    assert visitor.post("/en/datasets/nothing/report", ASKED).status_code == 404


@pytest.mark.parametrize(
    ("fields", "names"),
    [
        ({"title": " "}, {"title"}),
        ({"body": "short"}, {"body"}),
        ({"title": "x" * 151}, {"title"}),
        ({"body": "x" * 4001}, {"body"}),
        ({"email": "nobody"}, {"email", "consent"}),
        ({"email": "a@example.org"}, {"consent"}),
        ({"name": "Amina"}, {"consent"}),
        ({TRAP: "buy now"}, {TRAP}),
    ],
)
def test_what_is_wrong_is_said_beside_the_field_and_nothing_is_lost(
    visitor: Visitor, fields: dict[str, str], names: set[str]
) -> None:
    typed = {**ASKED, "kind": "suggestion", "name": "", "email": "", **fields}
    answered = visitor.fill_in("/ar/requests/new", **typed)
    assert answered.status_code == 422
    assert answered.headers["cache-control"] == "no-store"
    assert visitor.moderation.cases() == []
    kept = shown(answered.text)
    for name, value in typed.items():
        if name != TRAP:
            assert kept[name] == value.strip()
    for name in names:
        assert f'href="#f-{name}"' in answered.text
        assert f'id="f-{name}"' in answered.text
    again = visitor.post("/ar/requests/new", {**kept, **ASKED, "name": "", "email": "", TRAP: ""})
    assert again.status_code in (303, 422)


def test_a_form_sent_by_a_program_at_once_is_not_taken(visitor: Visitor) -> None:
    ticket = shown(visitor.get("/en/requests/new").text)["opened"]
    answered = visitor.post("/en/requests/new", {**ASKED, "opened": ticket})
    assert answered.status_code == 422
    assert shown(answered.text)["opened"] == ticket
    with visitor.passed(SOONEST + 1):
        again = visitor.post("/en/requests/new", shown(answered.text))
    assert again.status_code == 303


@pytest.mark.parametrize("ticket", ["", "x", "WyJ4Il0.aaaaaa.bbbbbb", "é", "a" * 5000])
def test_a_ticket_that_is_none_of_ours_is_replaced(visitor: Visitor, ticket: str) -> None:
    answered = visitor.post("/en/requests/new", {**ASKED, "opened": ticket})
    assert answered.status_code == 422
    with visitor.passed(SOONEST + 1):
        assert visitor.post("/en/requests/new", shown(answered.text)).status_code == 303


def test_a_form_that_was_open_for_too_long_is_sent_again(visitor: Visitor) -> None:
    ticket = shown(visitor.get("/en/requests/new").text)["opened"]
    with visitor.passed(LATEST + 60):
        answered = visitor.post("/en/requests/new", {**ASKED, "opened": ticket})
    assert answered.status_code == 422
    assert shown(answered.text)["body"] == ASKED["body"]


def test_tickets_are_the_same_for_every_process_and_differ_by_key(tmp_path: Any) -> None:
    ticket = Tickets(Settings(state=tmp_path), clock=lambda: 1000.0).give()
    later = Tickets(Settings(state=tmp_path), clock=lambda: 1010.0)
    assert later.judge(ticket) == tickets.FRESH
    other = Settings(state=tmp_path, secret_key="another")  # type: ignore[arg-type]
    assert Tickets(other, clock=lambda: 1010.0).judge(ticket) == tickets.LATE
    assert (tmp_path / "portal" / "form.key").stat().st_mode & 0o077 == 0


def test_too_much_from_one_connection_waits_and_others_do_not(visitor: Visitor) -> None:
    for number in range(MOST_SENT):
        sent(visitor, title=f"Request number {number}")
    answered = visitor.fill_in()
    assert answered.status_code == 429
    assert shown(answered.text)["title"] == ASKED["title"]
    assert len(visitor.moderation.cases()) == MOST_SENT


def test_behind_a_proxy_its_word_counts_and_a_client_cannot_forge_it(built: lakes.Built) -> None:
    behind = built.settings.model_copy(update={"proxies": 1})
    visitor = Visitor(create_app(behind, look_every=0))
    ticket = shown(visitor.get("/en/requests/new").text)["opened"]

    def post(number: int, chain: str) -> int:
        with visitor.passed(60):
            fields = {**ASKED, "title": f"Request {number}", "opened": ticket}
            return visitor.post("/en/requests/new", fields, x_forwarded_for=chain).status_code

    codes = [post(n, f"203.0.113.{n}, 198.51.100.7") for n in range(MOST_SENT + 1)]
    assert codes == [303] * MOST_SENT + [429]
    assert post(99, "198.51.100.7, 198.51.100.8") == 303


def test_a_flood_from_everywhere_is_stopped_in_words(visitor: Visitor) -> None:
    with visitor.moderation._store.writing() as con:
        for number in range(MOST_IN_AN_HOUR):
            con.exec_driver_sql(
                "INSERT INTO items (kind, state, created, language, title, body, urgent, extended, "
                "flags, digest, secret) SELECT 'request', 'received', "
                f"strftime('%Y-%m-%d %H:%M:%f000', 'now'), 'en', 't', 'b', 0, 0, '', '', '{number}'"
            )
    answered = visitor.fill_in()
    assert answered.status_code == 503
    assert shown(answered.text)["body"] == ASKED["body"]


def test_a_store_that_cannot_be_written_loses_no_text_and_harms_no_other_page(
    built: lakes.Built,
) -> None:
    (built.settings.state_root).mkdir(exist_ok=True)
    (built.settings.state_root / "participation.db").mkdir()
    visitor = Visitor(create_app(built.settings, look_every=0))
    answered = visitor.fill_in()
    assert answered.status_code == 503
    assert shown(answered.text)["body"] == ASKED["body"]
    assert visitor.get("/en/requests").status_code == 503
    assert visitor.get("/en/requests/1").status_code == 503
    assert visitor.get("/en/datasets/communes").status_code == 200


@pytest.mark.parametrize(
    ("body", "headers", "status"),
    [
        (b"title=" + b"x" * 70_000, {}, 413),
        (b"{}", {"content_type": "application/json"}, 415),
        (b"--x", {"content_type": "multipart/form-data; boundary=x"}, 415),
        (b"title=%ff%fe", {}, 400),
        (b"\xff\xfe", {}, 400),
        (b"&".join(b"a%d=1" % n for n in range(100)), {}, 400),
    ],
)
@pytest.mark.parametrize(
    "path", ["/ar/requests/new", "/fr/datasets/communes/report", "/en/requests/mine/x"]
)
def test_what_is_no_form_of_ours_is_refused_on_a_page(
    visitor: Visitor, path: str, body: bytes, headers: dict[str, str], status: int
) -> None:
    answered = visitor.send(path, body, **headers)
    assert answered.status_code == status
    assert f'lang="{path[1:3]}"' in answered.text


def test_a_body_without_a_length_is_read_no_further_than_allowed(visitor: Visitor) -> None:
    taken = 0

    async def endless() -> Any:
        nonlocal taken
        while True:
            taken += 1
            yield b"x" * 10_000

    async def ask() -> int:
        transport = httpx.ASGITransport(visitor.app)
        async with httpx.AsyncClient(transport=transport, base_url="http://portal") as client:
            kind = {"content-type": "application/x-www-form-urlencoded"}
            answered = await client.post("/en/requests/new", content=endless(), headers=kind)
            return answered.status_code

    assert asyncio.run(asyncio.wait_for(ask(), 60)) == 413
    assert taken < 20


PAYLOADS = [
    "<script>alert(1)</script>",
    '"><img src=x onerror=alert(1)>',
    "'><svg/onload=alert(1)>",
    "javascript:alert(1)",
    "</textarea><script>alert(1)</script>",
    "</title><script>alert(1)</script>",
    "{{7*7}}{% raw %}",
    "<a href=javascript:alert(1)>x</a>",
    'http://evil.example/"onmouseover="alert(1)',
    "&lt;script&gt;alert(1)&lt;/script&gt;",
    "<!--<script>-->alert(1)",
]


class Found(HTMLParser):
    """What a browser would run or follow that we did not write."""

    @classmethod
    def in_page(cls, page: str) -> list[str]:
        parser = cls()
        parser.bad = []
        parser.feed(page)
        parser.close()
        return parser.bad

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = dict(attrs)
        link = (given.get("href") or "").strip().lower()
        ours = (given.get("src") or "").startswith("/static/")
        if (
            any(name.startswith("on") or name == "style" for name in given)
            or (tag == "script" and not (ours or given.get("type") == "application/ld+json"))
            or (tag == "img" and not ours)
            or link.startswith(("javascript:", "data:"))
            or (link.startswith("http://evil") and "nofollow" not in (given.get("rel") or ""))
        ):
            self.bad.append(self.get_starttag_text() or tag)


@pytest.mark.parametrize("payload", PAYLOADS)
def test_nothing_that_is_typed_becomes_markup(visitor: Visitor, payload: str) -> None:
    hostile = {"title": f"A title {payload}", "body": f"A body {payload}", "row": payload}
    wrong = visitor.fill_in("/en/datasets/communes/report", **hostile, email=payload)
    answered = visitor.fill_in("/en/datasets/communes/report", **hostile, column="code")
    number = visitor.moderation.cases()[0].item.id
    visitor.moderation.accept(number, "E", payload)
    pages = [
        wrong,
        visitor.get(answered.headers["location"]),
        fresh(visitor, f"/en/requests/{number}"),
        fresh(visitor, "/en/requests"),
        fresh(visitor, "/en/datasets/communes"),
        visitor.get(f"/en/requests?q={httpx.QueryParams({'q': payload})}"),
        visitor.get(f"/en/requests/new?{httpx.QueryParams({'title': payload})}"),
    ]
    for page in pages:
        assert page.status_code in (200, 422)
        assert Found.in_page(page.text) == []


def test_a_link_that_a_sender_typed_is_no_link(visitor: Visitor) -> None:
    number, _ = sent(visitor, body="Look at https://advert.example/ now")
    visitor.moderation.accept(number, "E")
    page = fresh(visitor, f"/en/requests/{number}").text
    assert "https://advert.example/" in page
    assert 'href="https://advert.example/' not in page


def test_withdrawing_asks_once_and_then_deletes(visitor: Visitor) -> None:
    number, mine = sent(visitor, name="Amina", consent="yes")
    unsure = visitor.post(mine, {})
    assert unsure.status_code == 303
    assert "Tick the box first." in visitor.get(unsure.headers["location"].partition("#")[0]).text
    assert visitor.moderation.show(number).item.state == "received"
    done = visitor.post(mine, {"sure": "yes"})
    assert (done.status_code, done.headers["location"]) == (303, mine)
    page = visitor.get(mine).text
    assert "You have withdrawn it." in page
    assert "By month" not in page
    assert 'name="sure"' not in page


def test_a_wrong_private_link_is_no_page(visitor: Visitor) -> None:
    sent(visitor)
    assert visitor.get("/en/requests/mine/wrong").status_code == 404
    assert visitor.get(f"/en/requests/{2**40}").status_code == 404


@pytest.mark.parametrize("query", ["page=0", "page=-1", "page=x", "page=²", "kind=x", "state=spam"])
def test_a_filter_that_is_none_shows_the_whole_list(visitor: Visitor, query: str) -> None:
    assert visitor.get(f"/en/requests?{query}").status_code == 200


def test_a_page_beyond_the_last_does_not_exist(visitor: Visitor) -> None:
    assert visitor.get("/en/requests?page=2").status_code == 404


def test_the_checklist_says_what_is_there_and_what_is_missing(visitor: Visitor) -> None:
    page = visitor.get("/en/proactive").text
    assert "Something is published for 1 kind of information out of 2." in page
    assert "/en/datasets/communes" in page
    assert "Nothing of this is published here yet." in page
    assert "/en/requests/new?title=Budgets" in page
    assert shown(visitor.get("/en/requests/new?title=Budgets").text)["title"] == "Budgets"


@pytest.mark.parametrize("code", ["ar", "fr", "en"])
def test_the_privacy_page_names_the_law_the_days_and_the_contact(
    visitor: Visitor, code: str
) -> None:
    page = visitor.get(f"/{code}/privacy").text
    assert OTHER["name"][code] in page
    assert "90" in page
    assert "mailto:data@example.org" in page
    assert f'href="/{code}/privacy"' in visitor.get(f"/{code}/requests").text


def test_addresses_are_known_by_the_network_of_one_sender() -> None:
    assert prefix("203.0.113.9") == "203.0.113.9"
    assert prefix("::ffff:203.0.113.9") == "203.0.113.9"
    assert prefix("2001:db8:1:2::1") == prefix("2001:db8:1:ff::9")
    assert prefix("2001:db8:1:2::1") != prefix("2001:db8:1:100::1")
    assert prefix("not an address") == prefix("") == "unknown"


def test_rates_forget_with_the_hour_and_keep_no_address() -> None:
    now = [0.0]
    rates = Rates(most=2, clock=lambda: now[0])
    assert [rates.allows("203.0.113.9") for _ in range(3)] == [True, True, False]
    assert rates.allows("203.0.113.10")
    assert "203.0.113" not in repr(vars(rates))
    now[0] = 3601.0
    assert rates.allows("203.0.113.9")
    before = rates._salt
    now[0] = 90_000.0
    assert rates.allows("203.0.113.9")
    assert rates._salt != before


def test_what_looks_like_advertising_is_marked() -> None:
    assert flags("A request", "See https://a.example and https://b.example") == ()
    assert flags("A request", "https://a http://b www.c") == ("links",)
    assert flags("Visit www.a.example", "now") == ("links",)
    assert flags("BUY", "THE BEST PRICES OF ALL TIMES ONLY HERE AND ONLY NOW") == ("shouting",)
    assert flags("a", "!" * 20) == ("repeats",)
    assert flags("طلب", "أحتاج إلى أرقام الماء في كل جماعة من جماعات الإقليم منذ سنة 2018") == ()


@settings(max_examples=50, deadline=None)
@given(st.dictionaries(st.sampled_from([*LONGEST, TRAP, "consent"]), st.text(max_size=160)))
def test_any_text_is_either_taken_or_told_what_is_wrong(typed: dict[str, str]) -> None:
    values = cleaned(typed)
    for value in values.values():
        assert not set(value) & set("\0\x1b\u202e\u2066")
        value.encode()
    found = faults(values, language("ar"))
    assert all(found.values())
    assert cleaned(values) == values
