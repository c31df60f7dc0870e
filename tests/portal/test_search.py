"""Search finds a dataset whatever the language, the accents or the spelling."""

from __future__ import annotations

import datetime as dt
from urllib.parse import quote

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from moulouya.portal.search import engine
from moulouya.portal.search.engine import Search
from moulouya.portal.search.folding import fold, terms, words
from moulouya.portal.search.listing import Found, find
from moulouya.portal.search.query import parse
from moulouya.portal.search.stemming import stems
from moulouya.portal.search.synonyms import synonyms
from moulouya.portal.search.wanted import Wanted

from . import lakes
from .conftest import Client, client_of

POINT = "SELECT '77.001' AS code, 'POINT (-2 35)'::GEOMETRY AS shape"
NOW = dt.datetime.now(dt.UTC)


@pytest.fixture(scope="module")
def searching(pristine: lakes.Built) -> Client:
    """The portal of the lake nobody changes, every value read."""
    portal = client_of(pristine)
    assert portal.app.state.search.completed(portal.app.state.current.served).complete
    return portal


def found(portal: Client, query: str, **chosen: tuple[str, ...]) -> Found:
    state = portal.app.state
    return find(state.search, state.current.served, Wanted(query, chosen), "en", {}, NOW)


@pytest.mark.parametrize(
    ("query", "first"),
    [
        ("السكان", "communes"),
        ("سكان", "communes"),
        ("الإحصاء", "communes"),
        ("الاحصاء", "communes"),
        ("سُكّان", "communes"),
        ("ســـكان", "communes"),
        ("الكثافه", "density"),
        ("recensement", "communes"),
        ("RECENSEMENT", "communes"),
        ("recensements", "communes"),
        ("menages", "communes"),
        ("foyers", "communes"),
        ("densite", "density"),
        ("limites", "boundaries"),
        ("limite", "boundaries"),
        ("bound", "boundaries"),
        ("populaton", "communes"),
        ("poplation census", "communes"),
        ("communes population", "communes"),
        ("rurale", "communes"),
        ("density", "density"),
        ("densité de population", "density"),
        ("inhabitants per km", "density"),
        ('"population density"', "density"),
        ("population -census", "density"),
    ],
)
def test_dataset_is_found(searching: Client, query: str, first: str) -> None:
    hits = found(searching, query)
    assert hits.slugs, query
    assert hits.slugs[0] == first


@pytest.mark.parametrize("query", ["بركان", "بركـان", "Aïn Zohra", "ain zohra", "zohr", "77.003"])
def test_value_of_a_column_finds_its_dataset(searching: Client, query: str) -> None:
    assert "communes" in found(searching, query).slugs


@pytest.mark.parametrize(
    "query",
    ["نفط", "xyzzyzzy", "population xyzzyzzy", "!!!", "%_", '"communes population"', "-", '"'],
)
def test_other_words_find_nothing(searching: Client, query: str) -> None:
    assert found(searching, query).slugs == []


def test_word_as_written_comes_before_a_word_like_it(built: lakes.Built) -> None:
    alike = {**lakes.BOUNDARIES, "title": lakes.text("حدود", "Commodités", "Density of roads")}
    lakes.publish(built, "roads", "territory", alike, POINT)
    typo = {**lakes.BOUNDARIES, "title": lakes.text("حدود", "Commodités", "Denxity")}
    lakes.publish(built, "denxity", "territory", typo, POINT)
    lakes.commit(built)
    portal = client_of(built)
    portal.app.state.search.completed(portal.app.state.current.served)
    assert "denxity" not in found(portal, "density").slugs
    assert found(portal, "denxitz").slugs[0] == "denxity"
    assert found(portal, "denxitz").meant == "denxity"


def test_what_was_meant_is_offered(searching: Client) -> None:
    assert found(searching, "recensemant").meant == "recensement"
    html = searching.get("/fr/datasets?q=recensementation").text
    assert 'href="/fr/datasets?q=recensement"' in html


def test_word_in_one_language_finds_what_is_said_in_another() -> None:
    assert ("eau",) in synonyms("water")
    assert ("مياه",) in synonyms("eau")
    assert ("school",) in synonyms("مدارس")
    assert ("مدرسه",) in synonyms("ecoles")
    assert synonyms("xyzzyzzy") == frozenset()


@given(st.text(max_size=300))
def test_any_query_is_folded_once_and_for_all(query: str) -> None:
    folded = fold(query)
    assert fold(folded) == folded
    assert all(terms(query))


@given(st.text(max_size=300))
def test_any_text_is_a_query(query: str) -> None:
    asked = parse(query)
    assert "\0" not in asked.typed
    for said in (asked.words, *asked.phrases, *asked.absent):
        assert all(said)
    assert len(asked.words) <= 12


