"""The way back from a backup: a whole lake, or only what is missing or damaged in one.

An older state can be put back; what it lost was public, so its numbers are given up before
anything is published over it, and a person answers for that.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from moulouya import release, released, retention, verification, witness
from moulouya.backup import (
    Copied,
    Progress,
    copy,
    copy_all,
    is_empty,
    missing_numbers,
    records_of,
)
from moulouya.copying import RECIPE, SEALS, TOMBSTONE, Expected
from moulouya.errors import LakeError, UsageError
from moulouya.settings import Settings
from moulouya.storage.files import (
    canonical_json,
    listed,
    read_bytes,
    read_json,
    sha256_of,
    sync_file,
    there,
    told_plainly,
)
from moulouya.storage.lake import Lake, identity_of, look_into, open_lake


def untold(what: str, done: int, total: int) -> None:
    """Tell nobody of the progress."""


def restore(settings: Settings, backup: Lake, progress: Progress = untold) -> Copied:
    """Fill an empty lake from a backup, or go on with it after an interruption.

    Raises UsageError when the lake is not empty, LakeError when there is no backup.
    """
    _require_backup(backup)
    before = look_into(settings, checked=False)
    marker = before.root / witness.RESTORING
    if not before.appeared(marker) and not is_empty(before):
        raise UsageError(
            f"{before.place} is not empty",
            hint="moulouya restore SRC --repair brings back only what is missing or damaged",
        )
    lake = open_lake(settings)
    lake.write(marker, canonical_json({"format": 1}))
    done = copy(backup, lake, progress)
    lake.remove(marker)
    return done


def repair(settings: Settings, backup: Lake, progress: Progress = untold) -> Copied:
    """Bring back what is missing or damaged in a lake from a backup that has it whole.

    Nothing that is sound is touched; every file that comes has its recorded hash. Raises UsageError
    where the backup is of another lake or of another history of this one.
    """
    _require_backup(backup)
    done = Copied()
    lake = _with_format(settings, backup, done)
    with lake.locked("backup"):
        _mend_log(lake, backup, done)
        _mend_manifests(lake, backup, done)
        newest = lake.latest(lake.log) or 0
        expected = Expected.of(lake, newest)
        folders = [
            *missing_numbers(backup, lake, "snapshots"),
            *missing_numbers(backup, lake, "datasets"),
            *_undecided(lake, backup),
        ]
        copy_all(backup, lake, folders, expected, done, progress)
        _mend_versions(lake, backup, expected, done)
        _mend_records(lake, backup, done)
        found = verification.verify(lake, progress=progress)
        for path, sha256 in found.damaged.items():
            _mend(lake, backup, path, sha256, done)
        _erase_again(lake)
    left = verification.verify(lake, quick=True).problems
    done.problems += [problem for problem in left if problem not in done.problems]
    done.release = released.newest_number(lake)
    return done


@dataclass(frozen=True)
class Accepted:
    """The numbers that were given up: entries of the log, and versions by dataset."""

    log: list[int]
    versions: dict[str, list[int]]

    def to_json(self) -> dict[str, Any]:
        """For programs."""
        return asdict(self)


def accept(settings: Settings, *, by: str, reason: str) -> Accepted:
    """Go on with an older state of the lake: give up every number that was seen and is lost.

    Raises UsageError when nothing is lost.
    """
    if not reason.strip():
        raise UsageError("a reason is needed: the log keeps it", hint="--reason TEXT")
    lake = open_lake(settings)
    if lake.appeared(lake.root / witness.RESTORING):
        witness.check(settings, lake)
    seen = witness.recalled(settings, lake)
    if seen is None or witness.doubt(settings, lake) is None:
        raise UsageError(
            f"nothing is to be accepted: {lake.place} has all that was seen of it",
            hint="moulouya doctor",
        )
    note = {"action": witness.ACCEPTED, "by": by, "reason": reason.strip(), "seen": seen.release}
    with lake.locked("release"):
        # The log last: with it, publishing goes on.
        versions = {slug: _give_up(lake, slug, most) for slug, most in seen.versions.items()}
        # At least one entry: it tells who accepted it, and when.
        lost = [release.void(lake, note)]
        while lost[-1] < seen.release:
            lost.append(release.void(lake, note))
        witness.replace(settings, lake, lost[-1])
    return Accepted(lost, {slug: numbers for slug, numbers in versions.items() if numbers})


def _give_up(lake: Lake, slug: str, most: int) -> list[int]:
    numbers = list(range(lake.free(lake.versions(slug)), most + 1))
    for number in numbers:
        lake.give_up(lake.version(slug, number), SEALS["datasets"])
    return numbers


def _require_backup(backup: Lake) -> None:
    if not backup.appeared(backup.root / "FORMAT") or is_empty(backup):
        raise LakeError(f"{backup.place} holds no backup", hint="moulouya backup DEST makes one")


def _with_format(settings: Settings, backup: Lake, done: Copied) -> Lake:
    """Open a lake to repair it; its FORMAT is brought back first where it is not sound."""
    lake = look_into(settings, checked=False)
    if is_empty(lake):
        raise UsageError(f"{lake.place} is empty", hint="moulouya restore SRC fills it")
    said = read_bytes(backup.root / "FORMAT")
    path = lake.root / "FORMAT"
    if not (lake.appeared(path) and _is_sound(path)):
        lake.write(path, said)
        done.files += 1
        done.bytes += len(said)
    if lake.identity() != identity_of(said):
        raise UsageError(
            f"{backup.place} is no backup of {lake.place}, but of another lake",
            hint="each lake has a mark in its FORMAT; a backup has that of its source",
        )
    return open_lake(settings)


def _mend_log(lake: Lake, backup: Lake, done: Copied) -> None:
    """Bring back entries that are missing or damaged; refuse where both are sound and differ."""
    previous: str | None = None
    lake.refresh(lake.log)
    for number in backup.numbers(backup.log):
        raw = read_bytes(backup.local(backup.log / str(number)))
        entry = released.entry_of(backup, number)
        if entry["previous_sha256"] != previous or entry["release"] != number:
            raise LakeError(
                f"the log of {backup.place} is damaged at entry {number}",
                hint=f"moulouya verify --lake {backup.place}",
            )
        path = lake.log / str(number)
        mine = read_bytes(path) if there(path) else None
        if mine != raw:
            if mine is not None and _is_another(lake, path, entry, previous):
                raise UsageError(
                    f"{backup.place} holds another history: its entry {number} of the log is not "
                    f"that of {lake.place}",
                    hint="moulouya verify --lake tells whether each is sound",
                )
            lake.write(path, raw)
            done.files += 1
            done.bytes += len(raw)
        previous = Expected.hash_of(raw)


def _is_another(lake: Lake, path: Path, theirs: dict[str, Any], previous: str | None) -> bool:
    """Whether an entry that differs from the backup's is a sound one of another release."""
    number = int(path.name)
    try:
        entry = released.entry_of(lake, number)
    except LakeError:
        return False
    following = lake.log / str(number + 1)
    try:
        after = read_json(following)["previous_sha256"] if there(following) else None
    except (LakeError, KeyError):
        after = None
    if after == sha256_of(path):
        return True  # it is what the log goes on from
    same = ("kind", "manifest_sha256")
    if entry.get("previous_sha256") != previous or all(entry[k] == theirs[k] for k in same):
        return False
    if entry["kind"] == released.VOID:
        return True
    try:
        released.read(lake, number, verify=False)
    except LakeError:
        return False
    return True


