"""The two databases of a release: views for analysts, native tables for the portal."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import duckdb
import pytest

from moulouya import pipeline
from moulouya.querying import query
from small_workspace import COLUMNS, ROWS, SmallWorkspace, column, text


@pytest.fixture(scope="module")
def built(new_workspace: Callable[[], SmallWorkspace]) -> SmallWorkspace:
    workspace = new_workspace()
    workspace.define(
        "communes",
        columns={**COLUMNS, "place": column("geometry", title=text("Where it is"))},
        corrections=[{"where": "code = '01'", "set": {"people": 101},
                      "reason": text("typing error"), "reported": "2026-09-30"}],
    )  # fmt: skip
    workspace.data(
        "communes", "code,name,people,place\n01,Berkane,100,POINT(-2 34)\n02,Oujda,200,\n"
    )
    workspace.define("cercles", theme="people")
    workspace.run()
    pipeline.release(workspace.settings)
    return workspace


@pytest.fixture
def released(built: SmallWorkspace, tmp_path: Path) -> SmallWorkspace:
    return built.copied(tmp_path)


def database(workspace: SmallWorkspace, name: str, number: int = 1) -> duckdb.DuckDBPyConnection:
    path = workspace.lake.releases / str(number) / name
    con = duckdb.connect()
    con.execute(f"ATTACH '{path}' AS moulouya (READ_ONLY)")
    con.execute("USE moulouya")
    return con


def views(workspace: SmallWorkspace, number: int = 1) -> set[str]:
    with database(workspace, "catalogue.duckdb", number) as con:
        found = con.execute(
            "SELECT schema_name || '.' || view_name FROM duckdb_views() "
            "WHERE NOT internal AND schema_name <> 'catalogue'"
        ).fetchall()
    return {name for (name,) in found}


def test_the_catalogue_has_a_view_a_dataset_on_its_public_address(released):
    with database(released, "catalogue.duckdb") as con:
        views = dict(con.execute(
            "SELECT schema_name || '.' || view_name, sql FROM duckdb_views() WHERE NOT internal"
        ).fetchall())  # fmt: skip
    assert {name for name in views if not name.startswith("catalogue.")} == {
        "places.communes", "people.cercles"
    }  # fmt: skip
    assert "http://127.0.0.1:8500/files/communes/1/communes.parquet" in views["places.communes"]


def test_a_view_says_what_it_is_and_under_which_licence(released):
    with database(released, "catalogue.duckdb") as con:
        comments = con.execute(
            "SELECT comment FROM duckdb_views() WHERE view_name = 'communes'"
        ).fetchall()
    assert comments == [("Communes (ODbL-1.0)",)]


def test_the_table_of_a_dataset_is_in_the_file_of_its_version_with_comments(released):
    path = released.lake.version("communes", 1) / "communes.duckdb"
    with duckdb.connect(str(path), read_only=True) as con:
        assert con.execute("SELECT code, people FROM communes").fetchall() == [
            ("01", 101), ("02", 200)
        ]  # fmt: skip
        assert con.execute(
            "SELECT comment FROM duckdb_columns() WHERE table_name = 'communes' "
            "AND column_name = 'place'"
        ).fetchone() == ("Where it is: A meaning (WKB, OGC:CRS84)",)


def types_kept(workspace: SmallWorkspace, number: int = 1) -> list[str]:
    """What views say of shapes, which DuckDB before 1.5 compares with the bytes that it reads."""
    with database(workspace, "catalogue.duckdb", number) as con:
        found = con.execute(
            "SELECT data_type FROM duckdb_columns() "
            "WHERE schema_name <> 'catalogue' AND column_name = 'place'"
        ).fetchall()
    return [kind for (kind,) in found]


def test_a_view_with_shapes_opens_in_every_duckdb(released):
    assert types_kept(released) == ["BLOB"]


def test_a_view_of_an_earlier_release_that_older_clients_refuse_is_written_anew(
    released, monkeypatch
):
    path = released.lake.releases / "1" / "catalogue.duckdb"
    table = released.lake.version("communes", 1) / "communes.parquet"
    with duckdb.connect(str(path)) as con:
        con.execute(f"CREATE OR REPLACE VIEW places.communes AS FROM '{table}'")
    assert types_kept(released) == ["GEOMETRY"]
    monkeypatch.setattr("moulouya.catalogue.database.release.require", lambda *_: None)
    released.define("wells")
    released.run("wells")
    pipeline.release(released.settings)
    assert types_kept(released, 2) == ["BLOB"]


def test_the_catalogue_describes_itself_by_views_on_files_of_its_release(released):
    with database(released, "catalogue.duckdb") as con:
        views = dict(con.execute(
            "SELECT view_name, sql FROM duckdb_views() WHERE schema_name = 'catalogue'"
        ).fetchall())  # fmt: skip
        tables = con.execute("SELECT count(*) FROM duckdb_tables()").fetchone()
    assert tables == (0,)  # a file of views only is read whole when it is attached
    assert {"datasets", "columns", "changes", "validations"} <= set(views)
    assert "http://127.0.0.1:8500/" in views["datasets"]


def test_the_data_about_the_data_are_tables(released):
    with database(released, "serving.duckdb") as con:
        assert con.execute(
            "SELECT slug, theme, licence, version, rows, title_ar FROM catalogue.datasets "
            "ORDER BY slug"
        ).fetchall() == [
            ("cercles", "people", "ODbL-1.0", 1, 3, "Communes بالعربية"),
            ("communes", "places", "ODbL-1.0", 1, 2, "Communes بالعربية"),
        ]
        assert con.execute(
            "SELECT name, type, key FROM catalogue.columns WHERE slug = 'cercles' ORDER BY position"
        ).fetchall() == [
            ("code", "text", True),
            ("name", "text", False),
            ("people", "integer", False),
        ]
        assert con.execute("SELECT slug, reason_en FROM catalogue.corrections").fetchall() == [
            ("communes", "typing error")
        ]
        assert con.execute("SELECT publisher FROM catalogue.publishers").fetchall()
        assert (
            con.execute("SELECT count(*) FROM catalogue.validations WHERE success").fetchone()[0]
            > 3
        )


def test_changes_are_told_with_key_before_and_after(released):
    released.data("cercles", ROWS.replace("100", "105") + "04,Taourirt,5\n")
    released.run("cercles")
    pipeline.release(released.settings)
    rows = query(
        released.settings, "SELECT kind, key, before, after FROM changes ORDER BY kind"
    ).rows()
    assert rows == [
        ("added", '{"code": "04"}', None, '{"code": "04", "name": "Taourirt", "people": 5}'),
        ("changed", '{"code": "01"}', '{"people": 100}', '{"people": 105}'),
    ]


def test_a_dataset_that_moved_to_another_theme_leaves_the_first(released):
    (released.root / "datasets/people/cercles.yml").unlink()
    released.define("cercles", theme="places", sdg=["11"])
    released.run("cercles")
    pipeline.release(released.settings)
    assert views(released, 2) == {"places.communes", "places.cercles"}
