"""Three writers, a releaser and readers together, while processes are killed at random."""

from __future__ import annotations

from . import soaking
from .trial import Tally

SECONDS = 30


def test_no_reader_is_given_a_mixture_and_nothing_is_lost(bare, folder):
    tally = Tally("soak")
    soaking.soak(tally, bare.root, folder, SECONDS, kills_a_second=5, with_gc=True)
    assert tally.violations == []
    assert tally.counts["kills"] > 20
    assert tally.counts["acknowledged"] > 50
    assert tally.counts["reads over HTTP"] > 200
