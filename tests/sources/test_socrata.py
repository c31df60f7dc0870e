"""Socrata portals: every row once, in the order of its id."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from pulling import fetched
from servers.loopback import Answer, Asked, answering

from moulouya.errors import SourceError


class Soda:
    """A dataset, and what happens to it before each request."""

    def __init__(self, count: int) -> None:
        self.rows: list[dict[str, Any]] = [{"n": str(number)} for number in range(count)]
        self.requests = 0
        self.inserts: set[int] | None = set()

    def __call__(self, asked: Asked) -> Answer:
        self.requests += 1
        if self.inserts is None or self.requests in self.inserts:
            self.rows.insert(0, {"n": f"new{self.requests}"})
        if asked.query.get("$select") == "count(*)":
            return Answer([{"count": str(len(self.rows))}])
        start, size = int(asked.query["$offset"]), int(asked.query["$limit"])
        return Answer(self.rows[start : start + size])


def source(url: str, **more: Any) -> dict[str, Any]:
    return {"kind": "socrata", "url": url, "dataset": "abcd-1234", "page_size": 3,
            "format": "json", **more}  # fmt: skip


def test_rows_are_paged_in_the_order_of_their_id(tmp_path: Path) -> None:
    api = Soda(8)
    with answering(api) as server:
        pull = fetched(tmp_path, source(server.url, where="n > 0"))
    assert [row for page in pull.documents() for row in page] == api.rows
    pages = [asked.query for asked in server.asked if "$limit" in asked.query]
    assert {(query["$order"], query["$where"]) for query in pages} == {(":id", "n > 0")}
    assert server.asked[0].query == {"$select": "count(*)", "$where": "n > 0"}
    assert {asked.path for asked in server.asked} == {"/resource/abcd-1234.json"}


@pytest.mark.parametrize("moment", range(1, 6))
def test_a_row_that_comes_in_between_restarts_the_pull(tmp_path: Path, moment: int) -> None:
    api = Soda(8)
    api.inserts = {moment}
    with answering(api) as server:
        pull = fetched(tmp_path, source(server.url))
    assert [row for page in pull.documents() for row in page] == api.rows


def test_a_dataset_that_never_rests_is_an_error_to_try_again(tmp_path: Path) -> None:
    api = Soda(8)
    api.inserts = None
    with answering(api) as server, pytest.raises(SourceError, match="changes while") as error:
        fetched(tmp_path, source(server.url))
    assert error.value.retry


def test_the_token_is_a_header_from_the_environment(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("NOBODYS_TOKEN", "hush")
    with answering(Soda(2)) as server:
        pull = fetched(tmp_path, source(server.url, headers={"X-App-Token": "env:NOBODYS_TOKEN"}))
    assert {asked.headers.get("x-app-token") for asked in server.asked} == {"hush"}
    assert "hush" not in repr(pull.last)


def test_an_error_of_the_portal_is_told(tmp_path: Path) -> None:
    said = {"error": True, "code": "query.soql.no-such-column", "message": "No such column: m"}
    with (
        answering(lambda asked: Answer(said)) as server,
        pytest.raises(SourceError, match="No such column"),
    ):
        fetched(tmp_path, source(server.url, where="m > 1"))
