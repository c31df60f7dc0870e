"""What validation costs beside one scan written by hand: the same rules on the same Parquet file.

    python -m benchmarks.validation --rows 10000000 --repeats 3 --peers --json

Each side runs in a process of its own, in turns, and its imports are not counted. The figures are
CPU seconds from the Parquet file to the outcome (medians), their ratio to the scan by hand, and the
peak memory of each process. Pandera on polars and Great Expectations on pandas have the whole table
in memory: they run once. Before a side is measured it judges two small tables, a sound and a
spoiled one, so that no side is quick because it does not look.
"""

from __future__ import annotations

import argparse
import importlib.util
import json
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
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
# The same twenty-one rules: as a contract and an expectations file, as one SELECT, and as the peers
# have them (see ``validation_peers``).
RULES = 21
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


# Breaks every rule but three: the number of rows, the names and the types of the columns.
SPOILED = """
    SELECT * REPLACE (CASE WHEN id % 2 = 0 THEN -5::BIGINT END AS id,
        CASE WHEN id % 2 = 0 THEN DATE '1999-12-31' END AS day,
        CASE WHEN id % 2 = 0 THEN 'Xyz' END AS province, 'abc' AS name, 'x' AS code, 'x' AS label,
        CASE WHEN id % 2 = 0 THEN -1.0::DOUBLE END AS value, -1::DECIMAL(12,2) AS amount,
        9999::BIGINT AS quantity, 'x' AS status, 90.0::DOUBLE AS lat,
        90.0::DOUBLE AS lon)
    FROM ({table})
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

    def run(table: Path) -> tuple[float, int]:
        start = time.process_time()
        found = validate(
            table, dataset, moment="outgoing", inputs={}, settings=Settings(), fuse=fuse
        )
        seconds = time.process_time() - start
        assert len(found.checks) == RULES
        return seconds, len(found.failed)

    return judged(run, path)


def judged(run: Callable[[Path], tuple[float, int]], path: Path) -> float:
    """CPU seconds for a sound table, by a judge who finds what is wrong with a spoiled one."""
    _, failed = run(path.with_name("small.parquet"))
    assert failed == 0, failed
    _, failed = run(path.with_name("spoiled.parquet"))
    assert failed == RULES - 3, failed
    seconds, failed = run(path)
    assert failed == 0, failed
    return seconds


def by_pandera(path: Path) -> float:
    """CPU seconds of pandera over a polars frame of the whole table."""
    from benchmarks import validation_peers

    return judged(validation_peers.pandera_on_polars, path)


def by_pandas(path: Path) -> float:
    """CPU seconds of Great Expectations' own engine over a pandas frame of the whole table."""
    from benchmarks import validation_peers

    return judged(validation_peers.gx_on_pandas, path)


SIDES: dict[str, Callable[[Path], float]] = {
    "hand": by_hand,
    "fused": lambda path: by_validation(path, fuse=True),
    "unfused": lambda path: by_validation(path, fuse=False),
    "pandera_on_polars": by_pandera,
    "gx_on_pandas": by_pandas,
}
# What a peer needs installed.
PEERS = {"pandera_on_polars": ("pandera", "polars"), "gx_on_pandas": ("pandas",)}
OURS = tuple(side for side in SIDES if side not in PEERS)


def measure(rows: int, repeats: int, sides: Sequence[str]) -> dict[str, Any]:
    """Run every side in its own process, in turns, over one generated table."""
    from moulouya import duck

    runs: dict[str, list[dict[str, Any]]] = {side: [] for side in sides}
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "table.parquet")
        small = TABLE.format(rows=5000)
        with duck.connect() as con:
            for name, query in (
                ("table", TABLE.format(rows=rows)),
                ("small", small),
                ("spoiled", SPOILED.format(table=small)),
            ):
                target = path.with_name(f"{name}.parquet")
                con.execute(f"COPY ({query}) TO '{target}' (FORMAT parquet)")
        for turn in range(repeats):
            for side in sides:
                if turn == 0 or side not in PEERS:
                    runs[side].append(_child(side, path))
    result: dict[str, Any] = {"rows": rows, "expectations": RULES, "repeats": repeats}
    for side, found in runs.items():
        stopped = [run["state"] for run in found if "state" in run]
        result[side] = stopped[0] if stopped else {
            "cpu_seconds": round(statistics.median(run["cpu_seconds"] for run in found), 3),
            "peak_mb": round(max(run["peak_mb"] for run in found)),
        }  # fmt: skip
    for side in sides[1:]:
        if isinstance(result[side], dict):
            ratio = result[side]["cpu_seconds"] / result["hand"]["cpu_seconds"]
            result[f"{side}_to_hand"] = round(ratio, 2)
    return result


def _child(side: str, path: Path) -> dict[str, Any]:
    """The figures of one side, or the state of a peer that gives none."""
    needed = PEERS.get(side, ())
    missing = [name for name in needed if importlib.util.find_spec(name) is None]
    if missing:
        return {"state": f"not installed: {', '.join(missing)}"}
    command = [sys.executable, "-m", "benchmarks.validation", "--side", side, "--table", str(path)]
    done = subprocess.run(command, check=not needed, stdout=subprocess.PIPE, text=True)
    if done.returncode != 0:
        return {"state": f"ended with exit code {done.returncode}"}
    figures: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return figures


def _peak_mb() -> float:
    # Not getrusage: it remembers the peak of the process that this one was forked from.
    status = Path("/proc/self/status").read_text(encoding="ascii")
    return next(int(line.split()[1]) for line in status.splitlines() if "VmHWM" in line) / 1024


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rows", type=int, default=10_000_000)
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument(
        "--peers",
        action=argparse.BooleanOptionalAction,
        default=True,
        help="pandera and GX on pandas as well: 7 GB of memory for 10 million rows",
    )
    parser.add_argument("--unfused", action=argparse.BooleanOptionalAction, default=True)
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--side", choices=SIDES, help=argparse.SUPPRESS)
    parser.add_argument("--table", type=Path, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.side:
        seconds = SIDES[options.side](options.table)
        print(json.dumps({"cpu_seconds": seconds, "peak_mb": _peak_mb()}))
        return
    ours = [side for side in OURS if options.unfused or side != "unfused"]
    sides = [*ours, *(PEERS if options.peers else ())]
    result = measure(options.rows, options.repeats, sides)
    if options.json:
        print(json.dumps(result))
        return
    print(f"{result['rows']:,} rows, {RULES} rules, medians of {result['repeats']} runs")
    for side in sides:
        if isinstance(result[side], str):
            print(f"{side:17} {result[side]}")
            continue
        ratio = result.get(f"{side}_to_hand")
        told = f"  {ratio} times the scan by hand" if ratio else ""
        seconds, peak = result[side]["cpu_seconds"], result[side]["peak_mb"]
        print(f"{side:17} {seconds:7.3f} CPU s {peak:5} MB{told}")


if __name__ == "__main__":
    main()
