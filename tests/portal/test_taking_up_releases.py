"""Which release the portal serves when the log has numbers that no release has."""

from __future__ import annotations

import json
from pathlib import Path

from moulouya.portal.current import Current
from moulouya.portal.marks import Verified
from moulouya.portal.published import read_release
from moulouya.settings import Settings
from moulouya.storage.files import sha256_of
from moulouya.storage.lake import open_lake

from . import lakes


def void(built: lakes.Built, number: int) -> None:
    entry = {
        "format": 1, "kind": "void", "release": number, "manifest_sha256": None,
        "previous_sha256": sha256_of(built.lake.log / str(number - 1)),
    }  # fmt: skip
    (built.lake.log / str(number)).write_text(json.dumps(entry))


def test_a_void_number_is_passed_over_and_is_no_problem(tmp_path: Path) -> None:
    built = lakes.build(tmp_path / "lake")
    void(built, 2)
    current = Current(built.lake, look_every=0.0)
    catalogue = current.catalogue()
    assert catalogue is not None
    assert catalogue.number == 1
    assert current.state().problem is None
    lakes.publish_communes(built, lakes.COMMUNE_ROWS[:20])
    assert lakes.commit(built) == 3
    current.catalogue()
    current.catalogue()
    assert current.state().serving == 3


def test_a_dataset_that_did_not_change_is_taken_over_from_the_release_before(
    tmp_path: Path,
) -> None:
    built = lakes.build(tmp_path / "lake")
    verified = Verified()
    first = read_release(built.lake, 1, verified)
    lakes.publish_communes(built, lakes.COMMUNE_ROWS[:20])
    lakes.commit(built)
    second = read_release(built.lake, 2, verified, first)
    assert second.datasets["density"] is first.datasets["density"]
    assert second.datasets["communes"].number == 2
    assert second.datasets == read_release(built.lake, 2, Verified()).datasets


def test_what_was_hashed_before_a_restart_is_known_after_it(tmp_path: Path) -> None:
    built = lakes.build(tmp_path / "lake")
    settings = Settings(lake=built.lake.root, state=tmp_path / "state")
    marks = settings.state_root / "portal" / "verified"
    Current(open_lake(settings), marks=marks).catalogue()
    kept = marks.read_text().splitlines()
    names = {line.rpartition("/")[2] for line in kept}
    assert {"communes.parquet", "communes.duckdb", "serving.duckdb", "version.json"} <= names
    Current(open_lake(settings), marks=marks).catalogue()
    assert marks.read_text().splitlines() == kept
