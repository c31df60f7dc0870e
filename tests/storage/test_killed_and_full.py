"""A process that is killed, or a disk that is full: nothing half-written is ever visible."""

from __future__ import annotations

import json
import os
import resource
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from moulouya import catalogue, pipeline, release, verification, versions
from moulouya.settings import Settings
from moulouya.storage.lake import Lake
from small_workspace import ROWS, SmallWorkspace, rows_of

# Publishes a prepared run and commits a release; dies right before or after the k-th call that
# gives something its name. Great Expectations is not needed after validation.
CHILD = """
import os, signal, sys
from pathlib import Path

before, limit, done = sys.argv[1] == "before", int(sys.argv[2]), 0

def deadly(real):
    def call(*arguments, **more):
        global done
        done += 1
        if before and done == limit:
            os.kill(os.getpid(), signal.SIGKILL)
        result = real(*arguments, **more)
        if not before and done == limit:
            os.kill(os.getpid(), signal.SIGKILL)
        return result
    return call

for name in ("rename", "replace", "link", "mkdir", "unlink"):
    setattr(os, name, deadly(getattr(os, name)))

from moulouya import catalogue, release, versions, workspace
from moulouya.settings import Settings
from moulouya.storage.lake import open_lake

settings = Settings(workspace=Path(sys.argv[3]), lake=Path(sys.argv[4]), threads=1)
region, dataset = workspace.load_one(settings.workspace_root, "communes")
lake = open_lake(settings)
scratch = lake.scratch("killed")
with lake.locked("datasets-communes"):
    previous = versions.latest(lake, "communes")
    report = {"success": True, "checks": []}
    draft = versions.prepare(dataset, scratch / "table.parquet", scratch / "version",
                             region=region, validation=report, previous=previous,
                             settings=settings)
    versions.finish(draft, run_id="killed", interval=None, region=region, snapshots=[], inputs={},
                    rejected=0, previous=previous, settings=settings)
    versions.commit(lake, "communes", scratch / "version")
release.commit(lake, region, settings.public_url, catalogue.build)
print("calls", done)
"""


@pytest.fixture
def ready(workspace: SmallWorkspace) -> SmallWorkspace:
    """Release 1 is committed; a run stands before its publication with a changed table."""
    workspace.define("communes")
    workspace.run()
    pipeline.release(workspace.settings)
    scratch = workspace.lake.scratch("killed")
    scratch.mkdir(parents=True)
    import duckdb

    with duckdb.connect() as con:
        con.execute(
            "COPY (SELECT code, name, people + 1 AS people FROM read_parquet("
            f"'{workspace.lake.version('communes', 1)}/communes.parquet')) "
            f"TO '{scratch}/table.parquet' (FORMAT parquet)"
        )
    return workspace


