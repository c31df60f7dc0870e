"""Snapshots: every delivery's exact bytes, kept with where they came from."""

from __future__ import annotations

import datetime as dt
import hashlib
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import structlog

from moulouya import __version__, sources
from moulouya.definition import HttpSource, SourceBase
from moulouya.errors import Conflict, LakeError
from moulouya.ledger import now, stamp
from moulouya.region import Region
from moulouya.settings import Settings
from moulouya.storage.files import (
    canonical_json,
    checked_json,
    read_json,
    remove_tree,
    sha256_of,
    told_plainly,
    write_file,
)
from moulouya.storage.lake import Lake
from moulouya.workspace import Dataset

Interval = tuple[dt.datetime, dt.datetime]
ATTEMPTS = 10
log = structlog.get_logger("moulouya")


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
    source: str = ""
    state: dict[str, Any] = field(default_factory=dict)
    interval: dict[str, str] | None = None

    def to_json(self) -> dict[str, Any]:
        """The provenance of the snapshot, as version.json carries it."""
        return {name: value for name, value in asdict(self).items() if name != "state"}


def read(lake: Lake, slug: str, number: int) -> Snapshot:
    """One snapshot by its number."""
    path = lake.snapshots(slug) / str(number) / "snapshot.json"
    record = read_json(lake.local(path))
    record["files"] = tuple(SnapshotFile(**file) for file in record["files"])
    record.pop("format")
    record.pop("headers")
    return Snapshot(**record)


def latest(lake: Lake, slug: str) -> Snapshot | None:
    """The last delivery of a dataset, or None."""
    number = lake.latest(lake.snapshots(slug))
    return None if number is None else read(lake, slug, number)


def _remember(lake: Lake, snapshot: Snapshot, state: dict[str, Any]) -> None:
    """Note how far a source got that gave the same bytes again."""
    if state != snapshot.state:
        noted = checked_json({"format": 1, "snapshot": snapshot.number, "state": state})
        lake.write(lake.snapshots(snapshot.slug) / "state.json", noted)


def _state(lake: Lake, snapshot: Snapshot) -> dict[str, Any]:
    """How far the source got; losing the note costs a fetch, nothing else."""
    path = lake.snapshots(snapshot.slug) / "state.json"
    noted = read_json(path) if path.exists() else {}
    return dict(noted["state"]) if noted.get("snapshot") == snapshot.number else snapshot.state


def paths(lake: Lake, snapshot: Snapshot) -> dict[str, Path]:
    """The files of a snapshot in the lake, by the names they were delivered under.

    Raises LakeError when one is not what was delivered any more.
    """
    folder = lake.snapshots(snapshot.slug) / str(snapshot.number)
    return {file.name: lake.sound(folder / file.path, asdict(file)) for file in snapshot.files}


def _is_whole(lake: Lake, snapshot: Snapshot) -> bool:
    """Whether the bytes of a snapshot are what was delivered; in a bucket, the store sees to it."""
    try:
        return lake.remote or bool(paths(lake, snapshot))
    except LakeError as error:
        log.warning("the same bytes are kept once more", reason=error.message)
        return False


def since(lake: Lake, slug: str, number: int) -> list[Snapshot]:
    """The deliveries after one, oldest first."""
    numbers = lake.numbers(lake.snapshots(slug))
    return [read(lake, slug, later) for later in sorted(numbers) if later > number]


def take(
    lake: Lake,
    dataset: Dataset,
    region: Region,
    settings: Settings,
    run_id: str,
    interval: Interval | None = None,
    *,
    named: bool = False,
) -> Snapshot | None:
    """Fetch a dataset's source and keep what came; the last snapshot when nothing is new.

    Nothing is new when the source says so (304) or the bytes are the same as the last ones; None
    when nothing ever came. The snapshot keeps the interval where it was ``named`` for the run. What
    the source is to acknowledge is acknowledged once the bytes are durable. Raises SourceError, and
    LakeError when the bytes cannot be kept.
    """
    source = dataset.definition.source
    assert source is not None, "a derived dataset has no source"
    previous = latest(lake, dataset.slug)
    scratch = lake.scratch(run_id) / "snapshot"
    remove_tree(scratch)
    body = scratch / "body"
    with told_plainly(f"keeping the delivery of {dataset.slug}"):
        body.mkdir(parents=True)
    known = previous if previous and _same_source(source, previous) else None
    delivery = sources.fetch(
        source,
        sources.Request(
            folder=body,
            workspace=settings.workspace_root,
            user_agent=f"Moulouya/{__version__} (+{settings.contact or region.contact})",
            timeout=settings.http_timeout,
            max_bytes=settings.http_max_bytes,
            etag=known.etag if known else None,
            last_modified=known.last_modified if known else None,
            state=_state(lake, known) if known else {},
            interval=interval,
            slug=dataset.slug,
            private_hosts=settings.allowed_private_hosts,
            state_folder=settings.state_root,
            inbox=settings.inbox_root,
        ),
    )
    if delivery is None:
        return previous
    with told_plainly(f"keeping the delivery of {dataset.slug}"):
        snapshot = _keep(lake, dataset, delivery, scratch, previous, interval if named else None)
    delivery.settle()
    return snapshot


def _same_source(source: SourceBase, previous: Snapshot) -> bool:
    """Whether the last delivery came from the same place, however its bytes are read today."""
    if previous.source:
        return previous.source == _fingerprint(source)
    return isinstance(source, HttpSource) and str(source.url) == previous.url


def _fingerprint(source: SourceBase) -> str:
    """A SHA-256 over what decides which bytes a source gives."""
    reading = {*SourceBase.model_fields} - {"format"}
    return hashlib.sha256(
        canonical_json(source.model_dump(mode="json", by_alias=True, exclude=reading))
    ).hexdigest()


def _keep(
    lake: Lake,
    dataset: Dataset,
    delivery: sources.Delivery,
    scratch: Path,
    previous: Snapshot | None,
    interval: Interval | None,
) -> Snapshot:
    source = dataset.definition.source
    assert source is not None, "a delivery has a source"
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
    same = previous is not None and (previous.sha256, previous.url) == (digest, delivery.url)
    if previous is not None and same and _is_whole(lake, previous):
        _remember(lake, previous, delivery.state)
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
        "source": _fingerprint(source),
        "state": delivery.state,
        "interval": {"start": stamp(interval[0]), "end": stamp(interval[1])} if interval else None,
    }
    folder = lake.snapshots(dataset.slug)
    with lake.locked(f"snapshots-{dataset.slug}"):
        for _ in range(ATTEMPTS):
            number = lake.free(folder)
            numbered = checked_json({"format": 1, "number": number, **record})
            write_file(scratch / "snapshot.json", numbered)
            if lake.commit(scratch, folder / str(number), "snapshot.json"):
                return read(lake, dataset.slug, number)
    raise Conflict(f"other hosts took {ATTEMPTS} numbers for deliveries of {dataset.slug}",
                   hint=f"moulouya run {dataset.slug}")  # fmt: skip


def _combined(files: list[SnapshotFile]) -> str:
    listing = "".join(
        f"{file.sha256}  {file.name}\n" for file in sorted(files, key=lambda f: f.name)
    )
    return hashlib.sha256(listing.encode()).hexdigest()
