"""SensorThings: pages by next links, a stable order, counts, and services that misbehave."""

from __future__ import annotations

import datetime as dt
from pathlib import Path
from typing import Any

import pytest
from pulling import SOURCE, Pull, fetched
from pydantic import ValidationError
from servers.sensorthings import Service, observation, serving

from moulouya.errors import SourceError

DAY = (dt.datetime(2026, 11, 20, tzinfo=dt.UTC), dt.datetime(2026, 11, 21, tzinfo=dt.UTC))


def source(url: str, **more: Any) -> dict[str, Any]:
    return {"kind": "sensorthings", "url": f"{url}/v1.1", "page_size": 3, **more}


def ids(pull: Pull) -> list[int]:
    return [one["@iot.id"] for document in pull.documents() for one in document["value"]]


def test_every_observation_comes_once_in_the_order_of_ids(tmp_path: Path) -> None:
    with serving(Service()) as server:
        pull = fetched(tmp_path, source(server.url))
    assert ids(pull) == list(range(7))
    asked = server.asked[1]
    assert asked.query == {"$orderby": "id", "$count": "true", "$top": "3"}


def test_the_interval_and_expansions_are_asked_for(tmp_path: Path) -> None:
    params = {
        "$filter": "phenomenonTime ge {start} and phenomenonTime lt {end}",
        "$expand": "Datastream($select=name)",
        "$orderby": "phenomenonTime asc",
    }
    with serving(Service()) as server:
        fetched(tmp_path, source(server.url, params=params), interval=DAY)
    query = server.asked[1].query
    assert query["$filter"] == (
        "phenomenonTime ge 2026-11-20T00:00:00Z and phenomenonTime lt 2026-11-21T00:00:00Z"
    )
    assert query["$expand"] == "Datastream($select=name)"
    assert query["$orderby"] == "phenomenonTime asc"


def test_observations_are_read_as_rows(tmp_path: Path) -> None:
    with serving(Service()) as server:
        pull = fetched(tmp_path, source(server.url))
    rows = pull.table("@iot.id", "phenomenonTime", "result")
    assert rows[-1] == ("6", "2026-11-20T06:00:00Z", "20.6")


def test_a_service_that_hands_out_smaller_pages_is_followed(tmp_path: Path) -> None:
    with serving(Service(most=2)) as server:
        pull = fetched(tmp_path, source(server.url))
    assert ids(pull) == list(range(7))


def test_a_service_that_does_not_count_is_read_until_two_readings_agree(tmp_path: Path) -> None:
    with serving(Service(counts=False)) as server:
        pull = fetched(tmp_path, source(server.url))
    assert ids(pull) == list(range(7))
    assert len(server.asked) == 1 + 3 + 3


def test_an_observation_that_arrives_between_pages_restarts_the_pull(tmp_path: Path) -> None:
    arrivals = iter([observation(7)])

    def arrive(entities: list[dict[str, Any]]) -> None:
        entities += [one for one in [next(arrivals, None)] if one]

    with serving(Service(between=arrive)) as server:
        pull = fetched(tmp_path, source(server.url))
    assert ids(pull) == list(range(8))


def test_a_service_that_never_rests_ends_in_an_error_that_is_tried_again(tmp_path: Path) -> None:
    def arrive(entities: list[dict[str, Any]]) -> None:
        entities.append(observation(len(entities)))

    with serving(Service(between=arrive)) as server, pytest.raises(SourceError) as raised:
        fetched(tmp_path, source(server.url))
    assert "changes while it is paged" in raised.value.message
    assert raised.value.retry


@pytest.mark.parametrize(
    ("service", "complaint"),
    [
        (Service(next_host="http://127.0.0.1:9"), "origin of the source"),
        (Service(next_is_here=True), "again|leads back"),
        (Service(entities=[]), "has no entities"),
        (Service(entities=[observation(1), observation(1)]), "came twice"),
        (
            Service(
                entities=[{"@iot.id": 1, "Observations": [], "Observations@iot.nextLink": "x"}]
            ),
            "only the first Observations",
        ),
        (Service(entities=["a", "b"]), "where an entity belongs"),  # type: ignore[list-item]
    ],
)
def test_a_service_that_misbehaves_gives_no_data(
    service: Service, complaint: str, tmp_path: Path
) -> None:
    with serving(service) as server, pytest.raises(SourceError, match=complaint):
        fetched(tmp_path, source(server.url))


def test_parameters_that_would_upset_the_pages_are_a_fault_of_the_definition() -> None:
    with pytest.raises(ValidationError, match=r"\$skip"):
        SOURCE.validate_python(source("https://example.org", format="json", params={"$skip": 5}))
