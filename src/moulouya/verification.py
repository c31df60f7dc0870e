"""Hash everything that was committed again, and hold it against what was recorded."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from moulouya.errors import LakeError
from moulouya.storage.files import read_json, sha256_of
from moulouya.storage.lake import Lake


@dataclass
class Verified:
    """What was read, and every problem found."""

    files: int = 0
    bytes: int = 0
    problems: list[str] = field(default_factory=list)

    def check(self, path: Path, recorded: dict[str, Any]) -> None:
        """Hold one file against its recorded size and hash."""
        self.files += 1
        try:
            self.bytes += path.stat().st_size
            if sha256_of(path) != recorded["sha256"]:
                self.problems.append(f"{path}: its content is not what was recorded")
        except OSError as error:
            self.problems.append(f"{path}: {error.strerror}")


def verify(lake: Lake) -> Verified:
    """Verify the log's chain, every release, every version and every snapshot."""
    found = Verified()
    _guard(found, lambda: _log(lake, found))
    for folder in _numbered(lake.root / "snapshots"):
        _guard(found, lambda folder=folder: _snapshot(folder, found))
    for folder in _numbered(lake.root / "datasets"):
        _guard(found, lambda folder=folder: _version(folder, found))
    return found


def _guard(found: Verified, check: Any) -> None:
    try:
        check()
    except (LakeError, OSError, KeyError) as error:
        found.problems.append(str(error))


def _numbered(folder: Path) -> Iterable[Path]:
    return sorted(path for path in folder.glob("*/*") if path.name.isdigit())


def _log(lake: Lake, found: Verified) -> None:
    previous: Path | None = None
    for expected, number in enumerate(lake.numbers(lake.log), 1):
        path = lake.log / str(number)
        entry = read_json(path)
        found.files += 1
        if number != expected:
            found.problems.append(f"{lake.log / str(expected)}: missing from the log")
        if entry["previous_sha256"] != (sha256_of(previous) if previous else None):
            found.problems.append(f"{path}: does not continue the entry before it")
        previous = path
        _release(lake, number, entry, found)


def _release(lake: Lake, number: int, entry: dict[str, Any], found: Verified) -> None:
    folder = lake.releases / str(number)
    found.check(folder / "manifest.json", {"sha256": entry["manifest_sha256"]})
    if not (folder / "manifest.json").exists():
        return
    manifest = read_json(folder / "manifest.json")
    for file in manifest["files"]:
        found.check(folder / file["name"], file)
    for slug, dataset in manifest["datasets"].items():
        record = lake.version(slug, dataset["version"]) / "version.json"
        found.check(record, {"sha256": dataset["version_sha256"]})


def _version(folder: Path, found: Verified) -> None:
    for file in read_json(folder / "version.json")["files"]:
        found.check(folder / file["name"], file)


def _snapshot(folder: Path, found: Verified) -> None:
    for file in read_json(folder / "snapshot.json")["files"]:
        found.check(folder / file["path"], file)
