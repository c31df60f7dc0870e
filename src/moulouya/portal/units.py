"""Units of measure in the reader's language; definitions name them in English."""

from __future__ import annotations

from moulouya.portal.languages import N_, Language

UNITS = (
    N_("persons"),
    N_("households"),
    N_("dwellings"),
    N_("establishments"),
    N_("jobs"),
    N_("sites"),
    N_("communes"),
    N_("cercles"),
    N_("provinces"),
    N_("souks"),
    N_("years"),
    N_("degrees"),
    N_("percentage points"),
    N_("births per woman"),
    N_("persons per household"),
    N_("persons per room"),
    N_("persons per km²"),
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
_KNOWN = frozenset(UNITS)


def unit_words(unit: str | None, language: Language) -> str:
    """A unit in the language; one that is not in the vocabulary stays as it is written."""
    if not unit:
        return ""
    return language.text(unit) if unit in _KNOWN else unit
