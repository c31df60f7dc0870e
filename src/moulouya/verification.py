"""Hash everything that was committed again, and hold it against what was recorded."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from moulouya import release, witness
from moulouya.errors import LakeError
from moulouya.released import SAID_TWICE
from moulouya.settings import Settings
from moulouya.storage.files import parse_record, read_json, there
from moulouya.storage.lake import Lake, look_into

TOMBSTONE = "tombstone.json"
# Beside what version.json lists: itself, and what is written about a version later.
UNLISTED = ("version.json", "recipe.json", "held.json", "claim", TOMBSTONE)
# Small records that nothing lists with a hash; what vouches for itself is seen to be whole.
SMALL = ("snapshot.json", "held.json", "confirmed.json", "seen.json", "state.json", TOMBSTONE)
AT_ONCE = 16  # requests to a store; on a disk it does no harm
Progress = Callable[[str, int, int], None]


@dataclass
class Verified:
    """What was read, and every problem found; ``quick`` looks at sizes instead of hashes.

    ``damaged`` has the recorded hash of each file that is missing or has another content.
    """

    lake: Lake
    quick: bool = False
    files: int = 0
    bytes: int = 0
    problems: list[str] = field(default_factory=list)
    damaged: dict[Path, str] = field(default_factory=dict)

    def check(self, path: Path, recorded: dict[str, Any], *, data: bool = True) -> None:
        """Hold one file against its recorded size and hash."""
        self.files += 1
        try:
            if self.quick and data:
                size, digest = self.lake.size(path), recorded["sha256"]
            else:
                size, digest = self.lake.digest(path)
        except (LakeError, OSError) as error:
            why = error if isinstance(error, OSError) else error.__cause__
            self.problem(path, getattr(why, "strerror", None) or str(error))
            self.damaged[path] = recorded["sha256"]
            return
        self.bytes += size
        if digest != recorded["sha256"] or size != recorded.get("bytes", size):
            self.problem(path, "its content is not what was recorded")
            self.damaged[path] = recorded["sha256"]

    def problem(self, path: Path, what: str) -> None:
        """Note what is wrong with a file, by its place in the lake."""
        self.problems.append(f"{path}: {what}")


def verify(
    lake: Lake, *, quick: bool = False, progress: Progress = lambda what, done, total: None
) -> Verified:
    """Verify the log's chain, every release, version, delivery and held version.

    ``progress(what, done, total)`` is told of every directory. What has expired by its policy is
    no problem as long as its tombstone says so.
    """
    found = Verified(lake, quick)
    _guard(found, lambda: _log(lake, found, progress))
    for name, check in (
        ("snapshots", _snapshot),
        ("datasets", _version),
        ("quarantine", _held),
    ):
        folders = _folders(lake, name)
        for done, folder in enumerate(folders):
            progress(f"{name}/{folder.parent.name}/{folder.name}", done, len(folders))
            _guard(found, lambda check=check, folder=folder: check(folder, found))
    _guard(found, lambda: _small_records(lake, found, progress))
    return found


def _guard(found: Verified, check: Any) -> None:
    try:
        check()
    except LakeError as error:
        found.problems.append(error.message)
    except OSError as error:
        found.problems.append(f"cannot be read: {error}")
    except (KeyError, TypeError, ValueError) as error:
        found.problems.append(f"damaged record: {error!r}")


def _small_records(lake: Lake, found: Verified, progress: Progress) -> None:
    """Look at the lake's mark, the ledger, decisions and notes: each vouches for itself."""
    kept = ("snapshots", "datasets", "quarantine")
    paths = [path for kind in kept for path in lake.files(lake.root / kind) if _is_small(path)]
    paths += [path for path in lake.files(lake.ledger) if path.suffix == ".json"]
    paths.append(lake.root / "FORMAT")
    with ThreadPoolExecutor(AT_ONCE) as pool:
        for done, (path, raw) in enumerate(zip(paths, pool.map(lake.raw, paths), strict=True)):
            progress(str(path.relative_to(lake.root)), done, len(paths))
            if raw is None:
                continue  # it was cleared away meanwhile
            found.files, found.bytes = found.files + 1, found.bytes + len(raw)
            try:
                parse_record(raw)
            except ValueError as error:
                found.problem(path, f"is damaged: {error}")


def _is_small(path: Path) -> bool:
    return path.name in SMALL or path.name.endswith(".decision.json")


def _folders(lake: Lake, name: str) -> list[Path]:
    folder = lake.root / name
    slugs = [folder / slug for slug in lake.names(folder)]
    if name == "quarantine":
        return [slug / run for slug in slugs for run in lake.names(slug)]
    return [slug / str(number) for slug in slugs for number in lake.numbers(slug)]


