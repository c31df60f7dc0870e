"""Feeds say what was published, changed and withdrawn, in forms that feed readers take."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import feedparser
import pytest
from lxml import etree

from moulouya import catalogue, ledger, release
from moulouya.portal import feeds
from moulouya.withdrawals import Change, Withdrawal

from . import lakes
from .conftest import Client, client_of

ATOM = {"a": "http://www.w3.org/2005/Atom"}
REASON = "The office \x0bfound a <b>mistake</b> & took it back"


def withdraw(built: lakes.Built, slug: str, version: int) -> None:
    at = ledger.stamp(ledger.now())
    change = Change(withdraw=[Withdrawal(slug, version, "Salma", REASON, at)])
    release.commit(
        built.lake, lakes.REGION, built.settings.public_url, catalogue.build, change=change
    )


@pytest.fixture
def changed(built: lakes.Built) -> lakes.Built:
    """Communes at version 2: a row came, one went, one changed."""
    rows = [("77.001", "بركان", 2024, 125001, "U"), *lakes.COMMUNE_ROWS[2:]]
    lakes.publish_communes(built, [*rows, ("77.031", "New", 2024, 1, "R")])
    lakes.commit(built)
    return built


def parsed(client: Client, path: str) -> Any:
    found = feedparser.parse(client.get(path).content)
    assert not found.bozo, found.get("bozo_exception")
    return found


def test_a_dataset_s_feed_tells_of_every_version_in_words(changed: lakes.Built) -> None:
    found = parsed(client_of(changed), "/feeds/communes.atom?lang=en")
    assert found.feed.title == "Population of communes · Olive River data: what changes"
    assert [entry.title for entry in found.entries] == [
        "Population of communes: version 2",
        "Population of communes: version 1",
    ]
    newest, first = (entry.content[0].value for entry in found.entries)
    for expected in ("1 row added", "1 row removed", "1 row changed",
                     "“Population” changed in 1 row"):  # fmt: skip
        assert f"<li>{expected}</li>" in newest
    assert "<li>This is the first version.</li>" in first
    assert "<li>30 rows</li>" in first


@pytest.mark.parametrize(
    ("code", "title", "words"),
    [
        ("ar", "سكان الجماعات: النسخة 2", "أُضيف صف واحد"),
        ("fr", "Population des communes : version 2", "1 ligne ajoutée"),
        ("en", "Population of communes: version 2", "1 row added"),
    ],
)
def test_a_feed_speaks_the_language_that_is_asked_for(changed, code, title, words) -> None:
    client = client_of(changed)
    answer = client.get(f"/feeds/communes.atom?lang={code}")
    found = feedparser.parse(answer.content)
    assert answer.headers["content-language"] == code
    assert found.entries[0].title == title
    assert words in found.entries[0].content[0].value
    others = {link.hreflang for link in found.feed.links if link.type == feeds.ATOM
              and link.rel == "alternate"}  # fmt: skip
    assert others == {"ar", "fr", "en"} - {code}


def test_without_a_language_it_is_the_region_s_first_one(portal: Client) -> None:
    assert portal.get("/feeds/communes.atom").headers["content-language"] == "ar"


def test_a_withdrawal_is_an_entry_and_its_version_offers_no_file(changed: lakes.Built) -> None:
    withdraw(changed, "communes", 2)
    found = parsed(client_of(changed), "/feeds/communes.atom?lang=en")
    assert [entry.title for entry in found.entries] == [
        "Population of communes: version 2 withdrawn",
        "Population of communes: version 2",
        "Population of communes: version 1",
    ]
    said = found.entries[0].content[0].value
    assert "It was withdrawn by Salma: The office found a" in said
    assert "&lt;b&gt;mistake&lt;/b&gt; &amp; took it back" in said
    assert [len(entry.get("enclosures", [])) for entry in found.entries] == [0, 0, 3]
    page = client_of(changed).get("/en/datasets/communes").text
    assert "Version 2 was withdrawn by Salma on" in page


def test_a_dataset_that_was_withdrawn_whole_keeps_its_feed(changed: lakes.Built) -> None:
    withdraw(changed, "density", 1)
    client = client_of(changed)
    titles = [entry.title for entry in parsed(client, "/feeds/density.atom?lang=en").entries]
    assert titles == ["Population density: version 1 withdrawn", "Population density: version 1"]
    everything = parsed(client, "/feeds/datasets.atom?lang=en").entries
    assert "Population density: version 1 withdrawn" in [entry.title for entry in everything]


def test_one_feed_has_the_newest_of_every_dataset(changed: lakes.Built, monkeypatch) -> None:
    client = client_of(changed)
    found = parsed(client, "/feeds/datasets.atom?lang=en").entries
    assert len(found) == 4
    assert {entry.title.partition(":")[0] for entry in found} == {
        "Population of communes", "Boundaries of communes", "Population density"
    }  # fmt: skip
    times = [entry.updated_parsed for entry in found]
    assert times == sorted(times, reverse=True)
    monkeypatch.setattr(feeds, "MOST", 2)
    assert len(parsed(client, "/feeds/datasets.atom").entries) == 2


def test_a_version_that_is_not_released_yet_is_not_told_of(built: lakes.Built) -> None:
    lakes.publish_communes(built, lakes.COMMUNE_ROWS[:5])
    assert len(parsed(client_of(built), "/feeds/communes.atom").entries) == 1


def test_an_atom_document_has_what_the_standard_asks_for(changed: lakes.Built) -> None:
    withdraw(changed, "communes", 2)
    answer = client_of(changed).get("/feeds/communes.atom?lang=en")
    assert answer.headers["content-type"] == "application/atom+xml; charset=utf-8"
    feed = etree.fromstring(answer.content)
    own = feed.findall("a:link[@rel='self']", ATOM)
    assert [link.get("href") for link in own] == [feed.findtext("a:id", None, ATOM)]
    assert own[0].get("href") == "http://data.example.org/feeds/communes.atom?lang=en"
    entries = feed.findall("a:entry", ATOM)
    for part in [feed, *entries]:
        for name in ("id", "title", "updated", "author"):
            assert len(part.findall(f"a:{name}", ATOM)) == 1, name
        assert part.findtext("a:author/a:name", None, ATOM)
        assert part.findtext("a:updated", None, ATOM).endswith("Z")
        links = [(link.get("type"), link.get("hreflang"))
                 for link in part.findall("a:link[@rel='alternate']", ATOM)]  # fmt: skip
        assert len(links) == len(set(links)) > 0
    ids = [entry.findtext("a:id", None, ATOM) for entry in entries]
    assert len(set(ids)) == len(ids) == 3
    assert feed.findtext("a:updated", None, ATOM) == max(
        entry.findtext("a:updated", None, ATOM) for entry in entries
    )


def test_an_entry_keeps_its_id_in_every_language_and_release(changed: lakes.Built) -> None:
    before = parsed(client_of(changed), "/feeds/communes.atom?lang=fr").entries
    lakes.publish_communes(changed, lakes.COMMUNE_ROWS)
    lakes.commit(changed)
    after = parsed(client_of(changed), "/feeds/communes.atom?lang=ar").entries
    assert [entry.id for entry in after[1:]] == [entry.id for entry in before]


def test_enclosures_are_the_files_at_their_fixed_address(changed: lakes.Built) -> None:
    client = client_of(changed)
    entry = parsed(client, "/feeds/communes.atom").entries[0]
    parquet = next(one for one in entry.enclosures if one.href.endswith(".parquet"))
    assert parquet.href == "http://data.example.org/files/communes/2/communes.parquet"
    got = client.get(parquet.href.removeprefix("http://data.example.org"))
    assert len(got.content) == int(parquet.length)


def test_the_json_feed_says_the_same_to_programs(changed: lakes.Built) -> None:
    withdraw(changed, "communes", 2)
    answer = client_of(changed).get("/feeds/communes.json?lang=en")
    assert answer.headers["content-type"] == "application/feed+json; charset=utf-8"
    feed = json.loads(answer.content)
    assert feed["version"] == "https://jsonfeed.org/version/1.1"
    assert feed["feed_url"] == "http://data.example.org/feeds/communes.json?lang=en"
    withdrawn, newest, _ = feed["items"]
    assert withdrawn["_moulouya"]["event"] == "withdrawn"
    assert newest["_moulouya"]["changes"]["rows"] == {"added": 1, "removed": 1, "changed": 1}
    assert "1 row added" in newest["content_text"].splitlines()
    for item in feed["items"]:
        assert isinstance(item["id"], str)
        assert item["content_html"].startswith("<div")


def test_a_feed_that_is_known_is_not_sent_again(changed: lakes.Built) -> None:
    client = client_of(changed)
    for path in ("/feeds/communes.atom", "/feeds/communes.json", "/feeds/datasets.atom"):
        tag = client.get(path).headers["etag"]
        again = client.get(path, If_None_Match=tag)
        assert (again.status_code, again.content) == (304, b"")
    tag = client.get("/feeds/communes.atom").headers["etag"]
    lakes.publish_communes(changed, lakes.COMMUNE_ROWS)
    lakes.commit(changed)
    assert client.get("/feeds/communes.atom", If_None_Match=tag).status_code == 200


@pytest.mark.parametrize(
    "path",
    ["/feeds/nothing.atom", "/feeds/communes.rss", "/feeds/communes.atom?lang=de",
     "/feeds/..%2Fcommunes.atom"],
)  # fmt: skip
def test_what_is_no_feed_is_not_found(portal: Client, path: str) -> None:
    assert portal.get(path).status_code == 404


@pytest.mark.parametrize("code", ["ar", "fr", "en"])
def test_pages_name_their_feeds(portal: Client, code: str) -> None:
    index = portal.get(f"/{code}/").text
    assert f'type="application/atom+xml" href="/feeds/datasets.atom?lang={code}"' in index
    page = portal.get(f"/{code}/datasets/communes").text
    assert f'type="application/atom+xml" href="/feeds/communes.atom?lang={code}"' in page
    assert f'type="application/feed+json" href="/feeds/communes.json?lang={code}"' in page


def test_the_page_says_what_changed_and_nothing_that_did_not(changed: lakes.Built) -> None:
    lakes.publish_communes(changed, [*lakes.COMMUNE_ROWS[1:], ("77.099", "X", 2024, 2, "R")])
    lakes.commit(changed)
    page = client_of(changed).get("/en/datasets/communes").text
    history = page[page.index('<ul class="changes">') :].partition("</ul>")[0]
    assert "2 rows added" in history
    assert "0 rows" not in history


def test_what_a_version_tells_of_its_period_and_decision(built: lakes.Built) -> None:
    _rewrite(built.lake.version("communes", 1) / "version.json", {
        "interval": {"start": "2024-01-01T00:00:00Z", "end": "2024-02-01T00:00:00Z"},
        "restated": True,
        "decision": {"by": "Salma", "reason": "seen with the office",
                     "decided": "2024-03-01T10:00:00Z"},
    })  # fmt: skip
    entry = feeds.history.version_of(built.lake, "communes", 1)
    assert entry is not None
    said = feeds.history.sentences(entry, feeds.language("en"), "UTC")
    assert "data of January 1, 2024, 00:00 to February 1, 2024, 00:00" in said
    assert "published again on purpose, in place of data of a later period" in said
    assert said[-1].endswith("seen with the office")


def _rewrite(path: Path, more: dict[str, Any]) -> None:
    record = json.loads(path.read_bytes())
    path.chmod(0o644)
    path.write_text(json.dumps(record | more))