def publish_in_child(workspace: SmallWorkspace, lake: Path, when: str, limit: int) -> int | None:
    """Run the child on a lake; the calls it made, or None when it was killed."""
    done = subprocess.run(
        [sys.executable, "-c", CHILD, when, str(limit), workspace.root, lake],
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    if done.returncode == -signal.SIGKILL:
        return None
    assert done.returncode == 0, done.stderr
    return int(done.stdout.split()[-1])


def assert_whole(lake: Lake) -> None:
    """The current release verifies and everything that is visible is complete."""
    current = release.current(lake)
    assert current is not None
    assert verification.verify(lake).problems == []
    for number in lake.numbers(lake.versions("communes")):
        version = versions.read(lake, "communes", number)
        assert len(rows_of(version.table)) == 3
        there = {path.name for path in version.path.iterdir()} - {"recipe.json"}
        assert {file["name"] for file in version.record["files"]} | {"version.json"} == there
    for slug, dataset in current.manifest["datasets"].items():
        assert lake.version(slug, dataset["version"]).is_dir()


def test_killed_at_any_moment_the_earlier_release_stands_and_a_new_run_finishes(ready, tmp_path):
    calls = publish_in_child(ready, shutil.copytree(ready.lake.root, tmp_path / "whole"), "no", 0)
    assert calls is not None
    assert calls > 8
    points = [("before", calls), ("after", calls)]
    points += [("before", k) for k in range(1, calls, max(1, calls // 9))]
    for number, (when, limit) in enumerate(points):
        lake = Lake(shutil.copytree(ready.lake.root, tmp_path / f"lake{number}"))
        assert publish_in_child(ready, lake.root, when, limit) is None, (when, limit)
        assert_whole(lake)
        settings = Settings(workspace=ready.root, lake=lake.root, state=tmp_path / "state")
        made, _ = release.commit(lake, ready.region, settings.public_url, catalogue.build)
        assert_whole(lake)
        expected = lake.latest(lake.versions("communes"))
        assert made.manifest["datasets"]["communes"]["version"] == expected


def test_a_run_after_a_killed_one_publishes(ready):
    (ready.lake.scratch("killed") / "version").mkdir()
    (ready.lake.scratch("killed") / "version" / "communes.parquet").write_bytes(b"PAR1half")
    ready.data("communes", ROWS.replace("100", "101"))
    assert ready.outcome("communes") == "published"
    assert pipeline.release(ready.settings)["release"] == 2
    assert_whole(ready.lake)


def test_a_lock_of_a_killed_process_is_free(ready):
    code = (
        "import os, signal, sys; from pathlib import Path; "
        "from moulouya.storage.lake import open_lake\n"
        "with open_lake(Path(sys.argv[1])).locked('release'):\n"
        "    os.kill(os.getpid(), signal.SIGKILL)\n"
    )
    done = subprocess.run([sys.executable, "-c", code, ready.lake.root], check=False)
    assert done.returncode == -signal.SIGKILL
    assert pipeline.release(ready.settings)["outcome"] == "unchanged"


@pytest.fixture
def small_files():
    """A limit on the size of every file this process writes, as a full disk would set one."""
    old = resource.getrlimit(resource.RLIMIT_FSIZE)
    handler = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)

    def limit(size: int) -> None:
        resource.setrlimit(resource.RLIMIT_FSIZE, (size, old[1]))

    yield limit
    resource.setrlimit(resource.RLIMIT_FSIZE, old)
    signal.signal(signal.SIGXFSZ, handler)


@pytest.mark.parametrize("size", [300, 3_000, 100_000])
def test_a_write_that_is_refused_fails_the_run_and_the_next_one_finishes(ready, small_files, size):
    ready.data("communes", ROWS.replace("100", "101"))
    small_files(size)
    (record,) = ready.run()
    assert (record["outcome"], record["error"]["code"]) == ("failed", "lake"), record["error"]
    assert record["error"]["exit_code"] == 3
    small_files(resource.RLIM_INFINITY)
    assert_whole(ready.lake)
    assert versions.latest(ready.lake, "communes").number == 1
    assert ready.outcome("communes") == "published"
    assert pipeline.release(ready.settings)["release"] == 2
    assert_whole(ready.lake)


FULL = """
mount -t tmpfs -o size=32m none "$1" || exit 77
cp -r "$2/." "$1" || exit 1
head -c 64m /dev/zero > "$1/filler" 2>/dev/null
"$3" -m moulouya.cli.main release --json --lake "$1" --workspace "$4"
echo "exit $?"
rm "$1/filler"
"$3" -c 'import sys; from pathlib import Path; from moulouya import release
from moulouya.storage.lake import open_lake
print("current", release.current(open_lake(Path(sys.argv[1]))).number)' "$1"
"""


def test_a_full_disk_is_told_plainly_and_the_earlier_release_is_intact(ready, tmp_path):
    if shutil.which("unshare") is None or os.geteuid() != 0:
        pytest.skip("needs root and unshare to mount a small disk")
    ready.data("communes", ROWS.replace("100", "101"))
    assert ready.outcome("communes") == "published"
    (tmp_path / "disk").mkdir()
    command = FULL.replace("-m moulouya.cli.main", "-c 'from moulouya.cli import app; app()'")
    done = subprocess.run(
        ["unshare", "-m", "sh", "-c", command, "sh", tmp_path / "disk", ready.lake.root,
         sys.executable, ready.root],
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    if done.returncode == 77 or "Operation not permitted" in done.stderr:
        pytest.skip("mounting a small disk is not allowed here")
    assert done.returncode == 0, done.stderr
    answer, rest = done.stdout.split("exit ", 1)
    error = json.loads(answer)["error"]
    assert (error["code"], error["exit_code"]) == ("lake", 3)
    assert "disk is full" in error["hint"]
    assert rest.split() == ["3", "current", "1"]
