"""The whole publication, with DuckDB and the real catalogue, killed at any call."""

from __future__ import annotations

import json
import os
import subprocess
import sys

import pytest

from . import auditor, bases, killing
from .trial import Tally

pytestmark = pytest.mark.usefixtures("traceable")


def test_killed_while_runs_are_published_and_released(zygote, base, folder):
    tally = Tally("kill")
    killing.kill(tally, zygote, base.copied, base.root, bases.publishing(), 18, folder)
    assert tally.points >= 16
    assert tally.violations == []


@pytest.mark.parametrize("call", [("rename", 3), ("link", 1)])
def test_the_command_line_goes_on_after_a_kill(base, folder, call):
    lake = base.copied(folder / "commanded")
    name, nth = call
    command = [sys.executable, "-c", "from moulouya.cli import app; app()"]
    options = ["--json", "--lake", str(lake), "--workspace", str(base.root)]
    run = [*command, "run", "--all", *options]
    trace = ["strace", "-f", "-qq", "-o", "/dev/null", "-e", f"trace={name}",
             "-e", f"inject={name}:signal=KILL:when={nth}"]  # fmt: skip
    environment = {**os.environ, "MOULOUYA_STATE": f"{lake}.state"}
    killed = subprocess.run(
        [*trace, *run], env=environment, capture_output=True, text=True, check=False
    )
    assert killed.returncode == -9, killed.stdout + killed.stderr
    assert auditor.audit(lake) == []
    done = subprocess.run(run, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    answered = json.loads(done.stdout)
    assert {one["outcome"] for one in answered["runs"]} <= {"published", "unchanged"}
    assert auditor.audit(lake, [{"step": "release", **answered["release"]}]) == []
    assert (lake / "datasets/communes/2/version.json").exists()
    assert not (lake / "datasets/communes/3").exists()
