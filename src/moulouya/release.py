"""Releases: the whole catalogue as of one moment, committed by one entry of the log.

A release is a function of the committed dataset versions, region.yml and the public address.
Its commit is the put-if-absent of ``log/<n>``; what has no entry there was never published.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from moulouya import versions
from moulouya.errors import LakeError
from moulouya.ledger import now, stamp
from moulouya.region import Region
from moulouya.storage.files import (
    canonical_json,
    read_json,
    remove_tree,
    sha256_of,
    told_plainly,
    write_file,
)
from moulouya.storage.lake import Lake
from moulouya.versions import Version

Build = Callable[[Lake, dict[str, Version], "Plan", Path], None]


@dataclass(frozen=True)
class Plan:
    """What a release is made of, before it is built."""

    number: int
    public_url: str
    region: dict[str, Any]
    datasets: dict[str, dict[str, Any]]

    @property
    def content(self) -> dict[str, Any]:
        """The part that decides whether a release differs from the one before."""
        return {"public_url": self.public_url, "region": self.region, "datasets": self.datasets}


@dataclass(frozen=True)
class Release:
    """A committed release: its number, directory and manifest."""

    number: int
    path: Path
    manifest: dict[str, Any]


def current(lake: Lake, *, verify: bool = True) -> Release | None:
    """The newest committed release, its hashes checked; None before the first.

    Raises LakeError when the log, the manifest or a file of the release is damaged.
    """
    number = lake.latest(lake.log)
    return None if number is None else read(lake, number, verify=verify)


def read(lake: Lake, number: int, *, verify: bool = True) -> Release:
    """One committed release; ``verify`` re-hashes its files."""
    entry = read_json(lake.log / str(number))
    path = lake.releases / str(number)
    manifest_path = path / "manifest.json"
    try:
        raw = manifest_path.read_bytes()
    except OSError as error:
        raise LakeError(
            f"{manifest_path} cannot be read: {error}", hint="moulouya verify"
        ) from error
    if hashlib.sha256(raw).hexdigest() != entry.get("manifest_sha256"):
        raise LakeError(f"{manifest_path} is not what the log says", hint="moulouya verify")
    manifest = read_json(manifest_path)
    if verify:
        for file in manifest["files"]:
            _verify(path / file["name"], file)
    return Release(number, path, manifest)


def _verify(path: Path, file: dict[str, Any]) -> None:
    with told_plainly(f"reading {path}"):
        if path.stat().st_size != file["bytes"] or sha256_of(path) != file["sha256"]:
            raise LakeError(f"{path} is damaged: its hash is not the recorded one",
                            hint="restore it from a backup, or moulouya release")  # fmt: skip


def plan(lake: Lake, region: Region, public_url: str) -> tuple[Plan, dict[str, Version]]:
    """The next release as the committed versions make it."""
    slugs = lake.names(lake.datasets)
    newest = {slug: versions.latest(lake, slug) for slug in slugs}
    found = {slug: version for slug, version in newest.items() if version is not None}
    datasets = {
        slug: {
            "theme": version.record["theme"],
            "version": version.number,
            "rows": version.record["rows"],
            "version_sha256": sha256_of(version.path / "version.json"),
            "files": version.record["files"],
        }
        for slug, version in found.items()
    }
    number = (lake.latest(lake.log) or 0) + 1
    described = region.model_dump(mode="json")
    return Plan(number, public_url.rstrip("/"), described, datasets), found


def commit(lake: Lake, region: Region, public_url: str, build: Build) -> tuple[Release, bool]:
    """Build and commit the next release; returns it and whether it is new.

    Nothing is committed when the newest release already says the same. ``build`` writes the
    catalogue's files into the directory it is given.
    """
    with lake.locked("release"), told_plainly("committing the release"):
        planned, found = plan(lake, region, public_url)
        newest = current(lake, verify=False)
        if newest is not None and _same(newest, planned):
            return newest, False
        if not planned.datasets:
            raise LakeError("no dataset has been published yet", hint="moulouya run --all")
        scratch = lake.root / "tmp" / f"release-{planned.number}-{os.getpid()}"
        remove_tree(scratch)
        scratch.mkdir(parents=True)
        build(lake, found, planned, scratch)
        _seal(scratch, planned)
        target = lake.releases / str(planned.number)
        if target.exists():
            # Left by a publisher that died before its log entry: it was never published.
            orphan = lake.root / "tmp" / f"orphan-{planned.number}-{os.getpid()}"
            target.rename(orphan)
            remove_tree(orphan)
        manifest_sha256 = sha256_of(scratch / "manifest.json")
        lake.commit(scratch, target, "manifest.json")
        _log(lake, planned.number, manifest_sha256)
        return read(lake, planned.number), True


def _same(newest: Release, planned: Plan) -> bool:
    return {name: newest.manifest[name] for name in planned.content} == planned.content


def _seal(scratch: Path, planned: Plan) -> None:
    """Write the manifest: every dataset version and file of the release with its hash."""
    files = [
        {"name": path.name, "bytes": path.stat().st_size, "sha256": sha256_of(path)}
        for path in sorted(scratch.iterdir())
    ]
    manifest = {
        "format": 1,
        "release": planned.number,
        "created": stamp(now()),
        **planned.content,
        "files": files,
    }
    write_file(scratch / "manifest.json", canonical_json(manifest))


def _log(lake: Lake, number: int, manifest_sha256: str) -> None:
    previous = lake.log / str(number - 1)
    entry = {
        "format": 1,
        "kind": "release",
        "release": number,
        "manifest_sha256": manifest_sha256,
        "previous_sha256": sha256_of(previous) if previous.exists() else None,
        "created": stamp(now()),
    }
    if not lake.put_new(lake.log / str(number), canonical_json(entry)):
        raise LakeError(f"release {number} was committed by another host meanwhile",
                        hint="moulouya release")  # fmt: skip
