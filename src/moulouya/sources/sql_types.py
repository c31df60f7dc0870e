"""What the columns of a query are in Parquet: exact, or refused with the cast that helps."""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import Callable
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

import pyarrow as pa

from moulouya.errors import SourceError

MOST_DIGITS = 38  # of a decimal that every reader of Parquet takes as one
UNSIGNED = 32  # flag of a column in MySQL's protocol
BINARY = 63  # character set of what is no text, in MySQL's protocol


@dataclass(frozen=True)
class ResultColumn:
    """One column of the result: its name, its type in Parquet, and how a value becomes one."""

    name: str
    type: pa.DataType
    value: Callable[[Any], Any]


def array_of(column: ResultColumn, values: list[Any]) -> pa.Array:
    """The values of one column; raises SourceError where one has no place in its type."""
    try:
        return pa.array(
            [None if value is None else column.value(value) for value in values], column.type
        )
    except (ValueError, ArithmeticError, OverflowError, pa.ArrowException) as error:
        raise SourceError(
            f"a value of column {column.name} is no {column.type}: {error}",
            hint="cast it in the query, such as CAST(… AS text), or leave such rows out",
        ) from error


def postgresql_columns(connection: Any, description: Any) -> list[ResultColumn]:
    """The columns of a psycopg result, by their object ids."""
    return [_postgresql(connection, column) for column in description]


def load_exactly(connection: Any) -> None:
    """Have psycopg give as text what its Python types would round, reorder or reshape."""
    from psycopg.types.string import TextLoader

    for name in (
        "numeric", "json", "jsonb", "uuid", "timetz", "inet", "cidr", "int4range", "int8range",
        "numrange", "daterange", "tsrange", "tstzrange", "int4multirange", "int8multirange",
        "nummultirange", "datemultirange", "tsmultirange", "tstzmultirange",
    ):  # fmt: skip
        connection.adapters.register_loader(name, TextLoader)


def _postgresql(connection: Any, column: Any) -> ResultColumn:
    known = connection.adapters.types.get(column.type_code)
    if known is None:
        (category,) = connection.execute(
            "SELECT typcategory FROM pg_type WHERE oid = %s", [column.type_code]
        ).fetchone()
        if category in ("A", "C"):
            raise _refused(column.name, "an array or record of its own type", "to_json({})")
        return ResultColumn(column.name, pa.string(), str)
    if known.array_oid == column.type_code:
        if known.name == "bytea":
            raise _refused(column.name, "bytea[]", "to_json({}::text[])")
        return ResultColumn(column.name, pa.string(), _json)
    if known.name in ("bytea", "interval"):
        raise _refused(
            column.name,
            known.name,
            "encode({}, 'base64')" if known.name == "bytea" else "{}::text",
        )
    if known.name == "numeric":
        precision, scale = column.precision, column.scale
        if precision is None or not 0 <= (scale or 0) <= precision <= MOST_DIGITS:
            return ResultColumn(column.name, pa.string(), str)
        return ResultColumn(column.name, pa.decimal128(precision, scale or 0), Decimal)
    types = {
        "bool": pa.bool_(),
        "int2": pa.int16(),
        "int4": pa.int32(),
        "int8": pa.int64(),
        "oid": pa.int64(),
        "float4": pa.float32(),
        "float8": pa.float64(),
        "date": pa.date32(),
        "time": pa.time64("us"),
        "timestamp": pa.timestamp("us"),
        "timestamptz": pa.timestamp("us", "UTC"),
    }
    if known.name in types:
        return ResultColumn(column.name, types[known.name], lambda value: value)
    return ResultColumn(column.name, pa.string(), str)


def _json(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False, default=_as_text)


def _as_text(value: Any) -> str:
    return value.isoformat() if isinstance(value, dt.date | dt.time) else str(value)


def mysql_columns(fields: Any) -> list[ResultColumn]:
    """The columns of a PyMySQL result, whose values all come as the text the server sent."""
    return [_mysql(field) for field in fields]


def _mysql(field: Any) -> ResultColumn:
    from pymysql.constants import FIELD_TYPE

    name, code, unsigned = field.name, field.type_code, bool(field.flags & UNSIGNED)
    if code in (FIELD_TYPE.DECIMAL, FIELD_TYPE.NEWDECIMAL):
        precision = field.length - (field.scale > 0) - (not unsigned)
        if precision > MOST_DIGITS:
            return ResultColumn(name, pa.string(), str)
        return ResultColumn(name, pa.decimal128(precision, field.scale), Decimal)
    whole = {
        FIELD_TYPE.TINY: (pa.int8(), pa.uint8()),
        FIELD_TYPE.SHORT: (pa.int16(), pa.uint16()),
        FIELD_TYPE.YEAR: (pa.int16(), pa.uint16()),
        FIELD_TYPE.INT24: (pa.int32(), pa.uint32()),
        FIELD_TYPE.LONG: (pa.int32(), pa.uint32()),
        FIELD_TYPE.LONGLONG: (pa.int64(), pa.uint64()),
    }
    if code in whole:
        return ResultColumn(name, whole[code][unsigned], int)
    moments: dict[int, tuple[pa.DataType, Callable[[Any], Any]]] = {
        FIELD_TYPE.DOUBLE: (pa.float64(), float),
        FIELD_TYPE.DATE: (pa.date32(), dt.date.fromisoformat),
        FIELD_TYPE.NEWDATE: (pa.date32(), dt.date.fromisoformat),
        FIELD_TYPE.DATETIME: (pa.timestamp("us"), dt.datetime.fromisoformat),
        # The session's time zone is UTC.
        FIELD_TYPE.TIMESTAMP: (pa.timestamp("us", "UTC"), _utc),
    }
    if code in moments:
        return ResultColumn(name, *moments[code])
    if code == FIELD_TYPE.FLOAT:
        raise _refused(name, "FLOAT, which the server sends rounded", "CAST({} AS DOUBLE)")
    if code == FIELD_TYPE.BIT:
        raise _refused(name, "BIT", "CAST({} AS UNSIGNED)")
    if code == FIELD_TYPE.GEOMETRY:
        raise _refused(name, "GEOMETRY", "ST_AsText({})")
    text = (FIELD_TYPE.TIME, FIELD_TYPE.JSON, FIELD_TYPE.NULL)
    if field.charsetnr == BINARY and code not in text:
        raise _refused(name, "binary", "TO_BASE64({})")
    return ResultColumn(name, pa.string(), str)


def _utc(value: str) -> dt.datetime:
    return dt.datetime.fromisoformat(value).replace(tzinfo=dt.UTC)


def _refused(name: str, what: str, cast: str) -> SourceError:
    return SourceError(
        f"column {name} of the query is {what}, which has no exact form in the table",
        hint=f"select {cast.format(name)} AS {name}",
    )
