"""Backup: a lake copied into another one, verified on the way, only what is new.

A backup is itself a lake: it can be verified, queried and served as it is. Directories are copied
whole and get their name last; the entries of the log follow when everything that they refer to is
there. So a backup that was interrupted is a complete lake of an earlier release.
"""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from moulouya import release, retention, verification
from moulouya.errors import LakeError, UsageError
from moulouya.storage.files import (
    canonical_json,
    read_json,
    remove_tree,
    sha256_of,
    told_plainly,
)
from moulouya.storage.lake import Lake

Progress = Callable[[str, int, int], None]
SEALS = {"snapshots": "snapshot.json", "datasets": "version.json"}


@dataclass
class Copied:
    """What was copied, and what could not be because it is damaged where it comes from."""

    release: int | None = None
    directories: int = 0
    files: int = 0
    bytes: int = 0
    problems: list[str] = field(default_factory=list)

    def to_json(self) -> dict[str, Any]:
        """For programs."""
        return asdict(self)


def copy(source: Lake, target: Lake, progress: Progress = lambda what, done, total: None) -> Copied:
    """Copy what ``target`` does not have yet; every file is held against its recorded hash.

    A damaged directory is left out and named; a release that refers to it is not copied, nor is
    any later one. ``progress(what, done, total)`` is told of every directory.
    """
    done = Copied()
    until = source.latest(source.log) or 0
    _not_another(source, target)
    work = list(_directories(source, target, until))
    for number, folder in enumerate(work):
        progress(str(folder.relative_to(source.root)), number, len(work))
        _copy_directory(source, target, folder, done)
    _copy_records(source, target, done)
    for number in range((target.latest(target.log) or 0) + 1, until + 1):
        if not _copy_entry(source, target, number, done):
            break
        done.release = number
    done.release = done.release or target.latest(target.log)
    _erase_what_was_withdrawn(source, target)
    return done


def _not_another(source: Lake, target: Lake) -> None:
    """Refuse to mix two histories: what both logs have must be the same."""
    both = min(source.latest(source.log) or 0, target.latest(target.log) or 0)
    if both and source.digest(source.log / str(both)) != target.digest(target.log / str(both)):
        raise UsageError(
            f"{target.root} holds another history: its entry {both} of the log is not this one's",
            hint="give an empty destination",
        )


def _directories(source: Lake, target: Lake, until: int) -> Iterator[Path]:
    """Numbered directories that the target lacks: deliveries, versions, held ones, releases."""
    for kind in SEALS:
        folder = source.root / kind
        for slug in source.names(folder):
            there = set(target.numbers(target.root / kind / slug))
            for number in source.numbers(folder / slug):
                if number not in there:
                    yield folder / slug / str(number)
    held = source.root / "quarantine"
    for slug in source.names(held):
        there_names = set(target.names(target.root / "quarantine" / slug))
        for run_id in source.names(held / slug):
            if run_id not in there_names:
                yield held / slug / run_id
    known = set(target.numbers(target.log))
    for number in source.numbers(source.log):
        if number not in known and number <= until:
            source.refresh(source.release(number))
            yield source.release(number)


def _copy_directory(source: Lake, target: Lake, folder: Path, done: Copied) -> None:
    relative = folder.relative_to(source.root)
    recorded = _recorded(source, folder)
    scratch = target.scratch("-".join(("copy", *relative.parts)))
    remove_tree(scratch)
    for path in source.files(folder):
        name = path.relative_to(folder)
        copied = scratch / name
        with told_plainly(f"copying {path}"):
            copied.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(source.local(path), copied)
        expected = recorded.get(str(name))
        if expected is not None and sha256_of(copied) != expected:
            done.problems.append(f"{path}: its content is not what was recorded; not copied")
            remove_tree(scratch)
            return
        done.files += 1
        done.bytes += copied.stat().st_size
    if not scratch.exists():
        return
    seal = SEALS.get(relative.parts[0], "manifest.json" if relative.parts[0] == "releases" else "")
    target_folder = target.root / relative
    if relative.parts[0] == "releases" and target_folder.exists():
        target.remove(target_folder)  # of a copy that ended before the log did
    if not target.commit(scratch, target_folder, seal or "held.json"):
        remove_tree(scratch)
    done.directories += 1


