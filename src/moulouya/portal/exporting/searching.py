"""Search without a server: every dataset's words in one file, folded as the portal folds them."""

from __future__ import annotations

import re
import sys
import unicodedata
from collections.abc import Container, Iterable, Iterator, Mapping
from functools import cache
from typing import Any

import orjson

from moulouya.portal.published import Catalogue, PublishedDataset
from moulouya.portal.search import folding

# Stands around a character, so that what folding makes of it can be told: is it kept, does it
# keep words apart, or does it vanish?
_BESIDE = "a"


def index(catalogue: Catalogue, files: Mapping[str, str]) -> bytes:
    """The script that brings the index: datasets, and how text is folded.

    ``files``: where the page of a dataset is in the export, by ``<lang>/<slug>``. It is a script,
    not JSON, as a page opened from a disk may load scripts and nothing else.
    """
    themes = catalogue.region["themes"]
    publishers = catalogue.region.get("publishers", {})
    held = {
        "folding": folding_rules(),
        "datasets": [
            _entry(dataset, catalogue, files, themes, publishers)
            for dataset in catalogue.datasets.values()
        ],
    }
    return b"globalThis.moulouyaIndex = " + orjson.dumps(held) + b";\n"


def _entry(
    dataset: PublishedDataset,
    catalogue: Catalogue,
    files: Mapping[str, str],
    themes: Mapping[str, Any],
    publishers: Mapping[str, Any],
) -> dict[str, Any]:
    definition = dataset.definition
    title = _unique([*definition["title"].values(), dataset.slug])
    publisher = publishers.get(definition.get("publisher") or "", {})
    rest = [word for listed in (definition.get("keywords") or {}).values() for word in listed]
    for column in definition["columns"].values():
        rest += column["title"].values()
    for theme in dataset.themes:
        rest += themes.get(theme, {}).get("title", {}).values()
    rest += publisher.get("name", {}).values()
    rest += [*definition["description"].values(), *definition["row_is"].values()]
    known = set(title)
    return {
        "title": {code: definition["title"][code] for code in catalogue.languages},
        "about": {code: definition["description"][code] for code in catalogue.languages},
        "page": {
            code: files[f"{code}/{dataset.slug}"]
            for code in catalogue.languages
            if f"{code}/{dataset.slug}" in files
        },
        "first": " ".join(title),
        "rest": " ".join(word for word in _unique(rest) if word not in known),
    }


def _unique(texts: Iterable[str]) -> list[str]:
    return list(dict.fromkeys(word for text in texts for word in folding.words(text)))


@cache
def folding_rules() -> dict[str, Any]:
    """How folding treats each character, as far as a browser would not do the same by itself.

    Told by folding every character: ``gone`` vanishes, ``becomes`` is another text (a
    blank parts words). What folding does to whole words comes as the pattern of the article.
    """
    folded = {
        chr(code): _folded(chr(code))
        for code in range(sys.maxunicode + 1)
        if unicodedata.category(chr(code)) not in ("Cn", "Cs", "Co")
    }
    gone = {char for char, ours in folded.items() if ours is None}
    becomes = {
        char: ours
        for char, ours in folded.items()
        if ours is not None and ours != _as_browsers_do(char, gone)
    }
    article = folding._ARTICLE.pattern.replace(r"\w", r"[\p{L}\p{N}_]")
    return {
        "gone": "".join(_ranges(sorted(map(ord, gone)))),
        "becomes": becomes,
        "article": article,
        "longestWord": folding.LONGEST_WORD,
        "longestQuery": folding.LONGEST_QUERY,
    }


def _folded(char: str) -> str | None:
    """What a character becomes within a word: None for nothing, a blank where it parts words."""
    said = folding.fold(f"{_BESIDE}{char}{_BESIDE}")
    if said == _BESIDE * 2:
        return None
    return said[1:-1]


def _as_browsers_do(char: str, gone: Container[str]) -> str:
    """What the script makes of a character of which it knows nothing more."""
    apart = "".join(c for c in unicodedata.normalize("NFKD", char) if c not in gone).lower()
    kept = "".join(c if unicodedata.category(c)[0] in "LN" else " " for c in apart)
    return re.sub(" +", " ", kept)


def _ranges(codes: list[int]) -> Iterator[str]:
    """Code points as the inside of a character class of a JavaScript regular expression."""
    start = previous = codes[0]
    for code in [*codes[1:], -1]:
        if code != previous + 1:
            end = f"-\\u{{{previous:x}}}" if previous > start else ""
            yield f"\\u{{{start:x}}}{end}"
            start = code
        previous = code
