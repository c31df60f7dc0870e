"""Members of zip and tar archives, written under names of our own and counted as they expand."""

from __future__ import annotations

import lzma
import re
import stat
import struct
import tarfile
import zipfile
import zlib
from collections import Counter
from collections.abc import Iterator
from copy import copy
from dataclasses import dataclass
from fnmatch import fnmatchcase
from pathlib import Path, PurePosixPath
from typing import IO

from moulouya.definition import Archive
from moulouya.errors import ReadError

BLOCK = 1024 * 1024
MOST_BYTES = 16 * 1024**3  # what all files of a delivery may become
MOST_TIMES = 250  # and how many times their size; text seldom packs better than 1:50
ALWAYS_ALLOWED = 256 * 1024**2
MOST_MEMBERS = 100_000
LONGEST_NAME = 200  # bytes; file systems take 255
# What macOS and Windows put beside the files; no table is ever in there.
LITTER = re.compile(r"(^|/)(__MACOSX/|\._|\.DS_Store$|Thumbs\.db$|desktop\.ini$)", re.IGNORECASE)
BROKEN = (
    zipfile.BadZipFile, tarfile.TarError, EOFError, zlib.error, lzma.LZMAError,
    NotImplementedError, ValueError, struct.error, OverflowError, RuntimeError,
)  # fmt: skip


class Allowance:
    """How many bytes a delivery may still expand to, counted while it is written."""

    def __init__(self, packed: int) -> None:
        self.most = min(MOST_BYTES, max(ALWAYS_ALLOWED, MOST_TIMES * packed))
        self.spent = 0

    def spend(self, size: int, name: str) -> None:
        """Count bytes that were unpacked; raises ReadError where it is more than any data is."""
        self.spent += size
        if self.spent > self.most:
            raise ReadError(
                f"{name} expands to more than {self.most} bytes, which no data of its size does",
                hint="a decompression bomb? have the publisher send smaller files",
            )


@dataclass(frozen=True)
class Member:
    """An entry of an archive."""

    name: str
    regular: bool
    entry: zipfile.ZipInfo | tarfile.TarInfo

    @property
    def path(self) -> PurePosixPath:
        """Its name as a path; Windows' separators are taken for what they mean."""
        return PurePosixPath(self.name.replace("\\", "/"))


def members_of(
    archives: list[Path], wanted: Archive, folder: Path, allowance: Allowance
) -> list[Path]:
    """The wanted members of archives as files below a folder, ordered by their names.

    A file has its member's own last name, never its path. Raises ReadError when no member
    matches, or an archive is damaged, encrypted, or has entries that no honest one has: names
    that lead elsewhere, twice the same name, overlapping or lying entries, links and devices.
    """
    found: list[Path] = []
    for number, path in enumerate(archives, 1):
        try:
            if wanted.kind == "zip":
                found += _zip(path, wanted, folder / str(number), allowance)
            else:
                found += _tar(path, wanted, folder / str(number), allowance)
        except BROKEN as error:
            raise ReadError(
                f"{path.name} cannot be read as a {wanted.kind} archive: {error}",
                hint="the archive is damaged, was cut off, or is packed by an unknown method",
            ) from error
    return found


def listing(path: Path, kind: str) -> list[str]:
    """The names of an archive's files; raises ReadError where it cannot be listed."""
    try:
        if kind == "zip":
            with zipfile.ZipFile(path) as archive:
                members = [_zip_member(info) for info in archive.infolist() if not info.is_dir()]
        else:
            with tarfile.open(path) as tar:
                members = [_tar_member(info) for info in tar if not info.isdir()]
    except (*BROKEN, OSError) as error:
        raise ReadError(f"{path.name} cannot be read as a {kind} archive: {error}") from error
    return [member.name for member in members if not LITTER.search(str(member.path))]


def _zip(path: Path, wanted: Archive, folder: Path, allowance: Allowance) -> list[Path]:
    with zipfile.ZipFile(path) as archive:
        entries = archive.infolist()
        _check_overlaps(path, entries, archive.start_dir)
        chosen = _chosen(path, [_zip_member(e) for e in entries if not e.is_dir()], wanted)
        written = []
        for member in chosen:
            assert isinstance(member.entry, zipfile.ZipInfo)
            if member.entry.flag_bits & 0x41:
                raise ReadError(
                    f"{path.name}: {member.name} is encrypted",
                    hint="ask the publisher for the file without a password",
                )
            # Read to the end of the stream, not to the size that the entry claims to have.
            honest = copy(member.entry)
            honest.file_size = 1 << 62
            with archive.open(honest) as packed:
                written.append(_write(path, member, member.entry.file_size, packed, folder,
                                      allowance))  # fmt: skip
    return written


