"""The forms in which a result is sent, and which of them a request asks for."""

from __future__ import annotations

from moulouya.portal import accepting

MEDIA_TYPES = {
    "json": "application/json",
    "ndjson": "application/x-ndjson",
    "csv": "text/csv; charset=utf-8; header=present",
    "arrow": "application/vnd.apache.arrow.stream",
    "parquet": "application/vnd.apache.parquet",
}
ACCEPTED = {
    "application/json": "json",
    "application/x-ndjson": "ndjson",
    "application/jsonl": "ndjson",
    "application/json-seq": "ndjson",
    "text/csv": "csv",
    "application/vnd.apache.arrow.stream": "arrow",
    "application/vnd.apache.parquet": "parquet",
    "application/parquet": "parquet",
    # What a browser asks for first is a page; it gets JSON.
    "text/html": "json",
    "application/xhtml+xml": "json",
    "*/*": "json",
    "application/*": "json",
    "text/*": "csv",
}


def from_accept(accept: str) -> str | None:
    """The format that an Accept header likes best; None where it takes none of ours."""
    return accepting.best(accept, ACCEPTED) if accept.strip() else "json"
