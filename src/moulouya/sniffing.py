"""Guessing what a sample is. Only drafts are guessed: a published dataset declares its form."""

from __future__ import annotations

import gzip
import json
import zlib
from dataclasses import dataclass, field
from itertools import combinations
from pathlib import Path
from typing import Any

import duckdb
from charset_normalizer import from_bytes

from moulouya import duck
from moulouya.definition import SourceBase
from moulouya.duck import columns_of, identifier, literal, one_row
from moulouya.errors import ReadError
from moulouya.readers.csv import column_names

SAMPLE = 1024 * 1024
TYPES = {
    "BOOLEAN": "boolean",
    "DATE": "date",
    "DOUBLE": "number",
    "FLOAT": "number",
    "TIMESTAMP": "datetime",
    "TIMESTAMP WITH TIME ZONE": "datetime",
    "GEOMETRY": "geometry",
}
WHOLE = ("TINYINT", "SMALLINT", "INTEGER", "BIGINT", "UTINYINT", "USMALLINT", "UINTEGER")


@dataclass(frozen=True)
class SniffedColumn:
    """A column of the sample and the type its values have."""

    name: str
    type: str
    format: str | None = None


@dataclass(frozen=True)
class Sniffed:
    """What a sample looks like; ``source`` holds format, compression, dialect and records."""

    source: dict[str, Any]
    columns: list[SniffedColumn]
    rows: int
    key: list[str] = field(default_factory=list)


def sniff(path: Path, scratch: Path) -> Sniffed:
    """Guess format, dialect, types and key of a sample.

    Raises ReadError when it is none of the formats that can be read.
    """
    head = path.read_bytes()[:SAMPLE] if path.stat().st_size <= SAMPLE else _head(path)
    if not head.strip():
        raise ReadError(f"{path.name} is empty")
    with duck.connect(spill=scratch / "spill") as con:
        try:
            if head[:4] == b"PAR1":
                return _finish(con, f"read_parquet({literal(str(path))})", {"format": "parquet"})
            packed = head[:2] == b"\x1f\x8b"
            if packed:
                with gzip.open(path) as unpacked:
                    head = unpacked.read(SAMPLE)
            wrapping = {"compression": "gzip"} if packed else {}
            if head.lstrip()[:1] in (b"{", b"["):
                return _json(con, path, head, wrapping, scratch)
            return _csv(con, path, head, wrapping, scratch)
        except (duckdb.Error, OSError, EOFError, ValueError, RecursionError, zlib.error) as error:
            raise ReadError(
                f"{path.name} cannot be read: {str(error).partition(chr(10))[0]}",
                hint="samples may be CSV, JSON, NDJSON or Parquet, gzip or not",
            ) from error


def _head(path: Path) -> bytes:
    with path.open("rb") as file:
        return file.read(SAMPLE)


def _json(
    con: duckdb.DuckDBPyConnection,
    path: Path,
    head: bytes,
    wrapping: dict[str, str],
    scratch: Path,
) -> Sniffed:
    lines = head.lstrip().split(b"\n", 1)
    newline_delimited = lines[0].strip().endswith(b"}") and len(lines) > 1 and head[:1] == b"{"
    if newline_delimited:
        relation = f"read_json({literal(str(path))}, format = 'newline_delimited')"
        return _finish(con, relation, {"format": "ndjson", **wrapping})
    opener = gzip.open if wrapping else open
    with opener(path, "rb") as file:
        document = json.load(file)
    records, found = _records(document, [])
    if not records:
        raise ReadError(f"{path.name} has no list of records")
    unpacked = scratch / "records.json"
    unpacked.write_text(json.dumps(records, ensure_ascii=False), encoding="utf-8")
    source = {"format": "json", **wrapping, **({"records": ".".join(found)} if found else {})}
    return _finish(con, f"read_json({literal(str(unpacked))}, format = 'array')", source)


def _records(document: Any, path: list[str]) -> tuple[list[Any], list[str]]:
    """The longest list of objects in a document, and the keys that lead to it."""
    if isinstance(document, list):
        return (document, path) if document and isinstance(document[0], dict) else ([], path)
    if not isinstance(document, dict):
        return [], path
    found = [_records(value, [*path, key]) for key, value in document.items()]
    return max(found, key=lambda one: len(one[0]), default=([], path))


