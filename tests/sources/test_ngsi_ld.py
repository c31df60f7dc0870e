"""NGSI-LD: pages by offset, counts, context and tenant headers, and brokers that misbehave."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from pulling import Pull, fetched
from servers.ngsi_ld import Broker, container, serving

from moulouya.errors import SourceError


def source(url: str, **more: Any) -> dict[str, Any]:
    return {
        "kind": "ngsi_ld",
        "url": f"{url}/ngsi-ld/v1",
        "type": "WasteContainer",
        "page_size": 2,
        **more,
    }


def ids(pull: Pull) -> list[str]:
    return [one["id"].rsplit(":", 1)[1] for page in pull.documents() for one in page]


def test_every_entity_comes_once(tmp_path: Path) -> None:
    with serving(Broker()) as server:
        pull = fetched(tmp_path, source(server.url, params={"options": "keyValues"}))
    assert ids(pull) == ["0", "1", "2", "3", "4"]
    assert [one.query["offset"] for one in server.asked] == ["0", "0", "2", "4"]
    assert server.asked[1].query == {
        "type": "WasteContainer",
        "options": "keyValues",
        "count": "true",
        "limit": "2",
        "offset": "0",
    }


def test_context_and_tenant_are_sent_as_headers(tmp_path: Path) -> None:
    with serving(Broker(tenant="berkane")) as server:
        fetched(
            tmp_path, source(server.url, tenant="berkane", context="https://example.org/c.jsonld")
        )
    headers = server.asked[-1].headers
    assert headers["link"] == (
        '<https://example.org/c.jsonld>; rel="http://www.w3.org/ns/json-ld#context"; '
        'type="application/ld+json"'
    )
    assert headers["ngsild-tenant"] == "berkane"
    assert headers["accept"] == "application/json"


def test_entities_are_read_as_rows(tmp_path: Path) -> None:
    with serving(Broker()) as server:
        pull = fetched(tmp_path, source(server.url))
    assert pull.table("id", "fillingLevel")[3] == ("urn:ngsi-ld:WasteContainer:berkane:3", "0.3")


def test_what_entities_were_over_time_is_asked_for_elsewhere(tmp_path: Path) -> None:
    params = {"timerel": "after", "timeAt": "2026-11-01T00:00:00Z"}
    with serving(Broker()) as server:
        fetched(tmp_path, source(server.url, temporal=True, params=params))
    assert set(server.paths()) == {"/ngsi-ld/v1/temporal/entities"}


def test_a_part_of_a_time_series_is_not_taken_for_the_whole(tmp_path: Path) -> None:
    with serving(Broker(status=206)) as server, pytest.raises(SourceError, match="206"):
        fetched(tmp_path, source(server.url, temporal=True))


def test_a_broker_that_does_not_count_is_read_until_two_readings_agree(tmp_path: Path) -> None:
    with serving(Broker(counts=False)) as server:
        pull = fetched(tmp_path, source(server.url))
    assert ids(pull) == ["0", "1", "2", "3", "4"]
    assert len(server.asked) == 1 + 4 + 4  # each reading ends with an empty page


def test_a_broker_that_ignores_the_limit_gives_all_at_once(tmp_path: Path) -> None:
    with serving(Broker(ignores_limit=True)) as server:
        pull = fetched(tmp_path, source(server.url))
    assert ids(pull) == ["0", "1", "2", "3", "4"]


def test_an_entity_that_is_deleted_between_pages_restarts_the_pull(tmp_path: Path) -> None:
    once = iter([True])

    def delete(entities: list[Any]) -> None:
        if next(once, False):
            del entities[0]

    with serving(Broker(between=delete)) as server:
        pull = fetched(tmp_path, source(server.url))
    assert ids(pull) == ["1", "2", "3", "4"]


@pytest.mark.parametrize(
    ("broker", "more", "complaint"),
    [
        (Broker(entities=[]), {}, "no entities of type 'WasteContainer'"),
        (Broker(tenant="other"), {}, "no entities"),
        (Broker(count=9), {}, "5 records came where it says 9"),
        (Broker(entities=[container(1), container(1)]), {}, "came twice"),
        (Broker(entities=["a"]), {}, "no list of entities"),
    ],
)
def test_a_broker_that_misbehaves_gives_no_data(
    broker: Broker, more: dict[str, Any], complaint: str, tmp_path: Path
) -> None:
    with serving(broker) as server, pytest.raises(SourceError, match=complaint):
        fetched(tmp_path, source(server.url, **more))
