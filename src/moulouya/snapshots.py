"""Snapshots: every delivery's exact bytes, kept with where they came from."""

from __future__ import annotations

import hashlib
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from moulouya import __version__, sources
from moulouya.ledger import now, stamp
from moulouya.region import Region
from moulouya.settings import Settings
from moulouya.storage.files import (
    canonical_json,
    read_json,
    remove_tree,
    sha256_of,
    told_plainly,
    write_file,
)
from moulouya.storage.lake import Lake
from moulouya.workspace import Dataset


@dataclass(frozen=True)
class SnapshotFile:
    """One file of a delivery; ``path`` is relative to the snapshot's directory."""

    name: str
    path: str
    bytes: int
    sha256: str


@dataclass(frozen=True)
class Snapshot:
    """One delivery of one source, as it was received."""

    slug: str
    number: int
    files: tuple[SnapshotFile, ...]
    sha256: str
    url: str
    retrieved: str
    licence: str
    status: int | None
    source_version: str | None
    etag: str | None
    last_modified: str | None

    def to_json(self) -> dict[str, Any]:
        """The provenance of the snapshot, as snapshot.json and version.json carry it."""
        return asdict(self)


def read(lake: Lake, slug: str, number: int) -> Snapshot:
    """One snapshot by its number."""
    record = read_json(lake.snapshots(slug) / str(number) / "snapshot.json")
    record["files"] = tuple(SnapshotFile(**file) for file in record["files"])
    record.pop("format")
    record.pop("headers")
    return Snapshot(**record)


def latest(lake: Lake, slug: str) -> Snapshot | None:
    """The last delivery of a dataset, or None."""
    number = lake.latest(lake.snapshots(slug))
    return None if number is None else read(lake, slug, number)


def paths(lake: Lake, snapshot: Snapshot) -> dict[str, Path]:
    """The files of a snapshot in the lake, by the names they were delivered under."""
    folder = lake.snapshots(snapshot.slug) / str(snapshot.number)
    return {file.name: folder / file.path for file in snapshot.files}


def take(lake: Lake, dataset: Dataset, region: Region, settings: Settings, run_id: str) -> Snapshot:
    """Fetch a dataset's source and keep what came; the last snapshot when nothing is new.

    Nothing is new when the source says so (304) or the bytes are the same as the last ones.
    Raises SourceError, and LakeError when the bytes cannot be kept.
    """
    source = dataset.definition.source
    assert source is not None, "a derived dataset has no source"
    previous = latest(lake, dataset.slug)
    scratch = lake.scratch(run_id) / "snapshot"
    remove_tree(scratch)
    body = scratch / "body"
    with told_plainly(f"keeping the delivery of {dataset.slug}"):
        body.mkdir(parents=True)
    same_source = previous is not None and _same_source(source, previous)
    delivery = sources.fetch(
        source,
        sources.Request(
            folder=body,
            workspace=settings.workspace_root,
            user_agent=f"Moulouya/{__version__} (+{settings.contact or region.contact})",
            timeout=settings.http_timeout,
            max_bytes=settings.http_max_bytes,
            etag=previous.etag if previous and same_source else None,
            last_modified=previous.last_modified if previous and same_source else None,
        ),
    )
    if delivery is None:
        assert previous is not None, "304 answers a conditional request only"
        return previous
    with told_plainly(f"keeping the delivery of {dataset.slug}"):
        return _keep(lake, dataset, delivery, scratch, previous)


def _same_source(source: Any, previous: Snapshot) -> bool:
    return source.kind == "http" and str(source.url) == previous.url


def _keep(
    lake: Lake,
    dataset: Dataset,
    delivery: sources.Delivery,
    scratch: Path,
    previous: Snapshot | None,
) -> Snapshot:
    body = scratch / "body"
    if len(delivery.members) == 1:
        (body / delivery.members[0]).rename(scratch / "single")
        body.rmdir()
        (scratch / "single").rename(body)
    files = []
    for name in delivery.members:
        path = body if len(delivery.members) == 1 else body / name
        relative = str(path.relative_to(scratch))
        files.append(SnapshotFile(name, relative, path.stat().st_size, sha256_of(path)))
    digest = files[0].sha256 if len(files) == 1 else _combined(files)
    if previous is not None and (previous.sha256, previous.url) == (digest, delivery.url):
        return previous
    record = {
        "slug": dataset.slug,
        "files": [asdict(file) for file in files],
        "sha256": digest,
        "url": delivery.url,
        "retrieved": stamp(now()),
        "licence": dataset.licence.spdx,
        "status": delivery.status,
        "source_version": delivery.source_version,
        "etag": delivery.etag,
        "last_modified": delivery.last_modified,
        "headers": delivery.headers,
    }
    with lake.locked(f"snapshots-{dataset.slug}"):
        number = (lake.latest(lake.snapshots(dataset.slug)) or 0) + 1
        write_file(
            scratch / "snapshot.json", canonical_json({"format": 1, "number": number, **record})
        )
        lake.commit_next(scratch, lake.snapshots(dataset.slug))
    return read(lake, dataset.slug, number)


def _combined(files: list[SnapshotFile]) -> str:
    listing = "".join(
        f"{file.sha256}  {file.name}\n" for file in sorted(files, key=lambda f: f.name)
    )
    return hashlib.sha256(listing.encode()).hexdigest()
