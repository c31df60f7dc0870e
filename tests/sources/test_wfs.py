"""WFS: the versions' questions, pages, counts, exceptions with status 200, and cut answers."""

from __future__ import annotations

import datetime as dt
from pathlib import Path
from typing import Any

import pytest
from pulling import SOURCE, Pull, fetched
from pydantic import ValidationError
from servers.loopback import Answer, answering
from servers.wfs import ROADS, Service, serving

from moulouya.errors import SourceError

DAY = (dt.datetime(2026, 11, 1, tzinfo=dt.UTC), dt.datetime(2026, 11, 2, tzinfo=dt.UTC))


def source(url: str, **more: Any) -> dict[str, Any]:
    return {"kind": "wfs", "url": f"{url}/wfs", "type_name": "net:roads", **more}


def names(pull: Pull) -> list[str]:
    return [road for (road,) in pull.table("name")]


@pytest.mark.parametrize("version", ["1.0.0", "1.1.0", "2.0.0"])
def test_all_features_are_asked_for_at_once(version: str, tmp_path: Path) -> None:
    with serving(Service()) as server:
        pull = fetched(tmp_path, source(server.url, version=version, srs="EPSG:4326"))
    key = "typeNames" if version == "2.0.0" else "typeName"
    assert server.asked[0].query == {
        "service": "WFS",
        "version": version,
        "request": "GetFeature",
        key: "net:roads",
        "srsName": "EPSG:4326",
    }
    assert pull.last is not None
    assert pull.last.members == ("features.gml",)
    assert b"RP6000" in (pull.here / "features.gml").read_bytes()
    hits = [one.query.get("resultType") for one in server.asked[1:]]
    assert hits == (["hits"] if version == "1.1.0" else [])


def test_features_are_read_from_gml_and_from_geojson(tmp_path: Path) -> None:
    with serving(Service()) as server:
        gml = fetched(tmp_path / "gml", source(server.url))
        geojson = fetched(tmp_path / "geojson", source(server.url, format="geojson"))
    assert server.asked[-1].query["outputFormat"] == "application/json"
    assert names(gml) == names(geojson) == ROADS


@pytest.mark.parametrize(
    ("version", "form", "size"),
    [("2.0.0", "gml", "count"), ("2.0.0", "geojson", "count"), ("1.1.0", "gml", "maxFeatures")],
)
def test_pages_start_where_the_one_before_ended(
    version: str, form: str, size: str, tmp_path: Path
) -> None:
    with serving(Service(cap=2)) as server:
        pull = fetched(
            tmp_path,
            source(server.url, version=version, format=form, page_size=3, sort_by="name"),
        )
    pages = [one.query for one in server.asked if "resultType" not in one.query]
    assert [page["startIndex"] for page in pages] == ["0", "2", "4"]
    assert {(page["sortBy"], page[size]) for page in pages} == {("name", "3")}
    assert names(pull) == ROADS


@pytest.mark.parametrize(
    "service", [Service(knows_total=False), Service(cap=2), Service(ids=False)]
)
def test_pages_without_order_or_total_are_read_until_two_readings_agree(
    service: Service, tmp_path: Path
) -> None:
    with serving(service) as server:
        pull = fetched(tmp_path, source(server.url, page_size=3))
    assert names(pull) == ROADS
    starts = [one.query["startIndex"] for one in server.asked if "startIndex" in one.query]
    assert starts.count("0") == 2


def test_a_copied_capabilities_address_is_asked_for_features(tmp_path: Path) -> None:
    with serving(Service()) as server:
        address = f"{server.url}/wfs?map=/roads.map&REQUEST=GetCapabilities&Service=WFS"
        fetched(tmp_path, {**source(server.url), "url": address})
    query = server.asked[0].query
    assert (query["map"], query["request"]) == ("/roads.map", "GetFeature")
    assert "REQUEST" not in query


def test_further_parameters_may_hold_the_interval(tmp_path: Path) -> None:
    with serving(Service()) as server:
        params = {"CQL_FILTER": "seen >= '{start:%Y-%m-%d}'"}
        fetched(tmp_path, source(server.url, params=params), interval=DAY)
    assert server.asked[0].query["CQL_FILTER"] == "seen >= '2026-11-01'"


