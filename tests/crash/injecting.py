"""Errors in answer to calls that change or read a lake: the publisher stops and says so.

A point is a call by its name and by the file or folder of the lake that it is about, so that the
same is tried on every machine, whatever else a process does there. strace counts and answers only
the calls that are about that path.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from . import auditor, tracing
from .tracing import Call, Ended, Zygote
from .trial import Tally, recover

MakeLake = Callable[[Path], Path]
CHANGING: dict[str, tuple[str, ...]] = {
    "write": ("ENOSPC", "EIO", "EDQUOT"),
    "pwrite64": ("ENOSPC", "EIO", "EDQUOT"),
    "fsync": ("EIO", "ENOSPC"),
    "fdatasync": ("EIO",),
    "openat": ("EMFILE", "EROFS", "ENOSPC", "EIO"),
    "rename": ("ENOSPC", "EIO", "EROFS"),
    "link": ("ENOSPC", "EIO", "EROFS"),
    "mkdir": ("ENOSPC", "EDQUOT", "EROFS"),
}
READING: dict[str, tuple[str, ...]] = {
    "openat": ("EIO", "EACCES", "EMFILE"),
    "read": ("EIO",),
    "pread64": ("EIO",),
    "getdents64": ("EIO",),
    "newfstatat": ("EIO", "EACCES"),
    "statx": ("EIO", "EACCES"),
    "stat": ("EIO", "EACCES"),
    "lstat": ("EIO",),
    "fstat": ("EIO",),
    "access": ("EIO", "EACCES"),
}
NAMES = tuple(dict.fromkeys((*CHANGING, *READING)))
NOTES = ".state"
TOKENS = "the same random names in every run"
VARIABLE = re.compile(rb'"[0-9a-f]{32,64}"|\d{4}-\d\d-\d\dT[\d:.]+Z|"bytes": \d+|duckdb-[\d.:]+')


@dataclass(frozen=True)
class Point:
    """Which of the calls of a name about a path below the lake; ``order`` is its place in a run.

    A path has ``{pid}`` where the number of the process stands.
    """

    name: str
    path: str
    nth: int
    order: int
    reads: bool

    @property
    def kind(self) -> tuple[str, str, bool]:
        """What is tried: the call and what it is about, whichever dataset and number."""
        path = re.sub(r"[0-9a-f]{8,}|\d+|\{pid\}", "#", self.path)
        return self.name, re.sub(r"/(a|b|communes|markets)\b", "/slug", path), self.reads

    @property
    def errors(self) -> tuple[str, ...]:
        """The errors with which it may be answered."""
        return (READING if self.reads else CHANGING)[self.name]


def points(calls: Iterable[Call], lake: Path, pid: int) -> list[Point]:
    """Every call of a run that was about the lake, or about what a host remembers of it.

    Calls that found nothing are among them: that nothing is there has to be known.
    """
    found, counts = [], dict[tuple[str, str], int]()
    for order, call in enumerate(calls):
        path = _path(call, lake)
        if call.name not in NAMES or path is None:
            continue
        reads = _reads(call)
        if call.result < 0 and not reads:
            continue
        path = path.replace(str(pid), "{pid}")
        # strace counts by thread: of those that others than the first make, the first one is met.
        counted = (call.name, path if call.nth else f"{path} {order}")
        counts[counted] = counts.get(counted, 0) + 1
        found.append(Point(call.name, path, counts[counted], order, reads))
    return found


def _path(call: Call, lake: Path) -> str | None:
    """The first path in a call that lies in the lake or in the folder of its publishers' notes."""
    said = re.search(f'{re.escape(str(lake))}((?:\\.state)?(?:/[^>"]*)?)[>"]',
                     tracing.decoded(call.arguments))  # fmt: skip
    return said[1] if said else None


def _reads(call: Call) -> bool:
    if call.name == "openat":
        return "O_CREAT" not in call.arguments and "O_RDONLY" in call.arguments
    return call.name not in CHANGING


