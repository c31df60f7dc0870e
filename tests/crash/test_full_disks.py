"""A disk that is full, small, read-only, or a process that may open few files."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from . import auditor, bases, places

SMALL = bases.light_script(runs=3)


@contextmanager
def small_disk(place: Path, size: str) -> Iterator[Path]:
    """A file system in memory of a few megabytes."""
    place.mkdir(parents=True, exist_ok=True)
    command = ["mount", "-t", "tmpfs", "-o", f"size={size}", "none", place]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode or os.geteuid() != 0:
        places.needed(f"mounting a small disk is not allowed here: {done.stderr}")
    try:
        yield place
    finally:
        subprocess.run(["umount", "-l", place], check=True)


def fill(place: Path, left: int) -> Path:
    """Fill a disk up to some bytes."""
    filler = place / "filler"
    free = shutil.disk_usage(place).free
    with filler.open("wb") as file:
        file.write(bytes(max(0, free - left)))
    return filler


@pytest.mark.parametrize("left", [0, 4096, 12_288, 20_480, 32_768, 49_152])
def test_a_disk_that_fills_up_stops_the_publisher_and_room_lets_it_go_on(
    zygote, bare, folder, left
):
    with small_disk(folder / "disk", "2m") as disk:
        lake = disk / "lake"
        first = zygote.run(lake, bare.root, bases.light_script(runs=1))
        assert first.code == 0, first.printed
        filler = fill(disk, left)
        stopped = zygote.run(lake, bare.root, SMALL)
        assert stopped.code == 3, stopped.printed
        assert "disk is full" in stopped.error["hint"]
        assert auditor.audit(lake, first.acks + stopped.acks) == []
        filler.unlink()
        again = zygote.run(lake, bare.root, SMALL)
        assert again.code == 0, again.printed
        assert auditor.audit(lake, first.acks + stopped.acks + again.acks) == []


@pytest.mark.parametrize("megabytes", [16, 64])
def test_a_whole_publication_on_a_full_disk(zygote, base, folder, megabytes):
    with small_disk(folder / "disk", f"{megabytes}m") as disk:
        lake = base.copied(disk / "lake")
        filler = fill(disk, 100_000)
        stopped = zygote.run(lake, base.root, bases.publishing())
        assert stopped.code == 3, stopped.printed
        assert "disk" in stopped.error["hint"]
        assert "full" in stopped.error["hint"]
        assert auditor.audit(lake, stopped.acks) == []
        assert not (lake / "log/2").exists()
        # What the run had made is gone, so that it neither fills the disk nor hides the failure.
        assert not (lake / "tmp/communes-second").exists()
        runs = [json.loads(path.read_bytes()) for path in lake.glob("ledger/*/*/*/*.json")]
        assert [run["error"]["code"] for run in runs if run["outcome"] == "failed"] == ["lake"]
        filler.unlink()
        again = zygote.run(lake, base.root, bases.publishing())
        assert again.code == 0, again.printed
        assert auditor.audit(lake, stopped.acks + again.acks) == []


@pytest.mark.parametrize(
    ("limit", "value"),
    [("RLIMIT_FSIZE", 1250), ("RLIMIT_FSIZE", 2000), ("RLIMIT_NOFILE", 5)],
)
def test_a_limit_of_the_process_stops_it_cleanly(zygote, bare, folder, limit, value):
    lake = folder / "limited"
    places.nothing(lake)
    first = zygote.run(lake, bare.root, bases.light_script(runs=1))
    stopped = zygote.run(lake, bare.root, SMALL, limits={limit: value})
    assert stopped.code == 3, stopped.printed
    assert stopped.error["code"] == "lake"
    assert auditor.audit(lake, first.acks + stopped.acks) == []
    again = zygote.run(lake, bare.root, SMALL)
    assert again.code == 0, again.printed
    assert auditor.audit(lake, first.acks + stopped.acks + again.acks) == []


def test_a_disk_that_became_read_only_is_said_to_be(zygote, bare, folder):
    with small_disk(folder / "disk", "4m") as disk:
        lake = disk / "lake"
        first = zygote.run(lake, bare.root, bases.light_script(runs=1))
        subprocess.run(["mount", "-o", "remount,ro", disk], check=True)
        stopped = zygote.run(lake, bare.root, SMALL)
        assert stopped.code == 3, stopped.printed
        assert "read-only" in stopped.error["hint"]
        assert auditor.audit(lake, first.acks) == []
        subprocess.run(["mount", "-o", "remount,rw", disk], check=True)
        assert zygote.run(lake, bare.root, SMALL).code == 0
