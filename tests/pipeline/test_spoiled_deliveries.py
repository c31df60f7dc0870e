"""Deliveries that went wrong on their way, through the whole river: they are not published."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from benchmarks.delivered import CAUGHT, Fed, as_csv, every_spoiled
from benchmarks.deliveries import WORLDS, World

SEED = 7
LEAST_CAUGHT = 0.95
MOST_OF_A_KIND = 6
# What went wrong, by the words that describe it.
KINDS = {
    "dropped rows": "rows are gone",
    "unit change": "in another unit",
    "swapped coordinates": "coordinates swapped",
    "null column": "empty, ",
    "restated history": "restated",
    "shifted encoding": "read as",
    "frozen sensor": "frozen",
    "duplicated rows": "there twice",
    "shifted columns": "are shifted",
    "changed codes": "the codes of",
}


def test_spoiled_deliveries_are_held_or_fail(tmp_path: Path) -> None:
    rng = np.random.default_rng(SEED)
    found: dict[str, list[tuple[str, Fed, bytes]]] = {kind: [] for kind in KINDS}
    for world in WORLDS:
        fed = Fed(world, tmp_path / world.name)
        table, _ = fed.live(rng, 1)
        for what, content in every_spoiled(rng, world, table, 2):
            for kind, words in KINDS.items():
                if words in what:
                    found[kind].append((f"{world.name}: {what}", fed, content))
    outcomes: list[tuple[str, str]] = []
    for spoiled in found.values():
        assert spoiled
        chosen = rng.choice(len(spoiled), min(MOST_OF_A_KIND, len(spoiled)), replace=False)
        for what, fed, content in (spoiled[number] for number in chosen):
            outcomes += fed.outcomes([(what, content)])
    missed = [(what, outcome) for what, outcome in outcomes if outcome not in CAUGHT]
    assert len(outcomes) >= 50
    assert len(missed) <= (1 - LEAST_CAUGHT) * len(outcomes), missed


@pytest.mark.parametrize("world", WORLDS, ids=lambda world: world.name)
def test_after_one_approval_at_most_the_next_normal_deliveries_are_published(
    tmp_path: Path, world: World
) -> None:
    rng = np.random.default_rng(SEED)
    fed = Fed(world, tmp_path)
    table, held = fed.live(rng, 3)
    assert held <= 1
    assert fed.deliver(as_csv(table)) == "unchanged"
