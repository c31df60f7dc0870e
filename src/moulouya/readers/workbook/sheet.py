"""One sheet of a workbook: where it is, what its header says, and its rows as texts."""

from __future__ import annotations

import zipfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path
from typing import Any

from moulouya.definition import Reading, Sheet
from moulouya.errors import ReadError, did_you_mean
from moulouya.readers.names import distinct
from moulouya.readers.table import Malformed
from moulouya.readers.workbook.cells import Cell, filled, text_of
from moulouya.readers.workbook.package import (
    Area,
    Found,
    column_letters,
    column_number,
    ods_sheet,
    xlsx_sheet,
)
from moulouya.readers.workbook.xls import xls_sheet


@dataclass
class Part:
    """One sheet: its cells, its header's names, and the columns that are read."""

    path: Path
    sheet: str
    declared: Sheet
    cells: Any
    found: Found
    merged: list[Area]
    columns: list[int] = field(default_factory=list)
    names: list[str] = field(default_factory=list)

    @classmethod
    def of(cls, path: Path, source: Reading, name: str | None, *, with_header: bool = True) -> Part:
        """Open a sheet by its name, or the only one that is shown."""
        with opened(path) as book:
            sheet = _chosen(path, book, name)
            found = _LOOK[source.format](path, sheet)
            cells = book.get_sheet_by_name(sheet)
        merged = found.merged or list(cells.merged_cell_ranges or [])
        part = cls(path, sheet, source.sheet, cells, found, merged)
        if with_header:
            part._read_header()
        return part

    def first(self, most: int) -> list[tuple[int, list[str | None]]]:
        """The first rows that are not blank, whatever the header is."""
        rows = self._lines(range(1, 1 << 30), fill=False)
        return list(islice((row for row in rows if any(row[1])), most))

    def _read_header(self) -> None:
        wanted = self.declared.header
        places = [wanted] if isinstance(wanted, int) else list(wanted)
        lines = dict(self._lines(range(1, max(places) + 1), fill=True))
        if not any(place in lines for place in places):
            raise ReadError(
                f"{self.path.name}: the sheet {self.sheet!r} has no row {places[0]} for a header",
                hint="set source.sheet.header to the row that names the columns",
            )
        for place in places:
            lines.setdefault(place, [])  # below the last cell
        width = max(len(lines[place]) for place in places)
        names = []
        for column in range(width):
            parts: list[str] = []
            origins: set[Area] = set()
            for place in places:
                area = next((a for a in self.merged if _inside(a, place - 1, column)), None)
                cell = lines[place][column] if column < len(lines[place]) else None
                if area in origins and area is not None:
                    continue
                if area is not None:
                    origins.add(area)
                if cell is not None and cell.strip():
                    parts.append(" ".join(cell.split()))
            names.append(" ".join(parts))
        self._choose_columns(names)

    def _choose_columns(self, names: list[str]) -> None:
        if self.declared.columns is None:
            self.columns = [place for place, name in enumerate(names) if name]
        else:
            first, last = map(column_number, self.declared.columns.split(":"))
            self.columns = list(range(first, last + 1))
        named = [names[place] if place < len(names) else "" for place in self.columns]
        if not any(named):
            raise ReadError(
                f"{self.path.name}: the header of the sheet {self.sheet!r} is empty",
                hint="set source.sheet.header to the row that names the columns",
            )
        self.names = distinct(named)

    def rows(self, malformed: list[Malformed]) -> Iterator[tuple[int, list[str | None]]]:
        """The rows below the header that are not blank, each with its number in the sheet."""
        wanted = self.declared.header
        first = (wanted if isinstance(wanted, int) else max(wanted)) + 1
        last = self.declared.end or 1 << 30
        for line, row in self._lines(range(first, last + 1), fill=self.declared.merged == "fill"):
            cells = [row[place] if place < len(row) else None for place in self.columns]
            broken = [
                f"{column_letters(place)}{line}: a formula without a computed value "
                f"({self.found.uncomputed[line - 1, place]})"
                for place in self.columns
                if (line - 1, place) in self.found.uncomputed
            ]
            if broken:
                text = " | ".join(cell or "" for cell in cells)
                malformed.append(Malformed(self.path, line, "; ".join(broken), text, "formula"))
            elif any(cell is not None and cell.strip() for cell in cells):
                yield line, cells

    def _lines(self, wanted: range, *, fill: bool) -> Iterator[tuple[int, list[str | None]]]:
        """The sheet's rows within a range of numbers (from 1) as texts."""
        if self.cells.start is None:
            return
        _, left = self.cells.start
        rows: Iterator[list[Cell]] = self.cells.iter_rows()  # from row 1, but from column `left`
        numbered = (
            (number, self._texts(number, left, row)) for number, row in enumerate(rows, 1)
            if number < wanted.stop
        )  # fmt: skip
        shown = filled(numbered, self.merged) if fill else numbered
        yield from ((number, row) for number, row in shown if number >= wanted.start)

    def _texts(self, number: int, left: int, row: list[Cell]) -> list[str | None]:
        texts = [None] * left + [text_of(cell) for cell in row]
        if self.found.errors:
            for column in range(len(texts)):
                error = self.found.errors.get((number - 1, column))
                if error is not None:
                    texts[column] = error
        return texts


