"""The actions about the rows of one table."""

from __future__ import annotations

from typing import Any
from urllib.parse import urlencode

import orjson

from moulouya.portal.ckan import datastore, parameter
from moulouya.portal.ckan.datastore import Invalid, Wanted
from moulouya.portal.ckan.parameter import Parameters
from moulouya.portal.ckan.site import Site

# As in CKAN, an unknown name is an error: a filter with a slip in its name would find everything.
TAKEN = {
    "resource_id", "id", "q", "plain", "filters", "language", "limit", "offset", "fields", "sort",
    "distinct", "include_total", "total_estimation_threshold", "records_format",
    "include_next_page", "full_text", *parameter.EVERYWHERE,
}  # fmt: skip


def datastore_search(site: Site, parameters: Parameters) -> Any:
    """Rows of a table; see CKAN's ``datastore_search``."""
    unknown = [name for name in parameters if name not in TAKEN]
    if unknown:
        raise Invalid("__junk", f"The input field {unknown} was not expected.")
    dataset, resource = site.resource(parameters, "resource_id", "id")
    form = str(parameters.get("records_format") or "objects")
    if form not in datastore.FORMS:
        raise Invalid("records_format", f"must be one of {', '.join(datastore.FORMS)}")
    filters = parameter.decoded(parameters, "filters", {})
    if not isinstance(filters, dict):
        raise Invalid("filters", "must be an object of field: value")
    q = parameter.decoded(parameters, "q", "")
    if not isinstance(q, dict):
        q = str(q)[:1000]
    wanted = Wanted(
        filters=filters,
        q=q,
        fields=tuple(parameter.texts(parameters, "fields")),
        sort=str(parameters.get("sort") or ""),
        limit=parameter.number(parameters, "limit", datastore.DEFAULT_ROWS),
        offset=parameter.number(parameters, "offset", 0),
        distinct=parameter.flag(parameters, "distinct", False),
        include_total=parameter.flag(parameters, "include_total", True),
        form=form,
    )
    answered = datastore.search(site.catalogue, dataset, wanted)
    said: dict[str, Any] = {"resource_id": resource["id"]}
    said |= {"filters": filters} if filters else {}
    said |= {"q": wanted.q} if wanted.q else {}
    said |= {"distinct": True} if wanted.distinct else {}
    said |= {"sort": wanted.sort} if wanted.sort else {}
    said |= {"offset": wanted.offset} if wanted.offset else {}
    further = parameter.flag(parameters, "include_next_page", False)
    said["include_next_page"] = further
    if further and form == "objects" and len(answered["records"]) == wanted.limit:
        answered |= _next_page(wanted, answered["records"])
    return {**said, **answered, "_links": _links(parameters, wanted)}


def datastore_info(site: Site, parameters: Parameters) -> Any:
    """The columns and the size of a table."""
    dataset, resource = site.resource(parameters, "id", "resource_id")
    return datastore.info(site.catalogue, dataset, resource["id"])


def _next_page(wanted: Wanted, records: list[dict[str, Any]]) -> dict[str, Any]:
    """The filter for what follows, which is quicker than an offset; only in order of ``_id``."""
    order = wanted.sort.replace('"', "").lower().split() or ["_id"]
    if not records or "_id" not in records[-1] or order not in (
        ["_id"], ["_id", "asc"], ["_id", "desc"],
    ):  # fmt: skip
        return {}
    comparison = "lt" if order[-1] == "desc" else "gt"
    return {"next_page": {"_id": {comparison: records[-1]["_id"]}}}


def _links(parameters: Parameters, wanted: Wanted) -> dict[str, str]:
    start = "/api/3/action/datastore_search"
    following = {**parameters, "offset": wanted.offset + wanted.limit}
    named = {
        name: value if isinstance(value, str) else orjson.dumps(value).decode()
        for name, value in following.items()
    }
    return {"start": start, "next": f"{start}?{urlencode(named)}"}
