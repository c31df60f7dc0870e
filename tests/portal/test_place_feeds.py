"""A place has a feed of what changes in the datasets that have rows about it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import feedparser
import pytest

from moulouya import catalogue, ledger, release
from moulouya.portal import feeds
from moulouya.portal.exporting.export import Wish, export
from moulouya.region import Region
from moulouya.withdrawals import Change, Withdrawal

from . import lakes
from .conftest import Client, client_of
from .lakes import column, text

BASE = "http://data.example.org"
REGISTER: dict[str, Any] = {
    **lakes.DENSITY,
    "title": text("الأماكن", "Lieux", "Places"),
    "columns": {
        name: column("text", name, name, name, computed=True)
        for name in ("code", "level", "parent", "ar", "fr", "en")
    },
}
REGION = Region.model_validate({
    **lakes.REGION.model_dump(mode="json"),
    "places": {
        "dataset": "register",
        "parent": "parent",
        "name": {"ar": "ar", "fr": "fr", "en": "en"},
        "same_as": ["communes.code", "density.code"],
        "levels": {
            "region": {"title": text("جهة", "Région", "Region"),
                       "plural": text("جهات", "Régions", "Regions")},
            "commune": {"title": text("جماعة", "Commune", "Commune"),
                        "plural": text("جماعات", "Communes", "Communes")},
        },
    },
})  # fmt: skip
# All communes have a population and are in the register, the first three have a density, too.
DENSE, OTHER = "77.001", "77.010"


def commit(built: lakes.Built, change: Change | None = None) -> None:
    url = built.settings.public_url
    release.commit(built.lake, REGION, url, catalogue.build, change=change or Change())


@pytest.fixture
def known(built: lakes.Built) -> lakes.Built:
    """The small lake in a region that has a register of places."""
    lakes.publish(
        built, "register", "territory", REGISTER,
        "SELECT '77' AS code, 'region' AS level, NULL::VARCHAR AS parent, "
        "'وادي' AS ar, 'Oued' AS fr, 'River' AS en UNION ALL "
        "SELECT format('77.{:03}', i), 'commune', '77', format('جماعة {}', i), "
        "format('Commune n° {}', i), format('Commune {}', i) FROM range(1, 31) r(i)",
    )  # fmt: skip
    commit(built)
    return built


def parsed(client: Client, path: str) -> Any:
    answered = client.get(path)
    assert answered.status_code == 200, path
    found = feedparser.parse(answered.content)
    assert not found.bozo, found.get("bozo_exception")
    return found


def titles(client: Client, code: str) -> list[str]:
    return [one.title for one in parsed(client, f"/feeds/places/{code}.atom?lang=en").entries]


def test_it_tells_of_the_datasets_that_have_rows_about_the_place(known: lakes.Built) -> None:
    client = client_of(known)
    everywhere = {"Population of communes: version 1", "Places: version 1"}
    assert set(titles(client, OTHER)) == everywhere
    assert set(titles(client, DENSE)) == everywhere | {
        "Population density: version 1", "Boundaries of communes: version 1"
    }  # fmt: skip
    assert set(titles(client, "77")) == {"Places: version 1"}


def test_a_new_version_is_told_where_it_has_rows_and_nowhere_else(known: lakes.Built) -> None:
    before = titles(client_of(known), OTHER)
    query = "SELECT '77.001' AS code, 7.0::DOUBLE AS density"
    lakes.publish(known, "density", "demography", lakes.DENSITY, query)
    commit(known)
    client = client_of(known)
    assert titles(client, DENSE)[0] == "Population density: version 2"
    assert titles(client, OTHER) == before
    # Its rows about this one are gone: what happens to it from now on is of no concern there.
    assert "Population density: version 1" not in titles(client, "77.002")


def test_a_withdrawal_is_told(known: lakes.Built) -> None:
    query = "SELECT '77.001' AS code, 7.0::DOUBLE AS density"
    lakes.publish(known, "density", "demography", lakes.DENSITY, query)
    commit(known)
    at = ledger.stamp(ledger.now())
    commit(known, Change(withdraw=[Withdrawal("density", 2, "Salma", "a mistake", at)]))
    assert titles(client_of(known), DENSE)[0] == "Population density: version 2 withdrawn"


@pytest.mark.parametrize(
    ("code", "title"),
    [
        ("ar", "جماعة 1 · بيانات وادي الزيتون: ما الذي يتغير"),
        ("fr", "Commune n° 1 · Données de Oued Zitoun : ce qui change"),
        ("en", "Commune 1 · Olive River data: what changes"),
    ],
)
def test_it_speaks_the_language_of_the_page_that_names_it(
    known: lakes.Built, code: str, title: str
) -> None:
    client = client_of(known)
    page = client.get(f"/{code}/places/{DENSE}").text
    address = f"/feeds/places/{DENSE}.atom?lang={code}"
    assert f'<link rel="alternate" type="application/atom+xml" href="{address}"' in page
    assert f'<a href="{address}">' in page
    found = parsed(client, address).feed
    assert found.title == title
    assert f"{BASE}/{code}/places/{DENSE}" in {
        link.href for link in found.links if link.rel == "alternate"
    }
    assert found.id == f"{BASE}{address}"


def test_the_json_feed_tells_the_same(known: lakes.Built) -> None:
    client = client_of(known)
    told = json.loads(client.get(f"/feeds/places/{DENSE}.json?lang=en").content)
    assert told["home_page_url"] == f"{BASE}/en/places/{DENSE}"
    assert [item["title"] for item in told["items"]] == titles(client, DENSE)


def test_it_has_the_newest_and_no_more_than_any_feed(known: lakes.Built, monkeypatch) -> None:
    every = titles(client_of(known), DENSE)
    monkeypatch.setattr(feeds, "MOST", 2)
    assert titles(client_of(known), DENSE) == every[:2]


def test_without_a_language_it_says_of_itself_where_it_is(known: lakes.Built) -> None:
    client = client_of(known)
    for name in ("datasets", "communes", f"places/{DENSE}"):
        found = parsed(client, f"/feeds/{name}.atom").feed
        own = [link.href for link in found.links if link.rel == "self"]
        assert own == [f"{BASE}/feeds/{name}.atom"]
        assert found.id == f"{BASE}/feeds/{name}.atom?lang=ar"
        assert json.loads(client.get(f"/feeds/{name}.json").content)["feed_url"].endswith(".json")


@pytest.mark.parametrize(
    "path",
    [f"/feeds/places/{DENSE}.rss", f"/feeds/places/{DENSE}.atom?lang=de",
     "/feeds/places/88.atom", "/feeds/places/.atom", f"/feeds/places/{DENSE}"],
)  # fmt: skip
def test_what_is_no_feed_of_a_place_is_not_found(known: lakes.Built, path: str) -> None:
    assert client_of(known).get(path).status_code == 404


def test_a_region_without_places_has_no_such_feeds(portal: Client) -> None:
    assert portal.get(f"/feeds/places/{DENSE}.atom").status_code == 404


def test_an_export_holds_the_feeds_of_its_places(known: lakes.Built, tmp_path: Path) -> None:
    folder = tmp_path / "copy"
    export(known.settings, folder, Wish(("fr",), BASE, files=False))
    for form in ("atom", "json"):
        written = (folder / f"feeds/places/{DENSE}.fr.{form}").read_text()
        assert f"{BASE}/feeds/places/{DENSE}.fr.{form}" in written
        assert "?lang=" not in written
    page = (folder / f"fr/places/{DENSE}/index.html").read_text()
    assert f'feeds/places/{DENSE}.fr.atom"' in page
