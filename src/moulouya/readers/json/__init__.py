"""JSON documents and newline-delimited JSON: each record's fields as text, digit by digit."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import islice
from pathlib import Path

import duckdb

from moulouya.definition import Reading
from moulouya.duck import identifier, literal
from moulouya.errors import ReadError
from moulouya.readers.json.path import Field, fields_of, path_of, raised
from moulouya.readers.json.records import Record, Records
from moulouya.readers.json.text import DEEPEST, text_of
from moulouya.readers.rows import SHOWN, Row, table_of
from moulouya.readers.table import Malformed, RawTable

SAMPLE = 1000  # records whose fields are the columns, unless a later one has more
MOST_COLUMNS = 2000


def read(
    con: duckdb.DuckDBPyConnection, files: list[Path], source: Reading, scratch: Path
) -> RawTable:
    """Open JSON as one row a record; nested values become their JSON text.

    ``source.records`` is the path to the records; without it the document is their list, or
    (ndjson) every line is a record. A field of an object within a record is found as
    ``address.city``, one of an object above it as ``^.name``. Raises ReadError when the text is no
    JSON (RFC 8259) or has no records there; a record that is no object, has a key twice or a NaN
    is malformed.
    """
    table = _Table(files, source)
    columns = table.columns(SAMPLE)
    try:
        return table.write(con, scratch, columns)
    except _NewFieldError:  # one that the first records do not have: look at them all
        return table.write(con, scratch, table.columns(None))


class _NewFieldError(Exception):
    """A record has a field that no column is for."""


class _Table:
    """The records of all files on their way to rows."""

    def __init__(self, files: list[Path], source: Reading) -> None:
        self.files = files
        self.source = source
        self.records = Records(source, path_of(source.records))
        self.flat = False  # too many fields further in to have each as a column

    def columns(self, most: int | None) -> list[Field]:
        """The fields of the first records, or of all, in the order in which they appear."""
        found: dict[Field, None] = {}
        every = ((path, record) for path in self.files for record in self.records.of(path))
        for path, record in islice(every, most):
            for fields in self._fields(path, record):
                found.update(dict.fromkeys(fields))
            if len(found) > MOST_COLUMNS:
                found = self._fewer(found)
        if not found:
            where = f" at {self.source.records!r}" if self.source.records else ""
            raise ReadError(
                f"{self.files[0].name} has no records{where}",
                hint="set source.records to the path to the list of records; {} if the document "
                "is one record",
            )
        own = [one for one in found if isinstance(one, str)]
        return own + [one for one in found if not isinstance(one, str)]

    def write(
        self, con: duckdb.DuckDBPyConnection, scratch: Path, columns: list[Field]
    ) -> RawTable:
        """Write the records with these columns; raises _NewFieldError where one has more."""
        names = [one if isinstance(one, str) else ".".join(one) for one in columns]
        malformed: list[Malformed] = []
        rows = self._rows(columns, malformed)
        raw = table_of(con, scratch, self.files[0].name, [*names, "^"], rows, malformed)
        document = identifier(f"c{len(names)}")
        expressions = {name: sql for name, sql in raw.expressions.items() if sql != document}
        for name, values in self._constants().items():
            listed = ", ".join(f"CAST({literal(value)} AS VARCHAR)" for value in values)
            constant = f"([{listed}])[CAST({document} AS INTEGER)]" if len(values) > 1 else listed
            expressions.setdefault(name, constant)
        return RawTable(
            relation=raw.relation,
            expressions=expressions,
            file_expression=raw.file_expression,
            malformed=raw.malformed,
            line_expression=raw.line_expression,
        )

    def _rows(self, columns: list[Field], malformed: list[Malformed]) -> Iterator[Row]:
        """Every record as a row, with the number of its document behind its fields."""
        known = dict.fromkeys(columns).keys()
        for number, path in enumerate(self.files, 1):
            for record in self.records.of(path):
                if record.fault is not None:
                    malformed.append(_malformed(path, record))
                    continue
                for fields in self._fields(path, record):
                    if not fields.keys() <= known:
                        raise _NewFieldError
                    yield path, record.line, [*map(fields.get, columns), str(number)]

    def _fields(self, path: Path, record: Record) -> Iterator[dict[Field, str | None]]:
        """The fields of a record; of a columnar one those of each of its rows."""
        if record.fault is not None:
            return
        above = raised(record.parents) if record.parents and not self.flat else {}
        try:
            if self.source.columnar:
                yield from (fields | above for fields in _transposed(path, record))
            elif type(record.value) is list:
                cells: dict[Field, str | None] = {
                    f"c{number}": text_of(value) for number, value in enumerate(record.value, 1)
                }
                yield cells | above
            elif self.flat:
                yield {key: text_of(value) for key, value in record.value.items()}
            else:
                yield fields_of(record.value) | above
        except RecursionError as error:
            raise ReadError(
                f"{path.name}, line {record.line}: nested deeper than {DEEPEST} levels"
            ) from error

    def _fewer(self, found: dict[Field, None]) -> dict[Field, None]:
        """The columns without those further in; raises ReadError when they are too many still."""
        self.flat = True
        own: dict[Field, None] = {one: None for one in found if isinstance(one, str)}
        if len(own) > MOST_COLUMNS:
            raise ReadError(
                f"{self.files[0].name} has records of more than {MOST_COLUMNS} different fields",
                hint="an object with a member for each record is read by a * in source.records",
            )
        return own

    def _constants(self) -> dict[str, list[str | None]]:
        """Fields of the objects around the list of records, one value a document."""
        tables = [self.records.around(path) for path in self.files]
        names = dict.fromkeys(name for table in tables for name in table)
        if len(names) > MOST_COLUMNS:
            return {}
        return {".".join(name): [table.get(name) for table in tables] for name in names}


def _malformed(path: Path, record: Record) -> Malformed:
    assert record.fault is not None, "only what has a fault is malformed"
    try:
        original = text_of(record.value) or ""
    except RecursionError:
        original = ""
    return Malformed(path, record.line, record.fault, original[:SHOWN])


def _transposed(path: Path, record: Record) -> Iterator[dict[Field, str | None]]:
    """The rows of an object that has one list per column."""
    value = record.value
    place = f"{path.name}, line {record.line}"
    hint = "set source.records to the object that has one list per column"
    if type(value) is not dict:
        raise ReadError(f"{place}: no object of columns", hint=hint)
    scalar = [key for key, column in value.items() if type(column) is not list]
    if scalar:
        raise ReadError(f"{place}: {scalar[0]!r} is no list, and so no column", hint=hint)
    lengths = {key: len(column) for key, column in value.items()}
    if len(set(lengths.values())) > 1:
        told = ", ".join(f"{key} {length}" for key, length in list(lengths.items())[:10])
        raise ReadError(f"{place}: columns of different lengths: {told}")
    for cells in zip(*value.values(), strict=True):
        yield {key: text_of(cell) for key, cell in zip(value, cells, strict=True)}
