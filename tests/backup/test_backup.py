"""A backup is a lake: only what is new is copied, and nothing damaged, whoever works meanwhile."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest
from starlette.testclient import TestClient

from moulouya import backup, ledger, pipeline, querying, release, released, verification
from moulouya.errors import UsageError
from moulouya.portal.app import create_app
from moulouya.settings import Settings
from moulouya.storage.lake import Lake, look_into, open_lake
from small_workspace import SmallWorkspace

HEAD = "code,name,people\n"


def publish(workspace: SmallWorkspace, people: int, slug: str = "communes") -> None:
    """One more version, and a release of it."""
    rows = "".join(f"{n:02},Place {n},{50 + n}\n" for n in range(2, 41))
    workspace.data(slug, f"{HEAD}01,Place 1,{people}\n{rows}")
    assert workspace.outcome(slug) == "published"
    pipeline.release(workspace.settings)


@pytest.fixture(scope="module")
def built(new_workspace) -> SmallWorkspace:
    made = new_workspace()
    made.define("communes")
    for people in (100, 101):
        publish(made, people)
    return made


@pytest.fixture
def workspace(built, tmp_path) -> SmallWorkspace:
    """Communes in two versions and two releases."""
    return built.copied(tmp_path)


@pytest.fixture
def target(tmp_path) -> Lake:
    return open_lake(tmp_path / "backup")


def changed(settings: Settings, **more: object) -> Settings:
    """Other settings; a copy of these would keep what was worked out of them."""
    return Settings(**{**settings.model_dump(), **more})


def contents(lake: Lake) -> dict[str, tuple[int, str]]:
    """Every committed file by its place; locks and work in progress are none."""
    kinds = ("datasets", "snapshots", "releases", "log", "ledger", "quarantine")
    found = [path for kind in kinds for path in lake.files(lake.root / kind)]
    return {path.relative_to(lake.root).as_posix(): lake.digest(path) for path in found}


def sound(lake: Lake) -> bool:
    return verification.verify(lake).problems == []


def test_a_backup_is_the_same_lake_and_verifies(workspace, target):
    done = backup.copy(workspace.lake, target)
    assert (done.release, done.problems) == (2, [])
    assert contents(target) == contents(workspace.lake)
    assert target.identity() == workspace.lake.identity() is not None
    assert sound(target)


def test_the_second_time_only_what_is_new_is_copied(workspace, target):
    backup.copy(workspace.lake, target)
    before = {path: path.stat().st_ino for path in target.files(target.datasets)}
    publish(workspace, 102)
    done = backup.copy(workspace.lake, target)
    assert (done.release, done.directories) == (3, 3), "one delivery, one version, one release"
    assert {path: path.stat().st_ino for path in before} == before
    assert contents(target) == contents(workspace.lake)
    assert backup.copy(workspace.lake, target).files == 0


def test_the_backup_can_be_asked_and_served(workspace, target, tmp_path):
    backup.copy(workspace.lake, target)
    settings = changed(workspace.settings, lake=target.root, state=tmp_path / "s")
    asked = querying.query(settings, "SELECT count(*) AS rows FROM places.communes")
    assert "40" in str(asked.rows)
    with TestClient(create_app(settings)) as portal:
        assert portal.get("/health/ready").json()["status"] == "ready"
        assert portal.get("/en/datasets/communes").status_code == 200


def test_notes_and_decisions_that_come_later_are_copied_too(workspace, target):
    backup.copy(workspace.lake, target)
    note = workspace.lake.versions("communes") / "confirmed.json"
    workspace.lake.write(note, b'{"format": 1, "version": 2}\n')
    backup.copy(workspace.lake, target)
    assert (target.versions("communes") / "confirmed.json").read_bytes() == note.read_bytes()


def test_a_number_that_was_given_up_stays_so_in_the_backup(workspace, target):
    workspace.lake.give_up(workspace.lake.version("communes", 3), "version.json")
    backup.copy(workspace.lake, target)
    assert target.free(target.versions("communes")) == 4


def spoil(path: Path, at: int = -20) -> None:
    """Flip one bit of a committed file."""
    data = bytearray(path.read_bytes())
    data[at] ^= 1
    path.chmod(0o644)
    path.write_bytes(data)


DAMAGED = {
    "a table": "datasets/communes/2/communes.parquet",
    "a record of a version": "datasets/communes/2/version.json",
    "a recipe": "datasets/communes/2/recipe.json",
    "a manifest": "releases/2/manifest.json",
    "a catalogue": "releases/2/catalogue.duckdb",
    "an entry of the log": "log/2",
}


@pytest.mark.parametrize("name", DAMAGED.values(), ids=DAMAGED.keys())
def test_what_is_damaged_never_reaches_the_backup_and_the_rest_does(workspace, target, name):
    spoil(workspace.lake.root / name)
    done = backup.copy(workspace.lake, target)
    assert any(name.rpartition("/")[0] in problem for problem in done.problems), done.problems
    assert done.release == 1
    assert (target.version("communes", 1) / "version.json").exists()
    assert sound(target), "a complete lake of an earlier release"


def test_a_damaged_delivery_is_left_out_and_the_release_is_still_copied(workspace, target):
    spoil(workspace.lake.snapshots("communes") / "1" / "body")
    done = backup.copy(workspace.lake, target)
    assert len(done.problems) == 1
    assert "snapshots/communes/1" in done.problems[0]
    assert not (target.snapshots("communes") / "1").exists()
    assert done.release == 2


def test_a_file_that_is_missing_is_damage_too(workspace, target):
    (workspace.lake.version("communes", 2) / "communes.csv.gz").unlink()
    done = backup.copy(workspace.lake, target)
    assert "communes.csv.gz is missing" in done.problems[0]
    assert not target.version("communes", 2).exists()


def test_an_old_release_that_is_damaged_does_not_hold_up_the_newer_ones(workspace, target):
    spoil(workspace.lake.release(1) / "catalogue.duckdb")
    done = backup.copy(workspace.lake, target)
    assert done.release == 2
    assert len(done.problems) == 1
    assert released.current(target).number == 2


def test_what_was_repaired_is_copied_the_next_time(workspace, target):
    path = workspace.lake.version("communes", 2) / "communes.parquet"
    spoil(path)
    backup.copy(workspace.lake, target)
    spoil(path)
    done = backup.copy(workspace.lake, target)
    assert (done.release, done.problems) == (2, [])
    assert contents(target) == contents(workspace.lake)


PLACES = ("after_stage_sync", "after_rename", "backup_after_directory", "backup_before_log",
          "after_log_write", "after_log_link", "backup_after_entry")  # fmt: skip


FORKED = """
import sys
from pathlib import Path
from moulouya import backup
from moulouya.storage.lake import look_into, open_lake
backup.copy(look_into(Path(sys.argv[1])), open_lake(Path(sys.argv[2])))
"""


@pytest.mark.parametrize("name", PLACES)
def test_a_backup_that_was_killed_is_a_complete_lake_and_goes_on(workspace, target, name):
    backup.copy(workspace.lake, target)
    publish(workspace, 102)
    publish(workspace, 103)
    arguments = [sys.executable, "-c", FORKED, str(workspace.lake.root), str(target.root)]
    died = subprocess.run(arguments, env={**os.environ, "MOULOUYA_ABORT_AT": name}, check=False)
    assert died.returncode == -signal.SIGKILL
    assert sound(target)
    assert released.current(target).number in (2, 3, 4)
    assert backup.copy(workspace.lake, target).release == 4
    assert contents(target) == contents(workspace.lake)


def test_a_delivery_is_there_before_what_was_made_of_it(workspace, target, monkeypatch):
    publish(workspace, 102)
    copied = backup.copy_directory
    early = []

    def slowly(source, to, folder, expected):
        if folder.is_relative_to(source.root / "snapshots"):
            time.sleep(0.2)
        elif to.numbers(to.snapshots("communes")) != source.numbers(source.snapshots("communes")):
            early.append(folder)
        return copied(source, to, folder, expected)

    monkeypatch.setattr(backup, "copy_directory", slowly)
    backup.copy(workspace.lake, target)
    assert early == []


def test_publishers_go_on_while_a_backup_is_made(workspace, target):
    ended = threading.Event()

    def work() -> None:
        try:
            for people in (102, 103):
                publish(workspace, people)
        finally:
            ended.set()

    publisher = threading.Thread(target=work)
    publisher.start()
    while not ended.is_set():
        done = backup.copy(look_into(workspace.settings), target)
        assert done.problems == []
        assert sound(target)
    publisher.join()
    assert backup.copy(workspace.lake, target).release == 4
    assert contents(target) == contents(workspace.lake)


def test_what_is_cleared_away_while_it_is_copied_is_no_damage(workspace, target, monkeypatch):
    """A collection buries version 1 between the look at its files and the copy of them."""
    lake = workspace.lake
    gone = lake.version("communes", 1)
    whole = Lake.fetch

    def fetch(self: Lake, path: Path, to: Path) -> tuple[int, str]:
        if path.parent == gone and not (gone / "tombstone.json").exists():
            lake.put_new(gone / "tombstone.json", b'{"why": "retention"}\n')
            for name in ("communes.parquet", "communes.csv.gz", "communes.duckdb"):
                lake.remove(gone / name)
        return whole(self, path, to)

    monkeypatch.setattr(Lake, "fetch", fetch)
    done = backup.copy(lake, target)
    assert (done.release, done.problems) == (2, [])
    assert (target.version("communes", 1) / "tombstone.json").exists()


def test_what_was_erased_is_erased_in_the_backup(workspace, target):
    backup.copy(workspace.lake, target)
    at = ledger.stamp(ledger.now())
    taken = release.Withdrawal("communes", 1, "Salma", "names of people", at, erase=True)
    from moulouya import publication

    publication.commit(
        workspace.settings, workspace.lake, workspace.region, release.Change(withdraw=[taken])
    )
    backup.copy(workspace.lake, target)
    left = {path.name for path in target.files(target.version("communes", 1))}
    assert left == {"version.json", "tombstone.json"}
    delivery = {path.name for path in target.files(target.snapshots("communes") / "1")}
    assert "body" not in delivery
    assert '"100"' not in (target.version("communes", 1) / "version.json").read_text()
    assert sound(target)


def test_another_lake_is_never_mixed_in(workspace, new_workspace, target):
    backup.copy(workspace.lake, target)
    other = new_workspace()
    other.define("communes")
    publish(other, 7)
    before = contents(target)
    with pytest.raises(UsageError, match="another lake"):
        backup.copy(other.lake, target)
    assert contents(target) == before


def test_a_backup_tells_when_it_was_made_and_how_far_it_goes(workspace, target):
    backup.remember(target, backup.copy(workspace.lake, target), "2026-11-21T04:00:00Z")
    record = json.loads((target.root / "backup.json").read_text())
    assert (record["made"], record["release"]) == ("2026-11-21T04:00:00Z", 2)


def test_the_inbox_and_its_tokens_are_no_part_of_a_backup(workspace, target):
    workspace.write("../lake/inbox/.tokens/0.json", "{}")
    backup.copy(workspace.lake, target)
    assert not (target.root / "inbox").exists()
