"""What validation costs beside one scan written by hand: the same rules on the same Parquet file.

    python benchmarks/validation.py --rows 1000000 --json

Each side runs in a process of its own, in turns; imports are not counted. The figures are CPU
seconds (medians), their ratio, and the peak memory of each process.
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

TABLE = """
    SELECT i AS id, DATE '2015-01-01' + (i % 4000)::INTEGER AS day,
        ['Berkane', 'Oujda-Angad', 'Nador', 'Jerada'][i % 4 + 1] AS province,
        'بركان الجديدة' AS name, printf('IND-%03d', i % 1000) AS code,
        'label ' || (i % 977) AS label, ((i * 7919) % 10000)::DOUBLE AS value,
        ((i * 104729) % 500000000 / 100)::DECIMAL(12,2) AS amount, (i * 31) % 5000 AS quantity,
        ['final', 'provisional'][i % 2 + 1] AS status, 33.5 + (i % 300) / 100 AS lat,
        -4 + (i % 350) / 100 AS lon
    FROM range({rows}) r(i)
"""
# The same twenty rules: as a contract and an expectations file, and as one SELECT.
COLUMNS: dict[str, dict[str, Any]] = {
    "id": {"type": "integer", "range": [0, 10**12]},
    "day": {"type": "date", "required": True, "range": ["2015-01-01", "2026-12-31"]},
    "province": {
        "type": "text",
        "required": True,
        "values": ["Berkane", "Oujda-Angad", "Nador", "Jerada"],
    },
    "name": {"type": "text", "pattern": "^[\u0600-\u06ff ]+$"},
    "code": {"type": "text", "pattern": "^IND-[0-9]{3}$"},
    "label": {"type": "text"},
    "value": {"type": "number", "required": True, "range": [0, 9999]},
    "amount": {"type": "decimal(12,2)", "range": [0, 5000000]},
    "quantity": {"type": "integer"},
    "status": {"type": "text", "values": ["final", "provisional"]},
    "lat": {"type": "number", "range": [33.5, 36.5]},
    "lon": {"type": "number", "range": [-4, -0.5]},
}
EXPECTATIONS = """
expectations:
  - type: expect_column_value_lengths_to_be_between
    kwargs: {column: label, min_value: 3, max_value: 80}
  - type: expect_column_mean_to_be_between
    kwargs: {column: value, min_value: 4000, max_value: 6000}
  - type: expect_column_max_to_be_between
    kwargs: {column: quantity, min_value: 100, max_value: 5000}
"""
BY_HAND = """
    SELECT count(*), count(id), count_if(NOT id BETWEEN 0 AND 1000000000000), count(day),
        count_if(NOT day BETWEEN DATE '2015-01-01' AND DATE '2026-12-31'), count(province),
        count_if(province NOT IN ('Berkane', 'Oujda-Angad', 'Nador', 'Jerada')),
        count_if(NOT regexp_matches(name, '^[\u0600-\u06ff ]+$')),
        count_if(NOT regexp_matches(code, '^IND-[0-9]{{3}}$')),
        count_if(NOT length(label) BETWEEN 3 AND 80), count(value),
        count_if(NOT value BETWEEN 0 AND 9999), avg(value),
        count_if(NOT amount BETWEEN 0 AND 5000000), max(quantity),
        count_if(status NOT IN ('final', 'provisional')), count_if(NOT lat BETWEEN 33.5 AND 36.5),
        count_if(NOT lon BETWEEN -4 AND -0.5)
    FROM read_parquet('{path}')
"""
UNIQUE_BY_HAND = """
    SELECT count(*)
    FROM (SELECT id <= lag(id) OVER () AS back FROM read_parquet('{path}'))
    WHERE back
