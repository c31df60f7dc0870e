"""Opendatasoft portals: one export, or pages of records."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from pulling import SOURCE, fetched
from servers.loopback import Answer, Asked, answering

from moulouya.errors import SourceError


def source(url: str, **more: Any) -> dict[str, Any]:
    return {"kind": "opendatasoft", "url": url, "dataset": "parkings", "format": "json", **more}


@pytest.mark.parametrize(
    ("more", "name", "query"),
    [
        ({}, "json", {}),
        ({"format": "ndjson"}, "jsonl", {}),
        ({"format": "geojson"}, "geojson", {}),
        ({"where": "places > 3", "select": "id"}, "json", {"where": "places > 3", "select": "id"}),
        ({"format": "csv", "dialect": {"delimiter": ";"}}, "csv", {"delimiter": ";"}),
        ({"format": "csv"}, "csv", {"delimiter": ","}),
    ],
)
def test_an_export_is_asked_for_as_it_will_be_read(
    tmp_path: Path, more: dict[str, Any], name: str, query: dict[str, str]
) -> None:
    body = b"id,places\n1,2\n" if name == "csv" else b'[{"id": 1}]'
    body = b'{"id": 1}\n' if name == "jsonl" else body
    body = b'{"type": "FeatureCollection", "features": []}' if name == "geojson" else body
    with answering(lambda asked: Answer(body)) as server:
        pull = fetched(tmp_path, source(server.url, **more))
    asked = server.asked[0]
    assert asked.path == f"/api/explore/v2.1/catalog/datasets/parkings/exports/{name}"
    assert asked.query == query
    assert pull.last is not None
    assert pull.last.members == (f"parkings.{name}",)
    assert (pull.here / f"parkings.{name}").read_bytes() == body


def test_an_export_that_did_not_change_is_not_sent_again(tmp_path: Path) -> None:
    def respond(asked: Asked) -> Answer:
        if asked.headers.get("if-none-match") == '"1"':
            return Answer(status=304)
        return Answer([{"id": 1}], headers={"ETag": '"1"'})

    with answering(respond) as server:
        pull = fetched(tmp_path, source(server.url))
        assert pull.again() is None


class Records:
    """Version 1.0, with records that may change before a request."""

    def __init__(self, records: list[dict[str, Any]]) -> None:
        self.records = records
        self.requests = 0
        self.change: dict[int, int] = {}

    def __call__(self, asked: Asked) -> Answer:
        self.requests += 1
        for _ in range(self.change.get(self.requests, 0)):
            self.records.insert(0, {"recordid": f"new{self.requests}", "fields": {}})
        start = int(asked.query["start"])
        return Answer({"nhits": len(self.records), "records": self.records[start : start + 1000]})


def records(count: int) -> list[dict[str, Any]]:
    return [{"recordid": f"r{number}", "fields": {"n": number}} for number in range(count)]


def test_records_of_the_first_version_come_in_pages(tmp_path: Path) -> None:
    with answering(Records(records(2300))) as server:
        pull = fetched(tmp_path, source(server.url, version="1.0"))
    assert [len(page["records"]) for page in pull.documents()] == [1000, 1000, 300]
    assert sorted(pull.table("fields.n"))[:3] == [("0",), ("1",), ("10",)]


def test_a_record_that_comes_in_between_restarts_the_pull(tmp_path: Path) -> None:
    api = Records(records(1500))
    api.change = {2: 1}
    with answering(api) as server:
        pull = fetched(tmp_path, source(server.url, version="1.0"))
    assert [row for page in pull.documents() for row in page["records"]] == api.records


def test_more_records_than_the_first_version_hands_out_are_an_error(tmp_path: Path) -> None:
    with (
        answering(Records(records(10_001))) as server,
        pytest.raises(SourceError, match="10001 records") as error,
    ):
        fetched(tmp_path, source(server.url, version="1.0"))
    assert "2.1" in str(error.value.hint)


def test_an_error_of_the_first_version_is_told(tmp_path: Path) -> None:
    with (
        answering(lambda asked: Answer({"error": "Unknown dataset: parkings"})) as server,
        pytest.raises(SourceError, match="Unknown dataset"),
    ):
        fetched(tmp_path, source(server.url, version="1.0"))


def test_a_recorded_answer_is_read_in_the_pages_it_was_cut_into(
    tmp_path: Path, shared_data: Path
) -> None:
    """The recording is the first page of several: its total says so, and it alone is refused."""
    body = (shared_data / "api/opendatasoft_v1_records_liege_parkings.json").read_bytes()
    recorded = json.loads(body)

    def respond(asked: Asked) -> Answer:
        start = int(asked.query["start"])
        if start == 0:
            return Answer(body)
        more = [{"recordid": f"x{n}", "fields": {}} for n in range(start, recorded["nhits"])]
        return Answer({"nhits": recorded["nhits"], "records": more})

    with answering(respond) as server:
        pull = fetched(tmp_path, source(server.url, version="1.0"))
    assert (pull.here / "page-00001.json").read_bytes() == body
    assert sum(len(page["records"]) for page in pull.documents()) == recorded["nhits"]

    def cut_short(asked: Asked) -> Answer:
        return Answer(body if asked.query["start"] == "0" else {**recorded, "records": []})

    with answering(cut_short) as server, pytest.raises(SourceError, match="changes while"):
        fetched(tmp_path / "cut", source(server.url, version="1.0"))


@pytest.mark.parametrize(
    "more",
    [{"format": "xml"}, {"version": "1.0", "format": "csv"}, {"version": "1.0", "select": "a"}],
)
def test_what_a_version_does_not_answer_is_refused(more: dict[str, str]) -> None:
    with pytest.raises(ValueError, match="version"):
        SOURCE.validate_python(source("https://example.org", **more))


def test_records_of_the_first_version_have_their_path_by_themselves() -> None:
    found = SOURCE.validate_python(source("https://example.org", version="1.0"))
    assert found.records == "records"
    assert SOURCE.validate_python(source("https://example.org")).records is None
