"""Publishers that meet: the log has no gap, and nothing that was published is lost."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from moulouya import release, verification
from moulouya.errors import Conflict
from moulouya.storage import conflicts
from small_workspace import SmallWorkspace

HERE = Path(__file__).parent
COMMITS = 20
# Each publishes and releases in turns; without a lock they meet at the log itself.
COMMITTER = """
import sys, time
from contextlib import nullcontext
from pathlib import Path
from moulouya import release, workspace
from moulouya.storage.lake import Lake, open_lake
import made_up

root, slug, locked = Path(sys.argv[1]), sys.argv[2], sys.argv[3] == "locked"
if not locked:
    Lake.locked = lambda self, name: nullcontext()
lake, region = open_lake(root / "lake"), workspace.load(root / "workspace").region
(root / f"ready-{slug}").touch()
while len(list(root.glob("ready-*"))) < 2:
    time.sleep(0.01)
for _ in range(int(sys.argv[4])):
    number = made_up.version(lake, slug)
    made, _ = release.commit(lake, region, "http://x", made_up.build)
    assert made.manifest["datasets"][slug]["version"] >= number
    print("acknowledged", slug, number, made.number, flush=True)
"""


def start(root: Path, slug: str, lock: str) -> subprocess.Popen[str]:
    arguments = [sys.executable, "-c", COMMITTER, str(root), slug, lock, str(COMMITS)]
    return subprocess.Popen(arguments, cwd=HERE, stdout=subprocess.PIPE, text=True)


@pytest.mark.parametrize("lock", ["locked", "without a lock"])
def test_two_processes_lose_nothing(workspace: SmallWorkspace, tmp_path, lock):
    lake = workspace.lake
    processes = [start(tmp_path, slug, lock) for slug in ("cercles", "communes")]
    said = [process.communicate()[0] for process in processes]
    assert [process.returncode for process in processes] == [0, 0]
    numbers = lake.numbers(lake.log)
    assert numbers == list(range(1, len(numbers) + 1))
    newest = release.current(lake)
    shown = {slug: one["version"] for slug, one in newest.manifest["datasets"].items()}
    assert shown == {"cercles": COMMITS, "communes": COMMITS}
    for line in "".join(said).splitlines():
        _, slug, number, committed = line.split()
        manifest = release.read(lake, int(committed)).manifest
        assert manifest["datasets"][slug]["version"] >= int(number)
    assert verification.verify(lake).problems == []


def test_what_meets_others_every_time_gives_up_at_last(monkeypatch):
    monkeypatch.setattr("tenacity.nap.time.sleep", lambda _: None)
    met = []

    def always() -> None:
        met.append(1)
        raise Conflict("taken")

    with pytest.raises(Conflict, match="taken"):
        conflicts.attempts()(always)
    assert len(met) == conflicts.ATTEMPTS
