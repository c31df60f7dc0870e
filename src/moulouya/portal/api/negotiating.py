"""Which format a request asks for: the parameter, else the header Accept."""

from __future__ import annotations

from functools import lru_cache

from moulouya.portal import accepting
from moulouya.portal.api.faults import Refused
from moulouya.portal.api.writing import MEDIA_TYPES

# What a browser asks for first is a page; it gets JSON.
ACCEPTED = {
    **{media.partition(";")[0]: form for form, media in MEDIA_TYPES.items()},
    "text/html": "json",
    "application/xhtml+xml": "json",
    "application/jsonl": "ndjson",
    "application/parquet": "parquet",
    "application/*": "json",
    "text/*": "csv",
    "*/*": "json",
}


def format_of(given: str, accept: str) -> str:
    """The format; raises Refused where the client takes none of ours."""
    if given:
        return given
    found = _best(accept[: accepting.LONGEST])
    if found is None:
        raise Refused("not-acceptable", "none of the formats of Accept can be had",
                      f"format={', '.join(MEDIA_TYPES)}")  # fmt: skip
    return found


@lru_cache(maxsize=256)
def _best(accept: str) -> str | None:
    return accepting.best(accept, ACCEPTED) if accept.strip() else "json"