def _tar(path: Path, wanted: Archive, folder: Path, allowance: Allowance) -> list[Path]:
    with path.open("rb") as file, tarfile.open(fileobj=file, mode="r:") as archive:
        members = [_tar_member(entry) for entry in _entries(path, archive) if not entry.isdir()]
        # tarfile takes a damaged or cut-off header for the end: the end is a block of zeros.
        file.seek(archive.offset)
        if file.read(512) != bytes(512):
            raise ReadError(
                f"{path.name} breaks off after {len(members)} members",
                hint="the archive is damaged or was cut off",
            )
        written = []
        for member in _chosen(path, members, wanted):
            assert isinstance(member.entry, tarfile.TarInfo)
            packed = archive.extractfile(member.entry)
            assert packed is not None, "a regular file has content"
            with packed:
                written.append(_write(path, member, member.entry.size, packed, folder, allowance))
    return written


def _entries(path: Path, archive: tarfile.TarFile) -> Iterator[tarfile.TarInfo]:
    for number, entry in enumerate(archive):
        if number >= MOST_MEMBERS:
            raise ReadError(f"{path.name} has more than {MOST_MEMBERS} members")
        yield entry


def _zip_member(info: zipfile.ZipInfo) -> Member:
    mode = info.external_attr >> 16
    return Member(info.filename, stat.S_IFMT(mode) in (0, stat.S_IFREG), info)


def _tar_member(info: tarfile.TarInfo) -> Member:
    return Member(info.name, info.isreg(), info)


def _chosen(path: Path, members: list[Member], wanted: Archive) -> list[Member]:
    """The members that the patterns ask for, ordered by name."""
    if len(members) > MOST_MEMBERS:
        raise ReadError(f"{path.name} has more than {MOST_MEMBERS} members")
    for member in members:
        _check_name(path, member)
    twice = [name for name, n in Counter(str(m.path) for m in members).items() if n > 1]
    if twice:
        raise ReadError(f"{path.name} has two members called {twice[0]!r}")
    patterns = [wanted.members] if isinstance(wanted.members, str) else wanted.members
    chosen = sorted((m for m in members if _matches(m.path, patterns)), key=lambda m: m.name)
    if not chosen:
        names = sorted(member.name for member in members)
        shown = ", ".join(names[:20]) + (", …" if len(names) > 20 else "")
        raise ReadError(
            f"{path.name} has no member that matches {', '.join(patterns)}",
            hint=f"it has: {shown or 'none at all'}",
        )
    for member in chosen:
        if not member.regular:
            raise ReadError(f"{path.name}: {member.name} is a link or a device, not a file")
    return chosen


def _matches(path: PurePosixPath, patterns: list[str]) -> bool:
    """Whether a pattern fits: one with a / the whole path, one without it the last name."""
    if LITTER.search(str(path)):
        return str(path) in patterns
    return any(
        fnmatchcase(str(path) if "/" in pattern else path.name, pattern) for pattern in patterns
    )


def _check_name(path: Path, member: Member) -> None:
    """Refuse an archive that tries to write outside of the folder it is unpacked in."""
    parts = member.path.parts
    if not parts or ".." in parts or parts[0] == "/" or re.match(r"[A-Za-z]:", parts[0]):
        raise ReadError(
            f"{path.name} has a member whose name leads elsewhere: {member.name[:80]!r}",
            hint="no honest archive has one; nothing of it was read",
        )
    if "\0" in member.name:
        raise ReadError(f"{path.name} has a member with a NUL in its name")


def _check_overlaps(path: Path, entries: list[zipfile.ZipInfo], directory: int) -> None:
    """Refuse entries that share bytes, of which the densest bombs are made."""
    ordered = sorted(entries, key=lambda entry: entry.header_offset)
    starts = [entry.header_offset for entry in ordered[1:]] + [directory]
    for entry, following in zip(ordered, starts, strict=True):
        # The local header has 30 bytes and the name (APPNOTE.TXT 4.3.7).
        if entry.header_offset + 30 + len(entry.orig_filename) + entry.compress_size > following:
            raise ReadError(f"{path.name}: the member {entry.filename!r} overlaps another")


def _write(
    path: Path, member: Member, size: int, packed: IO[bytes], folder: Path, allowance: Allowance
) -> Path:
    target = _free(folder, member.path.name)
    written = 0
    with target.open("wb") as plain:
        while block := packed.read(BLOCK):
            written += len(block)
            allowance.spend(len(block), f"{path.name}: {member.name}")
            plain.write(block)
    if written != size:
        raise ReadError(
            f"{path.name}: {member.name} has {written} bytes and says that it has {size}",
            hint="the archive is damaged",
        )
    return target


def _free(folder: Path, name: str) -> Path:
    """A file of this name; below a further folder where another member has the same last name.

    Signs that DuckDB takes for wildcards are replaced, and a name is cut to what can be one.
    """
    plain = re.sub(r"[*?\[\]\x00-\x1f\x7f]", "_", name)
    while len(plain.encode(errors="replace")) > LONGEST_NAME:
        plain = plain[1:]  # the suffix is what tells files apart
    plain = plain.encode(errors="replace").decode()
    number = 1
    place = folder
    while (place / plain).exists():
        number += 1
        place = folder / str(number)
    place.mkdir(parents=True, exist_ok=True)
    return place / plain
