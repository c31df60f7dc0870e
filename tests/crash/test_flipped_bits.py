"""A bit that turns over is found before it is served, and named by ``moulouya verify``."""

from __future__ import annotations

from pathlib import Path

import pytest

from moulouya import verification
from moulouya.storage.files import checked_json
from moulouya.storage.lake import look_into

from . import bases, flipping, places
from .portals import Portal, damaged_answer, sound_bodies
from .trial import Tally


@pytest.fixture(scope="module")
def published(base, zygote, folder) -> Path:
    """A lake with two releases of two datasets, in which nothing is under way."""
    return flipping.published(base, zygote, folder / "published")


def test_no_flipped_bit_is_served_and_each_is_named(published, folder):
    tally = Tally("flips")
    flipping.flip(tally, published, 150, folder)
    assert tally.points == 150
    assert tally.violations == []


def test_a_portal_that_trusted_sizes_and_times_would_be_found_out(published, folder, monkeypatch):
    from moulouya.portal.marks import Verified

    seen: dict[Path, str] = {}
    real = Verified.sha256
    monkeypatch.setattr(
        Verified, "sha256", lambda self, path: seen.setdefault(path, real(self, path))
    )
    tally = Tally("flips")
    flipping.flip(tally, published, 40, folder)
    assert any("was served damaged" in violation for violation in tally.violations)


def test_a_release_with_a_flipped_bit_is_not_taken_up(published, folder):
    lake = places.copy(published, folder / "cold")
    for path in sorted((lake / "releases/2").iterdir()):
        if path.name != "manifest.json":
            with flipping.flipped(path, bit=801, keep_time=True):
                served = Portal(lake, folder / "cold-state").get("/catalogue.duckdb")
                assert served.headers["location"] == "/releases/1/catalogue.duckdb", path.name


def test_a_damaged_newest_manifest_leaves_the_release_before(published, folder):
    lake = places.copy(published, folder / "cold")
    with flipping.flipped(lake / "releases/2/manifest.json", bit=801, keep_time=True):
        served = Portal(lake, folder / "cold-state").get("/catalogue.duckdb")
        assert served.status_code == 302


@pytest.mark.parametrize("number", [1, 2])
def test_a_flipped_bit_of_version_json_is_not_served(published, folder, number):
    portal, sound = Portal(published, folder / "records"), sound_bodies(published)
    path = published / f"datasets/communes/{number}/version.json"
    address = f"/files/communes/{number}/version.json"
    portal.get(address)
    bit = path.read_bytes().index(b'"created"') * 8 + 100
    with flipping.flipped(path, bit, keep_time=True):
        assert damaged_answer(portal, address, sound) == []


def test_a_flipped_bit_of_a_delivery_s_record_is_named(published):
    path = published / "snapshots/communes/2/snapshot.json"
    bit = path.read_bytes().index(b'"retrieved"') * 8 + 140
    with flipping.flipped(path, bit, keep_time=True):
        problems = verification.verify(look_into(published)).problems
        assert any("snapshot.json" in problem for problem in problems)


def test_a_flipped_bit_of_the_newest_entry_is_named(published):
    path = published / "log/2"
    bit = path.read_bytes().index(b'"created"') * 8 + 100
    with flipping.flipped(path, bit, keep_time=True):
        problems = verification.verify(look_into(published)).problems
        assert any("log/2" in problem for problem in problems)


@pytest.mark.parametrize("where", ["FORMAT", "ledger", "seen.json", "confirmed.json"])
def test_a_flipped_bit_of_a_note_is_named(published, folder, where):
    lake = places.copy(published, folder / "notes")
    kept = lake / "datasets/communes"
    for name in ("seen.json", "confirmed.json"):
        (kept / name).write_bytes(checked_json({"format": 1, "version": 2, "sha256": None}))
    assert verification.verify(look_into(lake)).problems == []
    path = next(path for path in sorted(lake.rglob("*"))
                if path.is_file() and where in path.relative_to(lake).as_posix())  # fmt: skip
    with flipping.flipped(path, path.stat().st_size * 4, keep_time=True):
        assert any(str(path) in problem for problem in flipping.problems_of(lake))


def test_the_rest_is_verified_where_one_entry_of_the_log_is_damaged(published, folder):
    lake = places.copy(published, folder / "both")
    first, second = lake / "log/1", lake / "releases/2/serving.duckdb"
    with (
        flipping.flipped(first, 99, keep_time=True),
        flipping.flipped(second, 99, keep_time=True),
    ):
        problems = verification.verify(look_into(lake)).problems
    assert any(str(first) in problem for problem in problems)
    assert any(str(second) in problem for problem in problems)


def test_the_base_of_these_tests_has_every_kind_of_file(published):
    found = {path.suffix for path in flipping.targets(published)}
    assert {".parquet", ".gz", ".duckdb", ".json", ""} <= found
    assert tuple(sorted(p.name for p in (published / "datasets").iterdir())) == bases.SLUGS