def _csv(
    con: duckdb.DuckDBPyConnection,
    path: Path,
    head: bytes,
    wrapping: dict[str, str],
    scratch: Path,
) -> Sniffed:
    encoding = _encoding(head)
    text = scratch / "sample.csv"
    opener = gzip.open if wrapping else open
    with opener(path, "rb") as raw:
        text.write_bytes(raw.read().decode(encoding).encode())
    row = one_row(
        con,
        "SELECT Delimiter, Quote, Escape, SkipRows, HasHeader, Columns, DateFormat, "
        f"TimestampFormat FROM sniff_csv({literal(str(text))}, sample_size = -1)",
    )
    delimiter, quote, escape, skip, header, columns, date_format, datetime_format = row
    dialect: dict[str, Any] = {
        "delimiter": delimiter,
        "quote": quote if quote not in ("\0", "(empty)", None) else '"',
        "encoding": encoding,
        "skip": int(skip),
        "header": bool(header),
    }
    if escape not in ("\0", "(empty)", None, dialect["quote"]):
        dialect["escape"] = escape
    defaults = {"delimiter": ",", "quote": '"', "encoding": "utf-8", "skip": 0, "header": True}
    dialect = {name: value for name, value in dialect.items() if defaults.get(name) != value}
    formats = {"DATE": date_format or None, "TIMESTAMP": datetime_format or None}
    source = {"format": "csv", **wrapping, **({"dialect": dialect} if dialect else {})}
    names = column_names(text, SourceBase.model_validate(
        {"format": "csv", "dialect": {**dialect, "encoding": "utf-8"}}))  # fmt: skip
    if len(names) != len(columns):
        names = [column["name"] for column in columns]
    relation = (
        f"read_csv({literal(str(text))}, delim = {literal(delimiter)}, header = {bool(header)}, "
        f"skip = {int(skip)}, sample_size = -1, names = [{', '.join(map(literal, names))}])"
    )
    sniffed = _finish(con, relation, source)
    return Sniffed(
        source,
        [
            SniffedColumn(column.name, _prudent(con, relation, column),
                          formats.get(kind) if formats.get(kind) not in _ISO else None)
            for column, kind in zip(sniffed.columns, (c["type"] for c in columns), strict=True)
        ],
        sniffed.rows,
        sniffed.key,
    )  # fmt: skip


_ISO = ("%Y-%m-%d", "%Y-%m-%d %H:%M:%S", "%Y-%m-%dT%H:%M:%SZ", None)


def _prudent(con: duckdb.DuckDBPyConnection, relation: str, column: SniffedColumn) -> str:
    """The type of a column, text for codes that only look like numbers (a leading zero)."""
    if column.type != "integer":
        return column.type
    text = relation.replace("sample_size = -1", "all_varchar = true")
    (zeros,) = one_row(
        con, f"SELECT count(*) FROM {text} WHERE {identifier(column.name)} SIMILAR TO '0[0-9]+'"
    )
    return "text" if zeros else "integer"


def _encoding(head: bytes) -> str:
    try:
        head.decode("utf-8")
    except UnicodeDecodeError as error:
        if error.start < len(head) - 4:
            best = from_bytes(head, cp_isolation=["cp1252", "cp1256", "utf_16", "mac_roman"]).best()
            return best.encoding if best is not None else "cp1252"
    return "utf-8"


def _finish(con: duckdb.DuckDBPyConnection, relation: str, source: dict[str, Any]) -> Sniffed:
    described = con.execute(f"DESCRIBE FROM {relation}").fetchall()
    columns = [SniffedColumn(name, _type(sql_type)) for name, sql_type, *_ in described]
    (rows,) = one_row(con, f"SELECT count(*) FROM {relation}")
    return Sniffed(source, columns, rows, _key(con, relation, columns, rows))


def _type(sql_type: str) -> str:
    if sql_type in WHOLE:
        return "integer"
    if sql_type.startswith("DECIMAL"):
        return sql_type.lower().replace(" ", "")
    if sql_type.startswith(("STRUCT", "MAP")) or sql_type.endswith("[]") or sql_type == "JSON":
        return "json"
    return TYPES.get(sql_type.split("(")[0], "text")


def _key(
    con: duckdb.DuckDBPyConnection, relation: str, columns: list[SniffedColumn], rows: int
) -> list[str]:
    """The first column, or pair of the first ones, without repetition or gap; else all of them."""
    usable = [c.name for c in columns if c.type in ("text", "integer", "date", "datetime")][:8]
    for size in (1, 2, 3):
        for names in combinations(usable, size):
            present = " AND ".join(f"{identifier(name)} IS NOT NULL" for name in names)
            (distinct,) = one_row(
                con,
                f"SELECT count(*) FROM (SELECT DISTINCT {columns_of(names)} FROM {relation} "
                f"WHERE {present})",
            )
            if distinct == rows:
                return list(names)
    return [column.name for column in columns]
