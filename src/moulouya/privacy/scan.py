"""The heavy half: DuckDB reads every row once and hands on only what may be an identifier."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import duckdb

from moulouya.duck import identifier, literal, one_row
from moulouya.privacy import values

SAMPLED = 5000
LONGEST = 300  # characters of a sampled cell
BATCH = 10_000
S = r"[\s.\-/()]{0,3}"
APART = r"(?:^|[^0-9A-Za-z]|(?i:rib|iban|tel|gsm|fax))"
# Looser than what ``values`` accepts, and without look-around, which RE2 does not have.
NUMBERS = "|".join([
    rf"{APART}(?:0{S}[5-8]|212{S}0?{S}[5-8])(?:{S}[0-9]){{8}}(?:[^0-9]|$)",
    rf"(?:\+|{APART}00){S}[1-9](?:{S}[0-9]){{6}}",
    rf"{APART}[0-9](?:[\s.\-/:_|]{{0,2}}[0-9]){{23}}(?:[^0-9]|$)",
    rf"{APART}(?:{'|'.join(values.COUNTRIES)}|ma)[0-9]{{2}}(?:[\s.\-/:_|]{{0,2}}[0-9A-Za-z]){{11}}",
])  # fmt: skip
LABELS = (
    r"(?i)(?:c\.?n?\.?i\.?[ne]|massar|carte|card|مسار|بطاقة|البطاقة|ب\.? ?ت)"
    r"[^0-9]{0,27}[a-z]{1,2} ?[0-9]{5}"
)
TEXT_TYPES = ("VARCHAR", "ENUM", "JSON")
NUMBER_TYPES = (
    "TINYINT", "SMALLINT", "INTEGER", "BIGINT", "HUGEINT", "UTINYINT", "USMALLINT", "UINTEGER",
    "UBIGINT", "UHUGEINT", "DOUBLE", "FLOAT", "DECIMAL",
)  # fmt: skip
# Nine digits without the zero that a number loses, alone or behind the country's code.
LOCAL = (500_000_000, 799_999_999)
WITH_COUNTRY = (212_500_000_000, 212_799_999_999)


@dataclass
class TextColumn:
    """What one scan counted in a column of text."""

    name: str
    filled: int
    candidates: int


@dataclass
class NumberColumn:
    """What one scan counted in a column of numbers; ``phones`` have the size of one."""

    name: str
    type: str
    filled: int
    phones: int
    lowest: int
    highest: int
    distinct: int


@dataclass
class Table:
    """A Parquet file, its columns by type, and the connection that reads it."""

    con: duckdb.DuckDBPyConnection
    path: Path
    rows: int = 0
    types: dict[str, str] = field(default_factory=dict)

    @property
    def source(self) -> str:
        """The table as SQL reads it."""
        return f"read_parquet({literal(str(self.path))}, file_row_number = true)"

    def named(self, *types: str) -> list[str]:
        """The columns whose type begins with one of these words."""
        return [name for name, type_ in self.types.items() if type_.startswith(types)]


def opened(con: duckdb.DuckDBPyConnection, path: Path) -> Table:
    """The table in a Parquet file."""
    source = f"read_parquet({literal(str(path))})"
    described = con.execute(f"DESCRIBE FROM {source}").fetchall()
    (rows,) = one_row(con, f"SELECT count(*) FROM {source}")
    return Table(con, path, int(rows), {str(row[0]): str(row[1]).upper() for row in described})


def _plain(column: str) -> str:
    """A column's text as ``values.normalised`` makes it; ASCII is left as it is."""
    text = f"CAST({identifier(column)} AS VARCHAR)"
    return (
        f"CASE WHEN strlen({text}) = length({text}) THEN {text} "
        f"ELSE translate({text}, {literal(values.FROM)}, {literal(values.TO)}) END"
    )


def _candidate(text: str) -> str:
    """Whether a text may hold a strong kind: an @ or its bracketed form, or enough digits."""
    return (
        f"CASE WHEN contains({text}, '@') THEN true "
        f"WHEN regexp_matches({text}, '[0-9][^0-9]{{0,3}}[0-9]') "
        f"AND regexp_matches({text}, {literal(NUMBERS)}) THEN true "
        f"WHEN regexp_matches({text}, '(?i)[\\[(](?:at|arobase)[\\])]') THEN true "
        f"ELSE regexp_matches({text}, '[0-9]{{5}}') AND regexp_matches({text}, {literal(LABELS)}) "
        "END"
    )


def texts(table: Table) -> list[TextColumn]:
    """Every column of text with the cells that may hold a strong kind, in one scan."""
    skipped = (*NUMBER_TYPES, "BOOLEAN", "DATE", "TIME", "GEOMETRY", "BLOB", "UUID", "INTERVAL")
    names = [name for name, type_ in table.types.items() if not type_.startswith(skipped)]
    names += [
        name for name in table.types if table.types[name].endswith("[]") and name not in names
    ]
    if not names:
        return []
    inner = ", ".join(f"{_plain(name)} AS c{number}" for number, name in enumerate(names))
    outer = ", ".join(
        f"count(c{number}), count_if({_candidate(f'c{number}')})" for number in range(len(names))
    )
    row = one_row(table.con, f"SELECT {outer} FROM (SELECT {inner} FROM {table.source})")
    return [
        TextColumn(name, int(row[2 * number]), int(row[2 * number + 1] or 0))
        for number, name in enumerate(names)
    ]


