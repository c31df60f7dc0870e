"""What cannot be read is told as an error of the lake, and never taken for what is not there."""

from __future__ import annotations

import errno
import os
from pathlib import Path

import pytest

from moulouya import release, runs
from moulouya.errors import LakeError
from moulouya.settings import Settings
from moulouya.storage import files
from moulouya.storage.lake import Lake
from small_workspace import REGION, SmallWorkspace


@pytest.fixture
def lake(tmp_path) -> Lake:
    for name in ("datasets/a/1", "datasets/a/2.void", "ledger/2026/11/22"):
        (tmp_path / name).mkdir(parents=True)
    (tmp_path / "ledger/2026/11/22/a-1.json").write_text("{}\n")
    return Lake(tmp_path)


@pytest.fixture
def failing(monkeypatch):
    """A disk that answers with an error wherever a folder is read."""

    def fail(*_: object) -> None:
        raise OSError(errno.EIO, os.strerror(errno.EIO), "the folder")

    monkeypatch.setattr(os, "scandir", fail)
    monkeypatch.setattr(os, "listdir", fail)


READINGS = {
    "names": lambda lake: lake.names(lake.datasets),
    "numbers": lambda lake: lake.numbers(lake.versions("a")),
    "the next number": lambda lake: lake.free(lake.versions("a")),
    "files": lambda lake: lake.files(lake.ledger),
    "records by pattern": lambda lake: files.listed(lake.ledger, "*/*/*/*.json"),
    "a directory that is committed": lambda lake: lake.commit(
        lake.ledger, lake.version("a", 3), "version.json"
    ),
}


@pytest.mark.parametrize("read", READINGS.values(), ids=READINGS)
def test_a_folder_that_cannot_be_read_is_not_an_empty_one(lake, failing, read):
    with pytest.raises(LakeError) as told:
        read(lake)
    assert "Input/output error" in told.value.message
    assert "dmesg" in told.value.hint


@pytest.mark.parametrize("read", READINGS.values(), ids=READINGS)
def test_the_same_folders_are_read_where_the_disk_is_sound(lake, read):
    assert read(lake)


@pytest.fixture
def unreadable(tmp_path) -> Path:
    """A file that can be opened and then gives an error: its first page is not mapped."""
    path = tmp_path / "unreadable.json"
    path.symlink_to("/proc/self/mem")
    return path


@pytest.mark.parametrize(
    "read", [files.sha256_of, files.read_bytes, files.read_json], ids=lambda read: read.__name__
)
def test_an_error_in_the_middle_of_a_file_names_the_file(unreadable, read):
    with pytest.raises(LakeError) as told:
        read(unreadable)
    assert f"Input/output error: '{unreadable}'" in told.value.message
    assert "dmesg" in told.value.hint
    with pytest.raises(FileNotFoundError):
        read(unreadable.with_name("absent"))


def test_what_cannot_be_looked_for_is_not_absent(tmp_path):
    nameless = tmp_path / ("x" * 300)  # longer than a name may be: the answer is neither yes nor no
    for look in (files.there, Lake(tmp_path).appeared, Lake(tmp_path).is_void):
        with pytest.raises(LakeError, match="x" * 300) as told:
            look(nameless)
        assert told.value.hint
    assert files.there(tmp_path)
    assert not files.there(tmp_path / "absent")


def test_a_copy_tells_whether_the_source_or_the_target_failed(tmp_path, unreadable):
    sound = tmp_path / "sound"
    sound.write_bytes(b"x" * files.CHUNK)
    with pytest.raises(OSError, match=f"'{unreadable}'") as failed:
        files.copy_hashed(unreadable, tmp_path / "copy")
    assert failed.value.errno == errno.EIO
    with pytest.raises(LakeError, match="writing /dev/full") as told:
        files.copy_hashed(sound, Path("/dev/full"))
    assert "disk is full" in told.value.hint
    assert files.copy_hashed(sound, tmp_path / "copy") == (files.CHUNK, files.sha256_of(sound))


@pytest.mark.parametrize(
    "write",
    [lambda path: files.write_file(path, b"x"), files.sync_file],
    ids=["written", "synced"],
)
def test_a_file_that_cannot_be_made_durable_is_named(write):
    with pytest.raises(OSError, match="'/dev/full'"):
        write(Path("/dev/full"))


def test_a_directory_that_cannot_be_removed_is_not_said_to_be_gone(lake, monkeypatch):
    def fail(*_: object, **__: object) -> None:
        raise OSError(errno.EIO, os.strerror(errno.EIO), "the folder")

    with monkeypatch.context() as disk:
        disk.setattr(os, "rmdir", fail)
        with pytest.raises(LakeError, match=r"removing .*datasets/a"):
            lake.remove(lake.versions("a"))
    lake.remove(lake.versions("a"))
    assert not lake.versions("a").exists()
    lake.remove(lake.versions("a"))  # once more, when it is gone


def test_a_step_that_cannot_look_for_its_notes_fails_as_the_lake_does(tmp_path, monkeypatch):
    made = SmallWorkspace(tmp_path, Settings(workspace=tmp_path, lake=tmp_path / "lake"))
    made.write_yaml("region.yml", REGION)
    made.define("communes")
    run = runs.begin(made.settings, "communes", "one")
    look = Path.stat

    def stat(path: Path, **more: bool) -> os.stat_result:
        if path.name == "timings.json":
            raise OSError(errno.EIO, os.strerror(errno.EIO), str(path))
        return look(path, **more)

    monkeypatch.setattr(Path, "stat", stat)
    with pytest.raises(LakeError, match=r"one/timings\.json"), runs.step(run, "fetch"):
        raise AssertionError("the step is not begun")


@pytest.mark.parametrize(
    "failed",
    [OSError("error stat()ing file"), LakeError("reading failed: OSError", hint="dmesg")],
    ids=["by a library", "by a database"],
)
def test_an_error_without_a_file_says_at_least_which_release_was_being_built(lake, failed):
    scratch = lake.scratch("release-4")
    named = pytest.raises(LakeError, match=f"building {scratch}: ")
    with named as told, release._building(scratch, lake):
        raise failed
    assert str(failed).splitlines()[0] in told.value.message
    assert told.value.hint


@pytest.mark.parametrize("left", ["a.duckdb.wal", "a.duckdb.wal.checkpoint"])
def test_the_log_of_a_database_that_was_not_closed_is_never_published(tmp_path, left):
    (tmp_path / "a.duckdb").touch()
    assert files.finished(tmp_path) == [tmp_path / "a.duckdb"]
    (tmp_path / left).touch()
    with pytest.raises(LakeError, match=left):
        files.finished(tmp_path)


def test_what_lies_under_a_pattern_is_found_in_order(tmp_path):
    for name in ("b/2.json", "b/1.json", "a/1.json", "a/1.txt", "c.json"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text("")
    found = [path.relative_to(tmp_path).as_posix() for path in files.listed(tmp_path, "*/*.json")]
    assert found == ["a/1.json", "b/1.json", "b/2.json"]
    for nowhere in (tmp_path / "absent", tmp_path / "c.json"):
        assert files.listed(nowhere) == files.files_below(nowhere) == []
