"""Where everything lies in the lake, and how something new gets its place there.

A path below ``root`` is an address: of a file in a folder, or of the copy on this host of an object
in a bucket. Records (JSON) can be read under their path after ``refresh``; whoever opens a data
file asks for it by ``local``. Everything is written by the methods of this class.
"""

from __future__ import annotations

import fcntl
import os
import re
import secrets
import shutil
import time
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from moulouya.errors import LakeError
from moulouya.settings import Settings
from moulouya.storage.files import (
    checked_json,
    commit_directory,
    copy_hashed,
    files_below,
    listed,
    make_directories,
    naming,
    parse_record,
    put_if_absent,
    read_bytes,
    remove_tree,
    replace_file,
    sha256_of,
    sync_directory,
    sync_way,
    there,
    told_plainly,
)

FORMAT = 1
SCRATCH_KEPT = 3 * 86400.0
VOID = ".void"
IDENTITY = re.compile(rb'"id": "([0-9a-f]{32})"')
# Seconds for which a store that gives no answer is asked again.
WRITERS_WAIT, READERS_WAIT = 60.0, 15.0
# Files of this process that had their hash: path → (inode, size, times) and the hash.
_sound: dict[Path, tuple[tuple[int, int, int, int], str]] = {}


@dataclass(frozen=True)
class Lake:
    """A lake in a folder. Directories under a number are immutable once they have it."""

    root: Path

    @property
    def place(self) -> str:
        """Where the lake is, for people."""
        return str(self.root)

    @property
    def remote(self) -> bool:
        """Whether files have to be brought to this host before they are opened."""
        return False

    def snapshots(self, slug: str) -> Path:
        """Raw bytes as they were delivered, one directory a delivery."""
        return self.root / "snapshots" / slug

    @property
    def datasets(self) -> Path:
        """Published tables, one directory a dataset."""
        return self.root / "datasets"

    def versions(self, slug: str) -> Path:
        """Published tables of a dataset, one directory a version."""
        return self.datasets / slug

    def version(self, slug: str, number: int) -> Path:
        """One version of a dataset."""
        return self.versions(slug) / str(number)

    @property
    def releases(self) -> Path:
        """Catalogues, one directory a release."""
        return self.root / "releases"

    def release(self, number: int) -> Path:
        """One release."""
        return self.releases / str(number)

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
        """The working directory of a run, on this host; nothing outside it sees it."""
        return self.root / "tmp" / run_id

    def prepare(self) -> None:
        """See that the place can keep a lake; the name of a new folder is made durable."""
        if not there(self.root / "FORMAT"):
            sync_way(self.root)

    def refresh(self, folder: Path) -> None:
        """Bring the records below a folder to this host; nothing to do where the lake is one."""

    def local(self, path: Path) -> Path:
        """A committed file on this host, whole. Raises LakeError when it cannot be brought."""
        return path

    def sound(self, path: Path, recorded: Mapping[str, Any]) -> Path:
        """A committed file on this host that has its recorded SHA-256; whoever makes something of
        a file asks for it so.

        It is hashed once by a process, unless it changes. Raises LakeError when it is damaged or
        not there.
        """
        path = self.local(path)
        with told_plainly(f"reading {path}"):
            found = path.stat()
            mark = (found.st_ino, found.st_size, found.st_mtime_ns, found.st_ctime_ns)
            if _sound.get(path) == (mark, recorded["sha256"]):
                return path
            if sha256_of(path) != recorded["sha256"]:
                raise LakeError(
                    f"{path} is damaged: its SHA-256 is not the committed one",
                    hint="moulouya restore SRC --repair brings back what a backup has",
                )
        _sound[path] = mark, recorded["sha256"]
        return path

    def bring(self, paths: Iterable[Path]) -> None:
        """Bring several committed files to this host at once, as ``local`` does."""

    def names(self, folder: Path) -> list[str]:
        """The directories of a folder by name, in order."""
        self.refresh(folder)
        with told_plainly(f"reading {folder}"):
            return [entry.name for entry in listed(folder) if entry.is_dir()]

    def numbers(self, folder: Path) -> list[int]:
        """The committed numbers of a folder, in order."""
        self.refresh(folder)
        return self.numbers_here(folder)

    def numbers_here(self, folder: Path) -> list[int]:
        """The committed numbers of a folder as far as this host knows, without asking anybody."""
        return sorted(int(entry.name) for entry in listed(folder) if entry.name.isdigit())

    def latest(self, folder: Path) -> int | None:
        """The highest committed number of a folder, or None."""
        numbers = self.numbers(folder)
        return numbers[-1] if numbers else None

    def free(self, folder: Path) -> int:
        """The number that the next directory of a folder gets: one after all that were taken.

        A number that was taken and given up is one of them: ``<n>.void`` stands in its place.
        """
        taken = self.numbers(folder)
        taken += [int(path.stem) for path in listed(folder, f"*{VOID}") if path.stem.isdigit()]
        return max(taken, default=0) + 1

    def give_up(self, target: Path, seal: str) -> None:
        """Take the name of a directory that is not there, so that it is never used."""
        self.put_new(target.with_name(target.name + VOID), b"")

    def is_void(self, target: Path) -> bool:
        """Whether the name of a directory was taken and given up, so that it is never used."""
        return there(target.with_name(target.name + VOID))

    def identity(self) -> str | None:
        """What tells this lake, and every copy of it, from another one that took its place.

        None while there is no lake, and of one that was begun before lakes had such a mark.
        """
        path = self.root / "FORMAT"
        with told_plainly(f"opening the lake {self.place}"), naming(path):
            return identity_of(path.read_bytes()) if path.exists() else None

    def appeared(self, path: Path) -> bool:
        """Whether a record that is written once is there by now."""
        return there(path)

    def files(self, folder: Path) -> list[Path]:
        """Every file below a folder, records and data, whether it is on this host or not."""
        return files_below(folder)

    def size(self, path: Path) -> int:
        """The bytes of a file of the lake."""
        with told_plainly(f"reading {path}", FileNotFoundError):
            return path.stat().st_size

    def digest(self, path: Path) -> tuple[int, str]:
        """Bytes and SHA-256 of a file as the lake keeps it now, whatever a copy of it says."""
        with told_plainly(f"reading {path}", FileNotFoundError):
            return path.stat().st_size, sha256_of(path)

    def raw(self, path: Path) -> bytes | None:
        """A record as the lake keeps it now, past any copy of it; None where it is not there."""
        try:
            return read_bytes(path)
        except FileNotFoundError:
            return None

    def fetch(self, path: Path, to: Path) -> tuple[int, str]:
        """Copy a file out of the lake as it is kept there now; bytes and SHA-256 of what came.

        Raises FileNotFoundError when it is not there.
        """
        return copy_hashed(path, to)

    def commit(self, scratch: Path, target: Path, seal: str) -> bool:
        """Give a finished directory its name, whole, durably and for ever.

        ``seal`` is the file in it that is seen last by others. Returns False, and leaves
        ``scratch`` where it is, when the name is taken.
        """
        with told_plainly(f"writing to {target.parent}"):
            return commit_directory(scratch, target, self.root)

    def commit_copy(self, scratch: Path, target: Path, seal: str) -> bool:
        """Give a copy of another lake's directory the name that it has there.

        Whoever writes there writes the same, so that nobody has to be waited for.
        """
        return self.commit(scratch, target, seal)

    def commit_next(self, scratch: Path, folder: Path, seal: str) -> int:
        """Give a finished directory the next free number of a folder, durably."""
        number = self.free(folder)
        while not self.commit(scratch, folder / str(number), seal):
            number += 1
        return number

    def put_new(self, path: Path, data: bytes) -> bool:
        """Create a record in one step and durably, or return False because it is there."""
        with told_plainly(f"writing {path}"):
            make_directories(path.parent, self.root)
            scratch = self.root / "tmp" / f"{path.parent.name}-{path.name}-{os.getpid()}"
            return put_if_absent(path, data, scratch)

    def write(self, path: Path, data: bytes) -> None:
        """Write a record that a later one may replace: a note, or a line of the ledger."""
        with told_plainly(f"writing {path}"):
            make_directories(path.parent, self.root)
            # What a process that is killed here leaves behind lies where it is swept away.
            name = f"{path.name}.{os.getpid()}-{secrets.token_hex(4)}"
            replace_file(path, data, self.root / "tmp" / name)

    def keep(self, source: Path, target: Path) -> None:
        """Move a file of a run's scratch directory to its place, replacing what lies there."""
        with told_plainly(f"writing {target}"):
            make_directories(target.parent, self.root)
            source.replace(target)
            sync_directory(target.parent)

    def remove(self, path: Path) -> None:
        """Remove a directory or file that nothing refers to any more."""
        with told_plainly(f"removing {path}"):
            while path.is_dir():
                # What somebody else removes meanwhile is looked at once more.
                with suppress(FileNotFoundError):
                    shutil.rmtree(path)
            path.unlink(missing_ok=True)

    def settle(self, folder: Path) -> None:
        """Make what is seen in a folder durable before it is relied upon.

        Whoever gave it its name may have died before the name was safe from a power cut.
        """
        with told_plainly(f"syncing {folder}"):
            while folder.is_relative_to(self.root):
                if folder.is_dir():
                    sync_directory(folder)
                folder = folder.parent

    def sweep(self) -> None:
        """Remove the scratch directories of runs that died days ago; nothing refers to them."""
        oldest = time.time() - SCRATCH_KEPT
        with told_plainly(f"sweeping {self.root / 'tmp'}"):
            for path in (self.root / "tmp").iterdir():
                # A run that ends now takes away its own.
                with suppress(FileNotFoundError):
                    if path.stat().st_mtime >= oldest:
                        continue
                    if path.is_dir():
                        remove_tree(path)
                    else:
                        path.unlink()

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


