"""Every named place of the protocol: a process that dies there is followed by one that goes on."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from typing import get_args

import pytest

from moulouya.storage import crashpoints

from . import auditor, bases
from .places import nothing

IN_A_BUCKET = ("after_claim", "after_first_upload", "after_upload")
IN_A_PORTAL = ("reader_after_head", "reader_after_check")
KEPT = {"keep_releases": 1, "keep_releases_days": 0}


def script(name: str) -> list[list[str]]:
    """Work that comes by a place."""
    if name == "after_stage_write":
        return bases.publishing()
    if name.startswith("gc_"):
        return [["gc"]]
    return [*bases.light_script(), ["read"]]


@pytest.mark.parametrize(
    "name",
    [
        n
        for n in crashpoints.CRASHPOINTS
        if n not in (*IN_A_BUCKET, *IN_A_PORTAL) and not n.startswith("backup_")
    ],
)
def test_who_dies_there_loses_nothing_and_another_goes_on(zygote, bare, base, folder, name):
    lake, root = nothing(folder / "named"), bare.root
    if name == "after_stage_write":
        lake, root = base.copied(lake), base.root
    if name.startswith("gc_"):
        assert zygote.run(lake, root, bases.light_script(runs=5)).code == 0
        made = int(time.time())
        while int(time.time()) == made:  # ages are counted in whole seconds
            time.sleep(0.05)
    steps = script(name)
    died = zygote.run(lake, root, steps, abort_at=name, settings=KEPT)
    assert died.code == -9, died.printed
    assert auditor.audit(lake, died.acks) == []
    again = zygote.run(lake, root, steps, settings=KEPT)
    assert again.code == 0, again.printed
    assert auditor.audit(lake, died.acks + again.acks) == []


def test_the_environment_names_the_place(bare, folder):
    lake = nothing(folder / "environment")
    code = (
        "import sys; from pathlib import Path; from moulouya.storage.lake import open_lake\n"
        "lake = open_lake(Path(sys.argv[1])); lake.put_new(lake.log / '1', b'{}')"
    )
    environment = {**os.environ, "MOULOUYA_ABORT_AT": "after_log_write"}
    done = subprocess.run([sys.executable, "-c", code, lake], env=environment, check=False)
    assert done.returncode == -9
    assert not (lake / "log/1").exists()


def test_places_of_buckets_and_portals_are_the_only_ones_left_to_others():
    assert set(get_args(crashpoints.Crashpoint)) > {*IN_A_BUCKET, *IN_A_PORTAL}
