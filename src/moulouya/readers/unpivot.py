"""Wide columns told as rows: one for each of them, in their order, after one another."""

from __future__ import annotations

import re
from pathlib import Path

from moulouya.definition import Unpivot
from moulouya.duck import identifier, literal
from moulouya.errors import ReadError
from moulouya.readers.table import Malformed, RawTable


def unpivoted(raw: RawTable, unpivot: Unpivot, shown: str) -> RawTable:
    """The table with a row for each wide column; every other column repeats.

    A row is there even where its value is missing. Raises ReadError when no column is wide, or
    a column already has one of the two new names.
    """
    wide = _wide(raw, unpivot, shown)
    kept = {name: sql for name, sql in raw.expressions.items() if name not in wide}
    for name in (unpivot.name, unpivot.value):
        if name in kept:
            raise ReadError(f"{shown} already has a column {name!r}", hint="see source.unpivot")
    types = {raw.types.get(name) for name in wide}
    one_type = types.pop() if len(types) == 1 else None
    pairs = ", ".join(
        f"{{'name': {literal(label)}, 'value': {_value(raw, name, one_type)}}}"
        for name, label in wide.items()
    )
    line = raw.line_expression or "NULL"
    carried = ", ".join(f"{sql} AS {identifier(f'c{at}')}" for at, sql in enumerate(kept.values()))
    relation = (
        f"(SELECT {carried + ', ' if carried else ''}{raw.file_expression} AS _file, "
        f"{line} AS _line, unnest([{pairs}]) AS _pair FROM {raw.relation})"
    )
    columns = {name: identifier(f"c{at}") for at, name in enumerate(kept)}
    return RawTable(
        relation=relation,
        expressions={**columns, unpivot.name: "_pair.name", unpivot.value: "_pair.value"},
        file_expression="_file",
        types={
            **{name: kind for name, kind in raw.types.items() if name in kept},
            **({unpivot.value: one_type} if one_type else {}),
        },
        malformed=raw.malformed,
        lines=lambda records, malformed: _lines(raw, records, malformed, len(wide)),
        line_expression="_line" if raw.line_expression else None,
        rows=None if raw.rows is None else raw.rows * len(wide),
    )


def _wide(raw: RawTable, unpivot: Unpivot, shown: str) -> dict[str, str]:
    """The wide columns, and what becomes of their names."""
    try:
        pattern = re.compile(unpivot.columns)
    except re.error as error:
        raise ReadError(
            f"source.unpivot.columns is no regular expression: {error}",
        ) from error
    found: dict[str, str] = {}
    taken: set[str] = set()
    for name, sql in raw.expressions.items():
        match = pattern.fullmatch(name)
        if match and sql not in taken:  # a column may be found under two names
            taken.add(sql)
            found[name] = (match[1] or "") if pattern.groups else name
    if not found:
        raise ReadError(
            f"{shown} has no column that {unpivot.columns!r} matches whole",
            hint=f"it has: {', '.join(raw.expressions)}",
        )
    return found


def _value(raw: RawTable, name: str, one_type: str | None) -> str:
    sql = raw.expressions[name]
    return sql if one_type or name not in raw.types else f"CAST({sql} AS VARCHAR)"


def _lines(
    raw: RawTable, records: dict[Path, set[int]], malformed: list[Malformed], width: int
) -> dict[tuple[Path, int], int]:
    """The lines of the rows that the wanted ones were made of."""
    sources = {
        path: {(number - 1) // width + 1 for number in wanted} for path, wanted in records.items()
    }
    lines = raw.lines(sources, malformed)
    return {
        (path, number): lines[path, (number - 1) // width + 1]
        for path, wanted in records.items()
        for number in wanted
        if (path, (number - 1) // width + 1) in lines
    }
