"""Every expectation that a suite may use, as the classes of Great Expectations describe it."""

from __future__ import annotations

from dataclasses import dataclass

from great_expectations.expectations.expectation import Expectation
from great_expectations.expectations.registry import get_expectation_impl

from moulouya.expectations import EXPECTATION_TYPES
from moulouya.quality.series import QueryOfArguments
from moulouya.quality.suite import REGISTERED

# What many expectations share; the reference page tells of it once.
SHARED = {
    *Expectation.__fields__,
    "batch_id", "catch_exceptions", "condition_parser", "ignore_row_if", "key",
    "library_metadata", "mostly",
    "parse_strings_as_datetimes", "row_condition", "strict_max", "strict_min",
}  # fmt: skip


@dataclass(frozen=True)
class Entry:
    """One expectation: its arguments, the required ones first, and what must hold."""

    type: str
    required: tuple[str, ...]
    optional: tuple[str, ...]
    meaning: str
    own: bool


def gallery() -> list[Entry]:
    """Every type in order; ``own`` ones are written by this project."""
    return [_entry(name) for name in sorted(EXPECTATION_TYPES)]


def _entry(name: str) -> Entry:
    kind = get_expectation_impl(name)
    fields = {field: found for field, found in kind.__fields__.items() if field not in SHARED}
    if issubclass(kind, QueryOfArguments):
        fields.pop("unexpected_rows_query")
    told = (kind.__doc__ or "").strip().split("\n\n")[0]
    return Entry(
        name,
        tuple(field for field, found in fields.items() if found.required),
        tuple(field for field, found in fields.items() if not found.required),
        " ".join(told.split()),
        kind.__module__ in {module.__name__ for module in REGISTERED},
    )
