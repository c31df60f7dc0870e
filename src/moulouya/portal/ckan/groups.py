"""The actions about publishers (organizations), themes (groups) and keywords (tags)."""

from __future__ import annotations

from collections import Counter
from typing import Any

from moulouya.portal.ckan import packages, parameter
from moulouya.portal.ckan.datastore import Invalid
from moulouya.portal.ckan.parameter import Parameters
from moulouya.portal.ckan.site import NotFound, Package, Site

MOST_LISTED = 1000


def organization_list(site: Site, parameters: Parameters) -> Any:
    """The publishers: names, or all about them with ``all_fields``."""
    return _groups(_organizations(site), parameters, "organizations")


def organization_show(site: Site, parameters: Parameters) -> Any:
    """One publisher by its name or id."""
    found = _one_group(_organizations(site), parameters)
    owned = [one for one in site.packages() if one["owner_org"] == found["id"]]
    return _in_full(found, owned, parameters)


def group_list(site: Site, parameters: Parameters) -> Any:
    """The themes: names, or all about them with ``all_fields``."""
    return _groups(_themes(site), parameters, "groups")


def group_show(site: Site, parameters: Parameters) -> Any:
    """One theme by its name or id."""
    found = _one_group(_themes(site), parameters)
    return _in_full(found, _within(site, found), parameters)


def group_package_show(site: Site, parameters: Parameters) -> Any:
    """The datasets of a theme."""
    return parameter.page_of(_within(site, _one_group(_themes(site), parameters)), parameters)


def tag_list(site: Site, parameters: Parameters) -> Any:
    """The keywords of all datasets; ``query`` asks for a part of one."""
    asked = str(parameters.get("query") or "").casefold()
    names = sorted({tag["name"] for one in site.packages() for tag in one["tags"]})
    found = [name for name in names if asked in name.casefold()]
    if parameter.flag(parameters, "all_fields", False):
        return [packages.tag(site.catalogue, name) for name in found]
    return found


def tag_show(site: Site, parameters: Parameters) -> Any:
    """One keyword by its name or id; ``include_datasets`` adds its datasets."""
    wanted = parameter.needed(parameters, "id")
    for name in tag_list(site, {}):
        found = packages.tag(site.catalogue, name)
        if wanted in (name, found["id"]):
            tagged = [
                one for one in site.packages() if any(tag["name"] == name for tag in one["tags"])
            ]
            with_them = parameter.flag(parameters, "include_datasets", False)
            return {**found, **({"packages": tagged} if with_them else {})}
    raise NotFound


def _organizations(site: Site) -> list[Package]:
    counts = Counter(map(packages.publisher_of, site.catalogue.datasets.values()))
    publishers = site.catalogue.region["publishers"]
    return [
        packages.organization(site.catalogue, name, publishers[name], site.voice, counts[name])
        for name in sorted(publishers)
        if counts[name]
    ]


def _themes(site: Site) -> list[Package]:
    counts = Counter(theme for one in site.catalogue.datasets.values() for theme in one.themes)
    return [
        packages.group(site.catalogue, theme, site.voice, counts[theme])
        for theme in sorted(site.catalogue.region["themes"])
        if counts[theme]
    ]


def _within(site: Site, theme: Package) -> list[Package]:
    return [
        one for one in site.packages() if any(part["id"] == theme["id"] for part in one["groups"])
    ]


def _groups(found: list[Package], parameters: Parameters, chosen: str) -> Any:
    names = set(parameter.texts(parameters, chosen))
    found = [one for one in found if not names or one["name"] in names]
    sort = str(parameters.get("sort") or parameters.get("order_by") or "title asc")
    field, _, direction = sort.partition(" ")
    if field not in ("name", "title", "package_count", "packages"):
        raise Invalid("sort", f"Cannot sort by field `{field}`")
    field = "package_count" if field == "packages" else field
    found.sort(key=lambda one: one[field], reverse=direction.strip().lower() == "desc")
    page: list[Package] = parameter.page_of(found, parameters)
    return (
        page if parameter.flag(parameters, "all_fields", False) else [one["name"] for one in page]
    )


def _one_group(found: list[Package], parameters: Parameters) -> Package:
    wanted = parameter.needed(parameters, "id")
    for one in found:
        if wanted in (one["id"], one["name"]):
            return one
    raise NotFound


def _in_full(found: Package, within: list[Package], parameters: Parameters) -> Package:
    full = {**found, "users": [], "tags": [], "extras": [], "groups": []}
    if parameter.flag(parameters, "include_datasets", False):
        full["packages"] = within[:MOST_LISTED]
    return full
