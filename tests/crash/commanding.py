"""The command line on a disk that gives errors: no traceback, a hint, and nothing lost by it."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from small_workspace import ROWS

from . import auditor, bases, injecting, places, tracing
from .injecting import Point
from .tracing import Ended, Zygote
from .trial import Tally

FAILED = 3
ENVIRONMENT = {"MOULOUYA_THREADS": "1", "MOULOUYA_KEEP_RELEASES": "1",
               "MOULOUYA_KEEP_RELEASES_DAYS": "0", "COLUMNS": "400"}  # fmt: skip
REASON = ("--reason", "it was wrong")
# What is done from which state, by the words of the command; a DEST lies beside the lake.
COMMANDS: dict[str, tuple[str, ...]] = {
    "run": ("run", "communes"),
    "release": ("release",),
    "gc": ("gc",),
    "verify": ("verify",),
    "status": ("status",),
    "rollback": ("rollback", *REASON),
    "withdraw": ("withdraw", "communes", "2", "--erase", *REASON),
    "backup": ("backup", "{dest}"),
    "restore": ("restore", "{dest}"),
}
AGAIN = {"restore", "rollback", "withdraw"}  # a second time has nothing left to do


@dataclass(frozen=True)
class Desk:
    """A place from which commands are given: a workspace, and lakes to begin with."""

    zygote: Zygote
    folder: Path
    workspace: Path

    @property
    def lake(self) -> Path:
        """Where the lake of a trial lies."""
        return self.folder / "lake"

    @property
    def dest(self) -> Path:
        """Where its backup lies."""
        return self.folder / "dest"

    def state(self, name: str) -> Path:
        """What is kept to begin a command with."""
        return self.folder / "states" / name

    def keep(self, name: str) -> None:
        """Keep what there is now under a name."""
        for one in (self.lake, Path(f"{self.lake}.state"), self.dest):
            if one.exists():
                shutil.copytree(one, self.state(name) / one.name)

    def back_to(self, name: str) -> None:
        """Have again what was kept under a name."""
        for one in (self.lake, Path(f"{self.lake}.state"), self.dest):
            shutil.rmtree(one, ignore_errors=True)
            if (self.state(name) / one.name).exists():
                shutil.copytree(self.state(name) / one.name, one)

    def job(self, words: tuple[str, ...]) -> dict[str, Any]:
        """What a publisher is told to give a command."""
        environment = {
            **ENVIRONMENT, "MOULOUYA_WORKSPACE": str(self.workspace),
            "MOULOUYA_LAKE": str(self.lake), "MOULOUYA_STATE": f"{self.lake}.state",
        }  # fmt: skip
        command = [word.format(dest=self.dest) for word in words]
        return {"command": command, "environment": environment}

    def give(self, *words: str) -> Ended:
        """Give a command on a sound disk."""
        return self.zygote.run(self.lake, self.workspace, [], **self.job(words))

    def must(self, *words: str) -> None:
        """Give a command that is done."""
        ended = self.give(*words)
        assert ended.code == 0, (words, ended.printed)


@contextmanager
def desk(folder: Path, names: Iterable[str] = COMMANDS) -> Iterator[Desk]:
    """A workspace of two datasets with three releases and a new delivery of one, and the states
    that the named commands begin with.
    """
    made = bases.bare(folder / "base")
    for slug in bases.SLUGS:
        made.define(slug)
    with tracing.zygote(folder / "zygote", tracing.HEAVY) as zygote:
        found = Desk(zygote, folder, made.root)
        found.must("run", "--all")
        made.data("communes", ROWS.replace("100", "101"))
        found.must("run", "communes")
        made.data("markets", ROWS.replace("100", "102"))
        found.must("run", "markets")
        for name in ("gc", "verify", "status", "rollback", "withdraw", "backup"):
            found.keep(name)
        if "restore" in names:
            found.must("backup", str(found.dest))
            places.nothing(found.lake)
            found.keep("restore")
            found.back_to("status")
        made.data("communes", ROWS.replace("100", "103"))
        found.keep("run")
        found.must("run", "communes", "--no-release")
        found.keep("release")
        yield found


def points(desk: Desk, name: str) -> tuple[list[Point], dict[str, Any], Ended]:
    """The calls of a command about the lake and its backup, what it left, and how it ended."""
    desk.back_to(name)
    ended, calls = tracing.record(
        desk.zygote, desk.lake, desk.workspace, [],
        names=injecting.NAMES, tokens=injecting.TOKENS, **desk.job(COMMANDS[name]),
    )  # fmt: skip
    calls = list(calls)
    every = injecting.points(calls, desk.lake, ended.pid)
    if name in ("backup", "restore"):
        there = injecting.points(calls, desk.dest, ended.pid)
        every += [Point(p.name, f"/../dest{p.path}", p.nth, p.order, p.reads) for p in there]
    return every, left(desk), ended


def left(desk: Desk) -> dict[str, Any]:
    """What a lake and its backup have in the end, whenever and by which run it was made."""
    return {lake.name: _left(lake) for lake in (desk.lake, desk.dest) if lake.exists()}


def _left(lake: Path) -> dict[str, Any]:
    found: dict[str, Any] = {
        name: sha256
        for name, sha256 in auditor.fingerprint(lake).items()
        if name.startswith(("datasets/", "snapshots/")) and not name.endswith((".json", ".duckdb"))
    }
    numbers = [int(path.name) for path in (lake / "log").glob("*")]
    if numbers:
        manifest = lake / "releases" / str(max(numbers)) / "manifest.json"
        said = json.loads(manifest.read_bytes()) if manifest.exists() else {"datasets": {}}
        found["shown"] = {slug: one["version"] for slug, one in said["datasets"].items()}
        gone = said.get("withdrawals") or []
        found["withdrawn"] = sorted((one["slug"], one["version"]) for one in gone)
    return found


def inject(
    tally: Tally, desk: Desk, name: str, choose: Callable[[list[Point]], list[Point]]
) -> None:
    """Answer calls of a command with errors; it says so, and given again it does its work."""
    every, wanted, sound = points(desk, name)
    for number, point in enumerate(choose(every)):
        error = point.errors[number % len(point.errors)]
        lasting = "+" if number % 2 else ""
        where = f"{name}: {error} at {point.name} {point.nth}{lasting} of {point.path}"
        desk.back_to(name)
        trace = desk.folder / "trace"
        about = Path(f"{desk.lake}{point.path}")
        path = (
            about
            if ".." not in about.parts
            else desk.dest / about.relative_to(desk.lake / ".." / "dest")
        )
        options = ["-y", "-o", str(trace), "-P", str(path), "-e", f"trace={point.name}", "-e",
                   f"inject={point.name}:error={error}:when={point.nth}{lasting}"]  # fmt: skip
        ended = desk.zygote.traced(
            desk.lake, desk.workspace, [], options,
            tokens=injecting.TOKENS, **desk.job(COMMANDS[name]),
        )  # fmt: skip
        if "INJECTED" not in trace.read_text():
            tally.count("calls that did not come")
            continue
        tally.points += 1
        tally.count(error)
        if ended.code == 0:
            tally.count("that decided nothing")
            if left(desk) != wanted:
                tally.blame(where, [f"exit 0, and left is {left(desk)}, not {wanted}"])
            # A record of the ledger that cannot be read is left out with a warning that names it.
            warned = "left out" in ended.printed and str(path) in ended.printed
            if name in ("verify", "status") and ended.printed != sound.printed and not warned:
                tally.blame(where, [f"exit 0, and it tells {ended.printed}"])
        else:
            tally.blame(where, told(ended, desk.folder))
        tally.blame(where, _done_again(desk, name, wanted, failed=ended.code != 0))


def told(ended: Ended, folder: Path) -> list[str]:
    """What is wrong with how a command ended that met an error."""
    said = ended.printed
    if ended.code != FAILED or "Traceback" in said:
        return [f"no clean end: exit {ended.code} {said[-1500:]}"]
    found = []
    if str(folder) not in said:
        found.append(f"no file is named: {said[-600:]}")
    if "hint" not in said and "problem" not in said:
        found.append(f"no hint: {said[-600:]}")
    return found


def _done_again(desk: Desk, name: str, wanted: dict[str, Any], *, failed: bool) -> list[str]:
    """What is wrong after the command was given once more, on a sound disk."""
    found = []
    if failed:
        again = desk.give(*COMMANDS[name])
        if again.code == 2 and "--repair" in again.printed:
            # What could not be read of a backup is told and left out: it is brought by a repair.
            again = desk.give(*COMMANDS[name], "--repair")
        done = again.code == 0 or (name in AGAIN and again.code == 2)
        if not done or "Traceback" in again.printed:
            found.append(f"given again it ends with {again.code}: {again.printed[-800:]}")
        if left(desk) != wanted:
            found.append(f"given again it leaves {left(desk)}, not {wanted}")
    places_ = [desk.lake, desk.dest] if name == "backup" else [desk.lake]
    for place in places_:
        verified = desk.give("verify", "--lake", str(place))
        if verified.code != 0:
            found.append(f"verify afterwards: {verified.printed[-800:]}")
        found += auditor.audit(place)
    return found
