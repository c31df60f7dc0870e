"""What a committed release says, read from the lake and believed only after its hashes match."""

from __future__ import annotations

import datetime as dt
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from moulouya import release
from moulouya.errors import LakeError
from moulouya.storage.files import sha256_of
from moulouya.storage.lake import Lake
from moulouya.versions import MEDIA_TYPES

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
    def rejected(self) -> int:
        """How many rows of the delivery could not be read and were left out."""
        return int(self.record.get("rejected") or 0)


@dataclass(frozen=True)
class PublishedDataset(PublishedVersion):
    """A dataset of a release, at the version that the release names."""

    theme: str

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

    @property
    def languages(self) -> tuple[str, ...]:
        """Languages of the portal, the default first."""
        return tuple(self.region["languages"])


@dataclass
class Verified:
    """Which files were already hashed, so that an immutable file is read for it only once."""

    seen: dict[Path, tuple[tuple[int, int, int], str]] = field(default_factory=dict)

    def sha256(self, path: Path) -> str:
        """The SHA-256 of a file, remembered as long as its inode, size and time stay the same."""
        stat = path.stat()
        mark = (stat.st_ino, stat.st_size, stat.st_mtime_ns)
        known = self.seen.get(path)
        if known is not None and known[0] == mark:
            return known[1]
        digest = sha256_of(path)
        self.seen[path] = (mark, digest)
        return digest

    def require(self, path: Path, sha256: str, what: str) -> None:
        """Raise LakeError unless the file is there and has the committed hash."""
        try:
            found = self.sha256(path)
        except OSError as error:
            raise LakeError(f"{what} cannot be read: {error.strerror}") from error
        if found != sha256:
            raise LakeError(f"{what} is damaged: its SHA-256 is not the committed one")


def newest_number(lake: Lake, after: int) -> int | None:
    """The number of the newest release committed after the given one, or None.

    Costs one look for a file while nothing is new.
    """
    number = after
    while (lake.log / str(number + 1)).exists():
        number += 1
    return number if number > after else None


def read_release(lake: Lake, number: int, verified: Verified) -> Catalogue:
    """Read release ``number`` and every hash it names; raises LakeError for the first mismatch.

    The message is public: it names files by their place in the lake, not on this machine.
    """
    try:
        return _read_release(lake, number, verified)
    except LakeError as error:
        raise LakeError(error.message.replace(f"{lake.root}/", ""), hint=error.hint) from error
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        cause = error.strerror if isinstance(error, OSError) else repr(error)
        raise LakeError(f"release {number} cannot be read: {cause}") from error


def _read_release(lake: Lake, number: int, verified: Verified) -> Catalogue:
    committed = release.read(lake, number)
    manifest = committed.manifest
    datasets = {
        slug: _read_dataset(lake, slug, named, verified)
        for slug, named in sorted(manifest["datasets"].items())
    }
    return Catalogue(
        number=number,
        created=moment(manifest["created"]),
        folder=committed.path,
        region=manifest["region"],
        datasets=datasets,
        files=files_of(manifest),
    )


def _read_dataset(lake: Lake, slug: str, named: Record, verified: Verified) -> PublishedDataset:
    number = int(named["version"])
    folder = lake.version(slug, number)
    what = f"{slug} version {number}"
    verified.require(folder / "version.json", named["version_sha256"], f"{what}: version.json")
    version = read_version(lake, slug, number)
    for file in version.files.values():
        verified.require(folder / file.name, file.sha256, f"{what}: {file.name}")
    return PublishedDataset(
        slug, number, folder, version.record, version.files, theme=named["theme"]
    )


def read_version(lake: Lake, slug: str, number: int) -> PublishedVersion:
    """One committed version; its files are not hashed here. Raises OSError when it is absent."""
    folder = lake.version(slug, number)
    record = json.loads((folder / "version.json").read_bytes())
    return PublishedVersion(slug, number, folder, record, files_of(record))


def report(version: PublishedVersion, name: str) -> Record:
    """The version's ``validation.json`` or ``changes.json``, empty when there is none."""
    try:
        found: Record = json.loads((version.folder / name).read_bytes())
    except (OSError, ValueError):
        return {}
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
