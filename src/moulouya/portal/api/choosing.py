"""``select``, ``group_by``, ``order_by``: which columns a question gives, in which order."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from moulouya.duck import identifier
from moulouya.portal.api.faults import Refused, unknown
from moulouya.portal.api.pieces import is_numeric
from moulouya.portal.records.view import Table

LONGEST = 2000
MOST_COLUMNS = 200
AGGREGATES = {
    "count": "count({})",
    "count_distinct": "count(DISTINCT {})",
    "sum": "sum({})",
    "avg": "avg({})",
    "min": "min({})",
    "max": "max({})",
    "median": "median({})",
    "stddev": "stddev_samp({})",
}
COUNTING = ("count", "count_distinct")
ORDERED = ("min", "max")
_ITEM = re.compile(
    r"\s*(?:(?P<function>[A-Za-z_]+)\s*\(\s*(?P<of>\*|[^\W\d]\w*|)\s*\)|(?P<column>[^\W\d]\w*|\*))"
    r"(?:\s+[aA][sS]\s+(?P<alias>[^\W\d]\w{0,62}))?\s*"
)
_TERM = re.compile(r"\s*(?P<sign>[-+]?)\s*(?P<name>[^\W\d]\w*)\s*")


@dataclass(frozen=True)
class Output:
    """A column of the answer: its name, its type, and the SQL that gives it from the table.

    ``kind`` is a column type, or ``huge`` for a sum of whole numbers. ``unit`` is a column's.
    """

    name: str
    kind: str
    sql: str
    column: str = ""
    aggregate: bool = False


@dataclass(frozen=True)
class Order:
    """A term of the order: an output's name, or a column where rows are not grouped."""

    name: str
    descending: bool

    @property
    def text(self) -> str:
        """The term as ``order_by`` writes it."""
        return f"{'-' if self.descending else ''}{self.name}"


@dataclass(frozen=True)
class Choice:
    """What is chosen. Rows are ``grouped`` where there are aggregates or ``group_by``.

    ``whole`` are rows with all their columns, as they lie in the table.
    """

    outputs: tuple[Output, ...]
    groups: tuple[str, ...]
    order: tuple[Order, ...]
    grouped: bool
    whole: bool = False

    @property
    def canonical(self) -> tuple[str, str, str]:
        """``select``, ``group_by`` and ``order_by``, the same for the same choice."""
        selected = ",".join(f"{one.sql} as {one.name}" for one in self.outputs)
        return selected, ",".join(self.groups), ",".join(one.text for one in self.order)


def choose(table: Table, select: str, group_by: str, order_by: str) -> Choice:
    """What the three parameters say, each empty where it is not given; raises Refused."""
    groups = tuple(dict.fromkeys(_columns(table, group_by)))
    if select.strip():
        outputs = tuple(_output(table, item, at) for item, at in _items(select, "select"))
    elif groups:
        counted = _aggregate(table, "count", "*", "", 0)
        outputs = (*(_plain(table, name) for name in groups), counted)
    else:
        outputs = tuple(_plain(table, name) for name in table.types)
    outputs = tuple(
        each for one in outputs for each in (_all(table) if one.name == "*" else (one,))
    )
    grouped = bool(groups) or any(one.aggregate for one in outputs)
    _check(outputs, groups, grouped)
    order = _order(table, order_by, outputs, grouped)
    whole = not grouped and not order and outputs == tuple(_all(table))
    return Choice(outputs, groups, order, grouped, whole)


def _items(text: str, parameter: str) -> list[tuple[str, int]]:
    """The parts between commas, each with its place."""
    if len(text) > LONGEST:
        raise Refused("too-long", f"{parameter} has at most {LONGEST} characters",
                      parameter=parameter)  # fmt: skip
    found, at = [], 0
    for part in text.split(","):
        found.append((part, at))
        at += len(part) + 1
    if len(found) > MOST_COLUMNS:
        raise Refused("expression", f"{parameter} has at most {MOST_COLUMNS} parts",
                      parameter=parameter)  # fmt: skip
    return found


def _columns(table: Table, text: str) -> list[str]:
    if not text.strip():
        return []
    names = []
    for part, at in _items(text, "group_by"):
        name = part.strip()
        _kind(table, name, "group_by", at)
        names.append(name)
    return names