@given(st.text(alphabet="ابتسعلمنويهةأإءaeéèsxn", min_size=1, max_size=20))
def test_a_word_has_stems_and_the_article_changes_none_that_it_shares(word: str) -> None:
    for bare in words(word):
        assert stems(bare)
        assert all(stems(bare))


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("écoles", "école"),
        ("populations", "population"),
        ("جماعات", "جماعة"),
        ("communes", "commune"),
        ("الجماعات", "جماعة"),
        ("schools", "school"),
    ],
)
def test_forms_of_a_word_share_a_stem(one: str, other: str) -> None:
    first, second = words(one)[0], words(other)[0]
    assert stems(first) & stems(second)


HOSTILE = [
    "<script>alert(1)</script>",
    '"><img src=x onerror=alert(1)>',
    "' OR 1=1 --",
    '"',
    '""',
    "«",
    "“",
    "\0",
    "a\0b",
    "\u202e\u202dcommunes",
    "\u200f\u200e",
    "🌊💧",
    "(",
    "title:x",
    "a AND OR NOT",
    "*",
    "?" * 99,
    "-" * 50,
    "-communes",
    '-"a b"',
    "x" * 10_000,
    "ا" * 10_000,
    "a " * 5_000,
    "\ud7ff",
    "{}[]^~\\",
    "%00%0a",
    "\N{COMBINING ACUTE ACCENT}" * 200,
    "١٢٣",
    "é" * 199,
]


@pytest.mark.parametrize("query", HOSTILE, ids=range(len(HOSTILE)))
@pytest.mark.parametrize("page", ["/ar/datasets", "/fr/suggest"])
def test_no_query_breaks_a_page(searching: Client, query: str, page: str) -> None:
    response = searching.get(f"{page}?q={quote(query)}")
    assert response.status_code == 200
    if page.endswith("suggest"):
        assert response.headers["content-type"] == "application/json"
    else:
        assert "<script>alert" not in response.text
        assert "<img src=x" not in response.text


@settings(deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(query=st.text(max_size=60))
def test_any_query_is_answered(searching: Client, query: str) -> None:
    assert found(searching, query).total >= 0


def test_until_the_index_is_there_titles_are_searched_and_the_page_is_not_kept(
    portal: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Search, "ready", lambda self, catalogue: None)
    page = portal.get("/en/datasets?q=density")
    assert "/en/datasets/density" in page.text
    assert "still being read" in page.text
    assert page.headers["cache-control"] == "no-store"


def test_only_what_changed_is_indexed_again(
    built: lakes.Built, monkeypatch: pytest.MonkeyPatch
) -> None:
    portal = client_of(built)
    state = portal.app.state
    state.search.completed(state.current.catalogue())
    read: list[str] = []
    really = engine.values
    monkeypatch.setattr(
        engine, "values", lambda catalogue, one: read.append(one.slug) or really(catalogue, one)
    )
    lakes.publish_communes(built, [("77.001", "Tafoughalt", 2024, 10, "U")])
    lakes.commit(built)
    catalogue = state.current.catalogue()
    while catalogue.number == 1:
        catalogue = state.current.catalogue()
    assert state.search.completed(catalogue).complete
    assert read == ["communes"]
    assert found(portal, "Tafoughalt").slugs == ["communes"]
    assert found(portal, "بركان").slugs == []
    assert found(portal, "density").slugs[0] == "density"
    read.clear()
    again = client_of(built)
    assert again.app.state.search.completed(again.app.state.current.served).complete
    assert read == []
    assert found(again, "Tafoughalt").slugs == ["communes"]


def test_damaged_file_of_values_is_put_up_with(built: lakes.Built) -> None:
    file = built.settings.state_root / "portal" / "search.db"
    file.parent.mkdir(parents=True)
    file.write_bytes(b"not a database" * 100)
    portal = client_of(built)
    portal.app.state.search.completed(portal.app.state.current.served)
    assert "communes" in found(portal, "بركان").slugs


def test_an_index_that_cannot_be_made_is_told_and_tried_again(
    built: lakes.Built, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object, **__: object) -> None:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as broken:
        broken.setattr(engine.FullText, "change", full)
        portal = client_of(built)
        search, served = portal.app.state.search, portal.app.state.current.served
        assert search.completed(served) is None
        page = portal.get("/en/datasets?q=density")
        assert "/en/datasets/density" in page.text
        assert "out of order" in page.text
        assert "still being read" not in page.text
        assert "No space left" in portal.get("/health/ready").json()["search"]
    assert search.completed(served) is None, "not tried at every request"
    monkeypatch.setattr(engine, "AGAIN", 0.0)
    assert search.completed(served).complete
    assert "out of order" not in portal.get("/en/datasets?q=density").text
    assert "search" not in portal.get("/health/ready").json()
