"""The SDMX source: the question it asks, what it takes for an answer, and no data."""

from __future__ import annotations

import datetime as dt
from pathlib import Path
from typing import Any

import pytest
from pulling import SOURCE, Pull, fetched
from pydantic import ValidationError
from servers.sdmx import Service, serving

from moulouya.errors import SourceError

YEAR = (dt.datetime(2026, 1, 1, tzinfo=dt.UTC), dt.datetime(2027, 1, 1, tzinfo=dt.UTC))


def source(url: str, **more: Any) -> dict[str, Any]:
    return {"kind": "sdmx", "url": f"{url}/rest/", "flow": "EXR", "key": "M.MAD", **more}


def test_flow_key_and_period_are_asked_for_as_structure_specific_xml(tmp_path: Path) -> None:
    params = {"startPeriod": "{start:%Y-%m}", "detail": "full"}
    with serving(Service()) as server:
        pull = fetched(tmp_path, source(server.url, params=params), interval=YEAR)
    (asked,) = server.asked
    assert asked.path == "/rest/data/EXR/M.MAD"
    assert asked.query == {"startPeriod": "2026-01", "detail": "full"}
    assert asked.headers["accept"] == ("application/vnd.sdmx.structurespecificdata+xml;version=2.1")
    assert pull.last is not None
    assert pull.last.members == ("data.xml",)


def test_commas_and_pluses_of_flow_and_key_stay_as_they_are(tmp_path: Path) -> None:
    with serving(Service()) as server:
        fetched(tmp_path, source(server.url, flow="BANK,EXR,1.0", key="M.MAD+USD"))
    assert server.asked[0].path == "/rest/data/BANK,EXR,1.0/M.MAD+USD"


def test_xml_and_csv_give_the_same_observations(tmp_path: Path) -> None:
    with serving(Service()) as server:
        xml = fetched(tmp_path / "xml", source(server.url))
        csv = fetched(tmp_path / "csv", source(server.url, format="csv"))
        both = fetched(
            tmp_path / "both", source(server.url, accept="application/vnd.sdmx.data+csv")
        )
    wanted = [("MAD", "2026-09", "9.9512"), ("MAD", "2026-10", "9.9800")]
    for pull in (xml, csv, both):
        assert pull.table("CURRENCY", "TIME_PERIOD", "OBS_VALUE") == wanted
    assert csv.last is not None
    assert csv.last.members == ("data.csv",)


def test_an_unchanged_answer_is_no_delivery(tmp_path: Path) -> None:
    service = Service()
    with serving(service) as server:
        pull = fetched(tmp_path, source(server.url))
        assert pull.again() is None
        service.etag = '"v2"'
        assert pull.again() is not None
    assert len(server.asked) == 3


def test_the_next_interval_is_another_question_and_asked_unconditionally(tmp_path: Path) -> None:
    params = {"startPeriod": "{start:%Y-%m}"}
    with serving(Service()) as server:
        pull = Pull(tmp_path, source(server.url, params=params), interval=YEAR)
        assert pull.again() is not None
        pull.request["interval"] = (YEAR[1], YEAR[1] + dt.timedelta(days=365))
        assert pull.again() is not None
    assert "if-none-match" not in server.asked[1].headers


def test_no_data_is_said_in_words(tmp_path: Path) -> None:
    with serving(Service()) as server, pytest.raises(SourceError, match="has no data") as raised:
        fetched(tmp_path, source(server.url, key="M.ABC"))
    assert not raised.value.retry


def test_a_page_for_people_is_not_taken_for_data(tmp_path: Path) -> None:
    with serving(Service(html=True)) as server, pytest.raises(SourceError, match="HTML"):
        fetched(tmp_path, source(server.url))


@pytest.mark.parametrize("more", [{"flow": "EXR/../x"}, {"key": "M?x=1"}, {"key": "a b"}])
def test_a_flow_or_key_cannot_lead_to_another_address(more: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        SOURCE.validate_python(source("https://example.org", **more))
