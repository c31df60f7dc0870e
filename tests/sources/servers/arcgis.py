"""An ArcGIS feature service with one layer of points."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from servers.loopback import Answer, Asked, answering

LAYER = "/arcgis/rest/services/Eau/Barrages/FeatureServer/0"
ABOUT = {
    "currentVersion": 11.1,
    "name": "Barrages",
    "objectIdField": "OBJECTID",
    "maxRecordCount": 2,
    "supportedQueryFormats": "JSON, geoJSON, PBF",
    "advancedQueryCapabilities": {"supportsPagination": True},
    "editingInfo": {"lastEditDate": 1793491200000},
}
DAMS = [("Mohammed V", -2.94, 34.66), ("Machraa Hammadi", -2.81, 34.72), ("Hassan II", -2.60, 34.0)]


@contextmanager
def serve(folder: Path) -> Iterator[dict[str, str]]:
    """Answer the layer, its count and its pages; yields where."""
    with answering(_respond) as server:
        yield {"https://services.example.org": server.url}


def _respond(asked: Asked) -> Answer:
    if asked.path == LAYER:
        return Answer(ABOUT)
    if asked.path != f"{LAYER}/query":
        return Answer({"error": {"code": 404, "message": "Service not found"}})
    if asked.query.get("returnCountOnly") == "true":
        return Answer({"count": len(DAMS)})
    start, size = int(asked.query["resultOffset"]), int(asked.query["resultRecordCount"])
    assert asked.query["outSR"] == "4326"
    return Answer(
        {
            "type": "FeatureCollection",
            "exceededTransferLimit": start + size < len(DAMS),
            "features": [
                {
                    "type": "Feature",
                    "id": number,
                    "geometry": {"type": "Point", "coordinates": [longitude, latitude]},
                    "properties": {"OBJECTID": number, "nom": name},
                }
                for number, (name, longitude, latitude) in enumerate(DAMS, 1)
            ][start : start + size],
        }
    )