def _mend_manifests(lake: Lake, backup: Lake, done: Copied) -> None:
    for number in lake.numbers(lake.log):
        entry = released.entry_of(lake, number)
        if entry["kind"] != released.VOID:
            path = lake.release(number) / "manifest.json"
            _require(lake, backup, path, entry["manifest_sha256"], done)


def _mend_versions(lake: Lake, backup: Lake, expected: Expected, done: Copied) -> None:
    """Bring back the records of versions: what a release says of them, and their recipes."""
    for (slug, number), sha256 in expected.versions.items():
        folder = lake.version(slug, number)
        lake.refresh(folder)
        if not _is_buried(folder, "withdrawn") and there(folder):
            _require(lake, backup, folder / "version.json", sha256, done)
            _mend_recipe(lake, backup, folder, done)


def _mend_recipe(lake: Lake, backup: Lake, folder: Path, done: Copied) -> None:
    try:
        record = read_json(lake.local(folder / "version.json"))
    except (LakeError, OSError):
        return  # the backup does not have it either, which is told already
    sha256 = (record.get("provenance") or {}).get("recipe_sha256")
    if sha256 is not None:
        _require(lake, backup, folder / RECIPE, sha256, done)


def _mend_records(lake: Lake, backup: Lake, done: Copied) -> None:
    """Bring back records that nothing has a hash of: those that are missing or cannot be read."""
    seals = [*listed(backup.root, "snapshots/*/*/snapshot.json"),
             *listed(backup.root, "datasets/*/*/version.json"),
             *listed(backup.root, "quarantine/*/*/*.json")]  # fmt: skip
    lake.refresh(lake.ledger)
    for kept in [*seals, *records_of(backup)]:
        path = lake.root / kept.relative_to(backup.root)
        if not there(path.parent) and kept.parent.parent.name in SEALS:
            continue
        if _is_sound(path):
            continue
        if kept.parts[-4] == "quarantine" and not there(path.parent):
            continue  # it was decided, or the report of a failed run that is over
        try:
            data = read_bytes(kept)
            read_json(kept)
        except FileNotFoundError:
            continue
        except LakeError as error:
            done.problems.append(error.message)
            continue
        lake.write(path, data)
        done.files += 1
        done.bytes += len(data)


