"""The working copy of a lake on S3: filled when asked, shared, and never believed blindly."""

from __future__ import annotations

import shutil
import subprocess
import sys
from hashlib import sha256
from pathlib import Path

import pytest
from unruly import proxy_of

from moulouya.errors import LakeError
from moulouya.storage.bucket import BucketLake
from moulouya.storage.files import canonical_json
from moulouya.storage.lake import Lake, look_into, open_lake

SEAL = "version.json"
CONTENT = "code\n" * 1000


def publish(lake: Lake, content: str = CONTENT, slug: str = "a") -> Path:
    """Commit a version of one data file; its directory."""
    scratch = lake.scratch(f"{slug}-{len(content)}")
    scratch.mkdir(parents=True)
    (scratch / "a.csv").write_text(content)
    listed = {
        "name": "a.csv",
        "bytes": len(content),
        "sha256": sha256(content.encode()).hexdigest(),
    }
    (scratch / SEAL).write_bytes(canonical_json({"format": 1, "files": [listed]}))
    number = lake.commit_next(scratch, lake.versions(slug), SEAL)
    return lake.version(slug, number)


@pytest.fixture
def lake(bucket) -> BucketLake:
    return open_lake(bucket.settings())


@pytest.fixture
def other(bucket, lake) -> BucketLake:
    """The lake as another host sees it: its working copy is empty."""
    return look_into(bucket.settings("other"))


def at(lake: Lake, folder: Path) -> Path:
    """The same directory as another host addresses it."""
    return lake.root / "datasets" / folder.parent.name / folder.name


def test_data_come_only_when_they_are_asked_for(lake, other):
    there = at(other, publish(lake))
    assert other.numbers(other.versions("a")) == [1]
    assert (there / SEAL).exists()
    assert not (there / "a.csv").exists()
    assert other.local(there / "a.csv").read_text() == CONTENT
    assert (there / "a.csv").exists()


def test_the_uploader_keeps_its_own_files(bucket, lake, monkeypatch):
    path = publish(lake) / "a.csv"
    monkeypatch.setattr(BucketLake, "_fetch", lambda *_: pytest.fail("it was fetched"))
    assert lake.local(path).read_text() == CONTENT
    assert path.stat().st_mode & 0o222 == 0


@pytest.mark.parametrize("damage", [CONTENT[:-1], CONTENT.replace("o", "p", 1), ""])
def test_a_damaged_file_is_fetched_again(bucket, other, lake, damage):
    path = at(other, publish(lake)) / "a.csv"
    other.local(path)
    path.unlink()
    path.write_text(damage)
    assert look_into(bucket.settings("other")).local(path).read_text() == CONTENT


@pytest.mark.parametrize("damage", [b"", b'{"format": 1, "fil'])
def test_a_torn_record_is_fetched_again(lake, other, damage):
    there = at(other, publish(lake))
    other.numbers(other.versions("a"))
    (there / SEAL).unlink()
    (there / SEAL).write_bytes(damage)
    assert other.local(there / "a.csv").read_text() == CONTENT
    assert b"sha256" in (there / SEAL).read_bytes()


def test_a_working_copy_that_is_gone_comes_back(lake, other):
    there = at(other, publish(lake))
    other.local(there / "a.csv")
    shutil.rmtree(other.root / "datasets")
    assert other.numbers(other.versions("a")) == [1]
    assert other.local(there / "a.csv").read_text() == CONTENT


def test_damage_in_the_bucket_is_never_handed_out(lake, other):
    there = publish(lake)
    lake.objects.put("datasets/a/1/a.csv", b"other bytes")
    with pytest.raises(LakeError, match=r"datasets/a/1/a\.csv is damaged") as caught:
        other.local(at(other, there) / "a.csv")
    assert "restore" in caught.value.hint
    assert lake.digest(there / "a.csv") == (11, sha256(b"other bytes").hexdigest())


