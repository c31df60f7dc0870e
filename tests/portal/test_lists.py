"""Lists, facets and home: what is counted is what is listed, and every link leads on."""

from __future__ import annotations

import datetime as dt
import html
import re
import shutil
from collections.abc import Iterator
from urllib.parse import quote
from xml.etree import ElementTree

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from starlette.datastructures import QueryParams
from starlette.exceptions import HTTPException

from moulouya.portal.search import listing
from moulouya.portal.search.facets import FACETS, SORTS, Dimension
from moulouya.portal.search.listing import Found, find
from moulouya.portal.search.wanted import Wanted

from . import lakes
from .conftest import Client, client_of

MORE = 12
A_PAGE = 5
POINT = "SELECT '77.001' AS code, 'POINT (-2 35)'::GEOMETRY AS shape"
NOW = dt.datetime.now(dt.UTC)


@pytest.fixture(scope="module")
def many(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Client]:
    """A portal of datasets with different themes, licences and goals, five to a page."""
    built = lakes.build(tmp_path_factory.mktemp("many") / "lake")
    for number in range(MORE):
        said = {
            **lakes.BOUNDARIES,
            "title": lakes.text(f"طريق {number}", f"Route {number}", f"Road {number}"),
            "licence": ("CC0-1.0", "MIT", None)[number % 3],
            "sdg": [["6.1"], ["11.2", "9.1"], []][number % 3],
            "themes": [[], ["energy"]][number % 2],
            "spatial": [None, "77.001"][number % 2],
        }
        lakes.publish(built, f"road_{number}", "territory", said, POINT)
    lakes.commit(built)
    portal = client_of(built)
    portal.app.state.search.completed(portal.app.state.current.served)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(listing, "A_PAGE", A_PAGE)
        yield portal


def listed(portal: Client, wanted: Wanted) -> Found:
    state = portal.app.state
    catalogue = state.current.served
    return find(state.search, catalogue, wanted, "fr", state.looks.known(catalogue), NOW)


def every(portal: Client, wanted: Wanted) -> list[str]:
    first = listed(portal, wanted)
    rest = range(2, first.pages + 1)
    pages = [first, *(listed(portal, wanted.changed(page=page)) for page in rest)]
    return [slug for page in pages for slug in page.slugs]


VALUES = {
    "theme": ["territory", "energy", "demography", "nope"],
    "licence": ["CC0-1.0", "MIT", "ODbL-1.0"],
    "goal": ["6", "9", "11"],
    "place": ["77", "77.001"],
    "format": ["CSV", "DuckDB", "Excel", "GeoJSON"],
    "fresh": ["late", "fresh"],
    "publisher": ["office"],
    "quality": ["high", "fair", "low"],
}


