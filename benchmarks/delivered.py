"""Simulated deliveries through the whole river: a workspace, its lake, and ``moulouya run``.

The definitions say no more than types and key: what an author adds, ranges, patterns and limits,
only catches more.
"""

from __future__ import annotations

import shutil
from collections import Counter
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy as np
import yaml

from benchmarks.deliveries import Frame, World, mutants, spoiled_files
from moulouya import approval, pipeline
from moulouya.settings import Settings

CAUGHT = ("held", "failed")


def _text(word: str) -> dict[str, str]:
    return {"ar": f"بيانات {word}", "fr": f"données {word}", "en": f"{word} data"}


REGION = {
    "title": _text("region"),
    "description": _text("simulated"),
    "place": {"code": "02", "name": _text("region"), "country": _text("country"),
              "bbox": [-4, 33, -1, 36]},
    "contact": "data@example.org",
    "licence": "CC-BY-4.0",
    "publishers": {"office": {"name": _text("office"), "url": "https://example.org/"}},
    "themes": {"simulated": {"title": _text("simulated")}},
}  # fmt: skip


class Fed:
    """One simulated dataset, delivered into a lake of its own below ``folder``."""

    def __init__(self, world: World, folder: Path) -> None:
        self.world = world
        self.settings = Settings(
            workspace=folder / "workspace", lake=folder / "lake", state=folder / "state"
        )
        self.kept = folder / "kept"
        self.file = folder / "workspace" / "data" / "delivery.csv"
        self.file.parent.mkdir(parents=True)
        self._write("region.yml", REGION)
        columns = {
            name: {"type": kind, "title": _text(name), "description": _text(name)}
            for name, kind in world.columns.items()
        }
        source = {"kind": "file", "path": "data/delivery.csv", "format": "csv"}
        self._write(
            f"datasets/simulated/{world.name}.yml",
            {
                "title": _text(world.name),
                "description": _text(world.name),
                "row_is": _text("row"),
                "publisher": "office",
                "source": source,
                "key": world.key,
                "columns": columns,
            },
        )

    def _write(self, name: str, content: dict[str, Any]) -> None:
        path = self.settings.workspace_root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(yaml.safe_dump(content, allow_unicode=True, sort_keys=False))

    def deliver(self, content: bytes) -> str:
        """Run one delivery; how the run ended."""
        self.file.write_bytes(content)
        (record,) = pipeline.run(self.settings, [self.world.name])
        return str(record["outcome"])

    def live(self, rng: np.random.Generator, deliveries: int) -> tuple[Frame, int]:
        """Normal deliveries, each one published; the last table, and how many were held first."""
        held = 0
        table = self.world.first(rng)
        for number in range(deliveries + 1):
            if number:
                table = self.world.following(rng, table, number)
            if self.deliver(as_csv(table)) == "held":
                held += 1
                approval.approve(
                    self.settings, self.world.name, by="The simulation", reason="it is normal"
                )
        shutil.rmtree(self.kept, ignore_errors=True)
        shutil.copytree(self.settings.lake_root, self.kept)
        return table, held

    def outcomes(self, spoiled: Iterable[tuple[str, bytes]]) -> list[tuple[str, str]]:
        """How each spoiled delivery ends, every one after the same normal ones."""
        return [(what, self._once(content)) for what, content in spoiled]

    def _once(self, content: bytes) -> str:
        outcome = self.deliver(content)
        shutil.rmtree(self.settings.lake_root)
        shutil.copytree(self.kept, self.settings.lake_root)
        return outcome


def as_csv(table: Frame) -> bytes:
    """The file that a publisher would send."""
    return table.to_csv(index=False, lineterminator="\n").encode()


def every_spoiled(
    rng: np.random.Generator, world: World, table: Frame, number: int
) -> list[tuple[str, bytes]]:
    """The spoiled tables of a moment, and the files that are spoiled as files."""
    following = world.following(rng, table, number)
    return [
        *((what, as_csv(spoiled)) for what, spoiled in mutants(rng, world, table)),
        *spoiled_files(rng, world, table, following),
    ]


def through_run(worlds: Iterable[World], folder: Path) -> dict[str, Any]:
    """Feed every spoiled delivery to ``moulouya run``; what was caught, and what was not."""
    ends: Counter[str] = Counter()
    missed: list[str] = []
    holds: dict[str, int] = {}
    for world in worlds:
        for moment in (1, min(world.deliveries, 20)):
            rng = np.random.default_rng(7)
            fed = Fed(world, folder / f"{world.name}-{moment}")
            table, holds[f"{world.name}, {moment} deliveries"] = fed.live(rng, moment)
            for what, outcome in fed.outcomes(every_spoiled(rng, world, table, moment + 1)):
                ends[outcome] += 1
                if outcome not in CAUGHT:
                    missed.append(f"{world.name}, delivery {moment}: {what}: {outcome}")
    spoiled = sum(ends.values())
    return {
        "spoiled": spoiled,
        "outcomes": dict(ends),
        "share_caught": round(sum(ends[one] for one in CAUGHT) / spoiled, 4),
        "held_when_normal": holds,
        "missed": missed,
    }
