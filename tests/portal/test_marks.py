"""What was hashed is not hashed again, also after a restart, unless the file was touched."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from moulouya.errors import LakeError
from moulouya.portal import marks
from moulouya.portal.marks import Verified


@pytest.fixture
def hashed(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The names of the files that are read to be hashed, from now on."""
    names: list[str] = []
    real = marks.sha256_of

    def counted(path: Path) -> str:
        names.append(path.name)
        return real(path)

    monkeypatch.setattr(marks, "sha256_of", counted)
    return names


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "a table.parquet"
    path.write_bytes(b"rows")
    return path


@pytest.fixture
def kept(tmp_path: Path) -> Path:
    return tmp_path / "state" / "verified"


def test_a_file_is_hashed_once_even_after_a_restart(hashed, file, kept):
    first = Verified(kept)
    digest = first.sha256(file)
    assert first.sha256(file) == digest
    first.keep()
    assert Verified(kept).sha256(file) == digest
    assert hashed == [file.name]


def test_a_file_that_was_written_to_is_hashed_again_whatever_its_size_and_time(hashed, file, kept):
    verified = Verified(kept)
    digest = verified.sha256(file)
    verified.keep()
    before = file.stat()
    file.write_bytes(b"rowS")
    os.utime(file, ns=(before.st_atime_ns, before.st_mtime_ns))
    after = file.stat()
    assert (after.st_size, after.st_mtime_ns) == (before.st_size, before.st_mtime_ns)
    for one in (verified, Verified(kept)):
        with pytest.raises(LakeError, match="damaged"):
            one.require(file, digest, "the table")
    assert len(hashed) == 3


@pytest.mark.parametrize("damage", ["flip", "cut", "other", "not text"])
def test_damaged_notes_are_no_word_for_a_file(hashed, file, kept, damage):
    verified = Verified(kept)
    digest = verified.sha256(file)
    verified.keep()
    data = bytearray(kept.read_bytes())
    if damage == "flip":
        data[20] ^= 1
    elif damage == "cut":
        data = data[:-9]
    elif damage == "other":
        data = bytearray(b"what another version wrote\n")
    else:
        data[12:14] = b"\xff\xfe"
    kept.write_bytes(data)
    Verified(kept).require(file, digest, "the table")
    assert len(hashed) == 2


def test_notes_that_cannot_be_written_stop_nobody(hashed, file, tmp_path):
    (tmp_path / "state").write_text("a file, no folder")
    verified = Verified(tmp_path / "state" / "verified")
    digest = verified.sha256(file)
    verified.keep()
    verified.require(file, digest, "the table")
    assert hashed == [file.name]


def test_notes_about_what_is_gone_are_dropped_at_last(file, kept, tmp_path, monkeypatch):
    monkeypatch.setattr(marks, "SPARE", 2)
    verified = Verified(kept)
    for _ in range(9):
        file.write_bytes(b"rows")
        verified.sha256(file)
    other = tmp_path / "other"
    other.write_bytes(b"")
    verified.sha256(other)
    verified.keep()
    other.unlink()
    Verified(kept)
    assert len(kept.read_text().splitlines()) == 1
    assert Verified(kept).sha256(file)


def test_an_absent_file_is_an_error_that_says_so(tmp_path):
    with pytest.raises(LakeError, match="the table cannot be read: No such file"):
        Verified().require(tmp_path / "absent", "0" * 64, "the table")
