"""The structure gate: which records of delimited text are rows, decided one by one.

A record is a row when its quotes are sound and it has as many values as the header; every other
one is left out where the dialect says so, or rejected with its line. Nothing is guessed.
"""

from __future__ import annotations

from collections.abc import Generator, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from moulouya.errors import ReadError
from moulouya.readers.delimited.header import Layout
from moulouya.readers.delimited.structure import Positions, Records, records_of
from moulouya.readers.delimited.tokens import (
    SPAN_BYTES,
    Broken,
    line_end,
    readings,
    record_at,
    span_of,
)
from moulouya.readers.table import Rule

BLOCK = 4 * 1024 * 1024
LONGEST_RECORD = 16 * 1024 * 1024
SMALLEST_WINDOW = 4 * 1024
LONGEST_ORIGINAL = 64 * 1024
MOST_REJECTED = 100_000


@dataclass(frozen=True)
class Kept:
    """Rows that are read as they are written; offsets are into ``block``."""

    block: bytes
    starts: Positions
    ends: Positions
    nexts: Positions
    lines: Positions
    first_line: int

    @property
    def rows(self) -> int:
        """How many rows there are; empty lines between them are none."""
        return int(np.count_nonzero(self.ends > self.starts))

    def line(self, number: int) -> int:
        """The line on which the row with this number (from 0) starts."""
        return self.first_line + int(np.searchsorted(self.lines, self.starts[number]))


@dataclass(frozen=True)
class Replaced:
    """A row that must be written anew: its values, and its line."""

    values: list[bytes]
    line: int


@dataclass(frozen=True)
class Dropped:
    """Something that the dialect says is no row: a comment, a repeated header."""

    line: int


@dataclass(frozen=True)
class Rejected:
    """A record that is no row: its line, what is wrong, its text, the rule it broke."""

    line: int
    reason: str
    original: str
    rule: Rule


Decision = Kept | Replaced | Dropped | Rejected


def decisions(path: Path, layout: Layout) -> Iterator[Decision]:
    """Every record after the header in its order; blank lines are none.

    Raises ReadError for a header that comes again undeclared, or a record without an end.
    """
    return _Gate(path, layout).run()


