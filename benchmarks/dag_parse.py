"""CPU seconds to parse dags/datasets.py with 500 datasets; `python -m benchmarks.dag_parse`.

Every figure is taken in a process of its own, after Airflow's SDK was imported (that import is
paid once a process and told apart). Prints JSON and fails above the limit.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path

REPOSITORY = Path(__file__).resolve().parents[1]
LIMIT_SECONDS = 3.0
WORDS = "{ar: نص, fr: Texte, en: Text}"
REGION = f"""
title: {WORDS}
description: {WORDS}
place: {{code: "02", name: {WORDS}, country: {WORDS}, bbox: [-3, 32, -1, 36]}}
contact: data@example.org
licence: CC-BY-4.0
publishers: {{office: {{name: {WORDS}, url: "https://example.org/", licence: CC-BY-4.0}}}}
themes: {{places: {{title: {WORDS}}}}}
"""
COLUMNS = ["code", "name", "people", "area", "year", "households", "source", "note"]
CHILD = """
import json, os, resource, sys, time
sys.path.insert(0, os.environ["BENCH_DAGS"])
begun = time.process_time()
import airflow.sdk, airflow.providers.standard.operators.hitl
imported = time.process_time()
import datasets
parsed = time.process_time()
heavy = [m for m in ("pandas", "duckdb", "pyarrow", "great_expectations") if m in sys.modules]
print(json.dumps({
    "dags": sum(name.startswith("dataset__") for name in vars(datasets)),
    "parse": round(parsed - imported, 3), "airflow_import": round(imported - begun, 3),
    "peak_mib": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024, "heavy": heavy,
}))
"""


def definition(number: int) -> str:
    """A definition of usual size; every fifth is derived, every third comes over http."""
    columns = "".join(
        f"  {name}: {{type: text, title: {WORDS}, description: {WORDS}}}\n" for name in COLUMNS
    )
    source = (
        f"{{kind: http, url: 'https://h{number % 20}.example.org/{number}.csv', format: csv}}"
        if number % 3
        else f"{{kind: file, path: data/{number}.csv, format: csv}}"
    )
    clock = "{cron: '30 4 * * *'}" if number % 7 == 0 else "{every: P1D}"
    origin = "" if number % 5 == 0 else f"source: {source}\nrefresh: {clock}\n"
    about = f"title: {WORDS}\ndescription: {WORDS}\nrow_is: {WORDS}\npublisher: office\n"
    return f"{about}{origin}key: [code]\ncolumns:\n{columns}"


def write_workspace(root: Path, count: int) -> None:
    """A workspace of `count` datasets."""
    (root / "datasets" / "places").mkdir(parents=True)
    (root / "transforms" / "places").mkdir(parents=True)
    (root / "region.yml").write_text(REGION, encoding="utf-8")
    for number in range(count):
        file = root / "datasets" / "places" / f"d{number}.yml"
        file.write_text(definition(number), encoding="utf-8")
        if number % 5 == 0:
            inputs = [f"d{number + step}" for step in (1, 2) if number + step < count]
            select = " UNION ALL ".join(f"SELECT * FROM {slug}" for slug in inputs)
            (root / "transforms" / "places" / f"d{number}.sql").write_text(select)


def parse(root: Path, **more: str) -> dict[str, object]:
    """Parse the DAG file in a new process and return what it measured."""
    environment = {
        **os.environ,
        "AIRFLOW_HOME": str(root / "airflow"),
        "AIRFLOW__CORE__LOAD_EXAMPLES": "False",
        "AIRFLOW__LOGGING__LOGGING_LEVEL": "ERROR",
        "BENCH_DAGS": str(REPOSITORY / "dags"),
        "MOULOUYA_WORKSPACE": str(root),
        "MOULOUYA_STATE": str(root / "state"),
        **more,
    }
    done = subprocess.run(
        [sys.executable, "-c", CHILD], env=environment, capture_output=True, text=True, check=True
    )
    return dict(json.loads(done.stdout.splitlines()[-1]))


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--datasets", type=int, default=500)
    count = parser.parse_args().datasets
    with tempfile.TemporaryDirectory(prefix="moulouya-bench-") as folder:
        root = Path(folder)
        write_workspace(root, count)
        result = {
            "datasets": count,
            "cold": parse(root),
            "warm": parse(root),
            "one_task": parse(root, _AIRFLOW_PARSING_CONTEXT_DAG_ID="dataset__d7"),
            "limit": LIMIT_SECONDS,
        }
    print(json.dumps(result, indent=2))
    return 0 if result["warm"]["parse"] < LIMIT_SECONDS and not result["warm"]["heavy"] else 1


if __name__ == "__main__":
    sys.exit(main())
