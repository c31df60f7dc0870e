"""Releases: the whole catalogue as of one moment, committed by one entry of the log.

A release is a function of the committed dataset versions, of what was withdrawn or has expired,
of region.yml and of the public address. Its commit is the put-if-absent of ``log/<n>``; what has
no entry there was never published. Publishers that meet at one number lose nothing: one takes it,
the others look again at what there is and take the next.
"""

from __future__ import annotations

import random
import secrets
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from importlib.metadata import version as library_version
from pathlib import Path
from typing import Any

from moulouya import __version__, versions
from moulouya.errors import Conflict, LakeError
from moulouya.ledger import now, stamp
from moulouya.region import Region
from moulouya.released import SAID_TWICE, VOID, Release, current, read, require
from moulouya.storage.conflicts import attempts
from moulouya.storage.crashpoints import reached
from moulouya.storage.files import (
    canonical_json,
    checked_json,
    finished,
    read_json,
    remove_tree,
    sha256_of,
    there,
    told_plainly,
    write_file,
)
from moulouya.storage.lake import Lake
from moulouya.versions import Version
from moulouya.withdrawals import Change, Expired, Gone, Withdrawal, newest_left

__all__ = [
    "Change",
    "Plan",
    "Release",
    "Withdrawal",
    "commit",
    "current",
    "expired",
    "plan",
    "read",
    "require",
    "void",
    "withdrawn",
]

# How long the owner of a release's directory may take to write its entry before the number is
# made void. Safety does not rest on it: an owner who comes later finds the number taken.
PATIENCE = 2.0
NOTHING = Change()


@dataclass(frozen=True)
class Plan:
    """What a release is made of, before it is built.

    ``fresh`` are the versions that the release before did not show; ``changed`` are the datasets
    about which it said something else. Every other dataset can be taken over from it.
    """

    lake: Lake
    number: int
    public_url: str
    region: dict[str, Any]
    datasets: dict[str, dict[str, Any]]
    gone: Gone
    note: Mapping[str, Any] | None
    last: Release | None
    fresh: dict[str, Version]
    changed: frozenset[str]

    @property
    def content(self) -> dict[str, Any]:
        """The part that decides whether a release differs from the one before."""
        return {
            "public_url": self.public_url,
            "region": self.region,
            "datasets": self.datasets,
            **self.gone.to_json(),
        }

    @property
    def start(self) -> Release | None:
        """The release before, where the tables of this one can start from its tables."""
        if self.last is None:
            return None
        said = self.last.manifest
        settled = (said["public_url"], said["region"], said.get("libraries"))
        return self.last if settled == (self.public_url, self.region, libraries()) else None

    def version(self, slug: str) -> Version:
        """The version of a dataset that the release shows."""
        found = self.fresh.get(slug)
        return found or versions.read(self.lake, slug, self.datasets[slug]["version"])


Build = Callable[[Plan, Path], None]


def libraries() -> dict[str, str]:
    """What decides, besides the lake, what the tables of a release say."""
    return {"moulouya": __version__, "duckdb": library_version("duckdb")}


def withdrawn(of: Lake | Release) -> dict[tuple[str, int], Withdrawal]:
    """What is withdrawn, by dataset and version, as a release or the newest of a lake says."""
    return _gone(of).withdrawn


def expired(of: Lake | Release) -> Expired:
    """What has expired, as a release or the newest of a lake says."""
    return _gone(of).expired


def _gone(of: Lake | Release) -> Gone:
    release = of if isinstance(of, Release) else current(of, verify=False)
    return release.gone if release is not None else Gone()


def plan(lake: Lake, region: Region, public_url: str, change: Change = NOTHING) -> Plan:
    """The next release as the committed versions and the list of what is gone make it.

    Only versions that the release before did not show are read. Raises LakeError where the log has
    holes.
    """
    last = current(lake, verify=False)
    _require_whole_log(lake)
    before = last.gone if last is not None else Gone()
    gone = before.after(change)
    was, is_gone = before.by_slug(), gone.by_slug()
    lake.refresh(lake.datasets)
    committed = {slug: lake.numbers_here(lake.versions(slug)) for slug in lake.names(lake.datasets)}
    known = last.manifest["datasets"] if last is not None else {}
    datasets, fresh = {}, {}
    for slug, number in newest_left(committed, is_gone).items():
        if slug in known and known[slug]["version"] == number:
            datasets[slug] = known[slug]
            continue
        fresh[slug] = versions.read(lake, slug, number)
        datasets[slug] = _entry(fresh[slug])
    return Plan(
        lake=lake,
        number=(lake.latest(lake.log) or 0) + 1,
        public_url=public_url.rstrip("/"),
        region=region.model_dump(mode="json"),
        datasets=datasets,
        gone=gone,
        note=change.note,
        last=last,
        fresh=fresh,
        changed=frozenset(
            slug for slug in datasets if slug in fresh or was.get(slug) != is_gone.get(slug)
        ),
    )


def _require_whole_log(lake: Lake) -> None:
    """Refuse to go on with a log of which entries are missing: a backup may still have them."""
    numbers = lake.numbers_here(lake.log)
    missing = sorted(set(range(1, len(numbers) + 1)) - set(numbers))
    if missing:
        named = ", ".join(map(str, missing[:5]))
        raise LakeError(f"{lake.log} lacks the entries {named}: something was deleted there",
                        hint="moulouya verify, then moulouya restore")  # fmt: skip


def _entry(version: Version) -> dict[str, Any]:
    """What a manifest says of a dataset."""
    return {
        "theme": version.record["theme"],
        "version": version.number,
        "rows": version.record["rows"],
        "version_sha256": sha256_of(version.path / "version.json"),
        "files": version.record["files"],
    }


