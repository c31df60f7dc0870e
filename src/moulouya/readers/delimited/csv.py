"""Delimited text in the declared dialect: our gate decides what is a row, DuckDB reads the rows."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from duckdb import DuckDBPyConnection

from moulouya.definition import Reading
from moulouya.duck import literal
from moulouya.errors import ReadError
from moulouya.readers.delimited import gate
from moulouya.readers.delimited.encoding import as_utf8
from moulouya.readers.delimited.gate import Dropped, Kept, Rejected, Replaced
from moulouya.readers.delimited.header import Layout, layout_of
from moulouya.readers.delimited.marks import Marks
from moulouya.readers.delimited.tokens import written
from moulouya.readers.names import expressions
from moulouya.readers.table import Malformed, RawTable

LONGEST_LINE = gate.LONGEST_RECORD + 1024 * 1024


@dataclass(frozen=True)
class _Text:
    """A delivered file, its text in UTF-8, and where its rows are."""

    path: Path
    utf8: Path
    layout: Layout


def read(con: DuckDBPyConnection, files: list[Path], source: Reading, scratch: Path) -> RawTable:
    """Open delimited files as text columns; records that are no rows are malformed.

    Raises ReadError for another encoding than declared, a header that differs between files or
    comes again, and a file in which no record has as many values as its header.
    """
    texts = [_text(path, source, scratch) for path in files]
    first = texts[0].layout
    for text in texts:
        if text.layout.names != first.names:
            raise ReadError(
                f"{text.path.name} has other columns than {files[0].name}",
                hint=f"{', '.join(text.layout.names)} against {', '.join(first.names)}",
            )
    malformed: list[Malformed] = []
    marks, skip = first.marks, first.whole_lines
    plain = [_rows_as_written(text, skip) for text in texts]
    ends = {found[1] for found in plain if found is not None}
    if None not in plain and len(ends) == 1:
        read_from = {text.utf8: text for text in texts}
        counts = [found[0] for found in plain if found is not None]
    else:
        marks, skip, ends = first.marks.as_written, 0, {b"\n"}
        folder = scratch / "rows"
        read_from = {folder / f"{at}" / text.path.name: text for at, text in enumerate(texts)}
        counts = [_rewritten(text, target, marks, malformed) for target, text in read_from.items()]
    options = {
        "auto_detect": "false",
        "header": "false",
        "skip": str(skip),
        "delim": literal(marks.delimiter.decode()),
        "quote": literal(marks.quote.decode()),
        "escape": literal(marks.quote.decode()),
        **({"new_line": "'\\n'"} if ends == {b"\n"} else {}),  # CRLF is found, not to be told
        "strict_mode": "true",
        "filename": "true",
        "max_line_size": str(LONGEST_LINE),
        # By itself DuckDB takes sixteen longest lines a buffer, which fills its memory limit.
        "buffer_size": str(2 * LONGEST_LINE),
        "compression": "'none'",
        "columns": "{" + ", ".join(f"{literal(name)}: 'VARCHAR'" for name in first.columns) + "}",
    }
    listed = ", ".join(literal(str(path)) for path in read_from)

    def relation(**more: str) -> str:
        arguments = ", ".join(f"{name} = {value}" for name, value in {**options, **more}.items())
        return f"read_csv([{listed}], {arguments})"

    found = expressions(first.names, first.columns)
    if source.dialect.trim:
        found = {name: f"trim({column}, ' \t')" for name, column in found.items()}
    return RawTable(
        relation=relation(),
        expressions=found,
        file_expression="filename",
        malformed=lambda: malformed,
        lines=lambda records, _: _lines(records, read_from),
        rows=sum(counts),
        without=None
        if source.dialect.trim
        else lambda texts: relation(nullstr=f"[{', '.join(map(literal, texts))}]"),
    )


def column_names(path: Path, source: Reading) -> list[str]:
    """The names under which a definition can ask for the columns of a UTF-8 file, in order."""
    return layout_of(path, source.dialect, path.name).columns


def _text(path: Path, source: Reading, scratch: Path) -> _Text:
    utf8 = as_utf8(path, source.dialect.encoding, scratch)
    return _Text(path, utf8, layout_of(utf8, source.dialect, path.name))


def _rows_as_written(text: _Text, skip: int | None) -> tuple[int, bytes] | None:
    """The number of rows and their line end, None where DuckDB cannot read the file as it is."""
    if skip is None or text.layout.whole_lines != skip or text.layout.stop < _size(text.utf8):
        return None
    rows = 0
    ends = set(text.layout.line_ends)
    for decision in gate.decisions(text.utf8, text.layout):
        if not isinstance(decision, Kept):
            return None
        ends |= _line_ends(decision)
        if len(ends) > 1 or b"\r" in ends:  # DuckDB takes the first line end for all
            return None
        rows += decision.rows
    return rows, next(iter(ends), b"\n")


def _size(path: Path) -> int:
    return path.stat().st_size


def _line_ends(kept: Kept) -> set[bytes]:
    """The kinds of line ends in a stretch of rows, those inside quoted values included."""
    start, end = int(kept.starts[0]), int(kept.nexts[-1])
    if kept.block.find(b"\r", start, end) < 0:
        return {b"\n"}
    text = np.frombuffer(kept.block, np.uint8)[start:end]
    returns, feeds = np.count_nonzero(text == 13), np.count_nonzero(text == 10)
    pairs = np.count_nonzero(kept.nexts - kept.ends == 2)
    ended = np.count_nonzero(kept.nexts > kept.ends)
    return {b"\r\n"} if pairs == ended == returns == feeds else {b"\r"}


def _rewritten(text: _Text, target: Path, marks: Marks, malformed: list[Malformed]) -> int:
    """Write the rows, and nothing else, in the plainest form; returns how many there are.

    Raises ReadError when no record has as many values as the header, or most of very many.
    """
    rows, rejected = 0, 0
    target.parent.mkdir(parents=True, exist_ok=True)
    with target.open("wb") as file:
        for decision in gate.decisions(text.utf8, text.layout):
            match decision:
                case Kept():
                    file.write(_with_line_feeds(decision))
                    rows += decision.rows
                case Replaced(values):
                    file.write(written(values, marks))
                    rows += 1
                case Rejected(line, reason, original, rule):
                    malformed.append(Malformed(target, line, reason, original, rule))
                    rejected += 1
                case Dropped():
                    continue
            if rejected > gate.MOST_REJECTED and rejected > rows:
                break
    reasons = {bad.reason for bad in malformed[-rejected:]} if rejected > 1 else set()
    if (not rows and len(reasons) == 1) or (rejected > gate.MOST_REJECTED and rejected > rows):
        raise ReadError(
            f"{'hardly any' if rows else 'no'} line of {text.path.name} has the "
            f"{len(text.layout.columns)} values of its header: {malformed[-1].reason}",
            hint="check source.dialect: delimiter, quote, skip and header",
        )
    return rows


def _with_line_feeds(kept: Kept) -> bytes:
    """The rows as they are written, each with a line feed as its end."""
    start, end = int(kept.starts[0]), int(kept.nexts[-1])
    part = kept.block[start:end]
    if b"\r" not in part:
        return part if part.endswith(b"\n") else part + b"\n"
    text = np.frombuffer(part, np.uint8).copy()
    ends, nexts = kept.ends - start, kept.nexts - start
    keep = np.ones(text.size, bool)
    keep[ends[nexts - ends == 2]] = False
    text[nexts[nexts > ends] - 1] = 10
    return text[keep].tobytes() + (b"" if nexts[-1] > ends[-1] else b"\n")


def _lines(
    records: dict[Path, set[int]], read_from: dict[Path, _Text]
) -> dict[tuple[Path, int], int]:
    """The line on which each wanted row starts; reads a file no further than needed."""
    found: dict[tuple[Path, int], int] = {}
    for path, wanted in records.items():
        text = read_from[path]
        missing = sorted(wanted, reverse=True)
        done = 0
        for decision in gate.decisions(text.utf8, text.layout):
            if not missing:
                break
            if isinstance(decision, Replaced):
                done += 1
                if missing[-1] == done:
                    found[path, missing.pop()] = decision.line
            elif isinstance(decision, Kept):
                numbers = np.flatnonzero(decision.ends > decision.starts)
                while missing and missing[-1] <= done + numbers.size:
                    record = missing.pop()
                    found[path, record] = decision.line(int(numbers[record - done - 1]))
                done += numbers.size
    return found
