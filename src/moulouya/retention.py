"""Retention: what expires, and how it is cleared away without a reader or a citation noticing late.

The expiry is committed first, as a release of its own; then readers are asked for (their leases);
then files are deleted, data before records. Whoever dies in between leaves a lake that says what
is gone, and the next one goes on. What a version was stays known: its records are kept, with a
``tombstone.json`` that says by which rule its data went.
"""

from __future__ import annotations

import datetime as dt
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from moulouya import gates, ledger, publication, release, versions, workspace
from moulouya.definition.dataset import Retention
from moulouya.ledger import now, stamp
from moulouya.release import Change, Release
from moulouya.released import is_void
from moulouya.settings import Settings
from moulouya.storage import leases
from moulouya.storage.crashpoints import reached
from moulouya.storage.files import (
    canonical_json,
    checked_json,
    listed,
    read_bytes,
    read_json,
    there,
)
from moulouya.storage.lake import Lake, look_into, open_lake
from moulouya.workspace import Workspace

TOMBSTONE = "tombstone.json"
# File name patterns of what stays: of a version its records, since its data are what is large.
OF_A_VERSION = ("*.json",)
OF_A_RELEASE = ("manifest.json",)
OF_A_DELIVERY = ("snapshot.json", TOMBSTONE)
OF_WHAT_IS_ERASED = ("version.json", TOMBSTONE)


@dataclass
class Collected:
    """What a collection expires, and what it deleted of it (or would)."""

    release: int | None = None
    releases: list[int] = field(default_factory=list)
    versions: dict[str, list[int]] = field(default_factory=dict)
    waiting: list[int] = field(default_factory=list)
    files: int = 0
    bytes: int = 0

    def to_json(self) -> dict[str, Any]:
        """For programs."""
        return asdict(self)


def collect(settings: Settings, *, dry_run: bool = False) -> Collected:
    """Expire what is beyond its policy, and delete what has expired and nobody reads.

    A dataset that is in the workspace no more keeps the policy of its newest version. Can be
    repeated at any time, also after being killed. Raises LakeError and DefinitionError.
    """
    loaded = workspace.load(settings.workspace_root)
    lake = look_into(settings) if dry_run else open_lake(settings)
    found = Collected()
    if dry_run:
        newest = release.current(lake, verify=False)
        return _what_would_go(lake, newest, settings, loaded, found) if newest else found
    # Under the lock, so that nothing that is about to be erased is reinstated meanwhile.
    with lake.locked("collection"):
        newest = release.current(lake, verify=False)
        if newest is not None:
            newest = _expire(lake, settings, loaded, newest)
            reached("gc_after_expiry")
            found.release = newest.number
            _delete(lake, newest, policies(lake, loaded), found)
        _clear_quarantine(lake, settings, found)
        lake.sweep()
    return found


def policies(lake: Lake, loaded: Workspace) -> dict[str, Retention]:
    """The policy of every dataset in the lake: the workspace's, else its newest version's."""
    found = {slug: dataset.definition.retention for slug, dataset in loaded.datasets.items()}
    for slug in lake.names(lake.datasets):
        if slug not in found:
            newest = versions.latest(lake, slug)
            recorded = newest.record["definition"].get("retention") if newest else None
            found[slug] = Retention.model_validate(recorded or {})
    return found


def _releases_before(lake: Lake, newest: Release, settings: Settings) -> int:
    """The oldest release whose files are kept: within the number, or within the days."""
    limit = now() - dt.timedelta(days=settings.keep_releases_days)
    first = release.expired(newest).releases_before
    keep = max(newest.number - settings.keep_releases + 1, 1)
    while first < keep and _moment(read_json(lake.log / str(first))["created"]) < limit:
        first += 1
    return first


