"""Queries open the tables that they name, each from the file of its version, and nothing else."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from moulouya import pipeline, querying
from moulouya.errors import LakeError, UsageError
from moulouya.querying import query
from small_workspace import SmallWorkspace


@pytest.fixture(scope="module")
def built(new_workspace: Callable[[], SmallWorkspace]) -> SmallWorkspace:
    workspace = new_workspace()
    workspace.define("communes")
    workspace.define("cercles", theme="people")
    workspace.run()
    pipeline.release(workspace.settings)
    return workspace


@pytest.fixture
def released(built: SmallWorkspace, tmp_path: Path) -> SmallWorkspace:
    return built.copied(tmp_path)


def spoil(workspace: SmallWorkspace, slug: str) -> None:
    path = workspace.lake.version(slug, 1) / f"{slug}.duckdb"
    path.chmod(0o644)
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 1
    path.write_bytes(data)


@pytest.mark.parametrize(
    "name", ["places.communes", "communes", "Communes", '"communes"', "places.communes AS c"]
)
def test_a_table_is_found_with_or_without_its_theme(built, name):
    assert query(built.settings, f"SELECT count(*) FROM {name}").rows() == [(3,)]


@pytest.mark.parametrize(
    "statement",
    [
        "SELECT count(*) FROM communes JOIN people.cercles USING (code)",
        "WITH one AS (SELECT * FROM communes) SELECT count(*) FROM one, one AS two "
        "WHERE EXISTS (FROM cercles) AND one.code = two.code",
        "WITH communes AS (FROM places.communes) SELECT count(*) FROM communes",
        "SELECT (SELECT count(*) FROM cercles) FROM communes LIMIT 1",
        "SELECT count(*) FROM query_table('communes')",
    ],
)
def test_tables_are_found_wherever_a_statement_names_them(built, statement):
    assert query(built.settings, statement).rows() == [(3,)]


def test_a_name_that_a_statement_gives_itself_is_no_table(released):
    spoil(released, "communes")
    statement = "WITH communes AS (SELECT 1 AS x) SELECT x FROM communes"
    assert query(released.settings, statement).rows() == [(1,)]


def test_only_the_tables_that_are_named_are_opened_and_verified(released):
    spoil(released, "cercles")
    assert query(released.settings, "SELECT count(*) FROM communes").rows() == [(3,)]
    with pytest.raises(LakeError, match=r"cercles\.duckdb is damaged"):
        query(released.settings, "SELECT count(*) FROM cercles")


def test_the_metadata_are_found_with_or_without_their_schema(built):
    for name in ("catalogue.datasets", "datasets"):
        rows = query(built.settings, f"SELECT theme, slug FROM {name} ORDER BY slug").rows()
        assert rows == [("people", "cercles"), ("places", "communes")]


@pytest.mark.parametrize(
    ("statement", "first"),
    [
        ("DESCRIBE communes", ("code", "VARCHAR")),
        ("DESCRIBE places.communes", ("code", "VARCHAR")),
        ("SUMMARIZE cercles", ("code", "VARCHAR")),
        ("SUMMARIZE SELECT people FROM communes", ("people", "BIGINT")),
        ("EXPLAIN SELECT * FROM communes", None),
    ],
)
def test_a_table_can_be_described(built, statement, first):
    rows = query(built.settings, statement).rows()
    assert rows if first is None else rows[0][:2] == first


@pytest.mark.parametrize(
    "statement",
    [
        "SHOW TABLES",
        "show all tables;",
        "SELECT * FROM information_schema.tables",
        "SELECT table_name FROM duckdb_tables()",
        "SELECT count(*) FROM duckdb_columns() WHERE table_name = 'communes'",
    ],
)
def test_who_asks_for_a_list_of_tables_is_told_where_it_is(built, statement):
    with pytest.raises(UsageError, match="cannot list them") as caught:
        query(built.settings, statement)
    assert "catalogue.datasets" in caught.value.hint


def test_a_text_may_say_what_a_statement_may_not(built):
    assert query(built.settings, "SELECT 'information_schema.tables' AS x").rows() == [
        ("information_schema.tables",)
    ]


@pytest.mark.parametrize(
    ("statement", "hint"),
    [
        ("FROM people.communes", "communes is in another theme: places.communes"),
        ("FROM comunes", "did you mean 'communes'?"),
        ("FROM zzz", querying.EVERY_TABLE),
    ],
)
def test_who_names_another_table_is_told_which_one_was_meant(built, statement, hint):
    with pytest.raises(UsageError) as caught:
        query(built.settings, statement)
    assert caught.value.hint == hint


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
        "SELECT * FROM read_blob('/etc/passwd')",
        "SELECT no_such_column FROM communes",
        "SELEC 1",
        "",
    ],
)
def test_only_one_select_on_the_catalogue_is_answered(built, statement):
    with pytest.raises(UsageError):
        query(built.settings, statement)


def test_a_statement_reads_no_file_of_the_lake_but_as_a_table(built):
    other = built.lake.version("cercles", 1) / "cercles.parquet"
    with pytest.raises(UsageError, match=r"disabled by configuration"):
        query(built.settings, f"SELECT * FROM read_parquet('{other}')")


def test_without_a_release_there_is_nothing_to_query(workspace):
    with pytest.raises(UsageError, match="no release yet"):
        query(workspace.settings, "SELECT 1")
