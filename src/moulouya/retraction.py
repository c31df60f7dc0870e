"""Taking back what was published: one version, or everything since an earlier release.

Nothing is deleted and no number is used again: a release is committed that leaves the versions
out, and what was published before them shows again.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

import pyarrow.parquet as pq

from moulouya import publication, released, workspace
from moulouya.catalogue.tables import file_name
from moulouya.errors import LakeError, UsageError, did_you_mean
from moulouya.ledger import now, stamp
from moulouya.release import Change, Release, Withdrawal
from moulouya.settings import Settings
from moulouya.storage.lake import Lake, open_lake

TOMBSTONE = "tombstone.json"


@dataclass(frozen=True)
class Shown:
    """A dataset that shows another version since; None where it is not in the catalogue."""

    slug: str
    before: int | None
    after: int | None


@dataclass(frozen=True)
class Made:
    """A published version that was made from one that was taken back."""

    slug: str
    version: int
    input: str
    input_version: int


@dataclass(frozen=True)
class Retracted:
    """What was committed: the release, the versions, what shows instead, and what is stale now."""

    release: int
    since: int
    versions: list[tuple[str, int]]
    shown: list[Shown]
    made_from: list[Made]

    def to_json(self) -> dict[str, Any]:
        """For programs."""
        versions = [{"slug": slug, "version": number} for slug, number in self.versions]
        return {**asdict(self), "versions": versions}


def withdraw(
    settings: Settings, slug: str, number: int, *, by: str, reason: str, erase: bool = False
) -> Retracted:
    """Take back one version; the newest one left shows again, or the dataset leaves the catalogue.

    ``erase`` has its data deleted by the next ``moulouya gc``, too. Raises UsageError when there is
    no such version, or when it is withdrawn already.
    """
    lake, before = _opened(settings)
    _require_version(lake, slug, number)
    known = before.gone.withdrawn.get((slug, number))
    if known is not None and (known.erase or not erase):
        raise UsageError(
            f"version {number} of {slug} was withdrawn on {known.withdrawn[:10]} by {known.by}: "
            f"{known.reason}",
            hint=f"moulouya withdraw {slug} {number} --undo shows it again",
        )
    if number in before.gone.expired.versions.get(slug, ()):
        raise UsageError(f"version {number} of {slug} has expired and shows nowhere",
                         hint="there is nothing to take back")  # fmt: skip
    taken = Withdrawal(slug, number, by, _said(reason), stamp(now()), erase)
    note = {"action": "withdraw", "slug": slug, "version": number, "by": by, "reason": reason}
    return _commit(settings, lake, before, Change(withdraw=[taken], note=note), [(slug, number)])


def reinstate(settings: Settings, slug: str, number: int, *, by: str, reason: str) -> Retracted:
    """Publish a withdrawn version again, unless its data have been erased."""
    lake, _ = _opened(settings)
    _require_version(lake, slug, number)
    with lake.locked("collection"):  # nothing is erased meanwhile
        before = _newest(lake)
        if (slug, number) not in before.gone.withdrawn:
            withdrawn = [str(n) for name, n in before.gone.withdrawn if name == slug]
            raise UsageError(
                f"version {number} of {slug} is not withdrawn",
                hint=f"withdrawn are {', '.join(withdrawn)}" if withdrawn else "none of it is",
            )
        lake.refresh(lake.version(slug, number))
        if (lake.version(slug, number) / TOMBSTONE).exists():
            raise UsageError(
                f"the data of version {number} of {slug} were erased",
                hint="restore it from a backup, or publish the delivery anew",
            )
        note = {"action": "reinstate", "slug": slug, "version": number, "by": by,
                "reason": _said(reason)}  # fmt: skip
        change = Change(reinstate=[(slug, number)], note=note)
        return _commit(settings, lake, before, change, [(slug, number)])


def rollback(settings: Settings, to: int | None = None, *, by: str, reason: str) -> Retracted:
    """Take back every version that is newer than those of a release, by default the one before.

    What comes later is published as ever. Raises UsageError when there is nothing newer.
    """
    lake, before = _opened(settings)
    target = _target(lake, before, to)
    shown = {slug: entry["version"] for slug, entry in target.manifest["datasets"].items()}
    gone = before.gone.by_slug()
    lake.refresh(lake.datasets)
    newer = [
        (slug, number)
        for slug in lake.names(lake.datasets)
        for number in lake.numbers_here(lake.versions(slug))
        if number > shown.get(slug, 0) and number not in gone.get(slug, ())
    ]
    if not newer:
        raise UsageError(
            f"nothing is newer than release {target.number}",
            hint="an older one: moulouya rollback --to N; one version: moulouya withdraw",
        )
    at, why = stamp(now()), _said(reason)
    note = {"action": "rollback", "to": target.number, "by": by, "reason": why}
    taken = [Withdrawal(slug, number, by, why, at) for slug, number in newer]
    return _commit(settings, lake, before, Change(withdraw=taken, note=note), newer)


def _opened(settings: Settings) -> tuple[Lake, Release]:
    lake = open_lake(settings)
    return lake, _newest(lake)


def _newest(lake: Lake) -> Release:
    newest = released.current(lake, verify=False)
    if newest is None:
        raise UsageError("there is no release yet", hint="moulouya run --all")
    return newest


def _said(reason: str) -> str:
    if not reason.strip():
        raise UsageError("a reason is needed: everybody who cited the data will read it",
                         hint="--reason TEXT")  # fmt: skip
    return reason.strip()


def _require_version(lake: Lake, slug: str, number: int) -> None:
    slugs = lake.names(lake.datasets)
    if slug not in slugs:
        raise UsageError(
            f"{slug} was never published{did_you_mean(slug, slugs)}", hint="moulouya status"
        )
    numbers = lake.numbers(lake.versions(slug))
    if number not in numbers:
        raise UsageError(
            f"{slug} has no version {number}",
            hint=f"it has {', '.join(map(str, numbers)) or 'none'}",
        )


def _target(lake: Lake, newest: Release, to: int | None) -> Release:
    """The release to go back to."""
    earlier = [number for number in lake.numbers(lake.log) if number < newest.number]
    if to is None:
        for number in reversed(earlier):
            if not released.is_void(lake, number):
                return released.read(lake, number, verify=False)
        raise UsageError("there is no release before this one", hint="moulouya withdraw")
    if to not in earlier:
        raise UsageError(
            f"release {to} is not before the newest, {newest.number}",
            hint=f"--to 1 … {newest.number - 1}" if earlier else "it is the only one",
        )
    try:
        return released.read(lake, to, verify=False)
    except LakeError as error:
        raise UsageError(error.message, hint="another one: moulouya rollback --to N") from error


def _commit(
    settings: Settings,
    lake: Lake,
    before: Release,
    change: Change,
    versions: list[tuple[str, int]],
) -> Retracted:
    region = workspace.load(settings.workspace_root).region
    made, _ = publication.commit(settings, lake, region, change)
    old, new = before.manifest["datasets"], made.manifest["datasets"]
    shown = [
        Shown(slug, old.get(slug, {}).get("version"), new.get(slug, {}).get("version"))
        for slug in sorted({*old, *new})
    ]
    return Retracted(
        release=made.number,
        since=before.number,
        versions=versions,
        shown=[one for one in shown if one.before != one.after],
        made_from=_made_from(lake, made) if change.withdraw else [],
    )


def _made_from(lake: Lake, made: Release) -> list[Made]:
    """The published versions that were made from versions that are withdrawn."""
    gone = made.gone.withdrawn
    inputs = pq.read_table(lake.local(made.path / file_name("inputs")))
    return [
        Made(row["slug"], row["version"], row["input"], row["input_version"])
        for row in inputs.to_pylist()
        if (row["input"], row["input_version"]) in gone
    ]
