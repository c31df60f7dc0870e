"""Where bytes come from: one module per protocol, one function each.

A source writes what it is given into a folder, untouched, and tells where it came from.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from moulouya.sources import file, http, package
from moulouya.sources.delivery import Delivery, Request

__all__ = ["KINDS", "Delivery", "Request", "fetch"]

KINDS: dict[str, Callable[[Any, Request], Delivery | None]] = {
    "file": file.fetch,
    "http": http.fetch,
    "package": package.fetch,
}


def fetch(source: Any, request: Request) -> Delivery | None:
    """Fetch a source's bytes into ``request.folder``; None when it says nothing is new.

    Raises SourceError, with ``retry`` set where waiting can heal it.
    """
    return KINDS[source.kind](source, request)