def _inside(area: Area, row: int, column: int) -> bool:
    (top, left), (bottom, right) = area
    return top <= row <= bottom and left <= column <= right


def _chosen(path: Path, book: Any, name: str | None) -> str:
    """The sheet that is asked for, or the only one that is shown."""
    known = worksheets(book)
    names = [one for one, _ in known]
    told = ", ".join(one if shown else f"{one} (hidden)" for one, shown in known)
    if name is not None:
        if name not in names:
            raise ReadError(
                f"{path.name} has no sheet {name!r}{did_you_mean(name, names)}",
                hint=f"it has: {told}",
            )
        return name
    shown_ones = [one for one, shown in known if shown]
    if len(shown_ones) != 1:
        raise ReadError(
            f"{path.name} has {len(shown_ones)} sheets, and none is declared",
            hint=f"set source.sheet.name to one of: {told}",
        )
    return shown_ones[0]


def worksheets(book: Any) -> list[tuple[str, bool]]:
    """The names of the sheets that hold cells, and whether each is shown."""
    from python_calamine import SheetTypeEnum, SheetVisibleEnum

    kinds = {one.name: one.typ for one in book.sheets_metadata}
    if SheetTypeEnum.MacroSheet in kinds.values() or SheetTypeEnum.Vba in kinds.values():
        raise ReadError(
            "the workbook has macro sheets",
            hint="ask the publisher for the workbook without macros",
        )
    return [
        (one.name, one.visible == SheetVisibleEnum.Visible)
        for one in book.sheets_metadata
        if one.typ == SheetTypeEnum.WorkSheet
    ]


@contextmanager
def opened(path: Path) -> Iterator[Any]:
    """A workbook; what goes wrong in it while it is open becomes a ReadError."""
    from python_calamine import CalamineError, CalamineWorkbook, PasswordError

    with path.open("rb") as file:
        try:
            with CalamineWorkbook.from_filelike(file) as book:
                yield book
        except PasswordError as error:
            raise ReadError(
                f"{path.name} is encrypted",
                hint="ask the publisher for the workbook without a password",
            ) from error
        except (
            CalamineError, zipfile.BadZipFile, zlib.error, EOFError, ValueError,
            NotImplementedError,
        ) as error:  # fmt: skip
            raise ReadError(
                f"{path.name} is not readable as a workbook: {error}",
                hint="the file is damaged, was cut off, or is of another format than source.format",
            ) from error


_LOOK = {"xlsx": xlsx_sheet, "ods": ods_sheet, "xls": xls_sheet}
