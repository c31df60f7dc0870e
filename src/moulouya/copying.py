"""One committed directory, copied from a lake into another one, and verified on the way."""

from __future__ import annotations

import errno
import hashlib
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from moulouya import released
from moulouya.errors import LakeError
from moulouya.storage.files import read_json, remove_tree, told_plainly
from moulouya.storage.lake import Lake

SEALS = {
    "snapshots": "snapshot.json",
    "datasets": "version.json",
    "quarantine": "held.json",
    "releases": "manifest.json",
}
TOMBSTONE = "tombstone.json"
RECIPE = "recipe.json"
ATTEMPTS = 3
UNREADABLE = (errno.EIO, errno.EACCES, errno.EPERM)
Hashes = dict[str, tuple[int, str]]


@dataclass(frozen=True)
class Piece:
    """What was copied of a directory, or why it was not."""

    files: int = 0
    bytes: int = 0
    problem: str | None = None


@dataclass
class Expected:
    """What the log and the manifests of a lake say about records that list other files."""

    manifests: dict[int, str] = field(default_factory=dict)
    versions: dict[tuple[str, int], str] = field(default_factory=dict)
    releases_before: int = 1

    @staticmethod
    def hash_of(data: bytes) -> str:
        """The SHA-256 of a record."""
        return hashlib.sha256(data).hexdigest()

    @classmethod
    def of(cls, lake: Lake, until: int) -> Expected:
        """Read the log and every manifest; what is damaged says nothing."""
        found = cls()
        lake.refresh(lake.releases)
        for number in lake.numbers(lake.log):
            try:
                if number > until or released.is_void(lake, number):
                    continue
                found.manifests[number] = released.entry_of(lake, number)["manifest_sha256"]
                read = released.read(lake, number, verify=False)
            except LakeError:
                continue  # named where that release is copied
            found.releases_before = read.gone.expired.releases_before
            for slug, dataset in read.manifest["datasets"].items():
                found.versions[slug, dataset["version"]] = dataset["version_sha256"]
        return found


def copy_directory(source: Lake, target: Lake, folder: Path, expected: Expected) -> Piece:
    """Copy one numbered directory unless it is damaged; what expires meanwhile is copied so."""
    for _ in range(ATTEMPTS):
        source.refresh(folder)
        paths = source.files(folder)
        if not paths:
            break
        try:
            return _copied(source, target, folder, paths, expected)
        except FileNotFoundError:
            continue  # cleared away while it was copied: look at what is left
    if folder.parts[-3] == "quarantine":
        return Piece()
    return Piece(problem=f"{folder} is missing")


def _copied(
    source: Lake, target: Lake, folder: Path, paths: list[Path], expected: Expected
) -> Piece:
    relative = folder.relative_to(source.root)
    scratch = target.scratch("-".join(("copy", *relative.parts)))
    remove_tree(scratch)
    hashes: Hashes = {}
    try:
        for path in paths:
            name = path.relative_to(folder).as_posix()
            try:
                hashes[name] = source.fetch(path, scratch / name)
            except FileNotFoundError:
                raise  # cleared away meanwhile
            except OSError as error:
                if error.errno in UNREADABLE:
                    return Piece(problem=f"{path} is not copied: {error.strerror}")
                with told_plainly(f"copying {path}"):
                    raise
        wrong = what_is_wrong(scratch, relative.parts, hashes, expected)
        if wrong is not None:
            return Piece(problem=f"{folder} is not copied: {wrong}")
        if not target.commit_copy(scratch, target.root / relative, SEALS[relative.parts[0]]):
            return Piece()
    finally:
        remove_tree(scratch)
    return Piece(len(hashes), sum(size for size, _ in hashes.values()))


def what_is_wrong(
    folder: Path, parts: tuple[str, ...], hashes: Hashes, expected: Expected
) -> str | None:
    """What of a copied directory is not as it was recorded; None when all of it is."""
    try:
        if parts[0] == "releases":
            return _wrong_release(folder, int(parts[1]), hashes, expected)
        if parts[0] == "snapshots":
            record = read_json(folder / "snapshot.json")
            return _wrong_file(record["files"], hashes, complete=TOMBSTONE not in hashes)
        if parts[0] == "datasets":
            return _wrong_version(folder, expected.versions.get((parts[1], int(parts[2]))), hashes)
        if "version.json" in hashes:
            return _wrong_version(folder, None, hashes)
        for name in hashes:
            if name.endswith(".json"):
                read_json(folder / name)
    except LakeError as error:
        return error.message
    except (OSError, KeyError, TypeError, ValueError) as error:
        return f"damaged record: {error!r}"
    return None


def _wrong_release(folder: Path, number: int, hashes: Hashes, expected: Expected) -> str | None:
    if hashes["manifest.json"][1] != expected.manifests.get(number):
        return "manifest.json is not what the log says"
    files = read_json(folder / "manifest.json")["files"]
    return _wrong_file(files, hashes, complete=number >= expected.releases_before)


def _wrong_version(folder: Path, expected: str | None, hashes: Hashes) -> str | None:
    record: dict[str, Any] = read_json(folder / "version.json")
    stone = read_json(folder / TOMBSTONE) if TOMBSTONE in hashes else {}
    erased = stone.get("why") == "withdrawn"
    if expected not in (None, hashes["version.json"][1]) and not erased:
        return "version.json is not what a release says"
    recipe = (record.get("provenance") or {}).get("recipe_sha256")
    if RECIPE in hashes and recipe not in (None, hashes[RECIPE][1]):
        return f"{RECIPE} is not what was recorded"
    return _wrong_file(record["files"], hashes, complete=not stone)


def _wrong_file(files: list[dict[str, Any]], hashes: Hashes, *, complete: bool) -> str | None:
    """The first listed file that has another content, or is missing though it has to be there."""
    for file in files:
        name = file.get("path") or file["name"]
        if name not in hashes:
            if complete:
                return f"{name} is missing"
        elif hashes[name] != (file.get("bytes", hashes[name][0]), file["sha256"]):
            return f"{name}: its content is not what was recorded"
    return None
