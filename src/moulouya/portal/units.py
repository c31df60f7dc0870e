"""Units of measure in the reader's language: words of region.yml, and symbols."""

from __future__ import annotations

from collections.abc import Mapping

from moulouya.portal.languages import N_, Language

SYMBOLS = (
    N_("m"),
    N_("km"),
    N_("m²"),
    N_("km²"),
    N_("ha"),
    N_("m³"),
    N_("kg"),
    N_("t"),
    N_("kg/ha"),
    N_("mg/kg"),
    N_("mm"),
    N_("kWh"),
)
_KNOWN = frozenset(SYMBOLS)


def unit_words(unit: str | None, words: Mapping[str, Mapping[str, str]], language: Language) -> str:
    """A unit in the language: a word of the region's vocabulary, or a symbol."""
    if not unit:
        return ""
    if unit in words:
        return words[unit][language.code]
    return language.text(unit) if unit in _KNOWN else unit