def chosen(every: list[Point], each: int, most: int | None = None) -> list[Point]:
    """Of each kind at most ``each`` points, spread over the run, and at most ``most`` of all."""
    kinds: dict[tuple[str, str, bool], list[Point]] = {}
    for point in every:
        kinds.setdefault(point.kind, []).append(point)
    taken = []
    for some in kinds.values():
        step = max(1, -(-len(some) // each))
        taken += some[::step]
    taken.sort(key=lambda point: point.order)
    count = min(len(taken), most or len(taken))
    return [taken[len(taken) * n // count] for n in range(count)]


def first(every: list[Point], kinds: Iterable[tuple[str, str]]) -> list[Point]:
    """The first point of each of some kinds: a call, and what it is about."""
    known = {point.kind[:2]: point for point in reversed(every)}
    return [known[kind] for kind in kinds]


@dataclass(frozen=True)
class Recorded:
    """A run without errors: its points, when it committed, and what it left."""

    points: list[Point]
    commits: list[int]
    left: dict[str, str]


def record(
    zygote: Zygote, make_lake: MakeLake, workspace: Path, script: list[Any], folder: Path
) -> Recorded:
    """Run a script through on a lake of its own."""
    lake = make_lake(folder / "injected")
    ended, calls = tracing.record(
        zygote, lake, workspace, script,
        names=(*NAMES, "linkat"), tokens=TOKENS, synced=str(folder / "synced"),
    )  # fmt: skip
    commits = [n for n, call in enumerate(calls) if call.name.startswith("link")]
    return Recorded(points(calls, lake, ended.pid), commits, outcome(lake))


def inject(
    tally: Tally,
    zygote: Zygote,
    make_lake: MakeLake,
    workspace: Path,
    script: list[Any],
    folder: Path,
    choose: Callable[[list[Point]], list[Point]],
) -> None:
    """Answer calls with errors, once and from then on; the publisher must stop and say so.

    It may go on where an answer decides nothing: then everything is as if there had been no error.
    """
    recorded = record(zygote, make_lake, workspace, script, folder)
    for number, point in enumerate(choose(recorded.points)):
        error = point.errors[number % len(point.errors)]
        lasting = "+" if number % 2 else ""
        where = f"{error} at {point.name} {point.nth}{lasting} of {point.path}"
        lake = make_lake(folder / "injected")
        before = _inodes(lake)
        newest = _newest(lake)
        trace, synced = folder / "trace", folder / "synced"
        synced.unlink(missing_ok=True)
        options = ["-y", "-o", str(trace), "-P", f"{lake}{point.path}", "-e",
                   f"trace={point.name},fsync", "-e",
                   f"inject={point.name}:error={error}:when={point.nth}{lasting}"]  # fmt: skip
        ended = zygote.traced(lake, workspace, script, options, tokens=TOKENS, synced=str(synced))
        if "INJECTED" not in trace.read_text():
            tally.count("calls that did not come")
            recover(tally, where, zygote, lake, workspace, script, ended.acks)
            continue
        tally.points += 1
        tally.count(error)
        # What a host remembers of a lake need not be written: then its log says so.
        unnoted = point.path.startswith(NOTES) and "was not noted" in ended.printed
        if ended.code == 0 and (point.reads or unnoted):
            tally.count("that decided nothing")
            tally.blame(where, _differences(recorded.left, outcome(lake)))
            tally.blame(where, _not_synced(lake, before, synced))
        else:
            tally.blame(where, told(ended))
            tally.blame(where, _synced_again(trace, lake))
            # A commit whose sync failed is seen, and not acknowledged; a later one may not be.
            begun = sum(commit < point.order for commit in recorded.commits)
            if _newest(lake) > newest + begun:
                tally.blame(where, [f"release {_newest(lake)} was committed in spite of it"])
        recover(tally, where, zygote, lake, workspace, script, ended.acks)


def told(ended: Ended) -> list[str]:
    """What is wrong with how a publisher ended that met an error."""
    if ended.code == 0:
        return ["a silent success"]
    if ended.code != 3 or ended.error is None:
        why = re.findall(r"^\S*(?:Error|Exception)\b.*", ended.printed, re.MULTILINE)
        return [f"no clean end: exit {ended.code} {why or ended.printed[-1500:]}"]
    if ended.error["code"] != "lake":
        return [f"not told as an error of the lake: {ended.error}"]
    return [] if ended.error["hint"] else [f"no hint: {ended.error}"]


def outcome(lake: Path) -> dict[str, str]:
    """What a run left for ever, moments and hashes aside; the bytes of tables as they are."""
    found = {}
    for name, sha256 in auditor.fingerprint(lake).items():
        kept = name.startswith("datasets/") and name.endswith((".parquet", ".csv.gz"))
        if name.endswith(".json") or name.startswith("log/"):
            said = VARIABLE.sub(b"#", (lake / name).read_bytes())
            found[name] = said.decode()
        else:
            found[name] = sha256 if kept else ""
    return found


def _differences(wanted: dict[str, str], found: dict[str, str]) -> list[str]:
    return [
        f"gone on with, and {name} is another: {wanted.get(name, 'was not there')!r} became "
        f"{found.get(name, 'nothing')!r}"
        for name in sorted({*wanted, *found})
        if wanted.get(name) != found.get(name)
    ]


def _inodes(lake: Path) -> set[int]:
    return {path.stat().st_ino for path in lake.rglob("*")}


def _not_synced(lake: Path, before: set[int], synced: Path) -> list[str]:
    """Committed files that the run did not sync, where the kernel tells which file was."""
    known = synced.read_text().split() if synced.exists() else []
    if not known:
        return []
    safe = before | {int(inode) for inode in known}
    return [
        f"gone on with, and {name} was not synced"
        for name in auditor.fingerprint(lake)
        if (lake / name).stat().st_ino not in safe
    ]


def _newest(lake: Path) -> int:
    return max((int(path.name) for path in (lake / "log").glob("*")), default=0)


def _synced_again(trace: Path, lake: Path) -> list[str]:
    """Files that were synced once more after their sync had failed: the kernel forgot the pages.

    Not asked of scratch files, which go with their run or are begun anew under their name, and of
    directories: of these there is no other one to be made.
    """
    failed: set[str] = set()
    found = []
    for line in trace.read_text().splitlines():
        if "fsync(" not in line or "<" not in line:
            continue
        path = Path(line.split("<", 1)[1].split(">", 1)[0])
        scratch = lake / "tmp" in path.parents or path.name.startswith(".")
        if str(path) in failed and not path.is_dir() and not scratch:
            found.append(f"fsync of {path} was tried again")
        if "INJECTED" in line:
            failed.add(str(path))
    return found
