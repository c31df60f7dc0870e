"""The profile of a table: what each column's values are like, in a few numbers.

Counts and extremes are of all rows; quantiles, categories and scripts are of a sample that is
chosen by a hash of the key, so that the same table always gives the same profile.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any

from duckdb import DuckDBPyConnection

from moulouya.definition import Definition
from moulouya.duck import columns_of, identifier, literal, one_row

SAMPLE = 200_000
QUANTILES = (0.05, 0.25, 0.5, 0.75, 0.95)
MOST_CATEGORIES = 50
BINS = 20
# UTF-8 read as cp1252, as cp1256 or as Latin-1, and the replacement character: what texts look
# like after an encoding was mistaken.
GARBLED = (
    "[ÃÂ][\\x{0080}-\\x{00BF}€‚ƒ„…†‡ˆ‰Š‹ŒŽ‘’“”•–—˜™š›œžŸ]|[ØÙ][\\x{0080}-\\x{00FF}€‚ƒ„…†‡ˆ‰Š‹Œ]"
    "|\\p{Latin}[\\x{0621}-\\x{064A}]|[طظ][§¨©ª«¬®¯°±²³´µ¶·¸¹»¼½¾‚ƒ„…†‡ˆ‰‹Œ‘’“”•–—™›œ]|\\x{FFFD}"
)
Profile = dict[str, Any]


def profile(con: DuckDBPyConnection, table: str, definition: Definition) -> Profile:
    """Describe a relation of published columns; ``table`` is its name on the connection."""
    (rows,) = one_row(con, f"SELECT count(*) FROM {table}")
    columns = {name: column.type for name, column in definition.columns.items()}
    exact = _exact(con, table, columns)
    share = max(1, math.ceil(rows / SAMPLE))
    key = columns_of(definition.key)
    con.execute(
        f"CREATE OR REPLACE TEMP TABLE profiled AS SELECT * FROM {table} "
        + (f"WHERE hash({key}) % {share} = 0" if share > 1 else "")
    )
    (sampled,) = one_row(con, "SELECT count(*) FROM profiled")
    described = {
        name: {**exact[name], **_sampled(con, name, kind, sampled)}
        for name, kind in columns.items()
    }
    con.execute("DROP TABLE profiled")
    return {"rows": rows, "sampled": sampled, "columns": described}


def measured(kind: str) -> bool:
    """Whether a type's values have a size: numbers, and moments as days since 1970."""
    return kind in ("integer", "number", "date", "datetime") or kind.startswith("decimal")


def number(name: str, kind: str) -> str:
    """SQL for a value's size; moments count in days."""
    if kind in ("date", "datetime"):
        return f"(epoch({identifier(name)}) / 86400)"
    return f"CAST({identifier(name)} AS DOUBLE)"


def _exact(con: DuckDBPyConnection, table: str, columns: dict[str, str]) -> dict[str, Profile]:
    parts = []
    for name, kind in columns.items():
        quoted = identifier(name)
        parts.append(f"count(*) - count({quoted})")
        parts += [f"min({number(name, kind)})", f"max({number(name, kind)})"] * measured(kind)
    values = iter(one_row(con, f"SELECT {', '.join(parts)} FROM {table}"))
    found = {}
    for name, kind in columns.items():
        found[name] = {"type": kind, "nulls": next(values)}
        if measured(kind):
            found[name] |= {"min": next(values), "max": next(values)}
    return found


def _sampled(con: DuckDBPyConnection, name: str, kind: str, rows: int) -> Profile:
    if not rows:
        return {}
    if measured(kind):
        return _numbers(con, number(name, kind))
    if kind == "boolean":
        (share,) = one_row(con, f"SELECT avg(CAST({identifier(name)} AS INTEGER)) FROM profiled")
        return {"true": share}
    if kind == "text":
        return _texts(con, identifier(name))
    if kind == "geometry":
        return _places(con, identifier(name))
    return {}


def _numbers(con: DuckDBPyConnection, value: str) -> Profile:
    quantiles, distinct, mode_share = one_row(
        con,
        f"SELECT quantile_disc(v, {list(QUANTILES)}), count(DISTINCT v), "
        "count(*) FILTER (v = (SELECT mode(x) FROM "
        f"(SELECT {value} AS x FROM profiled WHERE isfinite({value})))) / count(*) "
        f"FROM (SELECT {value} AS v FROM profiled WHERE isfinite({value}))",
    )
    if quantiles is None:
        return {}
    return {"quantiles": quantiles, "distinct": distinct, "mode_share": mode_share}


def _texts(con: DuckDBPyConnection, quoted: str) -> Profile:
    distinct, length, arabic, latin, garbled = one_row(
        con,
        f"SELECT count(DISTINCT {quoted}), avg(length({quoted})), "
        f"avg(CAST(regexp_matches({quoted}, '\\p{{Arabic}}') AS INTEGER)), "
        f"avg(CAST(regexp_matches({quoted}, '\\p{{Latin}}') AS INTEGER)), "
        f"avg(CAST(regexp_matches({quoted}, {literal(GARBLED)}) AS INTEGER)) FROM profiled",
    )
    if not distinct:
        return {}
    found: Profile = {
        "distinct": distinct, "length": length, "arabic": arabic, "latin": latin,
        "garbled": garbled,
    }  # fmt: skip
    if distinct <= MOST_CATEGORIES:
        found["categories"] = dict(
            con.execute(
                f"SELECT {quoted}, count(*) / sum(count(*)) OVER () FROM profiled "
                f"WHERE {quoted} IS NOT NULL GROUP BY 1 ORDER BY 2 DESC, 1"
            ).fetchall()
        )
    return found


def _places(con: DuckDBPyConnection, quoted: str) -> Profile:
    """Bounds of the shapes, by shapely in batches: DuckDB's core has no function for them."""
    bounds: list[float] = []
    for batch in _shapes(con, quoted):
        west, south, east, north = batch
        bounds = (
            [min(bounds[0], west), min(bounds[1], south), max(bounds[2], east),
             max(bounds[3], north)] if bounds else [west, south, east, north]
        )  # fmt: skip
    return {"bounds": bounds} if bounds else {}


def _shapes(con: DuckDBPyConnection, quoted: str) -> Iterator[tuple[float, float, float, float]]:
    import numpy
    import shapely

    reader = con.execute(
        f"SELECT ST_AsWKB({quoted}) AS shape FROM profiled WHERE {quoted} IS NOT NULL"
    ).to_arrow_reader(10_000)
    for batch in reader:
        shapes = shapely.from_wkb(numpy.array(batch.column(0).to_pylist(), dtype=object))
        west, south, east, north = shapely.total_bounds(shapes)
        if math.isfinite(west):
            yield float(west), float(south), float(east), float(north)
