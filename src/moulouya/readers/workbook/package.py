"""What is inside a zipped workbook (XLSX, ODS) that its reader does not tell, or dies of.

The reader library shows an error cell and a formula that was never computed as empty, and asks for
as much memory as the outermost cell wants; so the sheet's own XML is gone through before.
"""

from __future__ import annotations

import posixpath
import re
import zipfile
from copy import copy
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Any

from moulouya.errors import ReadError
from moulouya.readers.xml.elements import elements, free, local

MOST_CELLS = 5_000_000
MOST_BYTES = 1024**3  # of XML in one part
MOST_TIMES = 200  # times its packed size, beyond the first ALWAYS_ALLOWED bytes
ALWAYS_ALLOWED = 64 * 1024**2
MOST_ENTRIES = 10_000
Place = tuple[int, int]  # row and column, from 0
Area = tuple[Place, Place]


@dataclass
class Found:
    """What was found in a sheet: error cells, formulas without a value, and (ODS) merged areas."""

    errors: dict[Place, str] = field(default_factory=dict)
    uncomputed: dict[Place, str] = field(default_factory=dict)
    merged: list[Area] = field(default_factory=list)


def check_package(path: Path) -> None:
    """Refuse a workbook with macros, a password, or parts that expand beyond measure.

    Raises ReadError.
    """
    with _opened(path) as archive:
        entries = archive.infolist()
        if len(entries) > MOST_ENTRIES:
            raise ReadError(f"{path.name} has more than {MOST_ENTRIES} parts")
        for entry in entries:
            name = entry.filename.lower()
            if name.endswith("vbaproject.bin") or "/macrosheets/" in name or "basic/" in name[:6]:
                raise ReadError(
                    f"{path.name} has macros ({entry.filename})",
                    hint="ask the publisher for the workbook without macros",
                )
            if entry.flag_bits & 1:
                raise _encrypted(path)
            most = max(ALWAYS_ALLOWED, MOST_TIMES * entry.compress_size)
            if entry.file_size > min(MOST_BYTES, most):
                raise _bomb(path, entry.filename)
        names = {entry.filename for entry in entries}
        if "META-INF/manifest.xml" in names:
            manifest = archive.read("META-INF/manifest.xml")
            if b"encryption-data" in manifest:
                raise _encrypted(path)
        if "xl/sharedStrings.xml" in names:
            _measure(path, archive, "xl/sharedStrings.xml")
    if "xl/workbook.xml" not in names and "content.xml" in names:
        ods_sheet(path, None)  # its reader takes all sheets into memory when it opens the file


def xlsx_sheet(path: Path, sheet: str) -> Found:
    """Go through one sheet of an XLSX (ECMA-376, part 1, 18.3); raises ReadError."""
    found = Found()
    with _opened(path) as archive:
        part = _xlsx_part(path, archive, sheet)
        if part is None:
            return found
        at = -1
        with _part(archive, part) as xml:
            for row in elements(xml, path.name, ["{*}row"]):
                at = int(row.get("r", at + 2)) - 1
                _xlsx_row(path, row, at, found)
                free(row)
    return found


def _xlsx_row(path: Path, row: Any, at: int, found: Found) -> None:
    column = -1
    for cell in row:
        if local(cell.tag) != "c":
            continue
        reference = re.match(r"([A-Z]{1,3})[0-9]", cell.get("r", ""))
        column = column_number(reference[1]) if reference else column + 1
        parts = {local(child.tag): child for child in cell}
        value = parts["v"].text if "v" in parts else None
        kind = cell.get("t", "n")
        if kind == "e":
            found.errors[at, column] = value or "#ERROR!"
        elif "f" in parts and not value and kind != "str" and "is" not in parts:
            found.uncomputed[at, column] = f"={parts['f'].text or ''}"
    _check_size(path, at, column)


def ods_sheet(path: Path, sheet: str | None) -> Found:
    """Go through one sheet of an ODS (OpenDocument 1.3, part 3, 9.1), or all; raises ReadError."""
    found = Found()
    with _opened(path) as archive, _part(archive, "content.xml") as xml:
        at = 0
        for row in elements(xml, path.name, ["{*}table-row", "{*}table"]):
            if local(row.tag) == "table":
                at = 0
                free(row)
                continue
            times = _repeated(row, "rows")
            if sheet is None or _is_of(row, sheet):
                width = _ods_row(row, at, found)
                if width:
                    _check_size(path, at + times - 1, width - 1)
            at += times
            row.clear()
    return found


def _is_of(row: Any, sheet: str) -> bool:
    for parent in row.iterancestors():
        if local(parent.tag) == "table":
            return bool(_attribute(parent, "name") == sheet)
    return False


