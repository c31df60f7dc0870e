"""Codes of the controlled vocabularies that DCAT-AP asks for, kept by the EU's Publications Office.

Titles are those of the vocabularies, in English.
"""

from __future__ import annotations

import datetime as dt
from functools import cache

from babel import Locale
from babel.core import get_global

AUTHORITY = "http://publications.europa.eu/resource/authority"
IANA = "https://www.iana.org/assignments/media-types"
INSPIRE_ROLE = "http://inspire.ec.europa.eu/metadata-codelist/ResponsiblePartyRole"
IANA_RELATION = "http://www.iana.org/assignments/relation"
SDG = "http://metadata.un.org/sdg"
CRS84 = "http://www.opengis.net/def/crs/OGC/1.3/CRS84"

LANGUAGES = {"ar": "ARA", "fr": "FRA", "en": "ENG"}
THEMES = {
    "AGRI": "Agriculture, fisheries, forestry and food",
    "ECON": "Economy and finance",
    "EDUC": "Education, culture and sport",
    "ENER": "Energy",
    "ENVI": "Environment",
    "GOVE": "Government and public sector",
    "HEAL": "Health",
    "INTR": "International issues",
    "JUST": "Justice, legal system and public safety",
    "REGI": "Regions and cities",
    "SOCI": "Population and society",
    "TECH": "Science and technology",
    "TRAN": "Transport",
}
# Those without an entry are named by their SPDX address.
LICENCES = {
    "CC0-1.0": "CC0",
    "CC-BY-4.0": "CC_BY_4_0",
    "CC-BY-SA-4.0": "CC_BYSA_4_0",
    "ODbL-1.0": "ODC_BL",
    "ODC-By-1.0": "ODC_BY",
    "PDDL-1.0": "ODC_PDDL",
    "OGL-UK-3.0": "OGL_3_0",
}
# By the end of the file's name, the code and the name; formats that it lacks are left out.
FILE_TYPES = {
    "csv": ("CSV", "CSV"),
    "csv.gz": ("CSV", "CSV"),
    "geojson": ("GEOJSON", "GeoJSON"),
    "json": ("JSON", "JSON"),
    "parquet": ("PARQUET", "Parquet"),
    "xlsx": ("XLSX", "XLSX"),
}
# The shortest and the longest time between two looks for which each word stands, in days.
_EVERY = (
    (0, 0.03, "CONT"),
    (0.03, 0.06, "HOURLY"),
    (0.4, 0.6, "DAILY_2"),
    (0.9, 1.1, "DAILY"),
    (3, 4, "WEEKLY_2"),
    (7, 7, "WEEKLY"),
    (14, 15, "BIWEEKLY"),
    (28, 31, "MONTHLY"),
    (59, 62, "BIMONTHLY"),
    (89, 92, "QUARTERLY"),
    (180, 184, "ANNUAL_2"),
    (364, 366, "ANNUAL"),
    (728, 731, "BIENNIAL"),
    (1094, 1096, "TRIENNIAL"),
)


def frequency(every: dt.timedelta | None, cron: str | None) -> str | None:
    """The word for how often something is looked at; None where nothing is told."""
    if every is not None:
        days = every / dt.timedelta(days=1)
        return next((word for low, high, word in _EVERY if low <= days <= high), "OTHER")
    return _of_cron(cron.split()) if cron else None


def _of_cron(fields: list[str]) -> str:
    minute, hour, day, month, weekday = fields
    once = all(field.isdigit() for field in (minute, hour))
    if not once:
        return "HOURLY" if minute.isdigit() and hour == "*" else "OTHER"
    if day == month == weekday == "*":
        return "DAILY"
    if day == month == "*":
        return "WEEKLY" if "," not in weekday and "-" not in weekday else "OTHER"
    if day.isdigit() and weekday == "*":
        return "MONTHLY" if month == "*" else "ANNUAL" if month.isalnum() else "OTHER"
    return "OTHER"


@cache
def country(name: str) -> str | None:
    """The three letters of a country by its English name, None for one that nobody knows."""
    codes = {said: code for code, said in Locale("en").territories.items() if len(code) == 2}
    two = codes.get(name)
    aliases = get_global("territory_aliases")
    return next(
        (code for code, names in sorted(aliases.items())
         if names == [two] and len(code) == 3 and code.isalpha()), None
    )  # fmt: skip