def _is_sound(path: Path) -> bool:
    try:
        read_json(path)
    except (LakeError, OSError):
        return False
    return True


def _undecided(lake: Lake, backup: Lake) -> Iterator[Path]:
    """Held deliveries that nobody has decided about, and that the lake lacks."""
    for slug in backup.names(backup.root / "quarantine"):
        known = set(lake.names(lake.quarantine(slug)))
        for run_id in backup.names(backup.quarantine(slug)):
            folder = backup.quarantine(slug) / run_id
            decisions = [one.quarantine(slug) / f"{run_id}.decision.json" for one in (lake, backup)]
            held = there(folder / "held.json")
            if held and run_id not in known and not any(map(there, decisions)):
                yield folder


def _is_buried(folder: Path, why: str) -> bool:
    stone = folder / TOMBSTONE
    return there(stone) and read_json(stone)["why"] == why


def _require(lake: Lake, backup: Lake, path: Path, sha256: str, done: Copied) -> None:
    """Bring a file back unless it has its hash."""
    try:
        _, digest = lake.digest(path)
    except (LakeError, OSError):
        digest = ""
    if digest != sha256:
        _mend(lake, backup, path, sha256, done)


def _mend(lake: Lake, backup: Lake, path: Path, sha256: str, done: Copied) -> None:
    """Bring one file from the backup, if it has the hash that was recorded."""
    kept = backup.root / path.relative_to(lake.root)
    scratch = lake.scratch("repair") / "-".join(path.relative_to(lake.root).parts)
    with told_plainly(f"bringing {kept}"):
        try:
            size, digest = backup.fetch(kept, scratch)
        except FileNotFoundError:
            done.problems.append(f"{path}: the backup does not have it")
            return
        if digest != sha256:
            scratch.unlink()
            done.problems.append(f"{path}: the backup has another content too")
            return
        scratch.chmod(0o444)
        sync_file(scratch)
        lake.keep(scratch, path)
    done.files += 1
    done.bytes += size


def _erase_again(lake: Lake) -> None:
    """What was withdrawn for good does not come back with a backup that still has it."""
    try:
        newest = release.current(lake, verify=False)
    except LakeError:
        return  # its manifest is lost, which is told
    if newest is not None:
        retention.erase(lake, newest)
