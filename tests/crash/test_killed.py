"""A publisher that is killed at any call loses nothing that it said, and another one goes on."""

from __future__ import annotations

import shutil

import pytest

from . import auditor, bases, killing, tracing
from .places import nothing
from .trial import Tally

pytestmark = pytest.mark.usefixtures("traceable")


def test_killed_at_any_call_while_versions_and_releases_are_committed(zygote, bare, folder):
    tally = Tally("kill")
    killing.kill(tally, zygote, nothing, bare.root, bases.light_script(), 44, folder)
    assert tally.points >= 40
    assert tally.violations == []


def test_a_file_that_is_not_in_the_lake_any_more_is_found_by_the_auditor(zygote, bare, folder):
    lake = nothing(folder / "audited")
    ended = zygote.run(lake, bare.root, bases.light_script())
    assert auditor.audit(lake, ended.acks) == []
    shutil.rmtree(lake / "datasets/a/1")
    (lake / "log/2").chmod(0o644)
    (lake / "log/2").write_bytes((lake / "log/2").read_bytes().replace(b"2", b"3"))
    found = auditor.audit(lake, ended.acks)
    for said in ("acknowledged a 1 is lost", "release 1 names a 1, which is missing", "log/2 says"):
        assert any(said in problem for problem in found), (said, found)


def test_a_publisher_that_forgot_to_look_for_its_own_run_would_be_found(zygote, bare, folder):
    lake = nothing(folder / "doubled")
    zygote.run(lake, bare.root, [["light", "a", "one"]])
    record = lake / "datasets/a/1/version.json"
    twin = shutil.copytree(lake / "datasets/a/1", lake / "datasets/a/2")
    (twin / "version.json").chmod(0o644)
    (twin / "version.json").write_bytes(record.read_bytes().replace(b'n": 1', b'n": 2', 1))
    assert any("I6: run one committed" in problem for problem in auditor.audit(lake))


def test_strace_sees_every_call_of_the_publisher(zygote, bare, folder):
    lake = nothing(folder / "seen")
    _, calls = tracing.record(zygote, lake, bare.root, bases.light_script())
    names = {call.name for call in tracing.relevant(calls, lake)}
    assert {"openat", "write", "fsync", "rename", "link", "mkdir", "unlink"} <= names
