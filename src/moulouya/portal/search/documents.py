"""A dataset as the words by which it is found, in groups by what a hit in them is worth."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

from moulouya.portal.published import PublishedDataset, Record
from moulouya.portal.search.folding import words
from moulouya.portal.search.stemming import stems

# What a hit is worth in each group.
GROUPS = {"title": 8.0, "keywords": 6.0, "names": 4.0, "text": 2.5, "values": 2.0}
STEMMED = ("title", "keywords", "names", "text")
# Stands between two texts, so that no phrase begins in one and ends in the other.
BREAK = "¶"
# A text and the language it is in, None where nobody says.
Text = tuple[str, str | None]


@dataclass(frozen=True)
class Surroundings:
    """What a release says of the things that datasets name only by code."""

    themes: Record
    publishers: Record
    places: Mapping[str, Mapping[str, str]]
    place: str


def fields(dataset: PublishedDataset, around: Surroundings, values: Iterable[str]) -> Record:
    """The fields of the index: ``<group>`` with folded words, ``<group>_s`` with their stems."""
    found: dict[str, str] = {}
    for group, texts in _metadata(dataset, around).items():
        split = [(words(text), language) for text, language in texts]
        found[group] = f" {BREAK} ".join(" ".join(split_words) for split_words, _ in split)
        found[f"{group}_s"] = f" {BREAK} ".join(
            " ".join(stem for word in split_words for stem in sorted(stems(word, language)))
            for split_words, language in split
        )
    found["values"] = f" {BREAK} ".join(" ".join(words(value)) for value in values)
    return found


def _metadata(dataset: PublishedDataset, around: Surroundings) -> dict[str, list[Text]]:
    definition = dataset.definition
    publisher = around.publishers.get(definition.get("publisher") or "", {})
    place = around.places.get(definition.get("spatial") or around.place, {})
    keywords = definition.get("keywords") or {}
    names: list[Text] = []
    text = [*_texts(definition["description"]), *_texts(definition["row_is"])]
    for name, column in definition["columns"].items():
        names += [(name, None), *_texts(column["title"])]
        text += _texts(column["description"])
        for meaning in (column.get("values") or {}).values():
            text += _texts(meaning)
    for theme in dataset.themes:
        names += _texts(around.themes.get(theme, {}).get("title"))
    names += [*_texts(publisher.get("name")), *_texts(place)]
    return {
        "title": [*_texts(definition["title"]), (dataset.slug, None)],
        "keywords": [(word, code) for code, listed in keywords.items() for word in listed],
        "names": list(dict.fromkeys(names)),
        "text": list(dict.fromkeys(text)),
    }


def _texts(by_language: Mapping[str, str] | None) -> Iterator[Text]:
    return ((text, code) for code, text in (by_language or {}).items())