def candidates(table: Table, column: str) -> Iterator[list[str]]:
    """The normalised cells of a column that may hold a strong kind, in batches."""
    table.con.execute(
        f"SELECT t FROM (SELECT {_plain(column)} AS t FROM {table.source}) "
        f"WHERE t IS NOT NULL AND {_candidate('t')}"
    )
    while batch := table.con.fetchmany(BATCH):
        yield [values.normalised(row[0]) for row in batch]


def peers(table: Table, column: str, lengths: set[int]) -> int:
    """Cells in which a run of digits is exactly as long, separators aside."""
    pattern = "|".join(rf"(?:^|[^0-9])[0-9]{{{length}}}(?:[^0-9]|$)" for length in sorted(lengths))
    (count,) = one_row(
        table.con,
        f"SELECT count_if(regexp_matches(regexp_replace(t, '[ .\\-/()]', '', 'g'), "
        f"{literal(pattern)})) FROM (SELECT {_plain(column)} AS t FROM {table.source}) "
        "WHERE t IS NOT NULL",
    )
    return int(count or 0)


def sample(table: Table, column: str, filled: int) -> Counter[str]:
    """Up to 5,000 filled cells from the whole table, normalised, the same at every run."""
    every = max(1, filled // SAMPLED)
    spread = f"AND hash(file_row_number) % {every} = 0" if every > 1 else ""
    rows = table.con.execute(
        f"SELECT left({_plain(column)}, {LONGEST}) AS t FROM {table.source} "
        f"WHERE {identifier(column)} IS NOT NULL {spread} LIMIT {2 * SAMPLED}"
    ).fetchall()
    return Counter(values.normalised(row[0]).strip() for row in rows if row[0].strip())


def numbers(table: Table) -> list[NumberColumn]:
    """Every column of numbers with the values that have the size of a phone number."""
    names = [
        name
        for name in table.named(*NUMBER_TYPES)
        if not table.types[name].endswith("[]")
        and not re.search(r"DECIMAL\([0-9]+,[1-9]", table.types[name])
    ]
    if not names:
        return []
    parts = []
    for name in names:
        quoted = identifier(name)
        sized = (
            f"({quoted} BETWEEN {LOCAL[0]} AND {LOCAL[1]} "
            f"OR {quoted} BETWEEN {WITH_COUNTRY[0]} AND {WITH_COUNTRY[1]})"
        )
        if table.types[name] in ("DOUBLE", "FLOAT"):
            sized += f" AND {quoted} = trunc({quoted})"
        parts += [
            f"count({quoted})",
            f"count_if({sized})",
            f"min({quoted}) FILTER ({sized})",
            f"max({quoted}) FILTER ({sized})",
            f"approx_count_distinct(CASE WHEN {sized} THEN {quoted} END)",
        ]
    row = one_row(table.con, f"SELECT {', '.join(parts)} FROM {table.source}")
    return [
        NumberColumn(name, table.types[name], *(int(one or 0) for one in row[5 * n : 5 * n + 5]))
        for n, name in enumerate(names)
    ]


def sized_numbers(table: Table, column: str) -> list[int]:
    """Up to 5,000 numbers of a column that have the size of a phone number."""
    quoted = identifier(column)
    rows = table.con.execute(
        f"SELECT CAST({quoted} AS BIGINT) FROM {table.source} "
        f"WHERE ({quoted} BETWEEN {LOCAL[0]} AND {LOCAL[1]} "
        f"OR {quoted} BETWEEN {WITH_COUNTRY[0]} AND {WITH_COUNTRY[1]}) LIMIT {SAMPLED}"
    ).fetchall()
    return [int(row[0]) for row in rows]


def below_five(table: Table, column: str) -> tuple[int, int, int]:
    """Filled cells of a count, those from 1 to 4, and those above zero."""
    quoted = identifier(column)
    row = one_row(
        table.con,
        f"SELECT count({quoted}), count_if({quoted} BETWEEN 1 AND 4), count_if({quoted} > 0) "
        f"FROM {table.source}",
    )
    return int(row[0]), int(row[1] or 0), int(row[2] or 0)


def fine_positions(table: Table, latitude: str, longitude: str) -> tuple[int, int]:
    """Positions of a table, and those told more finely than a hundredth of a degree (1.1 km)."""
    pair = [f"TRY_CAST({identifier(name)} AS DOUBLE)" for name in (latitude, longitude)]
    fine = " AND ".join(f"abs({one} * 100 - round({one} * 100)) > 1e-6" for one in pair)
    row = one_row(
        table.con,
        f"SELECT count_if({pair[0]} BETWEEN -90 AND 90 AND {pair[1]} BETWEEN -180 AND 180), "
        f"count_if({fine} AND {pair[0]} BETWEEN -90 AND 90) FROM {table.source}",
    )
    return int(row[0] or 0), int(row[1] or 0)


def fine_points(table: Table, column: str) -> tuple[int, int]:
    """Points of a geometry column, and those told more finely than a hundredth of a degree."""
    row = one_row(
        table.con,
        f"SELECT count_if(t LIKE 'POINT%'), "
        r"count_if(regexp_matches(t, '^POINT ?Z? ?\(-?[0-9]+\.[0-9]{3,} -?[0-9]+\.[0-9]{3,}')) "
        f"FROM (SELECT ST_AsText({identifier(column)}) AS t FROM {table.source})",
    )
    return int(row[0] or 0), int(row[1] or 0)