def _recorded(source: Lake, folder: Path) -> dict[str, str]:
    """The hash of each file of a directory that one of its records lists."""
    found: dict[str, str] = {}
    for name in ("version.json", "snapshot.json", "manifest.json"):
        if (folder / name).exists():
            record = read_json(folder / name)
            found |= {
                str(file.get("path") or file["name"]): file["sha256"] for file in record["files"]
            }
    return found


def _copy_records(source: Lake, target: Lake, done: Copied) -> None:
    """The ledger, decisions, notes and tombstones: small files that may come later."""
    source.refresh(source.ledger)
    patterns = ("ledger/*/*/*/*.json", "quarantine/*/*.json", "snapshots/*/*.json",
                "datasets/*/*.json", "*/*/*/tombstone.json")  # fmt: skip
    for pattern in patterns:
        for path in sorted(source.root.glob(pattern)):
            copied = target.root / path.relative_to(source.root)
            data = path.read_bytes()
            if not copied.exists() or copied.read_bytes() != data:
                target.write(copied, data)
                done.files += 1
                done.bytes += len(data)


def _copy_entry(source: Lake, target: Lake, number: int, done: Copied) -> bool:
    """Copy one entry of the log once everything it refers to is there."""
    path = source.log / str(number)
    entry = read_json(path)
    if entry["kind"] != "void":
        manifest = read_json(source.release(number) / "manifest.json")
        for slug, dataset in manifest["datasets"].items():
            version = target.version(slug, dataset["version"])
            target.refresh(version)
            if not (version / "version.json").exists():
                done.problems.append(
                    f"release {number} is not copied: version {dataset['version']} of {slug} is "
                    "missing or damaged"
                )
                return False
        if not (target.release(number) / "manifest.json").exists():
            done.problems.append(f"release {number} is not copied: it is damaged")
            return False
    target.put_new(target.log / str(number), path.read_bytes())
    return True


def _erase_what_was_withdrawn(source: Lake, target: Lake) -> None:
    """What was withdrawn for good is taken out of the backup too."""
    newest = release.current(source, verify=False)
    if newest is not None:
        retention.erase(target, newest)


def repair(lake: Lake, backup: Lake, progress: Progress = lambda what, done, total: None) -> Copied:
    """Bring back missing and damaged files of a lake from a backup that has them whole."""
    done = Copied(release=lake.latest(lake.log))
    found = verification.verify(lake, progress=progress)
    for path in found.damaged:
        relative = path.relative_to(lake.root)
        expected = found.damaged[path]
        kept = backup.root / relative
        backup.refresh(kept.parent)
        try:
            _, digest = backup.digest(kept)
        except OSError as error:
            done.problems.append(f"{path}: the backup does not have it ({error.strerror})")
            continue
        if digest != expected:
            done.problems.append(f"{path}: the backup has another content too")
            continue
        scratch = lake.scratch("repair") / relative.name
        with told_plainly(f"repairing {path}"):
            scratch.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(backup.local(kept), scratch)
            scratch.chmod(0o444)
        lake.keep(scratch, path)
        done.files += 1
        done.bytes += path.stat().st_size
    return done


def restore(
    lake: Lake, backup: Lake, progress: Progress = lambda what, done, total: None
) -> Copied:
    """Fill an empty lake from a backup. Raises UsageError when it is not empty."""
    if lake.numbers(lake.log) or lake.names(lake.datasets):
        raise UsageError(
            f"{lake.root} is not empty",
            hint="moulouya restore --repair brings back only what is missing or damaged",
        )
    if not backup.numbers(backup.log) and not backup.names(backup.datasets):
        raise LakeError(f"{backup.root} holds no backup", hint="moulouya backup DEST makes one")
    return copy(backup, lake, progress)


def remember(target: Lake, copied: Copied, at: str) -> None:
    """Note in a backup when it was made and how far it goes."""
    record = {"format": 1, "made": at, "release": copied.release, "files": copied.files,
              "bytes": copied.bytes, "problems": copied.problems}  # fmt: skip
    target.write(target.root / "backup.json", canonical_json(record))