def _log(lake: Lake, found: Verified, progress: Progress) -> None:
    numbers = lake.numbers(lake.log)
    newest = _sound_newest(lake)
    before = release.expired(newest).releases_before if newest is not None else 0
    previous: str | None = None
    for expected, number in enumerate(numbers, 1):
        path = lake.log / str(number)
        progress(f"log/{number}", expected - 1, len(numbers))
        if number != expected:
            found.problem(lake.log / str(expected), "missing from the log")
            return
        size, digest = lake.digest(path)
        found.files, found.bytes = found.files + 1, found.bytes + size
        before_it, previous = previous, digest
        try:
            entry = read_json(path)
        except LakeError as error:
            found.problems.append(error.message)
            continue
        if entry["previous_sha256"] != before_it:
            found.problem(path, "does not continue the entry before it")
        if entry["kind"] != "void":
            _guard(found, lambda n=number, e=entry: _release(lake, n, e, found, expired=n < before))


def _sound_newest(lake: Lake) -> release.Release | None:
    try:
        return release.current(lake, verify=False)
    except LakeError:
        return None  # the problem is reported where that release is looked at


def _release(
    lake: Lake, number: int, entry: dict[str, Any], found: Verified, *, expired: bool
) -> None:
    folder = lake.release(number)
    lake.refresh(folder)
    found.check(folder / "manifest.json", {"sha256": entry["manifest_sha256"]}, data=False)
    if not there(folder / "manifest.json"):
        return
    manifest = read_json(folder / "manifest.json")
    if any(entry.get(name) != manifest[name] for name in SAID_TWICE if name in manifest):
        found.problem(lake.log / str(number), "is not what its manifest says of it")
    for file in manifest["files"]:
        if not expired:
            found.check(folder / file["name"], file)
    for slug, dataset in manifest["datasets"].items():
        version = lake.version(slug, dataset["version"])
        if not _erased(lake, version):
            recorded = {"sha256": dataset["version_sha256"]}
            found.check(version / "version.json", recorded, data=False)


def _erased(lake: Lake, version: Path) -> bool:
    lake.refresh(version)
    stone = version / TOMBSTONE
    return there(stone) and read_json(stone)["why"] == "withdrawn"


def _version(folder: Path, found: Verified) -> None:
    record = read_json(folder / "version.json")
    buried = there(folder / TOMBSTONE)
    files = {path.name for path in found.lake.files(folder)}
    for file in record["files"]:
        stays = file["name"] in files or file["name"].endswith(".json")
        if not buried or (stays and not _erased(found.lake, folder)):
            found.check(folder / file["name"], file)
    _same_deliveries(found, folder, record)
    recipe = (record.get("provenance") or {}).get("recipe_sha256")
    if recipe is not None and not record.get("erased"):
        found.check(folder / "recipe.json", {"sha256": recipe}, data=False)
    for name in sorted(files - {file["name"] for file in record["files"]} - {*UNLISTED}):
        found.problem(folder / name, "is no part of the version")


def _same_deliveries(found: Verified, folder: Path, record: dict[str, Any]) -> None:
    """A delivery's own record has no hash: what the versions made of it say of it is the proof."""
    for told in record["snapshots"]:
        path = found.lake.snapshots(record["slug"]) / str(told["number"]) / "snapshot.json"
        found.lake.refresh(path.parent)
        if not there(path):
            found.problem(path, f"is missing, and {folder} was made from it")
            continue
        kept = read_json(path)
        if any(kept[name] != value for name, value in told.items() if name in kept):
            found.problem(path, f"is not what {folder / 'version.json'} says of it")


def _held(folder: Path, found: Verified) -> None:
    if there(folder / "version.json"):
        told = read_json(folder / "held.json").get("version_sha256")
        if told is not None:
            found.check(folder / "version.json", {"sha256": told}, data=False)
        _version(folder, found)


def _snapshot(folder: Path, found: Verified) -> None:
    buried = there(folder / TOMBSTONE)
    for file in read_json(folder / "snapshot.json")["files"]:
        if not buried:
            found.check(folder / file["path"], file)


def look(
    settings: Settings,
    *,
    quick: bool = False,
    progress: Progress = lambda what, done, total: None,
) -> Verified:
    """Verify the lake of a deployment, and that it is all that was seen of it on this host.

    A copy in another place may be older: so is a backup.
    """
    lake = look_into(settings)
    found = verify(lake, quick=quick, progress=progress)
    doubt = witness.doubt(settings, lake)
    if doubt is not None and not witness.is_elsewhere(settings, lake):
        found.problems.append(doubt)
    return found


def examine(settings: Settings, *, quick: bool = False) -> dict[str, int]:
    """Verify the lake of a deployment; what a scheduler calls.

    Raises LakeError that names the first problems.
    """
    found = look(settings, quick=quick)
    if found.problems:
        shown = "; ".join(found.problems[:5])
        raise LakeError(
            f"{len(found.problems)} problems in the lake: {shown}",
            hint="moulouya verify names all; moulouya restore --repair brings back what a backup "
            "has",
        )
    return {"files": found.files, "bytes": found.bytes}