def _kind(table: Table, name: str, parameter: str, at: int, *, shapes: bool = False) -> str:
    """The type of a column; Refused where there is none, or where it holds shapes."""
    kind = table.types.get(name)
    if kind is None:
        raise unknown("unknown-column", "column", name, list(table.types), parameter, at)
    if kind == "geometry" and not shapes:
        raise Refused("types", f"{name} holds shapes, which have no order", parameter=parameter,
                      at=at)  # fmt: skip
    return kind


def _plain(table: Table, name: str, alias: str = "") -> Output:
    return Output(alias or name, table.types[name], identifier(name), name)


def _all(table: Table) -> list[Output]:
    return [_plain(table, name) for name in table.types]


def _output(table: Table, item: str, at: int) -> Output:
    found = _ITEM.fullmatch(item)
    if found is None:
        raise Refused(
            "expression", f"select, character {at + 1}: {item.strip()[:60]!r} is not understood",
            "write column, column as name, or sum(column) as name", parameter="select", at=at,
        )  # fmt: skip
    alias = found["alias"] or ""
    if found["function"]:
        return _aggregate(table, found["function"].lower(), found["of"], alias, at)
    if found["column"] == "*":
        return Output("*", "", "")
    _kind(table, found["column"], "select", at, shapes=True)
    return _plain(table, found["column"], alias)


def _aggregate(table: Table, function: str, of: str, alias: str, at: int) -> Output:
    if function not in AGGREGATES:
        raise unknown("expression", "aggregate", function, list(AGGREGATES), "select", at)
    if of in ("", "*"):
        if function != "count":
            raise Refused("expression", f"{function} is of a column", f"write {function}(column)",
                          parameter="select", at=at)  # fmt: skip
        return Output(alias or "count", "integer", "count(*)", aggregate=True)
    kind = _kind(table, of, "select", at, shapes=function == "count")
    if function in COUNTING:
        given = "integer"
    elif function in ORDERED:
        given = kind
    elif not is_numeric(kind):
        raise Refused("types", f"{function} is of numbers, and {of} is {kind}",
                      f"count, count_distinct, min and max can be had of {of}",
                      parameter="select", at=at)  # fmt: skip
    elif function == "sum":
        given = _summed(kind)
    else:
        given = "number"
    sql = AGGREGATES[function].format(identifier(of))
    if given == "number":
        sql = f"CAST({sql} AS DOUBLE)"
    return Output(alias or f"{function}_{of}", given, sql, of, aggregate=True)


def _summed(kind: str) -> str:
    if kind.startswith("decimal"):
        return f"decimal(38,{kind.partition(',')[2]}"
    return "huge" if kind == "integer" else "number"


def _check(outputs: Sequence[Output], groups: Sequence[str], grouped: bool) -> None:
    names = [one.name for one in outputs]
    twice = next((name for name in names if names.count(name) > 1), None)
    if twice is not None:
        raise Refused("expression", f"the name {twice} is given twice", "give one of them another: "
                      f"{twice} as {twice}_2", parameter="select")  # fmt: skip
    if len(outputs) > MOST_COLUMNS and grouped:
        raise Refused("expression", f"at most {MOST_COLUMNS} columns can be grouped",
                      parameter="select")  # fmt: skip
    for one in outputs:
        if grouped and not one.aggregate and one.column not in groups:
            raise Refused(
                "expression", f"{one.column} is neither aggregated nor in group_by",
                f"add it to group_by, or write min({one.column})", parameter="select",
            )  # fmt: skip


def _order(table: Table, text: str, outputs: Sequence[Output], grouped: bool) -> tuple[Order, ...]:
    if not text.strip():
        return ()
    kinds = {one.name: one.kind for one in outputs}
    known = list(kinds) if grouped else list(dict.fromkeys([*table.types, *kinds]))
    found: dict[str, Order] = {}
    for part, at in _items(text, "order_by"):
        term = _TERM.fullmatch(part)
        if term is None:
            raise Refused(
                "expression", f"order_by, character {at + 1}: {part.strip()[:60]!r} is not "
                "understood", "write column, or -column for the largest first",
                parameter="order_by", at=at,
            )  # fmt: skip
        name = term["name"]
        if name not in known:
            raise unknown("unknown-column", "column", name, known, "order_by", at)
        kind = kinds.get(name) or table.types[name]
        if kind == "geometry":
            raise Refused("types", f"{name} holds shapes, which have no order",
                          parameter="order_by", at=at)  # fmt: skip
        found.setdefault(name, Order(name, term["sign"] == "-"))
    return tuple(found.values())
