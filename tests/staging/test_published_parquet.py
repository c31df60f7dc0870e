"""Published Parquet: sorted by key, commented, and byte-identical for the same input."""

from __future__ import annotations

import json
import random

import pyarrow.parquet as pq
import pytest

from small_workspace import rows_of

COLUMNS = {
    "code": "text",
    "year": "integer",
    "people": {"type": "integer", "unit": "persons"},
    "place": "geometry",
}
ROWS = [
    f'{code},{year},{code}{year},"POINT({code} 34)"' for code in range(50) for year in (2014, 2024)
]
BODY = "code,year,people,place\n" + "\n".join(ROWS) + "\n"


@pytest.fixture
def table(staged):
    return staged(BODY, COLUMNS, ["code", "year"]).table


def test_rows_are_sorted_by_key(table):
    keys = rows_of(table, "code, year")
    assert keys == sorted(keys)
    assert len(keys) == 100


def test_the_same_rows_in_any_order_are_the_same_bytes(staged, table):
    first = table.read_bytes()
    shuffled = ROWS.copy()
    random.Random(1).shuffle(shuffled)
    body = "code,year,people,place\n" + "\n".join(shuffled)
    assert staged(body, COLUMNS, ["code", "year"]).table.read_bytes() == first


def test_another_value_is_other_bytes(staged, table):
    first = table.read_bytes()
    body = BODY.replace("492024", "492025")
    assert staged(body, COLUMNS, ["code", "year"]).table.read_bytes() != first


def test_every_column_is_compressed_with_zstd(table):
    group = pq.ParquetFile(table).metadata.row_group(0)
    found = {group.column(number).compression for number in range(group.num_columns)}
    assert found == {"ZSTD"}


def test_the_footer_carries_the_contract_and_no_clock(table):
    footer = json.loads(pq.read_metadata(table).metadata[b"moulouya"])
    assert footer["slug"] == "sample"
    assert footer["licence"] == "CC0-1.0"
    assert footer["key"] == ["code", "year"]
    assert footer["title"] == {"ar": "Communes بالعربية", "fr": "Communes en français",
                               "en": "Communes"}  # fmt: skip
    assert list(footer["columns"]) == list(COLUMNS)
    assert not {"created", "run_id", "version"} & footer.keys()


def test_readers_of_arrow_see_what_a_column_means(table):
    field = pq.read_schema(table).field("people")
    assert field.metadata[b"unit"] == b"persons"
    assert field.metadata[b"title_ar"].decode() == "A title بالعربية"
    assert field.metadata[b"description_fr"].decode() == "A meaning en français"


def test_geometry_is_geoparquet(table):
    geo = json.loads(pq.read_metadata(table).metadata[b"geo"])
    assert geo["primary_column"] == "place"
    assert geo["columns"]["place"]["encoding"] == "WKB"
    assert geo["columns"]["place"]["geometry_types"] == ["Point"]


def test_columns_have_the_declared_types_and_order(table):
    schema = pq.read_schema(table)
    assert schema.names == list(COLUMNS)
    assert [str(schema.field(name).type) for name in ("code", "year")] == ["string", "int64"]


def test_large_tables_have_row_groups_of_one_size(staged):
    body = "code\n" + "".join(f"{n}\n" for n in range(130_000))
    metadata = pq.read_metadata(staged(body, {"code": "integer"}).table)
    assert [metadata.row_group(n).num_rows for n in range(metadata.num_row_groups)] == [
        122_880, 7_120
    ]  # fmt: skip
