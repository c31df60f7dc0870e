"""The dBASE table of a shapefile: its fields and in which encoding its text is."""

from __future__ import annotations

import codecs
import re
import struct
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

from moulouya.definition import Reading
from moulouya.errors import ReadError
from moulouya.readers.names import distinct

# The language driver (byte 29) where it names one code page; 0 and 0x57 («ANSI») name none.
LANGUAGE_DRIVERS = {
    0x01: "cp437", 0x02: "cp850", 0x03: "cp1252", 0x04: "mac_roman", 0x08: "cp865",
    0x09: "cp437", 0x0A: "cp850", 0x0D: "cp437", 0x0E: "cp850", 0x0F: "cp437",
    0x10: "cp850", 0x13: "cp932", 0x14: "cp850", 0x1D: "cp850", 0x25: "cp850",
    0x37: "cp850", 0x4D: "cp936", 0x58: "cp1252", 0x59: "cp1252", 0x64: "cp852",
    0x65: "cp866", 0x66: "cp865", 0x6A: "cp737", 0x6B: "cp857", 0x7A: "cp936",
    0x7B: "cp932", 0x7C: "cp874", 0x7D: "cp1255", 0x7E: "cp1256", 0xC8: "cp1250",
    0xC9: "cp1251", 0xCA: "cp1254", 0xCB: "cp1253",
}  # fmt: skip
EXACT = 2**53  # whole numbers beyond it lose digits where GDAL makes them floating
HEADER = 32


@dataclass(frozen=True)
class Table:
    """What the header of a .dbf says; ``encoding`` is None where nothing says it."""

    path: Path
    rows: int
    names: list[bytes]
    encoding: str | None
    long_numbers: frozenset[int]

    @property
    def distinct_names(self) -> list[str]:
        """The names of the fields, told apart where they repeat."""
        return distinct([self._text(name) for name in self.names])

    def decoded(self, name: str, values: Any) -> Any:
        """A column with its text decoded. Raises ReadError when it is not in the encoding."""
        if pa.types.is_floating(values.type):
            return self._exact(name, values)
        if not (pa.types.is_string(values.type) or pa.types.is_large_string(values.type)):
            return values
        raw = values.view(pa.binary() if pa.types.is_string(values.type) else pa.large_binary())
        texts = [None if text is None else self._text(text) for text in raw.to_pylist()]
        return pa.array(texts, pa.string())

    def _text(self, raw: bytes) -> str:
        if raw.isascii():
            return raw.decode("ascii")
        if self.encoding is None:
            raise ReadError(
                f"{self.path.name} does not say in which encoding its text is",
                hint="declare source.dialect.encoding, such as utf-8, cp1252 or cp1256",
            )
        try:
            return raw.decode(self.encoding)
        except UnicodeDecodeError as error:
            raise ReadError(
                f"{self.path.name} is not {self.encoding}: {raw!r}",
                hint="declare source.dialect.encoding",
            ) from error

    def _exact(self, name: str, values: Any) -> Any:
        """Whole numbers of many digits, as long as none of them has lost any."""
        if self.distinct_names.index(name) in self.long_numbers:
            numbers = np.nan_to_num(values.to_numpy(zero_copy_only=False))
            if (np.abs(numbers) >= EXACT).any():
                raise ReadError(f"{name} in {self.path.name} has whole numbers of too many digits")
        return values


def table_of(path: Path, cpg: Path | None = None, source: Reading | None = None) -> Table:
    """Read the header of a .dbf. Raises ReadError when it is none, or is cut off."""
    size = path.stat().st_size
    with path.open("rb") as file:
        head = file.read(HEADER)
        if len(head) < HEADER:
            raise ReadError(f"{path.name} is no dBASE table")
        rows, header_size, row_size = struct.unpack("<IHH", head[4:12])
        described = file.read(max(0, header_size - HEADER))
    fields = [described[at : at + 32] for at in range(0, len(described) - 31, 32)]
    fields = [field for field in fields if field[0] != 0x0D]
    widths = sum(field[16] for field in fields)
    if not fields or row_size <= widths:
        raise ReadError(f"{path.name} is no dBASE table")
    if header_size + rows * row_size > size:
        raise ReadError(
            f"{path.name} is cut off: it has {size} bytes of {header_size + rows * row_size}"
        )
    return Table(
        path=path,
        rows=rows,
        names=[field[:11].split(b"\0")[0].strip() for field in fields],
        encoding=_encoding(head[29], cpg, source),
        long_numbers=frozenset(
            number
            for number, field in enumerate(fields)
            if field[11:12] in b"NF" and field[16] > 15 and field[17] == 0
        ),
    )


def _encoding(driver: int, cpg: Path | None, source: Reading | None) -> str | None:
    """The declared encoding, else what the .cpg part says, else what the language driver does."""
    if source is not None and "encoding" in source.dialect.model_fields_set:
        return source.dialect.encoding
    if cpg is not None and (said := cpg.read_bytes().decode("ascii", errors="replace").strip()):
        return _codec(said, cpg)
    return LANGUAGE_DRIVERS.get(driver)


def _codec(said: str, cpg: Path) -> str:
    """Python's name of what a .cpg says: UTF-8, 1256, ANSI 1252, ISO-88591, …"""
    name = said.lower().removeprefix("ansi").removeprefix("oem").strip()
    if match := re.fullmatch(r"(?:iso)?[\s_-]*8859[\s_-]*(\d{1,2})", name):
        name = f"iso8859_{match[1]}"
    elif name.isdigit():
        name = "utf-8" if name == "65001" else f"cp{name}"
    try:
        return codecs.lookup(name).name
    except LookupError as error:
        raise ReadError(
            f"{cpg.name} names an encoding that is not known: {said!r}",
            hint="declare source.dialect.encoding",
        ) from error