def commit(
    lake: Lake, region: Region, public_url: str, build: Build, *, change: Change = NOTHING
) -> tuple[Release, bool]:
    """Build and commit the next release; returns it and whether it is new.

    Nothing is committed when the newest release already says the same. ``build`` writes the
    catalogue's files into the directory it is given. Raises Conflict when other publishers took
    every number that was tried for.
    """
    writer = secrets.token_hex(8)
    # The lock saves work that would be done in vain; only the log decides who commits.
    with lake.locked("release"), told_plainly("committing the release"):
        return attempts()(_attempt, lake, region, public_url, build, change, writer)


def _attempt(
    lake: Lake, region: Region, public_url: str, build: Build, change: Change, writer: str
) -> tuple[Release, bool]:
    planned = plan(lake, region, public_url, change)
    if planned.last is not None and _same(planned.last, planned):
        # Whoever committed it may have died before it was safe from a power cut.
        lake.settle(lake.log)
        reached("before_ack")
        return planned.last, False
    if planned.last is None and not planned.datasets:
        raise LakeError("no dataset has been published yet", hint="moulouya run --all")
    for slug in planned.fresh:
        lake.settle(lake.versions(slug))
    scratch = lake.scratch(f"release-{planned.number}-{writer}")
    remove_tree(scratch)
    scratch.mkdir(parents=True)
    try:
        with _building(scratch, lake):
            build(planned, scratch)
            reached("after_catalogue_build")
            entry = _seal(scratch, planned, writer)
        reached("after_manifest_write")
        if not lake.commit(scratch, lake.release(planned.number), "manifest.json"):
            raise _overtaken(lake, planned.number, writer)
    finally:
        remove_tree(scratch)
    reached("after_release_rename")
    if not _put(lake, entry):
        # Whoever made the number void took this process for dead; no entry names the directory.
        lake.remove(lake.release(planned.number))
        raise Conflict(f"the number {planned.number} was made void meanwhile",
                       hint="moulouya release")  # fmt: skip
    reached("before_ack")
    return read(lake, planned.number, verify=False), True


@contextmanager
def _building(scratch: Path, lake: Lake) -> Iterator[None]:
    """See that what goes wrong names a place: a database does not always say which file failed."""
    try:
        with told_plainly(f"building {scratch}"):
            yield
    except LakeError as error:
        if type(error) is not LakeError or str(lake.root) in error.message:
            raise
        raise LakeError(f"building {scratch}: {error.message}", hint=error.hint) from error


def _same(newest: Release, planned: Plan) -> bool:
    said = {**newest.manifest, **newest.gone.to_json()}
    return {name: said[name] for name in planned.content} == planned.content


def _seal(scratch: Path, planned: Plan, writer: str) -> dict[str, Any]:
    """Write the manifest: every dataset version and file of the release with its hash.

    Returns the entry of the log that commits it. The manifest says what the entry says, so that no
    part of the newest entry can be changed unnoticed.
    """
    entry = _entry_of_log(planned.lake, planned.number, "release", writer)
    files = [
        {"name": path.name, "bytes": path.stat().st_size, "sha256": sha256_of(path)}
        for path in finished(scratch)
    ]
    manifest = {
        "format": 1,
        "release": planned.number,
        **{name: entry[name] for name in SAID_TWICE},
        "libraries": libraries(),
        **planned.content,
        "note": planned.note,
        "files": files,
    }
    write_file(scratch / "manifest.json", canonical_json(manifest))
    return {**entry, "manifest_sha256": sha256_of(scratch / "manifest.json")}


def _overtaken(lake: Lake, number: int, writer: str) -> Conflict:
    """Deal with a directory that somebody else made: wait for its log entry, but not for ever.

    Who made it may have died before the entry. Nothing of it is touched: the number is made void
    by an entry of our own, which whoever comes late finds there, and is never used again.
    """
    waited = time.monotonic() + PATIENCE
    while time.monotonic() < waited:
        if number in lake.numbers(lake.log):
            return Conflict(f"release {number} was committed meanwhile", hint="moulouya release")
        time.sleep(random.uniform(0.02, 0.1))  # noqa: S311  # jitter
    _put(lake, _entry_of_log(lake, number, VOID, writer))
    return Conflict(f"release {number} was begun and never committed", hint="moulouya release")


def void(lake: Lake, note: Mapping[str, Any]) -> int:
    """Give up the next number of the log for ever, with a note that says why; returns it."""
    number = (lake.latest(lake.log) or 0) + 1
    entry = _entry_of_log(lake, number, VOID, secrets.token_hex(8))
    if not _put(lake, {**entry, "note": dict(note)}):
        raise Conflict(f"release {number} was committed meanwhile", hint="moulouya verify")
    return number


def _entry_of_log(lake: Lake, number: int, kind: str, writer: str) -> dict[str, Any]:
    """An entry of the log, which continues the one before."""
    previous = lake.log / str(number - 1)
    if number > 1 and not there(previous):
        raise LakeError(f"{previous} is missing from the log", hint="moulouya verify")
    return {
        "format": 1,
        "kind": kind,
        "release": number,
        "manifest_sha256": None,
        "previous_sha256": sha256_of(previous) if number > 1 else None,
        "created": stamp(now()),
        "writer": writer,
    }


def _put(lake: Lake, entry: dict[str, Any]) -> bool:
    """Write an entry of the log; False when another one has the number."""
    path = lake.log / str(entry["release"])
    if lake.put_new(path, checked_json(entry)):
        return True
    # Over a network, an answer may be lost and its request repeated: then the entry is ours.
    lake.refresh(lake.log)
    return bool(read_json(path) == entry)
