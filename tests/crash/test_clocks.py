"""Clocks that jump, and the change of Morocco's clocks: order comes from numbers alone."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from . import auditor, bases, places, tracing
from .places import nothing

LIBRARIES = sorted(Path("/usr/lib").glob("*/faketime/libfaketime.so.1"))
RAMADAN = "@2027-02-07 01:59:58"


@pytest.fixture(autouse=True)
def _fakeable() -> None:
    places.needed(None if LIBRARIES else "needs libfaketime (apt-get install faketime)")


def publish(workspace: Path, lake: Path, script: list[list[str]], folder: Path, clock: str):
    """Run a publisher of its own under a clock; its acknowledgements."""
    acks = folder / f"acks-{len(list(folder.glob('acks-*')))}"
    job = {"lake": str(lake), "workspace": str(workspace), "script": script, "acks": str(acks)}
    (folder / "job.json").write_text(json.dumps(job))
    environment = {**os.environ, "LD_PRELOAD": str(LIBRARIES[0]), "FAKETIME": clock,
                   "TZ": "Africa/Casablanca"}  # fmt: skip
    done = subprocess.run([sys.executable, tracing.PUBLISHER, folder / "job.json"],
                          env=environment, capture_output=True, text=True, check=False)  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
    return tracing.read_acks(acks)


def test_versions_and_releases_follow_each_other_whatever_the_clock_says(bare, folder):
    lake, told = nothing(folder / "jumping"), []
    for number, clock in enumerate(["+0", "+1d", "-1h", "-1d", "+1h"]):
        script = [["light", "a", f"a-{number}"], ["light-release"]]
        told += publish(bare.root, lake, script, folder, clock)
    assert [ack["version"] for ack in told if ack["step"] == "version"] == [1, 2, 3, 4, 5]
    assert [ack["release"] for ack in told if ack["step"] == "release"] == [1, 2, 3, 4, 5]
    assert auditor.audit(lake, told) == []


def test_a_publication_while_the_clocks_of_ramadan_change(base, folder):
    lake = base.copied(folder / "ramadan")
    told = publish(base.root, lake, bases.publishing(), folder, RAMADAN)
    assert [ack["step"] for ack in told] == ["published", "published", "release"]
    assert auditor.audit(lake, told) == []
    record = json.loads((lake / "datasets/communes/2/version.json").read_bytes())
    assert record["created"].startswith("2027-02-07T0")
    assert record["created"].endswith("Z")
