"""Writers of one bucket that meet, die, sleep, or are lied to."""

from __future__ import annotations

import json
import os
import re
import shutil
import signal
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from moulouya import pipeline, verification, versions
from moulouya.storage import claims
from moulouya.storage.bucket import BucketLake
from moulouya.storage.files import canonical_json
from moulouya.storage.lake import Lake, look_into, open_lake
from small_workspace import ROWS

SEAL = "version.json"
# Commits one directory of files that all say who wrote them, at one number.
WRITER = """
import os
import signal
import sys
from moulouya.settings import Settings
from moulouya.storage import claims
from moulouya.storage.bucket import BucketLake
from moulouya.storage.files import canonical_json
from moulouya.storage.lake import open_lake

claims.BEAT, claims.SILENT, claims.LOOK = 0.2, 3.0, 0.1
name, number, asleep = sys.argv[1], int(sys.argv[2]), sys.argv[3:] == ["asleep"]
lake = open_lake(Settings())
real = BucketLake._send


def send(*arguments):
    real(*arguments)
    if asleep:
        os.kill(os.getpid(), signal.SIGSTOP)  # the whole process, its heartbeat too


BucketLake._send = send
scratch = lake.scratch(name)
scratch.mkdir(parents=True)
for file in range(5):
    (scratch / f"{file}.csv").write_text(name)
(scratch / "version.json").write_bytes(canonical_json({"files": [], "writer": name}))
print("ready", flush=True)
sys.stdin.readline()
print(lake.commit(scratch, lake.version("a", number), "version.json"), flush=True)
"""


@pytest.fixture(autouse=True)
def _short_silence(monkeypatch):
    """Dead after 3 s, not 20; the store's clock counts whole seconds."""
    monkeypatch.setattr(claims, "BEAT", 0.2)
    monkeypatch.setattr(claims, "SILENT", 3.0)
    monkeypatch.setattr(claims, "LOOK", 0.1)


class Writer:
    """A process that is one host, ready to commit a number of dataset ``a``."""

    def __init__(self, place, name: str, number: int, *more: str, abort_at: str = "") -> None:
        self.process = subprocess.Popen(
            [sys.executable, "-c", WRITER, name, str(number), *more],
            env={**place.environment(name), "MOULOUYA_ABORT_AT": abort_at},
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
        )  # fmt: skip
        assert self.process.stdout.readline() == "ready\n"

    def go(self) -> None:
        """Let it commit."""
        self.process.stdin.write("go\n")
        self.process.stdin.flush()

    def answer(self) -> str:
        """What its commit returned; empty when it died before."""
        said, _ = self.process.communicate(timeout=60)
        return said.strip()


def seen(lake: Lake, number: int) -> tuple[str, set[str]]:
    """Who sealed a version, and who wrote its files."""
    folder = lake.version("a", number)
    files = {lake.local(path).read_text() for path in lake.files(folder) if path.suffix == ".csv"}
    return json.loads(lake.local(folder / SEAL).read_bytes())["writer"], files


def draft(lake: Lake, name: str) -> Path:
    scratch = lake.scratch(name)
    scratch.mkdir(parents=True)
    for file in range(5):
        (scratch / f"{file}.csv").write_text(name)
    (scratch / SEAL).write_bytes(canonical_json({"files": [], "writer": name}))
    return scratch


def test_of_eight_writers_at_one_number_one_wins_and_no_file_of_another_is_mixed_in(bucket):
    writers = {f"w{n}": Writer(bucket, f"w{n}", 1) for n in range(8)}
    for writer in writers.values():
        writer.go()
    won = [name for name, writer in writers.items() if writer.answer() == "True"]
    assert len(won) == 1
    lake = look_into(bucket.settings())
    assert lake.numbers(lake.versions("a")) == [1]
    assert seen(lake, 1) == (won[0], {won[0]})


@pytest.mark.parametrize("moment", ["after_claim", "after_first_upload", "after_upload"])
def test_the_number_of_a_killed_writer_is_given_up_and_never_used_again(bucket, moment):
    dead = Writer(bucket, "dead", 1, abort_at=moment)
    dead.go()
    assert dead.answer() == ""
    assert dead.process.returncode == -signal.SIGKILL
    lake = open_lake(bucket.settings())
    assert lake.numbers(lake.versions("a")) == []
    assert not lake.commit(draft(lake, "next"), lake.version("a", 1), SEAL)
    assert lake.is_void(lake.version("a", 1))
    assert lake.free(lake.versions("a")) == 2
    assert lake.commit_next(lake.scratch("next"), lake.versions("a"), SEAL) == 2
    for reader in (lake, look_into(bucket.settings("other"))):
        assert reader.numbers(reader.versions("a")) == [2]
        assert seen(reader, 2) == ("next", {"next"})
        assert not reader.local(reader.version("a", 1) / SEAL).exists()


