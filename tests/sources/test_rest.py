"""The generic HTTP API: templates, single answers, page styles, and formats other than JSON."""

from __future__ import annotations

import datetime as dt
import json
from pathlib import Path
from typing import Any

import pytest
from pulling import SOURCE, Pull, fetched
from pydantic import ValidationError
from servers.loopback import Answer, Asked, answering

from moulouya.errors import SourceError

DAY = (dt.datetime(2026, 11, 1, tzinfo=dt.UTC), dt.datetime(2026, 11, 2, tzinfo=dt.UTC))


def test_the_data_interval_goes_into_address_parameters_and_body(tmp_path: Path) -> None:
    with answering(lambda asked: Answer([{"id": 1}])) as server:
        fetched(
            tmp_path,
            {
                "kind": "rest",
                "url": server.url + "/{start:%Y}/days",
                "method": "POST",
                "params": {"from": "{start:%Y-%m-%d}", "to": "{last:%Y-%m-%d}", "at": "{start:%s}"},
                "body": {"range": ["{start}", "{end}"], "limit": 5},
            },
            interval=DAY,
        )
    asked = server.asked[0]
    assert (asked.method, asked.path) == ("POST", "/2026/days")
    assert asked.query == {"from": "2026-11-01", "to": "2026-11-01", "at": "1793491200"}
    assert json.loads(asked.body) == {
        "range": ["2026-11-01T00:00:00Z", "2026-11-02T00:00:00Z"],
        "limit": 5,
    }


def test_a_template_without_an_interval_is_an_error_that_says_so(tmp_path: Path) -> None:
    source = {"kind": "rest", "url": "http://127.0.0.1:9/", "params": {"from": "{start:%Y}"}}
    with pytest.raises(SourceError, match="needs a data interval"):
        fetched(tmp_path, source)


@pytest.mark.parametrize(
    ("change", "complaint"),
    [
        ({"params": {"day": "{today}"}}, "today"),
        ({"url": "https://example.org/{starts:%Y}"}, "starts"),
        ({"params": {"day": "{start:yyyy}"}}, "directive"),
        ({"params": {"nested": ["{begin}"]}}, "begin"),
        ({"params": {"from": dt.datetime(2026, 11, 1)}}, "quote this time"),
        ({"body": {"a": 1}}, "method: POST"),
        ({"paging": {"style": "cursor"}}, "needs `next`"),
        ({"paging": {"style": "page", "total": "meta..count"}}, "path"),
        ({"paging": {"style": "page", "next": "a"}}, "style page"),
        ({"paging": {"style": "page"}, "format": "xlsx"}, "pages"),
        ({"paging": {"style": "page", "total": "n"}, "format": "csv"}, "no path"),
        ({"paging": {"style": "page"}, "format": "xml"}, "records"),
    ],
)
def test_what_cannot_work_is_refused_when_the_definition_is_loaded(
    change: dict[str, Any], complaint: str
) -> None:
    with pytest.raises(ValidationError, match=complaint):
        SOURCE.validate_python({"kind": "rest", "url": "https://example.org/", **change})


def test_a_day_that_yaml_reads_as_a_date_is_sent_as_it_was_written() -> None:
    params = {"from": dt.date(2026, 11, 1), "days": [dt.date(2026, 11, 2)]}
    found = SOURCE.validate_python({"kind": "rest", "url": "https://example.org", "params": params})
    assert found.params == {"from": "2026-11-01", "days": ["2026-11-02"]}


def test_braces_of_a_query_language_in_a_body_are_left_alone(tmp_path: Path) -> None:
    body = 'query { rows(after: "{start:%Y}") {id} }'
    with answering(lambda asked: Answer([{"id": 1}])) as server:
        source = {"kind": "rest", "url": server.url, "method": "POST", "body": body}
        fetched(tmp_path, source, interval=DAY)
    assert server.asked[0].body.decode() == 'query { rows(after: "2026") {id} }'


def test_a_single_answer_is_asked_for_again_by_its_etag(tmp_path: Path) -> None:
    def respond(asked: Asked) -> Answer:
        if asked.headers.get("if-none-match") == '"1"':
            return Answer(status=304)
        return Answer([{"id": 1}], headers={"ETag": '"1"'})

    with answering(respond) as server:
        pull = fetched(tmp_path, {"kind": "rest", "url": server.url})
        assert pull.again() is None
    assert len(server.asked) == 2


