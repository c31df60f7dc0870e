"""The folder of an export: built beside, with what did not change taken over, swapped at once."""

from __future__ import annotations

import contextlib
import ctypes
import errno
import hashlib
import os
import shutil
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Any

import orjson
from filelock import FileLock, Timeout

from moulouya.errors import MoulouyaError, UsageError

MANIFEST = "export.json"
SUMS = "SHA256SUMS"
FORMAT = 1
CHUNK = 1024**2
_AT_FDCWD, _EXCHANGE = -100, 2


class ExportError(MoulouyaError):
    """The export could not be written, or a page could not be made."""

    code = "export"


@dataclass
class Tree:
    """A folder being filled; ``files`` names what it holds with its SHA-256 and size."""

    folder: Path
    before: Path
    known: dict[str, Any]
    files: dict[str, dict[str, Any]] = field(default_factory=dict)
    kept: int = 0

    def write(self, name: str, content: bytes) -> None:
        """Put a file; what lies there already with the same content keeps its time."""
        digest = hashlib.sha256(content).hexdigest()
        if not self._take_over(name, digest):
            self._new(name).write_bytes(content)
        self.files[name] = {"sha256": digest, "bytes": len(content)}

    def write_stream(self, name: str, stream: IO[bytes]) -> None:
        """Put a file from a stream that can be read twice."""
        digest, size = _digest(stream)
        if not self._take_over(name, digest):
            stream.seek(0)
            with self._new(name).open("wb") as file:
                shutil.copyfileobj(stream, file, CHUNK)
        self.files[name] = {"sha256": digest, "bytes": size}

    def copy(self, name: str, source: Path, digest: str | None = None) -> None:
        """Put a copy of a file. ``digest``: what it must have; ExportError when it has not."""
        if digest is not None and self._take_over(name, digest):
            self.files[name] = {"sha256": digest, "bytes": source.stat().st_size}
            return
        with source.open("rb") as stream:
            self.write_stream(name, stream)
        if digest is not None and self.files[name]["sha256"] != digest:
            raise ExportError(f"{source.name} is not what was published: its hash is another one")

    def finish(self, about: dict[str, Any]) -> None:
        """Write the manifest, and the sums as ``sha256sum -c`` reads them."""
        named = dict(sorted(self.files.items()))
        sums = "".join(f"{one['sha256']}  {name}\n" for name, one in named.items())
        self.write(SUMS, sums.encode())
        manifest = {"format": FORMAT, **about, "files": named}
        self.write(MANIFEST, orjson.dumps(manifest, option=orjson.OPT_INDENT_2))
        del self.files[MANIFEST], self.files[SUMS]

    def _take_over(self, name: str, digest: str) -> bool:
        """Take the file of the export before, where it has this content still."""
        if name not in (MANIFEST, SUMS) and self.known.get(name, {}).get("sha256") != digest:
            return False
        old = self.before / name
        try:
            with old.open("rb") as stream:
                if _digest(stream)[0] != digest:
                    return False
        except OSError:
            return False
        target = self._new(name)
        try:
            os.link(old, target)
        except OSError:
            shutil.copy2(old, target)
        self.kept += 1
        return True

    def _new(self, name: str) -> Path:
        path = self.folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        return path


@contextlib.contextmanager
def building(target: Path) -> Iterator[Tree]:
    """A new tree, which takes the place of ``target`` when all went well.

    Raises UsageError for a folder that holds something else than an export, and where another
    export is being written there.
    """
    target = target.absolute()
    known = _before(target)
    target.parent.mkdir(parents=True, exist_ok=True)
    scratch = target.parent / f".{target.name}.new"
    lock = FileLock(target.parent / f".{target.name}.lock")
    try:
        lock.acquire(timeout=0)
    except Timeout as error:
        raise UsageError(f"another export to {target} is under way") from error
    try:
        shutil.rmtree(scratch, ignore_errors=True)
        scratch.mkdir()
        tree = Tree(scratch, target, known)
        yield tree
        _swap(scratch, target)
    except OSError as error:
        raise ExportError(f"{target} cannot be written: {error.strerror or error}") from error
    finally:
        shutil.rmtree(scratch, ignore_errors=True)
        lock.release()
        Path(lock.lock_file).unlink(missing_ok=True)


def _before(target: Path) -> dict[str, Any]:
    """The files of the export that lies there, by name."""
    if not target.exists():
        return {}
    if not target.is_dir():
        raise UsageError(f"{target} is not a folder")
    try:
        manifest = orjson.loads((target / MANIFEST).read_bytes())
        known = manifest["files"]
    except (OSError, ValueError, KeyError, TypeError) as error:
        if any(target.iterdir()):
            raise UsageError(
                f"{target} holds something else than an export of the portal",
                hint="name a folder that is empty or not there yet: an export replaces it whole",
            ) from error
        return {}
    return known if isinstance(known, dict) else {}


def _swap(new: Path, target: Path) -> None:
    """Put the new folder in the place of the old one; what was there ends up at ``new``."""
    if not target.exists():
        new.rename(target)
        return
    if _exchange(new, target):
        return
    aside = new.with_suffix(".old")
    target.rename(aside)
    new.rename(target)
    shutil.rmtree(aside, ignore_errors=True)


def _exchange(one: Path, other: Path) -> bool:
    """Exchange two folders at once (Linux's renameat2); False where that cannot be done."""
    try:
        call = ctypes.CDLL(None, use_errno=True).renameat2
    except (OSError, AttributeError):
        return False
    done = call(_AT_FDCWD, os.fsencode(one), _AT_FDCWD, os.fsencode(other), _EXCHANGE)
    if done == 0:
        return True
    if ctypes.get_errno() in (errno.EINVAL, errno.ENOSYS, errno.EPERM):
        return False
    raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()), str(other))


def _digest(stream: IO[bytes]) -> tuple[str, int]:
    digest, size = hashlib.sha256(), 0
    while piece := stream.read(CHUNK):
        digest.update(piece)
        size += len(piece)
    return digest.hexdigest(), size
