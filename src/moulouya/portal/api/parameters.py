"""The parameters of the API."""

from __future__ import annotations

from moulouya.portal.api import choosing, cql
from moulouya.portal.api.declared import Parameter
from moulouya.portal.api.writing import MEDIA_TYPES
from moulouya.portal.languages import N_

MOST_RECORDS = 10_000
RECORDS = 100
MOST_LISTED = 1000
LISTED = 50
MOST_NUMBER = 999_999_999
FURTHEST = 10**15

SLUG = Parameter(
    "slug",
    N_("the name of a dataset, as in its address"),
    {"type": "string", "pattern": "^[a-z][a-z0-9_]{0,62}$", "maxLength": 63},
    where="path",
)
NUMBER = Parameter(
    "number",
    N_("the number of a version or of a release"),
    {"type": "integer", "minimum": 1, "maximum": MOST_NUMBER},
    "1",
    where="path",
)
WHERE = Parameter(
    "where",
    N_("which records: a condition in CQL2 Text"),
    {"type": "string", "maxLength": cql.LONGEST, "format": "cql2-text"},
    "population > 10000 AND name LIKE 'B%'",
)
SELECT = Parameter(
    "select",
    N_("which columns, with other names or aggregated"),
    {"type": "string", "maxLength": choosing.LONGEST},
    "province,sum(population) as people",
)
GROUP_BY = Parameter(
    "group_by",
    N_("by which columns records are grouped"),
    {"type": "string", "maxLength": choosing.LONGEST},
    "province",
)
ORDER_BY = Parameter(
    "order_by",
    N_("by which columns records are ordered; a minus puts the largest first"),
    {"type": "string", "maxLength": choosing.LONGEST},
    "province,-people",
)
BBOX = Parameter(
    "bbox",
    N_("only records that touch this box: west,south,east,north in degrees"),
    {
        "type": "string",
        "maxLength": 200,
        "pattern": r"^-?[0-9]{1,3}(\.[0-9]{1,12})?(,-?[0-9]{1,3}(\.[0-9]{1,12})?){3}$",
    },
    "-3,34.5,-2,35.2",
)
LIMIT = Parameter(
    "limit",
    N_("how many records at most"),
    {"type": "integer", "minimum": 1, "maximum": MOST_RECORDS, "default": RECORDS},
    "20",
)
OFFSET = Parameter(
    "offset",
    N_("how many records are left out at the beginning"),
    {"type": "integer", "minimum": 0, "maximum": FURTHEST, "default": 0},
    "100",
)
CURSOR = Parameter(
    "cursor",
    N_("where the page before ended; it comes with the link to the next page"),
    {"type": "string", "maxLength": 200},
)
TOTAL = Parameter(
    "total",
    N_("whether all records are counted, which may take longer than the question"),
    {"type": "string", "enum": ["none", "exact", "estimate"], "default": "none"},
    "exact",
)
FORMAT = Parameter(
    "format",
    N_("the format; without it, the header Accept decides"),
    {"type": "string", "enum": list(MEDIA_TYPES)},
    "csv",
)
QUERY = Parameter(
    "q",
    N_("words to search for, in any of the languages"),
    {"type": "string", "maxLength": 1000},
    "population",
)
LIST_LIMIT = Parameter(
    "limit",
    N_("how many are listed at most"),
    {"type": "integer", "minimum": 1, "maximum": MOST_LISTED, "default": LISTED},
    "20",
)
LIST_OFFSET = Parameter(
    "offset",
    N_("how many are left out at the beginning"),
    {"type": "integer", "minimum": 0, "maximum": MOST_NUMBER, "default": 0},
)
SINCE = Parameter(
    "since",
    N_("list what every version after this one changed"),
    {"type": "integer", "minimum": 0, "maximum": MOST_NUMBER},
)


def facet(name: str, says: str, example: str) -> Parameter:
    """One of several values that datasets are narrowed by."""
    return Parameter(name, says, {"type": "string", "maxLength": 80}, example, many=True)


# By the name of the facet in the search.
FACETS = {
    "theme": facet("theme", N_("only of this theme"), "demography"),
    "publisher": facet("publisher", N_("only by this publisher"), "hcp"),
    "place": facet("place", N_("only about this place, by its code"), "02.113."),
    "goal": facet("sdg", N_("only for this goal of sustainable development, from 1 to 17"), "6"),
    "format": facet("format", N_("only with files of this format"), "Parquet"),
    "licence": facet("licence", N_("only under this licence, by its SPDX name"), "CC-BY-4.0"),
    "fresh": Parameter(
        "fresh", N_("only those that are up to date, or late"),
        {"type": "string", "enum": ["fresh", "late"]}, "fresh", many=True,
    ),
    "quality": Parameter(
        "quality", N_("only of this quality"),
        {"type": "string", "enum": ["high", "fair", "low"]}, "high", many=True,
    ),
}  # fmt: skip
SORT = Parameter(
    "sort",
    N_("the order of the list"),
    {"type": "string", "enum": ["relevance", "newest", "name", "rows"]},
    "newest",
)
