"""Calls that fail: the publisher stops, says why and what to do, and nothing is half-done."""

from __future__ import annotations

import pytest

from . import bases, killing
from .places import nothing
from .trial import Tally

pytestmark = pytest.mark.usefixtures("traceable")


def test_any_call_may_fail_while_versions_and_releases_are_committed(zygote, bare, folder):
    tally = Tally("inject")
    killing.inject(tally, zygote, nothing, bare.root, bases.light_script(), 64, folder)
    assert tally.points >= 60
    assert set(killing.HINTED) <= set(tally.counts)
    assert tally.violations == []


def test_any_call_may_fail_while_runs_are_published_and_released(zygote, base, folder):
    tally = Tally("inject")
    killing.inject(tally, zygote, base.copied, base.root, bases.publishing(), 18, folder)
    assert tally.violations == []
