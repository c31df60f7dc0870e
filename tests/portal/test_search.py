"""Search finds a dataset whatever the language, the accents or the spelling."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from moulouya.portal.search import find, fold, terms

from .conftest import Client


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
        ("menages", "communes"),
        ("densite", "density"),
        ("limites", "boundaries"),
        ("bound", "boundaries"),
        ("communes population", "communes"),
        ("rurale", "communes"),
        ("density", "density"),
        ("densité de population", "density"),
    ],
)
def test_dataset_is_found(portal: Client, query: str, first: str) -> None:
    found = find(portal.app.state.current.served, query)
    assert found, query
    assert found[0].slug == first


@pytest.mark.parametrize("query", ["نفط", "xyzzy", "population xyzzy", "!!!", "%_"])
def test_other_words_find_nothing(portal: Client, query: str) -> None:
    assert find(portal.app.state.current.served, query) == []


def test_theme_filter_narrows_a_search(portal: Client) -> None:
    html = portal.get("/en/datasets?q=commune&theme=territory").text
    assert "/en/datasets/boundaries" in html
    assert "/en/datasets/communes" not in html
    assert 'name="theme" value="territory"' in html


def test_query_is_shown_back_as_text(portal: Client) -> None:
    html = portal.get("/fr/datasets?q=%22%3E%3Cscript%3E&theme=%22%3E%3Cb%3E").text
    assert "<script>" not in html
    assert "<b>" not in html


@given(st.text(max_size=300))
def test_any_query_is_folded_once_and_for_all(query: str) -> None:
    folded = fold(query)
    assert fold(folded) == folded
    assert all(terms(query))