def test_a_writer_that_was_killed_after_its_seal_has_committed(bucket):
    dead = Writer(bucket, "dead", 1, abort_at="after_rename")
    dead.go()
    assert dead.answer() == ""
    lake = look_into(bucket.settings())
    assert lake.numbers(lake.versions("a")) == [1]
    assert seen(lake, 1) == ("dead", {"dead"})


def test_a_writer_that_slept_until_it_was_given_up_cannot_commit_when_it_wakes(bucket):
    lake = open_lake(bucket.settings())
    asleep = Writer(bucket, "asleep", 1, "asleep")
    asleep.go()
    _, status = os.waitpid(asleep.process.pid, os.WUNTRACED)
    assert os.WIFSTOPPED(status)
    assert not lake.commit(draft(lake, "next"), lake.version("a", 1), SEAL)
    os.kill(asleep.process.pid, signal.SIGCONT)
    assert asleep.answer() == "False"
    assert lake.is_void(lake.version("a", 1))
    assert lake.commit_next(lake.scratch("next"), lake.versions("a"), SEAL) == 2
    assert lake.numbers(lake.versions("a")) == [2]


def test_a_writer_that_lives_is_waited_for(bucket, monkeypatch):
    """It uploads for longer than a dead one is given."""
    lake, other = open_lake(bucket.settings("one")), open_lake(bucket.settings("two"))
    real, results = BucketLake._send, []

    def slow(self, scratch, folder, files):
        monkeypatch.setattr(BucketLake, "_send", real)
        rival = threading.Thread(
            target=lambda: results.append(other.commit(draft(other, "b"), target, SEAL))
        )
        target = other.version("a", 1)
        rival.start()
        rival.join(6)
        assert rival.is_alive(), "the rival gave up a writer that lives"
        real(self, scratch, folder, files)
        threads.append(rival)

    threads: list[threading.Thread] = []
    monkeypatch.setattr(BucketLake, "_send", slow)
    assert lake.commit(draft(lake, "a"), lake.version("a", 1), SEAL)
    threads[0].join(30)
    assert results == [False]
    assert seen(other, 1) == ("a", {"a"})


RUN = """
import sys
from moulouya import pipeline
from moulouya.settings import Settings
from moulouya.storage import claims

claims.BEAT, claims.SILENT, claims.LOOK = 0.2, 3.0, 0.1
settings = Settings()
(record,) = pipeline.run(settings, ["communes"])
print(record["outcome"], record["version"], record["error"])
print(pipeline.release(settings)["release"])
"""


def test_two_hosts_that_run_a_dataset_at_once_publish_two_versions_in_order(bucket):
    workspace = bucket.workspace()
    workspace.define("communes")
    workspace.run()
    hosts = []
    for name, people in (("one", "111"), ("two", "222")):
        own = shutil.copytree(workspace.root, bucket.folder / name)
        (own / "data/communes.csv").write_text(ROWS.replace("100", people))
        environment = bucket.environment(name) | {"MOULOUYA_WORKSPACE": str(own)}
        hosts.append(subprocess.Popen([sys.executable, "-c", RUN], env=environment,
                                      stdout=subprocess.PIPE, text=True))  # fmt: skip
    said = [host.communicate(timeout=120)[0] for host in hosts]
    ended = sorted(re.findall(r"^(?:published|unchanged) .*", "".join(said), re.MULTILINE))
    lake = look_into(bucket.settings("third"))
    second = versions.read(lake, "communes", 2)
    if ended == ["published 2 None", "unchanged 2 None"]:
        # Who fetched first came last: an older delivery does not replace a newer one.
        assert second.record["snapshots"][-1]["number"] == 3
    else:
        assert ended == ["published 2 None", "published 3 None"], said
        third = versions.read(lake, "communes", 3)
        assert third.record["previous"] == 2
        assert {one.record["snapshots"][-1]["number"] for one in (second, third)} == {2, 3}
    assert pipeline.release(bucket.settings())["datasets"] == 1
    assert verification.verify(lake).problems == []
