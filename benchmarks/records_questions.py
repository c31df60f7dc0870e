"""The three questions of ``records_api``, the same for every server, and the table they are of."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

COMMUNES = 16
INDICATORS = ("eau", "lait", "énergie", "طاقة", "santé", "école", "bétail", "pluie")
TYPES = {"id": "integer", "commune": "text", "commune_name": "text", "indicator": "text",
         "year": "integer", "unit": "text", "value": "number", "estimated": "boolean",
         "day": "date", "note": "text"}  # fmt: skip
ROW = f"""
SELECT i::BIGINT AS id, '77.' || lpad((hash(i) % {COMMUNES})::VARCHAR, 3, '0') AS commune,
    'Commune ' || (hash(i) % {COMMUNES}) AS commune_name,
    {list(INDICATORS)}[1 + (hash(i + 1) % {len(INDICATORS)})::INTEGER] AS indicator,
    (2000 + hash(i + 2) % 25)::BIGINT AS year, 'unit ' || (hash(i + 3) % 4) AS unit,
    (hash(i + 4) % 10000000) / 100.0::DOUBLE AS value,
    hash(i + 5) % 3 = 0 AS estimated,
    DATE '2000-01-01' + (hash(i + 6) % 9000)::INTEGER AS day,
    'note ' || (hash(i + 7) % 1000) AS note
FROM range({{rows}}) r(i)
"""
# A prime that divides no number of combinations: neighbours in number are far apart in question.
STRIDE = 7919
FILTER_ROWS = range(1, 41)
PAGE_ROWS = range(26, 176)
PAGES = range(50)
# As many questions of each kind as are unlike. Groups differ by the name of their sum, without end.
UNLIKE = {
    "F": COMMUNES * len(INDICATORS) * len(FILTER_ROWS),
    "P": len(PAGE_ROWS) * len(PAGES),
    "G": 1_000_000,
}


@dataclass(frozen=True)
class Filter:
    """F: the first rows of a commune and an indicator, about 20."""

    commune: str
    indicator: str
    limit: int


@dataclass(frozen=True)
class Page:
    """P: one of the first pages of the table, about 100 rows."""

    limit: int
    page: int

    @property
    def offset(self) -> int:
        """The rows on earlier pages."""
        return self.limit * self.page


@dataclass(frozen=True)
class Groups:
    """G: the sum of the values of an indicator for each commune, under a name."""

    indicator: str
    name: str

    def sql(self, table: str) -> str:
        """For servers that group only by SQL."""
        return (
            f"SELECT commune, sum(value) AS {self.name} FROM {table} "
            f"WHERE indicator = '{self.indicator}' GROUP BY commune"
        )


def narrow(number: int) -> Filter:
    """F by its number: none is like another before ``UNLIKE``."""
    commune, indicator, rows = drawn(number, COMMUNES, len(INDICATORS), len(FILTER_ROWS))
    return Filter(f"77.{commune:03}", INDICATORS[indicator], FILTER_ROWS[rows])


def page(number: int) -> Page:
    """P by its number: none is like another before ``UNLIKE``."""
    rows, at = drawn(number, len(PAGE_ROWS), len(PAGES))
    return Page(PAGE_ROWS[rows], PAGES[at])


def groups(number: int) -> Groups:
    """G by its number."""
    return Groups(INDICATORS[number % len(INDICATORS)], f"total_{number}")


def drawn(number: int, *sizes: int) -> list[int]:
    """One of all combinations of a number below each size."""
    left = number * STRIDE % math.prod(sizes)
    found = []
    for size in sizes:
        left, one = divmod(left, size)
        found.append(one)
    return found


@dataclass(frozen=True)
class Truth:
    """What is right: rows and sums for commune and indicator."""

    rows: int
    counts: dict[tuple[str, str], int]
    sums: dict[tuple[str, str], float]

    def faults(self, kind: str, number: int, told: list[dict[str, Any]]) -> str | None:
        """What is wrong with the records of an answer; columns and types are not looked at."""
        if kind == "F":
            asked = narrow(number)
            there = self.counts[asked.commune, asked.indicator]
            due = min(asked.limit, there)
            if len(told) != due:
                return f"F {number}: {len(told)} rows instead of {due}"
            if any((one["commune"], one["indicator"]) != (asked.commune, asked.indicator)
                   for one in told):  # fmt: skip
                return f"F {number}: rows that were not asked for"
        elif kind == "P":
            asked_page = page(number)
            due = max(0, min(asked_page.limit, self.rows - asked_page.offset))
            ids = {one["id"] for one in told}
            if len(ids) != due:
                return f"P {number}: {len(told)} rows, {due} different ones are due"
            if asked_page.page and 0 in ids:
                return f"P {number}: the first page instead of a later one"
        else:
            sums = {one["commune"]: float(one[groups(number).name]) for one in told}
            due_sums = {commune: total for (commune, indicator), total in self.sums.items()
                        if indicator == groups(number).indicator}  # fmt: skip
            if sums.keys() != due_sums.keys() or any(
                not math.isclose(sums[one], due_sums[one], rel_tol=1e-9) for one in sums
            ):
                return f"G {number}: other sums"
        return None
