"""Ordinary open data pass, and a held-out set of identifiers is found whole."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from benchmarks import privacy as measured
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from moulouya import privacy
from moulouya.settings import Settings

PATTERNS = [
    r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}", r"[0-9]{13}",
    r"(0[1-9]|1[0-2])\.[0-9]{3}\.[0-9]{2}\.[0-9]{2}", r"(19|20)[0-9]{2}",
    r"[0-9]{2}\.[0-9]{2}[A-Z]",
    r"-?[0-9]{1,2}\.[0-9]{4,8}", r"[0-9]{1,7}(\.[0-9]{2})?", r"[A-Z]{3}-[0-9]{3}",
    r"20[0-9]{2}-(0[1-9]|1[0-2])-[0-2][0-9]T[0-2][0-9]:[0-5][0-9]:[0-5][0-9]Z",
    r"[a-z]{2,9} [a-z]{2,9}",
    r"978-9954-[0-9]-[0-9]{4}-[0-9]", r"lot [0-9]{1,3}, phase [0-9]", r"[0-9a-f]{40}", r"[0-9]{9}",
]  # fmt: skip


@pytest.mark.parametrize("pattern", PATTERNS)
@settings(
    max_examples=8, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(data=st.data())
def test_generated_columns_are_not_blocked(tmp_path: Path, pattern: str, data: Any) -> None:
    cells = data.draw(
        st.lists(st.from_regex(pattern, fullmatch=True, alphabet=st.characters(codec="ascii")),
                 min_size=20, max_size=60)
    )  # fmt: skip
    found = measured.found_in(tmp_path, {"col": cells})
    assert not [one.line for one in found if one.blocking]


def test_a_held_out_set_is_found_whole(tmp_path: Path) -> None:
    for kind, counted in measured.recall(tmp_path, cells=5000, seed=2025).items():
        assert counted["found"] == counted["planted"], kind


def test_one_identifier_in_two_hundred_cells_blocks(tmp_path: Path) -> None:
    assert measured.alone(tmp_path, tries=80, seed=7) == {"columns": 80, "blocked": 80}


def test_ordinary_columns_are_not_blocked(tmp_path: Path) -> None:
    result = measured.false_blocks(tmp_path, repeats=2, seed=77)
    assert result["share"] <= 0.005, result["which"]


@pytest.mark.parametrize(
    ("name", "blocked"),
    [
        ("communes.csv.gz", set()),
        ("provinces.csv.gz", set()),
        ("rgph2024_people.csv.gz", set()),
        ("rgph2024_households.csv.gz", set()),
        ("dwellings.csv.gz", set()),
        ("establishments.csv.gz", set()),
        ("codes_2014_2024.csv.gz", set()),
        ("datagovma_population_legale.csv", set()),
        ("datagovma_scolaire.csv", set()),
        ("wri_power_plants_morocco.csv", set()),
        ("rgph2024_geo.parquet", set()),
        ("datagovma_pedagogique.csv", {"Téléphone", "Fax"}),
    ],
)
def test_real_tables(shared_data: Path, tmp_path: Path, name: str, blocked: set[str]) -> None:
    reader = "read_parquet" if name.endswith("parquet") else "read_csv"
    path = tmp_path / "table.parquet"
    with duckdb.connect() as con:
        con.execute(f"COPY (FROM {reader}('{shared_data}/morocco/{name}')) TO '{path}'")
        columns = [row[0] for row in con.execute(f"DESCRIBE FROM '{path}'").fetchall()]
    plain = {f"c{number}": name for number, name in enumerate(columns)}
    pq.write_table(pq.read_table(path).rename_columns(list(plain)), path)
    dataset = measured.dataset_of(list(plain), **plain)
    found = privacy.find(path, dataset, Settings(threads=1))
    assert {plain[one.column] for one in found if one.blocking} == blocked


def test_lists_and_nested_values_are_looked_into(tmp_path: Path) -> None:
    path = tmp_path / "table.parquet"
    nested = [[{"mail": "a@b.ma"}], []]
    pq.write_table(pa.table({"id": [1, 2], "more": nested}), path)
    (found,) = privacy.find(path, measured.dataset_of(["id", "more"]), Settings(threads=1))
    assert (found.column, found.kind) == ("more", "email")
