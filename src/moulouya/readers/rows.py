"""Rows that Python parsed, set down for DuckDB in chunks: no file is ever whole in memory."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

from duckdb import DuckDBPyConnection

from moulouya.duck import identifier, literal
from moulouya.errors import ReadError
from moulouya.readers.names import distinct
from moulouya.readers.table import Malformed, RawTable

CHUNK_CELLS = 200_000
CHUNK_LETTERS = 16 * 1024 * 1024
MOST_MALFORMED = 100_000
SHOWN = 1000  # letters of a broken row that are kept to show it

Row = tuple[Path, int, Sequence[str | None]]


def table_of(
    con: DuckDBPyConnection,
    scratch: Path,
    name: str,
    columns: list[str],
    rows: Iterable[Row],
    malformed: list[Malformed],
) -> RawTable:
    """Write rows (file, line, texts) to a Parquet file in ``scratch``, and open it as a raw table.

    A row with another number of fields than there are columns, or with text that is no Unicode,
    goes to ``malformed``, to which the caller may add as well. Columns are found under their
    distinct names, and under their own where that is clear. Raises ReadError when there are no
    columns, or so many broken rows that the format cannot be the declared one.
    """
    import pyarrow as pa
    import pyarrow.parquet as pq

    if not columns:
        raise ReadError(f"{name} has no columns")
    # Names of our own: a source may well have a column that is called _line.
    fields = [f"c{number}" for number in range(len(columns))]
    schema = pa.schema(
        [("_file", pa.dictionary(pa.int32(), pa.string())), ("_line", pa.int64())]
        + [(field, pa.string()) for field in fields]
    )
    scratch.mkdir(parents=True, exist_ok=True)
    target = _free(scratch, "rows", ".parquet")
    with pq.ParquetWriter(target, schema, compression="zstd", compression_level=1) as writer:
        for chunk in _chunks(rows, len(columns), malformed):
            writer.write_table(_table(pa, schema, chunk, malformed))
    return RawTable(
        relation=f"read_parquet({literal(str(target))})",
        expressions=_expressions(columns, fields),
        file_expression=identifier("_file"),
        malformed=lambda: malformed,
        line_expression=identifier("_line"),
    )


def _free(folder: Path, stem: str, suffix: str) -> Path:
    """A name in a folder that nothing has: one file may become several tables (GTFS)."""
    number = 1
    while (path := folder / f"{stem}-{number}{suffix}").exists():
        number += 1
    return path


def _expressions(columns: list[str], fields: list[str]) -> dict[str, str]:
    """Each column under its distinct name, and under its own where no other has that."""
    found = dict(zip(distinct(columns), map(identifier, fields), strict=True))
    for column, field in zip(columns, fields, strict=True):
        found.setdefault(column, identifier(field))
    return found


def _chunks(rows: Iterable[Row], width: int, malformed: list[Malformed]) -> Iterator[list[Row]]:
    """Rows of the right width in chunks of bounded size."""
    most = max(1, CHUNK_CELLS // width)
    chunk: list[Row] = []
    letters = 0
    for row in rows:
        file, line, values = row
        if len(values) != width:
            reason = f"{len(values)} fields instead of {width}"
            malformed.append(Malformed(file, line, reason, _shown(values), "fields"))
            _stop_at_too_many(malformed)
            continue
        chunk.append(row)
        letters += sum(len(value) for value in values if value is not None)
        if len(chunk) >= most or letters >= CHUNK_LETTERS:
            yield chunk
            chunk, letters = [], 0
            _stop_at_too_many(malformed)
    _stop_at_too_many(malformed)
    if chunk:
        yield chunk


def _stop_at_too_many(malformed: list[Malformed]) -> None:
    if len(malformed) > MOST_MALFORMED:
        raise ReadError(
            f"{malformed[0].file.name} has more than {MOST_MALFORMED} broken rows; the first is at "
            f"line {malformed[0].line}: {malformed[0].reason}",
            hint="check source.format and how it is declared to be read",
        )


def _table(pa: Any, schema: Any, chunk: list[Row], malformed: list[Malformed]) -> Any:
    try:
        return _arrow(pa, schema, chunk)
    except UnicodeEncodeError:  # a half of a surrogate pair, as "\ud800" in JSON
        sound = []
        for file, line, values in chunk:
            if all(value is None or _is_unicode(value) for value in values):
                sound.append((file, line, values))
            else:
                reason = "a text in it is no Unicode (half of a surrogate pair)"
                malformed.append(Malformed(file, line, reason, _shown(values), "encoding"))
        return _arrow(pa, schema, sound)


def _arrow(pa: Any, schema: Any, chunk: list[Row]) -> Any:
    files = [str(file) for file, _, _ in chunk]
    lines = [line for _, line, _ in chunk]
    texts = list(zip(*(values for _, _, values in chunk), strict=True))
    columns = texts or [()] * (len(schema) - 2)
    return pa.table(
        [pa.array(values, type=field.type) for values, field in
         zip([files, lines, *columns], schema, strict=True)],
        schema=schema,
    )  # fmt: skip


def _is_unicode(text: str) -> bool:
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


def _shown(values: Sequence[str | None]) -> str:
    """A broken row for a person to see, cut where it is long."""
    text = " | ".join(value or "" for value in values)[:SHOWN]
    return text.encode(errors="replace").decode()
