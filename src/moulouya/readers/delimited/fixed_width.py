"""Fixed-width text: each declared field stands at its own characters of every line."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from pathlib import Path

from duckdb import DuckDBPyConnection

from moulouya.definition import Reading
from moulouya.errors import ReadError
from moulouya.readers.delimited.encoding import as_utf8
from moulouya.readers.rows import table_of
from moulouya.readers.table import Malformed, RawTable

LONGEST_LINE = 1024 * 1024
PADDING = " \t\u00a0"


def read(con: DuckDBPyConnection, files: list[Path], source: Reading, scratch: Path) -> RawTable:
    """Open fixed-width text as one row a line; names and places come from ``source.fields``.

    Padding is no part of a value. A line that ends before its last field does is malformed,
    unless ``dialect.trim`` says that blanks at the end are not written. Raises ReadError for
    another encoding than declared, or without fields.
    """
    if not source.fields:
        raise ReadError(
            f"{files[0].name} has no fields to read",
            hint="declare source.fields: {name: [first character, last character], …}",
        )
    malformed: list[Malformed] = []

    def rows() -> Iterator[tuple[Path, int, list[str | None]]]:
        for path in files:
            for number, line in _lines(
                path, as_utf8(path, source.dialect.encoding, scratch), source
            ):
                values = _values(line, source)
                if values is None:
                    reason = f"the line ends after {len(line)} characters, before its last field"
                    malformed.append(Malformed(path, number, reason, line[:1000], "fields"))
                else:
                    yield path, number, values

    return table_of(con, scratch, files[0].name, list(source.fields), rows(), malformed)


def _lines(path: Path, utf8: Path, source: Reading) -> Iterator[tuple[int, str]]:
    """The lines that hold rows, each with its number in the file."""
    dialect = source.dialect
    held: deque[tuple[int, str]] = deque()
    with utf8.open(encoding="utf-8-sig") as text:
        number = 0
        while line := text.readline(LONGEST_LINE):
            number += 1
            if len(line) == LONGEST_LINE:
                raise ReadError(
                    f"line {number} of {path.name} has more than {LONGEST_LINE - 1} characters",
                    hint="is this fixed-width text?",
                )
            if number <= dialect.skip:
                continue
            held.append((number, line.removesuffix("\n")))
            if len(held) > dialect.skip_end:
                number_held, row = held.popleft()
                if row.strip() and not (dialect.comment and row.startswith(dialect.comment)):
                    yield number_held, row


def _values(line: str, source: Reading) -> list[str | None] | None:
    ends = max(last for _, last in source.fields.values())
    if len(line) < ends and not source.dialect.trim:
        return None
    return [line[first - 1 : last].strip(PADDING) or None for first, last in source.fields.values()]
