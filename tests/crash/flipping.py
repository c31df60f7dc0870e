"""Single bits that turn over in the files of a published lake."""

from __future__ import annotations

import os
import random
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from moulouya import verification
from moulouya.errors import LakeError
from moulouya.storage.lake import look_into

from . import auditor, bases
from .portals import Portal, addresses, damaged_answer, sound_bodies
from .tracing import Zygote
from .trial import Tally

PASSING = tuple(name for name in auditor.PASSING if name not in ("ledger", "quarantine"))


@contextmanager
def flipped(path: Path, bit: int, *, keep_time: bool) -> Iterator[None]:
    """One bit of a file turned over while the block runs; its times may be as they were."""
    before = path.stat()
    sound = path.read_bytes()
    damaged = bytearray(sound)
    damaged[bit // 8] ^= 1 << bit % 8
    path.chmod(0o644)
    path.write_bytes(damaged)
    if keep_time:
        os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))
    try:
        yield
    finally:
        path.write_bytes(sound)
        os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))
        path.chmod(before.st_mode)


def targets(lake: Path) -> list[Path]:
    """Every file but locks and work in progress: tables, records, the log, the ledger, notes."""
    return [
        path
        for path in sorted(lake.rglob("*"))
        if path.is_file() and path.relative_to(lake).parts[0] not in PASSING and path.stat().st_size
    ]


def published(base: bases.Base, zygote: Zygote, target: Path) -> Path:
    """A lake with two releases of two datasets, in which nothing is under way."""
    lake = base.copied(target)
    ended = zygote.run(lake, base.root, bases.publishing())
    assert ended.code == 0, ended.printed
    return lake


def _signs(name: str) -> list[str]:
    """Where ``verify`` may see a damaged file: an entry of the log by what follows from it."""
    if not name.startswith("log/"):
        return [name]
    number = int(name.removeprefix("log/"))
    return [
        name,
        "damaged record: KeyError",
        f"log/{number + 1}: does not continue",
        f"releases/{number}/manifest.json",
    ]


def problems_of(lake: Path) -> list[str]:
    """What ``verify`` tells of a lake."""
    try:
        return verification.verify(look_into(lake)).problems
    except LakeError as error:
        return [error.message]  # a lake whose FORMAT is damaged is not looked into


def flip(tally: Tally, lake: Path, count: int, folder: Path, seed: int = 11) -> None:
    """Turn over ``count`` bits one after the other; each is named by ``verify``, none is served.

    The portal has run since before: what it hashed once it may not trust for ever.
    """
    chosen = random.Random(seed)
    portal = Portal(lake, folder / "portal-state")
    public, sound = addresses(lake), sound_bodies(lake)
    for address in public.values():
        portal.get(address)
    files = targets(lake)
    for number in range(count):
        path = files[number % len(files)] if number < len(files) else chosen.choice(files)
        bit = chosen.randrange(path.stat().st_size * 8)
        name = str(path.relative_to(lake))
        where = f"bit {bit} of {name}{', time kept' if number % 2 else ''}"
        with flipped(path, bit, keep_time=bool(number % 2)):
            tally.points += 1
            problems = problems_of(lake)
            if not any(one in problem for problem in problems for one in _signs(name)):
                tally.blame(where, [f"verify does not name it: {problems[:3]}"])
                tally.count("not named by verify")
            if path in public:
                tally.count("asked for")
                tally.blame(where, damaged_answer(portal, public[path], sound))
    tally.blame("all turned back", verification.verify(look_into(lake)).problems)
