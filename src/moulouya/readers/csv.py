"""Delimited text in the declared dialect; DuckDB parses it, nothing is sniffed."""

from __future__ import annotations

import codecs
import csv
from collections import defaultdict, deque
from collections.abc import Iterator
from itertools import islice
from pathlib import Path
from typing import IO

from duckdb import DuckDBPyConnection

from moulouya.definition import Dialect, Reading
from moulouya.duck import identifier, literal
from moulouya.errors import ReadError
from moulouya.readers.table import Malformed, RawTable

BLOCK = 4 * 1024 * 1024
LONGEST_LINE = 16 * 1024 * 1024
csv.field_size_limit(LONGEST_LINE)  # Python's own limit is 128 KiB
UTF8 = frozenset({"utf-8", "utf8", "utf-8-sig", "ascii"})


def read(con: DuckDBPyConnection, files: list[Path], source: Reading, scratch: Path) -> RawTable:
    """Open delimited files as text columns; lines with another number of fields are malformed."""
    dialect = source.dialect
    names = [_header(path, source) for path in files]
    for path, found in zip(files, names, strict=True):
        if found != names[0]:
            raise ReadError(
                f"{path.name} has other columns than {files[0].name}",
                hint=f"{', '.join(found)} against {', '.join(names[0])}",
            )
    texts = {_as_utf8(path, source, scratch): path for path in files}
    columns = _distinct(names[0])
    options = {
        "auto_detect": "false",
        "all_varchar": "false",
        "header": str(dialect.header).lower(),
        "skip": str(dialect.skip),
        "delim": literal(dialect.delimiter),
        "quote": literal(dialect.quote),
        "escape": literal(dialect.escape or dialect.quote),
        "strict_mode": "true",
        "store_rejects": "true",
        "rejects_limit": "0",
        "filename": "true",
        "max_line_size": str(LONGEST_LINE),
        "compression": "'none'",
        "columns": "{" + ", ".join(f"{literal(name)}: 'VARCHAR'" for name in columns) + "}",
    }
    listed = ", ".join(literal(str(text)) for text in texts)
    arguments = ", ".join(f"{name} = {value}" for name, value in options.items())
    return RawTable(
        relation=f"read_csv([{listed}], {arguments})",
        expressions=_expressions(names[0], columns),
        file_expression="filename",
        malformed=lambda: _malformed(con),
        lines=lambda records, malformed: _lines(records, malformed, texts, source),
    )


def _open_text(path: Path, source: Reading) -> IO[str]:
    encoding = "utf-8-sig" if source.dialect.encoding in UTF8 else source.dialect.encoding
    return path.open(encoding=encoding, newline="")


def _rows(text: IO[str], dialect: Dialect) -> Iterator[tuple[int, list[str]]]:
    """The records of a file with the line each one starts on."""
    for _ in range(dialect.skip):
        text.readline()
    reader = csv.reader(
        text,
        delimiter=dialect.delimiter,
        quotechar=dialect.quote or None,
        quoting=csv.QUOTE_MINIMAL if dialect.quote else csv.QUOTE_NONE,
        escapechar=dialect.escape if dialect.escape not in (None, dialect.quote) else None,
        doublequote=dialect.escape in (None, dialect.quote),
    )
    line = dialect.skip + 1
    for row in reader:
        yield line, row
        line = dialect.skip + reader.line_num + 1


def _header(path: Path, source: Reading) -> list[str]:
    """The column names in the file, or c1, c2, … where it has no header."""
    try:
        with _open_text(path, source) as text:
            first = next(islice((row for _, row in _rows(text, source.dialect) if row), 1), None)
    except (UnicodeError, LookupError) as error:
        raise ReadError(
            f"{path.name} is not {source.dialect.encoding}: {error}",
            hint="set source.dialect.encoding",
        ) from error
    except csv.Error as error:
        raise ReadError(f"{path.name} cannot be read as CSV: {error}") from error
    if first is None:
        raise ReadError(f"{path.name} is empty")
    if source.dialect.header:
        return [name.strip() for name in first]
    return [f"c{number}" for number in range(1, len(first) + 1)]


