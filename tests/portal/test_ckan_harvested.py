"""A harvester that asks for what is new finds all of it, and nothing else.

It asks as CKAN's own does: for what was modified after its last visit, and takes what has a later
time, compared as text, than the one that it kept.
"""

from __future__ import annotations

import datetime as dt
from typing import Any

import pytest

from moulouya import catalogue, release
from moulouya.portal.ckan.filters import BadQuery, matcher
from moulouya.portal.ckan.packages import stamp
from moulouya.portal.ckan.shown import Shown
from moulouya.portal.marks import Verified
from moulouya.portal.published import Catalogue, read_release

from . import lakes
from .conftest import Client, client_of

API = "/api/3/action"


class Releases:
    """Commits the releases of a lake an hour after each other, from tomorrow on."""

    def __init__(self, built: lakes.Built, monkeypatch: pytest.MonkeyPatch) -> None:
        self.built, self._monkeypatch = built, monkeypatch
        self.at = dt.datetime.now(dt.UTC).replace(microsecond=0) + dt.timedelta(days=1)

    def commit(self, *withdrawn: int, another: bool = False) -> int:
        """The number of the next one; ``another`` version of the communes comes before it."""
        self.at += dt.timedelta(hours=1)
        self._monkeypatch.setattr(release, "now", lambda: self.at)
        if another:
            rows = lakes.COMMUNE_ROWS[: 3 + self.at.hour % 2]
            lakes.publish_communes(self.built, rows)
        change = release.Change(
            withdraw=[
                release.Withdrawal("communes", one, "Salma", "wrong unit", stamp(self.at) + "Z")
                for one in withdrawn
            ]
        )
        made, _ = release.commit(
            self.built.lake, lakes.REGION, self.built.settings.public_url, catalogue.build,
            change=change,
        )  # fmt: skip
        return made.number

    def void(self) -> None:
        """A number that no release has."""
        release.void(self.built.lake, {"why": "begun and never committed"})


@pytest.fixture
def releases(built: lakes.Built, monkeypatch: pytest.MonkeyPatch) -> Releases:
    return Releases(built, monkeypatch)


def package(portal: Client, slug: str = "communes") -> dict[str, Any]:
    found: dict[str, Any] = portal.get(f"{API}/package_show?id={slug}").json()["result"]
    return found


def read(built: lakes.Built, number: int) -> Catalogue:
    return read_release(built.lake, number, Verified(None))


def since(shown: Shown, found: Catalogue, slug: str = "communes") -> dt.datetime:
    return shown.since(found, found.datasets[slug])


def test_what_was_harvested_is_the_same_at_the_next_visit(built: lakes.Built) -> None:
    told = package(client_of(built))["metadata_modified"]
    kept = dt.datetime.fromisoformat(told).isoformat()
    assert told == kept, "CKAN reads the time into its database and gives it back like this"


def test_a_time_has_a_fraction_only_where_there_is_one() -> None:
    whole = dt.datetime(2026, 11, 22, 4, 5, 6, tzinfo=dt.UTC)
    assert stamp(whole) == "2026-11-22T04:05:06"
    assert stamp(whole.replace(microsecond=1500)) == "2026-11-22T04:05:06.001500"


def test_a_version_counts_from_the_release_that_shows_it(releases: Releases) -> None:
    portal = client_of(releases.built)
    before = package(portal)
    releases.commit(another=True)
    after, other = package(portal), package(portal, "boundaries")
    assert after["metadata_modified"] == stamp(releases.at), "not when the version was made"
    assert other["metadata_modified"] == before["metadata_modified"] < after["metadata_modified"]


def test_a_version_that_comes_back_is_a_change(releases: Releases) -> None:
    portal = client_of(releases.built)
    releases.commit(another=True)
    newer = package(portal)
    releases.commit(2)
    back = package(portal)
    assert (newer["version"], back["version"]) == ("2", "1")
    assert back["metadata_modified"] == stamp(releases.at) > newer["metadata_modified"]


def test_a_portal_that_starts_later_tells_the_same(releases: Releases) -> None:
    running = Shown()
    told = []
    for number in (1, releases.commit(another=True), releases.commit(another=True)):
        told.append(read(releases.built, number))
        since(running, told[-1])
    releases.void()
    told.append(read(releases.built, releases.commit(3)))
    assert told[-1].datasets["communes"].number == 2
    for slug in ("communes", "boundaries"):
        assert since(running, told[-1], slug) == since(Shown(), told[-1], slug)
    assert since(running, told[-1]) == told[-1].created
    assert since(running, told[-1], "boundaries") == told[0].created
    assert since(running, told[1]) == told[1].created, "an older release is told of as it was"


def test_what_stayed_for_longer_than_is_read_back_is_told_by_its_version(
    releases: Releases,
) -> None:
    for _ in range(3):
        newest = releases.commit(another=True)
    found = read(releases.built, newest)
    assert since(Shown(most=2), found, "boundaries") == found.datasets["boundaries"].created
    assert since(Shown(most=2), found) == found.created


def test_an_earlier_release_that_cannot_be_read_hides_no_change(releases: Releases) -> None:
    running, first = Shown(), read(releases.built, releases.commit(another=True))
    since(running, first)
    damaged = releases.commit(2)
    newest = read(releases.built, releases.commit(another=True))
    (releases.built.lake.release(damaged) / "manifest.json").write_text("{}")
    assert since(running, newest) == newest.created
    assert since(running, newest, "boundaries") == since(running, first, "boundaries")
    assert since(Shown(), newest, "boundaries") == newest.datasets["boundaries"].created


@pytest.mark.parametrize(
    ("asked", "found"),
    [
        ("[2026-11-22T04:05:06Z TO *]", True),
        ("[2026-11-22T04:05:06.000Z TO *]", True),
        ("{2026-11-22T04:05:06.000000Z TO *]", False),
        ("[2026-11-22T04:05:05.999Z TO 2026-11-22T04:05:06Z]", True),
        ("[2026-11-22T04:05:06.5Z TO *]", False),
        ("[NOW-1DAY TO NOW]", False),
        ("[* TO NOW+36500DAYS-1HOUR]", True),
    ],
)
def test_moments_are_compared_as_moments(asked: str, found: bool) -> None:
    one = {"metadata_modified": "2026-11-22T04:05:06"}
    if asked.startswith("[NOW"):
        one = {"metadata_modified": "1999-01-01T00:00:00"}
    assert matcher(f"metadata_modified:{asked}")(one) is found


@pytest.mark.parametrize("asked", ["NOW-1FORTNIGHT", "NOWADAYS", "NOW+999999999DAYS"])
def test_a_moment_that_is_none_is_refused(asked: str) -> None:
    with pytest.raises(BadQuery):
        matcher(f"metadata_modified:[{asked} TO *]")
