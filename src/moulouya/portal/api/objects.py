"""A record as the text of a JSON object: what DuckDB writes, and shapes as GeoJSON beside it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import orjson
import shapely

from moulouya.duck import identifier, literal
from moulouya.portal.api.choosing import Choice, Output

_MOMENT = "%Y-%m-%dT%H:%M:%S.%fZ"


def expressions(choice: Choice, without: Sequence[Output]) -> list[str]:
    """SQL for a record as the text of a JSON object, then for each column of shapes left out."""
    fields = []
    for one in choice.outputs:
        if one in without:
            continue
        sql = over(choice, one)
        if one.kind == "datetime":
            sql = f"strftime({sql}, {literal(_MOMENT)})"
        elif one.kind == "json":
            sql = f"CAST({sql} AS JSON)"
        elif one.kind == "number":
            sql = f"if(isfinite({sql}), {sql}, NULL)"
        fields.append(f"{literal(one.name)}: {sql}")
    whole = f"CAST(to_json({{{', '.join(fields)}}}) AS VARCHAR)" if fields else "'{}'"
    return [whole, *(over(choice, one) for one in without if one.kind == "geometry")]


def over(choice: Choice, one: Output) -> str:
    """An output over what the query reads from: the groups or the table."""
    if not choice.grouped:
        return one.sql
    return identifier(f"c{choice.outputs.index(one)}")


def with_shapes(rows: Sequence[tuple[Any, ...]], shapes: Sequence[Output]) -> list[str]:
    """Records as texts, with their shapes as GeoJSON at the end of each."""
    drawn = [as_geojson([row[2 + n] for row in rows]) for n in range(len(shapes))]
    names = [orjson.dumps(one.name).decode() for one in shapes]
    texts = []
    for place, row in enumerate(rows):
        lead = "" if row[1] == "{}" else ","
        more = ",".join(
            f"{name}:{column[place] or 'null'}" for name, column in zip(names, drawn, strict=True)
        )
        texts.append(f"{row[1][:-1]}{lead}{more}}}")
    return texts


def as_geojson(shapes: list[bytes | None]) -> list[str | None]:
    """Shapes with outer rings counter-clockwise, as RFC 7946 wants them; an empty one is null."""
    read = shapely.force_2d(shapely.from_wkb([one and bytes(one) for one in shapes]))
    texts = shapely.to_geojson(shapely.orient_polygons(read))
    empty = shapely.is_empty(read)
    return [
        None if text is None or nothing else str(text)
        for text, nothing in zip(texts, empty, strict=True)
    ]
