"""The stems of a folded word: what is left of it without number, gender and case."""

from __future__ import annotations

from functools import lru_cache

from tantivy import Filter, TextAnalyzer, TextAnalyzerBuilder, Tokenizer


def _stemmer(language: str) -> TextAnalyzer:
    builder = TextAnalyzerBuilder(Tokenizer.whitespace())
    return builder.filter(Filter.stemmer(language)).build()


_STEMMERS = {"ar": _stemmer("arabic"), "fr": _stemmer("french"), "en": _stemmer("english")}


@lru_cache(maxsize=100_000)
def stems(word: str, language: str | None = None) -> frozenset[str]:
    """The stems of one word in a language, or in each that its script is used for.

    A word in Arabic has up to two: Snowball strips more from a noun that carries the article,
    and texts write the same noun with and without it.
    """
    if any("\u0600" <= char <= "\u06ff" for char in word):
        bare = _stem("ar", word)
        defined = _stem("ar", f"ال{word}")
        return frozenset({bare} if defined.startswith("ال") else {bare, defined})
    latin = ("fr", "en") if language in (None, "ar") else (str(language),)
    return frozenset(_stem(code, word) for code in latin)


def _stem(code: str, word: str) -> str:
    found = _STEMMERS[code].analyze(word)
    return str(found[0]) if found and found[0] else word
