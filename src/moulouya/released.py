"""Committed releases, as the log and their manifests say."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import orjson

from moulouya.errors import LakeError
from moulouya.storage.files import read_json, sha256_of, told_plainly
from moulouya.storage.lake import Lake
from moulouya.withdrawals import Gone

VOID = "void"
# What an entry of the log and the manifest that it names both say.
SAID_TWICE = ("previous_sha256", "created", "writer")


@dataclass(frozen=True)
class Release:
    """A committed release: its number, directory and manifest."""

    number: int
    path: Path
    manifest: dict[str, Any]

    @property
    def gone(self) -> Gone:
        """What it says is published no longer."""
        return Gone.of(self.manifest)

    def recorded(self, name: str) -> dict[str, Any] | None:
        """What the manifest says of one of its files: name, bytes and sha256."""
        return next((file for file in self.manifest["files"] if file["name"] == name), None)


def newest_number(lake: Lake) -> int | None:
    """The number of the newest release, or None; numbers that were made void are passed over."""
    for number in reversed(lake.numbers(lake.log)):
        if not is_void(lake, number):
            return number
    return None


def is_void(lake: Lake, number: int) -> bool:
    """Whether a number of the log was given up, so that no release has it or ever will."""
    return bool(entry_of(lake, number)["kind"] == VOID)


def entry_of(lake: Lake, number: int) -> dict[str, Any]:
    """One entry of the log. Raises LakeError when it is damaged."""
    path = lake.log / str(number)
    with told_plainly(f"reading {path}"):
        entry: dict[str, Any] = read_json(path)
    known = entry.get("kind") in ("release", VOID) and "manifest_sha256" in entry
    if not known or (entry.get("format"), entry.get("release")) != (1, number):
        raise LakeError(f"{path} is damaged: it is no entry of the log", hint="moulouya verify")
    return entry


def current(lake: Lake, *, verify: bool = True) -> Release | None:
    """The newest committed release, its hashes checked; None before the first.

    Raises LakeError when the log, the manifest or a file of the release is damaged.
    """
    number = newest_number(lake)
    return None if number is None else read(lake, number, verify=verify)


def read(lake: Lake, number: int, *, verify: bool = True) -> Release:
    """One committed release; ``verify`` re-hashes its files, the manifest always is."""
    entry = entry_of(lake, number)
    if entry["kind"] == VOID:
        raise LakeError(f"release {number} was never published: its number is void")
    path = lake.release(number)
    lake.refresh(path)
    manifest_path = path / "manifest.json"
    try:
        raw = manifest_path.read_bytes()
    except OSError as error:
        raise LakeError(
            f"{manifest_path} cannot be read: {error}", hint="moulouya verify"
        ) from error
    if hashlib.sha256(raw).hexdigest() != entry["manifest_sha256"]:
        raise LakeError(f"{manifest_path} is not what the log says", hint="moulouya verify")
    release = Release(number, path, orjson.loads(raw))
    said = release.manifest
    both = [name for name in SAID_TWICE if name in said]
    if any(name not in entry or said[name] != entry[name] for name in both):
        raise LakeError(f"{lake.log / str(number)} is damaged: it is not what its manifest says",
                        hint="moulouya verify")  # fmt: skip
    if verify:
        for file in release.manifest["files"]:
            require(lake.local(path / file["name"]), file)
    return release


def require(path: Path, file: dict[str, Any]) -> None:
    """Raise LakeError unless a file has the size and the hash that were recorded."""
    with told_plainly(f"reading {path}"):
        if path.stat().st_size != file["bytes"] or sha256_of(path) != file["sha256"]:
            raise LakeError(f"{path} is damaged: its hash is not the recorded one",
                            hint="restore it from a backup, or moulouya release")  # fmt: skip


def gone(lake: Lake) -> Gone:
    """What is published no longer, as the newest release says; nothing before the first."""
    newest = current(lake, verify=False)
    return newest.gone if newest is not None else Gone()
