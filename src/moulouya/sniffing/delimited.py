"""Delimited text: encoding, dialect, numbers, dates and types of a sample, for drafts only."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import duckdb
from charset_normalizer import from_bytes

from moulouya.definition import Reading
from moulouya.duck import one_row
from moulouya.errors import ReadError
from moulouya.readers.delimited import csv
from moulouya.readers.delimited.encoding import as_utf8, byte_order_mark
from moulouya.readers.table import RawTable
from moulouya.sniffing.dialects import guess_dialect
from moulouya.sniffing.table import Sniffed, SniffedColumn, typed

SAMPLE = 1024 * 1024
FEW = 30  # letters that are too few to tell encodings apart: then the usual one is tried
_ENCODINGS = [
    "cp1252", "cp1256", "iso8859_6", "mac_roman", "cp1251", "cp1253", "cp1255", "shift_jis",
    "euc_kr", "big5", "gb18030",
]  # fmt: skip
_DEFAULTS = {"delimiter": ",", "quote": '"', "encoding": "utf-8"}
_COMMA = r"-?[0-9]+,[0-9]+"
_AMBIGUOUS = r"-?[0-9]{1,3},[0-9]{3}"
_BLANK = r"-?[0-9]{1,3}([ \x{a0}\x{202f}][0-9]{3})+(,[0-9]+)?"
_FRENCH = rf"-?[0-9]+|{_COMMA}|{_BLANK}"
_DATES = (
    ("%d/%m/%Y", "%m/%d/%Y", "[0-9]{1,2}/[0-9]{1,2}/[0-9]{4}"),
    ("%d-%m-%Y", "%m-%d-%Y", "[0-9]{1,2}-[0-9]{1,2}-[0-9]{4}"),
    ("%d.%m.%Y", "%m.%d.%Y", "[0-9]{1,2}[.][0-9]{1,2}[.][0-9]{4}"),
)


def sniff_delimited(
    con: duckdb.DuckDBPyConnection,
    path: Path,
    head: bytes,
    wrapping: dict[str, str],
    scratch: Path,
) -> Sniffed:
    """Guess encoding, dialect and types of delimited text, and tell what is not certain.

    Raises ReadError when it is none, or when nothing fits well enough to be a guess.
    """
    warnings: list[str] = []
    encoding = _encoding(path, head, scratch, warnings)
    utf8 = as_utf8(path, encoding, scratch / "sniffed")
    dialect = {"encoding": encoding, **guess_dialect(_sample(utf8), path.name, warnings)}
    dialect = {name: value for name, value in dialect.items() if _DEFAULTS.get(name) != value}
    source = {"format": "csv", **wrapping, **({"dialect": dialect} if dialect else {})}
    raw = csv.read(con, [path], Reading.model_validate(source), scratch / "read")
    # Every column is looked at by itself: a table is read so much faster than the text.
    con.execute(f"CREATE OR REPLACE TEMP TABLE delimited AS FROM {raw.relation}")
    raw = replace(raw, relation="delimited")
    found = typed(con, raw, source)
    if malformed := raw.malformed():
        warnings.append(
            f"{len(malformed)} records are no rows; the first, in line {malformed[0].line}: "
            f"{malformed[0].reason}"
        )
    numbers = _french_numbers(con, raw, found)
    if numbers:
        source["dialect"] = {**dialect, **numbers[0]}
    columns = [
        numbers[1].get(column.name) or _dated(con, raw, column, warnings) if numbers else
        _dated(con, raw, column, warnings)
        for column in found.columns
    ]  # fmt: skip
    return replace(found, source=source, columns=columns, warnings=[*found.warnings, *warnings])


def _sample(utf8: Path) -> bytes:
    """The first whole lines of a text."""
    with utf8.open("rb") as file:
        sample = file.read(SAMPLE)
    sample = sample.removeprefix(b"\xef\xbb\xbf")
    if len(sample) < SAMPLE - 3:
        return sample
    end = max(sample.rfind(b"\n"), sample.rfind(b"\r"))
    return sample[: end + 1] if end > 0 else sample


def _encoding(path: Path, head: bytes, scratch: Path, warnings: list[str]) -> str:
    marked = byte_order_mark(head)
    if marked is not None:
        return marked[0]
    wide = head.count(b"\0", 0, 4096) * 4 > len(head[:4096])
    if wide:
        return "utf-16-be" if head[:1] == b"\0" else "utf-16-le"
    try:
        as_utf8(path, "utf-8", scratch)
    except ReadError:
        best = from_bytes(head, cp_isolation=_ENCODINGS).best()
        few = sum(byte > 127 for byte in head) < FEW
        encoding = "cp1252" if few or best is None else best.encoding
        warnings.append(f"the encoding is not certain: {encoding}")
        return encoding
    return "utf-8"


def _french_numbers(
    con: duckdb.DuckDBPyConnection, raw: RawTable, found: Sniffed
) -> tuple[dict[str, str], dict[str, SniffedColumn]] | None:
    """The marks of numbers with decimal commas, and the columns that hold such numbers."""
    marks: dict[str, str] = {}
    columns: dict[str, SniffedColumn] = {}
    for column in found.columns:
        if column.type != "text":
            continue
        counts = ", ".join(
            f"count(*) FILTER (regexp_full_match(x, '{form}'))"
            for form in (_FRENCH, _COMMA, _AMBIGUOUS, _BLANK, r".*[0-9],[0-9]+")
        )
        present, french, commas, ambiguous, blanks, decimals = one_row(
            con, f"SELECT count(x), {counts} FROM ({_texts(raw, column)})"
        )
        zeros = one_row(
            con,
            f"SELECT count(*) FROM ({_texts(raw, column)}) WHERE regexp_matches(x, '^-?0[0-9]')",
        )[0]
        if not present or french < present or zeros or (commas and commas == ambiguous):
            continue
        if not commas and not blanks:
            continue
        if blanks:
            marks["thousands"] = " "
        if decimals:
            marks["decimal"] = ","
        columns[column.name] = replace(column, type="number" if decimals else "integer")
    points = any(
        one_row(con, f"SELECT count(*) FROM ({_texts(raw, column)}) WHERE contains(x, '.')")[0]
        for column in found.columns
        if column.type == "number" and "decimal" in marks
    )
    return (marks, columns) if columns and not points else None


def _dated(
    con: duckdb.DuckDBPyConnection, raw: RawTable, column: SniffedColumn, warnings: list[str]
) -> SniffedColumn:
    """A column of days written with the day first, as such; text where the order is not clear."""
    if column.type != "text":
        return column
    for day_first, month_first, form in _DATES:
        present, matching, days, months = one_row(
            con,
            f"SELECT count(x), count(*) FILTER (regexp_full_match(x, '{form}')), "
            f"count(try_strptime(x, '{day_first}')), count(try_strptime(x, '{month_first}')) "
            f"FROM ({_texts(raw, column)})",
        )
        if not present or matching < present:
            continue
        if days == present and months < present:
            return replace(column, type="date", format=day_first)
        if months == present and days < present:
            return replace(column, type="date", format=month_first)
        warnings.append(f"{column.name}: day and month cannot be told apart, so it stays text")
    return column


def _texts(raw: RawTable, column: SniffedColumn) -> str:
    return f"SELECT nullif({raw.expressions[column.name]}, '') AS x FROM {raw.relation}"
