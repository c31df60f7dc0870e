"""The message catalogues are complete: a text without a translation never reaches a reader."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from babel.messages.pofile import read_po

from moulouya.portal.languages import FOLDER, language
from moulouya.portal.messages import extract, write

IN_USE = {message.id for message in extract() if message.id}


@pytest.mark.parametrize("code", ["ar", "fr", "en"])
def test_every_text_is_translated_with_its_values_and_plurals(code: str) -> None:
    with (FOLDER / f"{code}.po").open("rb") as file:
        catalogue = read_po(file, locale=code, abort_invalid=True)
    assert {message.id for message in catalogue if message.id} == IN_USE
    for message in catalogue:
        if not message.id:
            continue
        assert not message.fuzzy, message.id
        texts = message.string if message.pluralizable else (message.string,)
        assert len(texts) == (catalogue.num_plurals if message.pluralizable else 1), message.id
        assert all(texts), message.id
        used = names(message.id if isinstance(message.id, str) else message.id[1])
        for form, text in enumerate(texts):
            if not message.pluralizable:
                assert names(text) == used, message.id
            elif code == "ar" and form < 2:
                # Of none and of one there is nothing more to say: row 1 to 1 of one row.
                assert names(text) <= used | {"n"}, message.id
            else:
                # A plural form may say its number in words, and only that.
                assert names(text) | {"n"} == used | {"n"}, message.id


def names(text: str) -> set[str]:
    return set(re.findall(r"%\((\w+)\)s", text))


@pytest.mark.parametrize(
    ("number", "words"),
    [(0, "لا صفوف"), (1, "صف واحد"), (2, "صفان"), (3, "3 صفوف"), (11, "11 صفا"), (100, "100 صف"),
     (103, "103 صفوف"), (284061, "284.061 صفا")],
)  # fmt: skip
def test_arabic_has_its_six_plural_forms(number: int, words: str) -> None:
    assert language("ar").count("%(n)s row", "%(n)s rows", number) == words


def test_french_counts_zero_as_singular() -> None:
    spoken = language("fr")
    assert [spoken.count("%(n)s row", "%(n)s rows", n) for n in (0, 1, 2)] == [
        "0 ligne",
        "1 ligne",
        "2 lignes",
    ]


@pytest.mark.parametrize("code", ["ar", "fr", "en"])
def test_catalogue_file_is_in_its_one_form(code: str, tmp_path: Path) -> None:
    with (FOLDER / f"{code}.po").open("rb") as file:
        catalogue = read_po(file, locale=code)
    write(tmp_path / "again.po", catalogue)
    assert (tmp_path / "again.po").read_text() == (FOLDER / f"{code}.po").read_text()
