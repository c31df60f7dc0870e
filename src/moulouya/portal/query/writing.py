"""A result written in its format as its rows come, cut where the limits are."""

from __future__ import annotations

import base64
import csv
import datetime as dt
import io
import math
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any
from uuid import UUID

import duckdb
import orjson
import pyarrow as pa
import pyarrow.parquet as pq

from moulouya.portal.query.frames import Cut, Out

FIRST_ROWS, ROWS_AT_ONCE, BYTES_AT_ONCE = 16, 1024, 1024**2
ARROW_ROWS = 2048 * 4
SAFE_INTEGERS = range(-(2**63), 2**64)
Row = tuple[Any, ...]


class LargeRow(Exception):
    """Not even the first row fits into the limit of bytes."""


@dataclass(frozen=True)
class Asked:
    """How a result is to be written; ``rows`` and ``bytes`` are the most of each.

    ``until``: when to stop by the monotonic clock, in time to say so.
    """

    format: str
    shape: str
    rows: int
    bytes: int
    release: int
    until: float = math.inf


def write(result: duckdb.DuckDBPyConnection, asked: Asked, out: Out) -> tuple[Cut, int]:
    """Write the pending result of a connection as asked; raises LargeRow, pa.ArrowInvalid."""
    columns = unique([column[0] for column in result.description or []])
    types = [str(column[1]) for column in result.description or []]
    match asked.format:
        case "json":
            return _json(result, asked, out, columns, types)
        case "ndjson":
            return _lines(result, asked, out, columns)
        case "csv":
            return _csv(result, asked, out, columns)
        case _:
            return _arrow(result, asked, out, columns)


def unique(names: Sequence[str]) -> list[str]:
    """Names of which none comes twice: the second ``a`` is ``a_1``."""
    taken: set[str] = set()
    found = []
    for name in names:
        other, number = name, 0
        while other in taken:
            number += 1
            other = f"{name}_{number}"
        taken.add(other)
        found.append(other)
    return found


