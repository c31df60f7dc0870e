"""OGC API Features: checks before, pages by next links, counts, and services that misbehave."""

from __future__ import annotations

import datetime as dt
from pathlib import Path
from typing import Any

import pytest
from pulling import Pull, fetched
from servers.loopback import Answer, answering
from servers.ogc_features import CAR_PARKS, Service, serving

from moulouya.errors import SourceError

DAY = (dt.datetime(2026, 11, 1, tzinfo=dt.UTC), dt.datetime(2026, 11, 2, tzinfo=dt.UTC))


def source(url: str, **more: Any) -> dict[str, Any]:
    return {
        "kind": "ogc_features",
        "url": f"{url}/ogc",
        "collection": "car_parks",
        "page_size": 2,
        **more,
    }


def names(pull: Pull) -> list[str]:
    return [
        feature["properties"]["name"]
        for document in pull.documents()
        for feature in document["features"]
    ]


EVERY = [feature["properties"]["name"] for feature in CAR_PARKS]


def test_every_feature_comes_once_in_pages_kept_as_they_came(tmp_path: Path) -> None:
    with serving(Service()) as server:
        pull = fetched(tmp_path, source(server.url))
    assert pull.last is not None
    assert pull.last.members == tuple(f"page-0000{n}.geojson" for n in (1, 2, 3))
    assert names(pull) == EVERY


def test_features_are_read_as_one_table(tmp_path: Path) -> None:
    with serving(Service()) as server:
        pull = fetched(tmp_path, source(server.url))
    assert pull.table("name", "places")[1] == ("Gare routière", "80")


def test_box_and_interval_and_other_parameters_are_asked_for(tmp_path: Path) -> None:
    with serving(Service()) as server:
        fetched(
            tmp_path,
            source(
                server.url,
                bbox=[-2.5, 34.8, -2.2, 35],
                params={"datetime": "{start}/{end}", "status": "open"},
                page_size=50,
            ),
            interval=DAY,
        )
    asked = server.asked[-1]
    assert asked.query == {
        "limit": "50",
        "bbox": "-2.5,34.8,-2.2,35.0",
        "datetime": "2026-11-01T00:00:00Z/2026-11-02T00:00:00Z",
        "status": "open",
    }
    assert asked.headers["accept"].startswith("application/geo+json")


def test_a_query_of_the_landing_page_is_kept_for_every_request(tmp_path: Path) -> None:
    with serving(Service()) as server:
        address = f"{server.url}/ogc/?f=json"
        pull = fetched(tmp_path, {**source(server.url, page_size=50), "url": address})
    assert names(pull) == EVERY
    assert {asked.query.get("f") for asked in server.asked} == {"json"}


def test_a_service_that_ignores_the_limit_gives_all_at_once(tmp_path: Path) -> None:
    with serving(Service(ignores_limit=True)) as server:
        pull = fetched(tmp_path, source(server.url))
    assert names(pull) == EVERY


def test_without_counts_pages_are_read_until_two_readings_agree(tmp_path: Path) -> None:
    service = Service(counts=False)
    with serving(service) as server:
        pull = fetched(tmp_path, source(server.url))
    assert names(pull) == EVERY
    assert service.pages == 6


def test_features_without_ids_are_not_taken_for_one(tmp_path: Path) -> None:
    bare = [{key: value for key, value in one.items() if key != "id"} for one in CAR_PARKS]
    with serving(Service(bare)) as server:
        pull = fetched(tmp_path, source(server.url))
    assert names(pull) == EVERY


@pytest.mark.parametrize(
    ("service", "more", "complaint"),
    [
        (Service(next_host="http://127.0.0.1:9"), {}, "origin of the source"),
        (Service(matched=9), {}, "5 records came where it says 9"),
        (Service(returned=9), {}, "says that it returned 9 features and sent"),
        (Service(features=[]), {}, "has no features"),
        (Service(features=[CAR_PARKS[0]] * 3), {}, "came twice"),
        (Service(item_type="record"), {}, "holds no features but record"),
        (Service(conforms_to=("http://x/spec/ogcapi-records-1/1.0/conf/core",)), {}, "conform"),
        (Service(), {"collection": "car_park"}, "did you mean 'car_parks'"),
    ],
)
def test_a_service_that_misbehaves_gives_no_data(
    service: Service, more: dict[str, Any], complaint: str, tmp_path: Path
) -> None:
    with serving(service) as server, pytest.raises(SourceError, match=complaint):
        fetched(tmp_path, source(server.url, **more))


def test_another_page_is_told_from_a_landing_page(tmp_path: Path) -> None:
    with (
        answering(lambda asked: Answer({"services": []})) as server,
        pytest.raises(SourceError, match="no landing page"),
    ):
        fetched(tmp_path, source(server.url))
