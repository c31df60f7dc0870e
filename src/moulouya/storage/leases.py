"""Leases: a reader says which release it uses, so that nothing of it is cleared away meanwhile.

On one host a lease is a lock on a file of the reader's own. The kernel frees it when the reader
dies, however it dies, so that no clock decides who is alive. In a bucket it is an object that the
reader writes anew every minute, and the store's own clock decides.
"""

from __future__ import annotations

import datetime as dt
import errno
import fcntl
import os
import re
import secrets
import threading
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

import structlog

from moulouya.errors import LakeError
from moulouya.storage.crashpoints import reached
from moulouya.storage.files import listed, told_plainly
from moulouya.storage.lake import Lake

if TYPE_CHECKING:
    from moulouya.storage.objects import Objects

NAME = re.compile(r"release-(\d+)\.\d+-[0-9a-f]+")
NOT_ALLOWED = (errno.EACCES, errno.EPERM, errno.EROFS, errno.ENOENT)
BEAT = 60.0
SILENT = dt.timedelta(minutes=5)
log = structlog.get_logger("moulouya.storage")


@dataclass
class Lease:
    """One reader's hold on one release, until it is given back or the reader dies.

    ``held`` is false where the reader may not write to the lake: then only the age for which
    releases are kept protects it.
    """

    release: int
    held: bool = False
    _path: Path | None = None
    _descriptor: int | None = None
    _objects: Objects | None = None
    _ended: threading.Event = field(default_factory=threading.Event)

    def give_back(self) -> None:
        """The release is not used any more."""
        self._ended.set()
        self.held = False
        if self._objects is not None and self._path is not None:
            with suppress(LakeError):
                self._objects.delete([f"leases/{self._path.name}"])
        elif self._descriptor is not None and self._path is not None:
            with suppress(OSError):
                self._path.unlink(missing_ok=True)
            os.close(self._descriptor)
            self._descriptor = None


def hold(lake: Lake, release: int) -> Lease:
    """Take a lease on a release; the caller then looks whether it has expired meanwhile.

    A reader that may not write there goes without one.
    """
    path = lake.root / "leases" / f"release-{release}.{os.getpid()}-{secrets.token_hex(4)}"
    lease = _hold_object(lake, release, path) if lake.remote else _hold_file(release, path)
    reached("reader_after_lease")
    return lease


def held(lake: Lake) -> set[int]:
    """The releases that somebody reads; leases of dead readers are removed on the way.

    A lake in a folder knows the readers of its host only.
    """
    if lake.remote:
        return _held_objects(_objects_of(lake))
    folder = lake.root / "leases"
    found: set[int] = set()
    with told_plainly(f"looking for readers in {folder}"):
        for path in listed(folder):
            matched = NAME.fullmatch(path.name)
            if matched is not None and _alive(path):
                found.add(int(matched[1]))
    return found


def _hold_file(release: int, path: Path) -> Lease:
    while True:
        try:
            descriptor = os.open(path, os.O_CREAT | os.O_EXCL | os.O_RDWR, 0o644)
        except OSError as error:
            if error.errno not in NOT_ALLOWED:
                raise
            return Lease(release)
        fcntl.flock(descriptor, fcntl.LOCK_SH)
        # Whoever looks for dead readers may have found the file before it was locked.
        if path.exists():
            return Lease(release, True, path, descriptor)
        os.close(descriptor)


def _alive(path: Path) -> bool:
    try:
        descriptor = os.open(path, os.O_RDWR)
    except FileNotFoundError:
        return False
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        path.unlink(missing_ok=True)
    except BlockingIOError:
        return True
    finally:
        os.close(descriptor)
    return False


def _objects_of(lake: Lake) -> Objects:
    from moulouya.storage.bucket import BucketLake

    assert isinstance(lake, BucketLake), "only a lake in a bucket is remote"
    return lake.objects


def _hold_object(lake: Lake, release: int, path: Path) -> Lease:
    objects = _objects_of(lake)
    try:
        objects.put(f"leases/{path.name}", b"")
    except LakeError as error:
        log.warning("no lease", release=release, reason=error.message)
        return Lease(release)
    lease = Lease(release, True, path, None, objects)
    threading.Thread(target=_beat, args=(lease, objects), name="lease", daemon=True).start()
    return lease


def _beat(lease: Lease, objects: Objects) -> None:
    assert lease._path is not None
    while not lease._ended.wait(BEAT):
        try:
            objects.put(f"leases/{lease._path.name}", b"")
        except LakeError as error:
            log.warning("lease not renewed", release=lease.release, reason=error.message)


def _held_objects(objects: Objects) -> set[int]:
    now = objects.now()
    found: set[int] = set()
    for one in objects.list_all("leases"):
        matched = NAME.fullmatch(one.key.rpartition("/")[2])
        if matched is None:
            continue
        if now - one.modified > SILENT:
            objects.delete([one.key])
        else:
            found.add(int(matched[1]))
    return found
