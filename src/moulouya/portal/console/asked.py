"""What the console is asked: a statement by address or form, or a dataset to begin with."""

from __future__ import annotations

from dataclasses import dataclass

from starlette.requests import Request

from moulouya.portal.participation import posted
from moulouya.portal.published import Catalogue, PublishedDataset

LONGEST = 32 * 1024
# A link that every browser, mail program and server takes.
LONGEST_LINK = 4000


@dataclass(frozen=True)
class Asked:
    """``sql`` is empty where nothing is to be run yet."""

    sql: str
    explain: bool
    dataset: PublishedDataset | None


async def read(request: Request, catalogue: Catalogue) -> Asked:
    """What a request asks. Raises posted.NotTaken for a form that cannot be read."""
    given = dict(request.query_params)
    if request.method == "POST":
        given |= await posted.fields(request)
    sql = (given.get("sql") or given.get("q") or "").strip()
    if len(sql.encode(errors="replace")) > LONGEST:
        raise posted.NotTaken(413)
    dataset = catalogue.datasets.get(given.get("dataset", ""))
    return Asked(sql, given.get("explain", "") in ("1", "true"), dataset)
