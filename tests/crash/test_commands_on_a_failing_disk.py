"""Commands that meet an error of the disk say what and where, and do their work the next time."""

from __future__ import annotations

import pytest

from . import commanding, injecting
from .trial import Tally

pytestmark = pytest.mark.usefixtures("traceable")

# Of each command some calls by what they are about; the long campaign tries more.
COMMANDS = {
    "status": (("getdents64", "/datasets/slug"), ("read", "/datasets/slug/#/version.json")),
    "verify": (
        ("read", "/releases/#/serving.duckdb"),
        ("getdents64", "/ledger/#/#/#"),
        ("newfstatat", "/datasets/slug/#/tombstone.json"),
    ),
    "release": (("getdents64", "/datasets"), ("newfstatat", "/restoring.json")),
}


def test_commands_say_plainly_what_could_not_be_read_and_do_it_the_next_time(folder):
    tally = Tally("commands")
    with commanding.desk(folder / "desk", COMMANDS) as desk:
        for name, kinds in COMMANDS.items():
            commanding.inject(
                tally, desk, name, lambda points, kinds=kinds: injecting.first(points, kinds)
            )
    assert tally.points == sum(map(len, COMMANDS.values()))
    assert tally.violations == []
