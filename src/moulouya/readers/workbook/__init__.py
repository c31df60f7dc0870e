"""Workbooks (XLSX, XLS, ODS): a declared sheet, its declared header, and the rows below it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from duckdb import DuckDBPyConnection

from moulouya.definition import JoinedSheet, Reading
from moulouya.errors import ReadError, did_you_mean
from moulouya.readers.rows import Row, table_of
from moulouya.readers.table import Malformed, RawTable
from moulouya.readers.workbook.package import check_package
from moulouya.readers.workbook.sheet import Part, opened, worksheets


def read(con: DuckDBPyConnection, files: list[Path], source: Reading, scratch: Path) -> RawTable:
    """Open the declared sheet of workbooks as text: numbers as short as they are exact, ISO dates.

    An error cell (#N/A) is its own text, so that no type but text takes it; a row with a formula
    that was never computed is malformed. Raises ReadError when the sheet is not there (the message
    lists those that are), or the workbook is damaged, encrypted, has macros, or is a bomb.
    """
    malformed: list[Malformed] = []
    tables = [_Table(path, source, malformed) for path in files]
    for table in tables:
        if table.names != tables[0].names:
            raise ReadError(
                f"{table.path.name} has other columns than {files[0].name}",
                hint=f"{', '.join(table.names)} against {', '.join(tables[0].names)}",
            )
    rows = (row for table in tables for row in table.rows())
    return table_of(con, scratch, files[0].name, tables[0].names, rows, malformed)


def sheets(path: Path, format: str) -> list[tuple[str, bool]]:
    """The names of a workbook's sheets, and whether each is shown; raises ReadError."""
    if format != "xls":
        check_package(path)
    with opened(path) as book:
        return worksheets(book)


def first_rows(
    path: Path, format: str, sheet: str, most: int
) -> list[tuple[int, list[str | None]]]:
    """The first rows of a sheet that are not blank, with their numbers; raises ReadError."""
    source = Reading.model_validate({"format": format})
    return Part.of(path, source, sheet, with_header=False).first(most)


class _Table:
    """The table in one workbook: its main sheet, and those joined to it."""

    def __init__(self, path: Path, source: Reading, malformed: list[Malformed]) -> None:
        self.path = path
        self.malformed = malformed
        if source.format != "xls":
            check_package(path)
        self.main = Part.of(path, source, source.sheet.name)
        self.names = list(self.main.names)
        self.joined: list[tuple[JoinedSheet, Part, list[str]]] = []
        for joined in source.sheet.join:
            part = Part.of(path, source, joined.name)
            for key in joined.key:
                for one in (self.main, part):
                    if key not in one.names:
                        raise ReadError(
                            f"{path.name}: the sheet {one.sheet!r} has no column {key!r} to join "
                            f"by{did_you_mean(key, one.names)}",
                            hint=f"it has: {', '.join(one.names)}",
                        )
            others = [name for name in part.names if name not in joined.key]
            self.joined.append((joined, part, others))
            self.names += [name + joined.suffix for name in others]

    def rows(self) -> Iterator[Row]:
        """The rows of the main sheet with those of the joined ones that have the same key."""
        lookups = [_Lookup(self, joined, part, others) for joined, part, others in self.joined]
        for line, values in self.main.rows(self.malformed):
            row = list(values)
            for lookup in lookups:
                row += lookup.take(line, values)
            yield self.path, line, row
        for lookup in lookups:
            lookup.check_all_taken()


class _Lookup:
    """The rows of a joined sheet by key; every one is taken once."""

    def __init__(self, table: _Table, joined: JoinedSheet, part: Part, others: list[str]) -> None:
        self.table = table
        self.part = part
        self.width = len(others)
        self.own = [table.main.names.index(name) for name in joined.key]
        self.taken: dict[tuple[str | None, ...], int] = {}
        self.lines: dict[tuple[str | None, ...], int] = {}
        self.values: dict[tuple[str | None, ...], list[str | None]] = {}
        keys = [part.names.index(name) for name in joined.key]
        rest = [part.names.index(name) for name in others]
        for line, row in part.rows(table.malformed):
            key = tuple(row[place] for place in keys)
            if None in key:
                reason = f"in the sheet {part.sheet!r}: no key to join it by"
                text = " | ".join(value or "" for value in row)
                table.malformed.append(Malformed(table.path, line, reason, text))
                continue
            if key in self.values:
                raise self._error(key, f"is in rows {self.lines[key]} and {line}", part.sheet)
            self.values[key] = [row[place] for place in rest]
            self.lines[key] = line

    def take(self, line: int, row: list[str | None]) -> list[str | None]:
        """The other sheet's values for a row; none where it has no such key."""
        key = tuple(row[place] for place in self.own)
        if key in self.values:
            if key in self.taken:
                raise self._error(
                    key, f"is in rows {self.taken[key]} and {line}", self.table.main.sheet
                )
            self.taken[key] = line
        return self.values.get(key, [None] * self.width)

    def check_all_taken(self) -> None:
        """Raise ReadError where a row of the other sheet belongs to none of the main one."""
        for key, line in self.lines.items():
            if key not in self.taken:
                raise self._error(
                    key, f"(row {line}) is not in {self.table.main.sheet!r}", self.part.sheet
                )

    def _error(self, key: tuple[str | None, ...], problem: str, sheet: str) -> ReadError:
        told = ", ".join(map(str, key))
        return ReadError(
            f"{self.table.path.name}: in the sheet {sheet!r} the key {told!r} {problem}",
            hint="sheets are joined by key: it must be unique, and the same in both",
        )
