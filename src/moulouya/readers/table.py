"""What a reader hands to staging."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

# What a rejected record broke: the form of its format, the number of its values, the quoting, its
# encoding, its shape, a formula that was never computed; or, once it is a row, a column's type or
# that a column needs a value.
Rule = Literal[
    "record", "fields", "quotes", "encoding", "shape", "formula", "type", "required"
]  # fmt: skip


@dataclass(frozen=True)
class Malformed:
    """A record that is no row at all: where it stands, what is wrong, its text, and the rule."""

    file: Path
    line: int
    reason: str
    original: str
    rule: Rule = "record"


def _no_lines(
    records: dict[Path, set[int]], malformed: list[Malformed]
) -> dict[tuple[Path, int], int]:
    return {}


Lines = Callable[[dict[Path, set[int]], list[Malformed]], dict[tuple[Path, int], int]]


@dataclass(frozen=True)
class RawTable:
    """A table as the source wrote it.

    ``relation`` is SQL for a table expression; ``expressions`` maps the source's column names to
    SQL over it; ``types`` has the SQL type of those that are not text. ``malformed`` lists broken
    records once the relation has been read; ``lines`` turns record numbers (from 1, in a file)
    into the lines they start on, where the format has lines. ``line_expression`` is SQL for the
    line (or the row of a sheet) where the relation carries it; then ``lines`` is not asked.
    ``rows`` is the number of rows in it, where the reader counted them: staging must see as many.
    ``without`` gives the relation with some texts as NULL in every column, where that is cheaper.
    """

    relation: str
    expressions: dict[str, str]
    file_expression: str
    types: dict[str, str] = field(default_factory=dict)
    malformed: Callable[[], list[Malformed]] = field(default=list)
    lines: Lines = _no_lines
    line_expression: str | None = None
    rows: int | None = None
    without: Callable[[list[str]], str] | None = None
