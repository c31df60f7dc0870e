"""Exploring ten million rows: filter, sort, deep page and count, as the portal's page reads them.

Run: ``python -m benchmarks.explore [ROWS]``. Prints milliseconds; counts are taken without their
cache, pages with it, as a reader meets them on the second page.
"""

from __future__ import annotations

import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import duckdb

from moulouya import serving
from moulouya.portal.records import rows
from moulouya.portal.records.view import Table, View

REPEATS = 15
COLUMNS = (
    ("commune", "text", 400, 0), ("year", "integer", 25, 0), ("id", "integer", 10_000_000, 0),
    ("value", "number", 1_000_000, 0), ("amount", "decimal(10,2)", 100_000, 0),
    ("label", "text", 4_000_000, 0), ("theme", "text", 5, 0), ("day", "date", 9_000, 0),
)  # fmt: skip
MADE_UP = """
CREATE TABLE observations AS
SELECT (i % 400)::VARCHAR AS commune, (2000 + i % 25)::BIGINT AS year, i::BIGINT AS id,
    (hash(i) % 1000000) / 100.0::DOUBLE AS value,
    ((hash(i + 7) % 100000) / 100.0)::DECIMAL(10,2) AS amount,
    'Commune numéro ' || (hash(i) % 5000000) AS label,
    ['eau', 'énergie', 'طاقة', 'مياه', 'santé'][1 + i % 5] AS theme,
    DATE '2000-01-01' + (i % 9000)::INTEGER AS day
FROM range({rows}) r(i)
"""
VIEWS = {
    "first page": [],
    "last page": [("_previous", "end")],
    "page from the middle": [("_next", "{middle}")],
    "filter, two columns": [("commune", "77"), ("year__gte", "2010")],
    "filter, deep page": [("commune", "77"), ("_next", "{middle}")],
    "filter, range of numbers": [("value__gt", "9990"), ("theme", "طاقة")],
    "filter, few values contain": [("theme__contains", "ENERGIE")],
    "sort by number": [("_sort", "value")],
    "sort by number, deep page": [("_sort", "value"), ("_next", "{middle}")],
    "filter and sort": [("commune", "77"), ("_sort_desc", "amount")],
    "sort by text": [("_sort", "label")],
}


def main() -> None:
    """Make the table up, and time every view."""
    total = int(sys.argv[1]) if len(sys.argv) > 1 else 10_000_000
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "observations.duckdb"
        with duckdb.connect(str(file)) as con:
            con.execute(MADE_UP.format(rows=total))
        table = Table("observations", 1, total, COLUMNS)
        with serving.connect({("all", "observations"): file}, threads=2) as con:
            source = '"observations.duckdb".main.observations'
            for name, parameters in VIEWS.items():
                given = [(one, text.format(middle=total // 2)) for one, text in parameters]
                view = View.parse(table, given)
                counted = _timed(lambda view=view: rows.count(con, source, view, str(time.time())))
                paged = _timed(lambda view=view: rows.page(con, source, view, "kept"))
                print(f"{name:28} page p50 {paged[0]:7.1f} p95 {paged[1]:7.1f} ms"
                      f" · count p50 {counted[0]:7.1f} ms", flush=True)  # fmt: skip


def _timed(run: Callable[[], object]) -> tuple[float, float]:
    """Median and 95th percentile in milliseconds, after one run to warm up."""
    run()
    taken = []
    for _ in range(REPEATS):
        begun = time.perf_counter()
        run()
        taken.append((time.perf_counter() - begun) * 1000)
    return statistics.median(taken), statistics.quantiles(taken, n=20)[18]


if __name__ == "__main__":
    main()
