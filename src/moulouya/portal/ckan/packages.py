"""Datasets, publishers and themes as CKAN's packages, organizations and groups."""

from __future__ import annotations

import datetime as dt
import re
import uuid
from dataclasses import dataclass
from typing import Any

import orjson

from moulouya.portal.ckan.licences import licence_of
from moulouya.portal.ckan.shown import Shown
from moulouya.portal.kept import Kept
from moulouya.portal.published import Catalogue, PublishedDataset, Record, first_published
from moulouya.portal.records import formats
from moulouya.portal.standards import frequencies
from moulouya.portal.standards.vocabularies import AUTHORITY

# Tags of CKAN hold letters, digits, blanks, dots, hyphens and underscores, 2 to 100 of them.
_NO_TAG = re.compile(r"[^\w .-]+")
_SPACE = uuid.uuid5(uuid.NAMESPACE_URL, "urn:moulouya:ckan")
MOST_KEPT = 20_000
SHA256 = "http://spdx.org/rdf/terms#checksumAlgorithm_sha256"


@dataclass(frozen=True)
class Voice:
    """For whom a package is written: the site's address and one language."""

    public_url: str
    language: str


def stamp(moment: dt.datetime) -> str:
    """A time as CKAN writes it: UTC without a zone, and no fraction where it is zero.

    CKAN's harvester compares these as texts with its own: one zero more, and everything is new.
    """
    return moment.astimezone(dt.UTC).replace(tzinfo=None).isoformat()


def identity(catalogue: Catalogue, kind: str, name: str) -> str:
    """The UUID of a thing: the same in every release and under every address of the site."""
    return str(uuid.uuid5(_SPACE, f"{catalogue.region['place']['code']}/{kind}/{name}"))


class Packages:
    """The packages of a release, by slug; those of which nothing changed are kept."""

    def __init__(self) -> None:
        self._kept: Kept[dict[str, Any]] = Kept(MOST_KEPT)
        self._shown = Shown()
        self._region: Record | None = None

    def of(self, catalogue: Catalogue, dataset: PublishedDataset, voice: Voice) -> dict[str, Any]:
        """One dataset as ``package_show`` answers it; not to be changed."""
        if self._region is not catalogue.region:
            if self._region != catalogue.region:
                self._kept.clear()
            self._region = catalogue.region
        since = self._shown.since(catalogue, dataset)
        key = (dataset.slug, dataset.number, dataset.sha256, since, voice)
        return self._kept.get(key, lambda: package(catalogue, dataset, voice, since))


def package(
    catalogue: Catalogue, dataset: PublishedDataset, voice: Voice, modified: dt.datetime
) -> dict[str, Any]:
    """A dataset in CKAN's words; texts are in one language, the others in ``extras``.

    ``modified`` is when the catalogue began to say so.
    """
    said, record = dataset.definition, dataset.record
    licence = licence_of(record["licence"]["spdx"])
    contact = str(record["publisher"].get("contact") or catalogue.region["contact"])
    owner = organization(catalogue, publisher_of(dataset), record["publisher"], voice)
    name = record["publisher"]["name"][voice.language]
    tagged = tags(catalogue, dataset)
    since = first_published(catalogue.lake, dataset.slug, dataset.number, dataset.created)
    files = resources(catalogue, dataset, voice)
    groups = [
        {
            key: value
            for key, value in group(catalogue, theme, voice).items()
            if key in ("description", "display_name", "id", "image_display_url", "name", "title")
        }
        for theme in dataset.themes
        if theme in catalogue.region["themes"]
    ]
    return {
        "author": name,
        "author_email": contact if "@" in contact else None,
        "creator_user_id": None,
        "id": identity(catalogue, "dataset", dataset.slug),
        "isopen": True,
        "license_id": licence.id,
        "license_title": licence.title,
        "license_url": licence.url or record["licence"]["url"],
        "maintainer": catalogue.region["title"][voice.language],
        "maintainer_email": (
            catalogue.region["contact"] if "@" in catalogue.region["contact"] else None
        ),
        "metadata_created": stamp(since),
        "metadata_modified": stamp(modified),
        "name": dataset.slug,
        "notes": said["description"][voice.language],
        "num_resources": len(files),
        "num_tags": len(tagged),
        "organization": {
            key: owner[key]
            for key in (
                "id", "name", "title", "type", "description", "image_url", "created",
                "is_organization", "approval_status", "state",
            )
        },
        "owner_org": owner["id"],
        "private": False,
        "state": "active",
        "title": said["title"][voice.language],
        "type": "dataset",
        "url": f"{voice.public_url}/{voice.language}/datasets/{dataset.slug}",
        "version": str(dataset.number),
        "extras": _extras(catalogue, dataset),
        "groups": groups,
        "resources": files,
        "tags": tagged,
        "relationships_as_subject": [],
        "relationships_as_object": [],
    }  # fmt: skip


def publisher_of(dataset: PublishedDataset) -> str:
    """The publisher's name in region.yml, which is the organization's name."""
    return str(dataset.definition["publisher"])


