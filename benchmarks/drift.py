"""Does drift hold what is wrong and let pass what is normal? `python -m benchmarks.drift`.

Two simulated years of normal deliveries for each dataset, and spoiled deliveries at two moments:
after the first version, and with a history. Prints JSON and fails beyond the limits. With
``--through-run`` the spoiled deliveries, and files that are spoiled as files, go through
``moulouya run`` instead, each into a lake of normal ones.
"""

from __future__ import annotations

import json
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import duckdb
import numpy as np

from benchmarks.delivered import through_run
from benchmarks.deliveries import WORLDS, Frame, World, mutants
from moulouya import drift
from moulouya.definition import Column, Definition
from moulouya.drift import History, Judgement

LEAST_CAUGHT = 0.95
MOST_FALSE_HOLDS = 1
WORD = {"ar": "كلمة", "fr": "mot", "en": "word"}


class Series:
    """The versions of one dataset, judged as they come."""

    def __init__(self, world: World, table: Frame) -> None:
        self.world = world
        self.con = duckdb.connect(config={"threads": 2})
        columns = {
            name: Column.model_validate({"type": kind, "title": WORD, "description": WORD})
            for name, kind in world.columns.items()
        }
        self.definition = Definition.model_construct(columns=columns, key=world.key)
        self.table = table
        self.profile = self._profile(table)
        self.measures: list[tuple[dict[str, Any], ...]] = []
        self.known: dict[str, frozenset[str]] = {}

    def judge(self, table: Frame) -> Judgement:
        """What would be found in a delivery."""
        rows, values = self._changes(table)
        added = self._profile(table, only_new=True) if rows["added"] else None
        history = History(tuple(self.measures[: drift.REMEMBERED]), self.known)
        return drift.judge(self.profile, self._profile(table), added, rows, values,
                           history=history, key=self.world.key, allowed={})  # fmt: skip

    def take(self, table: Frame, judged: Judgement) -> None:
        """Publish a delivery; it is the history of the next one."""
        if any(self._changes(table)[0].values()):
            self.measures.insert(0, judged.measures)
        self.table, self.profile = table, self._profile(table)
        for name, column in self.profile["columns"].items():
            known = self.known.get(name, frozenset())
            self.known[name] = known | frozenset(column.get("categories", ()))

    def _profile(self, table: Frame, *, only_new: bool = False) -> dict[str, Any]:
        self._register(table)
        source = "after_"
        if only_new:
            same = self._same("after_", "b")
            source = f"(FROM after_ WHERE NOT EXISTS (SELECT 1 FROM before_ b WHERE {same}))"
        return drift.profile(self.con, source, self.definition)

    def _register(self, table: Frame) -> None:
        typed = ", ".join(
            f'CAST("{name}" AS {column.sql_type}) AS "{name}"'
            for name, column in self.definition.columns.items()
        )
        for name, frame in (("before_", self.table), ("after_", table)):
            self.con.register(f"{name}frame", frame)
            self.con.execute(
                f"CREATE OR REPLACE TEMP VIEW {name} AS SELECT {typed} FROM {name}frame"
            )

    def _same(self, one: str, other: str) -> str:
        return " AND ".join(f'{one}."{name}" = {other}."{name}"' for name in self.world.key)

    def _changes(self, table: Frame) -> tuple[dict[str, int], dict[str, int]]:
        self._register(table)
        same = self._same("a", "b")
        rest = [name for name in self.world.columns if name not in self.world.key]
        differs = [f'a."{name}" IS DISTINCT FROM b."{name}"' for name in rest]
        counts = ", ".join(f"count(*) FILTER ({one})" for one in [" OR ".join(differs), *differs])
        changed = self.con.execute(
            f"SELECT {counts} FROM before_ a JOIN after_ b ON {same}"
        ).fetchone()
        rows = {"changed": changed[0]}
        for kind, ours, theirs in (
            ("added", "after_", "before_"),
            ("removed", "before_", "after_"),
        ):
            (rows[kind],) = self.con.execute(
                f"SELECT count(*) FROM {ours} a "
                f"WHERE NOT EXISTS (SELECT 1 FROM {theirs} b WHERE {same})"
            ).fetchone()
        values = dict(zip(rest, changed[1:], strict=True))
        return rows, {name: count for name, count in values.items() if count}


def measure() -> dict[str, Any]:
    """Run every world through its deliveries; count false holds and what was caught."""
    begun = time.process_time()
    spoiled = caught = judged_versions = 0
    holds: dict[str, int] = {}
    missed: list[str] = []
    for world in WORLDS:
        rng = np.random.default_rng(7)
        series = Series(world, world.first(rng))
        holds[world.name] = 0
        for number in range(1, world.deliveries + 1):
            table = world.following(rng, series.table, number)
            judged = series.judge(table)
            judged_versions += 1
            holds[world.name] += bool(judged.findings)
            series.take(table, judged)
            if number in (1, min(world.deliveries, 20)):
                for what, mutant in mutants(rng, world, table):
                    spoiled += 1
                    if series.judge(mutant).findings:
                        caught += 1
                    else:
                        missed.append(f"{world.name}, delivery {number}: {what}")
    return {
        "spoiled": spoiled,
        "caught": caught,
        "share_caught": round(caught / spoiled, 4),
        "least_share": LEAST_CAUGHT,
        "normal_deliveries": judged_versions,
        "false_holds": holds,
        "most_false_holds": MOST_FALSE_HOLDS,
        "missed": missed,
        "cpu_seconds": round(time.process_time() - begun, 1),
    }


def measure_through_run() -> dict[str, Any]:
    """Run every spoiled delivery through the whole river, in lakes of their own."""
    begun = time.monotonic()
    with tempfile.TemporaryDirectory() as folder:
        figures = through_run(WORLDS, Path(folder))
    return {**figures, "least_share": LEAST_CAUGHT, "seconds": round(time.monotonic() - begun, 1)}


if __name__ == "__main__":
    figures = measure_through_run() if "--through-run" in sys.argv else measure()
    print(json.dumps(figures, indent=None if "--json" in sys.argv else 2))
    good = figures["share_caught"] >= LEAST_CAUGHT
    good = good and max(figures.get("false_holds", {"": 0}).values()) <= MOST_FALSE_HOLDS
    sys.exit(0 if good else 1)
