"""Which dialect delimited text is probably written in: the one that gives the most even records."""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import dataclass
from typing import Any

from moulouya.definition import Dialect
from moulouya.errors import ReadError
from moulouya.readers.delimited.marks import Marks
from moulouya.readers.delimited.structure import records_of
from moulouya.readers.delimited.tokens import Broken, line_end, readings, record_at

DELIMITERS = (",", ";", "\t", "|", ", ", " ", "^", "~")
EVEN_ENOUGH = 0.6  # share of the records that must have the same number of values
LOOKED_AT = 200  # records that tell header from data
_NUMBER = re.compile(r"[-+]?[$€]?\s?[0-9٠-٩][0-9٠-٩.,:/%\s\u00a0\u202f-]*[%€]?")
_YEAR = re.compile(r"(19|20)[0-9]{2}")


@dataclass(frozen=True)
class _Shape:
    """The records of a sample in one dialect: where each starts, and how many values it has."""

    dialect: dict[str, Any]
    marks: Marks
    starts: list[int]
    fields: list[int]
    unsound: int

    @property
    def usual(self) -> int:
        counted = Counter(count for count in self.fields if count)
        return counted.most_common(1)[0][0] if counted else 0

    @property
    def even(self) -> float:
        return self.fields.count(self.usual) / len(self.fields) if self.fields else 0.0

    @property
    def score(self) -> float:
        first = self.fields[:1] == [self.usual]
        return self.even * (1 - 1 / max(self.usual, 1)) + 0.02 * first - 0.001 * bool(self.unsound)


def guess_dialect(sample: bytes, shown: str, warnings: list[str]) -> dict[str, Any]:
    """The dialect options of a UTF-8 sample, its encoding apart.

    Raises ReadError where no delimiter makes even records: then nothing is better than a guess.
    """
    newline = b"\n" if b"\n" in sample else b"\r"
    shapes = [
        _shape(sample, dialect, newline)
        for dialect in _candidates(sample)
    ]  # fmt: skip
    best = max(shapes, key=lambda shape: shape.score, default=None)
    if best is not None and best.dialect["delimiter"] == " " and len(best.fields) < 3:
        best = None  # a sentence
    if best is None or best.usual < 2:
        return _single_column(sample, shown)
    if best.even < EVEN_ENOUGH:
        raise ReadError(
            f"{shown} has no delimiter that makes records of one length: {best.usual} values, "
            f"the most frequent number, in {best.even:.0%} of the records",
            hint="declare source.dialect",
        )
    dialect = dict(best.dialect)
    if best.unsound:
        warnings.append(f"{best.unsound} records of the sample break the rules of quoting")
    return {**dialect, **_header(sample, best, shown, warnings)}


def _candidates(sample: bytes) -> list[dict[str, Any]]:
    found = []
    quotes = ['"', *(["'"] if b"'" in sample else []), *([""] if b'"' in sample else [])]
    for quote in quotes:
        escapes: list[str | None] = [None]
        if quote and b"\\" + quote.encode() in sample:
            escapes.append("\\")
        if quote == "'" and sample.count(b'""') * 2 == sample.count(b'"') > 0:
            escapes.insert(0, '"')
        for delimiter in DELIMITERS:
            if delimiter.encode() not in sample:
                continue
            if delimiter == ", " and re.search(rb",(?! )", _unquoted(sample, quote)):
                continue
            for escape in escapes:
                options = {"delimiter": delimiter, "quote": quote, "escape": escape}
                found.append({k: v for k, v in options.items() if v is not None})
    return found


def _unquoted(sample: bytes, quote: str) -> bytes:
    mark = re.escape(quote.encode())
    return re.sub(mark + rb"[^" + mark + rb"]*" + mark, b"", sample) if quote else sample


def _shape(sample: bytes, options: dict[str, Any], newline: bytes) -> _Shape:
    """Find the records of the sample; one that breaks the rules ends with its line."""
    marks = Marks.of(Dialect.model_validate(options), newline)
    starts: list[int] = []
    fields: list[int] = []
    at, unsound = 0, 0
    while at < len(sample) and unsound <= len(fields) // 2 + 5:
        found = records_of(sample[at:], marks, final=True)
        filled = found.ends > found.starts
        starts += [at + start for start in found.starts[filled].tolist()]
        fields += found.fields[filled].tolist()
        at += found.size
        if found.unsound:
            starts.append(at)
            fields.append(0)
            unsound += 1
            at = line_end(sample, at, marks)
    if unsound and fields:
        return _mended(sample, _Shape(options, marks, starts, fields, unsound))
    return _Shape(options, marks, starts, fields, unsound)


