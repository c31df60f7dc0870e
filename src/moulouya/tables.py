"""Published Parquet: one layout, byte-identical for the same rows and the same contract."""

from __future__ import annotations

import base64
import json
from pathlib import Path

import pyarrow as pa
from duckdb import DuckDBPyConnection

from moulouya.duck import columns_of, identifier, literal, one_row
from moulouya.workspace import Dataset

# 122,880 rows a group suits scans; measured against 10k to 500k on 1.8 M rows.
LAYOUT = (
    "FORMAT parquet, COMPRESSION zstd, COMPRESSION_LEVEL 3, PARQUET_VERSION V2, "
    "ROW_GROUP_SIZE 122880"
)
SCRATCH_LAYOUT = "FORMAT parquet, COMPRESSION snappy"


def write_published(con: DuckDBPyConnection, query: str, dataset: Dataset, target: Path) -> int:
    """Write a query's rows in the published layout, sorted by key; returns the rows.

    The footer carries the contract: the dataset's metadata under the key ``moulouya``, and the
    title and description of every column as Arrow field metadata.
    """
    definition = dataset.definition
    selected = ", ".join(
        f"CAST({identifier(name)} AS {column.sql_type}) AS {identifier(name)}"
        for name, column in definition.columns.items()
    )
    typed = f"SELECT {selected} FROM ({query})"
    metadata = {
        "moulouya": json.dumps(footer(dataset), ensure_ascii=False),
        "ARROW:schema": _arrow_schema(con, typed, dataset),
    }
    footers = ", ".join(f"{literal(key)}: {literal(value)}" for key, value in metadata.items())
    (rows,) = one_row(
        con,
        f"COPY (SELECT * FROM ({typed}) ORDER BY {columns_of(definition.key)}) "
        f"TO {literal(str(target))} ({LAYOUT}, KV_METADATA {{{footers}}})",
    )
    return int(rows)


def footer(dataset: Dataset) -> dict[str, object]:
    """What a published file says of itself: no run, no clock, only the contract."""
    kept = ("title", "description", "row_is", "publisher", "attribution", "key", "columns", "notes")
    contract = dataset.definition.model_dump(mode="json", by_alias=True, exclude_none=True)
    return {
        "slug": dataset.slug,
        "theme": dataset.theme,
        "licence": dataset.licence.spdx,
        **{name: contract[name] for name in kept if name in contract},
    }


def _arrow_schema(con: DuckDBPyConnection, typed: str, dataset: Dataset) -> str:
    """The Arrow schema that readers of Arrow find in ARROW:schema, with column comments."""
    schema = con.execute(f"SELECT * FROM ({typed}) LIMIT 0").to_arrow_table().schema
    fields = []
    for arrow_field in schema:
        column = dataset.definition.columns[arrow_field.name]
        comment = {
            **(arrow_field.metadata or {}),
            b"unit": (column.unit or "").encode(),
            **{
                f"{kind}_{language}".encode(): text[language].encode()
                for kind, text in (("title", column.title), ("description", column.description))
                for language in ("ar", "fr", "en")
            },
        }
        fields.append(arrow_field.with_metadata(comment))
    return base64.b64encode(pa.schema(fields).serialize().to_pybytes()).decode()