def _versions_due(
    lake: Lake, newest: Release, before: int, loaded: Workspace
) -> dict[str, list[int]]:
    """The versions beyond their policy that no kept release shows."""
    shown: dict[str, set[int]] = {}
    for number in range(before, newest.number + 1):
        for slug, entry in _datasets(lake, number).items():
            shown.setdefault(slug, set()).add(entry["version"])
    gone = release.expired(newest).versions
    due = {}
    for slug, policy in policies(lake, loaded).items():
        if policy.forever:
            continue
        numbers = [n for n in lake.numbers(lake.versions(slug)) if n not in gone.get(slug, [])]
        kept = {*numbers[-(policy.versions or 1) :], *shown.get(slug, ())}
        beyond = [n for n in numbers if n not in kept and _old_enough(lake, slug, n, policy)]
        if beyond:
            due[slug] = beyond
    return due


def _old_enough(lake: Lake, slug: str, number: int, policy: Retention) -> bool:
    if policy.period is None:
        return True
    created = versions.read(lake, slug, number).record["created"]
    return _moment(created) < now() - policy.period


def _expire(lake: Lake, settings: Settings, loaded: Workspace, newest: Release) -> Release:
    """Say in a release of its own what expires; nothing is deleted before that is durable."""
    before = _releases_before(lake, newest, settings)
    due = _versions_due(lake, newest, before, loaded)
    if before - release.expired(newest).releases_before < 2 and not due:
        return newest  # it would take a release to clear one away
    change = Change(expire_versions=due, expire_releases_before=before)
    made, _ = publication.commit(settings, lake, loaded.region, change)
    return made


def erase(lake: Lake, newest: Release, found: Collected | None = None) -> None:
    """Delete what was withdrawn for good; ``newest`` is the release that says so."""
    found = found or Collected()
    read_now = _read_now(lake, leases.held(lake))
    for (slug, number), withdrawal in release.withdrawn(newest).items():
        is_there = there(lake.version(slug, number) / "version.json")
        if withdrawal.erase and is_there and (slug, number) not in read_now:
            _bury(lake, newest, slug, number, "withdrawn", found)
            _forget_deliveries(lake, slug, number, found)


def _read_now(lake: Lake, in_use: set[int]) -> set[tuple[str, int]]:
    """The versions in releases that somebody reads."""
    return {
        (slug, entry["version"])
        for number in in_use
        for slug, entry in _datasets(lake, number).items()
    }


def _delete(lake: Lake, newest: Release, by_slug: dict[str, Retention], found: Collected) -> None:
    gone = release.expired(newest)
    in_use = leases.held(lake)
    reached("gc_after_lease_scan")
    read_now = _read_now(lake, in_use)
    for number in lake.numbers(lake.releases):
        if number < newest.number and is_void(lake, number):
            _remove_files(lake, lake.release(number), (), found)
            lake.remove(lake.release(number))
    for number in range(1, gone.releases_before):
        if number in in_use:
            found.waiting.append(number)
        elif _remove_files(lake, lake.release(number), OF_A_RELEASE, found):
            found.releases.append(number)
    for slug, numbers in gone.versions.items():
        for number in numbers:
            if (slug, number) not in read_now:
                _bury(lake, newest, slug, number, "retention", found)
                if by_slug[slug].snapshots == "with_versions":
                    _forget_deliveries(lake, slug, number, found)
    erase(lake, newest, found)
    reached("gc_after_last_delete")


def _bury(lake: Lake, newest: Release, slug: str, number: int, why: str, found: Collected) -> None:
    """Leave a tombstone, then delete the data of a version."""
    folder = lake.version(slug, number)
    lake.refresh(folder)
    erased = why == "withdrawn"
    if not there(folder / TOMBSTONE):
        entry = newest.manifest["datasets"].get(slug)
        stone = {
            "format": 1, "slug": slug, "version": number, "why": why, "release": newest.number,
            "expired": stamp(now()), "successor": entry["version"] if entry else None,
        }  # fmt: skip
        lake.put_new(folder / TOMBSTONE, checked_json(stone))
    record = read_json(folder / "version.json")
    if erased:
        _blank(lake, folder, record)
    kept = OF_WHAT_IS_ERASED if erased else OF_A_VERSION
    if _remove_files(lake, folder, kept, found):
        found.versions.setdefault(slug, []).append(number)


