"""The full-text index: which datasets hold what is asked for, and how well they fit."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from tantivy import (
    Document,
    Index,
    Occur,
    Query,
    SchemaBuilder,
    Searcher,
    TextAnalyzerBuilder,
    Tokenizer,
)

from moulouya.portal.published import Record
from moulouya.portal.search.documents import GROUPS, STEMMED
from moulouya.portal.search.query import Asked
from moulouya.portal.search.stemming import stems
from moulouya.portal.search.synonyms import synonyms

# How much of a group's worth a hit has by the way in which it was found.
EXACT, STEM, SYNONYM, BEGINNING, ALIKE = 1.0, 0.8, 0.6, 0.5, 0.25
ONE_SLIP_FROM, TWO_SLIPS_FROM = 4, 8
MOST_RESEMBLING = 1000
HEAP = 15_000_000
_KIND = "words"
Said = tuple[str, ...]


def _schema() -> SchemaBuilder:
    builder = SchemaBuilder().add_unsigned_field("key", indexed=True, fast=True)
    for group in GROUPS:
        builder = builder.add_text_field(group, tokenizer_name=_KIND)
    for group in STEMMED:
        builder = builder.add_text_field(f"{group}_s", tokenizer_name=_KIND)
    return builder


SCHEMA = _schema().build()


@dataclass(frozen=True)
class Hits:
    """The keys of what was found, the best first, and whether the words had to be bent for it."""

    keys: npt.NDArray[np.int64]
    scores: npt.NDArray[np.float64]
    bent: bool


class FullText:
    """An index in memory that documents are put into and taken from, by a key of their own."""

    def __init__(self) -> None:
        self._index = Index(SCHEMA)
        self._index.register_tokenizer(_KIND, TextAnalyzerBuilder(Tokenizer.whitespace()).build())

    def change(self, added: Iterable[tuple[int, Record]], removed: Iterable[int]) -> Searcher:
        """Take out, then put in; return the index as it is then. Earlier ones stay as they were.

        What replaces a document may have its key.
        """
        writer = self._index.writer(heap_size=HEAP, num_threads=1)
        gone = list(removed)
        if gone:
            writer.delete_documents_by_query(Query.term_set_query(SCHEMA, "key", gone))
        for key, fields in added:
            writer.add_document(Document.from_dict({"key": key, **fields}, SCHEMA))
        writer.commit()
        writer.wait_merging_threads()
        self._index.reload()
        return self._index.searcher()


def search(searcher: Searcher, asked: Asked, also: Sequence[Said] = ()) -> Hits:
    """Every document that fits, the best first; first as written, then with slips forgiven.

    ``also``: phrases that mean the same as the whole query.
    """
    hits = _run(
        searcher, _query(searcher, asked, also, forgiving=False), bent=_bent(searcher, asked)
    )
    if hits.keys.size or not any(len(word) >= ONE_SLIP_FROM for word in asked.words):
        return hits
    return _run(searcher, _query(searcher, asked, also, forgiving=True), bent=True)


def written(searcher: Searcher, word: str) -> bool:
    """True when a word stands in some document just as it is."""
    return any(searcher.doc_freq(group, word) for group in GROUPS)


def known(searcher: Searcher, word: str) -> bool:
    """True when a word, or another form of it, stands in some document."""
    if written(searcher, word):
        return True
    return any(searcher.doc_freq(f"{group}_s", stem) for group in STEMMED for stem in stems(word))


def resembling(searcher: Searcher, word: str) -> list[str]:
    """Known words with the same first two letters, at most some thousand."""
    return [
        term
        for group in ("title", "keywords", "names", "text")
        for term, _ in searcher.terms_with_prefix(group, word[:2], limit=MOST_RESEMBLING)
    ]


def _bent(searcher: Searcher, asked: Asked) -> bool:
    return any(_unknown(searcher, asked, word) for word in asked.words)


def _unknown(searcher: Searcher, asked: Asked, word: str) -> bool:
    """True when only forgiving slips can find a word."""
    if len(word) < ONE_SLIP_FROM or known(searcher, word):
        return False
    if any(known(searcher, said[0]) for said in synonyms(word) if len(said) == 1):
        return False
    if not (asked.unfinished and word == asked.words[-1]):
        return True
    return not searcher.search(_beginning(word), limit=1, count=False).hits


def _run(searcher: Searcher, query: Query, *, bent: bool) -> Hits:
    found = searcher.search(query, limit=max(1, searcher.num_docs), count=False).hits
    keys = searcher.fast_field_values("key", [address for _, address in found])
    scores = np.fromiter((score for score, _ in found), np.float64, len(found))
    return Hits(np.array(keys, np.int64), scores, bent and bool(found))


def _query(searcher: Searcher, asked: Asked, also: Sequence[Said], *, forgiving: bool) -> Query:
    must = [
        _word(
            word,
            last=asked.unfinished and word == asked.words[-1],
            forgiving=len(word) >= ONE_SLIP_FROM and (forgiving or _unknown(searcher, asked, word)),
            nowhere=len(word) >= ONE_SLIP_FROM and not written(searcher, word),
        )
        for word in asked.words
    ]
    must += [_phrase(phrase) for phrase in asked.phrases]
    wanted = Query.boolean_query([(Occur.Must, one) for one in must or [Query.all_query()]])
    if also and not forgiving:
        either = [wanted, *(_phrase(said, SYNONYM) for said in also)]
        wanted = Query.disjunction_max_query(either)
    without = [(Occur.MustNot, _absent(said)) for said in asked.absent]
    return Query.boolean_query([(Occur.Must, wanted), *without])


def _word(word: str, *, last: bool, forgiving: bool, nowhere: bool) -> Query:
    """One word: the best way in which it is found counts, and a bit how prominent it is.

    Values have no stems: a word that stands ``nowhere`` as it is may be a slip for one of them.
    """
    ways = []
    meant = synonyms(word)
    single = sorted({stem for said in meant if len(said) == 1 for stem in stems(said[0])})
    several = [said for said in meant if len(said) > 1]
    for group, worth in GROUPS.items():
        ways.append(_worth(Query.term_query(SCHEMA, group, word), worth * EXACT))
        if last:
            ways.append(_worth(_starts(group, word), worth * BEGINNING))
        if forgiving or (nowhere and group not in STEMMED):
            slips = 2 if len(word) >= TWO_SLIPS_FROM else 1
            fuzzy = Query.fuzzy_term_query(SCHEMA, group, word, distance=slips)
            ways.append(_worth(fuzzy, worth * ALIKE))
    for group in STEMMED:
        stemmed = Query.term_set_query(SCHEMA, f"{group}_s", sorted(stems(word)))
        ways.append(_worth(stemmed, GROUPS[group] * STEM))
        if single:
            meaning = Query.term_set_query(SCHEMA, f"{group}_s", single)
            ways.append(_worth(meaning, GROUPS[group] * SYNONYM))
    ways += [_phrase(said, SYNONYM) for said in several]
    prominent = Query.boost_query(Query.term_query(SCHEMA, "title", word), 0.2)
    return Query.boolean_query(
        [(Occur.Must, Query.disjunction_max_query(ways, 0.05)), (Occur.Should, prominent)]
    )


def _phrase(said: Said, share: float = EXACT) -> Query:
    if len(said) == 1:
        ways = [
            _worth(Query.term_query(SCHEMA, group, said[0]), worth * share)
            for group, worth in GROUPS.items()
        ]
    else:
        ways = [
            _worth(Query.phrase_query(SCHEMA, group, list(said)), worth * share)
            for group, worth in GROUPS.items()
        ]
    return Query.disjunction_max_query(ways)


def _absent(said: Said) -> Query:
    """A word in any of its forms, or a phrase as it is."""
    if len(said) > 1:
        return _phrase(said)
    forms = [
        Query.term_set_query(SCHEMA, f"{group}_s", sorted(stems(said[0]))) for group in STEMMED
    ]
    return Query.disjunction_max_query([_phrase(said), *forms])


def _beginning(word: str) -> Query:
    return Query.disjunction_max_query([_starts(group, word) for group in GROUPS])


def _starts(group: str, word: str) -> Query:
    return Query.fuzzy_term_query(SCHEMA, group, word, distance=0, prefix=True)


def _worth(query: Query, score: float) -> Query:
    return Query.const_score_query(query, score)
