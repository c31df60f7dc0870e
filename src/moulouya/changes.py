"""What changed between two versions of a dataset: rows by key, columns, metadata."""

from __future__ import annotations

import filecmp
import math
from dataclasses import asdict, dataclass, field
from decimal import Decimal
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
from duckdb import DuckDBPyConnection

from moulouya import duck
from moulouya.duck import columns_of, identifier, literal, one_row
from moulouya.settings import Settings

SAMPLE = 20
LONGEST = 500
# Both tables are compared in ranges of the key of about so many values, however long they are:
# the join of one range fits in the memory limit, that of ten million rows would spill.
CELLS = 8_000_000
KINDS = ("added", "removed", "changed")
# Types in whose order the files lie, with statistics by which a range reads only its part.
SORTED = ("VARCHAR", "BIGINT", "INTEGER", "DATE", "TIMESTAMP WITH TIME ZONE", "DECIMAL")


@dataclass(frozen=True)
class Changes:
    """Counts of rows added, removed and changed, with a bounded sample of each.

    ``values`` counts, for each column that changed, the rows of which it has another value.
    """

    rows: dict[str, int]
    columns: dict[str, list[str]]
    sample: dict[str, list[dict[str, Any]]] = field(default_factory=dict)
    values: dict[str, int] = field(default_factory=dict)
    metadata: list[str] = field(default_factory=list)

    @property
    def none(self) -> bool:
        """True when neither a row, a column nor the metadata differs."""
        return not (any(self.rows.values()) or any(self.columns.values()) or self.metadata)

    def to_json(self) -> dict[str, Any]:
        """The changes as changes.json keeps them."""
        return asdict(self)


def compare(
    before: Path,
    after: Path,
    key: list[str],
    *,
    metadata: tuple[dict[str, Any], dict[str, Any]],
    settings: Settings,
    spill: Path,
) -> Changes:
    """Compare two Parquet files by key, in DuckDB's memory limit.

    ``metadata`` holds the two contracts; the names of the parts that differ are reported. Values
    are compared as DuckDB has them: NaN is NaN, and -0.0 is 0.0. A column of another type is named
    as such and its values are not compared; a key column of another type is matched by its text.
    """
    differing = _differing(*metadata)
    with duck.connect(
        memory_limit=settings.memory_limit, threads=settings.threads, spill=spill
    ) as con:
        paths = {"before": before, "after": after}
        for name, path in paths.items():
            con.execute(f"CREATE VIEW {name} AS FROM read_parquet({literal(str(path))})")
        types = {name: _types(con, name) for name in paths}
        old, new = types["before"], types["after"]
        columns = {
            "added": [name for name in new if name not in old],
            "removed": [name for name in old if name not in new],
            "retyped": [name for name in new if name in old and new[name] != old[name]],
        }
        if not any(columns.values()) and filecmp.cmp(before, after, shallow=False):
            return Changes(dict.fromkeys(KINDS, 0), columns, metadata=differing)
        if not all(name in old and name in new for name in key) or not _identifies(
            con, key, metadata[0].get("key", key)
        ):
            return Changes(_all_new(con), columns, metadata=differing)
        rows, values, sample = _Tables(con, paths, key, types).compare()
    return Changes(rows, columns, sample, values, differing)


def _types(con: DuckDBPyConnection, name: str) -> dict[str, str]:
    return {row[0]: row[1] for row in con.execute(f"DESCRIBE {name}").fetchall()}


def _identifies(con: DuckDBPyConnection, key: list[str], former: list[str]) -> bool:
    """Whether a key is one of the older table too, which had another one perhaps."""
    if set(former) <= set(key):
        return True
    query = f"SELECT 1 FROM before GROUP BY {columns_of(key)} HAVING count(*) > 1 LIMIT 1"
    return con.execute(query).fetchone() is None


def _all_new(con: DuckDBPyConnection) -> dict[str, int]:
    """Rows of two tables without a common key: none of them is the same one."""
    count = {name: one_row(con, f"SELECT count(*) FROM {name}")[0] for name in ("before", "after")}
    return {"added": count["after"], "removed": count["before"], "changed": 0}