def _mended(sample: bytes, shape: _Shape) -> _Shape:
    """The records that break the rules, counted as even where there is one way to read them."""
    usual, fields = shape.usual, list(shape.fields)
    for number, count in enumerate(fields):
        if count == 0 and usual:
            start = shape.starts[number]
            text = sample[start : line_end(sample, start, shape.marks)].rstrip(b"\r\n")
            fields[number] = usual if len(readings(text, usual, shape.marks)[1]) == 1 else 0
    return _Shape(shape.dialect, shape.marks, shape.starts, fields, shape.unsound)


def _single_column(sample: bytes, shown: str) -> dict[str, Any]:
    lines = sample.splitlines()
    if any(sum(mark in line for line in lines) * 4 > len(lines) for mark in (b",", b";", b"\t")):
        raise ReadError(f"{shown} has no even records", hint="declare source.dialect")
    if any(len(line) > 1000 for line in lines):
        raise ReadError(f"{shown} is text, but no table", hint="declare source.dialect")
    return {}


def _header(sample: bytes, shape: _Shape, shown: str, warnings: list[str]) -> dict[str, Any]:
    """Lines before the header, and whether there is one, by a look at the first records."""
    records = [
        (start, values)
        for start, count in zip(shape.starts[:LOOKED_AT], shape.fields, strict=False)
        if count == shape.usual and (values := _values(sample, start, shape)) is not None
    ]
    width = shape.usual
    while len(records) > 2 and sum(map(bool, records[0][1])) * 2 < max(width, 3):
        records = records[1:]  # a title, and cells that are empty for its sake
    if not records:
        raise ReadError("no record of the sample can be read", hint="declare source.dialect")
    start, first = records[0]
    options: dict[str, Any] = {}
    if lines := sample.count(shape.marks.newline, 0, start):
        options["skip"] = lines
        warnings.append(f"{lines} lines before the header were left out")
    rows = [values for _, values in records[1:]]
    again = 0
    while again < len(rows) and rows[again] == first:
        again += 1
    if again:
        options["header"] = again + 1
    elif _is_data(first, rows):
        if "skip" in options:
            raise ReadError(
                f"{shown} has other lines before its records, none of them a header that fits",
                hint="declare source.dialect: skip and header",
            )
        options["header"] = False
        warnings.append("the first record looks like the others, so there is no header")
    elif len(rows) > 3 and _is_header(rows[0], rows[1:]):
        options["header"] = 2
        warnings.append("the header seems to have two lines")
    return options


def _values(sample: bytes, start: int, shape: _Shape) -> list[str] | None:
    try:
        values, _ = record_at(sample, start, shape.marks)
    except Broken:
        end = line_end(sample, start, shape.marks)
        found = readings(sample[start:end].rstrip(b"\r\n"), shape.usual, shape.marks)[1]
        if len(found) != 1:
            return None
        values = found[0]
    return [value.decode(errors="replace").strip() for value in values]


def _numeric(rows: list[list[str]]) -> list[int]:
    """The columns that hold nothing but numbers, dates and times."""
    found = []
    for number in range(len(rows[0]) if rows else 0):
        values = [row[number] for row in rows if row[number]]
        if values and all(_NUMBER.fullmatch(value) for value in values):
            found.append(number)
    return found


def _is_data(first: list[str], rows: list[list[str]]) -> bool:
    columns = _numeric(rows)
    alike = [first[number] for number in columns if _NUMBER.fullmatch(first[number])]
    if columns and all(_YEAR.fullmatch(value) for value in alike):
        return False  # years make a header
    return bool(columns) and len(alike) * 2 > len(columns)


def _is_header(row: list[str], rows: list[list[str]]) -> bool:
    columns = _numeric(rows)
    others = [number for number in columns if row[number] and not _NUMBER.fullmatch(row[number])]
    return len(columns) > 1 and len(others) * 2 > len(columns)
