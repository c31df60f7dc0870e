"""Parameters of an action, as text from a query or as JSON, turned into what is meant."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import orjson

from moulouya.portal.ckan.datastore import Invalid

Parameters = Mapping[str, Any]
# What any action is sent: a name for JSONP, a key.
EVERYWHERE = ("callback", "api_key", "apikey")
# Half of what fits into DuckDB's BIGINT: an offset and a limit can be added.
GREATEST = 2**62


def needed(parameters: Parameters, *names: str) -> str:
    """The first of some parameters that is given, as text; raises Invalid."""
    for name in names:
        value = parameters.get(name)
        if value not in (None, ""):
            return str(value)
    raise Invalid(names[-1], "Missing value")


def number(parameters: Parameters, name: str, default: int, least: int = 0) -> int:
    """A natural number; raises Invalid."""
    value = parameters.get(name)
    if value in (None, ""):
        return default
    try:
        number = int(str(value))
    except ValueError as error:
        raise Invalid(name, "Invalid integer") from error
    if not least <= number < GREATEST:
        raise Invalid(name, "Must be a natural number")
    return number


def flag(parameters: Parameters, name: str, default: bool) -> bool:
    """Yes or no, in the words that CKAN takes."""
    value = parameters.get(name)
    if value in (None, ""):
        return default
    return str(value).lower() in ("true", "yes", "on", "t", "y", "1")


def decoded(parameters: Parameters, name: str, default: Any) -> Any:
    """A parameter that may be JSON in a text, as GET sends it."""
    value = parameters.get(name)
    if value in (None, ""):
        return default
    if isinstance(value, str) and value.lstrip()[:1] in ("{", "[", '"'):
        try:
            return orjson.loads(value)
        except ValueError as error:
            raise Invalid(name, "Cannot parse JSON") from error
    return value


def texts(parameters: Parameters, name: str) -> list[str]:
    """A list: JSON, a Python-like list, or words between commas."""
    value = decoded(parameters, name, [])
    if isinstance(value, str):
        value = value.split(",")
    if not isinstance(value, list) or not all(isinstance(one, str) for one in value):
        raise Invalid(name, "must be a list of texts")
    return [one.strip() for one in value if one.strip()]


def page_of(found: Any, parameters: Parameters) -> Any:
    """The part of a list that ``offset`` and ``limit`` ask for."""
    start = number(parameters, "offset", 0)
    limit = number(parameters, "limit", len(found))
    return found[start : start + limit]
