"""The actions about the rows of one table."""

from __future__ import annotations

from typing import Any

import orjson

from moulouya.portal.ckan import datastore, parameter
from moulouya.portal.ckan.datastore import Invalid, Wanted
from moulouya.portal.ckan.parameter import Parameters
from moulouya.portal.ckan.site import Site


def datastore_search(site: Site, parameters: Parameters) -> Any:
    """Rows of a table; see CKAN's ``datastore_search``."""
    dataset, resource = site.resource(parameters, "resource_id", "id")
    form = str(parameters.get("records_format") or "objects")
    if form not in datastore.FORMS:
        raise Invalid("records_format", f"must be one of {', '.join(datastore.FORMS)}")
    filters = parameter.decoded(parameters, "filters", {})
    if not isinstance(filters, dict):
        raise Invalid("filters", "must be an object of field: value")
    q = parameter.decoded(parameters, "q", "")
    if isinstance(q, dict):
        raise Invalid("q", "words are looked for in the whole row: give a text")
    wanted = Wanted(
        filters=filters,
        q=str(q)[:1000],
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
    said |= {"sort": wanted.sort} if wanted.sort else {}
    said |= {"offset": wanted.offset} if wanted.offset else {}
    return {**said, **answered, "_links": _links(parameters, wanted)}


def datastore_info(site: Site, parameters: Parameters) -> Any:
    """The columns and the size of a table."""
    dataset, resource = site.resource(parameters, "id", "resource_id")
    return datastore.info(site.catalogue, dataset, resource["id"])


def _links(parameters: Parameters, wanted: Wanted) -> dict[str, str]:
    start = "/api/3/action/datastore_search"
    following = {**parameters, "offset": wanted.offset + wanted.limit}
    named = [
        f"{name}={value if isinstance(value, str) else orjson.dumps(value).decode()}"
        for name, value in following.items()
    ]
    return {"start": start, "next": f"{start}?{'&'.join(named)}"}
