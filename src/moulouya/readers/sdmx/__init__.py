"""Statistical data in SDMX: one row an observation, every component a text column."""

from __future__ import annotations

import csv as delimited
from collections.abc import Iterator
from pathlib import Path

from duckdb import DuckDBPyConnection

from moulouya.definition import Reading
from moulouya.errors import ReadError
from moulouya.readers.delimited import csv
from moulouya.readers.rows import Row, table_of
from moulouya.readers.sdmx import json as sdmx_json
from moulouya.readers.sdmx import ml as sdmx_ml
from moulouya.readers.table import Malformed, RawTable

HEAD = 4096
UTF16 = (b"\xff\xfe", b"\xfe\xff")


def read(con: DuckDBPyConnection, files: list[Path], source: Reading, scratch: Path) -> RawTable:
    """Open data messages: SDMX-ML 2.1 or structure-specific 3.0, SDMX-JSON or SDMX-CSV.

    Each row has the dimensions and attributes of its data set, group, series and observation
    under their ids, and its measure (OBS_VALUE). The three representations differ in their first
    character, so which one it is need not be declared. Raises ReadError for other messages, for
    data that is to be deleted, and for answers that were cut short.
    """
    found = {_representation(path) for path in files}
    if len(found) > 1:
        raise ReadError(f"{files[0].name} and the other files are in {' and '.join(sorted(found))}")
    (representation,) = found
    if representation == "SDMX-CSV":
        for path in files:
            _refuse_deletions(path, source)
        return csv.read(con, files, source, scratch)
    columns, observations = {"SDMX-ML": sdmx_ml.opened, "SDMX-JSON": sdmx_json.opened}[
        representation
    ](files)
    malformed: list[Malformed] = []
    rows = _some(observations(malformed), malformed, files)
    return table_of(con, scratch, files[0].name, columns, rows, malformed)


def _representation(path: Path) -> str:
    with path.open("rb") as file:
        head = file.read(HEAD)
    first = head.removeprefix(b"\xef\xbb\xbf").lstrip()[:1]
    if first == b"<" or head.startswith(UTF16):
        return "SDMX-ML"
    if not first:
        raise ReadError(f"{path.name} is empty")
    return "SDMX-JSON" if first in b"{[" else "SDMX-CSV"


def _refuse_deletions(path: Path, source: Reading) -> None:
    """Stop at rows that say what to delete; SDMX-CSV 2.0 mixes them with data (ACTION)."""
    dialect = source.dialect
    encoding = "utf-8-sig" if dialect.encoding == "utf-8" else dialect.encoding
    try:
        with path.open(encoding=encoding, newline="") as text:
            rows = delimited.reader(
                text,
                delimiter=dialect.delimiter,
                quotechar=dialect.quote or None,
                quoting=delimited.QUOTE_MINIMAL if dialect.quote else delimited.QUOTE_NONE,
            )
            header = [name.strip() for name in next(rows, [])]
            if "ACTION" not in header:
                return
            at = header.index("ACTION")
            for row in rows:
                if len(row) > at and row[at].strip() == "D":
                    raise ReadError(
                        f"{path.name} line {rows.line_num} is an observation to delete",
                        hint="ask for all of the data, without updatedAfter",
                    )
    except (UnicodeError, TypeError, delimited.Error) as error:  # TypeError: a long delimiter
        raise ReadError(f"{path.name} cannot be read as SDMX-CSV: {error}") from error


def _some(rows: Iterator[Row], malformed: list[Malformed], files: list[Path]) -> Iterator[Row]:
    """The rows; raises ReadError when there is not one, sound or broken."""
    row = None
    for row in rows:
        yield row
    if row is None and not malformed:
        raise ReadError(
            f"{files[0].name} has no observations",
            hint="check the series key and the period that are asked for",
        )
