"""Expectations of our own about rows beside each other: series in time, sums of another table.

Each one is a query for the rows that break it, and a scan of its own: they are Great Expectations'
``UnexpectedRowsExpectation`` with a query made of their arguments.
"""

from __future__ import annotations

import re
from abc import ABC, abstractmethod
from collections.abc import Iterable
from typing import Any, Literal

from great_expectations.compatibility import pydantic
from great_expectations.expectations.core.unexpected_rows_expectation import (
    UnexpectedRowsExpectation,
)

from moulouya.duck import identifier, literal

_QUERY = "unexpected_rows_query"
_STEP = r"[1-9][0-9]* (minute|hour|day|week|month|quarter|year)s?"


class QueryOfArguments(UnexpectedRowsExpectation, ABC):
    """An expectation whose query is made of its arguments."""

    unexpected_rows_query: str = ""

    @pydantic.root_validator(skip_on_failure=True)
    def _made(cls, values: dict[str, Any]) -> dict[str, Any]:
        return {**values, _QUERY: cls.query(values)}

    @classmethod
    @abstractmethod
    def query(cls, values: dict[str, Any]) -> str:
        """The rows that break the expectation, as SQL over ``{batch}``."""


class ExpectColumnValuesToBeMonotone(QueryOfArguments):
    """Expect values that never fall (or never rise) from one row to the next, in each group."""

    column: str
    order_by: str
    group_by: list[str] = pydantic.Field(default_factory=list)
    direction: Literal["increasing", "decreasing"] = "increasing"
    # The dataset's key, by which the suite has rows named.
    key: list[str] = pydantic.Field(default_factory=list)

    @classmethod
    def query(cls, values: dict[str, Any]) -> str:
        """Rows whose value is less (or more) than the one before."""
        value, order = _name(values["column"]), _name(values["order_by"])
        falls, way = ("<", "ASC") if values["direction"] == "increasing" else (">", "DESC")
        group = values["group_by"]
        shown = dict.fromkeys([*values["key"], *group, values["order_by"], values["column"]])
        return (
            f"SELECT {_names(shown)}, before FROM (SELECT *, lag({value}) OVER ("
            f"{_partition(group)}ORDER BY {order}, {value} {way}) AS before "
            f"FROM {{batch}} WHERE {value} IS NOT NULL) WHERE {value} {falls} before"
        )


class ExpectColumnValuesToHaveNoGapInTime(QueryOfArguments):
    """Expect a date, moment or year at every step between the first and the last, in each group."""

    column: str
    step: int | str = "1 day"
    group_by: list[str] = pydantic.Field(default_factory=list)

    @pydantic.validator("step")
    def _known_step(cls, value: int | str) -> int | str:
        return known_step(value)

    @classmethod
    def query(cls, values: dict[str, Any]) -> str:
        """Two values that follow each other and lie more than a step apart."""
        moment, group, step = _name(values["column"]), values["group_by"], values["step"]
        size = str(step) if isinstance(step, int) else f"INTERVAL {_escaped(literal(step))}"
        distinct = _names([*group, values["column"]])
        shown = f"{_names(group)}, " if group else ""
        return (
            f"SELECT {shown}before AS after_this, {moment} AS comes_this FROM (SELECT {distinct}, "
            f"lag({moment}) OVER ({_partition(group)}ORDER BY {moment}) AS before FROM "
            f"(SELECT DISTINCT {distinct} FROM {{batch}} WHERE {moment} IS NOT NULL)) "
            f"WHERE {moment} > before + {size}"
        )


class ExpectColumnSumsToMatchOtherTable(QueryOfArguments):
    """Expect the sums of a column, in each group, to be those of a column of another dataset.

    ``where`` and ``other_where`` choose rows; a group that one side lacks breaks it too.
    """

    column: str
    group_by: list[str] = pydantic.Field(default_factory=list)
    where: str | None = None
    other_table: str
    other_column: str
    other_group_by: list[str] | None = None
    other_where: str | None = None
    tolerance: float = pydantic.Field(0.0, ge=0)

    @pydantic.validator("other_group_by")
    def _as_many(cls, value: list[str] | None, values: dict[str, Any]) -> list[str] | None:
        if value is not None and len(value) != len(values.get("group_by", [])):
            raise ValueError("group_by and other_group_by must have as many columns")
        return value

    @classmethod
    def query(cls, values: dict[str, Any]) -> str:
        """Groups whose sums differ, or that only one of the two tables has."""
        ours, theirs = values["group_by"], values["other_group_by"] or values["group_by"]
        parts = [f"part{number}" for number in range(len(ours))]
        sums = [
            _sums(parts, *of)
            for of in (
                (ours, values["column"], "{batch}", values["where"]),
                (theirs, values["other_column"], _name(values["other_table"]),
                 values["other_where"]),
            )
        ]  # fmt: skip
        same = " AND ".join(f"a.{part} = b.{part}" for part in parts) or "true"
        groups = "".join(
            f"coalesce(a.{part}, b.{part}) AS {_name(name)}, "
            for part, name in zip(parts, ours, strict=True)
        )
        allowed = f"{values['tolerance']!r} * abs(b.total)"
        return (
            f"SELECT {groups}a.total AS sum, b.total AS expected FROM {sums[0]} AS a FULL JOIN "
            f"{sums[1]} AS b ON {same} WHERE coalesce(abs(a.total - b.total) > {allowed}, "
            "a.total IS DISTINCT FROM b.total)"
        )


def known_step(value: int | str) -> int | str:
    """A step of time: a number of years (of whatever a whole number counts), or words."""
    if isinstance(value, int) and value > 0:
        return value
    if isinstance(value, str) and re.fullmatch(_STEP, value):
        return value
    raise ValueError(f"a step is a whole number, or words such as '1 day', not {value!r}")


def _sums(parts: list[str], group: list[str], column: str, table: str, where: str | None) -> str:
    named = "".join(f"{_name(name)} AS {part}, " for name, part in zip(group, parts, strict=True))
    chosen = f" WHERE {_escaped(where)}" if where else ""
    return f"(SELECT {named}sum({_name(column)}) AS total FROM {table}{chosen} GROUP BY ALL)"


def _partition(group: list[str]) -> str:
    return f"PARTITION BY {_names(group)} " if group else ""


def _names(names: Iterable[str]) -> str:
    return ", ".join(map(_name, names))


def _name(name: str) -> str:
    return _escaped(identifier(name))


def _escaped(sql: str) -> str:
    """Braces as GX wants them in a query: it fills in ``{batch}``."""
    return sql.replace("{", "{{").replace("}", "}}")
