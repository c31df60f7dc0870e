"""What is there about a dataset for programs: each standard's document, where it is, what for."""

from __future__ import annotations

from dataclasses import dataclass

from moulouya.portal.languages import N_
from moulouya.portal.published import PublishedVersion

TURTLE, JSONLD, RDFXML = "text/turtle", "application/ld+json", "application/rdf+xml"
CSVW = "application/csvm+json"


@dataclass(frozen=True)
class Representation:
    """A document about a dataset; ``standard`` is a name, ``purpose`` a text of the interface."""

    standard: str
    purpose: str
    href: str
    media_type: str
    profile: str | None = None


def of_dataset(version: PublishedVersion) -> list[Representation]:
    """Every document about the newest version of a dataset, the most general first."""
    slug, number = version.slug, version.number
    here = f"/datasets/{slug}"
    harvest = N_("for catalogues that take over others, in three syntaxes")
    return [
        Representation(
            "API", N_("all of this as JSON, and its records by condition, group and page"),
            f"/api/v1/datasets/{slug}", "application/json",
        ),
        Representation("DCAT-AP 3.0.1 · Turtle", harvest, f"{here}.ttl", TURTLE),
        Representation("DCAT-AP 3.0.1 · JSON-LD", harvest, f"{here}.jsonld", JSONLD),
        Representation("DCAT-AP 3.0.1 · RDF/XML", harvest, f"{here}.rdf", RDFXML),
        Representation(
            "Croissant", N_("for machine learning: files and typed fields"),
            f"{here}/croissant.json", JSONLD, "http://mlcommons.org/croissant/1.1",
        ),
        Representation(
            "Data Package 2", N_("for Frictionless and its friends: files, columns and rules"),
            f"{here}/datapackage.json", "application/json",
            "https://datapackage.org/profiles/2.0/datapackage.json",
        ),
        Representation(
            "CSV on the Web", N_("what the columns of the CSV file mean"),
            f"/exports/{slug}/{number}/{slug}.csv-metadata.json", CSVW,
        ),
        Representation(
            "OpenLineage", N_("what this version was made from, and how it was checked"),
            f"{here}/versions/{number}/openlineage.json", "application/json",
        ),
    ]  # fmt: skip


def link_header(base: str, offered: list[Representation]) -> str:
    """The same as the value of a Link header (RFC 8288)."""
    return ", ".join(
        f'<{base}{one.href}>; rel="alternate"; type="{one.media_type}"'
        + (f'; profile="{one.profile}"' if one.profile else "")
        for one in offered
    )
