"""``make bench``: run every benchmark, print its figures, append them to history.jsonl.

``python -m benchmarks records_api 1000000 --peers`` runs the named ones; numbers and
what begins with a dash are for them.
"""

from __future__ import annotations

import datetime as dt
import json
import os
import platform
import subprocess
import sys
from importlib.metadata import version
from pathlib import Path

HERE = Path(__file__).parent
BENCHMARKS = (
    "ingest",
    "staging",
    "pollock",
    "polling",
    "validation",
    "drift",
    "changes",
    "privacy",
    "release_commit",
    "dag_parse",
    "default_run",
    "sql_service",
    "records_api",
    "search",
)


def main() -> int:
    """Run the named benchmarks (default: all) in processes of their own."""
    options = [one for one in sys.argv[1:] if one.startswith("-") or one.isdigit()]
    wanted = [one for one in sys.argv[1:] if one not in options]
    wanted = wanted or [name for name in BENCHMARKS if (HERE / f"{name}.py").exists()]
    failed = 0
    for name in wanted:
        print(f"== {name}", flush=True)
        command = [sys.executable, "-m", f"benchmarks.{name}", *options, "--json"]
        done = subprocess.run(
            command, cwd=HERE.parent, stdout=subprocess.PIPE, text=True, check=False
        )
        if done.returncode != 0:
            print(f"{name} failed with exit code {done.returncode}", file=sys.stderr)
            failed = 1
            continue
        figures = json.loads(done.stdout)
        print(json.dumps(figures, indent=2))
        _remember(name, figures)
    return failed


def _remember(name: str, figures: object) -> None:
    entry = {
        "benchmark": name,
        "date": dt.datetime.now(dt.UTC).date().isoformat(),
        "cores": os.cpu_count(),
        "python": platform.python_version(),
        "duckdb": version("duckdb"),
        "great_expectations": version("great_expectations"),
        "figures": figures,
    }
    with (HERE / "history.jsonl").open("a", encoding="utf-8") as history:
        history.write(json.dumps(entry) + "\n")


if __name__ == "__main__":
    sys.exit(main())
