"""Bounds of an exchange: the whole time, the least speed, the largest size, the room on disk."""

from __future__ import annotations

import shutil
import time
from dataclasses import dataclass, field
from pathlib import Path

from moulouya.web.trouble import Trouble

MIB = 1024**2
LEAST_ROOM = 64 * MIB
ROOM_FACTOR = 3  # the raw bytes, their staged form and a version of them
ROOM_EVERY = 16 * MIB
LEAST_SPEED = 1024  # bytes a second


@dataclass(frozen=True)
class Deadline:
    """The moment, on the monotonic clock, at which a fetch has taken all its time."""

    seconds: float
    start: float = field(default_factory=time.monotonic)

    def left(self) -> float:
        """Seconds that are left, at least none."""
        return max(0.0, self.start + self.seconds - time.monotonic())

    def check(self) -> float:
        """Seconds that are left; raises Trouble when none are."""
        left = self.left()
        if left <= 0:
            raise Trouble(
                f": not done within {self.seconds:g} s",
                hint="the source is slow; raise source.deadline if that is normal",
                retry=True,
            )
        return left


@dataclass
class Pace:
    """Holds a sender to a least speed, averaged over a window: a drip is not an answer."""

    window: float = 60.0
    _since: float | None = None
    _bytes: int = 0

    def restart(self) -> None:
        """A request went out: the sender may think before its first byte."""
        self._since, self._bytes = None, 0

    def count(self, size: int) -> None:
        """Bytes arrived; raises Trouble when too few did in the window that ends now."""
        now = time.monotonic()
        if self._since is None:
            self._since = now
        self._bytes += size
        passed = now - self._since
        if passed < self.window:
            return
        if self._bytes < LEAST_SPEED * passed:
            raise Trouble(
                f": sent only {self._bytes} bytes in {passed:.0f} s",
                hint="the source may be overloaded; the last good version stays published",
                retry=True,
            )
        self._since, self._bytes = now, 0


@dataclass(frozen=True)
class Bounds:
    """What no connection of a fetch may exceed; ``most`` is the largest body accepted."""

    deadline: Deadline
    pace: Pace
    most: int

    def check_wire(self, size: int) -> None:
        """Raises Trouble when the wrapping of a body (chunks) outgrows any body accepted."""
        check_size(size, 2 * self.most + MIB)


def check_size(size: int, most: int) -> None:
    """Raises Trouble when a body is larger than accepted."""
    if size > most:
        raise Trouble(
            f" is larger than {most} bytes",
            hint="raise MOULOUYA_HTTP_MAX_BYTES, or source.max_bytes where the definition has it",
        )


def check_room(folder: Path, expected: int) -> None:
    """Raises Trouble when the disk has no room for what is expected and what is made of it."""
    free = shutil.disk_usage(folder).free
    needed = max(LEAST_ROOM, ROOM_FACTOR * expected)
    if free < needed:
        raise Trouble(
            f": {free // MIB} MiB are free on the disk, {needed // MIB} MiB are needed",
            hint="free room on the disk of the lake",
            retry=True,
        )
