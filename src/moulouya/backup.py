"""Backup: a lake copied into another one, verified on the way, only what is new.

A backup is itself a lake: it can be verified, queried and served as it is. Directories are copied
whole and get their name last; the entries of the log follow when everything that they refer to is
there. So a backup that was interrupted is a complete lake of an earlier release.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from moulouya import release, released, retention
from moulouya.copying import SEALS, Expected, Piece, copy_directory
from moulouya.errors import LakeError, UsageError
from moulouya.storage.crashpoints import reached
from moulouya.storage.files import (
    checked_json,
    listed,
    read_bytes,
    read_json,
    sha256_of,
    there,
)
from moulouya.storage.lake import VOID, Lake, identity_of

Progress = Callable[[str, int, int], None]
AT_ONCE = 4
# Small files that may come or change after what they are about.
RECORDS = (
    "ledger/*/*/*/*.json", "quarantine/*/*.json", "snapshots/*/*.json", "datasets/*/*.json",
    "snapshots/*/*/tombstone.json", "datasets/*/*/tombstone.json",
)  # fmt: skip


@dataclass
class Copied:
    """What was copied, and what could not be because it is damaged where it comes from."""

    release: int | None = None
    directories: int = 0
    files: int = 0
    bytes: int = 0
    problems: list[str] = field(default_factory=list)

    def add(self, piece: Piece) -> None:
        """Count one directory."""
        self.directories += bool(piece.files)
        self.files += piece.files
        self.bytes += piece.bytes
        if piece.problem is not None:
            self.problems.append(piece.problem)

    def to_json(self) -> dict[str, Any]:
        """For programs."""
        return asdict(self)


def copy(source: Lake, target: Lake, progress: Progress = lambda what, done, total: None) -> Copied:
    """Copy what ``target`` does not have yet; every file is held against its recorded hash.

    A damaged directory is left out and named; the log is copied as far as the newest release of
    which everything is there. ``progress(what, done, total)`` is told of every directory. Raises
    UsageError where ``target`` is another lake or another history of this one.
    """
    done = Copied()
    _take_identity(source, target)
    until = source.latest(source.log) or 0
    _require_same_history(source, target, until)
    with target.locked("backup"):
        expected = Expected.of(source, until)
        folders = list(_missing(source, target, until))
        copy_all(source, target, folders, expected, done, progress)
        _copy_records(source, target, done)
        _copy_voids(source, target)
        reached("backup_before_log")
        _copy_log(source, target, until, done)
        _erase_what_was_withdrawn(target)
        _clear_decided(source, target)
    done.release = released.newest_number(target)
    return done


def copy_all(
    source: Lake,
    target: Lake,
    folders: Sequence[Path],
    expected: Expected,
    done: Copied,
    progress: Progress,
) -> None:
    """Copy directories, some at once, and every delivery before what was made of any; the first
    error of the target ends it.
    """

    def one(folder: Path) -> Piece:
        piece = copy_directory(source, target, folder, expected)
        reached("backup_after_directory")
        return piece

    deliveries = [folder for folder in folders if folder.is_relative_to(source.root / "snapshots")]
    known = set(deliveries)
    others = [folder for folder in folders if folder not in known]
    number = itertools.count()
    with ThreadPoolExecutor(AT_ONCE) as pool:
        for wave in (deliveries, others):
            waiting = [pool.submit(one, folder) for folder in wave]
            try:
                for folder, copied in zip(wave, waiting, strict=True):
                    progress(str(folder.relative_to(source.root)), next(number), len(folders))
                    done.add(copied.result())
            finally:
                for copied in waiting:
                    copied.cancel()


def remember(target: Lake, copied: Copied, at: str) -> None:
    """Note in a backup when it was made and how far it goes."""
    record = {"format": 1, "made": at, **copied.to_json()}
    target.write(target.root / "backup.json", checked_json(record))


def is_empty(lake: Lake) -> bool:
    """Whether nothing was ever put into a lake."""
    kept = ("datasets", "snapshots", "quarantine")
    return not lake.numbers(lake.log) and not any(lake.names(lake.root / kind) for kind in kept)


def _take_identity(source: Lake, target: Lake) -> None:
    """A backup has the mark of its source: it is the same lake, at another time."""
    if not source.appeared(source.root / "FORMAT"):
        raise LakeError(f"there is no lake in {source.place}", hint="moulouya run --all")
    said = read_bytes(source.root / "FORMAT")
    if identity_of(said) == target.identity():
        return
    if not is_empty(target):
        raise UsageError(
            f"{target.place} holds another lake than {source.place}",
            hint="give an empty destination",
        )
    target.write(target.root / "FORMAT", said)


def _require_same_history(source: Lake, target: Lake, until: int) -> None:
    """Refuse to mix two histories: what both logs have must be the same."""
    copied = target.latest(target.log) or 0
    if copied > until:
        raise UsageError(
            f"{target.place} goes on to entry {copied} of the log, {source.place} ends with "
            f"{until}: it was put back to an older state",
            hint="moulouya restore SRC --repair brings the newer one back; after "
            "`moulouya restore --accept`, make a backup in an empty place",
        )
    if copied and source.digest(source.log / str(copied)) != target.digest(
        target.log / str(copied)
    ):
        raise UsageError(
            f"{target.place} holds another history: its entry {copied} of the log is not that of "
            f"{source.place}",
            hint="give an empty destination; if the lake is damaged, moulouya verify tells it",
        )


def _missing(source: Lake, target: Lake, until: int) -> Iterator[Path]:
    """Numbered directories that the target lacks, deliveries before what was made of them.

    They are listed in the opposite order: what a version was made of is older than the version.
    """
    versions = list(missing_numbers(source, target, "datasets"))
    yield from missing_numbers(source, target, "snapshots")
    yield from versions
    held = source.root / "quarantine"
    for slug in source.names(held):
        copied = set(target.names(target.root / "quarantine" / slug))
        yield from (held / slug / run for run in source.names(held / slug) if run not in copied)
    known = set(target.numbers(target.releases))
    for number in source.numbers(source.log):
        if number <= until and number not in known and _has_release(source, number):
            yield source.release(number)


def _has_release(lake: Lake, number: int) -> bool:
    """Whether an entry of the log commits a release; a damaged one is named with the log."""
    try:
        return not released.is_void(lake, number)
    except LakeError:
        return False


def missing_numbers(source: Lake, target: Lake, kind: str) -> Iterator[Path]:
    """The deliveries or versions that ``target`` lacks, and has not given up."""
    for slug in source.names(source.root / kind):
        known = set(target.numbers(target.root / kind / slug))
        for number in source.numbers(source.root / kind / slug):
            place = target.root / kind / slug / str(number)
            if number not in known and not there(place.with_name(place.name + VOID)):
                yield source.root / kind / slug / str(number)


def records_of(lake: Lake) -> Iterator[Path]:
    """The ledger, decisions, notes and tombstones of a lake, by their paths."""
    lake.refresh(lake.ledger)
    if lake.remote:  # where tombstones come late into what this host has already
        for slug, numbers in released.gone(lake).by_slug().items():
            for number in numbers:
                lake.refresh(lake.version(slug, number))
    for pattern in RECORDS:
        yield from listed(lake.root, pattern)


def _copy_records(source: Lake, target: Lake, done: Copied) -> None:
    target.refresh(target.ledger)
    try:
        found = list(records_of(source))
    except LakeError as error:
        done.problems.append(error.message)
        return
    for path in found:
        copied = target.root / path.relative_to(source.root)
        try:
            data = read_bytes(path)
            read_json(path)
        except FileNotFoundError:
            continue  # cleared away meanwhile
        except LakeError as error:
            done.problems.append(error.message)
            continue
        if path.name == "tombstone.json" and not there(copied.parent):
            continue  # its directory was left out
        if not there(copied) or read_bytes(copied) != data:
            target.write(copied, data)
            done.files += 1
            done.bytes += len(data)


def _copy_voids(source: Lake, target: Lake) -> None:
    """Numbers that were given up stay given up."""
    for kind in ("datasets", "snapshots"):
        for path in listed(source.root / kind, f"*/*{VOID}"):
            given_up = (target.root / path.relative_to(source.root)).with_suffix("")
            if path.stem.isdigit() and not target.is_void(given_up):
                target.give_up(given_up, SEALS[kind])


def _copy_log(source: Lake, target: Lake, until: int, done: Copied) -> None:
    """Copy the entries up to the newest release of which everything is there."""
    first = (target.latest(target.log) or 0) + 1
    previous = sha256_of(target.log / str(first - 1)) if first > 1 else None
    sound: list[bytes] = []
    kinds: list[str] = []
    for number in range(first, until + 1):
        try:
            raw = read_bytes(source.local(source.log / str(number)))
            entry = released.entry_of(source, number)
        except (LakeError, OSError) as error:
            done.problems.append(f"entry {number} of the log is not copied: {error}")
            break
        if entry["previous_sha256"] != previous or entry["release"] != number:
            done.problems.append(f"entry {number} of the log does not continue the one before it")
            break
        previous = Expected.hash_of(raw)
        sound.append(raw)
        kinds.append(entry["kind"])
    top = len(sound)
    while top and (
        kinds[top - 1] == released.VOID or not _is_whole(source, target, first + top - 1, done)
    ):
        top -= 1
    # Numbers that were given up after the last whole release belong to it.
    while top < len(sound) and kinds[top] == released.VOID:
        top += 1
    for number, raw in enumerate(sound[:top], first):
        target.put_new(target.log / str(number), raw)
        reached("backup_after_entry")


def _is_whole(source: Lake, target: Lake, number: int, done: Copied) -> bool:
    """Whether the target has a release and every version that it shows."""
    manifest = target.release(number) / "manifest.json"
    lacking = f"the backup does not go as far as release {number}:"
    target.refresh(target.release(number))
    try:
        released.read(source, number, verify=False)
    except LakeError as error:
        done.problems.append(f"{lacking} {error.message}")
        return False
    entry = released.entry_of(source, number)
    if not there(manifest) or sha256_of(manifest) != entry["manifest_sha256"]:
        done.problems.append(f"{lacking} its files are damaged")
        return False
    for slug, dataset in read_json(manifest)["datasets"].items():
        if dataset["version"] not in target.numbers_here(target.versions(slug)):
            done.problems.append(f"{lacking} version {dataset['version']} of {slug} is damaged")
            return False
    return True


def _erase_what_was_withdrawn(target: Lake) -> None:
    """What was withdrawn for good is taken out of the backup too."""
    newest = release.current(target, verify=False)
    if newest is None:
        return
    for (slug, number), withdrawal in release.withdrawn(newest).items():
        if withdrawal.erase:
            target.refresh(target.version(slug, number))
    retention.erase(target, newest)


def _clear_decided(source: Lake, target: Lake) -> None:
    """Drop what the source has cleared out of its quarantine: decided, or of a failed run."""
    for slug in target.names(target.root / "quarantine"):
        kept = set(source.names(source.quarantine(slug)))
        for run_id in target.names(target.quarantine(slug)):
            folder = target.quarantine(slug) / run_id
            decided = source.quarantine(slug) / f"{run_id}.decision.json"
            if run_id not in kept and (there(decided) or not there(folder / "held.json")):
                target.remove(folder)
