"""The page on which a table is searched, filtered, sorted and paged, and its twin for frames."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import duckdb
import structlog
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from moulouya.errors import LakeError
from moulouya.portal import absence
from moulouya.portal.asked import asked
from moulouya.portal.headers import EMBEDDABLE
from moulouya.portal.languages import N_, Language, language
from moulouya.portal.places.columns import holds_codes
from moulouya.portal.places.index import places_of
from moulouya.portal.presentation import Column, columns
from moulouya.portal.published import Catalogue, PublishedDataset, report
from moulouya.portal.reading import TooSlow
from moulouya.portal.records import formats, rows
from moulouya.portal.records.cells import table_body
from moulouya.portal.records.view import (
    END,
    SIZE,
    Filter,
    View,
    ViewError,
)
from moulouya.portal.rendering import render

SIZES = (20, 50, 100, 200, 500)
MOST_CHOICES = 30
MOST_LISTS = 8
OPERATORS = {
    "exact": N_("is"),
    "not": N_("is not"),
    "gt": N_("is more than"),
    "gte": N_("is at least"),
    "lt": N_("is less than"),
    "lte": N_("is at most"),
    "contains": N_("contains"),
    "startswith": N_("starts with"),
    "in": N_("is one of"),
    "isnull": N_("is empty"),
    "notnull": N_("is not empty"),
    "bbox": N_("lies within the box"),
}
# The fields of the form that adds one condition.
ADDED = ("_filter_column", "_filter_op", "_filter_value")
log = structlog.get_logger("moulouya.portal")


@dataclass(frozen=True)
class Chip:
    """A condition in words, and the address without it."""

    column: str
    operator: str
    value: str
    href: str


@dataclass(frozen=True)
class Head:
    """A column's head: how it is sorted now, and the address that sorts by it next."""

    column: Column
    sorted: str
    href: str


@dataclass(frozen=True)
class Choice:
    """A column of few values: each with its words, and the one that is chosen."""

    column: Column
    values: list[tuple[str, str]]
    chosen: str


def data(request: Request) -> Response:
    """``/{lang}/datasets/<slug>/data``: the table, as the parameters say."""
    return _page(request, "records.html", "datasets/{}/data", {})


def embedded(request: Request) -> Response:
    """``/{lang}/embed/<slug>/data``: the same view alone, for another site's frame."""
    return _page(request, "records_embed.html", "embed/{}/data", EMBEDDABLE)


def _page(request: Request, template: str, path: str, headers: Mapping[str, str]) -> Response:
    catalogue, code = asked(request)
    slug = request.path_params["slug"]
    dataset = catalogue.datasets.get(slug)
    if dataset is None:
        raise absence.of_dataset(catalogue.lake, catalogue, slug) or HTTPException(404)
    here = f"/{code}/{path.format(slug)}"
    spoken = language(code)
    try:
        view = View.parse(dataset, _given(request))
        query = view.query()
        if query != request.url.query:
            return RedirectResponse(f"{here}?{query}" if query else here, 302, dict(headers))
        page = rows.read(catalogue, dataset, view)
    except ViewError as error:
        return _refused(request, dataset, error, here)
    except TooSlow:
        return _too_slow(request, dataset, here)
    except (duckdb.Error, LakeError) as error:
        log.error("table not read", dataset=slug, reason=str(error))
        raise HTTPException(500) from error
    variables = gather(catalogue, dataset, view, page, spoken, here)
    return render(request, template, variables, headers=dict(headers))


def _given(request: Request) -> list[tuple[str, str]]:
    """The parameters, with the condition that the form adds among them."""
    given = [(name, text) for name, text in request.query_params.multi_items()
             if name not in ADDED]  # fmt: skip
    column, operator, value = (request.query_params.get(name, "") for name in ADDED)
    if column:
        operator = operator or "exact"
        value = "1" if operator in ("isnull", "notnull") else value
        given.append((f"{column}__{operator}", value))
    return given


def gather(
    catalogue: Catalogue,
    dataset: PublishedDataset,
    view: View,
    page: rows.Page,
    spoken: Language,
    here: str,
) -> dict[str, Any]:
    """What the page shows of a view, whose own address without parameters is ``here``."""
    dictionary = {column.name: column for column in columns(catalogue, dataset, spoken)}
    shown = [dictionary[name] for name in view.shown]
    kinds = [view.table.types[name] for name in view.shown]

    def to(query: str) -> str:
        return f"{here}?{query}" if query else here

    named = _place_names(catalogue, dataset, view, spoken)
    lists = _choices(dataset, view, dictionary)
    listed = {one.column.name for one in lists if one.chosen}
    return {
        "dataset": dataset,
        "title": dataset.definition["title"][spoken.code],
        "row_is": dataset.definition["row_is"][spoken.code],
        "here": here,
        "full": to(view.query()),
        "view": view,
        "page": page,
        "heads": [_head(column, view, to) for column in shown],
        "body": table_body(page.rows, kinds, shown, spoken),
        "chips": _chips(view, dictionary, named, spoken, to),
        "lists": lists,
        "dictionary": list(dictionary.values()),
        "operators": {name: spoken.text(words) for name, words in OPERATORS.items()},
        "kept": [one.parameter for one in view.filters
                 if not (one.operator == "exact" and one.column in listed)],
        "sizes": sorted({*SIZES, view.size}),
        "steps": _steps(view, page, to),
        "offers": formats.of_view(view, page.total, spoken),
        "share": view.query(),
        "default_size": SIZE,
    }  # fmt: skip


