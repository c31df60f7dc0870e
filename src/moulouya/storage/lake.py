"""Where everything lies in the lake, and which numbers come next."""

from __future__ import annotations

import fcntl
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from moulouya.errors import LakeError
from moulouya.storage.files import (
    canonical_json,
    commit_directory,
    make_directories,
    read_json,
    remove_tree,
    replace_file,
    told_plainly,
)

FORMAT = 1
SCRATCH_KEPT = 3 * 86400.0


@dataclass(frozen=True)
class Lake:
    """A lake in a folder. Directories under a number are immutable once they have it."""

    root: Path

    def snapshots(self, slug: str) -> Path:
        """Raw bytes as they were delivered, one directory a delivery."""
        return self.root / "snapshots" / slug

    def versions(self, slug: str) -> Path:
        """Published tables, one directory a version."""
        return self.root / "datasets" / slug

    def version(self, slug: str, number: int) -> Path:
        """One version of a dataset."""
        return self.versions(slug) / str(number)

    @property
    def releases(self) -> Path:
        """Catalogues, one directory a release."""
        return self.root / "releases"

    @property
    def log(self) -> Path:
        """One entry a release: its commit."""
        return self.root / "log"

    @property
    def ledger(self) -> Path:
        """One record a run, by day."""
        return self.root / "ledger"

    def quarantine(self, slug: str) -> Path:
        """What is held for a person."""
        return self.root / "quarantine" / slug

    def scratch(self, run_id: str) -> Path:
        """The working directory of a run; nothing outside it sees it."""
        return self.root / "tmp" / run_id

    def numbers(self, folder: Path) -> list[int]:
        """The committed numbers of a folder, in order."""
        if not folder.is_dir():
            return []
        return sorted(int(entry.name) for entry in folder.iterdir() if entry.name.isdigit())

    def latest(self, folder: Path) -> int | None:
        """The highest committed number of a folder, or None."""
        numbers = self.numbers(folder)
        return numbers[-1] if numbers else None

    def commit_next(self, scratch: Path, folder: Path) -> int:
        """Give a finished directory the next free number of a folder, durably."""
        with told_plainly(f"writing to {folder}"):
            number = (self.latest(folder) or 0) + 1
            while not commit_directory(scratch, folder / str(number), self.root):
                number += 1
            return number

    def sweep(self) -> None:
        """Remove the scratch directories of runs that died days ago; nothing refers to them."""
        oldest = time.time() - SCRATCH_KEPT
        with told_plainly(f"sweeping {self.root / 'tmp'}"):
            for path in (self.root / "tmp").iterdir():
                if path.stat().st_mtime >= oldest:
                    continue
                if path.is_dir():
                    remove_tree(path)
                else:
                    path.unlink(missing_ok=True)

    @contextmanager
    def locked(self, name: str) -> Iterator[None]:
        """Hold a lock of this host while the block runs; the kernel frees it on any death."""
        folder = self.root / "leases"
        with told_plainly(f"locking {folder / name}"):
            make_directories(folder, self.root)
            descriptor = os.open(folder / name, os.O_CREAT | os.O_RDWR, 0o644)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX)
            yield
        finally:
            os.close(descriptor)


def look_into(root: Path) -> Lake:
    """Open a lake to read it; nothing is created, an absent one is empty."""
    lake = Lake(root)
    if (root / "FORMAT").exists():
        _check_format(lake)
    return lake


def open_lake(root: Path) -> Lake:
    """Open the lake in a folder, creating an empty one; another format is refused."""
    lake = Lake(root)
    with told_plainly(f"opening the lake {root}"):
        root.mkdir(parents=True, exist_ok=True)
        if not (root / "FORMAT").exists():
            replace_file(root / "FORMAT", canonical_json({"format": FORMAT}))
        (root / "tmp").mkdir(exist_ok=True)
    _check_format(lake)
    return lake


def _check_format(lake: Lake) -> None:
    record = read_json(lake.root / "FORMAT")
    found = record.get("format") if isinstance(record, dict) else None
    if found != FORMAT:
        raise LakeError(
            f"{lake.root} is a lake of format {found}; this version reads format {FORMAT}",
            hint="use the moulouya version that wrote it",
        )
