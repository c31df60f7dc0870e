"""SQL that gives a text, or a typed value, the type of its column.

Each cast comes in two forms: *strict* stops the query where a value does not fit, which costs
nothing on clean data; *tolerant* gives NULL there, so that the row can be set apart. The tolerant
form also knows Arabic and Persian digits; the strict one stops there, and both give the same.
"""

from __future__ import annotations

import re

from moulouya.definition import Dialect, StagedColumn
from moulouya.duck import literal
from moulouya.months import month_names, plain

STOP = "error('a value does not fit the contract')"
_NUMERIC = ("integer", "number")
_DIGITS = "٠١٢٣٤٥٦٧٨٩۰۱۲۳۴۵۶۷۸۹"
# Marks that only say in which direction text runs; they come with copied Arabic text.
_BIDI = "[\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069]"
_BLANKS = " \u00a0\u2009\u202f"
_WHOLE = r"\s*[+-]?[0-9]+([.]0*)?\s*"
_ISO_DATE = "[0-9]{4}-[0-9]{1,2}-[0-9]{1,2}"


def strict(text: str, column: StagedColumn, dialect: Dialect) -> str:
    """Cast a text; the query fails at one that does not fit."""
    kind = column.type
    if kind == "text":
        return text
    if kind == "json":
        return f"CASE WHEN {text} IS NULL OR json_valid({text}) THEN {text} ELSE {STOP} END"
    if kind in ("date", "datetime") and column.format:
        moment, cast = _moment(text, column, "strptime")
        return f"CASE WHEN {_no_moment(moment, cast)} THEN {STOP} ELSE {cast} END"
    if kind in ("date", "datetime"):  # one with blanks around it stops here, and is taken later
        return _iso(text, column)
    number = _number(text, column, dialect)
    cast = f"CAST({number} AS {column.sql_type})"
    if kind == "number":
        fits = f"{text} IS NULL OR (isfinite({cast}) AND NOT contains({number}, '_'))"
        return f"CASE WHEN {fits} THEN {cast} ELSE {STOP} END"
    changed = _changed(number, column)
    if not changed:
        return cast
    # What the value says back is nearly always the text, which is cheaper to see.
    same = f"CAST({cast} AS VARCHAR) = {number}"
    fits = f"{same} OR {number} IS NULL"
    return f"CASE WHEN {fits} THEN {cast} WHEN {changed} THEN {STOP} ELSE {cast} END"


def tolerant(text: str, column: StagedColumn, dialect: Dialect) -> str:
    """Cast a text; NULL where it does not fit."""
    kind = column.type
    if kind == "text":
        return text
    if kind == "json":
        return f"CASE WHEN json_valid({text}) THEN {text} END"
    if kind in ("date", "datetime"):
        text = _western(text)
        if column.format:
            moment, cast = _moment(text, column, "try_strptime")
            return f"CASE WHEN NOT ({_no_moment(moment, cast)}) THEN {cast} END"
    elif kind in _NUMERIC or kind.startswith("decimal"):
        text = _western_number(text, dialect)
    number = _number(text, column, dialect)
    cast = _try(number, column)
    if kind == "number":
        return f"CASE WHEN isfinite({cast}) AND NOT contains({number}, '_') THEN {cast} END"
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
    if column.type == "integer":  # 12.7 and 127e-1 would be rounded, 0x1F is no number here
        return f"NOT regexp_full_match({text}, {literal(_WHOLE)})"
    if column.type.startswith("decimal"):  # digits beyond its scale would be rounded
        scale = column.type.removesuffix(")").split(",")[1]
        fits = f"'\\s*[+-]?[0-9]*([.][0-9]{{0,{scale}}}0*)?\\s*'"
        return f"NOT regexp_full_match({text}, {fits})"
    if column.type == "date":  # a time would be cut off
        return f"NOT regexp_full_match({text}, {literal(_ISO_DATE)})"
    if column.type == "datetime":  # «epoch» and 24-01-05 are no moments of a source
        return f"({text} < '0' OR {text} >= ':' OR {text} NOT LIKE '____-%')"
    return None


def _iso(text: str, column: StagedColumn) -> str:
    """Cast an ISO 8601 date or moment; the query fails at one that does not fit."""
    if column.type == "date":  # «infinity» says itself back as well, but has no ten letters
        cast = f"CAST({text} AS DATE)"
        same = f"(CAST({cast} AS VARCHAR) = {text} AND length({text}) = 10)"
        fits = f"{same} OR {text} IS NULL"
        return (
            f"CASE WHEN {fits} THEN {cast} WHEN {_changed(text, column)} THEN {STOP} "
            f"ELSE {cast} END"
        )
    # TIMESTAMP costs half of the cast, but ignores an offset: only for texts that have none.
    utc = f"CAST(CAST({text} AS TIMESTAMP) AS TIMESTAMP WITH TIME ZONE)"
    plain_text = " OR ".join(f"{text} LIKE '____-__-_____:__:__{end}'" for end in ("", "Z"))
    any_zone = f"CAST({text} AS TIMESTAMP WITH TIME ZONE)"
    return (
        f"CASE WHEN {_changed(text, column)} THEN {STOP} WHEN {plain_text} THEN {utc} "
        f"ELSE {any_zone} END"
    )


