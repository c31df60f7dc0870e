"""The page on which rows are searched, filtered, sorted and paged, without any script."""

from __future__ import annotations

import re

import pytest
from markupsafe import escape

from moulouya.portal.languages import language
from moulouya.portal.presentation import Column
from moulouya.portal.records.cells import table_body

from . import lakes, tables
from .conftest import Client, client_of
from .test_exports import site, typed

__all__ = ["site", "typed"]
DATA = "/en/datasets/communes/data"


def rows_in(html: str) -> int:
    return html.partition("<tbody>")[2].partition("</tbody>")[0].count("<tr>")


def test_rows_are_filtered_sorted_and_counted(portal: Client) -> None:
    html = portal.get(f"{DATA}?kind__exact=U&_sort_desc=population").text
    assert rows_in(html) == 2
    assert html.index("125,000") < html.index("84,561")
    assert 'aria-sort="descending"' in html
    assert "Rows 1 to 2 of 2 rows" in html
    assert "Kind is" in re.sub(r"\s+", " ", html)


def test_form_leads_to_the_one_address_of_a_view(portal: Client) -> None:
    sent = portal.get(f"{DATA}?_search=&kind=U&_filter_column=population&_filter_op=gt"
                      "&_filter_value=100000&_size=50&_col=code&_col=population")  # fmt: skip
    assert sent.status_code == 302
    location = sent.headers["location"]
    assert location == f"{DATA}?kind__exact=U&population__gt=100000&_col=code&_col=population"
    assert portal.get(location).status_code == 200


def test_pages_follow_one_another(portal: Client) -> None:
    html = portal.get(f"{DATA}?_size=20").text
    assert rows_in(html) == 20
    following = re.search(r'href="([^"]+)" rel="nofollow next"', html)
    assert following is not None
    second = portal.get(following[1].replace("&amp;", "&")).text
    assert rows_in(second) == 10
    assert "Rows 21 to 30 of 30 rows" in second


@pytest.mark.parametrize("code", ["ar", "fr", "en"])
def test_mistake_is_a_page_that_says_what_to_write(portal: Client, code: str) -> None:
    response = portal.get(f"/{code}/datasets/communes/data?poplation__gt=1")
    assert response.status_code == 400
    assert "population" in response.text
    assert response.headers["content-type"].startswith("text/html")
    assert portal.get(f"/{code}/datasets/nope/data").status_code == 404


def test_view_can_be_shown_in_a_frame_and_the_page_cannot(portal: Client) -> None:
    framed = portal.get("/fr/embed/communes/data?kind__exact=R")
    assert framed.status_code == 200
    assert "frame-ancestors *" in framed.headers["content-security-policy"]
    page = portal.get("/fr/datasets/communes/data?kind__exact=R")
    assert "frame-ancestors 'none'" in page.headers["content-security-policy"]
    assert "/fr/embed/communes/data?kind__exact=R" in page.text


def test_values_are_never_markup(site: Client, portal: Client) -> None:
    for page in (
        site.get("/en/datasets/mixture/data").text,
        portal.get(f"{DATA}?_search=%3Cscript%3E").text,
        portal.get(f"{DATA}?_search=%22%3E%3Cscript%3Ealert(1)%3C/script%3E").text,
    ):
        assert "<script>alert" not in page
        assert "javascript:" not in "".join(re.findall(r'href="[^"]*"', page))


def test_missing_values_are_named_and_long_ones_unfold(site: Client) -> None:
    html = site.get("/en/datasets/mixture/data").text
    assert 'aria-label="empty"' in html
    assert "x" * 2000 in html
    assert "x" * 2001 not in html
    assert 'href="https://example.org/a?b=1&amp;c=2" rel="nofollow noopener"' in html


@pytest.mark.parametrize(
    "address",
    [
        "javascript:alert(1)",
        "https://user:pw@example.org/",
        "https://exa mple.org",
        "http://",
        "ftp://a",
    ],
)
def test_only_plain_web_addresses_become_links(address: str) -> None:
    column = Column(*[""] * 2, *[""] * 3, [], "", [], None, "", "", "", False, True)  # type: ignore[arg-type]
    body = table_body([[address]], ["text"], [column], language("en"))
    assert body == f"<tr><td><bdi>{escape(address)}</bdi></td></tr>\n"


def test_empty_table_has_a_page(built: lakes.Built) -> None:
    kinds = {"id": "BIGINT", "label": "VARCHAR", "size": "DOUBLE", "price": "DECIMAL(10,2)"}
    columns = {name: tables.DEFINITION["columns"][name] for name in kinds}
    listed = ", ".join(f'NULL::{kind} AS "{name}"' for name, kind in kinds.items())
    nothing = f"SELECT {listed} LIMIT 0"
    lakes.publish(built, "mixture", "energy", {**tables.DEFINITION, "columns": columns}, nothing)
    lakes.commit(built)
    portal = client_of(built)
    assert "No row fits" in portal.get("/en/datasets/mixture/data").text
    assert portal.get("/exports/mixture/1/mixture.csv").status_code == 200
