"""How to cite a version and credit its source: as a sentence, and for reference managers.

Every form names the source, the day of publication, the version and an address that keeps leading
to that version.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from zoneinfo import ZoneInfo

import orjson

from moulouya.portal.languages import Language
from moulouya.portal.published import PublishedVersion, Record

# What LaTeX reads as a command or as the end of a group, and how it is written to be shown.
_LATEX = {
    "\\": r"\textbackslash{}",
    "{": r"\{",
    "}": r"\}",
    "#": r"\#",
    "$": r"\$",
    "%": r"\%",
    "&": r"\&",
    "_": r"\_",
    "~": r"\textasciitilde{}",
    "^": r"\textasciicircum{}",
}
_SPECIAL = re.compile("[" + re.escape("".join(_LATEX)) + "]")
# Line ends of every kind and control characters: each would break a line-based form.
_BREAKS = re.compile(r"[\s\x00-\x1f\x7f-\x9f\u2028\u2029]+")
DATACITE = "http://datacite.org/schema/kernel-4"


@dataclass(frozen=True)
class Citation:
    """One version in one language, ready to be cited; ``day`` is ISO 8601, as published."""

    slug: str
    version: int
    language: Language
    publisher: str
    title: str
    catalogue: str
    day: str
    day_in_words: str
    address: str
    licence: Record
    credit: str

    @property
    def apa(self) -> str:
        """The citation as a sentence, in the order of APA 7."""
        return self.language.text(
            "%(publisher)s. (%(day)s). %(title)s (Version %(version)s) [Data set]. "
            "%(catalogue)s. %(address)s",
            publisher=self.publisher,
            day=self.day_in_words,
            title=self.title,
            version=self.version,
            catalogue=self.catalogue,
            address=self.address,
        )

    @property
    def attribution(self) -> str:
        """The credit line to put beside what is made from the data."""
        source = self.credit or self.language.text(
            "Source: %(publisher)s", publisher=self.publisher
        )
        return self.language.text(
            "%(source)s — “%(title)s”, version %(version)s of %(day)s, %(catalogue)s, "
            "licence %(licence)s, %(address)s",
            source=source.rstrip(" ."),
            title=self.title,
            version=self.version,
            day=self.day_in_words,
            catalogue=self.catalogue,
            licence=self.licence["spdx"],
            address=self.address,
        )

    @property
    def bibtex(self) -> str:
        """An entry for BibTeX and BibLaTeX, in UTF-8."""
        year, month, _ = self.day.split("-")
        fields = {
            "author": f"{{{latex(self.publisher)}}}",
            "title": f"{{{latex(self.title)}}}",
            "year": year,
            "month": str(int(month)),
            "date": self.day,
            "version": str(self.version),
            "type": "Data set",
            "publisher": latex(self.catalogue),
            "howpublished": f"\\url{{{self.address}}}",
            "url": self.address,
            "note": latex(f"{self.licence['spdx']}. {self.credit}".rstrip(". ")),
            "langid": {"ar": "arabic", "fr": "french"}.get(self.language.code, "english"),
        }
        lines = ",\n".join(f"  {name} = {{{value}}}" for name, value in fields.items())
        return f"@misc{{{self.slug}_v{self.version},\n{lines}\n}}\n"

    @property
    def ris(self) -> str:
        """A record for Zotero, Mendeley and EndNote."""
        lines = [
            ("TY", "DATA"),
            ("AU", self.publisher),
            ("TI", self.title),
            ("PY", self.day[:4]),
            ("DA", self.day.replace("-", "/")),
            ("ET", str(self.version)),
            ("PB", self.catalogue),
            ("UR", self.address),
            ("LA", self.language.code),
            ("N1", f"{self.licence['spdx']}. {self.credit}".rstrip(". ")),
            ("ER", ""),
        ]
        return "".join(f"{tag}  - {one_line(value)}\r\n" for tag, value in lines)


def cite(
    version: PublishedVersion, region: Record, language: Language, public_url: str
) -> Citation:
    """What is to be cited of one version; its address is the page of that version."""
    record = version.record
    zone = region.get("timezone", "UTC")
    definition: Record = record["definition"]
    return Citation(
        slug=version.slug,
        version=version.number,
        language=language,
        publisher=one_line(record["publisher"]["name"][language.code]),
        title=one_line(definition["title"][language.code]),
        catalogue=one_line(region["title"][language.code]),
        day=version.created.astimezone(ZoneInfo(zone)).date().isoformat(),
        day_in_words=language.date(version.created, zone),
        address=f"{public_url}/{language.code}/datasets/{version.slug}/versions/{version.number}",
        licence=record["licence"],
        credit=one_line((definition.get("attribution") or {}).get(language.code, "")),
    )


def datacite(version: PublishedVersion, citation: Citation, public_url: str) -> str:
    """The version in the properties of the DataCite metadata schema 4, as JSON."""
    record, definition = version.record, version.record["definition"]
    licence = record["licence"]
    found: dict[str, Any] = {
        "schemaVersion": DATACITE,
        "identifiers": [{"identifier": citation.address, "identifierType": "URL"}],
        "url": citation.address,
        "creators": [{"name": citation.publisher, "nameType": "Organizational"}],
        "titles": [
            {"title": citation.title, "lang": citation.language.code},
            *(
                {"title": text, "lang": code, "titleType": "TranslatedTitle"}
                for code, text in definition["title"].items()
                if code != citation.language.code
            ),
        ],
        "publisher": {"name": citation.catalogue},
        "publicationYear": int(citation.day[:4]),
        "types": {"resourceTypeGeneral": "Dataset", "resourceType": "Dataset"},
        "subjects": [
            {"subject": word, "lang": code}
            for code, words in (definition.get("keywords") or {}).items()
            for word in words
        ],
        "dates": _dates(version, citation, definition),
        "language": citation.language.code,
        "version": str(version.number),
        "formats": sorted({file.media_type for file in version.files.values()}),
        "sizes": [f"{version.rows} rows"],
        "rightsList": [
            {
                "rights": licence["title"],
                "rightsUri": licence["url"],
                "rightsIdentifier": licence["spdx"],
                "rightsIdentifierScheme": "SPDX",
            }
        ],
        "descriptions": [
            {"description": text, "lang": code, "descriptionType": "Abstract"}
            for code, text in definition["description"].items()
        ],
        "relatedIdentifiers": _related(version, citation, public_url),
    }
    return orjson.dumps(found, option=orjson.OPT_INDENT_2).decode() + "\n"


def _dates(
    version: PublishedVersion, citation: Citation, definition: Record
) -> list[dict[str, str]]:
    dates = [{"date": citation.day, "dateType": "Issued"}]
    taken = [one["retrieved"][:10] for one in version.record.get("snapshots") or []]
    if taken:
        dates.append({"date": max(taken), "dateType": "Collected"})
    period: Mapping[str, str] | None = definition.get("temporal")
    if period:
        dates.append(
            {"date": f"{period['start']}/{period.get('end') or ''}", "dateType": "Coverage"}
        )
    return dates


def _related(
    version: PublishedVersion, citation: Citation, public_url: str
) -> list[dict[str, str]]:
    base = f"{public_url}/{citation.language.code}/datasets"
    found = [(f"{base}/{version.slug}", "IsVersionOf")]
    if version.number > 1:
        found.append((f"{base}/{version.slug}/versions/{version.number - 1}", "IsNewVersionOf"))
    inputs: Mapping[str, int] = version.record.get("inputs") or {}
    found += [(f"{base}/{slug}/versions/{n}", "IsDerivedFrom") for slug, n in inputs.items()]
    found += [
        (taken["url"], "IsDerivedFrom")
        for taken in version.record.get("snapshots") or []
        if taken["url"].startswith(("http://", "https://"))
    ]
    return [
        {
            "relatedIdentifier": address,
            "relatedIdentifierType": "URL",
            "relationType": relation,
            "resourceTypeGeneral": "Dataset",
        }
        for address, relation in found
    ]


def latex(text: str) -> str:
    """A text that LaTeX shows as it is: one line, without commands and with balanced braces."""
    return _SPECIAL.sub(lambda found: _LATEX[found[0]], one_line(text))


def one_line(text: str) -> str:
    """A text with every break, tab and control character made a single space."""
    return _BREAKS.sub(" ", text).strip()