class _Tables:
    """Two tables with a key in common, seen as ``before`` and ``after``."""

    def __init__(
        self,
        con: DuckDBPyConnection,
        paths: dict[str, Path],
        key: list[str],
        types: dict[str, dict[str, str]],
    ) -> None:
        old, new = types["before"], types["after"]
        self.con = con
        self.paths = paths
        self.key = key
        self.types = types
        self.matched = [
            identifier(name) if old[name] == new[name] else f"CAST({identifier(name)} AS VARCHAR)"
            for name in key
        ]
        self.sorted = all(
            old[name] == new[name] and old[name].partition("(")[0] in SORTED for name in key
        )
        self.shared = [name for name in new if name not in key and new[name] == old.get(name)]
        self.differs = {
            name: f"before.{identifier(name)} IS DISTINCT FROM after.{identifier(name)}"
            for name in self.shared
        }

    def compare(
        self,
    ) -> tuple[dict[str, int], dict[str, int], dict[str, list[dict[str, Any]]]]:
        """Rows by kind, changed values by column, and a sample in the order of the key."""
        fields = ", ".join(
            f"{literal(name)}: {one}" for name, one in zip(self.key, self.matched, strict=True)
        )
        self.con.execute(
            f"CREATE TEMP TABLE wanted AS SELECT '' AS kind, {{{fields}}} AS key FROM after LIMIT 0"
        )
        rows, values = dict.fromkeys(KINDS, 0), dict.fromkeys(self.shared, 0)
        for part in self._parts():
            counted = self._part(part, [kind for kind in KINDS if rows[kind] < SAMPLE])
            for number, kind in enumerate(KINDS):
                rows[kind] += counted[number]
            for number, name in enumerate(self.shared, start=len(KINDS)):
                values[name] += counted[number]
        sample = {kind: self._sample(kind) for kind, number in rows.items() if number}
        return rows, {name: number for name, number in values.items() if number}, sample

    def _parts(self) -> list[str]:
        """Conditions that part both tables in ranges of the key, in its order."""
        sizes = {name: pq.read_metadata(path).num_rows for name, path in self.paths.items()}
        larger = max(sizes, key=lambda name: sizes[name])
        step = max(1, CELLS // max(len(types) for types in self.types.values()))
        if not self.sorted or sizes[larger] <= step:
            return ["true"]
        texts = ", ".join(f"CAST({name} AS VARCHAR)" for name in self.matched)
        cuts = self.con.execute(
            f"SELECT {texts} FROM read_parquet({literal(str(self.paths[larger]))}, "
            f"file_row_number = true) WHERE file_row_number % {step} = {step - 1} "
            f"ORDER BY {', '.join(self.matched)}"
        ).fetchall()
        types = [self.types["after"][name] for name in self.key]
        marks = [
            [f"CAST({literal(text)} AS {type_})" for text, type_ in zip(cut, types, strict=True)]
            for cut in cuts
        ]
        return [
            " AND ".join(
                [
                    *([self._beyond(">", low)] if low else []),
                    *([self._beyond("<=", high)] if high else []),
                ]
            )
            for low, high in zip([None, *marks], [*marks, None], strict=True)
        ]

    def _beyond(self, sign: str, mark: list[str]) -> str:
        """Keys on one side of a mark; the first column is named alone too, so that DuckDB skips
        the row groups that lie elsewhere.
        """
        strict = sign[0]
        condition = f"{self.matched[-1]} {sign} {mark[-1]}"
        for name, value in zip(self.matched[-2::-1], mark[-2::-1], strict=True):
            condition = f"({name} {strict} {value} OR ({name} = {value} AND {condition}))"
        return f"{self.matched[0]} {strict}= {mark[0]} AND {condition}"

    def _part(self, part: str, sampled: list[str]) -> tuple[int, ...]:
        """Counts of one range: rows of each kind, then changed values of each shared column.

        The keys of the first rows of the kinds in ``sampled`` go to the table ``wanted``.
        """
        keys = ", ".join(f'{one} AS "#{number}"' for number, one in enumerate(self.matched))
        sides = [
            f'(SELECT *, true AS "#", {keys} FROM {side} WHERE {part}) AS {side}'
            for side in self.paths
        ]
        same = " AND ".join(
            f'before."#{number}" IS NOT DISTINCT FROM after."#{number}"'
            for number in range(len(self.key))
        )
        fields = ", ".join(
            f'{literal(name)}: coalesce(after."#{number}", before."#{number}")'
            for number, name in enumerate(self.key)
        )
        found = "".join(f', {one} AS "#{name}"' for name, one in self.differs.items())
        self.con.execute(
            "CREATE OR REPLACE TEMP VIEW differing AS SELECT CASE "
            """WHEN before."#" IS NULL THEN 'added' WHEN after."#" IS NULL THEN 'removed' """
            f"ELSE 'changed' END AS kind, {{{fields}}} AS key{found} "
            f"FROM {' FULL JOIN '.join(sides)} ON {same} "
            'WHERE before."#" IS NULL OR after."#" IS NULL '
            f"OR {' OR '.join(self.differs.values()) or 'false'}"
        )
        asked = [
            *(f"count(*) FILTER (kind = '{kind}')" for kind in KINDS),
            *(f"""count(*) FILTER (kind = 'changed' AND "#{name}")""" for name in self.shared),
            *(f"min(key, {SAMPLE}) FILTER (kind = '{kind}') AS {kind}" for kind in sampled),
        ]
        self.con.execute(f"CREATE OR REPLACE TEMP TABLE counted AS SELECT {', '.join(asked)} "
                         "FROM differing")  # fmt: skip
        for kind in sampled:
            self.con.execute(f"INSERT INTO wanted SELECT '{kind}', unnest({kind}) FROM counted")
        return one_row(self.con, "FROM counted")[: len(KINDS) + len(self.shared)]

    def _sample(self, kind: str) -> list[dict[str, Any]]:
        """The first rows of a kind; of a changed one the key, and what differs on both sides."""
        side = "before" if kind == "removed" else "after"
        names = list(self.types[side]) if kind != "changed" else self.key
        shown = [self._shown(side, name) for name in names]
        if kind == "changed":
            for name, differs in self.differs.items():
                shown += [differs, self._shown("before", name), self._shown("after", name)]
        sides = ["before", "after"] if kind == "changed" else [side]
        joined = " ".join(f"JOIN {one} ON {self._is_wanted(one)}" for one in sides)
        found = self.con.execute(
            f"SELECT {', '.join(shown)} FROM (FROM wanted WHERE kind = '{kind}' ORDER BY key "
            f"LIMIT {SAMPLE}) AS wanted {joined} ORDER BY wanted.key"
        ).fetchall()
        rows = [[_plain(value) for value in row] for row in found]
        if kind != "changed":
            return [dict(zip(names, row, strict=True)) for row in rows]
        return [self._changed(row) for row in rows]

    def _shown(self, side: str, name: str) -> str:
        """A value as it goes into a sample: what JSON has no type for is text."""
        column = f"{side}.{identifier(name)}"
        type_ = self.types[side][name].partition("(")[0]
        if type_ in ("DOUBLE", "BIGINT", "INTEGER", "BOOLEAN", "DECIMAL"):
            return column
        return f"left(CAST({column} AS VARCHAR), {LONGEST + 1})"

    def _is_wanted(self, side: str) -> str:
        return " AND ".join(
            f"{matched.replace(identifier(name), f'{side}.{identifier(name)}')} "
            f"IS NOT DISTINCT FROM wanted.key[{literal(name)}]"
            for name, matched in zip(self.key, self.matched, strict=True)
        )

    def _changed(self, row: list[Any]) -> dict[str, Any]:
        triples = zip(*[iter(row[len(self.key) :])] * 3, strict=True)
        differing = {
            name: (old, new)
            for name, (differs, old, new) in zip(self.shared, triples, strict=True)
            if differs
        }
        return {
            "key": dict(zip(self.key, row, strict=False)),
            "before": {name: old for name, (old, _) in differing.items()},
            "after": {name: new for name, (_, new) in differing.items()},
        }


def _plain(value: Any) -> Any:
    """A value as JSON holds it exactly, else its text; long texts are cut."""
    if isinstance(value, str) and len(value) > LONGEST:
        return value[:LONGEST] + "…"
    if isinstance(value, float) and not math.isfinite(value):
        return str(value)
    if isinstance(value, Decimal):
        number = int(value) if value == value.to_integral_value() else float(value)
        return number if Decimal(str(number)) == value else str(value)
    return value


def _differing(before: dict[str, Any], after: dict[str, Any]) -> list[str]:
    return sorted(name for name in {*before, *after} if before.get(name) != after.get(name))
