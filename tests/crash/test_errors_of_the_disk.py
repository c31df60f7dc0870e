"""Calls that fail: the publisher stops, says why and what to do, and nothing is half-done.

What is tried is chosen by what a call is about, so that every machine tries the same.
"""

from __future__ import annotations

import pytest

from . import bases, injecting, tracing
from .injecting import Point
from .places import nothing
from .trial import Tally

pytestmark = pytest.mark.usefixtures("traceable")

# Calls that only a whole publication makes; the long campaign tries all.
WHOLE = (
    ("newfstatat", "/datasets/slug/confirmed.json"),
    ("newfstatat", "/tmp/slug-second/timings.json"),
    ("pread64", "/datasets/slug/#/slug.parquet"),
    ("fsync", "/tmp/slug-second/version/slug.duckdb"),
    # DuckDB takes a log that it cannot look for as one that is not there, and leaves it behind.
    ("access", "/tmp/slug-second/version/slug.duckdb.wal"),
    ("read", "/releases/#/catalogue.scores.parquet"),
    ("pwrite64", "/tmp/release-#-#/serving.duckdb"),
)


def each_kind(points: list[Point]) -> list[Point]:
    """Of all calls about one sort of file the first, or the last of every second sort."""
    first = injecting.chosen(points, 1)
    last = {point.kind: point for point in points}
    return [last[point.kind] if n % 2 else point for n, point in enumerate(first)]


def of_whole(points: list[Point]) -> list[Point]:
    """The first call of each that only a whole publication makes."""
    return injecting.first(points, WHOLE)


def test_any_call_may_fail_while_versions_and_releases_are_committed(zygote, bare, folder):
    tally = Tally("inject")
    script = bases.light_script(slugs=("a",))
    injecting.inject(tally, zygote, nothing, bare.root, script, folder, each_kind)
    assert tally.points >= 90
    assert {"EIO", "EACCES", "EMFILE", "ENOSPC", "EROFS"} <= set(tally.counts)
    assert tally.violations == []


def test_calls_may_fail_while_runs_are_published_and_released(base, folder):
    tally = Tally("inject")
    with tracing.zygote(folder / "whole", tracing.HEAVY) as zygote:
        injecting.inject(
            tally, zygote, base.copied, base.root, bases.publishing(), folder, of_whole
        )
    assert tally.points == len(WHOLE)
    assert tally.violations == []
