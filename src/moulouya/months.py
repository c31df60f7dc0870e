"""Month names of a language, full and abbreviated, as the Unicode CLDR has them."""

from __future__ import annotations

import unicodedata
from functools import lru_cache

from babel import Locale

# Arabic months have other names in the Maghreb, in the Levant and on the Nile.
_LOCALES = {
    "ar": ("ar_MA", "ar_DZ", "ar_TN", "ar_MR", "ar_EG", "ar_SY", "ar_SA"),
    "fr": ("fr",),
    "en": ("en", "en_GB"),
}


@lru_cache
def month_names(language: str) -> dict[str, int]:
    """The number of each month by its plain name; a name that two months share is left out."""
    found: dict[str, set[int]] = {}
    for code in _LOCALES[language]:
        months = Locale.parse(code).months
        for context in ("format", "stand-alone"):
            for width in ("wide", "abbreviated"):
                for number, name in months[context][width].items():
                    found.setdefault(plain(name).strip(" ."), set()).add(int(number))
    return {
        name: min(numbers) for name, numbers in found.items() if len(numbers) == 1 and len(name) > 1
    }


def plain(text: str) -> str:
    """A text in lower case, without accents, hamza, vowel marks or tatweel."""
    decomposed = unicodedata.normalize("NFD", text.lower()).replace("\u0640", "")
    return "".join(letter for letter in decomposed if unicodedata.category(letter) != "Mn")