@settings(
    deadline=None, max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(
    query=st.sampled_from(["", "route", "population", "commune -route", "xyzzyzzy"]),
    chosen=st.dictionaries(st.sampled_from(FACETS), st.integers(0, 3).map(lambda n: n), max_size=3),
    facet=st.sampled_from(FACETS),
)
def test_count_of_a_facet_is_the_length_of_its_list(
    many: Client, query: str, chosen: dict[str, int], facet: str
) -> None:
    picked = {name: (VALUES[name][place % len(VALUES[name])],) for name, place in chosen.items()}
    wanted = Wanted(query, picked)
    counts = listed(many, wanted).counts[facet]
    for value, number in counts.items():
        alone = Wanted(query, {**picked, facet: (value,)})
        assert len(every(many, alone)) == number == listed(many, alone).total


@pytest.mark.parametrize("sort", SORTS)
def test_pages_of_a_list_hold_every_dataset_once(many: Client, sort: str) -> None:
    slugs = every(many, Wanted(sort=sort))
    assert len(slugs) == len(set(slugs)) == MORE + 3
    assert len(listed(many, Wanted(sort=sort)).slugs) == A_PAGE


def test_values_of_one_facet_add_up_and_facets_narrow(many: Client) -> None:
    assert listed(many, Wanted(chosen={"goal": ("6", "9")})).total == 8
    both = Wanted(chosen={"goal": ("6", "9"), "theme": ("energy",)})
    assert listed(many, both).total == 4


def test_list_is_sorted(many: Client) -> None:
    rows = [
        many.app.state.current.served.datasets[slug].rows
        for slug in every(many, Wanted(sort="rows"))
    ]
    assert rows == sorted(rows, reverse=True)
    assert every(many, Wanted(sort="name"))[0] == "density"


def test_every_link_of_a_list_leads_to_a_list(many: Client) -> None:
    page = many.get("/fr/datasets?q=route&theme=energy&licence=MIT&sort=name")
    links = {html.unescape(link) for link in re.findall(r'href="(/fr/datasets\?[^"]*)"', page.text)}
    assert len(links) > 5
    for link in links:
        assert many.get(link).status_code == 200, link


def test_what_is_chosen_can_be_taken_back(many: Client) -> None:
    text = html.unescape(many.get("/en/datasets?q=road&theme=energy&licence=MIT").text)
    assert 'href="/en/datasets?q=road&theme=energy"' in text
    assert 'href="/en/datasets?q=road&licence=MIT"' in text
    assert 'href="/en/datasets?q=road"' in text
    assert '<input type="hidden" name="licence" value="MIT">' in text


def test_pages_lead_to_one_another(many: Client) -> None:
    text = html.unescape(many.get("/en/datasets?theme=territory&page=2").text)
    assert '<link rel="prev" href="/en/datasets?theme=territory">' in text
    assert '<link rel="next" href="/en/datasets?theme=territory&page=3">' in text
    assert 'rel="next"' not in many.get("/en/datasets?theme=territory&page=99").text
    theme = html.unescape(many.get("/en/themes/territory?page=2").text)
    assert '<a rel="next" href="/en/themes/territory?page=3">' in theme


@pytest.mark.parametrize(
    "query", ["page=0", "page=x", "page=-1", "page=1e3", "page=٢", "sort=best", "page="]
)
def test_address_that_means_nothing_is_refused(many: Client, query: str) -> None:
    assert many.get(f"/fr/datasets?{query}").status_code == 400


def test_value_that_nobody_has_gives_an_empty_list_and_a_way_out(many: Client) -> None:
    hostile = '"><script>alert(1)</script>'
    page = many.get(f"/en/datasets?theme={quote(hostile)}&format=nope")
    assert page.status_code == 200
    assert "<script>alert" not in page.text
    assert "Nothing fits everything you have chosen." in page.text
    assert 'href="/en/datasets?format=nope"' in page.text


@given(
    st.text(max_size=40),
    st.dictionaries(st.sampled_from(FACETS), st.lists(st.text(max_size=20), max_size=3)),
    st.integers(1, 99),
)
def test_address_says_what_was_wanted(query: str, chosen: dict[str, list[str]], page: int) -> None:
    pairs = [
        ("q", query),
        *((name, value) for name, several in chosen.items() for value in several),
    ]
    wanted = Wanted.of(QueryParams([*pairs, ("page", str(page))]))
    assert Wanted.of(QueryParams(wanted.href("/").partition("?")[2])) == wanted
    for name in wanted.chosen:
        value = wanted.chosen[name][0]
        assert value not in wanted.toggled(name, value).chosen.get(name, ())


def test_unknown_order_is_refused() -> None:
    with pytest.raises(HTTPException):
        Wanted.of(QueryParams("sort=x"))


def test_facet_without_values_selects_nothing() -> None:
    empty = Dimension((), np.zeros(0, np.int64), np.zeros(0, np.int64))
    assert not empty.mask(("x",), 3).any()
    assert empty.counts(np.ones(3, bool)) == {}


def test_home_shows_themes_new_datasets_and_why_something_is_late(built: lakes.Built) -> None:
    version = built.lake.version("communes", 1) / "version.json"
    old = NOW - dt.timedelta(days=10)
    record = re.sub(r'"(created|retrieved)": "[^"]*"', f'"\\1": "{old:%Y-%m-%dT%H:%M:%SZ}"',
                    version.read_text())  # fmt: skip
    version.chmod(0o644)
    version.write_text(record)
    for folder in (built.lake.ledger, built.lake.log, built.lake.releases):
        shutil.rmtree(folder)
    lakes.commit(built)
    portal = client_of(built)
    text = portal.get("/en/").text
    assert "/en/themes/demography" in text
    assert "What is late, and why" in text
    assert "Nobody has looked for newer figures since it was published." in text
    lakes.end_run(built.lake, "communes", "later", "held", old)
    assert "a person is examining it" in client_of(built).get("/en/").text
    assert listed(portal, Wanted(chosen={"fresh": ("late",)})).slugs == ["communes"]


def test_suggestions_name_datasets_themes_and_columns(many: Client) -> None:
    answer = many.get("/ar/suggest?q=%D8%B3%D9%83").json()
    kinds = {group["kind"]: group["items"] for group in answer["groups"]}
    assert kinds["dataset"][0]["href"] == "/ar/datasets/communes"
    assert kinds["theme"] == [{"title": "السكان", "href": "/ar/themes/demography"}]
    assert kinds["column"]
    assert answer["status"]
    assert many.get("/ar/suggest?q=").json()["groups"] == []
    assert many.get("/ar/suggest").json()["groups"] == []


def test_every_suggestion_leads_to_a_page(many: Client) -> None:
    for group in many.get("/fr/suggest?q=pop").json()["groups"]:
        for item in group["items"]:
            assert many.get(item["href"]).status_code == 200, item


def test_browser_learns_how_to_search(many: Client) -> None:
    answer = many.get("/fr/opensearch.xml")
    assert answer.headers["content-type"] == "application/opensearchdescription+xml"
    (url,) = ElementTree.fromstring(answer.text).iter("{http://a9.com/-/spec/opensearch/1.1/}Url")
    assert url.get("template") == "http://data.example.org/fr/datasets?q={searchTerms}"
    assert 'href="/fr/opensearch.xml"' in many.get("/fr/").text
    assert many.get("/de/opensearch.xml").status_code == 404


def test_searches_are_kept_out_of_search_engines(many: Client) -> None:
    robots = many.get("/robots.txt").text
    assert "Disallow: /*?q=" in robots
    assert '<meta name="robots" content="noindex">' in many.get("/fr/datasets?theme=energy").text


def test_formats_that_are_made_when_asked_for_can_be_filtered_by(portal: Client) -> None:
    def with_format(name: str) -> list[str]:
        return every(portal, Wanted(chosen={"format": (name,)}))

    assert with_format("GeoJSON") == ["boundaries"]
    assert "boundaries" in with_format("Excel")
    assert "communes" not in with_format("GeoJSON")
