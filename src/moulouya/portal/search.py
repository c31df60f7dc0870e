"""Finding datasets by words, whatever the language, the accents or the spelling of a letter."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from moulouya.portal.published import Catalogue, PublishedDataset

# One letter for the ways in which Arabic typists write it; no tatweel, Western digits.
_LETTERS = str.maketrans(
    {
        "أ": "ا", "إ": "ا", "آ": "ا", "ٱ": "ا", "ى": "ي", "ئ": "ي", "ؤ": "و", "ة": "ه",
        "گ": "ك", "ڭ": "ك", "ڤ": "ف", "ـ": None, "œ": "oe", "æ": "ae",
        **{digit: str(value) for value, digit in enumerate("٠١٢٣٤٥٦٧٨٩")},
    }
)  # fmt: skip
_WORD = re.compile(r"[^\W_]+")
_ARTICLE = re.compile(r"(?:[وفبك]?ال|لل)(?=\w{3})")
_LONGEST_QUERY = 200


def fold(text: str) -> str:
    """A text as search compares it: no case, accents, vowel signs or hamza; words kept apart."""
    # Taking a letter apart can give a capital, such as ᴬ, and folding one can give a mark.
    apart = unicodedata.normalize("NFKD", text.translate(_LETTERS))
    apart = unicodedata.normalize("NFKD", apart.casefold())
    bare = "".join(char for char in apart if not unicodedata.combining(char))
    return " ".join(_WORD.findall(bare.translate(_LETTERS)))


def terms(query: str) -> list[str]:
    """The words of a query, folded, without the Arabic article and French elisions."""
    words = [_bare(word) for word in fold(query[:_LONGEST_QUERY]).split()]
    return [word for word in words if len(word) > 1 or word.isdigit()] or words


def _bare(word: str) -> str:
    return _ARTICLE.sub("", word, count=1) if _ARTICLE.match(word) else word


@dataclass(frozen=True)
class Entry:
    """A dataset as search sees it: folded texts by what a hit in them is worth."""

    dataset: PublishedDataset
    fields: tuple[tuple[int, str], ...]

    def score(self, words: Iterable[str]) -> int:
        """How well the dataset fits; 0 unless every word is found somewhere."""
        total = 0
        for word in words:
            best = max((self._worth(word, weight, text) for weight, text in self.fields), default=0)
            if not best:
                return 0
            total += best
        return total

    @staticmethod
    def _worth(word: str, weight: int, text: str) -> int:
        """A whole word counts three times, its beginning twice, its inside once."""
        if f" {word} " in text:
            return 3 * weight
        if f" {word}" in text:
            return 2 * weight
        return weight if len(word) > 2 and word in text else 0


def find(catalogue: Catalogue, query: str) -> list[PublishedDataset]:
    """The datasets that hold every word of the query, the best first; all for an empty query."""
    words = terms(query)
    if not words:
        return [] if query.strip() else list(catalogue.datasets.values())
    scored = [(entry.score(words), entry.dataset) for entry in _index(_Key(catalogue))]
    hits = [(score, dataset) for score, dataset in scored if score]
    return [dataset for _, dataset in sorted(hits, key=lambda hit: (-hit[0], hit[1].slug))]


class _Key:
    """A catalogue as the key of the index: by identity, as a release never changes."""

    def __init__(self, catalogue: Catalogue) -> None:
        self.catalogue = catalogue

    def __hash__(self) -> int:
        return id(self.catalogue)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, _Key) and other.catalogue is self.catalogue


@lru_cache(maxsize=2)
def _index(key: _Key) -> tuple[Entry, ...]:
    themes = key.catalogue.region["themes"]
    publishers = key.catalogue.region.get("publishers", {})
    return tuple(
        Entry(dataset, tuple(_fields(dataset, themes, publishers)))
        for dataset in key.catalogue.datasets.values()
    )


def _fields(
    dataset: PublishedDataset, themes: Mapping[str, Any], publishers: Mapping[str, Any]
) -> Iterable[tuple[int, str]]:
    definition = dataset.definition
    publisher = publishers.get(definition.get("publisher", ""), {})
    keywords = definition.get("keywords") or {}
    columns: list[str] = []
    meanings: list[str] = []
    for name, column in definition["columns"].items():
        columns += [name, *column["title"].values()]
        meanings += column["description"].values()
        for value in (column.get("values") or {}).values():
            meanings += value.values()
    themed = [themes[theme]["title"].values() for theme in dataset.themes if theme in themes]
    yield 8, _words([*definition["title"].values(), dataset.slug])
    yield 6, _words([word for words in keywords.values() for word in words])
    yield 4, _words([*columns, *(title for titles in themed for title in titles)])
    yield 3, _words([*definition["description"].values(), *definition["row_is"].values()])
    yield 2, _words([*publisher.get("name", {}).values(), *meanings])


def _words(texts: Iterable[str]) -> str:
    """Texts folded into one string in which every word stands between blanks."""
    folded = " ".join(fold(text) for text in texts).split()
    return f" {' '.join(_bare(word) for word in folded)} "
