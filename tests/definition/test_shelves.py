"""A workspace: three shelves joined by the slug; one broken file costs its own dataset only."""

from __future__ import annotations

import pytest

from moulouya import workspace as workspaces
from moulouya.errors import DefinitionError, UsageError
from small_workspace import COLUMNS, column


def test_a_sound_workspace_has_no_faults(workspace):
    workspace.define("communes")
    assert workspace.faults() == []
    assert workspace.dataset("communes").theme == "places"


def test_one_broken_definition_does_not_hurt_the_others(workspace):
    workspace.define("communes")
    workspace.define("cercles", licence="none")
    loaded = workspace.load()
    assert set(loaded.datasets) == {"communes"}
    assert set(loaded.broken) == {"cercles"}
    with pytest.raises(DefinitionError, match="unknown licence"):
        loaded.dataset("cercles")


def test_a_broken_dataset_can_still_be_read_by_name_from_a_sound_one(workspace):
    workspace.define("communes", licence="none")
    workspace.derive("density", "SELECT * FROM communes")
    assert [fault[0] for fault in workspace.faults()] == ["datasets/places/communes.yml"]


def test_an_unknown_slug_names_the_close_one(workspace):
    workspace.define("communes")
    with pytest.raises(UsageError, match="did you mean 'communes'"):
        workspace.dataset("comunes")
    with pytest.raises(UsageError, match="did you mean 'communes'"):
        workspaces.load_one(workspace.root, "comunes")


def test_one_dataset_is_the_same_loaded_alone_or_with_all(workspace):
    workspace.define("communes")
    workspace.derive("density", "SELECT * FROM communes")
    _, alone = workspaces.load_one(workspace.root, "density")
    assert alone == workspace.dataset("density")


def test_one_broken_dataset_loaded_alone_tells_its_faults(workspace):
    workspace.define("communes", licence="none")
    with pytest.raises(DefinitionError, match="unknown licence"):
        workspaces.load_one(workspace.root, "communes")


@pytest.mark.parametrize(
    ("name", "message", "hint"),
    [
        ("transforms/places/comunes.sql", "no definition datasets/*/comunes.yml",
         "did you mean 'communes'?"),
        ("expectations/places/lost.yml", "no definition datasets/*/lost.yml", None),
        ("transforms/people/communes.sql", "lies under another theme than its definition",
         "move it to transforms/places/"),
        ("datasets/other.yml", "must lie in datasets/<theme>/", "the folder is its theme"),
        ("datasets/places/deeper/other.yml", "must lie in datasets/<theme>/",
         "the folder is its theme"),
        ("datasets/places/other.yaml", "a file of datasets/ ends in .yml", None),
        ("transforms/places/other.txt", "a file of transforms/ ends in .sql or .py", None),
        ("datasets/places/My-Data.yml", "the file name is the slug", None),
        ("datasets/people/communes.yml", "the slug 'communes' is taken by", None),
        ("transforms/places/communes.py", "the slug 'communes' is taken by", None),
    ],
)  # fmt: skip
def test_a_file_that_belongs_to_nothing_is_a_fault(workspace, name, message, hint):
    workspace.define("communes")
    if name == "transforms/places/communes.py":
        workspace.transform("communes", "SELECT * FROM staged")
        name_of_fault = "transforms/places/communes.sql"
        workspace.write(name, "def transform(inputs):\n    return inputs['staged']\n")
    else:
        name_of_fault = (
            name if "people/communes.yml" not in name else "datasets/places/communes.yml"
        )
        workspace.write(name, "SELECT * FROM staged")
    found = [fault for fault in workspace.faults() if fault[0] == name_of_fault]
    assert [fault[3][: len(message)] for fault in found] == [message]
    assert found[0][4] == hint


def test_hidden_files_and_caches_are_not_datasets(workspace):
    workspace.define("communes")
    workspace.write("datasets/places/.communes.yml.swp", "x")
    workspace.write("transforms/places/__pycache__/communes.cpython-311.pyc", "x")
    workspace.write("transforms/places/_shared.sql", "x")
    assert workspace.faults() == []


def test_a_theme_that_the_region_does_not_have_is_a_fault(workspace):
    workspace.define("communes", theme="place")
    ((file, _, _, message, hint),) = workspace.faults()
    assert file == "datasets/place/communes.yml"
    assert (message, hint) == ("theme 'place' is not in region.yml", "did you mean 'places'?")


def test_a_slug_that_is_a_reserved_word_of_sql_is_a_fault(workspace):
    workspace.define("table")
    workspace.define("name")  # a word of SQL that is not reserved
    assert workspace.faults() == [
        ("datasets/places/table.yml", 1, "", "'table' is a reserved word of SQL",
         "it names the table in SQL too: choose another")
    ]  # fmt: skip


def test_inputs_come_before_what_reads_them(workspace):
    workspace.derive("a_last", "SELECT * FROM b_middle")
    workspace.derive("b_middle", "SELECT c.* FROM places.z_first AS c")
    workspace.define("z_first")
    order = [dataset.slug for dataset in workspace.load().in_order()]
    assert order == ["z_first", "b_middle", "a_last"]


def test_a_reference_puts_a_dataset_after_the_one_it_points_to(workspace):
    workspace.define("a", columns={**COLUMNS, "name": column("text", references="b.name")})
    workspace.define("b")
    assert [dataset.slug for dataset in workspace.load().in_order()] == ["b", "a"]
    assert workspace.dataset("a").references == ("b",)


def test_a_reference_to_itself_is_no_circle(workspace):
    workspace.define("a", columns={**COLUMNS, "name": column("text", references="a.code")})
    assert workspace.dataset("a").upstream == ()


def test_datasets_that_read_each_other_are_faults_and_the_others_stay(workspace):
    workspace.derive("a", "SELECT * FROM b")
    workspace.derive("b", "SELECT * FROM a")
    workspace.define("sound")
    loaded = workspace.load()
    assert set(loaded.datasets) == {"sound"}
    assert set(loaded.broken) == {"a", "b"}
    assert all("reads itself: " in fault[3] for fault in workspace.faults())


def test_a_dataset_that_reads_itself_is_a_fault(workspace):
    workspace.derive("a", "SELECT * FROM a")
    assert "reads itself" in workspace.faults()[0][3]


def test_order_leaves_out_what_was_not_asked_for(workspace):
    workspace.define("a")
    workspace.derive("b", "SELECT * FROM a")
    assert [dataset.slug for dataset in workspace.load().in_order(["b"])] == ["b"]


@pytest.mark.parametrize(
    "name",
    ["datasets/places/a.yml", "transforms/places/a.sql", "expectations/places/a.yml", "region.yml"],
)
def test_a_change_to_any_shelf_changes_the_recipe(workspace, name):
    workspace.define("a")
    workspace.transform("a", "SELECT * FROM staged")
    workspace.expect("a", {"type": "expect_table_row_count_to_equal", "kwargs": {"value": 3}})
    before = workspace.dataset("a").recipe
    path = workspace.root / name
    old = path.read_text()
    path.write_text(
        old.replace("example.org/", "example.net/") if name == "region.yml" else old + "\n"
    )
    assert workspace.dataset("a").recipe != before
