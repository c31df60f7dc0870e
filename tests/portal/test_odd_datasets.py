"""Pages, citations and codebooks of datasets that are empty, wide, hostile or in any script."""

from __future__ import annotations

import json
import re
import shutil
from pathlib import Path

import brotli
import pytest

from moulouya.settings import Settings
from moulouya.storage.lake import Lake

from . import lakes, odd_datasets
from .conftest import Client, client_of
from .test_pages import LANGUAGES, Page

PAGES = ("", "/lineage", "/versions", "/versions/1")


@pytest.fixture(scope="module")
def odd(pristine: lakes.Built, tmp_path_factory: pytest.TempPathFactory) -> Client:
    root: Path = tmp_path_factory.mktemp("odd") / "lake"
    shutil.copytree(pristine.lake.root, root)
    url = pristine.settings.public_url
    settings = Settings(lake=root, state=root.with_name("state"), public_url=url)
    built = lakes.Built(Lake(root), settings)
    odd_datasets.publish(built)
    return client_of(built)


@pytest.mark.parametrize("slug", odd_datasets.ALL)
@pytest.mark.parametrize("code", LANGUAGES)
def test_every_page_of_an_odd_dataset_is_whole(odd: Client, slug: str, code: str) -> None:
    for below in PAGES:
        response = odd.get(f"/{code}/datasets/{slug}{below}")
        assert response.status_code == 200, below
        page = Page(response.text)
        assert len(page.all("h1")) == 1
        assert len(page.ids) == len(set(page.ids)), "an id names one element"
        targets = [str(a["href"])[1:] for a in page.all("a") if str(a["href"]).startswith("#")]
        assert set(targets) <= set(page.ids)


@pytest.mark.parametrize("code", LANGUAGES)
def test_hostile_texts_stay_texts(odd: Client, code: str) -> None:
    for below in PAGES:
        page = Page(odd.get(f"/{code}/datasets/hostile_texts{below}").text)
        # What is said to search engines is data: it is not run, nor can a text end it.
        scripts = [one for one in page.all("script") if one.get("type") != "application/ld+json"]
        assert all("src" in script and not script.get("onload") for script in scripts)
        assert not [a for _, a in page.elements if "onmouseover" in a]
        assert "49" not in re.findall(r"\b49\b", " ".join(text for _, text in page.texts))


def test_a_wide_table_folds_its_dictionary_and_stays_light(odd: Client) -> None:
    response = odd.get("/fr/datasets/very_wide", accept_encoding="identity")
    page = Page(response.text)
    entries = [a for a in page.all("li") if str(a.get("id", "")).startswith("column-")]
    assert len(entries) == odd_datasets.WIDE
    assert len([a for a in page.all("details") if a.get("class") == "group"]) == 15
    assert len(brotli.compress(response.content, quality=5)) < 40_000


def test_a_wide_table_shows_its_first_columns_open_and_says_what_paper_leaves_out(
    odd: Client,
) -> None:
    html = odd.get("/fr/datasets/very_wide").text
    dictionary = html.split('id="columns"')[1]
    assert dictionary.split('<details class="group">')[0].count('id="column-') == 8
    assert "Colonnes 9 à 28" in re.sub("<[^>]*>|[\u2066-\u2069]", "", dictionary)
    for path in ("", "/data"):
        assert 'class="on-paper"' in odd.get(f"/fr/datasets/very_wide{path}").text
    assert 'class="on-paper"' not in odd.get("/fr/datasets/nothing_at_all").text


def test_the_page_of_a_dataset_begins_with_its_easiest_file_and_its_rows(odd: Client) -> None:
    html = odd.get("/en/datasets/very_wide").text
    opening = html.split('class="opening"')[1].split("</header>")[0]
    offered = re.findall(r'href="(/exports/[^"]+)" download', html)
    assert f'href="{offered[0]}" download' in opening
    assert 'href="/en/datasets/very_wide/data"' in opening


def test_an_empty_table_says_that_it_has_no_rows(odd: Client) -> None:
    html = odd.get("/en/datasets/nothing_at_all").text
    assert re.search(r"<dt>Rows</dt><dd><bdi[^>]*>0</bdi>", html)


@pytest.mark.parametrize("slug", odd_datasets.ALL)
@pytest.mark.parametrize("code", LANGUAGES)
def test_every_odd_dataset_has_a_codebook(odd: Client, slug: str, code: str) -> None:
    response = odd.get(f"/{code}/datasets/{slug}/codebook.pdf")
    assert response.status_code == 200
    assert response.headers["content-type"] == "application/pdf"
    assert response.content.startswith(b"%PDF-")


def test_citations_of_hostile_texts_cannot_be_broken_out_of(odd: Client) -> None:
    bibtex = odd.get("/en/datasets/hostile_texts/cite.bib").text
    assert "\\input{" not in bibtex
    assert bibtex.count("\n@") == 0
    ris = odd.get("/en/datasets/hostile_texts/cite.ris").text
    assert [line[:2] for line in ris.split("\r\n")].count("TY") == 1
    told = json.loads(odd.get("/en/datasets/hostile_texts/cite.json").text)
    assert odd_datasets.HOSTILE in told["titles"][0]["title"]
