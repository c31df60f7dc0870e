"""The World Bank: [about, rows], several indicators, messages with status 200."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from pulling import fetched
from servers.loopback import Answer, Asked, answering

from moulouya.errors import SourceError


class Bank:
    """Indicators with a value a year, in pages as asked for."""

    def __init__(self, **years: int) -> None:
        self.years = years
        self.updated = "2026-01-01"
        self.before: Callable[[int], None] = lambda request: None
        self.requests = 0

    def __call__(self, asked: Asked) -> Answer:
        self.requests += 1
        self.before(self.requests)
        name = asked.path.rpartition("/")[2]
        if name not in self.years:
            value = "The provided parameter value is not valid"
            return Answer([{"message": [{"id": "120", "key": "Invalid value", "value": value}]}])
        rows = [
            {
                "indicator": {"id": name},
                "country": {"id": "MA"},
                "date": str(2000 + year),
                "value": 1,
            }
            for year in range(self.years[name])
        ]
        size, page = int(asked.query["per_page"]), int(asked.query["page"])
        about = {"page": page, "pages": -(-len(rows) // size), "per_page": str(size),
                 "total": len(rows), "lastupdated": self.updated}  # fmt: skip
        return Answer([about, rows[(page - 1) * size : page * size] or None])


def source(url: str, *indicators: str, **more: Any) -> dict[str, Any]:
    return {"kind": "worldbank", "url": f"{url}/v2", "indicators": list(indicators),
            "page_size": 3, "format": "json", **more}  # fmt: skip


def test_every_indicator_is_asked_for_by_itself_for_all_countries(tmp_path: Path) -> None:
    with answering(Bank(POP=7, GDP=2)) as server:
        more = {"countries": ["MAR", "TUN"], "date": "2000:2010"}
        pull = fetched(tmp_path, source(server.url, "POP", "GDP", **more))
    assert [len(rows) for _, rows in pull.documents()] == [3, 3, 1, 2]
    assert server.paths() == ["/v2/country/MAR;TUN/indicator/POP"] * 3 + [
        "/v2/country/MAR;TUN/indicator/GDP"
    ]
    assert {asked.query["date"] for asked in server.asked} == {"2000:2010"}
    assert pull.last is not None
    assert pull.last.members == tuple(f"page-0000{number}.json" for number in range(1, 5))
    assert pull.last.source_version == "2026-01-01"
    assert len(pull.table("indicator.id", "date", "value")) == 9


def test_nothing_new_is_told_by_the_banks_own_date(tmp_path: Path) -> None:
    bank = Bank(POP=7, GDP=2)
    with answering(bank) as server:
        pull = fetched(tmp_path, source(server.url, "POP", "GDP"))
        before = len(server.asked)
        assert pull.again() is None
        assert len(server.asked) - before == 2
        bank.updated = "2026-02-01"
        assert pull.again() is not None


def test_an_update_between_two_pages_restarts_the_pull(tmp_path: Path) -> None:
    bank = Bank(POP=7)

    def update(request: int) -> None:
        if request == 2:
            bank.updated = "2026-02-01"

    bank.before = update
    with answering(bank) as server:
        pull = fetched(tmp_path, source(server.url, "POP"))
    assert {about["lastupdated"] for about, _ in pull.documents()} == {"2026-02-01"}


def test_a_bank_that_never_rests_is_an_error_to_try_again(tmp_path: Path) -> None:
    bank = Bank(POP=7)
    bank.before = lambda request: bank.years.update(POP=7 + request)
    with answering(bank) as server, pytest.raises(SourceError, match="changes while") as error:
        fetched(tmp_path, source(server.url, "POP"))
    assert error.value.retry


def test_a_message_with_status_200_is_an_error(tmp_path: Path) -> None:
    with (
        answering(Bank(POP=1)) as server,
        pytest.raises(SourceError, match="refuses NOPE: Invalid value: The provided"),
    ):
        fetched(tmp_path, source(server.url, "POP", "NOPE"))


def test_an_indicator_without_rows_is_an_error(tmp_path: Path) -> None:
    with answering(Bank(POP=0)) as server, pytest.raises(SourceError, match="no row of POP"):
        fetched(tmp_path, source(server.url, "POP"))


def test_an_answer_of_another_form_is_an_error(tmp_path: Path) -> None:
    with (
        answering(lambda asked: Answer({"rows": []})) as server,
        pytest.raises(SourceError, match="about, rows"),
    ):
        fetched(tmp_path, source(server.url, "POP"))


def test_recorded_rows_come_out_as_they_went_in(tmp_path: Path, shared_data: Path) -> None:
    rows = json.loads((shared_data / "api/worldbank_SP.POP.TOTL_MAR_rows.json").read_bytes())

    def respond(asked: Asked) -> Answer:
        size, page = int(asked.query["per_page"]), int(asked.query["page"])
        about = {"page": page, "pages": -(-len(rows) // size), "total": len(rows)}
        return Answer([about, rows[(page - 1) * size : page * size]])

    with answering(respond) as server:
        pull = fetched(tmp_path, source(server.url, "SP.POP.TOTL", page_size=20))
    assert [row for _, page in pull.documents() for row in page] == rows
    assert ("2025", "38430770") in pull.table("date", "value")


@pytest.mark.parametrize("name", ["agricultural_land_area", "gdp", "population"])
def test_a_recorded_envelope_whose_total_is_wrong_is_refused(
    tmp_path: Path, shared_data: Path, name: str
) -> None:
    """The recordings were shortened: they say 264 rows and hold a few."""
    body = (shared_data / f"api/worldbank_{name}_BRA_envelope.json").read_bytes()
    with (
        answering(lambda asked: Answer(body)) as server,
        pytest.raises(SourceError, match="where it says 264"),
    ):
        fetched(tmp_path, source(server.url, "X"))
