"""The places block of region.yml against the datasets that it names."""

from __future__ import annotations

import pytest

from small_workspace import COLUMNS, REGION, SmallWorkspace, column, text

LEVELS = {
    "area": {"title": text("Area"), "plural": text("Areas")},
    "town": {"title": text("Town"), "plural": text("Towns")},
}
PLACES = {
    "dataset": "register",
    "parent": "parent",
    "name": {"ar": "name", "fr": "name", "en": "name"},
    "levels": LEVELS,
}


@pytest.fixture
def described(workspace: SmallWorkspace) -> SmallWorkspace:
    workspace.define(
        "register",
        columns={
            **COLUMNS,
            "level": column("text", values={"area": text("Area"), "town": text("Town")}),
            "parent": column("text"),
        },
    )
    return workspace


def faults(workspace: SmallWorkspace, **changes: object) -> list[tuple[str, str, str | None]]:
    workspace.write_yaml("region.yml", {**REGION, "places": {**PLACES, **changes}})
    return [(key, message, hint) for _, line, key, message, hint in workspace.faults() if line > 1]


def test_a_sound_block_has_no_fault(described):
    assert faults(described) == []


def test_unknown_datasets_and_columns_are_named_with_what_is_close(described):
    assert faults(described, dataset="registre") == [
        ("places.dataset", "there is no dataset 'registre'", "did you mean 'register'?")
    ]
    assert faults(described, parent="parrent") == [
        ("places.parent", "register has no column 'parrent'", "did you mean 'parent'?")
    ]
    assert faults(described, same_as=["register.cod"]) == [
        ("places.same_as.0", "register has no column 'cod'", "did you mean 'code'?")
    ]
    assert faults(described, headline=["rregister.people"])[0][0] == "places.headline.0"
    assert faults(described, boundaries={"town": "shapes"})[0][:2] == (
        "places.boundaries.town", "there is no dataset 'shapes'",
    )  # fmt: skip


def test_levels_are_described_and_rank_in_a_wider_one(described):
    alone = {"town": LEVELS["town"]}
    assert faults(described, levels=alone) == [
        ("places.levels", "level 'area' of the register is not described", None)
    ]
    turned = {"area": {**LEVELS["area"], "within": "town"}, "town": LEVELS["town"]}
    assert faults(described, levels=turned) == [
        ("places.levels.area.within", "'town' is no level wider than 'area'", None)
    ]


def test_counts_are_units_of_the_region(described):
    assert faults(described, counts=["peeple"])[0][:2] == (
        "places.counts.0", "'peeple' is not in units",
    )  # fmt: skip


def test_an_indicator_that_is_no_column_is_a_fault(workspace):
    workspace.define("towns", indicators={"higher_is_better": ["peeple"]})
    assert [message for *_, message, _ in workspace.faults()] == [
        "indicators.higher_is_better.0: 'peeple' is not a column"
    ]