def test_another_interval_is_another_answer_whatever_the_etag(tmp_path: Path) -> None:
    def respond(asked: Asked) -> Answer:
        if "if-none-match" in asked.headers:
            return Answer(status=304)
        return Answer([asked.query], headers={"ETag": '"same"'})

    with answering(respond) as server:
        source = {"kind": "rest", "url": server.url, "params": {"day": "{start:%d}"}}
        pull = fetched(tmp_path, source, interval=DAY)
        pull.request["interval"] = (DAY[1], DAY[1] + dt.timedelta(days=1))
        assert pull.again() is not None
    assert pull.documents() == [[{"day": "02"}]]


def test_a_single_answer_with_fewer_rows_than_its_total_is_an_error(tmp_path: Path) -> None:
    source = {"kind": "rest", "records": "rows", "paging": {"total": "n"}}
    with (
        answering(lambda asked: Answer({"n": 100, "rows": [{"id": 1}]})) as server,
        pytest.raises(SourceError, match="100 records and sent 1") as error,
    ):
        fetched(tmp_path, {**source, "url": server.url})
    assert "paging.style" in str(error.value.hint)


@pytest.mark.parametrize(
    ("body", "headers"),
    [
        ([{"id": 1}], {"Link": '</rows?page=2>; rel="next"'}),
        ({"rows": [{"id": 1}], "next": "https://example.org/rows?page=2"}, {}),
        ({"rows": [{"id": 1}], "@odata.nextLink": "https://example.org/?$skip=1"}, {}),
        ({"rows": [{"id": 1}], "_links": {"next": {"href": "/rows?page=2"}}}, {}),
    ],
)
def test_the_first_of_several_pages_is_not_taken_for_the_whole(
    tmp_path: Path, body: Any, headers: dict[str, str]
) -> None:
    with (
        answering(lambda asked: Answer(body, headers=headers)) as server,
        pytest.raises(SourceError, match="first of several pages"),
    ):
        fetched(tmp_path, {"kind": "rest", "url": server.url, "records": "rows"})


def test_an_error_page_with_status_200_is_no_delivery(tmp_path: Path) -> None:
    with (
        answering(lambda asked: Answer(b"<!doctype html><title>Oops</title>")) as server,
        pytest.raises(SourceError, match="HTML"),
    ):
        fetched(tmp_path, {"kind": "rest", "url": server.url})


def test_a_message_in_place_of_records_is_told(tmp_path: Path) -> None:
    source = {
        "kind": "rest",
        "records": "rows",
        "paging": {"style": "page"},
    }
    with (
        answering(lambda asked: Answer({"error": "quota used up"})) as server,
        pytest.raises(SourceError, match="quota used up"),
    ):
        fetched(tmp_path, {**source, "url": server.url})


def test_a_key_that_is_not_in_a_record_is_an_error(tmp_path: Path) -> None:
    paging = {"style": "page", "key": "uid"}
    with (
        answering(lambda asked: Answer([{"id": 1}])) as server,
        pytest.raises(SourceError, match="nothing at 'uid'"),
    ):
        fetched(tmp_path, {"kind": "rest", "url": server.url, "paging": paging})


def test_an_estimated_total_is_an_error(tmp_path: Path) -> None:
    source = {"kind": "rest", "records": "rows", "paging": {"style": "page", "total": "found"}}
    with (
        answering(lambda asked: Answer({"found": ">100", "rows": []})) as server,
        pytest.raises(SourceError, match="'>100'"),
    ):
        fetched(tmp_path, {**source, "url": server.url})


