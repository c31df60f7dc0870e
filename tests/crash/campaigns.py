"""Every campaign by name, with how much of it the long run does."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from functools import partial
from pathlib import Path

from . import (
    bases,
    commanding,
    cutting,
    flipping,
    injecting,
    killing,
    simulating,
    soaking,
    tracing,
)
from .places import nothing
from .simulating import Simulation
from .trial import Tally

Campaign = Callable[[Tally, Path, float], None]


def _many(share: float, count: int) -> int:
    return max(1, round(count * share))


def kill(tally: Tally, folder: Path, share: float) -> None:
    """SIGKILL at calls of small and of whole publications."""
    bare, base = bases.bare(folder / "bare"), bases.build(folder / "base")
    with tracing.zygote(folder / "zygote") as zygote:
        script, many = bases.light_script(), _many(share, 150)
        killing.kill(tally, zygote, nothing, bare.root, script, many, folder)
        script, many = bases.publishing(), _many(share, 60)
        killing.kill(tally, zygote, base.copied, base.root, script, many, folder)


def inject(tally: Tally, folder: Path, share: float) -> None:
    """Errors in answer to calls of small and of whole publications, whatever they are about."""
    bare, base = bases.bare(folder / "bare"), bases.build(folder / "base")
    with tracing.zygote(folder / "zygote", tracing.HEAVY) as zygote:
        for make_lake, root, script, each, many in (
            (nothing, bare.root, bases.light_script(), 4, 400),
            (base.copied, base.root, bases.publishing(), 1, 300),
        ):
            choose = partial(injecting.chosen, each=each, most=_many(share, many))
            injecting.inject(tally, zygote, make_lake, root, script, folder, choose)


def commands(tally: Tally, folder: Path, share: float) -> None:
    """Errors in answer to calls of the command line."""
    choose = partial(injecting.chosen, each=1, most=_many(share, 15))
    with commanding.desk(folder / "desk") as desk:
        for name in commanding.COMMANDS:
            commanding.inject(tally, desk, name, choose)


def power(tally: Tally, folder: Path, share: float) -> None:
    """Simulated power cuts at every call of one publisher."""
    bare = bases.bare(folder / "bare")
    with tracing.zygote(folder / "zygote") as zygote:
        images = _many(share, 200)
        simulation = Simulation(
            tally, zygote, bare.root, bases.light_script(), folder / "once", images
        )
        before, calls = simulation.record({}, "first")
        tally.points = simulation.cut(before, calls)


def power_after_kill(tally: Tally, folder: Path, share: float) -> None:
    """Simulated power cuts under the second publisher, after the first one was killed."""
    bare = bases.bare(folder / "bare")
    with tracing.zygote(folder / "zygote") as zygote:
        script = bases.light_script()
        simulation = Simulation(tally, zygote, bare.root, script, folder / "twice", 8)
        before, calls = simulation.record({}, "first")
        for kill_at in simulating.spread(len(calls), _many(share, 24)):
            tally.points += simulation.cut_after_kill(kill_at, calls, before)


def cuts(tally: Tally, folder: Path, share: float) -> None:
    """Real power cuts of ext4."""
    bare = bases.bare(folder / "bare")
    disks = Path("/var/tmp") / folder.name  # a real disk, not memory
    try:
        with tracing.zygote(folder / "zygote") as zygote:
            cutting.cut(tally, zygote, bare.root, _many(share, 200), disks)
    finally:
        shutil.rmtree(disks, ignore_errors=True)


def soak(tally: Tally, folder: Path, share: float) -> None:
    """Writers, a releaser, gc and readers together under random SIGKILL."""
    bare = bases.bare(folder / "bare")
    seconds, reads = 600 * share, round(10_000 * share)
    soaking.soak(tally, bare.root, folder, seconds, kills_a_second=6, reads=reads, with_gc=True)


def flips(tally: Tally, folder: Path, share: float) -> None:
    """Single bits in files of a published lake."""
    base = bases.build(folder / "base")
    with tracing.zygote(folder / "zygote") as zygote:
        lake = flipping.published(base, zygote, folder / "published")
    flipping.flip(tally, lake, _many(share, 1500), folder)


CAMPAIGNS: dict[str, Campaign] = {
    "kill": kill,
    "inject": inject,
    "commands": commands,
    "power": power,
    "power-after-kill": power_after_kill,
    "cuts": cuts,
    "flips": flips,
    "soak": soak,
}
