"""What a committed release says, read from the lake and believed only after its hashes match."""

from __future__ import annotations

import datetime as dt
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path
from typing import Any

import orjson

from moulouya import release
from moulouya.errors import LakeError
from moulouya.portal.marks import Verified
from moulouya.storage.lake import Lake
from moulouya.versions import MEDIA_TYPES
from moulouya.withdrawals import Gone

FILE_NAME = re.compile(r"[A-Za-z0-9_][A-Za-z0-9._-]*")
SLUG = re.compile(r"[a-z][a-z0-9_]{0,62}")
Record = Mapping[str, Any]


@dataclass(frozen=True)
class PublishedFile:
    """One file that may be downloaded: its name, size and SHA-256 as committed."""

    name: str
    media_type: str
    bytes: int
    sha256: str


@dataclass(frozen=True)
class Decision:
    """Who approved a version that was held, why and when."""

    by: str
    reason: str
    at: dt.datetime


@dataclass(frozen=True)
class PublishedVersion:
    """One version of a dataset; ``record`` is its version.json."""

    slug: str
    number: int
    folder: Path
    record: Record
    files: Mapping[str, PublishedFile]

    @property
    def created(self) -> dt.datetime:
        """When it was published (UTC)."""
        return moment(self.record["created"])

    @property
    def rows(self) -> int:
        """How many rows the table has."""
        return int(self.record["rows"])

    @property
    def decision(self) -> Decision | None:
        """The approval by which it was published, None where it was never held."""
        found = self.record.get("decision")
        if not found:
            return None
        return Decision(found["by"], found["reason"], moment(found["decided"]))

    @property
    def rejected(self) -> int:
        """How many rows of the delivery could not be read and were left out."""
        return int(self.record.get("rejected") or 0)


@dataclass(frozen=True)
class PublishedDataset(PublishedVersion):
    """A dataset of a release, at the version that the release names.

    ``sha256`` is that of its version.json, as the manifest has it.
    """

    theme: str
    sha256: str

    @property
    def definition(self) -> Record:
        """The dataset's definition as it was when the version was made."""
        definition: Record = self.record["definition"]
        return definition

    @property
    def themes(self) -> tuple[str, ...]:
        """Its own theme first, then the further ones."""
        return tuple(dict.fromkeys([self.theme, *self.definition.get("themes", [])]))


@dataclass(frozen=True)
class Catalogue:
    """A verified release: its region, its datasets by slug and its own files."""

    number: int
    created: dt.datetime
    folder: Path
    region: Record
    datasets: Mapping[str, PublishedDataset]
    files: Mapping[str, PublishedFile]
    gone: Gone
    lake: Lake = field(repr=False, compare=False)
    verified: Verified = field(repr=False, compare=False)

    def sound(self, folder: Path, file: PublishedFile) -> Path:
        """A file of the release or of a version on this host, which has its committed hash now.

        Raises LakeError when it has not.
        """
        path = self.lake.local(folder / file.name)
        self.verified.require(path, file.sha256, file.name)
        return path

    @property
    def languages(self) -> tuple[str, ...]:
        """Languages of the portal, the default first."""
        return tuple(self.region["languages"])


def newest_number(lake: Lake, after: int) -> int | None:
    """The number of the newest release committed after the given one, or None.

    Costs one look for a file, or one request to the store, while nothing is new.
    """
    number = after
    while lake.appeared(lake.log / str(number + 1)):
        number += 1
    return number if number > after else None


def read_release(
    lake: Lake, number: int, verified: Verified, before: Catalogue | None = None
) -> Catalogue:
    """Read release ``number`` and every hash it names; raises LakeError for the first mismatch.

    Datasets that ``before`` shows at the same version are taken over from it; their files are
    looked at all the same, and those that changed are hashed again. The message is public: it
    names files by their place in the lake, not on this machine.
    """
    try:
        return _read_release(lake, number, verified, before)
    except LakeError as error:
        raise LakeError(error.message.replace(f"{lake.root}/", ""), hint=error.hint) from error
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        cause = error.strerror if isinstance(error, OSError) else repr(error)
        raise LakeError(f"release {number} cannot be read: {cause}") from error


