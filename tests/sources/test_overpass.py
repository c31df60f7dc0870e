"""Overpass: the query it is sent, and answers that are only a part."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from pulling import SOURCE, fetched
from servers.loopback import Answer, Asked, answering

from moulouya.errors import SourceError
from moulouya.sources.overpass import query

ELEMENTS = {
    "version": 0.6,
    "osm3s": {"timestamp_osm_base": "2026-11-20T06:00:00Z", "copyright": "ODbL"},
    "elements": [{"type": "node", "id": 1, "lat": 34.9, "lon": -2.3, "tags": {"name": "أ"}}],
}


def source(url: str, **more: Any) -> dict[str, Any]:
    given = {"query": "node[amenity=pharmacy](34,-3,35,-2);out;", "format": "json"}
    return {"kind": "overpass", "url": f"{url}/api/interpreter", **given, **more}


def test_elements_are_kept_as_they_came(tmp_path: Path) -> None:
    with answering(lambda asked: Answer(ELEMENTS)) as server:
        pull = fetched(tmp_path, source(server.url))
    asked = server.asked[0]
    assert (asked.method, asked.path) == ("POST", "/api/interpreter")
    assert asked.headers["content-type"] == "application/x-www-form-urlencoded"
    assert asked.form == {
        "data": "[out:json][timeout:180];node[amenity=pharmacy](34,-3,35,-2);out;"
    }
    assert pull.last is not None
    assert pull.last.source_version == "2026-11-20T06:00:00Z"
    assert pull.table("id", "tags.name") == [("1", "أ")]


@pytest.mark.parametrize(
    ("written", "sent"),
    [
        ("node;out;", "[out:json][timeout:180];node;out;"),
        ("[timeout:25];node;out;", "[out:json][timeout:25];node;out;"),
        ("[out:json];node;out;", "[timeout:180][out:json];node;out;"),
        (
            " [out:json] [timeout:9]\n[bbox:1,2,3,4];\nnode;",
            "[out:json][timeout:9][bbox:1,2,3,4];\nnode;",
        ),
    ],
)
def test_the_settings_of_a_query_are_kept(written: str, sent: str) -> None:
    assert query(SOURCE.validate_python(source("https://example.org", query=written))) == sent


def test_a_query_for_another_output_is_refused() -> None:
    with pytest.raises(ValueError, match="out:xml"):
        SOURCE.validate_python(
            source("https://example.org", query="[timeout:5][out:xml];node;out;")
        )


@pytest.mark.parametrize("indent", [None, 2])
@pytest.mark.parametrize("first", [True, False])
def test_a_remark_with_status_200_is_an_error_to_try_again(
    tmp_path: Path, indent: int | None, first: bool
) -> None:
    remark = {"remark": 'runtime error: Query timed out in "query" at line 1'}
    document = {**remark, **ELEMENTS} if first else {**ELEMENTS, **remark}
    body = json.dumps(document, indent=indent).encode()
    with answering(lambda asked: Answer(body)) as server, pytest.raises(SourceError) as error:
        fetched(tmp_path, source(server.url))
    assert 'timed out in "query"' in error.value.message
    assert error.value.retry


def test_a_tag_called_remark_is_data(tmp_path: Path) -> None:
    tagged = {"type": "node", "id": 2, "lat": 1, "lon": 1, "tags": {"remark": "closed"}}
    document = {**ELEMENTS, "elements": [tagged]}
    with answering(lambda asked: Answer(document)) as server:
        pull = fetched(tmp_path, source(server.url))
    assert pull.table("tags.remark") == [("closed",)]


def test_a_busy_server_is_asked_again(tmp_path: Path) -> None:
    def respond(asked: Asked) -> Answer:
        return Answer(ELEMENTS) if len(server.asked) > 1 else Answer(b"busy", 504)

    with answering(respond) as server:
        fetched(tmp_path, source(server.url))
    assert len(server.asked) == 2


def test_a_server_that_asks_for_patience_gets_it(tmp_path: Path) -> None:
    with (
        answering(lambda asked: Answer(b"", 429, {"Retry-After": "90"})) as server,
        pytest.raises(SourceError) as error,
    ):
        fetched(tmp_path, source(server.url))
    assert error.value.retry
    assert error.value.retry_after == 90
    assert len(server.asked) == 1


@pytest.mark.parametrize(
    "body", [b"<html>overloaded</html>", b'{"hello": "world"}', b'{"elements": [']
)
def test_what_holds_no_elements_is_an_error(tmp_path: Path, body: bytes) -> None:
    with answering(lambda asked: Answer(body)) as server, pytest.raises(SourceError):
        fetched(tmp_path, source(server.url))