"""


def by_hand(path: Path) -> float:
    """CPU seconds of one scan, and of the key in its order."""
    from moulouya import duck

    with duck.connect() as con:
        start = time.process_time()
        con.execute(f"DESCRIBE FROM read_parquet('{path}')").fetchall()
        con.execute(BY_HAND.format(path=path)).fetchall()
        con.execute(UNIQUE_BY_HAND.format(path=path)).fetchall()
        return time.process_time() - start


def by_validation(path: Path, *, fuse: bool) -> float:
    """CPU seconds of ``validate`` on the same rules; imports and GX's context are there already."""
    from moulouya.definition import Definition
    from moulouya.licences import LICENCES
    from moulouya.quality.validation import validate
    from moulouya.settings import Settings
    from moulouya.workspace import Dataset

    text = {"ar": "نص", "fr": "texte", "en": "text"}
    columns = {
        name: {
            "title": text,
            "description": text,
            **column,
            **({"values": dict.fromkeys(column["values"], text)} if "values" in column else {}),
        }
        for name, column in COLUMNS.items()
    }
    definition = Definition.model_validate(
        {"title": text, "description": text, "row_is": text, "publisher": "nobody", "key": ["id"],
         "source": {"kind": "file", "path": "x", "format": "csv"}, "columns": columns}
    )  # fmt: skip
    expectations = path.with_name("expectations.yml")
    expectations.write_text(EXPECTATIONS, encoding="utf-8")
    dataset = Dataset(
        slug="readings", theme="benchmark", definition=definition, path=path, transform=None,
        expectations=expectations, licence=LICENCES["CC-BY-4.0"], inputs=(), references=(),
        recipe="",
    )  # fmt: skip

    def run(table: Path) -> float:
        start = time.process_time()
        found = validate(
            table, dataset, moment="outgoing", inputs={}, settings=Settings(), fuse=fuse
        )
        seconds = time.process_time() - start
        assert found.success, [check.message for check in found.failed]
        assert len(found.checks) >= 20
        return seconds

    run(path.with_name("small.parquet"))
    return run(path)


SIDES = {
    "hand": by_hand,
    "fused": lambda path: by_validation(path, fuse=True),
    "unfused": lambda path: by_validation(path, fuse=False),
}


def measure(rows: int, repeats: int) -> dict[str, Any]:
    """Run every side in its own process, in turns, over one generated table."""
    from moulouya import duck

    figures: dict[str, list[dict[str, float]]] = {side: [] for side in SIDES}
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "table.parquet")
        with duck.connect() as con:
            for target, size in ((path, rows), (path.with_name("small.parquet"), 5000)):
                con.execute(f"COPY ({TABLE.format(rows=size)}) TO '{target}' (FORMAT parquet)")
        for _ in range(repeats):
            for side in SIDES:
                command = [sys.executable, __file__, "--side", side, "--table", str(path)]
                done = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True)
                figures[side].append(json.loads(done.stdout.splitlines()[-1]))
    result: dict[str, Any] = {"rows": rows, "repeats": repeats}
    for side, runs in figures.items():
        result[side] = {
            "cpu_seconds": round(statistics.median(run["cpu_seconds"] for run in runs), 3),
            "peak_mb": round(max(run["peak_mb"] for run in runs)),
        }
    for side in ("fused", "unfused"):
        ratio = result[side]["cpu_seconds"] / result["hand"]["cpu_seconds"]
        result[f"{side}_to_hand"] = round(ratio, 2)
    return result


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rows", type=int, default=1_000_000)
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--side", choices=SIDES, help=argparse.SUPPRESS)
    parser.add_argument("--table", type=Path, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.side:
        seconds = SIDES[options.side](options.table)
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
        print(json.dumps({"cpu_seconds": seconds, "peak_mb": peak}))
        return
    result = measure(options.rows, options.repeats)
    if options.json:
        print(json.dumps(result))
        return
    print(f"{result['rows']:,} rows, medians of {result['repeats']} runs")
    for side in SIDES:
        ratio = result.get(f"{side}_to_hand")
        told = f"  {ratio} times the scan by hand" if ratio else ""
        seconds, peak = result[side]["cpu_seconds"], result[side]["peak_mb"]
        print(f"{side:8} {seconds:7.3f} CPU s {peak:5} MB{told}")


if __name__ == "__main__":
    main()
