"""What a reader asks for: words, "phrases" and -words that must be absent."""

from __future__ import annotations

import re
from dataclasses import dataclass

from moulouya.portal.search.folding import LONGEST_QUERY, terms, words

MOST_WORDS = 12
# Words that stand in nearly every text, folded: a search for others goes on without them.
_COMMON = (
    "a an and at by for from in of on or the to with "
    "au aux avec ce ces dans de des du en et la le les leur ou par pour sur un une "
    "في من على علي عن الي مع او كل هذا هذه"
)
_STOP = frozenset(_COMMON.split())
_QUOTED = re.compile(r'(?<!\S)(-?)(?:"([^"]*)"|“([^”]*)”|«([^»]*)»|„([^“”]*)[“”])')
_TOKEN = re.compile(r"\S+")


@dataclass(frozen=True)
class Asked:
    """A query taken apart, every word folded; ``typed`` is what the reader wrote, trimmed."""

    typed: str
    words: tuple[str, ...]
    phrases: tuple[tuple[str, ...], ...]
    absent: tuple[tuple[str, ...], ...]
    unfinished: bool

    @property
    def anything(self) -> bool:
        """False when there is nothing to look for, as in ``!!!``."""
        return bool(self.words or self.phrases or self.absent)


def parse(text: str) -> Asked:
    """Take a query apart; every text is a query, and a lone quote or minus means nothing.

    ``unfinished`` is True when the last word may be the beginning of one.
    """
    typed = " ".join(text[:LONGEST_QUERY].replace("\0", " ").split())
    phrases: list[tuple[str, ...]] = []
    absent: list[tuple[str, ...]] = []

    def take(found: re.Match[str]) -> str:
        inside = tuple(words(next(part for part in found.groups()[1:] if part is not None)))
        if inside:
            (absent if found[1] else phrases).append(inside)
        return " "

    rest = _QUOTED.sub(take, typed)
    wanted: list[str] = []
    for token in _TOKEN.findall(rest):
        bare = terms(token)
        if token.startswith(("-", "\N{MINUS SIGN}")) and bare:
            absent.append(tuple(bare))
        else:
            wanted += bare
    kept = [word for word in wanted if word not in _STOP] or wanted
    unfinished = bool(kept and wanted and kept[-1] == wanted[-1])
    return Asked(
        typed,
        tuple(dict.fromkeys(kept))[:MOST_WORDS],
        tuple(phrases[:MOST_WORDS]),
        tuple(absent[:MOST_WORDS]),
        unfinished,
    )