def _read_release(
    lake: Lake, number: int, verified: Verified, before: Catalogue | None
) -> Catalogue:
    committed = release.read(lake, number, verify=False)
    manifest = committed.manifest
    files = files_of(manifest)
    lake.bring([committed.path / name for name in files])
    for file in files.values():
        path = lake.local(committed.path / file.name)
        verified.require(path, file.sha256, f"release {number}: {file.name}")
    known = before.datasets if before is not None else {}
    named = manifest["datasets"].items()
    lake.bring([lake.version(slug, one["version"]) / "version.json" for slug, one in named])
    datasets = {
        slug: _read_dataset(lake, slug, named, verified, known.get(slug))
        for slug, named in sorted(manifest["datasets"].items())
    }
    return Catalogue(
        number=number,
        created=moment(manifest["created"]),
        folder=committed.path,
        region=manifest["region"],
        datasets=datasets,
        files=files,
        gone=committed.gone,
        lake=lake,
        verified=verified,
    )


def _read_dataset(
    lake: Lake, slug: str, named: Record, verified: Verified, known: PublishedDataset | None
) -> PublishedDataset:
    number = int(named["version"])
    folder = lake.version(slug, number)
    what = f"{slug} version {number}"
    verified.require(folder / "version.json", named["version_sha256"], f"{what}: version.json")
    if known is not None and (known.number, known.theme) == (number, named["theme"]):
        dataset = known
    else:
        version = read_version(lake, slug, number)
        dataset = PublishedDataset(
            slug, number, folder, version.record, version.files,
            theme=named["theme"], sha256=named["version_sha256"],
        )  # fmt: skip
    # What is brought from a store is held against its hash when it is asked for.
    for file in () if lake.remote else dataset.files.values():
        verified.require(folder / file.name, file.sha256, f"{what}: {file.name}")
    return dataset


def read_version(lake: Lake, slug: str, number: int) -> PublishedVersion:
    """One committed version; its files are not hashed here. Raises OSError when it is absent."""
    folder = lake.version(slug, number)
    record = orjson.loads(lake.local(folder / "version.json").read_bytes())
    return PublishedVersion(slug, number, folder, record, files_of(record))


def report(version: PublishedVersion, name: str) -> Record:
    """The version's ``validation.json`` or ``changes.json``, empty when there is none.

    What was read is kept in memory for as long as the file stays as it is.
    """
    path = version.folder / name
    try:
        seen = path.stat()
        return _report(path, seen.st_mtime_ns, seen.st_size)
    except (OSError, ValueError):
        return {}


@lru_cache(maxsize=128)
def _report(path: Path, changed: int, size: int) -> Record:
    """The object in a file that has not changed since; raises OSError or ValueError."""
    found = json.loads(path.read_bytes())
    return found if isinstance(found, dict) else {}


def files_of(record: Record) -> dict[str, PublishedFile]:
    """The files that a version or a release lists, by name; names are plain, never paths."""
    files: dict[str, PublishedFile] = {}
    for file in record.get("files", []):
        name = str(file["name"])
        if not FILE_NAME.fullmatch(name):
            raise ValueError(f"{name!r} is not a plain file name")
        media_type = str(file.get("media_type") or _media_type(name))
        files[name] = PublishedFile(name, media_type, int(file["bytes"]), str(file["sha256"]))
    return files


def _media_type(name: str) -> str:
    suffix = next((end for end in MEDIA_TYPES if name.endswith(end)), "")
    return MEDIA_TYPES.get(suffix, "application/octet-stream")


def moment(text: str) -> dt.datetime:
    """A time of the lake (ISO 8601 with Z) as an aware datetime."""
    return dt.datetime.fromisoformat(text.replace("Z", "+00:00")).astimezone(dt.UTC)


@lru_cache(maxsize=20_000)
def first_published(lake: Lake, slug: str, shown: int, created: dt.datetime) -> dt.datetime:
    """When a dataset's first version was published; ``created`` of the one shown if it is gone."""
    if shown == 1:
        return created
    try:
        return read_version(lake, slug, 1).created
    except OSError:
        return created
