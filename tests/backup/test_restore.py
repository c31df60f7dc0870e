"""What a backup gives back: a lake, or what is damaged in one; and no number is used twice."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest
from starlette.testclient import TestClient
from typer.testing import CliRunner

from moulouya import backup, diagnosis, pipeline, released, restoring, verification, witness
from moulouya.cli import app
from moulouya.errors import LakeError, UsageError
from moulouya.portal.app import create_app
from moulouya.settings import Settings
from moulouya.storage.lake import Lake, look_into, open_lake
from small_workspace import SmallWorkspace


def publish(workspace: SmallWorkspace, people: int) -> int:
    """One more version of communes and a release of it; the version's number."""
    rows = "".join(f"{n:02},Place {n},{50 + n}\n" for n in range(2, 41))
    workspace.data("communes", f"code,name,people\n01,Place 1,{people}\n{rows}")
    (record,) = workspace.run("communes")
    assert record["outcome"] == "published", record["error"]
    pipeline.release(workspace.settings)
    return int(record["version"])


def two_releases(made: SmallWorkspace) -> SmallWorkspace:
    made.define("communes")
    for people in (100, 101):
        publish(made, people)
    return made


@pytest.fixture(scope="module")
def built(new_workspace) -> SmallWorkspace:
    return two_releases(new_workspace())


@pytest.fixture
def workspace(built, tmp_path) -> SmallWorkspace:
    """Communes in two versions and two releases, seen by this host."""
    made = built.copied(tmp_path)
    witness.remember(made.settings, made.lake, 2)
    return made


@pytest.fixture
def kept(workspace, tmp_path) -> Lake:
    """A backup of both releases."""
    target = open_lake(tmp_path / "backup")
    backup.copy(workspace.lake, target)
    return target


def changed(settings: Settings, **more: object) -> Settings:
    """Other settings; a copy of these would keep what was worked out of them."""
    return Settings(**{**settings.model_dump(), **more})


def contents(lake: Lake) -> dict[str, tuple[int, str]]:
    kinds = ("datasets", "snapshots", "releases", "log", "ledger", "quarantine", "FORMAT")
    found = [path for kind in kinds for path in (lake.files(lake.root / kind))]
    return {path.relative_to(lake.root).as_posix(): lake.digest(path) for path in found}


def put_back(workspace: SmallWorkspace, kept: Lake) -> None:
    """The lake is lost, and the backup takes its place."""
    shutil.rmtree(workspace.settings.lake_root)
    done = restoring.restore(workspace.settings, kept)
    assert done.problems == []


def test_a_lost_lake_comes_back_whole_and_publishing_goes_on(workspace, kept):
    before = contents(workspace.lake)
    put_back(workspace, kept)
    assert contents(workspace.lake) == before
    assert publish(workspace, 102) == 3


def test_only_an_empty_lake_is_filled(workspace, kept):
    before = contents(workspace.lake)
    with pytest.raises(UsageError, match="not empty"):
        restoring.restore(workspace.settings, kept)
    assert contents(workspace.lake) == before


def test_a_restore_that_was_interrupted_publishes_nothing_and_goes_on(workspace, kept, monkeypatch):
    shutil.rmtree(workspace.settings.lake_root)

    def full(*_: object) -> None:
        raise LakeError("the disk is full")

    with monkeypatch.context() as patched:
        patched.setattr(backup, "_copy_log", full)
        with pytest.raises(LakeError):
            restoring.restore(workspace.settings, kept)
    with pytest.raises(LakeError, match="being restored"):
        pipeline.release(workspace.settings)
    assert restoring.restore(workspace.settings, kept).release == 2
    assert publish(workspace, 102) == 3


def test_what_is_no_backup_is_refused(workspace, tmp_path):
    shutil.rmtree(workspace.settings.lake_root)
    with pytest.raises(LakeError, match="holds no backup"):
        restoring.restore(workspace.settings, look_into(tmp_path / "nothing"))


PARTS = {
    "the newest entry of the log": "log/2",
    "an older entry of the log": "log/1",
    "a manifest": "releases/2/manifest.json",
    "a catalogue": "releases/2/catalogue.duckdb",
    "the record of a version": "datasets/communes/2/version.json",
    "a table": "datasets/communes/1/communes.parquet",
    "a recipe": "datasets/communes/2/recipe.json",
    "the record of a delivery": "snapshots/communes/1/snapshot.json",
    "a delivery": "snapshots/communes/2/body",
    "the mark of the lake": "FORMAT",
    "a whole version": "datasets/communes/2",
    "a whole release": "releases/1",
    "a whole delivery": "snapshots/communes/1",
    "the log": "log",
    "the ledger": "ledger",
}
HASHED = [name for name in PARTS.values() if Path(name).suffix or name.endswith(("body", "log/2"))]


