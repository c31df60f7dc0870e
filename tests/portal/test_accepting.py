"""The format that a client likes best is the one it gets."""

from __future__ import annotations

import pytest

from moulouya.portal.accepting import best

OFFERED = {"application/json": "json", "text/csv": "csv", "text/*": "csv", "*/*": "json"}


@pytest.mark.parametrize(
    ("accept", "form"),
    [
        ("application/json;q=0.5, text/csv", "csv"),
        ("text/csv; q=0.4, application/json; Q=0.6", "json"),
        ("text/csv, application/json", "csv"),
        ("*/*, text/csv", "csv"),
        ("text/*;q=0.9, */*;q=0.1", "csv"),
        ("text/csv;q=0, */*;q=0.1", "json"),
        ("text/csv;q=nan", None),
        ("text/csv;q=much", None),
        ("image/png", None),
    ],
)
def test_the_heaviest_format_wins_and_one_named_whole_before_a_wildcard(
    accept: str, form: str | None
) -> None:
    assert best(accept, OFFERED) == form
