"""Which sheet of a workbook is the table, and which row its header, for drafts only."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from moulouya.errors import ReadError
from moulouya.readers.workbook import first_rows, sheets

LOOKED_AT = 60  # rows


def sheet_of(path: Path, kind: str, declared: str | None, warnings: list[str]) -> dict[str, Any]:
    """The options for a workbook: the sheet with the widest table at its start, and its header."""
    known = sheets(path, kind)
    names = [declared] if declared is not None else [name for name, shown in known if shown]
    found = []
    for name in names:
        rows = first_rows(path, kind, name, LOOKED_AT)
        if rows:
            found.append((name, rows))
    if not found:
        raise ReadError(f"{path.name} has no sheet with a table")
    name, rows = max(found, key=lambda one: _score(one[1]))
    if len(known) > 1:
        told = ", ".join(one if shown else f"{one} (hidden)" for one, shown in known)
        warnings.append(f"of the sheets {told} {name!r} was read")
    sheet: dict[str, Any] = {"name": name} if len(known) > 1 else {}
    header = _header(rows)
    if header != 1:
        sheet["header"] = header
        warnings.append(f"row {header} was taken for the header")
    return {"format": kind, **({"sheet": sheet} if sheet else {})}


def _width(row: list[str | None]) -> int:
    return sum(cell is not None and bool(cell.strip()) for cell in row)


def _score(rows: list[tuple[int, list[str | None]]]) -> int:
    widest = max(_width(row) for _, row in rows)
    return sum(_width(row) for _, row in rows if _width(row) > 1) if widest > 1 else 1


def _header(rows: list[tuple[int, list[str | None]]]) -> int:
    """The first row that is nearly as wide as the table."""
    widths = [_width(row) for _, row in rows]
    usual = sorted(widths)[len(widths) // 2]
    for (line, _), width in zip(rows, widths, strict=True):
        if width >= max(1, usual * 0.8):
            return line
    return rows[0][0]