def test_records_distrusted_after_a_start_of_the_host_are_fetched_again(bucket, lake, other):
    there = at(other, publish(lake))
    other.numbers(other.versions("a"))
    (there / SEAL).unlink()
    (there / SEAL).write_bytes(b"\0" * 10)
    (other.root / "BOOT").write_text("another start")
    again = look_into(bucket.settings("other"))
    assert again.numbers(again.versions("a")) == [1]
    assert b"sha256" in (there / SEAL).read_bytes()


def test_what_has_a_number_is_asked_for_once(bucket, lake, monkeypatch):
    publish(lake)
    with proxy_of(bucket.endpoint) as proxy:
        monkeypatch.setenv("AWS_ENDPOINT_URL", proxy.address)
        reader = look_into(bucket.settings("reader"))
        path = reader.version("a", 1) / "a.csv"
        reader.numbers(reader.versions("a"))
        reader.local(path)
        before = len(proxy.asked)
        reader.local(path)
        reader.local(path.with_name(SEAL))
        assert proxy.asked[before:] == []
        reader.numbers(reader.versions("a"))
        assert len(proxy.asked) == before + 1


def test_what_was_removed_from_the_bucket_goes_from_every_host(lake, other):
    first, second = publish(lake), publish(lake, CONTENT + "more")
    other.local(at(other, first) / "a.csv")
    other.local(at(other, second) / "a.csv")
    lake.remove(first)
    lake.remove(second / "a.csv")
    assert other.numbers(other.versions("a")) == [2]
    assert not at(other, first).exists()
    other.refresh(at(other, second))
    assert not (at(other, second) / "a.csv").exists()


def test_a_record_that_was_replaced_is_read_anew(lake, other):
    for said in (b'{"n": 1}\n', b'{"n": 2}\n'):
        lake.write(lake.versions("a") / "seen.json", said)
        other.refresh(other.versions("a"))
        assert (other.versions("a") / "seen.json").read_bytes() == said


def test_a_bucket_put_back_to_an_earlier_state_is_noticed(lake, other):
    for number in (1, 2, 3):
        lake.put_new(lake.log / str(number), b'{"n": %d}\n' % number)
    assert other.numbers(other.log) == [1, 2, 3]
    lake.objects.delete(["log/2", "log/3"])
    assert other.numbers(other.log) == [1]
    lake.objects.put("log/2", b'{"n": "another"}\n')
    assert other.numbers(other.log) == [1, 2]
    assert (other.log / "2").read_bytes() == b'{"n": "another"}\n'


def test_the_ledger_comes_by_days_and_replaced_records_too(lake, other):
    for day in ("18", "19", "20", "21"):
        lake.write(lake.ledger / "2026/11" / day / "run.json", b'{"slug": "a"}\n')
    other.refresh(other.ledger)
    lake.write(lake.ledger / "2026/11/21/run.json", b'{"slug": "a", "again": 1}\n')
    lake.write(lake.ledger / "2026/11/22/run.json", b'{"slug": "b"}\n')
    other.refresh(other.ledger)
    found = sorted(path.parent.name for path in other.ledger.glob("*/*/*/*.json"))
    assert found == ["18", "19", "20", "21", "22"]
    assert b"again" in (other.ledger / "2026/11/21/run.json").read_bytes()


READER = """
import sys
from moulouya.settings import Settings
from moulouya.storage.lake import look_into

lake = look_into(Settings())
for number in lake.numbers(lake.versions("a")):
    path = lake.version("a", number) / "a.csv"
    assert len(lake.local(path).read_text()) == int(sys.argv[1]), number
print("good")
"""


def test_processes_of_one_host_share_a_working_copy(bucket, lake):
    for _ in range(5):
        publish(lake)
        shutil.rmtree(lake.scratch("a-5000"), ignore_errors=True)
    readers = [
        subprocess.Popen([sys.executable, "-c", READER, str(len(CONTENT))],
                         env=bucket.environment("shared"), stdout=subprocess.PIPE, text=True)
        for _ in range(4)
    ]  # fmt: skip
    assert [reader.communicate(timeout=60)[0] for reader in readers] == ["good\n"] * 4