@pytest.mark.parametrize("name", PARTS.values(), ids=PARTS.keys())
def test_what_is_missing_is_brought_back(workspace, kept, name):
    before = contents(workspace.lake)
    path = workspace.settings.lake_root / name
    shutil.rmtree(path) if path.is_dir() else path.unlink()
    done = restoring.repair(workspace.settings, kept)
    assert done.problems == []
    assert done.files > 0
    assert contents(workspace.lake) == before
    assert witness.doubt(workspace.settings, workspace.lake) is None


@pytest.mark.parametrize("name", [*HASHED, "log/1"])
def test_what_is_damaged_is_brought_back_and_nothing_else_is_touched(workspace, kept, name):
    before = contents(workspace.lake)
    path = workspace.settings.lake_root / name
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 0x80  # no text has such a byte
    path.chmod(0o644)
    path.write_bytes(data)
    done = restoring.repair(workspace.settings, kept)
    assert (done.problems, done.files) == ([], 1)
    assert contents(workspace.lake) == before


def test_one_digit_of_the_newest_entry_is_damage_and_no_other_history(workspace, kept):
    path = workspace.lake.log / "2"
    before = path.read_bytes()
    path.write_bytes(before.replace(b'"created": "2', b'"created": "3'))
    assert path.read_bytes() != before
    with pytest.raises(LakeError, match="entry 2 of the log"):
        pipeline.release(workspace.settings)
    restoring.repair(workspace.settings, kept)
    assert path.read_bytes() == before


def test_what_the_backup_has_not_either_is_named(workspace, kept):
    for lake in (workspace.lake, kept):
        (lake.version("communes", 1) / "communes.parquet").unlink()
    done = restoring.repair(workspace.settings, kept)
    assert any("communes/1/communes.parquet" in problem for problem in done.problems)


def test_a_damaged_backup_does_not_damage_the_lake(workspace, kept):
    path = workspace.lake.version("communes", 1) / "communes.parquet"
    path.unlink()
    other = kept.version("communes", 1) / "communes.parquet"
    other.chmod(0o644)
    other.write_bytes(b"x" * other.stat().st_size)
    done = restoring.repair(workspace.settings, kept)
    assert any("another content" in problem for problem in done.problems)
    assert not path.exists()


def test_a_backup_of_another_lake_repairs_nothing(workspace, new_workspace, tmp_path):
    other = two_releases(new_workspace())
    with pytest.raises(UsageError, match="another lake"):
        restoring.repair(workspace.settings, other.lake)


def test_an_old_state_is_refused_until_somebody_accepts_the_loss(workspace, kept):
    """The public has seen version 3 and release 3; the backup ends with 2."""
    assert publish(workspace, 102) == 3
    put_back(workspace, kept)
    lake = workspace.lake
    before = contents(lake)
    with pytest.raises(LakeError, match="entry 3 was seen") as refused:
        pipeline.release(workspace.settings)
    assert "restore --accept" in (refused.value.hint or "")
    workspace.data("communes", "code,name,people\n01,Berkane,7\n")
    (record,) = workspace.run("communes")
    assert record["outcome"] == "failed"
    assert contents(lake) == before, "nothing was published, and nothing written"

    given_up = restoring.accept(workspace.settings, by="Salma", reason="the disk was lost")
    assert (given_up.log, given_up.versions) == ([3], {"communes": [3]})
    entry = released.entry_of(lake, 3)
    assert entry["kind"] == "void"
    assert (entry["note"]["by"], entry["note"]["reason"]) == ("Salma", "the disk was lost")
    assert publish(workspace, 103) == 4
    assert released.newest_number(lake) == 4
    assert verification.look(workspace.settings).problems == []
    with pytest.raises(UsageError, match="nothing is to be accepted"):
        restoring.accept(workspace.settings, by="Salma", reason="again")


def test_another_host_takes_the_acceptance_from_the_log(workspace, kept, tmp_path):
    publish(workspace, 102)
    other = changed(workspace.settings, state=tmp_path / "other")
    witness.remember(other, workspace.lake, 3)
    put_back(workspace, kept)
    assert witness.doubt(other, workspace.lake) is not None
    restoring.accept(workspace.settings, by="Salma", reason="the disk was lost")
    assert witness.doubt(other, workspace.lake) is None


def test_a_newer_backup_ends_the_refusal_without_a_loss(workspace, kept, tmp_path):
    publish(workspace, 102)
    newer = open_lake(tmp_path / "newer")
    backup.copy(workspace.lake, newer)
    put_back(workspace, kept)
    assert restoring.repair(workspace.settings, newer).problems == []
    assert publish(workspace, 103) == 4


