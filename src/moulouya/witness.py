"""The witness: what this host has seen of a lake, kept outside it.

A lake cannot know that it was replaced by an older state of itself: a backup put back, a snapshot
of a disk, a bucket rolled back. Numbers that the public has seen would be given a second time. So
the state folder remembers, for every lake by its mark, the newest entry of the log that was seen;
nothing is published into a lake that does not have it.
"""

from __future__ import annotations

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import structlog

from moulouya import released
from moulouya.errors import LakeError
from moulouya.settings import Settings
from moulouya.storage.files import (
    checked_json,
    read_json,
    replace_file,
    sha256_of,
    told_plainly,
)
from moulouya.storage.lake import Lake

HINT = (
    "moulouya restore SRC --repair brings back what a newer backup has; moulouya restore --accept "
    "goes on without what is lost"
)
# What the note of a void entry says that stands for a number which a restore has lost.
ACCEPTED = "restore"
RESTORING = "restoring.json"
log = structlog.get_logger("moulouya")


@dataclass(frozen=True)
class Seen:
    """The newest entry of a log that was seen, where, and the highest versions by then."""

    place: str
    release: int
    sha256: str
    versions: dict[str, int]


def recalled(settings: Settings, lake: Lake) -> Seen | None:
    """What this host has seen of a lake; None of one that is new to it or has no mark."""
    identity = lake.identity()
    return _read(_path(settings, identity)) if identity is not None else None


def remember(settings: Settings, lake: Lake, number: int) -> None:
    """Note a release that was committed or is served, and all versions that it knows.

    It is never put back to an earlier one. A release stays published where the note cannot be
    written: then the log of this process says so.
    """
    try:
        _note(settings, lake, number, forward=True)
    except LakeError as error:
        log.warning("the release was not noted", release=number, reason=error.message)


def replace(settings: Settings, lake: Lake, number: int) -> None:
    """Note an entry in place of the one that was seen: a person has accepted it."""
    _note(settings, lake, number, forward=False)


def doubt(settings: Settings, lake: Lake) -> str | None:
    """Why the lake is not the one that was seen, or not all of it; None when it is."""
    if lake.appeared(lake.root / RESTORING):
        return f"{lake.place} is being restored, or its restore was interrupted"
    seen = recalled(settings, lake)
    if seen is None:
        return None
    newest = lake.latest(lake.log) or 0
    if newest < seen.release:
        return (
            f"{lake.place} ends with entry {newest} of its log, but entry {seen.release} was seen: "
            "an older state of it was put back"
        )
    path = lake.log / str(seen.release)
    if (path.exists() and sha256_of(path) == seen.sha256) or _is_accepted(lake, seen.release):
        return None
    return (
        f"entry {seen.release} of the log of {lake.place} is not the one that was seen: another "
        "state of it was put back, or it is damaged"
    )


def check(settings: Settings, lake: Lake) -> None:
    """Raise LakeError when the lake is not the one that was seen: nothing is published into it."""
    found = doubt(settings, lake)
    if found is not None:
        unfinished = lake.appeared(lake.root / RESTORING)
        hint = "moulouya restore SRC, once more, goes on with it" if unfinished else HINT
        raise LakeError(f"nothing is published: {found}", hint=hint)


def is_elsewhere(settings: Settings, lake: Lake) -> bool:
    """Whether what was seen of this lake lay in another place, so that this is a copy of it."""
    seen = recalled(settings, lake)
    return seen is not None and seen.place != lake.place


def _is_accepted(lake: Lake, number: int) -> bool:
    """Whether a number was given up by somebody who accepted a restore, maybe on another host."""
    if not (lake.log / str(number)).exists():
        return False
    try:
        entry = released.entry_of(lake, number)
    except LakeError:
        return False
    said = entry.get("note") or {}
    return bool(entry["kind"] == released.VOID and said.get("action") == ACCEPTED)


def _note(settings: Settings, lake: Lake, number: int, *, forward: bool) -> None:
    identity = lake.identity()
    if identity is None:
        return
    path = _path(settings, identity)
    with _alone(path):
        before = _read(path)
        if forward and before is not None and before.release >= number:
            return
        highest = dict(before.versions) if before is not None else {}
        for slug, version in _versions(lake).items():
            highest[slug] = max(highest.get(slug, 0), version)
        seen = Seen(lake.place, number, sha256_of(lake.log / str(number)), highest)
        replace_file(path, checked_json({"format": 1, **asdict(seen)}))


def _versions(lake: Lake) -> dict[str, int]:
    """The highest number of every dataset that the newest release knows of."""
    newest = released.current(lake, verify=False)
    if newest is None:
        return {}
    found = {slug: entry["version"] for slug, entry in newest.manifest["datasets"].items()}
    for slug, numbers in newest.gone.by_slug().items():
        found[slug] = max(found.get(slug, 0), *numbers)
    return found


def _path(settings: Settings, identity: str) -> Path:
    return settings.state_root / "witness" / f"{identity}.json"


def _read(path: Path) -> Seen | None:
    with told_plainly(f"reading {path}"):
        if not path.exists():
            return None
        record: dict[str, Any] = read_json(path)
    try:
        return Seen(**{name: record[name] for name in Seen.__dataclass_fields__})
    except KeyError as error:
        raise LakeError(
            f"{path} is damaged: it has no {error}",
            hint="what was seen of the lake is lost; remove the file if the lake is whole",
        ) from error


@contextmanager
def _alone(path: Path) -> Iterator[None]:
    """Let one process of this host at a time look at a note and replace it."""
    with told_plainly(f"noting a release in {path}"):
        path.parent.mkdir(parents=True, exist_ok=True)
        descriptor = os.open(path.with_suffix(".lock"), os.O_CREAT | os.O_RDWR, 0o644)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX)
            yield
        finally:
            os.close(descriptor)
