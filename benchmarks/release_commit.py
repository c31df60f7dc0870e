"""A release of many datasets of which one changed: seconds; `python -m benchmarks.release_commit`.

The lakes are made up: one version is published as any other, then given to every dataset under
its own name, its data files as hard links. With big tables the lake seems a hundred times larger;
a release should cost the same. The release is then rolled back. The portal is measured on the same
lakes: a first start, a restart, and taking up a release in which one dataset changed.

``--datasets N`` measures one size only, ``--rows N`` with other tables.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import yaml

SIZES = ((1_000, 1_000), (1_000, 2_000_000), (10_000, 1_000))
LIMITS = {1_000: 2.0, 10_000: 10.0}
ROLLBACK_LIMIT = 60.0
COLUMNS = 12
# A portal that starts for the first time hashes all that it shows; not measured beyond.
MOST_HASHED = 10e9
THEMES = ("demography", "economy", "education", "environment", "health", "transport")


def measure(datasets: int, rows: int, folder: Path) -> dict[str, Any]:
    """Build a lake, release it, change one dataset and release that."""
    from moulouya import catalogue, release
    from moulouya.portal.marks import Verified
    from moulouya.portal.published import read_release
    from moulouya.storage.lake import open_lake

    lake = open_lake(folder / "lake")
    region = _region(folder)
    template = _publish(lake, region, folder, rows)
    for number in range(datasets):
        _clone(lake, template, f"dataset_{number:05}", THEMES[number % len(THEMES)], 1)
    shutil.rmtree(template.parent)
    volume = sum(path.stat().st_size for path in (folder / "lake/datasets").rglob("*"))

    def commit() -> Any:
        return release.commit(lake, region, "http://127.0.0.1:8500", catalogue.build)

    first = _timed(commit)
    figures: dict[str, Any] = {
        "datasets": datasets,
        "rows_each": rows,
        "lake_gb": round(volume / 1e9, 2),
        "load": round(os.getloadavg()[0], 1),
        "first_release": first,
    }
    shown: list[Any] = []
    verified = Verified(folder / "verified")
    if volume < MOST_HASHED:
        start = _timed(lambda: shown.append(read_release(lake, 1, verified)))
        figures["portal_first_start"] = start
    _clone(lake, lake.version("dataset_00007", 1), "dataset_00007", THEMES[1], 2)
    figures["one_changed"] = _timed(commit)
    figures["limit_s"] = LIMITS.get(datasets)
    figures["nothing_changed"] = _timed(commit)
    found = release.current(lake, verify=False)
    assert found.manifest["datasets"]["dataset_00007"]["version"] == 2
    size = sum(file.stat().st_size for file in found.path.iterdir())
    figures["release_mb"] = round(size / 1e6, 2)
    if shown:
        figures["portal_one_changed"] = _timed(lambda: read_release(lake, 2, verified, shown[0]))
        verified.keep()
        figures["portal_restart"] = _timed(
            lambda: read_release(lake, 2, Verified(folder / "verified"))
        )
    figures["rollback"] = _timed(lambda: _roll_back(folder))
    figures["rollback_limit_s"] = ROLLBACK_LIMIT
    assert release.current(lake, verify=False).manifest["datasets"]["dataset_00007"]["version"] == 1
    return figures


def _roll_back(folder: Path) -> None:
    from moulouya import retraction
    from moulouya.settings import Settings

    settings = Settings(lake=folder / "lake", workspace=folder, state=folder / "state")
    retraction.rollback(settings, by="benchmark", reason="measured")


def _timed(call: Callable[[], Any]) -> dict[str, float]:
    """Wall and CPU seconds of a call."""
    wall, cpu = time.perf_counter(), time.process_time()
    call()
    return {
        "wall_s": round(time.perf_counter() - wall, 2),
        "cpu_s": round(time.process_time() - cpu, 2),
    }


def _text(word: str) -> dict[str, str]:
    long = f"{word}, counted once a year in every commune of the region"
    return {"ar": f"{word} في كل جماعة من جماعات الجهة", "fr": f"{long} (en français)", "en": long}


def _region(folder: Path) -> Any:
    from moulouya import workspace

    described = {
        "title": _text("Data"),
        "description": _text("Data"),
        "place": {"code": "77", "name": _text("Region"), "country": _text("Morocco"),
                  "bbox": [-3, 34, -1, 36]},
        "contact": "data@example.org",
        "licence": "CC-BY-4.0",
        "publishers": {"office": {"name": _text("Office"), "url": "https://example.org/"}},
        "themes": {theme: {"title": _text(theme)} for theme in THEMES},
    }  # fmt: skip
    (folder / "region.yml").write_text(yaml.safe_dump(described), encoding="utf-8")
    return workspace.load(folder).region


def _publish(lake: Any, region: Any, folder: Path, rows: int) -> Path:
    """One version as the library makes it; returns its folder."""
    from moulouya import duck, versions
    from moulouya.definition import Definition
    from moulouya.licences import LICENCES
    from moulouya.settings import Settings
    from moulouya.workspace import Dataset

    columns = {
        "code": {"type": "integer", "title": _text("Code"), "description": _text("Code")},
        **{
            f"figure_{n}": {"type": "integer", "title": _text("Figure"), "unit": "%",
                            "description": _text("Figure")}
            for n in range(1, COLUMNS)
        },
    }  # fmt: skip
    definition = Definition.model_validate({
        "title": _text("Figures"), "description": _text("Figures"), "row_is": _text("a commune"),
        "publisher": "office", "key": ["code"], "columns": columns,
        "source": {"kind": "file", "path": "a.csv", "format": "csv"},
    })  # fmt: skip
    dataset = Dataset("template", "demography", definition, folder / "template.yml", None, None,
                      LICENCES["CC-BY-4.0"], (), (), "r")  # fmt: skip
    scratch = lake.scratch("template")
    scratch.mkdir(parents=True)
    with duck.connect() as con:
        figures = ", ".join(
            f"(hash(i, {n}) % 100000)::BIGINT AS figure_{n}" for n in range(1, COLUMNS)
        )
        con.execute(
            f"COPY (SELECT i AS code, {figures} FROM range({rows}) t(i)) "
            f"TO '{scratch / 'table.parquet'}' (FORMAT parquet)"
        )
    checks = [
        {"moment": "outgoing", "type": "expect_column_values_to_be_between", "column": name,
         "kwargs": {"column": name, "min_value": 0}, "severity": "critical", "success": True,
         "unexpected_count": 0, "unexpected_percent": 0.0, "observed": None, "rows": [],
         "message": "every value is at least 0", "source": "contract", "reason": None}
        for name in columns
    ]  # fmt: skip
    validation = {"format": 1, "slug": "template", "success": True, "rows": rows, "checks": checks}
    settings = Settings(workspace=folder, lake=lake.root)
    draft = versions.prepare(dataset, scratch / "table.parquet", scratch / "version",
                             region=region, validation=validation, previous=None,
                             settings=settings)  # fmt: skip
    versions.finish(draft, run_id="template-1", interval=None, region=region, snapshots=[],
                    inputs={}, rejected=0, previous=None, settings=settings)  # fmt: skip
    return versions.commit(lake, "template", scratch / "version").path


def _clone(lake: Any, version: Path, slug: str, theme: str, number: int) -> None:
    """Give a version to another dataset, its data as hard links."""
    record = json.loads((version / "version.json").read_bytes())
    was, target = record["slug"], lake.version(slug, number)
    target.mkdir(parents=True)
    for file in record["files"]:
        name = file["name"].replace(was, slug)
        (target / name).hardlink_to(version / file["name"])
        file["name"] = name
    for name in ("changes.json", "validation.json"):
        if not (target / name).exists():
            (target / name).hardlink_to(version / name)
    record |= {"slug": slug, "theme": theme, "version": number, "run_id": f"{slug}-{number}"}
    (target / "version.json").write_text(json.dumps(record, ensure_ascii=False, indent=2))


def main() -> None:
    """Measure the wanted sizes and print the figures."""
    wanted = argparse.ArgumentParser()
    wanted.add_argument("--json", action="store_true")
    wanted.add_argument("--datasets", type=int)
    wanted.add_argument("--rows", type=int, default=1_000)
    given = wanted.parse_args()
    sizes = ((given.datasets, given.rows),) if given.datasets else SIZES
    measured = []
    for datasets, rows in sizes:
        with tempfile.TemporaryDirectory() as folder:
            measured.append(measure(datasets, rows, Path(folder)))
    print(json.dumps(measured, indent=None if given.json else 2))


if __name__ == "__main__":
    main()
