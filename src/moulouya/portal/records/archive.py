"""A ZIP archive of files that lie elsewhere, known to its last byte without being written.

Files are stored as they are (Parquet and gzip are packed already), so every byte of the archive is
either a few bytes of its own or a stretch of a file: any range can be sent without making the rest.
"""

from __future__ import annotations

import datetime as dt
import struct
import zlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

CHUNK = 256 * 1024
_UTF8 = 0x0800
_LARGE = 0xFFFFFFFF
_MANY = 0xFFFF
_VERSION, _VERSION_64 = 20, 45
# Made on Unix: a plain file that everyone may read.
_MADE_BY, _MODE = 3 << 8, 0o100644 << 16


@dataclass(frozen=True)
class Entry:
    """A file of the archive: its name in it, size, CRC-32, and where its bytes are."""

    name: str
    size: int
    crc: int
    content: bytes | Path


Part = bytes | tuple[Path, int]


def entry(name: str, content: bytes) -> Entry:
    """A file of the archive from its bytes."""
    return Entry(name, len(content), zlib.crc32(content), content)


def crc_of(path: Path) -> int:
    """The CRC-32 of a file."""
    crc = 0
    with path.open("rb") as file:
        while piece := file.read(1024 * 1024):
            crc = zlib.crc32(piece, crc)
    return crc


def layout(entries: Sequence[Entry], made: dt.datetime) -> list[Part]:
    """The archive as its parts in order: own bytes, or a whole file with its size.

    ``made`` is the time that every file in it carries (UTC).
    """
    parts: list[Part] = []
    central: list[bytes] = []
    date = (max(made.year, 1980) - 1980) << 9 | made.month << 5 | made.day
    time = made.hour << 11 | made.minute << 5 | made.second // 2
    offset = 0
    for one in entries:
        name = one.name.encode()
        large = one.size >= _LARGE
        extra = struct.pack("<HHQQ", 1, 16, one.size, one.size) if large else b""
        size = _LARGE if large else one.size
        version = _VERSION_64 if large else _VERSION
        local = struct.pack("<4s5H3I2H", b"PK\3\4", version, _UTF8, 0, time, date, one.crc, size,
                            size, len(name), len(extra)) + name + extra  # fmt: skip
        central.append(_central(one, name, offset, time, date))
        parts.append(local)
        parts.append(one.content if isinstance(one.content, bytes) else (one.content, one.size))
        offset += len(local) + one.size
    directory = b"".join(central)
    parts.append(directory + _end(len(entries), offset, len(directory)))
    return parts


def _central(one: Entry, name: bytes, offset: int, time: int, date: int) -> bytes:
    fields = [one.size, one.size] if one.size >= _LARGE else []
    if offset >= _LARGE:
        fields.append(offset)
    extra = struct.pack(f"<HH{len(fields)}Q", 1, 8 * len(fields), *fields) if fields else b""
    size = min(one.size, _LARGE)
    version = _VERSION_64 if fields else _VERSION
    return struct.pack(
        "<4s6H3I5H2I", b"PK\1\2", _MADE_BY | version, version, _UTF8, 0, time, date, one.crc, size,
        size, len(name), len(extra), 0, 0, 0, _MODE, min(offset, _LARGE),
    ) + name + extra  # fmt: skip


def _end(count: int, offset: int, length: int) -> bytes:
    large = b""
    if count >= _MANY or offset >= _LARGE or length >= _LARGE:
        large = struct.pack("<4sQ2H2I4Q", b"PK\6\6", 44, _MADE_BY | _VERSION_64, _VERSION_64, 0, 0,
                            count, count, length, offset)  # fmt: skip
        large += struct.pack("<4sIQI", b"PK\6\7", 0, offset + length, 1)
    few = min(count, _MANY)
    return large + struct.pack("<4s4H2IH", b"PK\5\6", 0, 0, few, few, min(length, _LARGE),
                               min(offset, _LARGE), 0)  # fmt: skip


def size_of(parts: Sequence[Part]) -> int:
    """How many bytes the archive has."""
    return sum(len(part) if isinstance(part, bytes) else part[1] for part in parts)


def pieces(parts: Sequence[Part], start: int, end: int) -> Iterator[bytes]:
    """The bytes of the archive from ``start`` to before ``end``; raises OSError."""
    position = 0
    for part in parts:
        length = len(part) if isinstance(part, bytes) else part[1]
        first, last = max(start - position, 0), min(end - position, length)
        position += length
        if first >= last:
            continue
        if isinstance(part, bytes):
            yield part[first:last]
            continue
        with part[0].open("rb") as file:
            file.seek(first)
            while first < last:
                piece = file.read(min(CHUNK, last - first))
                if not piece:
                    raise OSError(f"{part[0].name} is shorter than its record says")
                first += len(piece)
                yield piece
