"""What an XLS workbook has that its reader does not tell: error cells, and macros.

The reader library shows an error cell as an empty one; so the sheet's records are gone through
before ([MS-CFB] for the container, [MS-XLS] for the records).
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from pathlib import Path

from moulouya.errors import ReadError
from moulouya.readers.workbook.package import Found

LARGEST = 256 * 1024**2  # an XLS has 65,536 rows a sheet at most
FREE = 0xFFFFFFFA  # sector numbers from here on are marks
BOF, EOF, BOUNDSHEET, FORMULA, BOOLERR, FILEPASS = 0x809, 0x0A, 0x85, 0x06, 0x205, 0x2F
BIFF8 = 0x0600
ERRORS = {
    0x00: "#NULL!",
    0x07: "#DIV/0!",
    0x0F: "#VALUE!",
    0x17: "#REF!",
    0x1D: "#NAME?",
    0x24: "#NUM!",
    0x2A: "#N/A",
}


def xls_sheet(path: Path, sheet: str) -> Found:
    """Go through one sheet of an XLS; raises ReadError when it is damaged or has macros."""
    if path.stat().st_size > LARGEST:
        raise ReadError(f"{path.name} is larger than any XLS workbook")
    try:
        streams = _Container(path.read_bytes())
        if any(name.upper() in ("_VBA_PROJECT", "_VBA_PROJECT_CUR") for name in streams.entries):
            raise ReadError(
                f"{path.name} has macros", hint="ask the publisher for the workbook without macros"
            )
        book = streams.stream("Workbook") or streams.stream("Book")
        return _errors(book, _offset(book, sheet))
    except (struct.error, IndexError, ValueError, KeyError) as error:
        raise ReadError(
            f"{path.name} is not readable as a workbook: {error}",
            hint="the file is damaged or was cut off",
        ) from error


class _Container:
    """A compound file: sectors, chained by an allocation table, that make up named streams."""

    def __init__(self, data: bytes) -> None:
        self.data = data
        self.size = 1 << _number(data, 30, 2)
        self.small = 1 << _number(data, 32, 2)
        if self.size not in (512, 4096) or self.small != 64:
            raise ValueError("its sectors have a strange size")
        self.cutoff = _number(data, 56, 4)
        tables = [n for n in struct.unpack_from("<109I", data, 76) if n < FREE]
        further, count = _number(data, 68, 4), 0
        while further < FREE and count <= len(data) // self.size:
            *more, further = struct.unpack(f"<{self.size // 4}I", self._sector(further))
            tables += [n for n in more if n < FREE]
            count += 1
        self.next = [n for table in tables for n in struct.unpack(f"<{self.size // 4}I",
                                                                  self._sector(table))]  # fmt: skip
        directory = self._chain(_number(data, 48, 4))
        self.entries: dict[str, tuple[int, int]] = {}
        for at in range(0, len(directory) - 127, 128):
            length = _number(directory, at + 64, 2)
            name = directory[at : at + max(0, length - 2)].decode("utf-16-le", errors="replace")
            place = (_number(directory, at + 116, 4), _number(directory, at + 120, 4))
            self.entries.setdefault(name, place)
        self.small_next = [
            n for (n,) in struct.iter_unpack("<I", self._chain(_number(data, 60, 4)))
        ]
        self.small_data = self._chain(self.entries["Root Entry"][0])

    def stream(self, name: str) -> bytes:
        """A stream's bytes; empty where there is none of the name."""
        if name not in self.entries:
            return b""
        start, length = self.entries[name]
        if length >= self.cutoff:
            return self._chain(start)[:length]
        parts = []
        for number in self._numbers(start, self.small_next):
            parts.append(self.small_data[number * self.small : (number + 1) * self.small])
        return b"".join(parts)[:length]

    def _sector(self, number: int) -> bytes:
        return self.data[(number + 1) * self.size : (number + 2) * self.size].ljust(
            self.size, b"\0"
        )

    def _chain(self, start: int) -> bytes:
        return b"".join(map(self._sector, self._numbers(start, self.next)))

    @staticmethod
    def _numbers(start: int, following: list[int]) -> Iterator[int]:
        seen = 0
        while start < FREE:
            if seen > len(following):
                raise ValueError("its sectors go in circles")
            yield start
            start = following[start]
            seen += 1


def _number(data: bytes, at: int, size: int) -> int:
    return int.from_bytes(data[at : at + size], "little")


def _records(book: bytes, at: int) -> Iterator[tuple[int, bytes]]:
    """The records from an offset to the end of their part of the workbook."""
    depth = 0
    while at + 4 <= len(book):
        kind, length = struct.unpack_from("<HH", book, at)
        yield kind, book[at + 4 : at + 4 + length]
        depth += (kind == BOF) - (kind == EOF)
        if depth <= 0:
            return
        at += 4 + length


def _offset(book: bytes, sheet: str) -> int | None:
    """Where the records of a sheet begin."""
    wide = True
    for kind, data in _records(book, 0):
        if kind == BOF:
            wide = _number(data, 0, 2) == BIFF8
        elif kind == FILEPASS:
            raise ReadError(
                "the workbook is encrypted",
                hint="ask the publisher for the workbook without a password",
            )
        elif kind == BOUNDSHEET:
            letters = data[8:] if wide else data[7:]
            encoding = "utf-16-le" if wide and data[7] & 1 else "latin-1"
            if letters.decode(encoding, errors="replace") == sheet:
                return _number(data, 0, 4)
    return None


def _errors(book: bytes, offset: int | None) -> Found:
    found = Found()
    if offset is None:
        return found
    for kind, data in _records(book, offset):
        code = None
        if kind == BOOLERR and data[7]:
            code = data[6]
        elif kind == FORMULA and data[12:14] == b"\xff\xff" and data[6] == 2:
            code = data[8]
        if code is not None:
            row, column = struct.unpack_from("<HH", data)
            found.errors[row, column] = ERRORS.get(code, "#ERROR!")
    return found
