"""What the comparison of two versions costs beside one plain FULL JOIN of the two files.

    python -m benchmarks.changes --rows 10000000 --json

Ten columns, sorted by a key of two, in the published layout: every row the same (once with the same
bytes, once not), one row in a hundred changed, every row changed. Each side runs in a process of
its own under the same memory limit; the figures are CPU seconds (medians), their ratio to the plain
join, and the peak memory of each process. The counts are checked.
"""

from __future__ import annotations

import argparse
import json
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[1]
TABLE = """
    SELECT format('C{{:07}}', i // 10) AS commune, (2010 + i % 10)::BIGINT AS year,
        ['Berkane', 'Oujda-Angad', 'Nador', 'Jerada'][i % 4 + 1] AS province,
        'بركان ' || (i % 977) AS label, DATE '2015-01-01' + (i % 4000)::INTEGER AS day,
        (((i * 7919) % 10000) + {more})::DOUBLE AS value,
        ((i * 104729) % 500000000 / 100)::DECIMAL(12,2) AS amount, (i * 31) % 5000 AS quantity,
        TIMESTAMPTZ '2020-01-01 00:00:00+00' + INTERVAL (i % 90000) MINUTE AS seen,
        i % 3 = 0 AS final
    FROM range({rows}) r(i)
"""
KEY = ("commune", "year")
# What is added to a value, and how many of a hundred rows that changes.
CASES = {
    "same_bytes": ("0", 0),
    "same_rows": ("0", 0),
    "one_percent": ("(i % 100 = 7)::INTEGER", 1),
    "every_row": ("1", 100),
}
LAYOUT = "FORMAT parquet, COMPRESSION zstd, PARQUET_VERSION V2, ROW_GROUP_SIZE 122880"
PLAIN = """
    SELECT count(*), count(*) FILTER (b.year IS NULL), count(*) FILTER (a.year IS NULL),
        count(*) FILTER (b.year IS NOT NULL AND a.year IS NOT NULL AND ({differs}))
    FROM read_parquet('{before}') b FULL JOIN read_parquet('{after}') a
        ON b.commune = a.commune AND b.year = a.year
"""
COLUMNS = ("province", "label", "day", "value", "amount", "quantity", "seen", "final")


def main() -> None:
    """Measure each case and print the ratios to the plain join."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--rows", type=int, default=10_000_000)
    parser.add_argument("--runs", type=int, default=1)
    parser.add_argument("--child", nargs=2, metavar=("SIDE", "FOLDER"))
    arguments = parser.parse_args()
    if arguments.child:
        side, folder = arguments.child
        print(json.dumps(child(side, Path(folder))))
        return
    results: dict[str, Any] = {"rows": arguments.rows}
    with tempfile.TemporaryDirectory() as scratch:
        write(Path(scratch) / "before.parquet", arguments.rows, "0")
        for name, (more, percent) in CASES.items():
            after = Path(scratch) / "after.parquet"
            write(after, arguments.rows, more, again=name == "same_rows")
            sides = {side: middle(side, scratch, arguments.runs) for side in ("plain", "compare")}
            for side, found in sides.items():
                changed = found.pop("changed")
                assert changed == arguments.rows * percent // 100, (name, side, changed)
            ratio = sides["compare"]["cpu_s"] / sides["plain"]["cpu_s"]
            results[name] = {**sides, "ratio": round(ratio, 2)}
    print(json.dumps(results, indent=None if arguments.json else 2))


def write(target: Path, rows: int, more: str, *, again: bool = False) -> None:
    """Write a table in the published layout; ``again`` gives the same rows other bytes."""
    import duckdb

    told = ", KV_METADATA {again: 'yes'}" if again else ""
    with duckdb.connect(config={"memory_limit": "2GB", "threads": 2}) as con:
        con.execute(f"COPY ({TABLE.format(rows=rows, more=more)}) TO '{target}' ({LAYOUT}{told})")


def middle(side: str, folder: str, runs: int) -> dict[str, float]:
    """Medians of some runs in processes of their own."""
    measured = []
    for _ in range(runs):
        command = [sys.executable, "-m", "benchmarks.changes", "--child", side, folder]
        done = subprocess.run(command, cwd=ROOT, check=True, stdout=subprocess.PIPE, text=True)
        measured.append(json.loads(done.stdout.splitlines()[-1]))
    return {key: statistics.median(one[key] for one in measured) for key in measured[0]}


def child(side: str, folder: Path) -> dict[str, float]:
    """One side: CPU seconds of its work, the peak memory of the process, and what it found."""
    import duckdb  # noqa: F401 - imported before it is measured

    from moulouya.changes import compare
    from moulouya.settings import Settings

    settings = Settings(workspace=folder)
    paths = {name: folder / f"{name}.parquet" for name in ("before", "after")}
    spill = folder / "spill"
    start = time.process_time()
    if side == "plain":
        changed = plain(paths, settings, spill)
    else:
        found = compare(
            *paths.values(), list(KEY), metadata=({}, {}), settings=settings, spill=spill
        )
        changed = found.rows["changed"]
    return {
        "cpu_s": round(time.process_time() - start, 2),
        "peak_mb": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024,
        "changed": changed,
    }


def plain(paths: dict[str, Path], settings: Any, spill: Path) -> int:
    """The changed rows, by one FULL JOIN of both files."""
    from moulouya import duck

    differs = " OR ".join(f"b.{name} IS DISTINCT FROM a.{name}" for name in COLUMNS)
    with duck.connect(
        memory_limit=settings.memory_limit, threads=settings.threads, spill=spill
    ) as con:
        return int(duck.one_row(con, PLAIN.format(differs=differs, **paths))[3])


if __name__ == "__main__":
    main()
