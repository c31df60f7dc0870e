"""A result of the service as the page shows it where no script runs."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import orjson

from moulouya.portal.console.words import problem
from moulouya.portal.languages import Language
from moulouya.portal.query.inside import Answered

# The page asks for more rows than it shows: its script takes the same answer from memory.
ASKED_ROWS, SHOWN_ROWS = 1000, 200
LONGEST_CELL = 2000
NUMBERS = ("TINYINT", "SMALLINT", "INTEGER", "BIGINT", "HUGEINT", "UTINYINT", "USMALLINT",
           "UINTEGER", "UBIGINT", "UHUGEINT", "FLOAT", "DOUBLE", "DECIMAL")  # fmt: skip


@dataclass(frozen=True)
class Column:
    """A column of a result; ``numeric`` ones are lined up at their end."""

    name: str
    type: str
    numeric: bool


@dataclass(frozen=True)
class Table:
    """Rows to show. ``cut`` is true where the statement gives more than these."""

    columns: list[Column]
    rows: list[list[str | None]]
    cut: bool


@dataclass(frozen=True)
class Plan:
    """What a statement would cost: the rows to read, the tables, and how it would be run."""

    rows: int
    tables: list[str]
    text: str


@dataclass(frozen=True)
class Problem:
    """Why there is no result; ``detail`` and ``hint`` are the engine's own words, in English."""

    status: int
    title: str
    detail: str
    hint: str
    line: int
    column: int


def shown(answered: Answered, language: Language) -> Table | Plan | Problem:
    """The answer, read."""
    found: dict[str, Any] = orjson.loads(answered.body)
    if answered.status != 200:
        place = found.get("position") or {}
        return Problem(
            answered.status, problem(str(found.get("type")), language),
            str(found.get("detail", "")), str(found.get("hint", "")),
            int(place.get("line", 0)), int(place.get("column", 0)),
        )  # fmt: skip
    if "plan" in found:
        plan = orjson.dumps(found["plan"], option=orjson.OPT_INDENT_2).decode()
        return Plan(found["estimate"]["rows_read"], found["tables"], plan)
    columns = [
        Column(
            one["name"],
            one["type"],
            one["type"].startswith(NUMBERS) and not one["type"].endswith("]"),
        )
        for one in found["columns"]
    ]
    rows = [[_cell(value) for value in row] for row in found["rows"][:SHOWN_ROWS]]
    return Table(columns, rows, found["truncated"] or len(found["rows"]) > SHOWN_ROWS)


def _cell(value: Any) -> str | None:
    if value is None or isinstance(value, str):
        return value if value is None else value[:LONGEST_CELL]
    if isinstance(value, bool):
        return "true" if value else "false"
    text = repr(value) if isinstance(value, float) else orjson.dumps(value).decode()
    return text[:LONGEST_CELL]
