"""A log that was cut, edited, or put back from an old copy, under a portal that runs."""

from __future__ import annotations

import json
import shutil

import pytest

from moulouya import verification
from moulouya.storage.lake import look_into

from . import auditor, bases, flipping, places
from .portals import Portal


@pytest.fixture(scope="module")
def published(base, zygote, folder):
    """A lake with two releases of two datasets."""
    return flipping.published(base, zygote, folder / "published")


def truncated(lake):
    """The newest entry is gone."""
    (lake / "log/2").unlink()


def gap(lake):
    """An entry in the middle is gone."""
    (lake / "log/1").unlink()


def edited(lake):
    """The newest entry names another manifest."""
    path = lake / "log/2"
    entry = json.loads(path.read_bytes())
    path.chmod(0o644)
    path.write_text(json.dumps({**entry, "manifest_sha256": "0" * 64}))


def empty(lake):
    """The newest entry has no bytes."""
    (lake / "log/2").chmod(0o644)
    (lake / "log/2").write_bytes(b"")


@pytest.mark.parametrize("damage", [truncated, gap, edited, empty])
def test_the_portal_goes_on_serving_what_it_had(published, folder, damage):
    lake = places.copy(published, folder / "damaged")
    portal = Portal(lake, folder / "damaged-state")
    before = portal.get("/catalogue.duckdb").headers["location"]
    damage(lake)
    assert portal.get("/catalogue.duckdb").headers["location"] == before
    assert portal.get("/en/datasets").status_code == 200


@pytest.mark.parametrize("damage", [edited, empty])
def test_a_damaged_log_is_found_and_no_release_is_put_on_top(
    published, base, zygote, folder, damage
):
    lake = places.copy(published, folder / "damaged")
    damage(lake)
    assert auditor.audit(lake) != []
    entries = sorted((lake / "log").iterdir())
    ended = zygote.run(lake, base.root, [["light", "communes", "later"], ["light-release"]])
    assert ended.code == 3, ended.printed
    assert ended.error["hint"]
    assert sorted((lake / "log").iterdir()) == entries


def test_an_entry_missing_in_the_middle_is_found(published, folder):
    lake = places.copy(published, folder / "damaged")
    gap(lake)
    problems = verification.verify(look_into(lake)).problems
    assert any("log/1: missing from the log" in problem for problem in problems)


def test_an_older_copy_put_back_is_refused_by_who_knew_the_newer_one(
    published, base, zygote, folder
):
    lake = places.copy(published, folder / "restored")
    portal = Portal(lake, folder / "restored-state")
    assert portal.get("/catalogue.duckdb").headers["location"] == "/releases/2/catalogue.duckdb"
    knows = zygote.run(lake, base.root, [["release"]])
    assert knows.code == 0, knows.printed
    known = shutil.copytree(f"{lake}.state", folder / "known")
    base.copied(lake)
    shutil.copytree(known, f"{lake}.state")
    assert portal.get("/catalogue.duckdb").headers["location"] == "/releases/2/catalogue.duckdb"
    assert portal.get("/health/live").status_code == 200
    ended = zygote.run(lake, base.root, bases.publishing())
    assert ended.code == 3, ended.printed
    assert ended.error["hint"]
    assert not (lake / "log/2").exists()
