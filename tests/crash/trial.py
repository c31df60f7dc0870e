"""One crash and what follows: the lake is judged, the work is done again, and judged again."""

from __future__ import annotations

import os
import time
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from moulouya.storage.lake import open_lake

from . import auditor
from .tracing import Ended, Zygote

RECOVERY_SECONDS = 30
LONG_AGO = 10 * 86400
MOST = 20


@dataclass
class Tally:
    """What a campaign tried and what was wrong; ``counts`` says more by name."""

    name: str
    points: int = 0
    violations: list[str] = field(default_factory=list)
    counts: dict[str, int] = field(default_factory=dict)
    slowest_recovery: float = 0.0
    begun: float = field(default_factory=time.monotonic)
    seconds: float = 0.0

    def count(self, name: str, by: int = 1) -> None:
        """Count one more of something."""
        self.counts[name] = self.counts.get(name, 0) + by

    def blame(self, where: str, problems: Iterable[str]) -> None:
        """Note what was wrong at a point."""
        for problem in problems:
            self.count("problems")
            if len(self.violations) < MOST:
                self.violations.append(f"{self.name}, {where}: {problem[:1500]}")

    def closed(self) -> Tally:
        """The tally with the time that the campaign took."""
        self.seconds = round(time.monotonic() - self.begun, 1)
        return self

    def to_json(self) -> dict[str, Any]:
        """The tally as the long run prints it."""
        return {
            "campaign": self.name, "points": self.points, "violations": self.violations,
            **self.counts, "slowest_recovery_seconds": round(self.slowest_recovery, 2),
            "seconds": self.seconds,
        }  # fmt: skip


def recover(
    tally: Tally,
    where: str,
    zygote: Zygote,
    lake: Path,
    workspace: Path,
    script: list[Any],
    acks: list[dict[str, Any]],
) -> None:
    """Do a script again after a crash; blame whatever was lost, doubled or left over.

    ``acks`` are those that were given before the crash.
    """
    tally.blame(f"{where}, crashed", auditor.audit(lake, acks))
    again = zygote.run(lake, workspace, script)
    tally.slowest_recovery = max(tally.slowest_recovery, again.seconds)
    if again.code != 0:
        tally.blame(f"{where}, done again", [f"exit {again.code}: {again.printed[-2000:]}"])
        return
    if again.seconds > RECOVERY_SECONDS:
        tally.count("recoveries over 30 s")
    tally.blame(f"{where}, done again", auditor.audit(lake, acks + again.acks))
    before = auditor.fingerprint(lake)
    replayed = zygote.run(lake, workspace, script)
    if replayed.code != 0 or before != auditor.fingerprint(lake):
        tally.blame(where, [f"I6: a replay (exit {replayed.code}) changed the lake"])
    tally.blame(f"{where}, swept", swept(lake))


def swept(lake: Path) -> list[str]:
    """I5: what is left over once the scratch files of dead runs are old enough to be swept."""
    past = time.time() - LONG_AGO
    for path in (lake / "tmp").iterdir():
        os.utime(path, (past, past), follow_symlinks=False)
    open_lake(lake).sweep()
    return [f"I5: {path} is left over" for path in auditor.leftovers(lake)]


def killed(ended: Ended) -> bool:
    """Whether a publisher was killed as it was meant to be."""
    return ended.code == -9
