"""SIGKILL at every k-th call that changes the lake."""

from __future__ import annotations

import random
from collections.abc import Callable
from pathlib import Path
from typing import Any

from . import tracing
from .tracing import Call, Zygote
from .trial import Tally, killed, recover

MakeLake = Callable[[Path], Path]
MANY = ("write", "pwrite64")


def points(calls: list[Call], count: int, seed: int = 5) -> list[Call]:
    """At most ``count`` calls, spread over the run: calls that name and sync before mere writes."""
    rare = [call for call in calls if call.name not in MANY]
    if len(rare) >= count:
        return [rare[len(rare) * n // count] for n in range(count)]
    common = [call for call in calls if call.name in MANY]
    chosen = random.Random(seed).sample(common, min(len(common), count - len(rare)))
    wanted = {(call.name, call.nth) for call in [*rare, *chosen]}
    return [call for call in calls if (call.name, call.nth) in wanted]


def kill(
    tally: Tally,
    zygote: Zygote,
    make_lake: MakeLake,
    workspace: Path,
    script: list[Any],
    count: int,
    folder: Path,
) -> None:
    """Kill a publisher at ``count`` places, each on a lake of its own, and recover each time."""
    lake = make_lake(folder / "recorded")
    _, calls = tracing.record(zygote, lake, workspace, script)
    for call in points(tracing.relevant(calls, lake), count):
        lake = make_lake(folder / "killed")
        options = ["-o", "/dev/null", "-e", f"trace={call.name}",
                   "-e", f"inject={call.name}:signal=KILL:when={call.nth}"]  # fmt: skip
        ended = zygote.traced(lake, workspace, script, options)
        where = f"killed at {call.name} {call.nth}"
        if ended.code == 0:
            tally.count("calls that did not come")  # fewer syncs than in the recorded run
            continue
        tally.points += 1
        if not killed(ended):
            tally.blame(where, [f"not killed: exit {ended.code} {ended.printed[-500:]}"])
            continue
        recover(tally, where, zygote, lake, workspace, script, ended.acks)