def test_another_history_is_refused_too(workspace, kept, tmp_path):
    """Somebody published over an old state where nothing was remembered."""
    publish(workspace, 102)
    put_back(workspace, kept)
    forgetful = changed(workspace.settings, state=tmp_path / "new")
    publish(SmallWorkspace(workspace.root, forgetful), 104)
    with pytest.raises(LakeError, match="entry 3 of the log"):
        pipeline.release(workspace.settings)
    given_up = restoring.accept(workspace.settings, by="Salma", reason="both were public")
    assert given_up.log == [4], "one entry tells who accepted it"
    assert publish(workspace, 103) == 4


def test_an_accepted_loss_survives_the_next_backup(workspace, kept, tmp_path):
    publish(workspace, 102)
    put_back(workspace, kept)
    restoring.accept(workspace.settings, by="Salma", reason="the disk was lost")
    backup.copy(workspace.lake, kept)
    put_back(workspace, kept)
    assert publish(workspace, 103) == 4


def test_a_lake_that_is_begun_anew_is_another_lake(workspace):
    shutil.rmtree(workspace.settings.lake_root)
    assert publish(workspace, 5) == 1
    assert released.newest_number(workspace.lake) == 1


def test_a_lake_without_a_mark_stays_valid(workspace):
    (workspace.lake.root / "FORMAT").write_text('{\n  "format": 1\n}\n')
    assert publish(workspace, 102) == 3
    assert witness.recalled(workspace.settings, workspace.lake) is None


def test_the_portal_goes_on_and_says_that_the_lake_is_older(workspace, kept):
    publish(workspace, 102)
    with TestClient(create_app(workspace.settings, look_every=0)) as portal:
        assert portal.get("/health/ready").json() == {
            "status": "ready", "release": 3, "newest": 3, "problem": None}  # fmt: skip
        put_back(workspace, kept)
        said = portal.get("/health/ready").json()
        assert (said["status"], said["release"]) == ("degraded", 3), "what is in memory is served"
    with TestClient(create_app(workspace.settings, look_every=0)) as portal:
        said = portal.get("/health/ready")
        assert said.status_code == 200
        assert (said.json()["status"], said.json()["release"]) == ("degraded", 2)
        assert "entry 3 was seen" in said.json()["problem"]
        restoring.accept(workspace.settings, by="Salma", reason="the disk was lost")
        assert portal.get("/health/ready").json()["status"] == "ready"


def test_doctor_and_verify_tell_it_but_a_backup_may_be_older(workspace, kept):
    publish(workspace, 102)
    elsewhere = changed(workspace.settings, lake=kept.root)
    assert verification.look(elsewhere).problems == []
    put_back(workspace, kept)
    assert any("entry 3 was seen" in one for one in verification.look(workspace.settings).problems)
    (found,) = [one for one in diagnosis.examine(workspace.settings) if one.what == "lake"]
    assert not found.good
    assert "entry 3 was seen" in found.found


def test_the_whole_story_on_the_command_line(lake_place, monkeypatch):
    """In a folder and in a bucket: backup, loss, restore, refusal, acceptance, going on."""
    workspace = two_releases(lake_place.workspace())
    other = f"{lake_place.lake}-backup"
    for name, value in lake_place.environment().items():
        if name.startswith("MOULOUYA_"):
            monkeypatch.setenv(name, value)

    def call(*arguments: str, code: int = 0) -> dict[str, object]:
        done = CliRunner().invoke(app, [*arguments, "--json"])
        assert done.exit_code == code, done.output
        return dict(json.loads(done.stdout))

    made = call("backup", other, "--verify")
    assert (made["release"], made["problems"]) == (2, [])
    assert call("backup", other)["files"] == 0
    assert call("verify", "--lake", other)["problems"] == []
    assert publish(workspace, 102) == 3

    lake = workspace.lake
    for kind in ("log", "datasets", "snapshots", "releases", "ledger", "FORMAT"):
        lake.remove(lake.root / kind)
    assert call("restore", other)["release"] == 2
    refused = call("release", code=3)
    assert "nothing is published" in str(refused["error"])
    accepted = call("restore", "--accept", "--by", "Salma", "--reason", "the store was lost")
    assert accepted == {"log": [3], "versions": {"communes": [3]}}
    assert publish(workspace, 103) == 4
    assert call("verify")["problems"] == []

    spoilt = lake.version("communes", 1) / "communes.parquet"
    lake.remove(spoilt)
    assert call("verify", code=3)["problems"]
    assert call("restore", other, "--repair", code=0)["files"] == 1
    assert call("verify")["problems"] == []
    assert call("backup", other)["release"] == 4
