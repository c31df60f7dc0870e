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
        moment = f"strptime(trim({text}), {literal(column.format)})"
        cast = f"CAST({moment} AS {column.sql_type})"
        return f"CASE WHEN {cast} <> {moment} THEN {STOP} ELSE {cast} END"
    number = _number(text, column, dialect)
    cast = f"CAST({number} AS {column.sql_type})"
    if kind == "number":
        return f"CASE WHEN {text} IS NULL OR isfinite({cast}) THEN {cast} ELSE {STOP} END"
    changed = _changed(number, column)
    return f"CASE WHEN {changed} THEN {STOP} ELSE {cast} END" if changed else cast


def tolerant(text: str, column: StagedColumn, dialect: Dialect) -> str:
    """Cast a text; NULL where it does not fit."""
    kind = column.type
    if kind == "text":
        return text
    if kind == "json":
        return f"CASE WHEN json_valid({text}) THEN {text} END"
    if kind in ("date", "datetime") and column.format:
        moment = f"try_strptime(trim({text}), {literal(column.format)})"
        cast = f"CAST({moment} AS {column.sql_type})"
        return f"CASE WHEN {cast} = {moment} THEN {cast} END"
    number = _number(text, column, dialect)
    cast = _try(number, column)
    if kind == "number":
        return f"CASE WHEN isfinite({cast}) THEN {cast} END"
    changed = _changed(number, column)
    return f"CASE WHEN NOT ({changed}) THEN {cast} END" if changed else cast


def strict_typed(value: str, column: StagedColumn, source_type: str) -> str:
    """Cast a value that has a type already; the query fails where it would be changed."""
    cast = tolerant_typed(value, column, source_type)
    return f"CASE WHEN {value} IS NOT NULL AND ({cast}) IS NULL THEN {STOP} ELSE {cast} END"


def tolerant_typed(value: str, column: StagedColumn, source_type: str) -> str:
    """Cast a value that has a type already; NULL where casting it back gives another one."""
    cast = _try(value, column)
    if column.type in ("text", "json", "geometry"):
        return cast
    finite = f" AND isfinite({cast})" if column.type == "number" else ""
    return f"CASE WHEN TRY_CAST({cast} AS {source_type}) = {value}{finite} THEN {cast} END"


def _try(value: str, column: StagedColumn) -> str:
    """A cast that gives NULL; TRY_CAST to GEOMETRY raises all the same."""
    cast = f"CAST({value} AS {column.sql_type})"
    return f"TRY({cast})" if column.type == "geometry" else f"TRY_{cast}"


def _changed(text: str, column: StagedColumn) -> str | None:
    """SQL that is true for a text that a cast would take, but change."""
    if column.type == "integer":  # 12.7 and 127e-1 would be rounded
        whole = f"regexp_full_match({text}, '\\s*[+-]?[0-9]+([.]0*)?\\s*')"
        return f"(contains({text}, '.') OR contains({text}, '-')) AND NOT {whole}"
    if column.type.startswith("decimal"):  # digits beyond its scale would be rounded
        scale = column.type.removesuffix(")").split(",")[1]
        fits = f"'\\s*[+-]?[0-9]*([.][0-9]{{0,{scale}}}0*)?\\s*'"
        return f"NOT regexp_full_match({text}, {fits})"
    if column.type == "date":  # a time would be cut off
        return f"NOT regexp_full_match({text}, '[0-9]{{4}}-[0-9]{{1,2}}-[0-9]{{1,2}}')"
    if column.type == "datetime":  # «epoch» and «infinity» are no moments of a source
        return f"NOT regexp_matches({text}, '^[0-9]')"
    return None


def _number(text: str, column: StagedColumn, dialect: Dialect) -> str:
    """The text of a number with the marks that SQL knows."""
    if column.type not in _NUMERIC and not column.type.startswith("decimal"):
        return f"trim({text})"
    if dialect.thousands:
        text = f"replace({text}, {literal(dialect.thousands)}, '')"
    if dialect.decimal != ".":
        # A point is no decimal mark here: 1.234 is not a number, least of all 1.234.
        text = f"replace(replace({text}, '.', '?'), {literal(dialect.decimal)}, '.')"
    return text
