"""When a version does not come out again: what differs, what is gone, and why, as far as known."""

from __future__ import annotations

import json

import pytest
from typer.testing import CliRunner

from moulouya import provenance, reproducing
from moulouya.cli import app
from moulouya.errors import CannotReproduce, UsageError
from moulouya.storage.files import canonical_json, read_json
from reproduce.files import flip, hashes


@pytest.fixture
def published(workspace):
    workspace.define("communes")
    workspace.derive("people", "SELECT * FROM communes")
    workspace.run()
    return workspace


@pytest.fixture
def cli(workspace):
    def call(*arguments):
        place = ["--lake", str(workspace.settings.lake_root), "--workspace", str(workspace.root)]
        return CliRunner().invoke(app, ["reproduce", *arguments, *place])

    return call


def folder(workspace, slug="communes", number=1):
    return workspace.lake.version(slug, number)


def test_the_version_says_what_it_was_made_of(published):
    record = read_json(folder(published, "people") / "version.json")
    told = record["provenance"]
    assert told["inputs"]["communes"]["version"] == 1
    assert told["inputs"]["communes"]["version_sha256"] == hashes(folder(published))["version.json"]
    assert told["settings"] == {"threads": 2, "memory_limit": "700MB"}
    assert told["libraries"]["duckdb"] == record["libraries"]["duckdb"]
    assert set(told["files"]) == {"dataset.yml", "transform.sql", "region.yml"}
    recipe = read_json(folder(published, "people") / "recipe.json")
    assert recipe["files"]["transform.sql"] == "SELECT * FROM communes"
    assert told["validation_sha256"] == hashes(folder(published, "people"))["validation.json"]


def test_identical_ends_with_0_and_lists_every_file(published, cli):
    result = cli("communes", "1", "--json")
    assert result.exit_code == 0
    told = json.loads(result.stdout)
    assert told["outcome"] == "identical"
    assert {file["name"] for file in told["files"]} == set(hashes(folder(published)))
    assert all(file["published"] == file["rebuilt"] for file in told["files"])


def test_the_lake_is_only_read(published, cli):
    before = hashes(published.settings.lake_root)
    assert cli("--all").exit_code == 0
    assert hashes(published.settings.lake_root) == before


def test_the_files_that_were_made_can_be_kept(published, cli, tmp_path):
    assert cli("communes", "1", "--keep", str(tmp_path / "kept")).exit_code == 0
    assert hashes(tmp_path / "kept") == hashes(folder(published))


def test_a_folder_that_holds_something_is_not_written_to(published, cli, tmp_path):
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "mine").touch()
    assert cli("communes", "1", "--keep", str(tmp_path / "full")).exit_code == 2


def test_a_published_file_with_one_other_bit_is_different(published, cli):
    flip(folder(published) / "communes.csv.gz")
    result = cli("communes", "1")
    assert result.exit_code == 1
    assert "communes.csv.gz" in result.stdout
    assert "damaged after publication" in result.stdout


def test_a_snapshot_with_one_other_bit_is_damaged(published, cli):
    flip(published.lake.snapshots("communes") / "1" / "body")
    result = cli("communes", "1", "--json")
    assert result.exit_code == 3
    assert "is damaged" in json.loads(result.stdout)["error"]["message"]


def test_a_snapshot_that_is_gone_is_named(published, reproduce):
    (published.lake.snapshots("communes") / "1" / "body").unlink()
    with pytest.raises(CannotReproduce, match=r"communes.csv of snapshot 1 of communes is gone"):
        reproduce("communes", 1)


def test_an_input_that_is_another_one_now_is_named(published, reproduce):
    flip(folder(published) / "communes.parquet")
    with pytest.raises(CannotReproduce, match=r"communes.parquet of version 1 of communes.*damag"):
        reproduce("people", 1)


def test_a_recipe_that_was_changed_is_not_believed(published, reproduce):
    flip(folder(published) / "recipe.json")
    with pytest.raises(CannotReproduce, match="the recipe of version 1 of communes is damaged"):
        reproduce("communes", 1)


def test_a_version_from_before_there_were_recipes(published, reproduce):
    path = folder(published) / "version.json"
    record = read_json(path)
    del record["provenance"]
    path.chmod(0o644)
    path.write_bytes(canonical_json(record))
    with pytest.raises(CannotReproduce, match="made before recipes were kept"):
        reproduce("communes", 1)


def test_a_record_that_says_something_else_is_different(published, reproduce):
    path = folder(published) / "version.json"
    record = read_json(path)
    record["rows"] += 1
    path.chmod(0o644)
    path.write_bytes(canonical_json(record))
    found = reproduce("communes", 1)
    assert [file.name for file in found.files if not file.identical] == ["version.json"]


def test_other_libraries_are_the_probable_reason(published, reproduce, monkeypatch):
    here = provenance.environment()
    other = {**here, "python": "3.99.0", "libraries": {**here["libraries"], "pyarrow": "99"}}
    monkeypatch.setattr(provenance, "environment", lambda: other)
    assert reproduce("people", 1).outcome == "identical"
    monkeypatch.setattr("moulouya.tables.LAYOUT", "FORMAT parquet, COMPRESSION snappy")
    found = reproduce("people", 1)
    assert found.outcome == "different"
    assert any(f"pyarrow {here['libraries']['pyarrow']}, here 99" in one for one in found.reasons)
    assert any("another Python" in one for one in found.reasons)


def test_a_transform_that_throws_dice_is_the_probable_reason(workspace, reproduce):
    workspace.define("communes")
    workspace.transform(
        "communes", "SELECT code, name, CAST(1e6 * random() AS BIGINT) AS people FROM staged"
    )
    workspace.run()
    found = reproduce("communes", 1)
    assert found.outcome == "different"
    assert any("random" in one for one in found.reasons)


def test_every_dataset_is_tried_and_the_worst_decides(published, cli):
    (published.lake.snapshots("communes") / "1" / "body").unlink()
    result = cli("--all", "--json")
    assert result.exit_code == 3
    told = {one["slug"]: one["outcome"] for one in json.loads(result.stdout)}
    assert told == {"communes": "cannot", "people": "identical"}
    flip(folder(published, "people") / "people.csv.gz")
    assert cli("--all").exit_code == 1


@pytest.mark.parametrize("arguments", [(), ("communes",), ("communes", "7"), ("comunes", "1"),
                                       ("communes", "1", "--all")])  # fmt: skip
def test_what_does_not_exist_or_fit_ends_with_2(published, cli, arguments):
    assert cli(*arguments).exit_code == 2


def test_a_run_whose_files_change_under_way_begins_anew(workspace):
    from moulouya import pipeline
    from moulouya.errors import RecipeChanged

    workspace.define("communes")
    pipeline.fetch(workspace.settings, "communes", "run-1")
    pipeline.stage(workspace.settings, "communes", "run-1")
    workspace.define("communes", title={"ar": "أ", "fr": "b", "en": "c"})
    with pytest.raises(RecipeChanged) as told:
        pipeline.validate(workspace.settings, "communes", "run-1")
    assert told.value.retry
    for step in (pipeline.stage, pipeline.validate, pipeline.transform):
        step(workspace.settings, "communes", "run-1")
    assert pipeline.publish(workspace.settings, "communes", "run-1")["outcome"] == "published"
    assert reproducing.reproduce(workspace.settings, "communes", 1).outcome == "identical"


def test_what_is_not_in_the_lake_is_told_so(workspace):
    with pytest.raises(UsageError, match="no dataset 'communes'"):
        reproducing.reproduce(workspace.settings, "communes", 1)
