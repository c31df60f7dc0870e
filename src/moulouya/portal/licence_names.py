"""What licences are called in the reader's language.

A version carries its licence with the title by which the licence calls itself. Creative Commons
and Etalab have official names in other languages; the others keep their own title, and what it
means stands beside it.
"""

from __future__ import annotations

from collections.abc import Mapping

from moulouya.licences import LICENCES
from moulouya.portal.languages import N_, Language

TITLES = {
    "CC0-1.0": N_("Creative Commons Zero 1.0"),
    "CC-BY-4.0": N_("Creative Commons Attribution 4.0"),
    "CC-BY-SA-4.0": N_("Creative Commons Attribution-ShareAlike 4.0"),
    "ODbL-1.0": N_("Open Database License 1.0"),
    "ODC-By-1.0": N_("Open Data Commons Attribution 1.0"),
    "PDDL-1.0": N_("Public Domain Dedication and License 1.0"),
    "etalab-2.0": N_("Licence Ouverte 2.0"),
    "OGL-UK-3.0": N_("Open Government Licence 3.0"),
    "MIT": N_("MIT License"),
    "Apache-2.0": N_("Apache License 2.0"),
}


def licence_title(licence: Mapping[str, str], language: Language) -> str:
    """The name of the licence of a version's record; one that is unknown keeps its own title."""
    known = TITLES.get(licence["spdx"])
    return language.text(known) if known else str(licence["title"])


def title_of(spdx: str, language: Language) -> str:
    """The name of a licence by its SPDX identifier; one that is unknown is called by that."""
    known = LICENCES.get(spdx)
    return spdx if known is None else licence_title({"spdx": spdx, "title": known.title}, language)
