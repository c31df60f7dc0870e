"""What can be suggested while a reader types, and which word was meant where none is found."""

from __future__ import annotations

from bisect import bisect_left
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from rapidfuzz import process
from rapidfuzz.distance import OSA

from moulouya.portal.published import Catalogue
from moulouya.portal.search.folding import fold, terms, words

KINDS = ("theme", "place", "column")
LEAST_ALIKE = 0.6
# One slip in a word of five letters, and a bit for rounding.
ALMOST = 0.79


@dataclass(frozen=True)
class Named:
    """Something with a name in each language: a theme or place by its code, a column by none.

    ``weight``: how many datasets it stands for.
    """

    kind: str
    code: str
    names: Mapping[str, str]
    weight: int


class Vocabulary:
    """The names in a release, by the beginnings of their words."""

    def __init__(self, named: Iterable[Named], said: Iterable[str]) -> None:
        """``said``: further texts whose words may have been meant."""
        self._named = sorted(named, key=lambda one: -one.weight)
        entries = {
            (word, place)
            for place, one in enumerate(self._named)
            for name in one.names.values()
            for word in words(name)
        }
        self._entries = sorted(entries)
        self._words = [word for word, _ in self._entries]
        self._places_named: dict[tuple[str, ...], list[int]] = {}
        for place, one in enumerate(self._named):
            if one.kind == "place":
                for name in {tuple(words(name)) for name in one.names.values()}:
                    self._places_named.setdefault(name, []).append(place)
        self._longest = max(map(len, self._places_named), default=0)
        self._spelt = _spellings(text for texts in (said, self._all_names()) for text in texts)

    def beginning(self, typed: str) -> dict[str, list[Named]]:
        """By kind, what has a word beginning with each word typed; the weightiest first."""
        asked = terms(typed)
        found: set[int] | None = None
        for word in asked:
            places = self._places(word)
            found = places if found is None else found & places
        kinds: dict[str, list[Named]] = {kind: [] for kind in KINDS}
        for place in sorted(found or ()):
            kinds[self._named[place].kind].append(self._named[place])
        return kinds

    def exactly(self, typed: str) -> list[Named]:
        """Places whose name, in any language, is what was typed, whatever its spelling."""
        asked = words(typed)
        if not asked:
            return []
        return [
            self._named[place]
            for place in sorted(self._places(asked[0]))
            if self._named[place].kind == "place"
            and any(words(name) == asked for name in self._named[place].names.values())
        ]

    def within(self, asked: Sequence[str]) -> list[Named]:
        """Places whose whole name, in any language, stands among folded words.

        Of names that overlap the longest counts; names of one or two letters do not.
        """
        found: dict[int, None] = {}
        start = 0
        while start < len(asked):
            for length in range(min(self._longest, len(asked) - start), 0, -1):
                name = tuple(asked[start : start + length])
                if len("".join(name)) > 2 and name in self._places_named:
                    found.update(dict.fromkeys(self._places_named[name]))
                    break
            else:
                length = 1
            start += length
        return [self._named[place] for place in found]

    def nearly(self, word: str) -> list[Named]:
        """Places whose name is one word and spelt almost like a folded one."""
        single = [name[0] for name in self._places_named if len(name) == 1]
        found = process.extractOne(
            word, single, scorer=OSA.normalized_similarity, score_cutoff=ALMOST
        )
        return [self._named[place] for place in self._places_named[(found[0],)]] if found else []

    def meant(self, word: str, others: Iterable[str] = ()) -> str | None:
        """The word that looks most like a folded one, as it is usually written.

        ``others``: folded words to choose from beside the vocabulary's own.
        """
        best, likeness = None, LEAST_ALIKE
        for known in (self._spelt, others):
            found = process.extractOne(
                word, list(known), scorer=OSA.normalized_similarity, score_cutoff=likeness
            )
            if found is not None and (best is None or found[1] > likeness):
                best, likeness = found[0], found[1]
        return self._spelt.get(best, best) if best is not None else None

    def _places(self, word: str) -> set[int]:
        first = bisect_left(self._words, word)
        last = bisect_left(self._words, f"{word}\U0010ffff")
        return {place for _, place in self._entries[first:last]}

    def _all_names(self) -> Iterator[str]:
        return (name for one in self._named for name in one.names.values())


def named_in(catalogue: Catalogue, places: Mapping[str, Mapping[str, str]]) -> Iterator[Named]:
    """The themes that have datasets, the places, and the columns by their titles."""
    themes: Counter[str] = Counter()
    columns: Counter[tuple[tuple[str, str], ...]] = Counter()
    for dataset in catalogue.datasets.values():
        themes.update(dataset.themes)
        columns.update(
            {tuple(column["title"].items()) for column in dataset.definition["columns"].values()}
        )
    for theme, said in catalogue.region["themes"].items():
        if themes[theme]:
            yield Named("theme", theme, said["title"], themes[theme])
    for code, names in places.items():
        yield Named("place", code, names, 1)
    for titles, number in columns.items():
        yield Named("column", "", dict(titles), number)


def said_in(catalogue: Catalogue) -> Iterator[str]:
    """Titles and keywords in every language."""
    for dataset in catalogue.datasets.values():
        yield from dataset.definition["title"].values()
        for listed in (dataset.definition.get("keywords") or {}).values():
            yield from listed


def _spellings(texts: Iterable[str]) -> dict[str, str]:
    """For each folded word the way in which it is written most often."""
    counted: dict[str, Counter[str]] = {}
    for text in texts:
        for written in text.split():
            bare = written.strip("()[]«»“”\"',.;:،؛!?؟/…-–—")
            folded = fold(bare)
            if len(folded) > 2 and " " not in folded and not folded.isdigit():
                counted.setdefault(words(bare)[0], Counter())[bare.casefold()] += 1
    return {word: spellings.most_common(1)[0][0] for word, spellings in counted.items()}