def _ods_row(row: Any, at: int, found: Found) -> int:
    """Note what is in a row; returns how many columns it takes up to its last value."""
    column = width = 0
    for cell in row:
        if local(cell.tag) not in ("table-cell", "covered-table-cell"):
            continue
        times = _repeated(cell, "columns")
        kind = _attribute(cell, "value-type")
        text = "\n".join("".join(p.itertext()) for p in cell if local(p.tag) == "p")
        formula = _attribute(cell, "formula")
        kinds = {name: value for name, value in cell.attrib.items() if "value-type" in name}
        if "error" in kinds.values() or (formula and re.match(r"(#[A-Z/0]+[!?]?|Err:\d+)", text)):
            found.errors[at, column] = text or "#ERROR!"
        elif formula and kind is None and not text:
            found.uncomputed[at, column] = formula
        spans = [
            int(_attribute(cell, f"number-{what}-spanned") or 1) for what in ("rows", "columns")
        ]
        if spans != [1, 1]:
            found.merged.append(((at, column), (at + spans[0] - 1, column + spans[1] - 1)))
        column += times
        if kind is not None or text:
            width = column
    return width


def _attribute(element: Any, name: str) -> str | None:
    for key, value in element.attrib.items():
        if local(key) == name:
            return str(value)
    return None


def _repeated(element: Any, what: str) -> int:
    return int(_attribute(element, f"number-{what}-repeated") or 1)


def column_number(letters: str) -> int:
    """The number of a column, from 0, as a workbook calls it: A, B, … AA."""
    number = 0
    for letter in letters:
        number = number * 26 + ord(letter) - ord("A") + 1
    return number - 1


def column_letters(number: int) -> str:
    """The letters of a column whose number is counted from 0."""
    letters = ""
    number += 1
    while number:
        number, rest = divmod(number - 1, 26)
        letters = chr(ord("A") + rest) + letters
    return letters


def _check_size(path: Path, row: int, column: int) -> None:
    if (row + 1) * (column + 1) > MOST_CELLS:
        raise ReadError(
            f"{path.name} has a cell {column_letters(column)}{row + 1}: the sheet would have more "
            f"than {MOST_CELLS} cells",
            hint="a stray cell far out makes a sheet that large: ask the publisher to delete it, "
            "or for CSV",
        )


def _xlsx_part(path: Path, archive: zipfile.ZipFile, sheet: str) -> str | None:
    """The part that holds a sheet: workbook.xml names its relation, and that the part."""
    with _part(archive, "xl/workbook.xml") as xml:
        relation = next(
            (_attribute(one, "id") for one in elements(xml, path.name, ["{*}sheet"])
             if one.get("name") == sheet),
            None,
        )  # fmt: skip
    with _part(archive, "xl/_rels/workbook.xml.rels") as xml:
        for one in elements(xml, path.name, ["{*}Relationship"]):
            if one.get("Id") == relation:
                return posixpath.normpath(posixpath.join("/xl", one.get("Target", "")))[1:]
    return None


def _opened(path: Path) -> zipfile.ZipFile:
    try:
        return zipfile.ZipFile(path)
    except (zipfile.BadZipFile, ValueError, EOFError, NotImplementedError) as error:
        raise ReadError(
            f"{path.name} is no workbook: {error}", hint="the file is damaged or was cut off"
        ) from error


def _part(archive: zipfile.ZipFile, name: str) -> IO[bytes]:
    names = {entry.filename.lower(): entry for entry in archive.infolist()}
    entry = names.get(name.lower())
    if entry is None:
        raise ReadError(
            f"{Path(archive.filename or '').name} is no workbook: it has no {name}",
            hint="check source.format",
        )
    return archive.open(entry)


def _measure(path: Path, archive: zipfile.ZipFile, name: str) -> None:
    """Count what a part really expands to: its entry may lie."""
    entry = archive.getinfo(name)
    honest = copy(entry)
    honest.file_size = 1 << 62
    size = 0
    with archive.open(honest) as part:
        while block := part.read(1024 * 1024):
            size += len(block)
            if size > max(ALWAYS_ALLOWED, entry.file_size):
                raise _bomb(path, name)


def _bomb(path: Path, part: str) -> ReadError:
    return ReadError(
        f"{path.name}: {part} expands beyond all measure",
        hint="a decompression bomb? ask the publisher for CSV",
    )


def _encrypted(path: Path) -> ReadError:
    return ReadError(
        f"{path.name} is encrypted", hint="ask the publisher for the workbook without a password"
    )
