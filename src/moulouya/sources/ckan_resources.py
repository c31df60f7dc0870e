"""What a CKAN portal says about its resources, in the many ways it is written."""

from __future__ import annotations

import re
from dataclasses import dataclass
from fnmatch import fnmatchcase
from pathlib import PurePosixPath
from typing import Any
from urllib.parse import unquote, urlsplit

from moulouya.definition import CkanSource
from moulouya.errors import SourceError

LONGEST_NAME = 150  # bytes; file systems take 255
# What people type into the field "format", a media type or an ending, and what is meant.
SPELLINGS = {
    "csv": "csv cvs csvs tsv tab txt text text/csv text/plain text/tab-separated-values "
    "application/csv application/vnd.csv comma-separated-values csv-utf-8 csv-utf8",
    "xlsx": "xlsx xlxs xmls xslx xlsm excel-xlsx openxml ms-excel-2007 "
    "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
    "xls": "xls excel ms-excel msexcel microsoft-excel application/vnd.ms-excel "
    "application/excel application/x-msexcel",
    "ods": "ods opendocument application/vnd.oasis.opendocument.spreadsheet",
    "json": "json application/json text/json api-json",
    "ndjson": "ndjson jsonl json-lines jsonlines application/x-ndjson application/jsonl",
    "geojson": "geojson geo-json geojsonl application/geo+json application/vnd.geo+json",
    "xml": "xml text/xml application/xml",
    "html": "html htm text/html application/xhtml+xml webpage web-page",
    "parquet": "parquet application/vnd.apache.parquet application/x-parquet",
    "arrow": "arrow feather application/vnd.apache.arrow.file",
    "shapefile": "shp shape shapefile esri-shapefile esri-shape arcgis-shapefile zip-shp shp-zip "
    "application/x-shapefile",
    "geopackage": "gpkg geopackage ogc-geopackage application/geopackage+sqlite3",
    "kml": "kml kmz google-earth application/vnd.google-earth.kml+xml "
    "application/vnd.google-earth.kmz",
    "gml": "gml application/gml+xml",
    "gtfs": "gtfs gtfs-zip application/gtfs+zip",
    "sdmx": "sdmx sdmx-ml application/vnd.sdmx.genericdata+xml",
    "zip": "zip application/zip application/x-zip-compressed application/x-zip compressed",
    "tar": "tar tgz tar.gz application/x-tar",
    "gzip": "gz gzip application/gzip application/x-gzip",
    "bzip2": "bz2 bzip2 application/x-bzip2",
    "zstd": "zst zstd application/zstd",
    "pdf": "pdf application/pdf",
}
MEANT = {spelling: meant for meant, listed in SPELLINGS.items() for spelling in listed.split()}


@dataclass(frozen=True)
class Resource:
    """One file as the portal describes it."""

    id: str
    name: str
    url: str
    format: str
    mimetype: str
    url_type: str
    hash: str
    last_modified: str
    revision: str
    metadata_modified: str

    @classmethod
    def read(cls, said: Any) -> Resource:
        """From the portal's answer; raises SourceError for one that is no resource."""
        if not isinstance(said, dict) or not said.get("id") or not _url(said):
            raise SourceError(
                f"the portal's answer has a resource without id or url: {said!r:.200}"
            )

        def text(name: str) -> str:
            return str(said.get(name) or "").strip()

        return cls(
            id=text("id"),
            name=text("name"),
            url=_url(said),
            format=text("format"),
            mimetype=text("mimetype"),
            url_type=text("url_type").lower(),
            hash=text("hash"),
            last_modified=text("last_modified"),
            revision=text("revision_id"),
            metadata_modified=text("metadata_modified"),
        )

    @property
    def version(self) -> str | None:
        """The best thing the portal says about which version this is."""
        return self.metadata_modified or self.last_modified or self.revision or None

    @property
    def signature(self) -> tuple[str, str, str, str]:
        """What changes with the bytes, where the portal keeps them."""
        return (self.hash, self.last_modified, self.revision, self.metadata_modified)

    @property
    def uploaded(self) -> bool:
        """Whether the portal itself keeps the file."""
        return self.url_type == "upload"

    @property
    def only_in_datastore(self) -> bool:
        """Whether there is no file but a table, which is dumped when asked for."""
        return self.url_type == "datastore" or self.url.endswith("_datastore_only_resource")

    @property
    def file_name(self) -> str:
        """The name in the address, as a file here may be called."""
        name = PurePosixPath(unquote(urlsplit(self.url).path)).name
        name = re.sub(r"[^\w.()-]+", "_", name).strip("._") or "resource"
        while len(name.encode()) > LONGEST_NAME:
            name = name[1:]
        return name

    @property
    def formats(self) -> frozenset[str]:
        """What it is, by the portal's words: of "zip+csv" both; else by media type, or ending."""
        for said in (self.format, self.mimetype, PurePosixPath(urlsplit(self.url).path).suffix):
            meant = normalised(said)
            if meant:
                return meant
        return frozenset()


def normalised(said: str) -> frozenset[str]:
    """What a portal's format means: "CSV.", ".cvs" and "text/csv" are csv, "zip+csv" two things.

    Empty for words that nobody knows.
    """
    text = said.strip().lower().partition(";")[0]
    text = re.sub(r"[\s_]+", "-", text.strip(" .,:'\"()[]"))
    if text in MEANT:
        return frozenset({MEANT[text]})
    parts = [part.strip(" .-") for part in re.split(r"[+,/|&()\\-]|\.(?=\w)", text)]
    return frozenset(MEANT[part] for part in parts if part in MEANT)


def chosen(source: CkanSource, resources: list[Resource]) -> list[Resource]:
    """The resources that are wanted, by name and not in the portal's order, which may change.

    Raises SourceError, with what there is, when none is.
    """
    wanted = [resource for resource in resources if _wanted(source, resource)]
    if not wanted:
        listed = "; ".join(
            f"{resource.name or resource.file_name} ({resource.format or '?'})"
            for resource in resources[:20]
        )
        raise SourceError(
            f"no resource of the package {source.package!r} is called "
            f"{source.pattern or source.format!r}; it has: {listed or 'none'}",
            hint="correct source.pattern in the definition",
        )
    return sorted(wanted, key=lambda resource: (resource.name, resource.file_name, resource.id))


def _wanted(source: CkanSource, resource: Resource) -> bool:
    if source.pattern is None:
        wrapping = {source.archive.kind} if source.archive else {source.compression} - {"none"}
        return bool(resource.formats & {source.format, *wrapping})
    pattern = source.pattern.lower()
    names = (resource.name, resource.file_name, resource.format, *resource.formats)
    return any(fnmatchcase(name.lower(), pattern) for name in names)


def _url(said: dict[str, Any]) -> str:
    return str(said.get("url") or ("datastore" if said.get("url_type") == "datastore" else ""))
