"""A bounded folder of files made on request, so that an interrupted download can go on.

A file's name is its content's tag. Whatever is here can be deleted at any time and made again.
"""

from __future__ import annotations

import contextlib
import os
import threading
import time
import uuid
from pathlib import Path
from types import TracebackType

MOST_BYTES = 2 * 1024**3
STALE_SECONDS = 3600.0


class Draft:
    """A file being written; it appears under its name when it is kept, and not before."""

    def __init__(self, spool: Spool, name: str) -> None:
        self._spool = spool
        self._name = name
        self.path = spool.folder / f".{uuid.uuid4().hex}"
        self._file = self.path.open("wb")
        self.bytes = 0

    def write(self, piece: bytes) -> None:
        """Add a piece; raises OSError where the disk is full."""
        self._file.write(piece)
        self.bytes += len(piece)

    def keep(self) -> Path:
        """Give the file its name."""
        self._file.close()
        target = self._spool.folder / self._name
        self.path.replace(target)
        self._spool.shrink()
        return target

    def __enter__(self) -> Draft:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._file.close()
        self.path.unlink(missing_ok=True)


class Spool:
    """The folder: files by tag, the least recently used deleted first."""

    def __init__(self, folder: Path, most: int = MOST_BYTES) -> None:
        self.folder = folder
        self.most = most
        self._lock = threading.Lock()
        folder.mkdir(parents=True, exist_ok=True)
        self.shrink()

    def find(self, name: str) -> Path | None:
        """A file that is there whole, marked as used now."""
        path = self.folder / name
        try:
            os.utime(path)
        except OSError:
            return None
        return path

    def draft(self, name: str) -> Draft:
        """A new file, to be kept under a name once it is whole."""
        return Draft(self, name)

    def shrink(self) -> None:
        """Delete what is beyond the bound, the oldest first, and drafts nobody finishes."""
        with self._lock:
            found = []
            for path in self.folder.iterdir():
                with contextlib.suppress(FileNotFoundError):
                    stat = path.stat()
                    if not path.name.startswith("."):
                        found.append((stat.st_mtime, stat.st_size, path))
                    elif stat.st_mtime < time.time() - STALE_SECONDS:
                        path.unlink()
            kept = sum(size for _, size, _ in found)
            for _, size, path in sorted(found, key=lambda one: one[0]):
                if kept <= self.most:
                    break
                path.unlink(missing_ok=True)
                kept -= size
