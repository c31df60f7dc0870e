"""The power goes at any call, on a disk that forgets what was not synced in the worst way."""

from __future__ import annotations

import inspect

import pytest

from moulouya.storage import files

from . import bases, publisher, simulating
from .simulating import Simulation
from .trial import Tally

pytestmark = pytest.mark.usefixtures("traceable")
SOURCE = inspect.getsource(files)
SYNCS = {line: SOURCE.splitlines()[line - 1].strip() for line in publisher.syncs(SOURCE)}


def test_whenever_the_power_goes_nothing_acknowledged_is_lost(zygote, bare, folder):
    tally = Tally("power")
    simulation = Simulation(tally, zygote, bare.root, bases.light_script(), folder / "once", 24)
    before, calls = simulation.record({}, "first")
    assert simulation.cut(before, calls) > 100
    assert tally.counts["different images"] > 200
    assert tally.violations == []


def test_nor_after_a_kill_and_another_publisher(zygote, bare, folder):
    tally = Tally("power after a kill")
    script = bases.light_script(runs=1)
    simulation = Simulation(tally, zygote, bare.root, script, folder / "twice", 6)
    before, calls = simulation.record({}, "first")
    for kill_at in simulating.spread(len(calls), 3):
        tally.points += simulation.cut_after_kill(kill_at, calls, before)
    assert tally.points > 150
    assert tally.violations == []


@pytest.mark.parametrize("line", SYNCS, ids=lambda line: f"{line}-{SYNCS[line]}")
def test_a_publisher_that_forgets_one_sync_is_found_out(zygote, bare, folder, line):
    tally = simulating.forgotten(zygote, bare.root, folder, line, images=16)
    assert tally.violations != [], f"nobody misses {SYNCS[line]!r}"
