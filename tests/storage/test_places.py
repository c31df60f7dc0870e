"""What holds for a lake wherever it is: in a folder, or in a bucket."""

from __future__ import annotations

import json
from pathlib import Path

from moulouya.storage.files import canonical_json
from moulouya.storage.lake import Lake, look_into, open_lake

SEAL = "version.json"


def draft(lake: Lake, name: str, content: str = "x") -> Path:
    folder = lake.scratch(name)
    folder.mkdir(parents=True)
    (folder / "a.csv").write_text(content)
    (folder / SEAL).write_bytes(canonical_json({"files": [], "content": content}))
    return folder


def test_a_lake_is_created_once_and_opened_from_every_host(lake_place):
    lake = open_lake(lake_place.settings())
    assert json.loads((lake.root / "FORMAT").read_text())["format"] == 1
    other = look_into(lake_place.settings("other"))
    assert (other.root / "FORMAT").read_bytes() == (lake.root / "FORMAT").read_bytes()


def test_what_one_host_commits_another_reads(lake_place):
    lake = open_lake(lake_place.settings())
    assert lake.commit_next(draft(lake, "one", "first"), lake.versions("a"), SEAL) == 1
    other = look_into(lake_place.settings("other"))
    assert other.names(other.datasets) == ["a"]
    assert other.numbers(other.versions("a")) == [1]
    assert other.local(other.version("a", 1) / "a.csv").read_text() == "first"


def test_numbers_follow_each_other_over_hosts(lake_place):
    hosts = [open_lake(lake_place.settings(name)) for name in ("one", "two", "one")]
    numbers = [
        lake.commit_next(draft(lake, f"r{n}"), lake.versions("a"), SEAL)
        for n, lake in enumerate(hosts)
    ]
    assert numbers == [1, 2, 3]


def test_a_name_that_is_taken_is_never_replaced(lake_place):
    lake = open_lake(lake_place.settings())
    target = lake.version("a", 1)
    assert lake.commit(draft(lake, "one", "first"), target, SEAL)
    second = draft(lake, "two", "second")
    assert not lake.commit(second, target, SEAL)
    assert lake.local(target / "a.csv").read_text() == "first"
    assert (second / "a.csv").read_text() == "second"


def test_a_record_is_created_once(lake_place):
    lake = open_lake(lake_place.settings())
    assert lake.put_new(lake.log / "1", b'{"n": 1}\n')
    assert not lake.put_new(lake.log / "1", b'{"n": 2}\n')
    other = look_into(lake_place.settings("other"))
    assert other.numbers(other.log) == [1]
    assert (other.log / "1").read_bytes() == b'{"n": 1}\n'