class _Gate:
    """A window over the file that moves from record to record."""

    def __init__(self, path: Path, layout: Layout) -> None:
        self.path = path
        self.layout = layout
        self.marks = layout.marks
        self.fields = len(layout.columns)
        self.data = b""
        self.at = 0
        self.line = layout.first_line
        self.left = layout.stop - layout.start
        values = [sum(map(len, row)) + len(row) - 1 for row in layout.header_rows]
        self.shortest = min(values, default=0)
        self.longest = max(values, default=-1) + 4 * self.fields
        self.needles = {max(row, key=len) for row in layout.header_rows if len(row) > 1}

    def run(self) -> Iterator[Decision]:
        window = BLOCK
        with self.path.open("rb") as file:
            file.seek(self.layout.start)
            while True:
                while len(self.data) - self.at < max(window, SPAN_BYTES) and self.left:
                    block = file.read(min(BLOCK, self.left))
                    self.left -= len(block)
                    self.data, self.at = self.data[self.at :] + block, 0
                if self.at == len(self.data):
                    return
                end = min(self.at + window, len(self.data))
                final = end == len(self.data) and not self.left
                block = self.data[self.at : end]
                records = records_of(block, self.marks, final=final)
                taken = yield from self._sound(block, records)
                self._advance(taken, int(np.searchsorted(records.lines, taken)))
                if taken < records.size:  # a record turned out to end earlier
                    window = SMALLEST_WINDOW
                elif records.unsound:
                    yield from self._unsound()
                    window = SMALLEST_WINDOW
                elif records.size:
                    window = min(window * 2, BLOCK)
                elif len(self.data) - self.at > LONGEST_RECORD:
                    yield from self._endless()
                    window = SMALLEST_WINDOW
                else:
                    window *= 4

    def _advance(self, size: int, lines: int) -> None:
        self.at += size
        self.line += lines

    def _sound(self, block: bytes, records: Records) -> Generator[Decision, None, int]:
        """Decide records with sound quotes; returns how many bytes they took."""
        blank = records.starts == records.ends
        special = ((records.fields != self.fields) & ~blank) | records.odd
        special |= blank if self.fields == 1 else False
        again = self._headers_again(block, records)
        special[again] = True
        first = 0
        for number in np.flatnonzero(special).tolist():
            if number > first:
                yield self._kept(block, records, first, number)
            first = number + 1
            start, end = int(records.starts[number]), int(records.nexts[number])
            line = self.line + int(np.searchsorted(records.lines, start))
            if blank[number]:
                yield Dropped(line)
                continue
            if self._is_comment(block, start):
                yield Dropped(line)
                after = line_end(block, start, self.marks)
                if after < end:  # quotes of a comment wrap nothing
                    return after
                continue
            if number in again:
                yield self._header_again(line)
                continue
            yield self._careful(block[start:end], line, int(records.fields[number]))
        if first < records.starts.size:
            yield self._kept(block, records, first, records.starts.size)
        return records.size

    def _kept(self, block: bytes, records: Records, first: int, end: int) -> Kept:
        part = slice(first, end)
        return Kept(
            block,
            records.starts[part],
            records.ends[part],
            records.nexts[part],
            records.lines,
            self.line,
        )

    def _careful(self, record: bytes, line: int, fields: int) -> Decision:
        """One record by itself, value by value."""
        if b"\0" in record:
            return _rejected(line, "a NUL byte", record, "encoding")
        try:
            values, _ = record_at(record, 0, self.marks)
        except Broken as error:
            return _rejected(line, str(error), record, "quotes")
        if len(values) == self.fields:
            return Replaced(values, line)
        return _rejected(line, self._expected(fields), record, "fields")

    def _unsound(self) -> Iterator[Decision]:
        """The record here breaks the rules of quoting: read it in the one way there is, or not."""
        data, start, line = self.data, self.at, self.line
        end = line_end(data, start, self.marks)
        if self._is_comment(data, start):
            yield Dropped(line)
        else:
            decision, end = self._broken(data, start, end, line)
            yield decision
        self._advance(end - start, data.count(self.marks.newline, start, end))

    def _broken(self, data: bytes, start: int, end: int, line: int) -> tuple[Decision, int]:
        try:
            values, after = record_at(data, start, self.marks)
        except Broken as error:
            reason = str(error)
        else:
            record = data[start:after]
            if b"\0" in record:
                return _rejected(line, "a NUL byte", record, "encoding"), after
            if len(values) == self.fields:
                return Replaced(values, line), after
            return _rejected(line, self._expected(len(values)), record, "fields"), after
        span = span_of(data, start, self.fields, self.marks)
        # A record without a line end may have been cut off inside its quotes.
        whole = data[start:end].endswith((b"\n", b"\r"))
        if self.layout.keep_stray and whole and b"\0" not in data[start:end]:
            _, found = readings(data[start:end].rstrip(b"\r\n"), self.fields, self.marks)
            if len(found) == 1 and span == end:
                return Replaced(found[0], line), end
            if found:
                reason += ", and it can be read in more than one way"
        return _rejected(line, reason, data[start:span], "quotes"), span

    def _endless(self) -> Iterator[Decision]:
        end = line_end(self.data, self.at, self.marks)
        if end - self.at > LONGEST_RECORD:
            raise ReadError(
                f"{self.path.name} has a line of more than {LONGEST_RECORD} bytes "
                f"(line {self.line})",
                hint="is this text, and is source.dialect.encoding right?",
            )
        yield _rejected(self.line, "a quote is never closed", self.data[self.at : end], "quotes")
        self._advance(end - self.at, 1)

    def _is_comment(self, data: bytes, start: int) -> bool:
        return bool(self.marks.comment) and data.startswith(self.marks.comment or b"", start)

    def _headers_again(self, block: bytes, records: Records) -> list[int]:
        """The records that say the header once more."""
        if not any(needle in block for needle in self.needles):
            return []
        sizes = records.ends - records.starts
        alike = (records.fields == self.fields) & ~records.odd
        alike &= (sizes >= self.shortest) & (sizes <= self.longest)
        found = []
        for number in np.flatnonzero(alike).tolist():
            record = block[int(records.starts[number]) : int(records.ends[number])]
            if any(needle in record for needle in self.needles):
                values, _ = record_at(record, 0, self.marks)
                if [value.strip() for value in values] in self.layout.header_rows:
                    found.append(number)
        return found

    def _header_again(self, line: int) -> Decision:
        if self.layout.repeated_header:
            return Dropped(line)
        raise ReadError(
            f"{self.path.name} says its header again on line {line}: does another table start?",
            hint="set source.dialect.repeated_header if the rows after it go on",
        )

    def _expected(self, found: int) -> str:
        return f"Expected Number of Columns: {self.fields} Found: {found}"


def _rejected(line: int, reason: str, record: bytes, rule: Rule) -> Rejected:
    original = record[:LONGEST_ORIGINAL].decode(errors="replace")
    return Rejected(line, reason, original.rstrip("\r\n"), rule)
