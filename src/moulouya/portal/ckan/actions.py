"""The actions: what each takes and answers, by the name that stands in its address."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import Any

from moulouya.portal.ckan import groups, parameter, rows, searching
from moulouya.portal.ckan.datastore import Invalid
from moulouya.portal.ckan.filters import BadSearch
from moulouya.portal.ckan.licences import every_licence
from moulouya.portal.ckan.parameter import Parameters
from moulouya.portal.ckan.searching import Question
from moulouya.portal.ckan.site import NotFound, Site
from moulouya.portal.ckan.statements import datastore_search_sql

VERSION = "2.12.0"
Action = Callable[[Site, Parameters], Any]
# What CKAN takes; some of it changes nothing here. An unknown name is an error there as well: a
# filter with a slip in its name would find everything.
SEARCHED = {
    "q", "fl", "fq", "fq_list", "rows", "sort", "start", "wt", "qf", "bf", "boost", "tie",
    "defType", "mm", "df", "facet", "facet.mincount", "facet.limit", "facet.field", "extras",
    "include_private", "include_drafts", "include_deleted", "use_default_schema",
    *parameter.EVERYWHERE,
}  # fmt: skip


def status_show(site: Site, parameters: Parameters) -> Any:
    """What this site is, and which CKAN it answers like."""
    region = site.catalogue.region
    return {
        "site_title": region["title"][site.voice.language],
        "site_description": region["description"][site.voice.language],
        "site_url": site.voice.public_url,
        "error_emails_to": region["contact"] if "@" in region["contact"] else None,
        "locale_default": site.voice.language,
        "extensions": ["datastore"],
        "ckan_version": VERSION,
    }


def package_list(site: Site, parameters: Parameters) -> Any:
    """The names of all datasets, sorted; ``limit`` and ``offset`` cut a page out."""
    return parameter.page_of(sorted(site.catalogue.datasets), parameters)


def current_package_list_with_resources(site: Site, parameters: Parameters) -> Any:
    """All datasets in full, the newest first; ``limit`` and ``offset`` cut a page out."""
    newest = sorted(
        site.catalogue.datasets.values(), key=lambda one: (one.created, one.slug), reverse=True
    )
    return [site.package(dataset) for dataset in parameter.page_of(newest, parameters)]


def package_show(site: Site, parameters: Parameters) -> Any:
    """One dataset and its files; ``id`` is its name or its id."""
    return site.package(site.dataset(parameters, "id", "name_or_id"))


def package_search(site: Site, parameters: Parameters) -> Any:
    """Datasets by words (``q``) and filters (``fq``, ``fq_list``), with facets and pages."""
    unknown = [name for name in parameters if name not in SEARCHED and name[:4] != "ext_"]
    if unknown:
        raise BadSearch(f"Invalid search parameters: {unknown}")
    filtered = [str(parameters.get("fq") or ""), *parameter.texts(parameters, "fq_list")]
    question = Question(
        q=str(parameters.get("q") or "*:*")[:1000],
        fq=tuple(one for one in filtered if one.strip()),
        sort=str(parameters.get("sort") or ""),
        rows=parameter.number(parameters, "rows", 10),
        start=parameter.number(parameters, "start", 0),
        facet=parameter.flag(parameters, "facet", True),
        facet_fields=tuple(parameter.texts(parameters, "facet.field")),
        facet_limit=parameter.number(parameters, "facet.limit", searching.FACET_LIMIT, least=-1),
        facet_mincount=parameter.number(parameters, "facet.mincount", 1),
    )
    return searching.search(site.packages(), question, site.by_words)


def package_autocomplete(site: Site, parameters: Parameters) -> Any:
    """Names and titles that hold ``q``."""
    asked = parameter.needed(parameters, "q").casefold()
    found = [
        {"name": one["name"], "title": one["title"], "match_field": "title",
         "match_displayed": f"{one['title']} ({one['name']})"}
        for one in site.packages()
        if asked in one["title"].casefold() or asked in one["name"]
    ]  # fmt: skip
    return found[: parameter.number(parameters, "limit", 10)]


def resource_show(site: Site, parameters: Parameters) -> Any:
    """One file of a dataset by its id."""
    return site.resource(parameters, "id")[1]


def resource_search(site: Site, parameters: Parameters) -> Any:
    """Files by ``query=field:value``, where the value is a part of the field."""
    terms = parameter.texts(parameters, "query")
    if not terms:
        raise Invalid("query", "Missing value")
    wanted = []
    for term in terms:
        name, colon, value = term.partition(":")
        if not colon:
            raise Invalid("query", f"Must be <field>:<value> pair(s), not {term!r}")
        wanted.append((name, value.casefold()))
    found = [
        resource
        for package in site.packages()
        for resource in package["resources"]
        if all(value in str(resource.get(name) or "").casefold() for name, value in wanted)
    ]
    return {"count": len(found), "results": parameter.page_of(found, parameters)}


def vocabulary_list(site: Site, parameters: Parameters) -> Any:
    """Keywords are free: there is no vocabulary."""
    return []


def license_list(site: Site, parameters: Parameters) -> Any:
    """The licences that datasets here may have, as CKAN names them."""
    return [one.to_json() for one in every_licence()]


def format_autocomplete(site: Site, parameters: Parameters) -> Any:
    """Formats of files that hold ``q``."""
    asked = parameter.needed(parameters, "q").casefold()
    formats = {r["format"].lower() for one in site.packages() for r in one["resources"]}
    return [one for one in sorted(formats) if asked in one][
        : parameter.number(parameters, "limit", 5)
    ]


def nothing(site: Site, parameters: Parameters) -> Any:
    """An empty list: there are no views, users or members here."""
    return []


def help_show(site: Site, parameters: Parameters) -> Any:
    """What an action does."""
    name = parameter.needed(parameters, "name")
    action = STATEMENTS.get(name) or ACTIONS.get(name)
    if action is None:
        raise NotFound
    return inspect.getdoc(action)


ACTIONS: dict[str, Action] = {
    **{
        action.__name__: action
        for action in (
            status_show, package_list, current_package_list_with_resources, package_show,
            package_search, package_autocomplete, resource_show, resource_search,
            groups.organization_list, groups.organization_show, groups.group_list,
            groups.group_show, groups.group_package_show, groups.tag_list, groups.tag_show,
            vocabulary_list, license_list, format_autocomplete, help_show,
            rows.datastore_search, rows.datastore_info,
        )
    },
    **dict.fromkeys(
        ("resource_view_list", "user_list", "member_list", "package_relationships_list"), nothing
    ),
    "dataset_search": package_search,
    "group_autocomplete": groups.group_list,
}  # fmt: skip
# These wait for a worker: they are asked with the request itself, in the event loop.
STATEMENTS = {"datastore_search_sql": datastore_search_sql}
