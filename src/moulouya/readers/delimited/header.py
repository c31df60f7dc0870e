"""The start of delimited text: marks, lines before the header, the header, where rows begin."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from pathlib import Path

from moulouya.definition import Dialect
from moulouya.errors import ReadError
from moulouya.readers.delimited.marks import Marks
from moulouya.readers.delimited.structure import ends_outside, records_of
from moulouya.readers.delimited.tokens import Broken, line_end, readings, record_at
from moulouya.readers.names import distinct

MOST_COLUMNS = 4000  # DuckDB holds 2,048 values of each at once
HEAD = 16 * 1024 * 1024
FIRST = 256 * 1024
BOM = b"\xef\xbb\xbf"


@dataclass(frozen=True)
class Layout:
    """Where rows start and stop in a file, and what a row must look like.

    ``names`` are the header's, ``columns`` the same told apart; ``header_rows`` its lines value
    by value; ``whole_lines`` is the number of lines before the first row, None where they are not
    to be skipped by number; ``line_ends`` are the kinds of line ends among them.
    """

    marks: Marks
    columns: list[str]
    names: list[str]
    header_rows: list[list[bytes]]
    start: int
    stop: int
    first_line: int
    whole_lines: int | None
    line_ends: frozenset[bytes]
    keep_stray: bool
    repeated_header: bool


def layout_of(path: Path, dialect: Dialect, shown: str) -> Layout:
    """Read the start of a UTF-8 file by its dialect; ``shown`` is its name for a person.

    Raises ReadError when it is empty, has no header, or a header whose quotes are unsound.
    """
    size = path.stat().st_size
    with path.open("rb") as file:
        head = file.read(FIRST)
        if size > FIRST and len(head.splitlines()) < dialect.skip + int(dialect.header) + 100:
            head += file.read(HEAD)
    start = len(BOM) if head.startswith(BOM) else 0
    marks = Marks.of(dialect, _newline(head[start:], dialect))
    line = 1
    for _ in range(dialect.skip):
        start, line = line_end(head, start, marks), line + 1
    stop = _without_end(path, size, dialect.skip_end, marks)
    head = head[:stop] if stop < len(head) else head
    rows: list[list[bytes]] = []
    begin = start
    while len(rows) < max(int(dialect.header), 1):
        end = line_end(head, start, marks)
        text = head[start:end].rstrip(b"\r\n")
        if start >= len(head):
            raise ReadError(f"{shown} is empty" if not rows else f"{shown} ends within its header")
        if text and not (marks.comment and text.startswith(marks.comment)):
            values, end = _values(head, start, end, marks, dialect, shown)
            if not rows:
                begin, begin_line = start, line
            rows.append(values)
        line += max(head.count(marks.newline, start, end), 1)
        start = end
    if dialect.header is False:
        names = [f"c{number}" for number in range(1, len(rows[0]) + 1)]
        rows, start, line = [], begin, begin_line
    else:
        names = _joined(rows, shown)
    if len(names) > MOST_COLUMNS:
        raise ReadError(
            f"{shown} has {len(names)} columns, and at most {MOST_COLUMNS} can be read",
            hint="is source.dialect.delimiter right?",
        )
    return Layout(
        marks=marks,
        columns=distinct(names),
        names=names,
        header_rows=[[value.strip() for value in row] for row in rows],
        start=start,
        stop=max(stop, start),
        first_line=line,
        whole_lines=_whole_lines(head[:start], line - 1, marks),
        line_ends=_line_ends(head[:start]),
        keep_stray=dialect.stray_quotes == "keep",
        repeated_header=dialect.repeated_header,
    )


def _whole_lines(before: bytes, lines: int, marks: Marks) -> int | None:
    """The lines before the first row, None where DuckDB would count them otherwise."""
    found = before.split(marks.newline)
    sound = not marks.quote or all(line.count(marks.quote) % 2 == 0 for line in found)
    return lines if sound and len(found) == lines + 1 else None


def _line_ends(before: bytes) -> frozenset[bytes]:
    pairs = before.count(b"\r\n")
    found = {
        b"\r\n": pairs,
        b"\n": before.count(b"\n") - pairs,
        b"\r": before.count(b"\r") - pairs,
    }
    return frozenset(end for end, count in found.items() if count)


def _newline(head: bytes, dialect: Dialect) -> bytes:
    """A carriage return ends records only where no line feed does."""
    if b"\r" not in head:
        return b"\n"
    feeds, returns = ends_outside(head, Marks.of(dialect, b"\n"))
    return b"\r" if returns and not feeds else b"\n"


def _without_end(path: Path, size: int, lines: int, marks: Marks) -> int:
    """Where the last lines of the file begin that are no rows."""
    if not lines:
        return size
    with path.open("rb") as file:
        file.seek(max(size - HEAD, 0))
        tail = file.read()
    end = len(tail.rstrip(b"\r\n")) if tail.endswith((b"\n", b"\r")) else len(tail)
    end = min(end, len(tail))
    if tail[end:].count(marks.newline) > 1:  # blank lines at the end are lines as well
        lines -= tail[end:].count(marks.newline) - 1
    for _ in range(max(lines, 0)):
        end = tail.rfind(marks.newline, 0, end)
        if end < 0:
            return 0
    return size - len(tail) + min(end + 1, len(tail))


def _values(
    head: bytes, start: int, end: int, marks: Marks, dialect: Dialect, shown: str
) -> tuple[list[bytes], int]:
    try:
        return record_at(head, start, marks)
    except Broken as error:
        if dialect.stray_quotes == "keep":
            text = head[start:end].rstrip(b"\r\n")
            _, found = readings(text, _usual(head, end, marks), marks)
            if len(found) == 1:
                return found[0], end
        raise ReadError(
            f"the header of {shown} cannot be read: {error}",
            hint="check source.dialect: delimiter, quote and skip",
        ) from error


def _usual(head: bytes, start: int, marks: Marks) -> int:
    """How many values most of the first records have."""
    records = records_of(head[start : start + FIRST], marks, final=False)
    counted = Counter(records.fields.tolist())
    return int(counted.most_common(1)[0][0]) if counted else 0


def _joined(rows: list[list[bytes]], shown: str) -> list[str]:
    widths = {len(row) for row in rows}
    if len(widths) > 1:
        raise ReadError(
            f"the lines of the header of {shown} have {sorted(widths)} names",
            hint="check source.dialect.header and skip",
        )
    texts = [[_text(value, shown).strip() for value in row] for row in rows]
    return [" ".join(filter(None, names)) for names in zip(*texts, strict=True)]


def _text(value: bytes, shown: str) -> str:
    try:
        return value.decode()
    except UnicodeDecodeError as error:
        raise ReadError(
            f"{shown} is not utf-8: {error}", hint="set source.dialect.encoding"
        ) from error
