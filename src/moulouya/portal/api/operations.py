"""The addresses of the API, declared for the router, the OpenAPI document and the page."""

from __future__ import annotations

from moulouya.portal.api import parameters as given
from moulouya.portal.api.declared import Example, Operation
from moulouya.portal.api.schemas import named
from moulouya.portal.api.writing import MEDIA_TYPES
from moulouya.portal.languages import N_

BASE = "/api/v1"
JSON = MEDIA_TYPES["json"]
ONE = f"{BASE}/datasets/{{slug}}"
VERSION = f"{ONE}/versions/{{number}}"
RECORD_PARAMETERS = (
    given.WHERE, given.SELECT, given.GROUP_BY, given.ORDER_BY, given.LIMIT, given.OFFSET,
    given.CURSOR, given.TOTAL, given.BBOX, given.FORMAT,
)  # fmt: skip
RECORD_ANSWERS = {
    media: {"json": named("Records"), "geojson": named("Features")}.get(form)
    for form, media in MEDIA_TYPES.items()
}
RECORD_KINDS = (
    "not-found", "not-acceptable", "expression", "unknown-column", "types", "values", "cursor",
    "format", "too-much-memory", "too-slow", "busy", "unavailable",
)  # fmt: skip
OPERATIONS = (
    Operation(
        "entry", BASE, "catalogue", N_("Where to begin"),
        N_("Links to everything else."), {JSON: named("Entry")},
    ),
    Operation(
        "datasets", f"{BASE}/datasets", "catalogue", N_("Find datasets"),
        N_("The list of datasets, searched and narrowed as on the pages, with counts for each "
           "facet."),
        {JSON: named("Datasets")},
        (given.QUERY, *given.FACETS.values(), given.SORT, given.LIST_LIMIT, given.LIST_OFFSET),
        examples=(
            Example(N_("the five newest datasets"), "sort=newest&limit=5", slug=False),
            Example(N_("datasets whose text has a word"), "q=population", slug=False),
        ),
    ),
    Operation(
        "dataset", ONE, "datasets", N_("One dataset"),
        N_("All that is said about a dataset, in every language side by side."),
        {JSON: named("Dataset")}, (given.SLUG,), ("not-found",),
    ),
    Operation(
        "columns", f"{ONE}/columns", "datasets", N_("What the columns mean"),
        N_("The data dictionary: names, types, units, meanings of codes."),
        {JSON: named("Columns")}, (given.SLUG,), ("not-found",),
    ),
    Operation(
        "records", f"{ONE}/records", "records", N_("Ask for records"),
        N_("Records of the newest version: filtered, chosen, grouped, ordered, page by page. "
           "The link to the next page names the version, so that pages fit together."),
        RECORD_ANSWERS, (given.SLUG, *RECORD_PARAMETERS), RECORD_KINDS,
        examples=(
            Example(N_("the first records"), "limit=5"),
            Example(N_("how many records there are"), "select=count(*)"),
            Example(N_("the same as CSV"), "limit=5&format=csv"),
        ),
    ),
    Operation(
        "versions", f"{ONE}/versions", "history", N_("The versions of a dataset"),
        N_("Every version, the newest first."),
        {JSON: named("Versions")}, (given.SLUG, given.LIST_LIMIT, given.LIST_OFFSET),
        ("not-found",),
    ),
    Operation(
        "version", VERSION, "history", N_("One version"),
        N_("One version with its files. It never changes."),
        {JSON: named("Version")}, (given.SLUG, given.NUMBER), ("not-found",),
    ),
    Operation(
        "version_records", f"{VERSION}/records", "records", N_("Ask for records of one version"),
        N_("As for the newest version, but the answer to the same question never changes."),
        RECORD_ANSWERS, (given.SLUG, given.NUMBER, *RECORD_PARAMETERS), RECORD_KINDS,
    ),
    Operation(
        "changes", f"{ONE}/changes", "history", N_("What changed"),
        N_("What the newest version changed, or every version after a given one."),
        {JSON: named("Changes")}, (given.SLUG, given.SINCE), ("not-found",),
    ),
    Operation(
        "validations", f"{ONE}/validations", "history", N_("What was checked"),
        N_("The checks that the newest version passed or failed."),
        {JSON: named("Validations")}, (given.SLUG,), ("not-found",),
    ),
    Operation(
        "themes", f"{BASE}/themes", "catalogue", N_("Themes"),
        N_("Every theme, with how many datasets it has."), {JSON: named("Themes")},
    ),
    Operation(
        "publishers", f"{BASE}/publishers", "catalogue", N_("Publishers"),
        N_("Every publisher, with how many datasets it has."), {JSON: named("Publishers")},
    ),
    Operation(
        "licences", f"{BASE}/licences", "catalogue", N_("Licences"),
        N_("Every licence in use, with how many datasets are under it."),
        {JSON: named("Licences")},
    ),
    Operation(
        "places", f"{BASE}/places", "catalogue", N_("Places"),
        N_("The places that datasets are about, by their codes."), {JSON: named("Places")},
    ),
    Operation(
        "releases", f"{BASE}/releases", "history", N_("Releases of the catalogue"),
        N_("Every release that is still kept, the newest first."), {JSON: named("Releases")},
        (given.LIST_LIMIT, given.LIST_OFFSET),
    ),
    Operation(
        "release", f"{BASE}/releases/{{number}}", "history", N_("One release"),
        N_("Which version of each dataset a release shows. It never changes."),
        {JSON: named("Release")}, (given.NUMBER,), ("not-found",),
    ),
)  # fmt: skip
BY_NAME = {one.name: one for one in OPERATIONS}
# Which operations the page and the document tell of together.
TAGS = {
    "catalogue": N_("The catalogue"),
    "datasets": N_("Datasets"),
    "records": N_("Records"),
    "history": N_("History"),
    "statements": N_("SQL and other doors"),
}