def column_names(path: Path, source: Reading) -> list[str]:
    """The names under which a definition can ask for the columns of a file, in their order."""
    return _distinct(_header(path, source))


def _distinct(names: list[str]) -> list[str]:
    """Names that DuckDB can tell apart, case folded: one that repeats is name, name#2, …"""
    result: list[str] = []
    taken: set[str] = set()
    for name in names:
        candidate, number = name or "#1", 1
        while candidate.lower() in taken:
            number += 1
            candidate = f"{name}#{number}"
        taken.add(candidate.lower())
        result.append(candidate)
    return result


def _expressions(names: list[str], columns: list[str]) -> dict[str, str]:
    """Each column under its distinct name, and under its own where no other has that."""
    found = {column: identifier(column) for column in columns}
    for name, column in zip(names, columns, strict=True):
        found.setdefault(name, identifier(column))
    return found


def _as_utf8(path: Path, source: Reading, scratch: Path) -> Path:
    """The file itself when it is UTF-8, else a copy transcoded strictly, block by block."""
    if source.dialect.encoding in UTF8:
        return path
    target = scratch / "utf8" / path.name
    target.parent.mkdir(parents=True, exist_ok=True)
    decoder = codecs.getincrementaldecoder(source.dialect.encoding)()
    done = 0
    with path.open("rb") as raw, target.open("wb") as text:
        try:
            while block := raw.read(BLOCK):
                text.write(decoder.decode(block).encode())
                done += len(block)
            text.write(decoder.decode(b"", final=True).encode())
        except UnicodeDecodeError as error:
            raise ReadError(
                f"{path.name} is not {source.dialect.encoding}: byte {done + error.start} is "
                f"{error.object[error.start : error.start + 1].hex()}",
                hint="set source.dialect.encoding",
            ) from error
    return target


def _malformed(con: DuckDBPyConnection) -> list[Malformed]:
    """The lines that are no rows, as DuckDB rejected them, at their physical place."""
    rows = con.execute(
        "SELECT DISTINCT ON (file_path, line_byte_position) file_path, line_byte_position, "
        "error_message, csv_line FROM reject_errors JOIN reject_scans USING (scan_id, file_id) "
        "ORDER BY file_path, line_byte_position, column_idx"
    ).fetchall()
    offsets: dict[Path, set[int]] = defaultdict(set)
    for path, offset, *_ in rows:
        offsets[Path(path)].add(offset)
    lines = {path: _lines_at(path, wanted) for path, wanted in offsets.items()}
    return [
        Malformed(
            Path(path), lines[Path(path)][offset], str(message).split("\n")[0], original or ""
        )
        for path, offset, message, original in rows
    ]


def _lines_at(path: Path, offsets: set[int]) -> dict[int, int]:
    """The line number of each byte offset; DuckDB counts records, a person counts lines."""
    found: dict[int, int] = {}
    wanted = deque(sorted(offsets))
    line, done = 1, 0
    with path.open("rb") as text:
        while wanted and (block := text.read(BLOCK)):
            at = 0
            while wanted and wanted[0] < done + len(block):
                offset = wanted.popleft()
                line += block.count(b"\n", at, offset - done)
                at = offset - done
                found[offset] = line
            line += block.count(b"\n", at)
            done += len(block)
    return found | dict.fromkeys(wanted, line)


def _lines(
    records: dict[Path, set[int]],
    malformed: list[Malformed],
    texts: dict[Path, Path],
    source: Reading,
) -> dict[tuple[Path, int], int]:
    """The line on which each wanted record starts; reads a file no further than needed."""
    broken = {(bad.file, bad.line) for bad in malformed}
    found: dict[tuple[Path, int], int] = {}
    for path, wanted in records.items():
        with _open_text(texts[path], source) as text:
            rows = (
                line
                for line, row in _rows(text, source.dialect)
                if row and (path, line) not in broken
            )
            if source.dialect.header:
                next(rows, None)
            missing = set(wanted)
            for record, line in enumerate(rows, 1):
                if record in missing:
                    found[path, record] = line
                    missing.remove(record)
                if not missing:
                    break
    return found