def test_an_unchanged_answer_is_no_delivery(tmp_path: Path) -> None:
    with serving(Service(etag='"v1"')) as server:
        pull = fetched(tmp_path, source(server.url))
        assert pull.again() is None
    assert len(server.asked) == 2


@pytest.mark.parametrize("page_size", [None, 2])
def test_an_exception_report_with_status_200_is_an_error_in_the_services_words(
    page_size: int | None, tmp_path: Path
) -> None:
    with (
        serving(Service()) as server,
        pytest.raises(SourceError, match=r"Feature type net:road unknown \(InvalidParameterValue"),
    ):
        fetched(tmp_path, source(server.url, page_size=page_size, type_name="net:road"))


def test_a_refused_type_name_is_held_against_the_capabilities(tmp_path: Path) -> None:
    with (
        serving(Service(refuses_with=400)) as server,
        pytest.raises(SourceError, match="no feature type 'net:road'; did you mean 'net:roads'"),
    ):
        fetched(tmp_path, source(server.url, type_name="net:road"))


@pytest.mark.parametrize(
    ("service", "more", "complaint"),
    [
        (Service(cap=2), {}, "sent 2 of 5 features"),
        (Service(cap=2), {"version": "1.1.0"}, "sent 2 of 5 features"),
        (Service(cap=2), {"format": "geojson"}, "sent 2 of 5 features"),
        (Service(returned=9), {}, "returned 9 features and sent 5"),
        (Service(roads=[]), {}, "has no features"),
        (Service(roads=[]), {"page_size": 2}, "has no features"),
        (Service(breaks_off=True), {}, "not whole"),
        (Service(ignores_start=True, cap=2), {"page_size": 2, "sort_by": "name"}, "again"),
    ],
)
def test_a_service_that_misbehaves_gives_no_data(
    service: Service, more: dict[str, Any], complaint: str, tmp_path: Path
) -> None:
    with serving(service) as server, pytest.raises(SourceError, match=complaint):
        fetched(tmp_path, source(server.url, **more))


@pytest.mark.parametrize(
    ("body", "more", "complaint"),
    [
        (b"<html><body>Login</body></html>", {}, "no gml but html"),
        (b"<!DOCTYPE x [<!ENTITY a 'b'>]><x>&a;</x>", {}, "document type or entity"),
        (b"<Capabilities/>", {}, "no features but Capabilities"),
        (b'{"type": "FeatureCollection", "features": []}', {}, "answered geojson though gml"),
        (
            b"<FeatureCollection numberMatched='unknown' numberReturned='1' next='x'><member>"
            b"<road gml:id='r1' xmlns:gml='g'/></member></FeatureCollection>",
            {},
            "sent 1 of more features",
        ),
        (b"<FeatureCollection/>", {"format": "geojson"}, "GML though geojson was asked for"),
        (b'{"error": "no such layer"}', {"format": "geojson"}, "no such layer"),
        (
            b"<ServiceExceptionReport><ServiceException code='A'>\n no </ServiceException>"
            b"</ServiceExceptionReport>",
            {"version": "1.0.0"},
            r"exception: no \(A\)",
        ),
        (
            b"<FeatureCollection><member><a/></member><ExceptionReport><Exception>"
            b"out of memory</Exception></ExceptionReport></FeatureCollection>",
            {},
            "out of memory",
        ),
    ],
)
def test_what_is_no_feature_collection_is_an_error(
    body: bytes, more: dict[str, Any], complaint: str, tmp_path: Path
) -> None:
    with (
        answering(lambda asked: Answer(body)) as server,
        pytest.raises(SourceError, match=complaint),
    ):
        fetched(tmp_path, source(server.url, **more))


def test_an_order_without_pages_is_a_fault_of_the_definition() -> None:
    with pytest.raises(ValidationError, match="page_size"):
        SOURCE.validate_python(source("https://example.org", sort_by="name"))
