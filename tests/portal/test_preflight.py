"""Pages of other sites may read what is open: browsers ask first, and are told so."""

from __future__ import annotations

import pytest

from .conftest import Client

ASK = {"Origin": "https://example.org", "Access-Control-Request-Method": "GET"}


@pytest.mark.parametrize(
    "path",
    [
        "/catalogue.duckdb",
        "/catalogue.ttl",
        "/datapackage.json",
        "/datasets/communes/croissant.json",
        "/datasets/communes.jsonld",
        "/exports/communes/1/communes.csv",
        "/feeds/datasets.atom",
        "/files/communes/1/communes.parquet",
        "/releases/1/catalogue.duckdb",
        "/api/v1/datasets",
        "/api/v1/sql",
        "/ogc/collections",
        "/mcp",
    ],
)
def test_what_every_site_may_read_can_be_asked_for_from_a_page_of_it(
    portal: Client, path: str
) -> None:
    told = portal.request("OPTIONS", path, **ASK)
    assert told.status_code == 204
    assert told.headers["access-control-allow-origin"] == "*"


@pytest.mark.parametrize("header", ["Range", "If-None-Match", "If-Range"])
def test_a_page_may_ask_for_a_part_of_a_file_and_for_a_newer_one(
    portal: Client, header: str
) -> None:
    told = portal.request("OPTIONS", "/files/communes/1/communes.parquet", **ASK)
    assert header in told.headers["access-control-allow-headers"]


def test_a_page_may_send_json_to_the_actions_of_ckan(portal: Client) -> None:
    asked = {**ASK, "Access-Control-Request-Method": "POST",
             "Access-Control-Request-Headers": "content-type"}  # fmt: skip
    for path in ("/api/3/action/package_search", "/api/action/package_search"):
        told = portal.request("OPTIONS", path, **asked)
        assert told.status_code == 204
        assert "POST" in told.headers["access-control-allow-methods"]
        assert "Content-Type" in told.headers["access-control-allow-headers"]


@pytest.mark.parametrize("path", ["/fr/", "/fr/requests", "/fr/datasets/communes/follow"])
def test_a_page_for_people_is_not_open_to_other_sites(portal: Client, path: str) -> None:
    told = portal.request("OPTIONS", path, **ASK)
    assert told.status_code in (404, 405)
    assert "access-control-allow-origin" not in told.headers


def test_who_is_no_browser_is_told_the_methods(portal: Client) -> None:
    assert portal.request("OPTIONS", "/files/communes/1/communes.parquet").status_code == 405
