"""CKAN portals: which files are taken, when they are taken again, and what portals refuse."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pulling import SOURCE, Pull, fetched
from servers.loopback import Answer, Asked, answering

from moulouya.errors import SourceError
from moulouya.sources.ckan_resources import normalised


class Portal:
    """A portal below /data, whose resources and files can be changed."""

    def __init__(self, *resources: dict[str, Any]) -> None:
        self.resources = list(resources)
        self.modified = "2026-03-01T08:00:00"
        self.files: dict[str, Answer] = {}

    def __call__(self, asked: Asked) -> Answer:
        if asked.path == "/data/api/3/action/resource_show":
            found = [each for each in self.resources if each["id"] == asked.query["id"]]
            if not found:
                error = {"message": "Not found: the resource was deleted", "__type": "Not Found"}
                return Answer({"success": False, "error": error})
            return Answer({"success": True, "result": found[0]})
        if asked.path == "/data/api/3/action/package_show":
            result = {"metadata_modified": self.modified, "resources": self.resources}
            return Answer({"success": True, "result": result})
        answer = self.files.get(asked.path, Answer(b"code\n1\n"))
        tag = answer.headers.get("ETag")
        if tag is not None and asked.headers.get("if-none-match") == tag:
            return Answer(status=304)
        return answer


def resource(number: int, **said: Any) -> dict[str, Any]:
    return {
        "id": f"r{number}",
        "name": f"year {2000 + number}",
        "url": f"/data/files/{number}.csv",
        "format": "CSV",
        "state": "active",
        **said,
    }


UPLOAD = {"url_type": "upload", "last_modified": "2026-01-01T00:00:00", "hash": "abc"}


def one(url: str, **more: Any) -> dict[str, Any]:
    api = f"{url}/data/api/3/action"
    return {"kind": "ckan", "url": api, "resource": "r1", "format": "csv", **more}


def several(url: str, **more: Any) -> dict[str, Any]:
    api = f"{url}/data/api/3/action"
    return {"kind": "ckan", "url": api, "package": "years", "format": "csv", **more}


def test_a_resource_is_downloaded_from_where_the_portal_says(tmp_path: Path) -> None:
    with answering(Portal(resource(1, **UPLOAD, metadata_modified="2026-02-02"))) as server:
        pull = fetched(tmp_path, one(server.url))
    assert pull.last is not None
    assert pull.last.members == ("1.csv",)
    assert pull.last.source_version == "2026-02-02"
    assert server.paths() == ["/data/api/3/action/resource_show", "/data/files/1.csv"]
    assert pull.table("code") == [("1",)]


@pytest.mark.parametrize(
    ("written", "asked"),
    [
        ("/files/1.csv", "/files/1.csv"),
        ("dataset/d/resource/r1/download/1.csv", "/data/dataset/d/resource/r1/download/1.csv"),
        ("{server}/elsewhere/1.csv?x=1", "/elsewhere/1.csv"),
    ],
)
def test_relative_addresses_are_the_portals(tmp_path: Path, written: str, asked: str) -> None:
    portal = Portal(resource(1))
    with answering(portal) as server:
        portal.resources[0]["url"] = written.replace("{server}", server.url)
        fetched(tmp_path, one(server.url))
    assert server.paths()[-1] == asked


def test_an_upload_that_did_not_change_costs_one_request(tmp_path: Path) -> None:
    with answering(Portal(resource(1, **UPLOAD))) as server:
        pull = fetched(tmp_path, one(server.url))
        assert pull.again() is None
    assert len(server.asked) == 3


@pytest.mark.parametrize("change", ["hash", "last_modified", "url", "revision_id"])
def test_an_upload_whose_record_changed_is_taken_again(tmp_path: Path, change: str) -> None:
    portal = Portal(resource(1, **UPLOAD))
    with answering(portal) as server:
        pull = fetched(tmp_path, one(server.url))
        portal.resources[0] |= {change: "/data/files/another.csv"}
        assert pull.again() is not None


def test_a_link_is_asked_for_by_its_etag_whatever_the_portal_says(tmp_path: Path) -> None:
    portal = Portal(resource(1, last_modified="2026-01-01T00:00:00"))
    portal.files["/data/files/1.csv"] = Answer(b"code\n1\n", headers={"ETag": '"1"'})
    with answering(portal) as server:
        pull = fetched(tmp_path, one(server.url))
        assert pull.again() is None
        portal.files["/data/files/1.csv"] = Answer(b"code\n2\n", headers={"ETag": '"2"'})
        assert pull.again() is not None
    assert pull.table("code") == [("2",)]


def test_an_etag_of_another_address_is_not_sent(tmp_path: Path) -> None:
    portal = Portal(resource(1))
    tagged = Answer(b"code\n1\n", headers={"ETag": '"1"'})
    portal.files = {"/data/files/1.csv": tagged, "/data/files/2.csv": tagged}
    with answering(portal) as server:
        pull = fetched(tmp_path, one(server.url))
        portal.resources[0]["url"] = "/data/files/2.csv"
        assert pull.again() is not None
    assert "if-none-match" not in server.asked[-1].headers


def test_the_portals_message_is_told(tmp_path: Path) -> None:
    with (
        answering(Portal()) as server,
        pytest.raises(SourceError, match="the resource was deleted"),
    ):
        fetched(tmp_path, one(server.url))


def test_what_is_no_portal_is_told(tmp_path: Path) -> None:
    with (
        answering(lambda asked: Answer({"hello": "world"})) as server,
        pytest.raises(SourceError, match="did not answer as a CKAN portal"),
    ):
        fetched(tmp_path, one(server.url))


def test_a_table_of_the_datastore_is_dumped(tmp_path: Path) -> None:
    portal = Portal(resource(1, url_type="datastore", url="_datastore_only_resource"))
    portal.files["/data/datastore/dump/r1"] = Answer(b"_id,code\n1,7\n")
    with answering(portal) as server:
        pull = fetched(tmp_path, one(server.url))
    assert server.asked[-1].query == {"format": "csv"}
    assert pull.table("code") == [("7",)]


def test_a_table_of_the_datastore_is_not_read_as_json(tmp_path: Path) -> None:
    portal = Portal(resource(1, url_type="datastore"))
    with answering(portal) as server, pytest.raises(SourceError, match="datastore"):
        fetched(tmp_path, one(server.url, format="json"))


@pytest.mark.parametrize(
    ("pattern", "taken"),
    [
        (None, ["1", "2"]),
        ("*", ["1", "2", "3"]),
        ("YEAR 2001", ["1"]),
        ("2.csv", ["2"]),
        ("pdf", ["3"]),
        ("year 200[12]", ["1", "2"]),
    ],
)
def test_the_resources_of_a_package_are_chosen_by_pattern(
    tmp_path: Path, pattern: str | None, taken: list[str]
) -> None:
    portal = Portal(
        resource(3, format="PDF", url="/data/files/3.pdf"),
        resource(2, format=".cvs "),
        resource(1, format=""),
        resource(4, state="deleted"),
    )
    with answering(portal) as server:
        chosen = {} if pattern is None else {"pattern": pattern}
        pull = fetched(tmp_path, several(server.url, **chosen))
    assert [path.rpartition("/")[2][0] for path in server.paths()[1:]] == taken
    assert pull.last is not None
    assert pull.last.source_version == "2026-03-01T08:00:00"


def test_another_order_of_the_portals_list_changes_nothing(tmp_path: Path) -> None:
    portal = Portal(resource(2, **UPLOAD), resource(1, **UPLOAD))
    with answering(portal) as server:
        pull = fetched(tmp_path, several(server.url))
        assert pull.last is not None
        assert pull.last.members == ("001-1.csv", "002-2.csv")
        portal.resources.reverse()
        assert pull.again() is None


def test_one_changed_file_brings_all_of_a_package(tmp_path: Path) -> None:
    portal = Portal(resource(1), resource(2))
    for number in (1, 2):
        tag = {"ETag": f'"{number}"'}
        portal.files[f"/data/files/{number}.csv"] = Answer(b"code\n1\n", headers=tag)
    with answering(portal) as server:
        pull = fetched(tmp_path, several(server.url))
        assert pull.again() is None
        portal.files["/data/files/2.csv"] = Answer(b"code\n9\n", headers={"ETag": '"9"'})
        assert pull.again() is not None
    assert pull.last is not None
    assert pull.last.members == ("001-1.csv", "002-2.csv")
    assert sorted(pull.table("code")) == [("1",), ("9",)]


def test_a_new_resource_in_a_package_is_noticed(tmp_path: Path) -> None:
    portal = Portal(resource(1, **UPLOAD))
    with answering(portal) as server:
        pull = fetched(tmp_path, several(server.url))
        portal.resources.append(resource(2, **UPLOAD))
        assert pull.again() is not None
    assert pull.last is not None
    assert len(pull.last.members) == 2


def test_a_package_without_a_matching_resource_lists_what_it_has(tmp_path: Path) -> None:
    with (
        answering(Portal(resource(1))) as server,
        pytest.raises(SourceError, match=r"year 2001 \(CSV\)"),
    ):
        fetched(tmp_path, several(server.url, pattern="*.xlsx"))


def test_a_resource_on_a_private_host_is_not_asked_for(tmp_path: Path) -> None:
    with answering(lambda asked: Answer(b"secret")) as other:
        portal = Portal(resource(1, url=f"{other.url}/1.csv"))
        with answering(portal) as server, pytest.raises(SourceError, match="loopback"):
            fetched(tmp_path, one(server.url))
    assert other.asked == []


def test_a_login_page_for_a_file_is_no_delivery(tmp_path: Path) -> None:
    portal = Portal(resource(1))
    portal.files["/data/files/1.csv"] = Answer(b"<!doctype html><html><title>Login</title></html>")
    with answering(portal) as server, pytest.raises(SourceError, match="HTML"):
        fetched(tmp_path, one(server.url))


@pytest.mark.parametrize(
    ("said", "meant"),
    [
        ("CSV", {"csv"}),
        (".csv", {"csv"}),
        ("CSV.", {"csv"}),
        (".cvs", {"csv"}),
        (" csv ", {"csv"}),
        ("text/csv; charset=utf-8", {"csv"}),
        ("zip+csv", {"zip", "csv"}),
        ("ZIP+CSV", {"zip", "csv"}),
        ("CSV/ZIP", {"zip", "csv"}),
        ("csv (zip)", {"zip", "csv"}),
        ("csv.zip", {"zip", "csv"}),
        ("xmls", {"xlsx"}),
        ("XLSX", {"xlsx"}),
        ("Excel", {"xls"}),
        ("application/vnd.ms-excel", {"xls"}),
        ("application/vnd.openxmlformats-officedocument.spreadsheetml.sheet", {"xlsx"}),
        ("GeoJSON", {"geojson"}),
        ("geo json", {"geojson"}),
        ("ESRI Shapefile", {"shapefile"}),
        ("SHP", {"shapefile"}),
        ("KMZ", {"kml"}),
        ("", set()),
        ("API", set()),
        ("https://www.example.org", set()),
    ],
)
def test_formats_are_understood_however_they_are_spelt(said: str, meant: set[str]) -> None:
    assert normalised(said) == meant


@given(st.text())
def test_any_text_may_stand_where_a_format_does(said: str) -> None:
    assert normalised(said) == normalised(f" {said.strip()} ")


def test_every_format_of_recorded_portals_is_understood(shared_data: Path) -> None:
    """Words that name no format stay unknown: they are links to pages, or empty."""
    unknown = set()
    for name in ("page1", "start3", "org"):
        answer = json.loads((shared_data / f"api/ckan_package_search_{name}.json").read_bytes())
        for package in answer["result"]["results"]:
            for each in package["resources"]:
                if not normalised(each["format"]):
                    unknown.add(each["format"].lower())
    assert unknown <= {"", "odt", "ponto de acesso à api"}


def test_a_recorded_package_is_taken_by_pattern(tmp_path: Path, shared_data: Path) -> None:
    recorded = json.loads((shared_data / "api/ckan_package_show.json").read_bytes())
    for each in recorded["result"]["resources"]:
        each["url"] = "/files/" + each["url"].rpartition("/")[2]

    def respond(asked: Asked) -> Answer:
        if asked.path.endswith("package_show"):
            return Answer(recorded)
        return Answer(b"PK\x05\x06" + bytes(18))

    source = several("{}", format="csv", pattern="*/2021", archive={"kind": "zip"})
    with answering(respond) as server:
        pull: Pull = fetched(tmp_path, {**source, "url": f"{server.url}/api/3/action"})
    assert pull.last is not None
    assert pull.last.source_version == "2022-11-23T00:29:53.533713"
    months = [path[-6:] for path in server.paths()[1:]]
    assert len(months) > 9
    assert {month[:4] for month in months} == {"2021"}


@pytest.mark.parametrize(
    "more", [{}, {"resource": "a", "package": "b"}, {"resource": "a", "pattern": "*"}]
)
def test_a_definition_names_a_resource_or_a_package(more: dict[str, str]) -> None:
    with pytest.raises(ValueError, match="resource"):
        SOURCE.validate_python(
            {"kind": "ckan", "url": "https://example.org/api/3/action", "format": "csv", **more}
        )
