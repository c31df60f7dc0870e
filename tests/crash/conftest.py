"""Folders, a small workspace and publishers for the crash tests."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from small_workspace import SmallWorkspace

from . import bases, places, tracing


@pytest.fixture(scope="module")
def folder() -> Iterator[Path]:
    """A folder in memory, gone with the module."""
    with places.quick_folder() as made:
        yield made


@pytest.fixture(scope="module")
def zygote(folder: Path) -> Iterator[tracing.Zygote]:
    """Publishers to be forked."""
    with tracing.zygote(folder / "zygote") as made:
        yield made


@pytest.fixture(scope="module")
def traceable() -> None:
    """Needs strace."""
    places.needed(tracing.missing())


@pytest.fixture(scope="module")
def base(folder: Path) -> bases.Base:
    """A workspace of two datasets and a lake in which release 1 has both."""
    return bases.build(folder / "base")


@pytest.fixture(scope="module")
def bare(folder: Path) -> SmallWorkspace:
    """A workspace with a region and nothing else."""
    return bases.bare(folder / "bare")
