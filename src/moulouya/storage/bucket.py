"""A lake in a bucket of an S3-compatible store, with a working copy on this host.

The bucket is the truth. A numbered directory is claimed, its files are uploaded, and its seal is
created last, in one step, by a write that fails when there is one: that is the commit. What has no
seal does not exist for readers.
"""

from __future__ import annotations

import errno
import math
import os
import shutil
import time
from collections.abc import Iterable
from dataclasses import dataclass, field
from functools import cached_property, lru_cache
from pathlib import Path

from moulouya.errors import LakeError
from moulouya.storage import claims
from moulouya.storage.copies import WorkingCopy
from moulouya.storage.crashpoints import reached
from moulouya.storage.files import files_below, read_json, sha256_of, told_plainly
from moulouya.storage.lake import Lake, identity_of
from moulouya.storage.objects import IMPATIENT, Objects, Unreachable, each, open_objects

SEALS = {
    "datasets": "version.json",
    "snapshots": "snapshot.json",
    "quarantine": "held.json",
    "releases": "manifest.json",
}
SENT_AT_ONCE = 4
LEISURE = 60.0
LISTS = ("version.json", "snapshot.json", "manifest.json")  # records that list files and hashes
# Data files of this process that had their hash: path → (inode, size, time).
_sound: dict[Path, tuple[int, int, int]] = {}


