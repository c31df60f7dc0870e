"""What cannot be read is told as an error of the lake, and never taken for what is not there."""

from __future__ import annotations

import errno
import os

import pytest

from moulouya.errors import LakeError
from moulouya.storage import files
from moulouya.storage.lake import Lake


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


def test_what_lies_under_a_pattern_is_found_in_order(tmp_path):
    for name in ("b/2.json", "b/1.json", "a/1.json", "a/1.txt", "c.json"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text("")
    found = [path.relative_to(tmp_path).as_posix() for path in files.listed(tmp_path, "*/*.json")]
    assert found == ["a/1.json", "b/1.json", "b/2.json"]
    assert files.listed(tmp_path / "absent") == []