def test_the_header_with_the_key_comes_from_the_environment(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("NOBODYS_KEY", "hush-hush")
    with answering(lambda asked: Answer([{"id": 1}])) as server:
        source = {"kind": "rest", "url": server.url, "headers": {"X-API-Key": "env:NOBODYS_KEY"}}
        pull = fetched(tmp_path, source)
    assert server.asked[0].headers["x-api-key"] == "hush-hush"
    assert "hush" not in repr(pull.last)


def test_paging_parameters_go_into_the_body_where_the_api_wants_them(tmp_path: Path) -> None:
    def respond(asked: Asked) -> Answer:
        after = json.loads(asked.body).get("search_after")
        rows = {None: [{"id": 1}, {"id": 2}], 2: [{"id": 3}]}.get(after, [])
        return Answer({"rows": rows})

    source = {
        "kind": "rest",
        "method": "POST",
        "body": {"query": {"match_all": {}}},
        "records": "rows",
        "paging": {
            "style": "cursor",
            "next": "rows[-1].id",
            "parameter": "search_after",
            "place": "body",
        },
    }
    with answering(respond) as server:
        pull = fetched(tmp_path, {**source, "url": server.url})
    assert [row["id"] for page in pull.documents() for row in page["rows"]] == [1, 2, 3]
    assert json.loads(server.asked[1].body) == {"query": {"match_all": {}}, "search_after": 2}


def test_the_next_link_of_odata_is_found_under_its_own_name(tmp_path: Path) -> None:
    def respond(asked: Asked) -> Answer:
        if asked.query.get("$skip") == "1":
            return Answer({"value": [{"id": 2}]})
        return Answer({"value": [{"id": 1}], "@odata.nextLink": f"{server.url}/Rows?$skip=1"})

    paging = {"style": "next_link", "next": "@odata.nextLink"}
    with answering(respond) as server:
        source = {"kind": "rest", "url": f"{server.url}/Rows", "records": "value"}
        pull = fetched(tmp_path, {**source, "paging": paging})
    assert [page["value"][0]["id"] for page in pull.documents()] == [1, 2]


def csv_pages(pages: list[str]) -> Any:
    def respond(asked: Asked) -> Answer:
        number = int(asked.query["page"]) - 1
        return Answer((pages[number] if number < len(pages) else "id;name\n").encode())

    return respond


CSV = {
    "kind": "rest",
    "format": "csv",
    "dialect": {"delimiter": ";"},
    "paging": {"style": "page", "key": "id"},
}


def test_pages_of_csv_end_with_one_that_has_a_header_only(tmp_path: Path) -> None:
    pages = ['id;name\n1;"a\nb"\n2;c\n', "id;name\n3;d\n"]
    with answering(csv_pages(pages)) as server:
        pull = fetched(tmp_path, {**CSV, "url": server.url})
    assert pull.last is not None
    assert pull.last.members == ("page-00001.csv", "page-00002.csv")
    assert pull.last.state["records"] == 3
    assert sorted(pull.table("id", "name")) == [("1", "a\nb"), ("2", "c"), ("3", "d")]


def test_pages_of_csv_with_different_headers_are_an_error(tmp_path: Path) -> None:
    with (
        answering(csv_pages(["id;name\n1;a\n", "name;id\nb;2\n"])) as server,
        pytest.raises(SourceError, match="its header is"),
    ):
        fetched(tmp_path, {**CSV, "url": server.url})


def test_pages_of_xml_are_counted_by_their_records(tmp_path: Path) -> None:
    def respond(asked: Asked) -> Answer:
        rows = {"1": "<row><id>1</id></row><row><id>2</id></row>", "2": "<row><id>3</id></row>"}
        return Answer(
            f"<?xml version='1.0'?><a><rows>{rows.get(asked.query['page'], '')}</rows></a>".encode()
        )

    source = {"kind": "rest", "format": "xml", "records": "rows/row", "paging": {"style": "page"}}
    with answering(respond) as server:
        pull = fetched(tmp_path, {**source, "url": server.url})
    assert pull.last is not None
    assert pull.last.members == ("page-00001.xml", "page-00002.xml")
    assert pull.last.state["records"] == 3


@pytest.mark.parametrize(
    ("name", "records"),
    [
        ("open_meteo_archive_hourly.json", "hourly"),
        ("openaq_v3_sensor_measurements.json", "results"),
        ("usgs_earthquakes_feed.geojson", "features"),
    ],
)
def test_recorded_answers_arrive_byte_for_byte(
    tmp_path: Path, shared_data: Path, name: str, records: str
) -> None:
    body = (shared_data / "api" / name).read_bytes()
    with answering(lambda asked: Answer(body)) as server:
        pull = fetched(tmp_path, {"kind": "rest", "url": server.url, "records": records})
    assert [path.read_bytes() for path in pull.here.iterdir()] == [body]


def test_recorded_measurements_come_page_by_page(tmp_path: Path, shared_data: Path) -> None:
    """The recorded answer, cut into the pages that its API would hand out."""
    recorded = json.loads((shared_data / "api/openaq_v3_sensor_measurements.json").read_bytes())

    def respond(asked: Asked) -> Answer:
        page, limit = int(asked.query["page"]), int(asked.query["limit"])
        rows = recorded["results"][(page - 1) * limit : page * limit]
        return Answer({"meta": {**recorded["meta"], "page": page}, "results": rows})

    source = {
        "kind": "rest",
        "records": "results",
        "paging": {
            "style": "page",
            "size_parameter": "limit",
            "size": 20,
            "total": "meta.found",
            "key": "period.datetimeFrom.utc",
        },
    }
    with answering(respond) as server:
        pull: Pull = fetched(tmp_path, {**source, "url": server.url})
    assert [len(page["results"]) for page in pull.documents()] == [20, 20, 8]
    assert [row for page in pull.documents() for row in page["results"]] == recorded["results"]
