"""The two databases of a release: views for analysts, native tables for the portal."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import duckdb
import pytest

from moulouya import pipeline
from moulouya.errors import UsageError
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


def content(workspace: SmallWorkspace, number: int) -> dict[str, list]:
    with database(workspace, "serving.duckdb", number) as con:
        tables = con.execute("SELECT schema_name, table_name FROM duckdb_tables()").fetchall()
        return {
            f"{schema}.{table}": sorted(con.execute(f'FROM {schema}."{table}"').fetchall(), key=str)
            for schema, table in tables
        }


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


def test_the_serving_file_has_native_tables_with_comments(released):
    with database(released, "serving.duckdb") as con:
        assert con.execute("SELECT code, people FROM places.communes").fetchall() == [
            ("01", 101), ("02", 200)
        ]  # fmt: skip
        assert con.execute(
            "SELECT comment FROM duckdb_columns() WHERE table_name = 'communes' "
            "AND column_name = 'place'"
        ).fetchone() == ("Where it is: A meaning (WKB, OGC:CRS84)",)


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


def test_an_incremental_serving_file_equals_a_full_build(released, monkeypatch):
    released.data("cercles", ROWS.replace("100", "105"))
    released.define("added")
    released.run("cercles", "added")
    assert pipeline.release(released.settings)["release"] == 2
    incremental = content(released, 2)
    (released.lake.log / "2").unlink()
    monkeypatch.setattr("moulouya.catalogue.database._start_from_last", lambda *_: set())
    assert pipeline.release(released.settings)["release"] == 2
    assert content(released, 2) == incremental
    assert incremental["people.cercles"][0] == ("01", "Berkane", 105)


def test_only_changed_datasets_are_copied_again(released, monkeypatch):
    import moulouya.catalogue.database as built

    copied: list[str] = []
    real = built.copy_table
    monkeypatch.setattr(built, "copy_table", lambda con, source, target, definition: (
        copied.append(target), real(con, source, target, definition)))  # fmt: skip
    released.data("cercles", ROWS.replace("100", "105"))
    released.run("cercles")
    pipeline.release(released.settings)
    assert copied == ['target."people"."cercles"']


def test_a_dataset_that_moved_to_another_theme_leaves_the_first(released):
    (released.root / "datasets/people/cercles.yml").unlink()
    released.define("cercles", theme="places", sdg=["11"])
    released.run("cercles")
    pipeline.release(released.settings)
    assert "places.cercles" in content(released, 2)
    assert "people.cercles" not in content(released, 2)


def test_a_damaged_serving_file_is_no_start_for_the_next_one(released):
    path = released.lake.releases / "1" / "serving.duckdb"
    path.chmod(0o644)
    path.write_bytes(path.read_bytes()[:-100])
    released.data("cercles", ROWS.replace("100", "105"))
    released.run("cercles")
    assert pipeline.release(released.settings)["release"] == 2
    assert content(released, 2)["people.cercles"][0] == ("01", "Berkane", 105)


@pytest.mark.parametrize("name", ["places.communes", "communes"])
def test_a_table_is_found_with_or_without_its_theme(released, name):
    assert query(released.settings, f"SELECT count(*) FROM {name}").rows() == [(2,)]


@pytest.mark.parametrize(
    "statement",
    [
        "DROP TABLE communes",
        "INSERT INTO communes VALUES (1)",
        "SELECT 1; SELECT 2",
        "COPY communes TO 'out.csv'",
        "ATTACH 'x.duckdb'",
        "SET threads = 1",
        "SELECT * FROM read_csv('/etc/passwd')",
        "SELECT * FROM '/etc/passwd'",
        "SELECT * FROM read_text('/etc/passwd')",
        "SELECT no_such_column FROM communes",
        "SELEC 1",
        "",
    ],
)
def test_only_one_select_on_the_catalogue_is_answered(released, statement):
    with pytest.raises(UsageError):
        query(released.settings, statement)


def test_without_a_release_there_is_nothing_to_query(workspace):
    with pytest.raises(UsageError, match="no release yet"):
        query(workspace.settings, "SELECT 1")
