"""ArcGIS layers: every feature once, errors with status 200, layers that are edited."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from pulling import fetched
from servers.loopback import Answer, Asked, answering

from moulouya.errors import SourceError


class Layer:
    """A layer with points, and what happens to it before each request."""

    def __init__(self, count: int, **about: Any) -> None:
        self.about = {
            "objectIdField": "FID",
            "maxRecordCount": 3,
            "supportedQueryFormats": "JSON, geoJSON",
            "advancedQueryCapabilities": {"supportsPagination": True},
            **about,
        }
        self.ids = list(range(1, count + 1))
        self.requests = 0
        self.inserts: dict[int, int] = {}
        self.dated = False

    def __call__(self, asked: Asked) -> Answer:
        self.requests += 1
        if self.requests in self.inserts:
            self.ids.insert(0, self.inserts[self.requests])
            self.ids.pop()
            if self.dated:
                self.about["editingInfo"] = {"lastEditDate": self.requests}
        if asked.path == "/FeatureServer/0":
            return Answer(self.about)
        if asked.query.get("returnCountOnly") == "true":
            return Answer({"count": len(self.ids)})
        assert asked.query["f"] == "geojson"
        assert asked.query["orderByFields"] == "FID"
        start = int(asked.query.get("resultOffset", 0))
        size = min(int(asked.query.get("resultRecordCount", 3)), 3)
        features = [
            {
                "type": "Feature",
                "id": number,
                "geometry": {"type": "Point", "coordinates": [-2.3, 34.9]},
                "properties": {"FID": number},
            }
            for number in self.ids[start : start + size]
        ]
        more = {"exceededTransferLimit": True} if start + size < len(self.ids) else {}
        return Answer({"type": "FeatureCollection", "features": features, "properties": more})


def source(url: str, **more: Any) -> dict[str, Any]:
    return {"kind": "arcgis", "url": f"{url}/FeatureServer/0", "format": "geojson", **more}


def ids(pull: Any) -> list[int]:
    return [each["id"] for page in pull.documents() for each in page["features"]]


@pytest.mark.parametrize("count", [0, 1, 3, 8])
def test_every_feature_comes_once(tmp_path: Path, count: int) -> None:
    layer = Layer(count)
    with answering(layer) as server:
        pull = fetched(tmp_path, source(server.url, where="FID > 0", out_fields=["FID"]))
    assert ids(pull) == layer.ids
    query = next(asked.query for asked in server.asked if "outFields" in asked.query)
    assert query == {
        "where": "FID > 0", "outFields": "FID", "outSR": "4326", "f": "geojson",
        "orderByFields": "FID", "resultOffset": "0", "resultRecordCount": "3",
    }  # fmt: skip


@pytest.mark.parametrize("dated", [True, False])
@pytest.mark.parametrize("moment", range(2, 9))
def test_a_feature_that_replaces_another_in_between_restarts_the_pull(
    tmp_path: Path, moment: int, dated: bool
) -> None:
    """The count stays the same: the date of the edit, or a second reading, tells."""
    layer = Layer(8, **({"editingInfo": {"lastEditDate": 0}} if dated else {}))
    layer.inserts, layer.dated = {moment: 99}, dated
    with answering(layer) as server:
        pull = fetched(tmp_path, source(server.url))
    assert ids(pull) in (layer.ids, list(range(1, 9)))


def test_a_layer_that_was_not_edited_is_not_read_again(tmp_path: Path) -> None:
    layer = Layer(8, editingInfo={"lastEditDate": 5})
    with answering(layer) as server:
        pull = fetched(tmp_path, source(server.url))
        assert pull.last is not None
        assert pull.last.source_version == "5"
        before = len(server.asked)
        assert pull.again() is None
        assert len(server.asked) - before <= 3
        layer.about["editingInfo"] = {"lastEditDate": 6}
        assert pull.again() is not None


def test_a_layer_that_tells_no_date_is_read_every_time(tmp_path: Path) -> None:
    with answering(Layer(2)) as server:
        pull = fetched(tmp_path, source(server.url))
        assert pull.again() is not None


def test_an_error_with_status_200_is_an_error(tmp_path: Path) -> None:
    said = {"error": {"code": 400, "message": "Invalid query", "details": ["Unknown field: x"]}}

    def respond(asked: Asked) -> Answer:
        return Answer(said) if asked.path.endswith("query") else Answer(Layer(1).about)

    with answering(respond) as server, pytest.raises(SourceError, match="Unknown field: x"):
        fetched(tmp_path, source(server.url, where="x = 1"))


def test_a_server_without_geojson_is_told(tmp_path: Path) -> None:
    layer = Layer(1, supportedQueryFormats="JSON, AMF")
    with answering(layer) as server, pytest.raises(SourceError, match="no GeoJSON, only JSON, AMF"):
        fetched(tmp_path, source(server.url))


def test_a_server_that_answers_its_own_json_is_told(tmp_path: Path) -> None:
    def respond(asked: Asked) -> Answer:
        if asked.query.get("f") == "geojson":
            return Answer({"objectIdFieldName": "FID", "features": []})
        return Layer(1)(asked)

    with answering(respond) as server, pytest.raises(SourceError, match="no GeoJSON"):
        fetched(tmp_path, source(server.url))


def test_a_server_without_pages_is_told_where_one_is_not_enough(tmp_path: Path) -> None:
    layer = Layer(8, advancedQueryCapabilities={"supportsPagination": False})
    with answering(layer) as server, pytest.raises(SourceError, match="8 features"):
        fetched(tmp_path, source(server.url))


def test_a_service_in_place_of_a_layer_is_told(tmp_path: Path) -> None:
    with (
        answering(lambda asked: Answer({"layers": [{"id": 0}]})) as server,
        pytest.raises(SourceError, match="no layer with features"),
    ):
        fetched(tmp_path, source(server.url))
