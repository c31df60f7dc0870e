"""``/{lang}/api``: the API explained to people, from what the handlers go by."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from moulouya.portal.api.choosing import AGGREGATES
from moulouya.portal.api.declared import Operation, Parameter
from moulouya.portal.api.faults import KINDS
from moulouya.portal.api.openapi import examples_of, sample
from moulouya.portal.api.operations import BASE, OPERATIONS, TAGS
from moulouya.portal.asked import asked
from moulouya.portal.languages import N_
from moulouya.portal.published import PublishedDataset
from moulouya.portal.rendering import render

CONDITIONS = (
    (N_("compare"), "population >= 1000 AND NOT kind = 'U'"),
    (N_("between two values"), "year BETWEEN 2010 AND 2020"),
    (N_("one of several"), "province IN ('Berkane', 'Nador')"),
    (N_("any letters, one letter"), "name LIKE 'B%' OR name LIKE '_erkane'"),
    (N_("without regard to case and accents"), "ACCENTI(CASEI(name)) = ACCENTI(CASEI('ain'))"),
    (N_("missing or not"), "price IS NOT NULL"),
    (N_("calculated"), "2 * births > deaths + 10"),
    (N_("days and times"), "day >= DATE('2026-01-01') AND at < TIMESTAMP('2026-02-01T00:00:00Z')"),
    (N_("places on the map"), "S_INTERSECTS(geometry, BBOX(-3,34,-2,35))"),
)


def page(request: Request) -> Response:
    """The page."""
    catalogue, _ = asked(request)
    dataset = sample(catalogue)
    variables = {
        "base": BASE,
        "groups": [
            (tag, words, list(_told(tag, dataset)))
            for tag, words in TAGS.items()
            if any(one.tag == tag for one in OPERATIONS)
        ],
        "conditions": CONDITIONS,
        "aggregates": list(AGGREGATES),
        "kinds": KINDS,
        "values": _values,
    }
    return render(request, "api.html", variables)


def _told(
    tag: str, dataset: PublishedDataset | None
) -> Iterator[tuple[Operation, list[Parameter], list[tuple[str, str]]]]:
    """The operations of a tag, their parameters, and examples as words and address."""
    for one in OPERATIONS:
        if one.tag != tag:
            continue
        parameters = [each for each in one.parameters if each.where == "query"]
        yield one, parameters, _examples(one, dataset)


def _examples(one: Operation, dataset: PublishedDataset | None) -> list[tuple[str, str]]:
    path = one.path
    if dataset is not None:
        path = path.replace("{slug}", dataset.slug)
        path = path.replace("{number}", str(dataset.number))
    if "{" in path or one.name == "release":
        return []
    asked_for = [(each.says, f"{path}?{each.query}") for each in examples_of(one, dataset)]
    return asked_for or [(one.title, path)]


def _values(one: Parameter) -> str:
    """What a parameter may be, in signs that need no language."""
    schema: dict[str, Any] = dict(one.schema)
    if "enum" in schema:
        text = ", ".join(schema["enum"])
    elif schema["type"] == "integer":
        text = f"{schema.get('minimum', 0)}–{schema['maximum']}"
    else:
        text = one.example
    return f"{text} ({schema['default']})" if "default" in schema else text


ROUTES = [Route("/{lang}/api", page)]