def organization(
    catalogue: Catalogue, name: str, publisher: Record, voice: Voice, count: int = 0
) -> dict[str, Any]:
    """A publisher as CKAN's organization."""
    return {
        **_group(catalogue, "organization", name, publisher["name"][voice.language], count),
        "description": str(publisher["url"]),
        "is_organization": True,
    }


def group(catalogue: Catalogue, theme: str, voice: Voice, count: int = 0) -> dict[str, Any]:
    """A theme as CKAN's group."""
    title = catalogue.region["themes"][theme]["title"][voice.language]
    return {**_group(catalogue, "group", theme, title, count), "is_organization": False}


def _group(catalogue: Catalogue, kind: str, name: str, title: str, count: int) -> dict[str, Any]:
    return {
        "approval_status": "approved",
        "created": stamp(dt.datetime(2000, 1, 1, tzinfo=dt.UTC)),
        "description": "",
        "display_name": title,
        "id": identity(catalogue, kind, name),
        "image_display_url": "",
        "image_url": "",
        "name": name,
        "num_followers": 0,
        "package_count": count,
        "state": "active",
        "title": title,
        "type": kind,
    }


def tags(catalogue: Catalogue, dataset: PublishedDataset) -> list[dict[str, Any]]:
    """The keywords in every language, each once, as tags."""
    keywords = dataset.definition.get("keywords") or {}
    found = dict.fromkeys(
        " ".join(_NO_TAG.sub(" ", word).split())[:100]
        for said in keywords.values()
        for word in said
    )
    return [tag(catalogue, name) for name in sorted(name for name in found if len(name) > 1)]


def tag(catalogue: Catalogue, name: str) -> dict[str, Any]:
    """One word as CKAN's tag."""
    return {
        "display_name": name,
        "id": identity(catalogue, "tag", name),
        "name": name,
        "state": "active",
        "vocabulary_id": None,
    }


def resources(
    catalogue: Catalogue, dataset: PublishedDataset, voice: Voice
) -> list[dict[str, Any]]:
    """The files of the version shown: a plain CSV first, then those that are kept with a hash.

    Their ids stay when the version changes; their addresses name the version.
    """
    slug, number = dataset.slug, dataset.number
    found: list[tuple[str, str, str, int | None, str]] = [
        ("csv", "CSV", formats.FORMATS["csv"].media_type.partition(";")[0], None, "")
    ]
    for suffix, label in (("parquet", "Parquet"), ("duckdb", "DuckDB")):
        file = dataset.files.get(f"{slug}.{suffix}")
        if file is not None:
            found.append((suffix, label, file.media_type, file.bytes, file.sha256))
    return [
        {
            "cache_last_updated": None,
            "cache_url": None,
            "created": stamp(dataset.created),
            "datastore_active": position == 0,
            "description": dataset.definition["row_is"][voice.language],
            "format": label,
            "hash": digest,
            **({"hash_algorithm": SHA256} if digest else {}),
            "id": identity(catalogue, "resource", f"{slug}.{suffix}"),
            "last_modified": stamp(dataset.created),
            "metadata_modified": stamp(dataset.created),
            "mimetype": media_type,
            "mimetype_inner": None,
            "name": f"{slug}.{suffix}",
            "package_id": identity(catalogue, "dataset", slug),
            "position": position,
            "resource_type": "file",
            "size": size,
            "state": "active",
            "url": (
                f"{voice.public_url}/exports/{slug}/{number}/{slug}.csv"
                if suffix == "csv"
                else f"{voice.public_url}/files/{slug}/{number}/{slug}.{suffix}"
            ),
            "url_type": None,
        }
        for position, (suffix, label, media_type, size, digest) in enumerate(found)
    ]


def _extras(catalogue: Catalogue, dataset: PublishedDataset) -> list[dict[str, str]]:
    """What CKAN has no field for, under the names that its extensions read."""
    said, record = dataset.definition, dataset.record
    west, south, east, north = catalogue.region["place"]["bbox"]
    ring = [[west, south], [east, south], [east, north], [west, north], [west, south]]
    temporal, rhythm = said.get("temporal") or {}, frequencies.of(said)
    found = {
        "spatial": orjson.dumps({"type": "Polygon", "coordinates": [ring]}).decode(),
        "temporal_start": str(temporal.get("start") or ""),
        "temporal_end": str(temporal.get("end") or ""),
        "frequency": f"{AUTHORITY}/frequency/{rhythm}" if rhythm else "",
        "language": orjson.dumps(list(catalogue.languages)).decode(),
        "title_translated": orjson.dumps(said["title"]).decode(),
        "notes_translated": orjson.dumps(said["description"]).decode(),
        "row_is": orjson.dumps(said["row_is"]).decode(),
        "licence_spdx": record["licence"]["spdx"],
        "licence_url": record["licence"]["url"],
        "sdg": ", ".join(said.get("sdg") or ()),
        "rows": str(dataset.rows),
    }
    return [{"key": key, "value": value} for key, value in sorted(found.items()) if value]
