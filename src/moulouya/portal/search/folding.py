"""One spelling for every way of writing a word: case, accents, vowel signs, hamza, digits."""

from __future__ import annotations

import re
import unicodedata
from functools import lru_cache

# One letter for the ways in which Arabic typists write it; no tatweel, Western digits.
_LETTERS = str.maketrans(
    {
        "أ": "ا", "إ": "ا", "آ": "ا", "ٱ": "ا", "ى": "ي", "ئ": "ي", "ؤ": "و", "ة": "ه",
        "گ": "ك", "ڭ": "ك", "ڤ": "ف", "ـ": None, "œ": "oe", "æ": "ae",
        **{digit: str(value) for value, digit in enumerate("٠١٢٣٤٥٦٧٨٩")},
    }
)  # fmt: skip
_WORD = re.compile(r"[^\W_]+")
_ARTICLE = re.compile(r"^(?:[وفبك]?ال|لل)(?=\w{2})")
LONGEST_QUERY = 200
LONGEST_WORD = 60


@lru_cache(maxsize=50_000)
def fold(text: str) -> str:
    """A text as search compares it: no case, accents, vowel signs or hamza; words kept apart."""
    # Taking a letter apart can give a capital, such as ᴬ, and folding one can give a mark.
    apart = unicodedata.normalize("NFKD", text.translate(_LETTERS))
    apart = unicodedata.normalize("NFKD", apart.casefold())
    bare = "".join(char for char in apart if not unicodedata.combining(char))
    return " ".join(_WORD.findall(bare.translate(_LETTERS)))


def words(text: str) -> list[str]:
    """The words of a text, folded, without the Arabic article; very long ones are cut."""
    return [_ARTICLE.sub("", word, count=1)[:LONGEST_WORD] for word in fold(text).split()]


def terms(query: str) -> list[str]:
    """The words of a query, folded, without the Arabic article and French elisions."""
    found = words(query[:LONGEST_QUERY])
    return [word for word in found if len(word) > 1 or word.isdigit()] or found
