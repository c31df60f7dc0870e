"""Which files were hashed already, so that an immutable file is read for it only once.

A file is known by its inode, size and times. Whoever changes a byte changes the time at which the
inode changed, which nobody can set back: then it is hashed again. What was found is kept in the
state folder, so that a restart need not read the whole lake.
"""

from __future__ import annotations

import os
import zlib
from contextlib import suppress
from pathlib import Path

import structlog

from moulouya.errors import LakeError
from moulouya.storage.files import sha256_of

Mark = tuple[int, int, int, int]
SPARE = 1_000
log = structlog.get_logger("moulouya.portal")


class Verified:
    """The SHA-256 of every file that was hashed, while the file stays the same.

    ``kept`` is a file with a line for each; without one, or where it cannot be written, everything
    is forgotten at the end.
    """

    def __init__(self, kept: Path | None = None) -> None:
        self._kept = kept
        self._seen: dict[str, tuple[Mark, str]] = {}
        self._new: list[str] = []
        if kept is not None:
            self._remember(kept)

    def sha256(self, path: Path) -> str:
        """The SHA-256 of a file; of one that is known and has not changed, without reading it."""
        name, found = str(path), path.stat()
        mark = (found.st_ino, found.st_size, found.st_mtime_ns, found.st_ctime_ns)
        known = self._seen.get(name)
        if known is not None and known[0] == mark:
            return known[1]
        digest = sha256_of(path)
        self._seen[name] = (mark, digest)
        self._new.append(_line(name, mark, digest))
        return digest

    def require(self, path: Path, sha256: str, what: str) -> None:
        """Raise LakeError unless the file is there and has the committed hash."""
        try:
            found = self.sha256(path)
        except OSError as error:
            raise LakeError(f"{what} cannot be read: {error.strerror}") from error
        if found != sha256:
            raise LakeError(f"{what} is damaged: its SHA-256 is not the committed one")

    def keep(self) -> None:
        """Write down what was hashed since the last time; several processes may."""
        new, self._new = self._new, []
        if self._kept is None or not new:
            return
        try:
            self._kept.parent.mkdir(parents=True, exist_ok=True)
            with self._kept.open("ab", buffering=0) as file:
                file.write("".join(new).encode())
        except OSError as error:
            log.warning("hashes not kept", file=str(self._kept), reason=error.strerror)
            self._kept = None

    def _remember(self, kept: Path) -> None:
        """Read what was kept; a line that is torn or damaged says nothing."""
        try:
            lines = kept.read_bytes().decode(errors="replace").splitlines()
        except OSError:
            return
        for line in lines:
            check, _, said = line.partition(" ")
            if check != _check(said):
                continue
            digest, *mark, name = said.split(" ", 5)
            inode, size, modified, changed = map(int, mark)
            self._seen[name] = ((inode, size, modified, changed), digest)
        if len(lines) > 2 * len(self._seen) + SPARE:
            self._write_anew(kept)

    def _write_anew(self, kept: Path) -> None:
        """Leave out what later lines have overtaken; files that are gone are forgotten."""
        self._seen = {name: one for name, one in self._seen.items() if Path(name).exists()}
        scratch = kept.with_name(f".{kept.name}.{os.getpid()}")
        with suppress(OSError):
            lines = (_line(name, *one) for name, one in self._seen.items())
            scratch.write_text("".join(lines), encoding="utf-8")
            scratch.replace(kept)


def _line(name: str, mark: Mark, digest: str) -> str:
    said = " ".join([digest, *map(str, mark), name])
    return f"{_check(said)} {said}\n"


def _check(said: str) -> str:
    return f"{zlib.crc32(said.encode()):08x}"
