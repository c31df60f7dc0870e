"""Files of the lake: written, synced and only then named; names are never reused."""

from __future__ import annotations

import errno
import json
import os
from pathlib import Path

import pytest

from moulouya.errors import LakeError, MoulouyaError
from moulouya.storage.files import (
    canonical_json,
    checked_json,
    commit_directory,
    parse_record,
    put_if_absent,
    read_json,
    replace_file,
    told_plainly,
)
from moulouya.storage.lake import Lake, open_lake

SEAL = "version.json"


@pytest.fixture
def lake(tmp_path: Path) -> Lake:
    return open_lake(tmp_path / "lake")


def draft(lake: Lake, name: str, content: str = "x") -> Path:
    folder = lake.scratch(name)
    folder.mkdir(parents=True)
    (folder / "file").write_text(content)
    return folder


def test_a_lake_is_created_once_and_opened_again(tmp_path):
    first = open_lake(tmp_path / "new" / "lake")
    assert json.loads((first.root / "FORMAT").read_text())["format"] == 1
    before = (first.root / "FORMAT").stat().st_mtime_ns
    assert open_lake(first.root) == first
    assert (first.root / "FORMAT").stat().st_mtime_ns == before


def test_a_lake_of_another_format_is_refused(lake):
    (lake.root / "FORMAT").write_text('{"format": 2}')
    with pytest.raises(LakeError, match="format 2; this version reads format 1"):
        open_lake(lake.root)


@pytest.mark.parametrize("content", ["", "{", "[]"])
def test_a_damaged_format_file_is_an_error_that_names_it(lake, content):
    (lake.root / "FORMAT").write_text(content)
    with pytest.raises(LakeError, match="FORMAT"):
        open_lake(lake.root)


def test_numbers_follow_each_other(lake):
    folder = lake.versions("a")
    assert lake.latest(folder) is None
    assert [lake.commit_next(draft(lake, f"r{n}"), folder, SEAL) for n in range(3)] == [1, 2, 3]
    assert lake.numbers(folder) == [1, 2, 3]


def test_numbers_are_ordered_as_numbers_and_strangers_are_ignored(lake):
    for name in ("2", "10", "1", "notes", ".tmp"):
        (lake.versions("a") / name).mkdir(parents=True)
    assert lake.numbers(lake.versions("a")) == [1, 2, 10]


def test_a_name_that_is_taken_is_never_replaced(lake):
    target = lake.version("a", 1)
    assert commit_directory(draft(lake, "one", "first"), target, lake.root)
    second = draft(lake, "two", "second")
    assert not commit_directory(second, target, lake.root)
    assert (target / "file").read_text() == "first"
    assert (second / "file").read_text() == "second"


def test_a_number_taken_meanwhile_is_left_and_the_next_one_used(lake, monkeypatch):
    lake.commit_next(draft(lake, "one", "first"), lake.versions("a"), SEAL)
    monkeypatch.setattr(Lake, "latest", lambda self, folder: None)
    assert lake.commit_next(draft(lake, "two", "second"), lake.versions("a"), SEAL) == 2
    assert (lake.version("a", 1) / "file").read_text() == "first"


def test_committed_files_are_read_only(lake):
    lake.commit_next(draft(lake, "one"), lake.versions("a"), SEAL)
    assert (lake.version("a", 1) / "file").stat().st_mode & 0o222 == 0


def test_everything_is_synced_before_it_gets_its_name(lake, monkeypatch):
    done: list[str] = []
    real_sync, real_rename = os.fsync, Path.rename

    def sync(descriptor: int) -> None:
        done.append(str(Path(f"/proc/self/fd/{descriptor}").readlink()))
        real_sync(descriptor)

    def rename(source: Path, target: Path) -> Path:
        done.append("RENAME")
        return real_rename(source, target)

    monkeypatch.setattr(os, "fsync", sync)
    monkeypatch.setattr(Path, "rename", rename)
    scratch = draft(lake, "one")
    (scratch / "deep").mkdir()
    (scratch / "deep" / "file").write_text("y")
    lake.commit_next(scratch, lake.versions("a"), SEAL)
    before, after = done[: done.index("RENAME")], done[done.index("RENAME") + 1 :]
    assert {str(scratch / "file"), str(scratch / "deep" / "file"), str(scratch)} <= set(before)
    assert str(lake.versions("a")) in after