def _batches(
    result: duckdb.DuckDBPyConnection, most: int, out: Out
) -> Iterator[tuple[list[Row], bool]]:
    """Rows in pieces up to ``most``, and whether there are more than that.

    The first rows go out at once; wide rows come in smaller pieces.
    """
    left = most
    size = FIRST_ROWS
    while True:
        rows = result.fetchmany(min(size, left + 1))
        if len(rows) > left:
            yield rows[:left], True
            return
        if not rows:
            return
        left -= len(rows)
        yield rows, False
        size = max(1, min(ROWS_AT_ONCE, BYTES_AT_ONCE * (most - left) // max(out.sent, 1)))


def _written(
    pieces: Iterator[tuple[list[bytes], bool]], asked: Asked, out: Out, between: bytes = b""
) -> tuple[Cut, int]:
    """Send encoded rows while they fit."""
    count = 0
    for rows, more in pieces:
        size = sum(map(len, rows)) + len(between) * len(rows)
        if out.sent + size > asked.bytes:
            fitting = []
            room = asked.bytes - out.sent
            for row in rows:
                room -= len(row) + len(between)
                if room < 0:
                    break
                fitting.append(row)
            if not fitting and not count:
                raise LargeRow
            out.write((between if count and fitting else b"") + between.join(fitting))
            return Cut.BYTES, count + len(fitting)
        if rows:
            out.write((between if count else b"") + between.join(rows))
        count += len(rows)
        if more:
            return Cut.ROWS, count
        if time.monotonic() > asked.until:
            return Cut.SECONDS, count
        if count == len(rows):
            out.flush()
    return Cut.NOT, count


def _json(
    result: duckdb.DuckDBPyConnection, asked: Asked, out: Out, columns: list[str], types: list[str]
) -> tuple[Cut, int]:
    described = [{"name": name, "type": type_} for name, type_ in zip(columns, types, strict=True)]
    out.write(b'{"release":%d,"columns":%s,"rows":[' % (asked.release, encoded(described)))
    encode = encoded if asked.shape == "arrays" else _as_object(columns)
    pieces = (
        ([encode(row) for row in rows], more) for rows, more in _batches(result, asked.rows, out)
    )
    cut, count = _written(pieces, asked, out, b",\n")
    reason = b"null" if cut is Cut.NOT else b'"%s"' % cut.name.lower().encode()
    flag = b"false" if cut is Cut.NOT else b"true"
    out.write(b'],"row_count":%d,"truncated":%s,"truncated_by":%s}\n' % (count, flag, reason))
    return cut, count


def _as_object(columns: list[str]) -> Any:
    return lambda row: encoded(dict(zip(columns, row, strict=True)))


def _lines(
    result: duckdb.DuckDBPyConnection, asked: Asked, out: Out, columns: list[str]
) -> tuple[Cut, int]:
    encode = _as_object(columns)
    pieces = (
        ([encode(row) + b"\n" for row in rows], more)
        for rows, more in _batches(result, asked.rows, out)
    )
    return _written(pieces, asked, out)


def _csv(
    result: duckdb.DuckDBPyConnection, asked: Asked, out: Out, columns: list[str]
) -> tuple[Cut, int]:
    def encode(row: Sequence[Any]) -> bytes:
        text = io.StringIO()
        csv.writer(text, lineterminator="\r\n").writerow([_cell(value) for value in row])
        return text.getvalue().encode(errors="replace")

    out.write(encode(columns))
    pieces = (
        ([encode(row) for row in rows], more) for rows, more in _batches(result, asked.rows, out)
    )
    return _written(pieces, asked, out)


def _cell(value: Any) -> Any:
    """A value in a CSV cell: nothing for NULL, JSON for what has parts."""
    if value is None or (isinstance(value, str | int) and not isinstance(value, bool)):
        return value
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, dict | list | tuple):
        return encoded(value).decode()
    plain = value if isinstance(value, float) else _plain(value)
    return plain if isinstance(plain, str | float | int) else encoded(plain).decode()


def encoded(value: Any) -> bytes:
    """A value as JSON: decimals and integers as numbers, what has no form of its own as text."""
    try:
        return orjson.dumps(value, default=_plain, option=orjson.OPT_PASSTHROUGH_DATETIME)
    except TypeError:  # a number beyond 64 bits, or a key that is no text
        return orjson.dumps(_spelt(value), default=_plain, option=orjson.OPT_PASSTHROUGH_DATETIME)


def _spelt(value: Any) -> Any:
    """The same with every large integer as a text, and every key as one."""
    if isinstance(value, bool) or value is None:
        return value
    if isinstance(value, int):
        return value if value in SAFE_INTEGERS else str(value)
    if isinstance(value, dict):
        return {
            key if isinstance(key, str) else encoded(key).decode().strip('"'): _spelt(one)
            for key, one in value.items()
        }
    if isinstance(value, list | tuple):
        return [_spelt(one) for one in value]
    if isinstance(value, str):
        return value.encode(errors="replace").decode()
    return value


def _plain(value: Any) -> Any:
    """What JSON has no type for."""
    if isinstance(value, Decimal):
        return _decimal(value)
    if isinstance(value, dt.datetime):
        return value.isoformat().replace("+00:00", "Z")
    if isinstance(value, dt.date | dt.time):
        return value.isoformat()
    if isinstance(value, dt.timedelta):
        return str(value)
    if isinstance(value, bytes | bytearray | memoryview):
        return base64.b64encode(value).decode()
    if isinstance(value, UUID):
        return str(value)
    if isinstance(value, tuple):
        return list(value)
    return str(value)


def _decimal(value: Decimal) -> Any:
    """A decimal as a number where that is exact, as a text where it would not be."""
    if not value.is_finite():
        return None
    number = float(value)
    if math.isfinite(number) and Decimal(repr(number)) == value:
        return int(value) if value == value.to_integral_value() and abs(number) < 2**53 else number
    return str(value)


class _Sink(io.RawIOBase):
    """The file that pyarrow writes to."""

    def __init__(self, out: Out) -> None:
        self._out = out

    def writable(self) -> bool:
        return True

    def write(self, data: Any) -> int:
        return self._out.write(bytes(data))


def _arrow(
    result: duckdb.DuckDBPyConnection, asked: Asked, out: Out, columns: list[str]
) -> tuple[Cut, int]:
    reader = result.to_arrow_reader(ARROW_ROWS)
    schema = pa.schema(
        [field.with_name(name) for field, name in zip(reader.schema, columns, strict=True)],
        {"release": str(asked.release)},
    )
    made = (pa.RecordBatch.from_arrays(batch.columns, schema=schema) for batch in reader)
    pieces = _fitting(made, asked, out)
    if asked.format == "parquet":
        return _parquet(pieces, schema, out)
    cut, count = Cut.NOT, 0
    with pa.ipc.new_stream(_Sink(out), schema) as file:
        for batch, why in pieces:
            file.write_batch(batch)
            count += batch.num_rows
            cut = why
            if cut is not Cut.NOT:  # the schema came first and could not know: an empty batch tells
                file.write_batch(batch.slice(0, 0), {"truncated": cut.name.lower()})
    return cut, count


def _parquet(
    pieces: Iterator[tuple[pa.RecordBatch, Cut]], schema: pa.Schema, out: Out
) -> tuple[Cut, int]:
    cut, count = Cut.NOT, 0
    with pq.ParquetWriter(_Sink(out), schema, compression="zstd") as file:
        for batch, why in pieces:
            file.write_batch(batch)
            count += batch.num_rows
            cut = why
        file.add_key_value_metadata({"truncated": "false" if cut is Cut.NOT else cut.name.lower()})
    return cut, count


def _fitting(
    batches: Iterator[pa.RecordBatch], asked: Asked, out: Out
) -> Iterator[tuple[pa.RecordBatch, Cut]]:
    """Batches while they fit, the last one cut; its size in memory stands for the written one."""
    left, size = asked.rows, 0
    for batch in batches:
        if not batch.num_rows:
            continue
        if not left:
            yield batch.slice(0, 0), Cut.ROWS
            return
        kept = batch.slice(0, left)
        room = asked.bytes - size
        if kept.get_total_buffer_size() > room and kept.nbytes > room:
            fit = kept.num_rows * max(room, 0) // max(kept.nbytes, 1)
            if not fit and not size:
                raise LargeRow
            yield kept.slice(0, fit), Cut.BYTES
            return
        size += kept.nbytes
        left -= kept.num_rows
        yield kept, Cut.ROWS if kept.num_rows < batch.num_rows else Cut.NOT
        if kept.num_rows < batch.num_rows:
            return
        if time.monotonic() > asked.until:
            yield batch.slice(0, 0), Cut.SECONDS
            return
