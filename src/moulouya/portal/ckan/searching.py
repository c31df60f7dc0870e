"""``package_search``: words, filters, order, pages and facets over the packages of a release."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from moulouya.portal.ckan.filters import BadSearch, Package, matcher, of

MOST_ROWS = 1000
DEFAULT_SORT = "score desc, metadata_modified desc"
FACET_LIMIT = 50
_FIELDED = re.compile(r"[A-Za-z_]\w*:")
SORTS = {
    "name": "name", "name_string": "name", "title": "title", "title_string": "title",
    "id": "id", "metadata_modified": "metadata_modified", "metadata_created": "metadata_created",
}  # fmt: skip


@dataclass(frozen=True)
class Question:
    """What ``package_search`` is asked."""

    q: str = "*:*"
    fq: tuple[str, ...] = ()
    sort: str = ""
    rows: int = 10
    start: int = 0
    facet: bool = True
    facet_fields: tuple[str, ...] = ()
    facet_limit: int = FACET_LIMIT
    facet_mincount: int = 1


def search(
    packages: Sequence[Package],
    question: Question,
    by_words: Callable[[str], list[str]],
) -> dict[str, Any]:
    """The answer to a question; ``by_words`` gives the names that fit plain words, best first.

    Raises BadQuery where ``q``, ``fq`` or ``sort`` cannot be read.
    """
    hits = list(packages)
    words = question.q.strip()
    if words and words not in ("*:*", "*"):
        hits = _fitting(hits, words, by_words)
    for filtered in question.fq:
        test = matcher(filtered)
        hits = [one for one in hits if test(one)]
    hits = _ordered(hits, question.sort, by_fit=bool(words and words not in ("*:*", "*")))
    counted = _facets(hits, question) if question.facet else {}
    return {
        "count": len(hits),
        "facets": {name: {one["name"]: one["count"] for one in items}
                   for name, items in counted.items()},
        "results": hits[question.start : question.start + min(question.rows, MOST_ROWS)],
        "sort": question.sort or DEFAULT_SORT,
        "search_facets": {name: {"title": name, "items": items}
                          for name, items in counted.items()},
    }  # fmt: skip


def _fitting(
    hits: list[Package], words: str, by_words: Callable[[str], list[str]]
) -> list[Package]:
    """Words go to the full-text index, fields such as ``name:x`` to the filter language."""
    if _FIELDED.search(words):
        test = matcher(words)
        return [one for one in hits if test(one)]
    by_name = {one["name"]: one for one in hits}
    return [by_name[name] for name in by_words(words) if name in by_name]


def _ordered(hits: list[Package], sort: str, *, by_fit: bool) -> list[Package]:
    """In the order asked for; what is alike keeps the order of the names."""
    if not by_fit:
        hits = sorted(hits, key=lambda one: str(one["name"]))
    wanted = [part.split() for part in (sort or DEFAULT_SORT).split(",") if part.strip()]
    for part in reversed(wanted):
        field, direction = part[0], part[1].lower() if len(part) > 1 else "asc"
        if len(part) > 2 or direction not in ("asc", "desc"):
            raise BadSearch(f"{' '.join(part)!r} is not an order such as title asc")
        if field in ("score", "relevance"):
            continue
        if field not in SORTS:
            raise BadSearch(f"cannot sort by {field!r}; by {', '.join(SORTS)}")
        if by_fit and not sort:
            continue
        key = SORTS[field]
        hits = sorted(hits, key=lambda one: str(one[key]), reverse=direction == "desc")
    return hits


def _facets(hits: Sequence[Package], question: Question) -> dict[str, list[dict[str, Any]]]:
    titles = {
        "organization": {one["organization"]["name"]: one["organization"]["title"] for one in hits},
        "groups": {part["name"]: part["title"] for one in hits for part in one["groups"]},
        "license_id": {one["license_id"]: one["license_title"] for one in hits},
    }
    found = {}
    for field in question.facet_fields:
        counts = Counter(value for one in hits for value in set(of(one, field)))
        items = [
            {"name": name, "display_name": titles.get(field, {}).get(name, name), "count": number}
            for name, number in sorted(counts.items(), key=lambda item: (-item[1], item[0]))
            if number >= question.facet_mincount
        ]
        found[field] = items if question.facet_limit < 0 else items[: question.facet_limit]
    return found
