"""Where an address of the portal lies in an export: names that any disk and web server takes."""

from __future__ import annotations

import hashlib
import posixpath
import re
from urllib.parse import urlsplit

INDEX = "index.html"
_STEP = re.compile(r"[A-Za-z0-9_~-][A-Za-z0-9._~-]{0,99}")
_UNSAFE = re.compile(r"[^A-Za-z0-9]+")
_CATALOGUE = re.compile(r"/catalogue\.(ttl|jsonld|rdf)\?page=(\d+)")
_FEED = re.compile(r"/feeds/(\w+|places/[\w.-]+)\.(atom|json)\?lang=(\w\w)")


def bare(address: str) -> str:
    """An address without its fragment, its query in the order in which it came."""
    parts = urlsplit(address)
    return f"{parts.path}?{parts.query}" if parts.query else parts.path


def path_of(address: str) -> str:
    """The path of an address."""
    return urlsplit(address).path


def without_query(text: str) -> str:
    """A text in which addresses of feeds and of pages of the catalogue have no query.

    A server of files answers with the same file whatever the query is, so that a harvester would
    follow from the first page to the first page.
    """
    text = _CATALOGUE.sub(
        lambda found: f"/catalogue{'' if found[2] == '1' else '-' + found[2]}.{found[1]}", text
    )
    return _FEED.sub(r"/feeds/\1.\3.\2", text)


def place(address: str, *, page: bool, save_as: str = "") -> str:
    """The file of an address, relative to the export: pages are folders with an index.

    A query becomes a folder named after it, with a hash so that no two are one.
    """
    path, _, query = without_query(address).partition("?")
    steps = [_step(step) for step in path.split("/") if step]
    if query:
        steps.append(f"~{_mark(query)}")
    if page:
        return "/".join([*steps, INDEX])
    if query or not steps:
        steps.append(_step(save_as or "file"))
    return "/".join(steps)


def _step(text: str) -> str:
    return text if _STEP.fullmatch(text) else f"~{_mark(text)}"


def _mark(text: str) -> str:
    readable = _UNSAFE.sub("-", text).strip("-")[:40]
    digest = hashlib.sha256(text.encode()).hexdigest()[:8]
    return f"{readable}-{digest}" if readable else digest


def link(from_file: str, to_file: str) -> str:
    """How one file of the export names another, from wherever the export lies."""
    return posixpath.relpath(to_file, posixpath.dirname(from_file) or ".")
