"""Real power cuts: ext4 on a loop device is shut down under a publisher, then mounted again.

``EXT4_IOC_SHUTDOWN`` with NOLOGFLUSH drops everything that had not reached the disk, as a cut of
the power does; the next mount replays the journal.
"""

from __future__ import annotations

import fcntl
import os
import random
import shutil
import struct
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from . import auditor, tracing
from .tracing import Zygote
from .trial import Tally, recover

SHUTDOWN, NOLOGFLUSH = 0x8004587D, 2
MEGABYTES = 64
ROUNDS = 400


def missing(folder: Path) -> str | None:
    """Why the power of a small disk cannot be cut here, or None."""
    if os.geteuid() != 0:
        return "needs root to mount a small disk"
    if shutil.which("mkfs.ext4") is None:
        return "needs mkfs.ext4"
    try:
        with Disk(folder / "probe").mounted():
            pass
    except subprocess.CalledProcessError as error:
        return f"mounting a small disk is not allowed here: {error.stderr}"
    return None


class Disk:
    """An ext4 file system in a file."""

    def __init__(self, folder: Path) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self.image = folder / "disk.img"
        self.place = folder / "disk"
        self.place.mkdir(exist_ok=True)
        with self.image.open("wb") as file:
            file.truncate(MEGABYTES * 1024**2)
        _do("mkfs.ext4", "-q", "-F", self.image)

    def mount(self) -> None:
        """Mount it; a journal is replayed."""
        _do("mount", "-o", "loop", self.image, self.place)

    def unmount(self) -> None:
        """Unmount it; whoever still had it open has died."""
        for _ in range(50):
            done = subprocess.run(["umount", self.place], check=False, capture_output=True)
            if done.returncode == 0:
                return
            time.sleep(0.05)
        _do("umount", self.place)

    def restart(self) -> None:
        """Mount what the cut left, as a copy: nobody who still holds the old disk has a part."""
        self.unmount()
        after = self.image.with_name(f"after-{self.image.name}")
        _do("cp", "--sparse=always", self.image, after)
        self.image.unlink()
        after.rename(self.image)
        self.mount()

    @contextmanager
    def mounted(self) -> Iterator[Path]:
        """Mounted while the block runs."""
        self.mount()
        try:
            yield self.place
        finally:
            self.unmount()

    def cut(self) -> None:
        """Cut the power."""
        descriptor = os.open(self.place, os.O_RDONLY)
        try:
            fcntl.ioctl(descriptor, SHUTDOWN, struct.pack("I", NOLOGFLUSH))
        finally:
            os.close(descriptor)


def _do(*command: str | Path) -> None:
    subprocess.run(command, check=True, capture_output=True, text=True)


def cut(
    tally: Tally,
    zygote: Zygote,
    workspace: Path,
    count: int,
    folder: Path,
    seed: int = 7,
    forget: list[int] | None = None,
) -> None:
    """Cut the power ``count`` times under a publisher; one disk lives through all of them.

    The acknowledgements are kept on another disk.
    """
    chosen = random.Random(seed)
    disk = Disk(folder)
    every: list[dict[str, Any]] = []
    disk.mount()
    try:
        for number in range(count):
            lake = disk.place / "lake"
            acks = folder / f"acks-{number}"
            script = rounds(number)
            job = zygote.start(lake, workspace, script, acks=acks, forget=forget)
            wanted = chosen.randint(0, 12)
            end = time.monotonic() + 20
            while len(tracing.read_acks(acks)) < wanted and time.monotonic() < end:
                time.sleep(0.002)
            time.sleep(chosen.random() * 0.03)
            disk.cut()
            told = job.wait()
            disk.restart()
            tally.points += 1
            every += told.acks
            tally.count("acknowledged", len(told.acks))
            problems = auditor.audit(lake, every)
            tally.blame(f"cut {number} (exit {told.code})", problems)
            if problems:
                return
            if number % 10 == 9:
                first = [["light", "a", f"a-{number}-0"], ["light-release"]]
                recover(tally, f"cut {number}", zygote, lake, workspace, first, every)
                disk.unmount()
                disk = Disk(folder)
                every = []
                disk.mount()
    finally:
        disk.unmount()


def rounds(number: int) -> list[list[Any]]:
    """What a publisher does until the power goes."""
    script: list[list[Any]] = []
    for n in range(ROUNDS):
        script += [["light", slug, f"{slug}-{number}-{n}"] for slug in ("a", "b")]
        script.append(["light-release"])
    return script