def _moment(text: str, column: StagedColumn, function: str) -> tuple[str, str]:
    """A text as a timestamp by the column's format, and that as the column's type."""
    text, pattern = f"trim({text})", column.format or ""
    if column.language and ("%B" in pattern or "%b" in pattern):
        text, pattern = _numbered_months(text, column.language, pattern)
    moment = f"{function}({text}, {literal(pattern)})"
    return moment, f"CAST({moment} AS {column.sql_type})"


def _no_moment(moment: str, cast: str) -> str:
    """SQL that is true where a date would lose its time, or has a year of fewer than 4 digits."""
    return f"{cast} <> {moment} OR year({moment}) < 1000"


def _numbered_months(text: str, language: str, pattern: str) -> tuple[str, str]:
    """The text with the number of its month in place of the name, and the format for it."""
    names = month_names(language)
    text = f"replace(strip_accents(lower({text})), '\u0640', '')"
    wanted = "|".join(re.escape(name) for name in sorted(names, key=len, reverse=True))
    expression = literal(rf"(?:^|[^\p{{L}}])({wanted})\.?(?:[^\p{{L}}]|$)")
    found = f"regexp_extract({text}, {expression}, 1)"
    numbers = ", ".join(f"{literal(name)}: '{number:02}'" for name, number in names.items())
    # The dot of an abbreviation goes with its name.
    dotted = f"replace({text}, {found} || '.', {found})"
    numbered = f"replace({dotted}, {found}, coalesce(MAP {{{numbers}}}[{found}], ''))"
    parts = re.findall(r"%-?.|[^%]+", pattern)
    plainly = [
        "%m" if part in ("%B", "%b") else part if part.startswith("%") else plain(part)
        for part in parts
    ]
    return numbered, "".join(plainly).replace("%m.", "%m")


def _western(text: str) -> str:
    """A text with western digits, and without marks of direction."""
    return (
        f"regexp_replace(translate({text}, '{_DIGITS}', '{'0123456789' * 2}'), '{_BIDI}', '', 'g')"
    )


def _western_number(text: str, dialect: Dialect) -> str:
    """The text of a number with the western marks of its dialect for the Arabic ones."""
    text = f"replace({_western(text)}, '\u2212', '-')"
    grouped = r"\s*[+-]?[0-9]{1,3}(٬[0-9]{3})+(٫[0-9]*)?\s*"
    thousands = f"regexp_full_match({text}, '{grouped}')"
    text = f"CASE WHEN {thousands} THEN replace({text}, '٬', '') ELSE {text} END"
    return f"replace({text}, '٫', {literal(dialect.decimal)})"


def _number(text: str, column: StagedColumn, dialect: Dialect) -> str:
    """The text of a number with the marks that SQL knows."""
    if column.type not in _NUMERIC and not column.type.startswith("decimal"):
        return f"trim({text})"
    if dialect.thousands:
        text = _ungrouped(text, dialect)
    if dialect.decimal != ".":
        # A point is no decimal mark here: 1.234 is not a number, least of all 1.234.
        text = f"replace(replace({text}, '.', '?'), {literal(dialect.decimal)}, '.')"
    return text


def _ungrouped(text: str, dialect: Dialect) -> str:
    """The text without its thousands marks, and no number where they do not stand between three."""
    mark = dialect.thousands or ""
    blank = mark in _BLANKS  # they look the same, so they are
    marks = f"[{_BLANKS}]" if blank else f"[{re.escape(mark)}]"
    inner = f"trim({text}, '{_BLANKS}')" if blank else f"trim({text})"
    decimal = re.escape(dialect.decimal)
    grouped = literal(rf"[+-]?[0-9]{{1,3}}({marks}[0-9]{{3}})+({decimal}[0-9]*)?")
    return (
        f"CASE WHEN NOT regexp_matches({inner}, {literal(marks)}) THEN {inner} "
        f"WHEN regexp_full_match({inner}, {grouped}) "
        f"THEN regexp_replace({inner}, {literal(marks)}, '', 'g') "
        f"WHEN {text} IS NOT NULL THEN '?' END"
    )
