"""Where crash tests put lakes, and what a test does that needs what is not there."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

MEMORY = Path("/dev/shm")
ROOM = 2 * 1024**3


def needed(reason: str | None) -> None:
    """Skip the test for a reason, or fail where everything has to be there."""
    if reason is None:
        return
    if os.environ.get("MOULOUYA_REQUIRE_SERVICES"):
        pytest.fail(reason)
    pytest.skip(reason)


@contextmanager
def quick_folder() -> Iterator[Path]:
    """A folder in memory where there is one: thousands of lakes are made and thrown away."""
    inside = MEMORY if MEMORY.is_dir() and shutil.disk_usage(MEMORY).free > ROOM else None
    folder = Path(tempfile.mkdtemp(prefix="moulouya-crash-", dir=inside))
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def nothing(target: Path) -> Path:
    """No lake at all, nor what its publishers remember of one: it is for them to create."""
    shutil.rmtree(target, ignore_errors=True)
    shutil.rmtree(f"{target}.state", ignore_errors=True)
    return target


def copy(lake: Path, target: Path) -> Path:
    """A copy of a lake; what was at the target is gone."""
    nothing(target)
    return shutil.copytree(lake, target)