def identity_of(said: bytes) -> str | None:
    """The mark of a lake in the text of its FORMAT; None where that has none."""
    found = IDENTITY.search(said)
    return found[1].decode() if found else None


def look_into(
    place: Settings | Path, patience: float = READERS_WAIT, *, checked: bool = True
) -> Lake:
    """Open a lake to read it; nothing is created in it, an absent one is empty.

    ``patience``: seconds for which a store that gives no answer is asked again. Only a repair
    opens one whose FORMAT is not ``checked``.
    """
    lake = _lake(place, patience)
    if checked and lake.appeared(lake.root / "FORMAT"):
        _check_format(lake)
    return lake


def open_lake(place: Settings | Path) -> Lake:
    """Open a lake to write to it, creating an empty one; another format is refused.

    Of a lake in a bucket it is seen first that the store has conditional writes. Raises LakeError
    when it has not.
    """
    lake = _lake(place, WRITERS_WAIT)
    with told_plainly(f"opening the lake {lake.place}"):
        (lake.root / "tmp").mkdir(parents=True, exist_ok=True)
        lake.prepare()
        if not lake.appeared(lake.root / "FORMAT"):
            said = {"format": FORMAT, "id": secrets.token_hex(16)}
            lake.write(lake.root / "FORMAT", checked_json(said))
    _check_format(lake)
    return lake


def _lake(place: Settings | Path, patience: float) -> Lake:
    if isinstance(place, Path):
        return Lake(place)
    if place.lake_bucket is None:
        return Lake(place.lake_root)
    from moulouya.storage.bucket import open_bucket

    return open_bucket(place.lake_bucket, place.lake_root, patience=patience)


def _check_format(lake: Lake) -> None:
    path = lake.root / "FORMAT"
    with told_plainly(f"opening the lake {lake.place}"), naming(path):
        raw = path.read_bytes()
    try:
        found = parse_record(raw).get("format")
    except ValueError as error:
        raise LakeError(f"{path} is damaged: {error}",
                        hint="moulouya restore SRC --repair brings it back") from error  # fmt: skip
    if found != FORMAT:
        raise LakeError(
            f"{lake.place} is a lake of format {found}; this version reads format {FORMAT}",
            hint="use the moulouya version that wrote it",
        )