@dataclass(frozen=True)
class BucketLake(Lake):
    """A lake under ``s3://bucket/prefix``; ``root`` is its working copy.

    A reader that answers others sets ``leisure``: for so many seconds it is content with the
    directories of a folder that it knows, and for longer while the store does not answer. What it
    is told to look for it finds all the same.
    """

    objects: Objects = field(compare=False, repr=False)
    leisure: float = field(default=0.0, compare=False)
    looked: dict[Path, float] = field(default_factory=dict, compare=False, repr=False)

    @property
    def place(self) -> str:
        """The lake's address."""
        return self.objects.address

    @property
    def remote(self) -> bool:
        """Files are brought when they are asked for."""
        return True

    @cached_property
    def copy(self) -> WorkingCopy:
        """What of the bucket is on this host."""
        return WorkingCopy(self.root, self.objects)

    def _key(self, path: Path) -> str:
        return self.copy.key(path)

    def _parts(self, path: Path) -> tuple[str, ...]:
        return path.relative_to(self.root).parts

    def _numbered(self, path: Path) -> Path | None:
        """The numbered directory in which a path lies, if it does."""
        parts = self._parts(path)
        depth = 2 if parts[:1] == ("releases",) else 3
        if parts[:1] and parts[0] in SEALS and len(parts) >= depth:
            return self.root.joinpath(*parts[:depth])
        return None

    def prepare(self) -> None:
        """See that the store refuses what a commit relies on; raises LakeError when not."""
        _probe(self)
        # Another lake may have been begun there since this host's copy was made.
        self.copy.bring("FORMAT")

    def identity(self) -> str | None:
        """What tells this lake from another one that took its place, as the bucket has it now."""
        said = self.objects.get("FORMAT")
        return identity_of(said) if said is not None else None

    def refresh(self, folder: Path) -> None:
        """Bring the records below a folder to this host."""
        parts = self._parts(folder)
        kind = parts[0] if parts else ""
        with told_plainly(f"bringing {self._key(folder)} to {self.root}"):
            if kind == "log":
                self.copy.bring_log(self.log)
            elif kind == "ledger":
                self.copy.bring_ledger(folder)
            elif kind in SEALS:
                self._refresh(folder, parts, SEALS[kind])

    def _refresh(self, folder: Path, parts: tuple[str, ...], seal: str) -> None:
        since = time.monotonic() - self.looked.get(folder, -math.inf)
        if since < self.leisure and folder.exists():
            return
        try:
            self._refresh_now(folder, parts, seal)
        except Unreachable:
            numbered = self._numbered(folder)
            # What has a number never changes: what is here will do.
            known = (numbered / seal).exists() if numbered is not None else self.leisure
            if not known:
                raise
        self.looked[folder] = time.monotonic()

    def _refresh_now(self, folder: Path, parts: tuple[str, ...], seal: str) -> None:
        numbered = self._numbered(folder)
        if numbered is not None:
            self.copy.bring_directory(numbered, seal)
        elif len(parts) == 1 and parts[0] != "releases":
            slugs = self.names(folder)
            each(lambda slug: self.copy.bring_children(folder / slug, seal), slugs)
        else:
            self.copy.bring_children(folder, seal)

    def appeared(self, path: Path) -> bool:
        """Whether a record that is written once is there by now; costs one request at most."""
        with told_plainly(f"bringing {self._key(path)} to {self.root}"):
            return path.exists() or self.copy.bring(self._key(path))

    def is_void(self, target: Path) -> bool:
        """Whether the name of a directory was taken and given up, so that it is never used."""
        numbered = self._numbered(target)
        if numbered is not None and not super().is_void(target):
            self.refresh(numbered)
        return super().is_void(target)

    def names(self, folder: Path) -> list[str]:
        """The directories of a folder by name, in order."""
        parts = self._parts(folder)
        if len(parts) == 1 and parts[0] in SEALS:
            return sorted(self.objects.children(parts[0])[0])
        return super().names(folder)

    def files(self, folder: Path) -> list[Path]:
        """Every file below a folder of the bucket."""
        listed = [one.key for one in self.objects.list_all(self._key(folder))]
        found = [self.root / key for key in listed]
        return sorted(path for path in found if path.name != claims.CLAIM)

    def size(self, path: Path) -> int:
        """The bytes of a file of the bucket."""
        found = self.objects.head(self._key(path))
        if found is None:
            raise FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT), str(path))
        return found.size

    def digest(self, path: Path) -> tuple[int, str]:
        """Bytes and SHA-256 of a file as the bucket has it."""
        found = self.objects.digest(self._key(path))
        if found is None:
            raise FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT), str(path))
        return found

    def raw(self, path: Path) -> bytes | None:
        """A record as the bucket has it."""
        return self.objects.get(self._key(path))

    def local(self, path: Path) -> Path:
        """A committed file on this host, whole; fetched when it is not there as it was recorded.

        A file that is in no lake is left to whoever opens it. Raises LakeError when the bucket
        holds other bytes than were committed.
        """
        with told_plainly(f"bringing {self._key(path)} to {self.root}"):
            folder = self._numbered(path)
            if folder is not None and not self._is_here(folder):
                return path
            recorded = None if folder is None else self._recorded(folder, path)
            if recorded is None:
                if not path.exists():
                    self._fetch(path)
                return path
            if self._is_sound(path, recorded):
                return path
            for _ in range(2):
                if self._fetch(path) in (None, recorded):
                    return path
        raise LakeError(
            f"{self.place}/{self._key(path)} is damaged: its SHA-256 is not the committed one",
            hint="moulouya verify names all; moulouya restore --repair brings back what a backup "
            "has",
        )

    def bring(self, paths: Iterable[Path]) -> None:
        """Bring several committed files to this host at once."""
        each(self.local, paths)

    def _is_here(self, folder: Path) -> bool:
        """Bring the records of a numbered directory unless they are here; False without a seal.

        A copy of the seal that was torn is fetched once more.
        """
        kind = self._parts(folder)[0]
        seal = folder / SEALS[kind]
        if not seal.exists() or not seal.read_bytes().endswith(b"}\n"):
            seal.unlink(missing_ok=True)
            self.copy.bring_directory(folder, seal.name)
        return seal.exists() or kind == "quarantine"

    def _recorded(self, folder: Path, path: Path) -> tuple[int, str] | None:
        """Size and SHA-256 of a file as a record of its directory lists it."""
        name = path.relative_to(folder).as_posix()
        for record in LISTS:
            if name != record and (folder / record).exists():
                for file in read_json(folder / record)["files"]:
                    if file.get("path", file["name"]) == name:
                        return file["bytes"], file["sha256"]
        return None

    def _is_sound(self, path: Path, recorded: tuple[int, str]) -> bool:
        try:
            found = path.stat()
        except FileNotFoundError:
            return False
        mark = (found.st_ino, found.st_size, found.st_mtime_ns)
        if _sound.get(path) == mark:
            return True
        if (found.st_size, sha256_of(path)) != recorded:
            return False
        _sound[path] = mark
        return True

    def _fetch(self, path: Path) -> tuple[int, str] | None:
        """Download a file; its size and SHA-256, or None when the bucket has none."""
        scratch = self.copy.scratch(path)
        try:
            found = self.objects.download(self._key(path), scratch)
            if found is None:
                path.unlink(missing_ok=True)
                return None
            scratch.chmod(0o444)
            path.parent.mkdir(parents=True, exist_ok=True)
            scratch.replace(path)
        finally:
            scratch.unlink(missing_ok=True)
        return found

    def fetch(self, path: Path, to: Path) -> tuple[int, str]:
        """Copy a file out of the bucket, past the working copy; bytes and SHA-256."""
        to.parent.mkdir(parents=True, exist_ok=True)
        found = self.objects.download(self._key(path), to)
        if found is None:
            raise FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT), str(path))
        return found

    def give_up(self, target: Path, seal: str) -> None:
        """Take the name of a directory that is not there, so that it is never used."""
        claims.abandon(self.objects, self._key(target), seal)
        self.refresh(target)

    def commit_copy(self, scratch: Path, target: Path, seal: str) -> bool:
        """Upload a copy of another lake's directory; only its records stay on this host.

        There is no claim: one that was left behind would be given up, and the number with it.
        """
        folder = self._key(target)
        with told_plainly(f"writing to {self.place}/{folder}"):
            files = files_below(scratch)
            self._send(scratch, folder, [path for path in files if path != scratch / seal])
            reached("after_upload")
            sealed = not (scratch / seal).exists() or self.objects.put_new(
                f"{folder}/{seal}", (scratch / seal).read_bytes()
            )
            shutil.rmtree(scratch)
            self.refresh(target)
            return sealed

    def commit(self, scratch: Path, target: Path, seal: str) -> bool:
        """Give a finished directory its name in the bucket, whole and for ever.

        When somebody else is at it, waits until they have finished or are known to be dead.
        """
        folder = self._key(target)
        with told_plainly(f"writing to {self.place}/{folder}"):
            files = files_below(scratch)
            said = (scratch / seal).read_bytes()
            reached("after_stage_sync")
            claim = claims.claim(self.objects, folder)
            if claim is None:
                claims.wait_for_seal(self.objects, folder, seal)
                return False
            with claim.kept():
                reached("after_claim")
                if self.objects.head(f"{folder}/{seal}") is not None:
                    return False  # of a lake that was restored without its claims
                self._send(scratch, folder, [path for path in files if path != scratch / seal])
                reached("after_upload")
                if not self.objects.put_new(f"{folder}/{seal}", said):
                    return False  # this process slept so long that it was given up
            reached("after_rename")
            self._adopt(scratch, target)
            reached("after_directory_sync")
            return True

    def _send(self, scratch: Path, folder: str, files: list[Path]) -> None:
        def send(path: Path) -> None:
            self.objects.upload(path, f"{folder}/{path.relative_to(scratch).as_posix()}")

        for path in files[:1]:
            send(path)
        reached("after_first_upload")
        each(send, files[1:], SENT_AT_ONCE)

    def _adopt(self, scratch: Path, target: Path) -> None:
        """Keep what was uploaded as part of the working copy: it never changes."""
        for path in scratch.rglob("*"):
            if path.is_file():
                path.chmod(0o444)
        target.parent.mkdir(parents=True, exist_ok=True)
        try:
            scratch.rename(target)
        except OSError as error:
            if error.errno not in (errno.EEXIST, errno.ENOTEMPTY):
                raise
            # Another process of this host has brought the records already.
            for path in scratch.rglob("*"):
                if path.is_file():
                    kept = target / path.relative_to(scratch)
                    kept.parent.mkdir(parents=True, exist_ok=True)
                    path.replace(kept)
            shutil.rmtree(scratch)

    def put_new(self, path: Path, data: bytes) -> bool:
        """Create a record in one step, or return False because it is there."""
        with told_plainly(f"writing {self.place}/{self._key(path)}"):
            reached("after_log_write")
            if not self.objects.put_new(self._key(path), data):
                return False
            reached("after_log_link")
            self.copy.put(path, data)
            reached("after_log_sync")
            return True

    def write(self, path: Path, data: bytes) -> None:
        """Write a record that a later one may replace."""
        with told_plainly(f"writing {self.place}/{self._key(path)}"):
            self.objects.put(self._key(path), data)
            self.copy.put(path, data)

    def keep(self, source: Path, target: Path) -> None:
        """Move a file of a run's scratch directory to its place."""
        with told_plainly(f"writing {self.place}/{self._key(target)}"):
            self.objects.upload(source, self._key(target))
            target.parent.mkdir(parents=True, exist_ok=True)
            source.replace(target)

    def remove(self, path: Path) -> None:
        """Remove a directory or file from the bucket and from this host."""
        key = self._key(path)
        listed = [one.key for one in self.objects.list_all(key)]
        self.objects.delete(listed or [key])
        super().remove(path)

    def settle(self, folder: Path) -> None:
        """What the store has acknowledged is safe already."""


def open_bucket(address: str, root: Path, *, patience: float) -> BucketLake:
    """The lake of an address, with its working copy in ``root``; not looked at yet."""
    with told_plainly(f"opening the working copy {root}"):
        leisure = LEISURE if patience <= IMPATIENT else 0.0
        lake = BucketLake(root, open_objects(address, patience), leisure)
        lake.copy.open()
    return lake


@lru_cache
def _probe(lake: BucketLake) -> None:
    """Probe once in a process; a store that was refused is probed again."""
    lake.objects.probe()
