"""Where bytes come from: one module per protocol, one function each.

A source writes what it is given into a folder, untouched, and tells where it came from.
"""

from __future__ import annotations

from importlib import import_module
from typing import Any

from moulouya.sources.delivery import Delivery, Request

__all__ = ["KINDS", "Delivery", "Request", "fetch"]

# Each module is imported when a source of its kind is fetched: some bring heavy clients.
KINDS = {
    "arcgis": "arcgis",
    "ckan": "ckan",
    "file": "file",
    "http": "http",
    "inbox": "inbox",
    "mqtt": "mqtt",
    "ngsi_ld": "ngsi_ld",
    "ogc_features": "ogc_features",
    "opendatasoft": "opendatasoft",
    "overpass": "overpass",
    "package": "package",
    "rest": "rest",
    "s3": "s3",
    "sdmx": "sdmx",
    "sensorthings": "sensorthings",
    "sftp": "sftp",
    "socrata": "socrata",
    "sql": "sql",
    "wfs": "wfs",
    "worldbank": "worldbank",
}


def fetch(source: Any, request: Request) -> Delivery | None:
    """Fetch a source's bytes into ``request.folder``; None when it says nothing is new.

    Raises SourceError, with ``retry`` set where waiting can heal it.
    """
    module = import_module(f"moulouya.sources.{KINDS[source.kind]}")
    delivery: Delivery | None = module.fetch(source, request)
    return delivery