def test_putting_a_file_that_is_there_changes_nothing(tmp_path):
    assert put_if_absent(tmp_path / "1", b"first", tmp_path / "s")
    assert not put_if_absent(tmp_path / "1", b"second", tmp_path / "s")
    assert (tmp_path / "1").read_bytes() == b"first"
    assert {path.name for path in tmp_path.iterdir()} == {"1"}


def test_a_replaced_file_leaves_no_scratch(tmp_path):
    replace_file(tmp_path / "a", b"1")
    replace_file(tmp_path / "a", b"2")
    assert [path.name for path in tmp_path.iterdir()] == ["a"]
    assert (tmp_path / "a").read_bytes() == b"2"


def test_json_is_utf_8_in_the_given_order(tmp_path):
    data = canonical_json({"b": "بركان", "a": 1})
    assert data.decode() == '{\n  "b": "بركان",\n  "a": 1\n}\n'


@pytest.mark.parametrize("damage", [b"", b"{", b"\xff\xfe", b"{}x"])
def test_a_damaged_record_is_an_error_that_names_it(tmp_path, damage):
    (tmp_path / "r.json").write_bytes(damage)
    with pytest.raises(LakeError, match=r"r\.json is damaged"):
        read_json(tmp_path / "r.json")


@pytest.mark.parametrize(
    ("number", "hint"),
    [
        (errno.ENOSPC, "the disk is full"),
        (errno.EROFS, "read-only"),
        (errno.EACCES, "right to read and to write"),
        (errno.EIO, ""),
    ],
)
def test_an_error_of_the_system_says_what_failed_and_what_to_do(number, hint):
    with pytest.raises(LakeError, match="writing x") as caught, told_plainly("writing x"):
        raise OSError(number, os.strerror(number))
    assert hint in (caught.value.hint or "")
    assert caught.value.exit_code == 3


def test_a_lock_is_held_by_one_at_a_time(lake):
    import fcntl

    with (
        lake.locked("a"),
        (lake.root / "leases" / "a").open() as other,
        pytest.raises(BlockingIOError),
    ):
        fcntl.flock(other, fcntl.LOCK_EX | fcntl.LOCK_NB)
    with (lake.root / "leases" / "a").open() as other:
        fcntl.flock(other, fcntl.LOCK_EX | fcntl.LOCK_NB)


def test_a_lake_whose_mark_cannot_be_read_says_so(tmp_path: Path) -> None:
    lake = open_lake(tmp_path / "lake")
    (lake.root / "FORMAT").unlink()
    (lake.root / "FORMAT").mkdir()
    with pytest.raises(MoulouyaError, match="opening the lake"):
        lake.identity()


def test_a_record_that_vouches_for_itself_is_read_as_it_was_given(tmp_path):
    path = tmp_path / "record.json"
    record = {"format": 1, "name": "سجل", "share": 0.1, "nested": {"a": [1, None]}, "n": 2**70}
    path.write_bytes(checked_json(record))
    assert read_json(path) == record


def test_every_single_bit_that_turns_over_in_such_a_record_is_found():
    raw = checked_json({"format": 1, "slug": "wells", "rows": 12, "reasons": [], "error": None})
    for bit in range(len(raw) * 8):
        damaged = bytearray(raw)
        damaged[bit // 8] ^= 1 << bit % 8
        with pytest.raises(ValueError):  # noqa: PT011  # json's own error is one, too
            parse_record(bytes(damaged))


def test_a_record_of_before_is_believed():
    assert parse_record(canonical_json({"format": 1, "sha256": "0" * 64})) == {
        "format": 1, "sha256": "0" * 64
    }  # fmt: skip
