"""A licence is called by its name in the reader's language, wherever a page names it."""

from __future__ import annotations

import re

import pytest

from moulouya.licences import LICENCES
from moulouya.portal.languages import language
from moulouya.portal.licence_names import TITLES, licence_title, title_of

from .conftest import Client

ODBL = {
    "ar": "رخصة قواعد البيانات المفتوحة (Open Database License 1.0)",
    "fr": "Licence de bases de données ouvertes (Open Database License 1.0)",
    "en": "Open Database License 1.0",
}


@pytest.mark.parametrize("code", ODBL)
def test_pages_name_the_licence_in_their_language(portal: Client, code: str) -> None:
    link = re.escape(LICENCES["ODbL-1.0"].url) + r'" rel="license"[^>]*>' + re.escape(ODBL[code])
    for path in ("datasets/communes", "datasets/communes/chart"):
        assert re.search(f"{link}</a>", portal.get(f"/{code}/{path}").text), path


@pytest.mark.parametrize("code", ODBL)
def test_a_chosen_licence_is_named_so_in_the_list(portal: Client, code: str) -> None:
    assert ODBL[code] in portal.get(f"/{code}/datasets?licence=ODbL-1.0").text


def test_creative_commons_has_its_official_arabic_name() -> None:
    arabic = language("ar")
    assert title_of("CC-BY-4.0", arabic) == "المشاع الإبداعي: نَسب المُصنَّف 4.0 دولي"


def test_every_licence_that_a_dataset_may_have_has_a_name_in_arabic_letters() -> None:
    assert set(TITLES) == set(LICENCES)
    for spdx, licence in LICENCES.items():
        assert TITLES[spdx] == licence.title
        assert re.search("[\u0621-\u064a]", title_of(spdx, language("ar"))), spdx


def test_a_licence_that_is_not_known_any_more_keeps_the_title_of_its_version() -> None:
    record = {"spdx": "Old-1.0", "title": "The old licence"}
    assert licence_title(record, language("ar")) == "The old licence"
    assert title_of("Old-1.0", language("ar")) == "Old-1.0"
