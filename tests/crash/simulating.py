"""Power cuts at every call of a recorded publisher, and of the next one after a kill."""

from __future__ import annotations

import hashlib
import shutil
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from moulouya.errors import MoulouyaError
from moulouya.settings import Settings

from . import auditor, bases, disk, publisher, tracing
from .disk import Disk, Image
from .tracing import Call, Zygote
from .trial import Tally

LAKE = "lake"


@dataclass
class Simulation:
    """Judges images of one script; the same image with the same promises is judged once."""

    tally: Tally
    zygote: Zygote
    workspace: Path
    script: list[Any]
    folder: Path
    images_a_point: int
    retry: bool = True
    judged: dict[str, list[str]] = field(default_factory=dict)

    def record(
        self, state: Image, name: str, known: Disk | None = None, forget: list[int] | None = None
    ) -> tuple[Disk, list[Call]]:
        """Let a real publisher run on a state of the disk, and return what it did.

        The disk is the one before; with ``known`` it is that one, unsafe things included.
        """
        ground = self.folder / name
        shutil.rmtree(ground, ignore_errors=True)
        ground.mkdir(parents=True)
        disk.write(state, ground)
        acks = self.zygote.folder / f"told-{name}"
        acks.unlink(missing_ok=True)
        before = known.moved(ground, acks) if known is not None else Disk.of(ground, acks)
        _, calls = tracing.record(
            self.zygote, ground / LAKE, self.workspace, self.script, acks=acks, forget=forget
        )
        final = before.moved(ground, acks)
        for call in calls:
            final.apply(call)
        if final.seen() != disk.read(ground):
            raise RuntimeError("the simulated disk is not what the publisher left")
        return before, calls

    def cut(self, before: Disk, calls: list[Call], where: str = "") -> int:
        """Cut the power after every call; returns how many moments there were."""
        before = before.moved(Path(before.ground), Path(before.acks_path))
        moments = 0
        self._judge(before, f"{where} before anything")
        for number, call in enumerate(calls):
            if before.apply(call):
                moments += 1
                self._judge(before, f"{where} after call {number} ({call.name} {call.nth})")
        return moments

    def cut_after_kill(self, kill_at: int, calls: list[Call], before: Disk) -> int:
        """Kill a publisher after some calls, let another one finish, and cut the power under it.

        ``before`` is the disk on which the first one began, with the calls that it would make.
        """
        first = before.moved(Path(before.ground), Path(before.acks_path))
        for call in calls[:kill_at]:
            first.apply(call)
        found, again = self.record(first.seen(), "again", known=first)
        return self.cut(found, again, f"killed after call {kill_at}, then")

    def _judge(self, now: Disk, where: str) -> None:
        for image in now.crashes(self.images_a_point, seed=len(now.acks) + now.last):
            self.tally.count("images")
            key = _key(image, now.acks)
            if key not in self.judged:
                self.tally.count("different images")
                self.judged[key] = self._problems(image, now.acks)
                self.tally.blame(where, self.judged[key])
            elif self.judged[key]:
                self.tally.count("violating images seen again")

    def _problems(self, image: Image, acks: list[dict[str, Any]]) -> list[str]:
        ground = self.folder / "image"
        shutil.rmtree(ground, ignore_errors=True)
        ground.mkdir(parents=True)
        disk.write(image, ground)
        lake = ground / LAKE
        found = auditor.audit(lake, acks)
        if found or not self.retry:
            return found
        told: list[dict[str, Any]] = []
        settings = Settings(
            workspace=self.workspace, lake=lake, state=ground / "lake.state", threads=1
        )
        try:
            publisher.play(self.script, settings, told.append)
        except (MoulouyaError, OSError, ValueError, KeyError, AssertionError) as error:
            return [f"the publisher cannot go on: {error!r}"]
        return auditor.audit(lake, acks + told)


def spread(length: int, count: int) -> list[int]:
    """At most ``count`` places from the first to the last of a list."""
    return sorted({1 + (length - 1) * n // max(1, count - 1) for n in range(count)})


def _key(image: Image, acks: list[dict[str, Any]]) -> str:
    digest = hashlib.sha256()
    for name, data in sorted(image.items()):
        digest.update(f"{name}\0{-1 if data is None else len(data)}\0".encode())
        digest.update(data or b"")
    digest.update(repr([sorted(ack.items()) for ack in acks]).encode())
    return digest.hexdigest()


def forgotten(zygote: Zygote, workspace: Path, folder: Path, line: int, images: int) -> Tally:
    """Let the publisher forget one sync of ``storage/files.py``; what the simulator makes of it."""
    tally = Tally(f"without the sync of line {line}")
    simulation = Simulation(
        tally, zygote, workspace, bases.light_script(), folder / "forgetful", images, retry=False
    )
    before, calls = simulation.record({}, "forgetful", forget=[line])
    tally.points = simulation.cut(before, calls)
    return tally.closed()
