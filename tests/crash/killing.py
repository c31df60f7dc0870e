"""SIGKILL at every k-th call that changes the lake, and errors in answer to such calls."""

from __future__ import annotations

import random
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

from . import tracing
from .tracing import Call, Ended, Zygote
from .trial import Tally, killed, recover

MakeLake = Callable[[Path], Path]
MANY = ("write", "pwrite64")
ERRORS = {
    "write": ("ENOSPC", "EIO", "EDQUOT"),
    "pwrite64": ("ENOSPC", "EIO", "EDQUOT"),
    "fsync": ("EIO", "ENOSPC"),
    "fdatasync": ("EIO",),
    "openat": ("EMFILE", "EROFS", "ENOSPC", "EIO"),
    "rename": ("ENOSPC", "EIO", "EROFS"),
    "link": ("ENOSPC", "EIO", "EROFS"),
    "mkdir": ("ENOSPC", "EDQUOT", "EROFS"),
}
HINTED = ("ENOSPC", "EDQUOT", "EMFILE", "EROFS", "EIO")


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


def inject(
    tally: Tally,
    zygote: Zygote,
    make_lake: MakeLake,
    workspace: Path,
    script: list[Any],
    count: int,
    folder: Path,
) -> None:
    """Answer calls with errors, once and from then on; the publisher must stop and say so."""
    lake = recorded = make_lake(folder / "recorded")
    _, calls = tracing.record(zygote, lake, workspace, script)
    order = {(call.name, call.nth): n for n, call in enumerate(calls)}
    commits = [n for n, call in enumerate(calls) if call.name.startswith("link")]
    candidates = [c for c in tracing.relevant(calls, lake) if c.name in ERRORS]
    for number, call in enumerate(points(candidates, count)):
        errors = ERRORS[call.name]
        error = errors[number % len(errors)]
        lasting = "+" if number % 2 else ""
        lake = make_lake(folder / "injected")
        newest = max((int(p.name) for p in (lake / "log").glob("*")), default=0)
        trace = folder / "trace"
        options = ["-y", "-o", str(trace), "-e", f"trace={call.name}",
                   "-e", f"inject={call.name}:error={error}:when={call.nth}{lasting}"]  # fmt: skip
        ended = zygote.traced(lake, workspace, script, options)
        where = f"{error} at {call.name} {call.nth}{lasting}"
        met = next((one for one in trace.read_text().splitlines() if "INJECTED" in one), "")
        if not tracing.inside(lake, met):
            # One run opens and syncs a little more than another: this call was not the lake's.
            tally.count("calls that did not come")
            recover(tally, where, zygote, lake, workspace, script, ended.acks)
            continue
        tally.points += 1
        tally.count(error)
        tally.blame(where, _told(ended, call, error))
        tally.blame(where, _synced_again(trace, lake))
        # A commit whose sync failed is seen, and not acknowledged; a later one may not be there.
        begun = sum(commit < order[call.name, call.nth] for commit in commits)
        now = max((int(p.name) for p in (lake / "log").glob("*")), default=0)
        same = _without_numbers(met, lake) == _without_numbers(call.arguments, recorded)
        if same and now > newest + begun:
            tally.blame(where, [f"release {now} was committed in spite of it"])
        recover(tally, where, zygote, lake, workspace, script, ended.acks)


def _without_numbers(arguments: str, lake: Path) -> str:
    """The first path below the lake in a call; numbers of processes and descriptors aside."""
    found = re.search(f'{re.escape(str(lake))}([^>"]*)', tracing.decoded(arguments))
    return re.sub(r"[0-9a-f]{4,}|\d+", "#", found[1]) if found else ""


def _told(ended: Ended, call: Call, error: str) -> list[str]:
    """What is wrong with how a publisher ended that met an error."""
    if ended.code == 0:
        return [f"a silent success: {tracing.decoded(call.arguments)[:200]}"]
    if ended.code != 3 or ended.error is None:
        why = re.findall(r"^\S*(?:Error|Exception)\b.*", ended.printed, re.MULTILINE)
        return [f"no clean end: exit {ended.code} {why or ended.printed[-1500:]}"]
    if ended.error["code"] != "lake":
        return [f"not told as an error of the lake: {ended.error}"]
    return [] if ended.error["hint"] else [f"no hint: {ended.error}"]


def _synced_again(trace: Path, lake: Path) -> list[str]:
    """Files that were synced once more after their sync had failed: the kernel forgot the pages.

    Not asked of scratch files, which go with their run or are begun anew under their name, and of
    directories: of these there is no other one to be made.
    """
    failed: set[str] = set()
    found = []
    for line in trace.read_text().splitlines():
        if "fsync(" not in line:
            continue
        path = Path(line.split("<", 1)[1].split(">", 1)[0])
        scratch = lake / "tmp" in path.parents or path.name.startswith(".")
        if str(path) in failed and not path.is_dir() and not scratch:
            found.append(f"fsync of {path} was tried again")
        if "INJECTED" in line:
            failed.add(str(path))
    return found
