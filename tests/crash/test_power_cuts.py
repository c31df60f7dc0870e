"""Real power cuts of a real ext4 file system under a publisher."""

from __future__ import annotations

import inspect
from collections.abc import Iterator
from pathlib import Path

import pytest

from moulouya.storage import files

from . import cutting, places, publisher, tracing
from .trial import Tally


@pytest.fixture(scope="module")
def cuttable(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder on a real disk, in which a small one may be mounted."""
    folder = tmp_path_factory.mktemp("disks")
    places.needed(cutting.missing(folder))
    return folder


@pytest.fixture(scope="module")
def publishers(folder: Path) -> Iterator[tracing.Zygote]:
    """Publishers whose own records are not on the disk that loses its power."""
    with tracing.zygote(folder / "publishers") as made:
        yield made


def test_what_was_acknowledged_is_there_after_real_power_cuts(publishers, bare, cuttable):
    tally = Tally("power cuts")
    cutting.cut(tally, publishers, bare.root, 8, cuttable / "cut")
    assert tally.points == 8
    assert tally.counts["acknowledged"] > 20
    assert tally.violations == []


def test_a_publisher_that_never_syncs_loses_its_lake(publishers, bare, cuttable):
    tally = Tally("power cuts without a sync")
    every = publisher.syncs(inspect.getsource(files))
    cutting.cut(tally, publishers, bare.root, 8, cuttable / "lost", forget=every)
    assert tally.violations != []
