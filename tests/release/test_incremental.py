"""A release costs what changed; it says the same as if all had been built anew."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from pathlib import Path
from typing import Any

import duckdb
import pyarrow.parquet as pq
import pytest

from moulouya import catalogue, pipeline, release, retraction, versions
from moulouya.catalogue.tables import COLUMNS, file_name
from small_workspace import ROWS, SmallWorkspace


@pytest.fixture(scope="module")
def built(new_workspace: Callable[[], SmallWorkspace]) -> SmallWorkspace:
    """Release 1: three datasets, one of them at version 3."""
    workspace = new_workspace()
    for slug, theme in (("communes", "places"), ("cercles", "people"), ("wells", "places")):
        workspace.define(slug, theme=theme)
    workspace.run()
    for people in (101, 102):
        workspace.data("wells", ROWS.replace("100", str(people)))
        workspace.run("wells")
    pipeline.release(workspace.settings)
    return workspace


@pytest.fixture
def released(built: SmallWorkspace, tmp_path: Path) -> SmallWorkspace:
    return built.copied(tmp_path)


def said(folder: Path) -> dict[str, Any]:
    """Everything that the files of a release say, the rows of every table in their order."""
    tables = {name: pq.read_table(folder / file_name(name)).to_pylist() for name in COLUMNS}
    with duckdb.connect(str(folder / "catalogue.duckdb"), read_only=True) as con:
        views = con.execute(
            "SELECT schema_name, view_name, sql, comment FROM duckdb_views() "
            "WHERE NOT internal ORDER BY ALL"
        ).fetchall()
        schemas = con.execute(
            "SELECT schema_name FROM duckdb_schemas() WHERE NOT internal ORDER BY ALL"
        ).fetchall()
    with duckdb.connect(str(folder / "serving.duckdb"), read_only=True) as con:
        served = {name: con.execute(f'FROM catalogue."{name}"').fetchall() for name in COLUMNS}
    return {**tables, "views": views, "schemas": schemas, "served": served}


def read_anew(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The datasets whose record is read, from now on."""
    read: list[str] = []
    real = versions.read

    def counted(lake: Any, slug: str, number: int) -> Any:
        read.append(slug)
        return real(lake, slug, number)

    monkeypatch.setattr(versions, "read", counted)
    return read


def publish(workspace: SmallWorkspace) -> None:
    workspace.data("cercles", ROWS.replace("100", "105"))
    workspace.define("added", theme="people")
    workspace.run("cercles", "added")


def withdraw(workspace: SmallWorkspace, slug: str, *numbers: int) -> None:
    for number in numbers:
        retraction.withdraw(workspace.settings, slug, number, by="Salma", reason="wrong")


def move(workspace: SmallWorkspace) -> None:
    (workspace.root / "datasets/people/cercles.yml").unlink()
    workspace.define("cercles", theme="places", sdg=["11"])
    workspace.run("cercles")


def other_licence(workspace: SmallWorkspace) -> None:
    workspace.define("communes", licence="CC0-1.0")
    workspace.run("communes")


CHANGES = {
    "published": publish,
    "withdrawn": lambda one: withdraw(one, "wells", 3),
    "an older version withdrawn": lambda one: withdraw(one, "wells", 1),
    "left the catalogue": lambda one: withdraw(one, "cercles", 1),
    "moved to another theme": move,
    "another licence": other_licence,
}


@pytest.mark.parametrize("change", CHANGES.values(), ids=CHANGES.keys())
def test_an_incremental_build_equals_a_full_one(released, tmp_path, change):
    change(released)
    pipeline.release(released.settings)
    newest = release.current(released.lake)
    planned = release.plan(released.lake, released.region, released.settings.public_url)
    everything = tmp_path / "everything"
    everything.mkdir()
    catalogue.build(
        dataclasses.replace(planned, number=newest.number, last=None, fresh={}), everything
    )
    assert newest.number > 1
    assert said(newest.path) == said(everything)


def test_only_datasets_that_changed_are_read(released, monkeypatch):
    released.data("cercles", ROWS.replace("100", "105"))
    released.run("cercles")
    read = read_anew(monkeypatch)
    pipeline.release(released.settings)
    assert set(read) == {"cercles"}


@pytest.mark.parametrize("name", ["catalogue.columns.parquet", "catalogue.duckdb"])
@pytest.mark.parametrize("how", ["flip", "gone"])
def test_a_damaged_release_is_no_start_for_the_next_one(released, tmp_path, name, how):
    path = released.lake.release(1) / name
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 1
    path.unlink()
    if how == "flip":
        path.write_bytes(data)
    test_an_incremental_build_equals_a_full_one(released, tmp_path, publish)


def test_another_public_address_is_in_every_row(released, monkeypatch):
    settings = released.settings.model_copy(update={"public_url": "https://data.example.org"})
    read = read_anew(monkeypatch)
    pipeline.release(settings)
    assert set(read) == {"communes", "cercles", "wells"}
    found = said(released.lake.release(2))
    assert {row["url"].partition("/en/")[0] for row in found["datasets"]} == {
        "https://data.example.org"
    }
    assert all("https://data.example.org/" in sql for _, _, sql, _ in found["views"])


def test_what_another_version_of_the_library_said_is_said_anew(released, monkeypatch):
    monkeypatch.setattr(release, "__version__", "0.0.1")
    released.data("cercles", ROWS.replace("100", "105"))
    released.run("cercles")
    read = read_anew(monkeypatch)
    pipeline.release(released.settings)
    assert set(read) == {"communes", "cercles", "wells"}


def test_the_scores_of_a_withdrawn_version_are_not_shown(released):
    withdraw(released, "wells", 2)
    scores = said(release.current(released.lake).path)["scores"]
    assert {row["version"] for row in scores if row["slug"] == "wells"} == {1, 3}


def test_a_release_does_not_grow_with_the_tables(released):
    rows = "".join(f"{number:05},Well {number},{number}\n" for number in range(30_000))
    released.data("large", "code,name,people\n" + rows)
    released.define("large")
    assert released.outcome("large") == "published"
    pipeline.release(released.settings)
    before, after = (
        sum(path.stat().st_size for path in released.lake.release(number).iterdir())
        for number in (1, 2)
    )
    assert (released.lake.version("large", 1) / "large.duckdb").stat().st_size > 500_000
    assert after - before < 100_000
