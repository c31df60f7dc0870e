"""SQL that gives a text, or a typed value, the type of its column.

Each cast comes in two forms: *strict* stops the query where a value does not fit, which costs
nothing on clean data; *tolerant* gives NULL there, so that the row can be set apart.
"""

from __future__ import annotations

from moulouya.definition import Dialect, StagedColumn
from moulouya.duck import literal

STOP = "error('a value does not fit the contract')"
_NUMERIC = ("integer", "number")


def strict(text: str, column: StagedColumn, dialect: Dialect) -> str:
    """Cast a text; the query fails at one that does not fit."""
    kind = column.type
    if kind == "text":
        return text
    if kind == "json":
        return f"CASE WHEN {text} IS NULL OR json_valid({text}) THEN {text} ELSE {STOP} END"
    if kind in ("date", "datetime") and column.format:
        return f"CAST(strptime(trim({text}), {literal(column.format)}) AS {column.sql_type})"
    number = _number(text, column, dialect)
    cast = f"CAST({number} AS {column.sql_type})"
    if kind == "integer":
        return f"CASE WHEN contains({number}, '.') THEN {_whole(number, STOP)} ELSE {cast} END"
    if kind == "number":
        return f"CASE WHEN {text} IS NULL OR isfinite({cast}) THEN {cast} ELSE {STOP} END"
    return cast


def tolerant(text: str, column: StagedColumn, dialect: Dialect) -> str:
    """Cast a text; NULL where it does not fit."""
    kind = column.type
    if kind == "text":
        return text
    if kind == "json":
        return f"CASE WHEN json_valid({text}) THEN {text} END"
    if kind in ("date", "datetime") and column.format:
        return f"CAST(try_strptime(trim({text}), {literal(column.format)}) AS {column.sql_type})"
    number = _number(text, column, dialect)
    cast = f"TRY_CAST({number} AS {column.sql_type})"
    if kind == "integer":
        return f"CASE WHEN contains({number}, '.') THEN {_whole(number, 'NULL')} ELSE {cast} END"
    if kind == "number":
        return f"CASE WHEN isfinite({cast}) THEN {cast} END"
    return cast


def strict_typed(value: str, column: StagedColumn, dialect: Dialect) -> str:
    """Cast a value that has a type already; the query fails where it would be changed."""
    cast = tolerant_typed(value, column, dialect)
    return f"CASE WHEN {value} IS NOT NULL AND ({cast}) IS NULL THEN {STOP} ELSE {cast} END"


def tolerant_typed(value: str, column: StagedColumn, dialect: Dialect) -> str:
    """Cast a value that has a type already; NULL where it would be changed."""
    cast = f"TRY_CAST({value} AS {column.sql_type})"
    if column.type == "integer":
        return f"CASE WHEN {cast} = {value} THEN {cast} END"
    if column.type == "number":
        return f"CASE WHEN isfinite({cast}) THEN {cast} END"
    return cast


def _whole(number: str, otherwise: str) -> str:
    """12.0 is an integer, 12.7 is not: a bare cast would round it to 13."""
    double = f"TRY_CAST({number} AS DOUBLE)"
    return (
        f"CASE WHEN {double} = trunc({double}) THEN TRY_CAST({number} AS BIGINT) "
        f"ELSE {otherwise} END"
    )


def _number(text: str, column: StagedColumn, dialect: Dialect) -> str:
    """The text of a number with the marks that SQL knows."""
    if column.type not in _NUMERIC and not column.type.startswith("decimal"):
        return f"trim({text})"
    if dialect.thousands:
        text = f"replace({text}, {literal(dialect.thousands)}, '')"
    if dialect.decimal != ".":
        text = f"replace({text}, {literal(dialect.decimal)}, '.')"
    return text
