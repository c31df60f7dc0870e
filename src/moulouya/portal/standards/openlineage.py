"""The run that made a version, as an event of OpenLineage: what it read, wrote and checked."""

from __future__ import annotations

import uuid
from typing import Any
from urllib.parse import urlsplit

from moulouya import __version__
from moulouya.portal.history import version_of
from moulouya.portal.published import PublishedVersion, Record, report
from moulouya.portal.standards import columns
from moulouya.portal.standards.voice import STAMP, Voice

SCHEMA = "https://openlineage.io/spec/2-0-2/OpenLineage.json#/$defs/RunEvent"
FACETS = "https://openlineage.io/spec/facets"
_SPACE = uuid.uuid5(uuid.NAMESPACE_URL, "urn:moulouya:run")


def event(voice: Voice, version: PublishedVersion) -> dict[str, Any]:
    """The event that tells that the run was complete."""
    record = version.record
    namespace = voice.addresses.base
    definition: Record = record["definition"]
    return {
        "eventTime": version.created.strftime(STAMP),
        "eventType": "COMPLETE",
        "producer": producer(voice),
        "schemaURL": SCHEMA,
        "run": {
            "runId": str(uuid.uuid5(_SPACE, f"{namespace}/{record['run_id']}")),
            "facets": {
                **_facet(voice, "processing_engine", "1-1-1", "ProcessingEngineRunFacet", {
                    "name": "DuckDB",
                    "version": record["libraries"]["duckdb"],
                    "openlineageAdapterVersion": record["libraries"]["moulouya"],
                }),
                **_nominal(voice, record),
            },
        },
        "job": {
            "namespace": namespace,
            "name": version.slug,
            "facets": {
                **_facet(voice, "jobType", "2-0-4", "JobTypeJobFacet", {
                    "processingType": "BATCH",
                    "integration": "MOULOUYA",
                    "jobType": "DATASET",
                }),
                **_facet(voice, "documentation", "1-1-0", "DocumentationJobFacet",
                         {"description": definition["description"]["en"]}),
                **_facet(voice, "ownership", "1-0-1", "OwnershipJobFacet",
                         {"owners": [{"name": definition["publisher"], "type": "PUBLISHER"}]}),
            },
        },
        "inputs": [*_read(voice, record), *_taken(voice, record)],
        "outputs": [_written(voice, version)],
    }  # fmt: skip


def producer(voice: Voice) -> str:
    """Who tells this: the portal, by its address."""
    return f"{voice.addresses.base}/#moulouya-{__version__}"


def _read(voice: Voice, record: Record) -> list[dict[str, Any]]:
    """The versions of other datasets that were read."""
    found = []
    for slug, number in sorted((record.get("inputs") or {}).items()):
        used = version_of(voice.catalogue.lake, slug, number)
        facets = {**_version(voice, number)}
        if used is not None:
            facets |= _schema(voice, used)
        found.append({"namespace": voice.addresses.base, "name": slug, "facets": facets})
    return found


def _taken(voice: Voice, record: Record) -> list[dict[str, Any]]:
    """The files that were taken from outside, named as OpenLineage names files of a host."""
    found = {}
    for one in record.get("snapshots") or []:
        url = str(one["url"])
        parts = urlsplit(url)
        web = parts.scheme in ("http", "https") and parts.netloc
        namespace = f"{parts.scheme}://{parts.netloc}" if web else parts.scheme or "file"
        name = parts.path.lstrip("/") or parts.netloc or url
        if parts.fragment and not web:
            name = f"{name}#{parts.fragment}"
        found[namespace, name] = {
            "namespace": namespace,
            "name": name,
            "facets": {
                **_facet(voice, "dataSource", "1-0-1", "DatasourceDatasetFacet",
                         {"name": name, "uri": url}),
                **_version(voice, one.get("source_version") or f"sha256:{one['sha256']}"),
            },
        }  # fmt: skip
    return list(found.values())


def _written(voice: Voice, version: PublishedVersion) -> dict[str, Any]:
    record = version.record
    definition: Record = record["definition"]
    table = version.files.get(f"{version.slug}.parquet")
    statistics = {"rowCount": version.rows, **({"size": table.bytes} if table else {})}
    return {
        "namespace": voice.addresses.base,
        "name": version.slug,
        "facets": {
            **_schema(voice, version),
            **_version(voice, version.number),
            **_facet(voice, "dataSource", "1-0-1", "DatasourceDatasetFacet", {
                "name": voice.catalogue.region["title"]["en"],
                "uri": voice.addresses.version(version.slug, version.number),
            }),
            **_facet(voice, "documentation", "1-1-0", "DocumentationDatasetFacet",
                     {"description": definition["description"]["en"]}),
            **_facet(voice, "dataQualityAssertions", "1-1-0", "DataQualityAssertionsDatasetFacet",
                     {"assertions": _checks(version)}),
        },
        "outputFacets": _facet(
            voice, "outputStatistics", "1-0-2", "OutputStatisticsOutputDatasetFacet", statistics
        ),
    }  # fmt: skip


def _checks(version: PublishedVersion) -> list[dict[str, Any]]:
    return [
        {
            "assertion": check["type"],
            "success": check["success"],
            **({"column": check["column"]} if check.get("column") else {}),
        }
        for check in report(version, "validation.json").get("checks", [])
    ]


def _schema(voice: Voice, version: PublishedVersion) -> dict[str, Any]:
    fields = [
        {"name": one.name, "type": one.type, "description": one.said["description"]["en"]}
        for one in columns.of(version)
    ]
    return _facet(voice, "schema", "1-2-0", "SchemaDatasetFacet", {"fields": fields})


def _version(voice: Voice, number: object) -> dict[str, Any]:
    said = {"datasetVersion": str(number)}
    return _facet(voice, "version", "1-0-1", "DatasetVersionDatasetFacet", said)


def _nominal(voice: Voice, record: Record) -> dict[str, Any]:
    interval = record.get("interval")
    if not interval:
        return {}
    times = {"nominalStartTime": interval["start"], "nominalEndTime": interval["end"]}
    return _facet(voice, "nominalTime", "1-0-1", "NominalTimeRunFacet", times)


def _facet(voice: Voice, key: str, version: str, name: str, said: Record) -> dict[str, Any]:
    """One facet by its key, with the address of its schema as the standard wants it."""
    address = f"{FACETS}/{version}/{name}.json#/$defs/{name}"
    return {key: {"_producer": producer(voice), "_schemaURL": address, **said}}
