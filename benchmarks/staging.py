"""Staging of a CSV alone against a bare DuckDB COPY of it, in UTF-8 and in other encodings.

CPU seconds and peak memory of whole child processes, without their imports. The files are those of
the benchmark ``ingest``.
"""

from __future__ import annotations

import argparse
import codecs
import json
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path

import yaml

from benchmarks import ingest

ROOT = Path(__file__).parents[1]
ENCODINGS = ("utf-8", "cp1252", "utf-16")


def main() -> None:
    """Measure each file in each encoding and print the ratios to the bare COPY."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--runs", type=int, default=3)
    parser.add_argument("--child", nargs=2, metavar=("SIDE", "FOLDER"))
    arguments = parser.parse_args()
    if arguments.child:
        side, folder = arguments.child
        {"copy": ingest.child_copy, "stage": child_stage}[side](Path(folder))
        return
    results: dict[str, dict[str, float]] = {}
    with tempfile.TemporaryDirectory() as scratch:
        for name, folder in ingest.prepare(Path(scratch)):
            copy = middle("copy", folder, arguments.runs)
            text = (folder / "source.csv").read_bytes()
            for encoding in ENCODINGS:
                declare(folder, encoding, text)
                stage = middle("stage", folder, arguments.runs)
                results[f"{name}_{encoding}"] = {
                    "copy_cpu_s": copy["work_cpu_s"],
                    "stage_cpu_s": stage["work_cpu_s"],
                    "ratio": round(stage["work_cpu_s"] / copy["work_cpu_s"], 2),
                    "stage_peak_mib": stage["peak_mib"],
                }
    print(json.dumps(results, indent=None if arguments.json else 2))


def declare(folder: Path, encoding: str, text: bytes) -> None:
    """Write the file in an encoding, and say so in its definition."""
    with codecs.open(str(folder / "source.csv"), "w", encoding) as file:
        file.write(text.decode())
    path = folder / "datasets" / "perf" / "flights.yml"
    definition = yaml.safe_load(path.read_text())
    definition["source"]["dialect"] = {"encoding": encoding}
    path.write_text(yaml.safe_dump(definition, allow_unicode=True, sort_keys=False))


def middle(side: str, folder: Path, runs: int) -> dict[str, float]:
    """Medians of some runs in processes of their own."""
    measured = []
    for _ in range(runs):
        command = [sys.executable, "-m", "benchmarks.staging", "--child", side, str(folder)]
        done = subprocess.run(command, cwd=ROOT, check=True, stdout=subprocess.PIPE, text=True)
        measured.append(json.loads(done.stdout.splitlines()[-1]))
    return {key: statistics.median(one[key] for one in measured) for key in measured[0]}


def child_stage(folder: Path) -> None:
    """Staging by contract into published Parquet, and nothing else."""
    import pytz  # noqa: F401 - DuckDB imports it with the first moment in UTC

    from moulouya import staging, workspace
    from moulouya.readers.delimited import csv  # noqa: F401 - loaded on use, and not to be measured
    from moulouya.settings import Settings

    settings = Settings(workspace=folder)
    _, dataset = workspace.load_one(folder, "flights")
    before = ingest._cpu()
    staged = staging.stage(
        dataset, {"source.csv": folder / "source.csv"}, folder / "work", settings
    )
    ingest._report(before, rows=staged.rows)


if __name__ == "__main__":
    main()
