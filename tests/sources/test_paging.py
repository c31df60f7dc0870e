"""Pages of an API that changes while it is read: whole tables of one moment, or an error."""

from __future__ import annotations

import json
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pulling import Pull, fetched
from servers.loopback import Answer, Asked, answering

from moulouya.errors import SourceError

Rows = list[dict[str, Any]]
STYLES = {
    "page": {"style": "page", "size_parameter": "limit", "size": 3},
    "offset": {"style": "offset", "size_parameter": "limit", "size": 3},
    "cursor": {"style": "cursor", "next": "next", "size_parameter": "limit", "size": 3},
    "next_link": {"style": "next_link", "next": "links.next"},
    "link_header": {"style": "next_link"},
}


class Api:
    """Rows handed out in pages of three, and what happens to them before each request."""

    def __init__(self, rows: Rows, before: Callable[[int, Rows], None] = lambda _, __: None):
        self.rows = rows
        self.before = before
        self.states = [list(rows)]
        self.requests = 0

    def __call__(self, asked: Asked) -> Answer:
        self.requests += 1
        self.before(self.requests, self.rows)
        self.states.append(list(self.rows))
        query = asked.query
        if "page" in query:
            start = (int(query["page"]) - 1) * 3
        else:
            start = int(query.get("offset", query.get("cursor", 0)))
        rows = self.rows[start : start + 3]
        after = start + 3
        more = after < len(self.rows)
        link = f"?offset={after}" if more else None
        body = {
            "total": len(self.rows),
            "stamp": self.requests,
            "next": after if more else None,
            "links": {"next": link},
            "items": rows,
        }
        headers = {"Link": f'<{link}>; rel="next"'} if link else {}
        return Answer(body, headers=headers)


def rows_of(count: int) -> Rows:
    return [{"id": number, "name": f"n{number}"} for number in range(1, count + 1)]


def source(url: str, paging: dict[str, Any]) -> dict[str, Any]:
    return {"kind": "rest", "url": url, "records": "items", "paging": paging}


def items(pull: Pull) -> Rows:
    return [row for document in pull.documents() for row in document["items"]]


@pytest.mark.parametrize("style", STYLES)
@pytest.mark.parametrize("count", [1, 3, 8, 9])
def test_every_row_of_an_api_that_rests_comes_once(tmp_path: Path, style: str, count: int) -> None:
    with answering(Api(rows_of(count))) as server:
        pull = fetched(tmp_path, source(server.url, STYLES[style]))
    assert items(pull) == rows_of(count)
    assert pull.last is not None
    assert pull.last.members == tuple(
        f"page-{number:05d}.json" for number in range(1, len(pull.last.members) + 1)
    )


@pytest.mark.parametrize("style", STYLES)
@pytest.mark.parametrize("change", ["insert", "delete", "swap", "rolling"])
def test_a_change_between_two_pages_brings_the_rows_of_one_moment(
    tmp_path: Path, style: str, change: str
) -> None:
    def once(request: int, rows: Rows) -> None:
        if request != 2:
            return
        if change in ("insert", "swap"):
            rows.insert(0, {"id": 100, "name": "new"})
        if change in ("delete", "rolling"):
            rows.pop(0)
        if change == "swap":
            rows.pop()
        if change == "rolling":
            rows.append({"id": 101, "name": "newest"})

    api = Api(rows_of(8), once)
    with answering(api) as server:
        pull = fetched(tmp_path, source(server.url, STYLES[style]))
    assert items(pull) == api.rows


@pytest.mark.parametrize("style", STYLES)
def test_an_api_that_changes_on_every_request_is_an_error_to_try_again(
    tmp_path: Path, style: str
) -> None:
    api = Api(rows_of(8), lambda request, rows: rows.insert(0, {"id": -request}))
    with answering(api) as server, pytest.raises(SourceError, match="changes while") as error:
        fetched(tmp_path, source(server.url, STYLES[style]))
    assert error.value.retry
    assert not list(tmp_path.rglob("page-*"))


def test_a_total_that_moves_with_every_answer_is_an_error_to_try_again(tmp_path: Path) -> None:
    def respond(asked: Asked) -> Answer:
        respond.total += 1  # type: ignore[attr-defined]
        page = int(asked.query["page"])
        rows = rows_of(6)[(page - 1) * 3 : page * 3]
        return Answer({"total": respond.total, "items": rows})  # type: ignore[attr-defined]

    respond.total = 5  # type: ignore[attr-defined]
    paging = {**STYLES["page"], "total": "total", "confirm": False}
    with answering(respond) as server, pytest.raises(SourceError, match="total went from") as error:
        fetched(tmp_path, source(server.url, paging))
    assert error.value.retry
    assert "3 restarts" in error.value.message


def test_fewer_rows_than_the_total_is_an_error(tmp_path: Path) -> None:
    def respond(asked: Asked) -> Answer:
        rows = rows_of(5) if asked.query["page"] == "1" else []
        return Answer({"total": 6, "items": rows})

    paging = {**STYLES["page"], "total": "total"}
    with answering(respond) as server, pytest.raises(SourceError, match="5 records came") as error:
        fetched(tmp_path, source(server.url, paging))
    assert error.value.retry


def test_an_id_that_comes_twice_restarts_the_pull(tmp_path: Path) -> None:
    def once(request: int, rows: Rows) -> None:
        if request == 2:
            rows.insert(0, {"id": 100})
            rows.pop()

    api = Api(rows_of(8), once)
    paging = {**STYLES["page"], "key": "id", "confirm": False}
    with answering(api) as server:
        pull = fetched(tmp_path, source(server.url, paging))
    assert items(pull) == api.rows


