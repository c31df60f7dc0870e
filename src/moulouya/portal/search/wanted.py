"""What the address of a list asks for, and the addresses of lists near it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any
from urllib.parse import urlencode

from starlette.datastructures import QueryParams
from starlette.exceptions import HTTPException

from moulouya.portal.search.facets import FACETS, SORTS
from moulouya.portal.search.folding import LONGEST_QUERY

MOST_CHOSEN = 20
LONGEST_CODE = 80


@dataclass(frozen=True)
class Wanted:
    """A query, the values chosen of each facet, an order (empty for the usual) and a page."""

    query: str = ""
    chosen: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    sort: str = ""
    page: int = 1

    @classmethod
    def of(cls, asked: QueryParams) -> Wanted:
        """From an address; 400 for a page that is no number and an order that there is not."""
        chosen = {}
        for name in FACETS:
            given = [value[:LONGEST_CODE] for value in asked.getlist(name) if value.strip()]
            if given:
                chosen[name] = tuple(dict.fromkeys(given))[:MOST_CHOSEN]
        page, sort = asked.get("page", "1"), asked.get("sort", "")
        if not (page.isascii() and page.isdigit() and 1 <= int(page[:9]) < 10**8):
            raise HTTPException(400)
        if sort and sort not in SORTS:
            raise HTTPException(400)
        query = " ".join(asked.get("q", "")[:LONGEST_QUERY].replace("\0", " ").split())
        return cls(query, chosen, sort, int(page[:9]))

    @property
    def order(self) -> str:
        """What to sort by: by fit when something is searched for, the newest first otherwise."""
        usual = "relevance" if self.query else "newest"
        return usual if self.sort in ("", "relevance") else self.sort

    def toggled(self, facet: str, value: str) -> Wanted:
        """With one value more, or without it; from the first page."""
        had = self.chosen.get(facet, ())
        has = tuple(one for one in had if one != value) if value in had else (*had, value)
        rest = {name: values for name, values in self.chosen.items() if name != facet}
        return replace(self, chosen={**rest, facet: has} if has else rest, page=1)

    def changed(self, **what: Any) -> Wanted:
        """With another query, order or page."""
        return replace(self, **{"page": 1, **what})

    @property
    def pairs(self) -> list[tuple[str, str]]:
        """The parameters but for the query, for a form to keep."""
        kept = [(name, value) for name in FACETS for value in self.chosen.get(name, ())]
        return [*kept, *([("sort", self.sort)] if self.sort else [])]

    def href(self, path: str) -> str:
        """The address below a path."""
        query = [("q", self.query)] if self.query else []
        page = [("page", str(self.page))] if self.page > 1 else []
        parameters = urlencode([*query, *self.pairs, *page])
        return f"{path}?{parameters}" if parameters else path
