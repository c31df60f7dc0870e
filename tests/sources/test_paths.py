"""Paths into JSON answers, as paging and records use them."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from moulouya.definition import paths


@pytest.mark.parametrize(
    ("document", "path", "values"),
    [
        ({"a": {"b": 1}}, "a.b", [1]),
        ([{"x": 1}, [2, 3]], "[1]", [[2, 3]]),
        ([{"x": 1}], "[0].x", [1]),
        ({"rows": [{"id": 1}, {"id": 2}]}, "rows[].id", [1, 2]),
        ({"rows": [{"id": 1}, {"id": 2}]}, "rows[-1].id", [2]),
        ({"a": [{"b": [1, 2]}, {"b": [3]}]}, "a[].b[]", [1, 2, 3]),
        ({"@odata.nextLink": "x"}, "@odata.nextLink", ["x"]),
        ({"a.b": {"c": 1}, "a": {"b": 2}}, "a.b.c", [1]),
        ({"a": None}, "a.b", []),
        ({"a": [1]}, "a[5]", []),
        ({"a": {"b": 1}}, "a[]", []),
        ([1, 2], "", [[1, 2]]),
        ({"a.b": {"c": 1}}, '"a.b".c', [1]),
        ({"series": {"x": {"v": 1}, "y": {"v": 2}}}, "series.*.v", [1, 2]),
        ({"a": {"b": 1}}, "a{}", [{"b": 1}]),
    ],
)
def test_a_path_leads_to_its_values(document: Any, path: str, values: list[Any]) -> None:
    assert paths.found(document, path) == values


@pytest.mark.parametrize(
    "path",
    ["a..b", ".a", "a.", "a[", "a]", "a[x]", "[-]", "a[1.5]", "[1].", "a.[0]", "a{}.b", "[0]x"],
)
def test_what_is_no_path_is_refused(path: str) -> None:
    with pytest.raises(ValueError, match="is not a path"):
        paths.parsed(path)


@pytest.mark.parametrize(
    ("document", "path", "rows"),
    [
        ({"rows": [1, 2]}, "rows", [1, 2]),
        ({"rows": []}, "rows", []),
        ({"rows": []}, "rows[]", []),
        ({"rows": []}, "rows[].values", []),
        ({"error": "no"}, "rows", None),
        ({"error": "no"}, "rows[]", None),
        ({"rows": None}, "rows", None),
        ({"row": {"id": 1}}, "row", [{"id": 1}]),
        ([{}, [1]], "[1]", [1]),
        ({"a": [{"b": [1, 2]}, {"b": [3]}]}, "a[].b", [1, 2, 3]),
        ({"a": [{"b": {"id": 1}}]}, "a[].b", [{"id": 1}]),
        ({"a": [[1, 2], [3]]}, "a[]", [[1, 2], [3]]),
        ({"series": {}}, "series.*", []),
        ({"id": 1}, "{}", [{"id": 1}]),
    ],
)
def test_records_are_told_from_their_absence(document: Any, path: str, rows: Any) -> None:
    assert paths.records(document, path) == rows


KEYS = st.text(st.characters(exclude_characters='.[]{}"*', codec="utf-8"), min_size=1)


@given(keys=st.lists(KEYS, min_size=1, max_size=4), value=st.integers())
def test_keys_joined_by_dots_lead_back(keys: list[str], value: int) -> None:
    document: Any = value
    for key in reversed(keys):
        document = {key: document}
    assert paths.found(document, ".".join(keys)) == [value]


@given(path=st.text("ab.[]-01{}*", max_size=8))
def test_any_text_is_a_path_or_refused(path: str) -> None:
    try:
        paths.parsed(path)
    except ValueError:
        return
    assert paths.found({"a": [{"b": 1}]}, path) is not None