def test_a_server_that_ignores_the_page_is_an_error(tmp_path: Path) -> None:
    with (
        answering(lambda asked: Answer({"items": rows_of(3)})) as server,
        pytest.raises(SourceError, match="page 2 is page 1 again") as error,
    ):
        fetched(tmp_path, source(server.url, STYLES["page"]))
    assert error.value.retry


def test_a_cursor_that_leads_in_a_circle_is_an_error(tmp_path: Path) -> None:
    def respond(asked: Asked) -> Answer:
        at = int(asked.query.get("cursor", 0))
        return Answer({"items": [{"id": len(server.asked)}], "next": at % 2 + 1})

    with (
        answering(respond) as server,
        pytest.raises(SourceError, match="leads back") as error,
    ):
        fetched(tmp_path, source(server.url, STYLES["cursor"]))
    assert error.value.retry


def test_pages_without_end_stop_at_the_declared_most(tmp_path: Path) -> None:
    def respond(asked: Asked) -> Answer:
        return Answer({"items": [{"id": asked.query["page"]}]})

    paging = {**STYLES["page"], "max_pages": 7}
    with answering(respond) as server, pytest.raises(SourceError, match="more than 7 pages"):
        fetched(tmp_path, source(server.url, paging))
    assert len(server.asked) == 7
    assert not list(tmp_path.rglob("page-*"))


def test_a_next_link_to_another_host_is_not_followed(tmp_path: Path) -> None:
    with answering(lambda asked: Answer({"items": [{"id": 2}], "links": {}})) as other:

        def respond(asked: Asked) -> Answer:
            return Answer({"items": [{"id": 1}], "links": {"next": f"{other.url}/2"}})

        with answering(respond) as server, pytest.raises(SourceError, match="origin"):
            fetched(tmp_path, source(server.url, STYLES["next_link"]))
    assert other.asked == []


def test_a_page_smaller_than_asked_for_is_not_the_end(tmp_path: Path) -> None:
    """A server may cap its pages: here at three, of ten that were asked for."""
    paging = {**STYLES["offset"], "size": 10}
    with answering(Api(rows_of(8))) as server:
        assert items(fetched(tmp_path, source(server.url, paging))) == rows_of(8)


def test_a_short_page_is_the_end_where_that_is_declared(tmp_path: Path) -> None:
    paging = {**STYLES["page"], "until": "short", "confirm": False}
    with answering(Api(rows_of(8))) as server:
        assert items(fetched(tmp_path, source(server.url, paging))) == rows_of(8)
    assert [asked.query["page"] for asked in server.asked] == ["1", "2", "3"]


def test_the_last_page_is_not_asked_for_twice_where_the_total_is_known(tmp_path: Path) -> None:
    paging = {**STYLES["page"], "total": "total", "confirm": False}
    with answering(Api(rows_of(9))) as server:
        assert items(fetched(tmp_path, source(server.url, paging))) == rows_of(9)
    assert [asked.query["page"] for asked in server.asked] == ["1", "2", "3"]


def test_an_empty_answer_is_kept_and_empty_pages_after_rows_are_not(tmp_path: Path) -> None:
    with answering(Api([])) as server:
        assert items(fetched(tmp_path / "none", source(server.url, STYLES["page"]))) == []
    with answering(Api(rows_of(3))) as server:
        pull = fetched(tmp_path / "one", source(server.url, STYLES["page"]))
    assert pull.last is not None
    assert pull.last.members == ("page-00001.json",)


CHANGES = st.lists(
    st.tuples(
        st.integers(1, 12),
        st.sampled_from(["insert", "delete", "append", "replace"]),
        st.integers(0, 12),
    ),
    max_size=6,
)


@settings(
    max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(changes=CHANGES, style=st.sampled_from(sorted(STYLES)))
def test_whatever_changes_the_rows_are_those_of_one_moment(
    changes: list[tuple[int, str, int]], style: str
) -> None:
    def mutate(request: int, rows: Rows) -> None:
        for number, (moment, what, place) in enumerate(changes):
            if moment != request:
                continue
            new = {"id": 1000 + number}
            if what == "insert":
                rows.insert(place % (len(rows) + 1), new)
            elif what == "append":
                rows.append(new)
            elif rows and what == "delete":
                rows.pop(place % len(rows))
            elif rows:
                rows[place % len(rows)] = new

    api = Api(rows_of(8), mutate)
    with tempfile.TemporaryDirectory() as folder, answering(api) as server:
        try:
            pull = fetched(Path(folder), source(server.url, STYLES[style]))
        except SourceError as error:
            if not error.retry:
                raise
            return
        assert items(pull) in api.states


def test_secrets_in_an_address_are_not_in_the_error(tmp_path: Path) -> None:
    with (
        answering(lambda asked: Answer({"items": rows_of(3)})) as server,
        pytest.raises(SourceError) as error,
    ):
        fetched(tmp_path, source(f"{server.url}/?api_key=hush", STYLES["page"]))
    assert "hush" not in str(error.value)
    assert urlsplit(server.url).netloc in str(error.value)


def test_exact_bytes_are_kept(tmp_path: Path) -> None:
    body = b'{ "items" : [ {"id":1.50} ] }\n'
    with answering(lambda asked: Answer(body)) as server:
        pull = fetched(tmp_path, source(server.url, STYLES["cursor"]))
    assert (pull.here / "page-00001.json").read_bytes() == body
    assert json.loads(body)["items"] == [{"id": 1.5}]
