"""A release is decided by the committed versions and what was taken back, by nothing else."""

from __future__ import annotations

import json
import tempfile
from pathlib import Path
from unittest import mock

import made_up
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from moulouya import release, retraction
from moulouya.errors import UsageError
from moulouya.settings import Settings
from moulouya.storage.files import sha256_of
from moulouya.storage.lake import Lake
from moulouya.withdrawals import Change, Gone, Withdrawal, newest_left
from small_workspace import REGION, SmallWorkspace

SLUGS = ("cercles", "communes", "wells")
SLUG, NUMBER = st.sampled_from(SLUGS), st.integers(1, 4)
STEPS = st.lists(
    st.one_of(
        st.tuples(st.just("publish"), SLUG),
        st.tuples(st.just("release")),
        st.tuples(st.just("withdraw"), SLUG, NUMBER, st.booleans()),
        st.tuples(st.just("reinstate"), SLUG, NUMBER),
        st.tuples(st.just("rollback"), st.one_of(st.none(), st.integers(1, 8))),
    ),
    min_size=4,
    max_size=14,
)


class Told:
    """What the steps say, kept as plainly as can be: sets of versions, and what releases showed."""

    def __init__(self) -> None:
        self.committed: set[tuple[str, int]] = set()
        self.withdrawn: set[tuple[str, int]] = set()
        self.releases: list[dict[str, int]] = []

    @property
    def shows(self) -> dict[str, int]:
        left = self.committed - self.withdrawn
        return {slug: max(n for s, n in left if s == slug) for slug in {s for s, _ in left}}


@settings(max_examples=40, deadline=None, suppress_health_check=list(HealthCheck))
@given(STEPS)
def test_whatever_happens_in_which_order_a_release_shows_what_stands(steps):
    with tempfile.TemporaryDirectory() as folder, mock.patch("moulouya.catalogue.build",
                                                             made_up.build):  # fmt: skip
        given = Settings(workspace=Path(folder) / "workspace", lake=Path(folder) / "lake")
        workspace = SmallWorkspace(given.workspace_root, given)
        workspace.write_yaml("region.yml", REGION)
        told = Told()
        for name, *rest in steps:
            _do(workspace, told, name, *rest)
            _check(workspace.lake, told)


def _do(workspace: SmallWorkspace, told: Told, name: str, *rest: object) -> None:
    lake, given = workspace.lake, workspace.settings
    before = told.shows, set(told.withdrawn)
    try:
        if name == "publish":
            told.committed.add((str(rest[0]), made_up.version(lake, str(rest[0]))))
            return
        if name == "release":
            if not (told.committed or told.releases):
                return
            release.commit(lake, workspace.region, given.public_url, made_up.build)
        elif name == "withdraw":
            slug, number, erase = rest
            retraction.withdraw(given, slug, number, by="Salma", reason="wrong", erase=erase)
            told.withdrawn.add((slug, number))
        elif name == "reinstate":
            retraction.reinstate(given, *rest, by="Salma", reason="right")
            told.withdrawn.remove(tuple(rest))
        else:
            to = rest[0] or len(told.releases) - 1
            newer = {
                (slug, number)
                for slug, number in told.committed - told.withdrawn
                if 0 < to < len(told.releases) and number > told.releases[to - 1].get(slug, 0)
            }
            retraction.rollback(given, rest[0], by="Salma", reason="wrong")
            assert newer
            told.withdrawn |= newer
    except UsageError:
        assert (told.shows, told.withdrawn) == before
        return
    number = lake.latest(lake.log)
    if number == len(told.releases) + 1:
        told.releases.append(told.shows)


def _check(lake: Lake, told: Told) -> None:
    numbers = lake.numbers(lake.log)
    assert numbers == list(range(1, len(told.releases) + 1))
    for number, shown in enumerate(told.releases, 1):
        manifest = release.read(lake, number).manifest
        assert {slug: one["version"] for slug, one in manifest["datasets"].items()} == shown
        entry = json.loads((lake.log / str(number)).read_text())
        assert entry["previous_sha256"] == (
            sha256_of(lake.log / str(number - 1)) if number > 1 else None
        )
    if told.releases:
        assert set(release.withdrawn(lake)) == told.withdrawn


VERSIONS = st.dictionaries(SLUG, st.sets(st.integers(1, 9)))


@given(VERSIONS, VERSIONS, st.sets(st.tuples(SLUG, st.integers(1, 9))), st.randoms())
def test_the_order_in_which_versions_went_does_not_matter(committed, expired, withdrawn, random):
    changes = [
        *(Change(withdraw=[Withdrawal(slug, n, "Salma", "wrong", "")]) for slug, n in withdrawn),
        *(Change(expire_versions={slug: sorted(ns)}) for slug, ns in expired.items()),
    ]
    lists = []
    for _ in range(2):
        random.shuffle(changes)
        gone = Gone()
        for change in changes:
            gone = gone.after(change)
        lists.append(gone)
    assert lists[0] == lists[1] == Gone.of(json.loads(json.dumps(lists[0].to_json())))
    every = {slug: sorted(numbers) for slug, numbers in committed.items()}
    shown = newest_left(every, lists[0].by_slug())
    for slug, numbers in committed.items():
        left = numbers - expired.get(slug, set()) - {n for s, n in withdrawn if s == slug}
        assert shown.get(slug) == max(left, default=None)
