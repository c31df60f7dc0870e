"""Words in headers and cells, in French, Arabic and English, folded (see ``folded``).

Headers tell what a column is about; given names, words for places and words for institutions tell
people apart from everything that is named after people.
"""

from __future__ import annotations

import re
import unicodedata
from pathlib import Path
from typing import Any

import yaml

ARABIC_FORMS = str.maketrans("أإآٱىةؤئ", "ااااي" + "هوي")


def folded(text: str) -> str:
    """A text in lower case without accents, with one form for each Arabic letter."""
    plain = unicodedata.normalize("NFKD", text.translate(ARABIC_FORMS).casefold())
    return "".join(char for char in plain if not unicodedata.combining(char))


def tokens(text: str) -> list[str]:
    """The folded words of a text; ``camelCase`` and ``snake_case`` are taken apart."""
    apart = re.sub(r"(?<=[a-z])(?=[A-Z])", " ", text)
    return re.findall(r"[^\W\d_]+", folded(apart))


def phrases(text: str) -> frozenset[str]:
    """The words of a text and every run of up to four of them, to look headers up."""
    words = tokens(text)
    return frozenset(
        " ".join(words[start:end])
        for start in range(len(words))
        for end in range(start + 1, min(start + 4, len(words)) + 1)
    )


def _read() -> dict[str, frozenset[str]]:
    loader: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
    text = (Path(__file__).parent / "words.yml").read_text(encoding="utf-8")
    lists = yaml.load(text, loader)  # noqa: S506
    return {
        name: frozenset(" ".join(tokens(word)) for word in listed.split(","))
        for name, listed in lists.items()
    }


def _with_article(words: frozenset[str]) -> frozenset[str]:
    """Arabic words with and without their article."""
    arabic = [word for word in words if "\u0600" <= word[:1] <= "\u06ff" and " " not in word]
    return frozenset([*words, *(f"ال{word}" for word in arabic), *(f"لل{word}" for word in arabic)])


_LISTS = _read()
PHONE = _with_article(_LISTS["phone"])
CIN = _LISTS["cin"]
MASSAR = _LISTS["massar"]
IP = _LISTS["ip"]
PLATE = _LISTS["plate"]
BIRTH = _LISTS["birth"]
HOME = _LISTS["home"]
ADDRESS = _LISTS["address"]
PERSONAL = _LISTS["personal"]
ROLE = _with_article(_LISTS["role"])
NAME = _with_article(_LISTS["name"])
PERSON_ROW = _with_article(_LISTS["person_row"])
PERSON_ID = _LISTS["person_id"]
INSTITUTION = _with_article(_LISTS["institution"])
PLACE = _with_article(_LISTS["place"])
PRODUCT = _LISTS["product"]
PLACE_STARTS = _LISTS["place_starts"]
TITLES = _LISTS["titles"]
PARTICLES = _LISTS["particles"]
GIVEN = _LISTS["given"]
FAMILY = _LISTS["family"]
STREET = _with_article(_LISTS["street"])
COUNT = _with_article(_LISTS["count"])
ATTRIBUTE = _with_article(_LISTS["attribute"])
SENSITIVE = _with_article(_LISTS["sensitive"])
LATITUDE = _LISTS["latitude"]
LONGITUDE = _LISTS["longitude"]
CODE = _LISTS["code"]
CARD_OFFICES = _LISTS["card_offices"]