def _head(column: Column, view: View, to: Any) -> Head:
    """A click sorts upwards, the next one downwards, the third leaves the published order."""
    if view.table.types[column.name] == "geometry":
        return Head(column, "", "")
    if view.sort != column.name:
        return Head(column, "", to(view.query(sort=column.name, descending=False)))
    if not view.descending:
        return Head(column, "ascending", to(view.query(descending=True)))
    return Head(column, "descending", to(view.query(sort=None, descending=False)))


def _place_names(
    catalogue: Catalogue, dataset: PublishedDataset, view: View, spoken: Language
) -> dict[str, str]:
    """The names of the places whose codes are asked for, by code."""
    places = places_of(catalogue)
    if places is None:
        return {}
    defined = dataset.definition["columns"]
    return {
        one.text: places.by_code[one.text].names[spoken.code]
        for one in view.filters
        if one.text in places.by_code
        and holds_codes(dataset.slug, one.column, defined.get(one.column, {}), places.described)
    }


def _chips(
    view: View,
    dictionary: Mapping[str, Column],
    names: Mapping[str, str],
    spoken: Language,
    to: Any,
) -> list[Chip]:
    chips = []
    for position, one in enumerate(view.filters):
        without = view.filters[:position] + view.filters[position + 1 :]
        column = dictionary[one.column]
        chips.append(
            Chip(column.title, spoken.text(OPERATORS[one.operator]), _value(one, column, names),
                 to(view.query(filters=without)))
        )  # fmt: skip
    if view.search:
        chips.append(Chip(spoken.text("Any text"), spoken.text(OPERATORS["contains"]), view.search,
                          to(view.query(search=""))))  # fmt: skip
    return chips


def _value(one: Filter, column: Column, names: Mapping[str, str]) -> str:
    if one.operator in ("isnull", "notnull"):
        return ""
    if one.text in names:
        return f"{one.text} ({names[one.text]})"
    return dict(column.values).get(one.text) or one.text


def _choices(
    dataset: PublishedDataset, view: View, dictionary: Mapping[str, Column]
) -> list[Choice]:
    """Columns with few values: those the definition lists, or the profile of the version."""
    profiled = report(dataset, "profile.json").get("columns", {})
    chosen = {one.column: one.text for one in view.filters if one.operator == "exact"}
    found = []
    for name, column in dictionary.items():
        values = list(column.values)
        if not values:
            seen = profiled.get(name, {}).get("categories", {}) if name in profiled else {}
            values = [(value, "") for value in sorted(seen)]
        if view.table.types[name] == "text" and 1 < len(values) <= MOST_CHOICES:
            found.append(Choice(column, values, chosen.get(name, "")))
    return found[:MOST_LISTS]


def _steps(view: View, page: rows.Page, to: Any) -> dict[str, str]:
    """Where the pager leads; a step that leads nowhere is empty."""
    before = {"first": to(view.query(after=None, before=None, page=1)),
              "previous": to(view.query(after=None, before=page.first, page=1))}  # fmt: skip
    after = {"next": to(view.query(after=page.last, before=None, page=1)),
             "last": to(view.query(after=None, before=END, page=1))}  # fmt: skip
    near_start = page.start is not None and page.start <= view.size
    if near_start:
        before["previous"] = before["first"]
    return {
        **{name: href if page.before and page.rows else "" for name, href in before.items()},
        **{name: href if page.after and page.rows else "" for name, href in after.items()},
    }


def _refused(request: Request, dataset: PublishedDataset, error: ViewError, here: str) -> Response:
    spoken = language(request.path_params["lang"])
    variables = {
        "title": spoken.text("This view cannot be shown"),
        "parameter": error.parameter,
        "told": error.told(spoken),
        "dataset": dataset,
        "here": here,
    }
    return render(request, "records_problem.html", variables, status=400, cache="no-store")


def _too_slow(request: Request, dataset: PublishedDataset, here: str) -> Response:
    spoken = language(request.path_params["lang"])
    variables = {
        "title": spoken.text("This view takes too long"),
        "parameter": "",
        "told": spoken.text("Add a condition, or remove the search or the sorting, and try again."),
        "dataset": dataset,
        "here": here,
    }
    return render(request, "records_problem.html", variables, status=503, cache="no-store",
                  headers={"Retry-After": "10"})  # fmt: skip