def _blank(lake: Lake, folder: Path, record: dict[str, Any]) -> None:
    """Take the values out of an erased version's record: the lowest and the highest are data."""
    columns = [{**column, "min": None, "max": None} for column in record["columns"]]
    blank = canonical_json({**record, "columns": columns, "erased": True})
    if read_json(folder / "version.json") != {**record, "columns": columns, "erased": True}:
        lake.write(folder / "version.json", blank)


def _forget_deliveries(lake: Lake, slug: str, number: int, found: Collected) -> None:
    """Delete the bytes of deliveries that no version with data was made of."""
    needed = {
        one["number"]
        for other in lake.numbers(lake.versions(slug))
        if other != number and not there(lake.version(slug, other) / TOMBSTONE)
        for one in versions.read(lake, slug, other).record["snapshots"]
    }
    for one in versions.read(lake, slug, number).record["snapshots"]:
        if one["number"] not in needed:
            folder = lake.snapshots(slug) / str(one["number"])
            stone = read_bytes(lake.version(slug, number) / TOMBSTONE)
            lake.put_new(folder / TOMBSTONE, stone)
            _remove_files(lake, folder, OF_A_DELIVERY, found)


def _remove_files(lake: Lake, folder: Path, kept: tuple[str, ...], found: Collected) -> bool:
    """Remove everything of a directory but the named records; True when there was anything."""
    removed = False
    for path in lake.files(folder):
        if path.parent == folder and any(path.match(one) for one in kept):
            continue
        found.bytes += lake.size(path)
        found.files += 1
        lake.remove(path)
        if not removed:
            reached("gc_after_first_delete")
        removed = True
    return removed


def _clear_quarantine(lake: Lake, settings: Settings, found: Collected) -> None:
    """Remove decided deliveries and reports of failed runs once their days are over."""
    limit = now() - dt.timedelta(days=settings.keep_held_days)
    for slug in lake.names(lake.root / "quarantine"):
        decided = {one.run_id: one.decision for one in gates.pending(lake, slug)}
        for run_id in lake.names(lake.quarantine(slug)):
            folder = lake.quarantine(slug) / run_id
            ended = _ended(lake, folder, decided.get(run_id), held=run_id in decided)
            if ended is not None and ended < limit:
                _remove_files(lake, folder, (), found)
                lake.remove(folder)


def _ended(
    lake: Lake, folder: Path, decision: dict[str, str] | None, *, held: bool
) -> dt.datetime | None:
    """When a quarantined delivery was decided or a run failed; None while somebody must decide."""
    if held:
        return _moment(decision["decided"]) if decision else None
    record = listed(lake.ledger, f"*/*/*/{folder.name}.json")
    run = ledger.read(record[0]) if record else None
    return _moment(run["ended"]) if run is not None else None


def _what_would_go(
    lake: Lake, newest: Release, settings: Settings, loaded: Workspace, found: Collected
) -> Collected:
    before = _releases_before(lake, newest, settings)
    found.release = newest.number
    found.releases = list(range(release.expired(newest).releases_before, before))
    found.versions = _versions_due(lake, newest, before, loaded)
    gone: list[tuple[Path, tuple[str, ...]]] = [
        (lake.release(number), OF_A_RELEASE) for number in found.releases
    ]
    gone += [
        (lake.version(slug, number), OF_A_VERSION)
        for slug, numbers in found.versions.items()
        for number in numbers
    ]
    for folder, kept in gone:
        for path in lake.files(folder):
            if not any(path.match(one) for one in kept):
                found.files += 1
                found.bytes += lake.size(path)
    return found


def _datasets(lake: Lake, number: int) -> dict[str, dict[str, Any]]:
    """What a release shows; nothing for a number that was never a release."""
    if is_void(lake, number):
        return {}
    lake.refresh(lake.release(number))
    path = lake.release(number) / "manifest.json"
    return dict(read_json(path)["datasets"]) if there(path) else {}


def _moment(text: str) -> dt.datetime:
    return dt.datetime.fromisoformat(text)
