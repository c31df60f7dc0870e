"""Expectations of our own about single values: place codes, Arabic text, coordinates in a box.

They are registered with Great Expectations by being defined, written in a suite like its own, and
counted in the one scan of the suite; a pair of columns costs a scan, as all pairs do in GX.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any, Literal

import sqlalchemy as sa
from great_expectations.compatibility import pydantic
from great_expectations.expectations.expectation import (
    ColumnMapExpectation,
    ColumnPairMapExpectation,
)
from great_expectations.expectations.metrics.map_metric_provider.column_condition_partial import (
    column_condition_partial,
)
from great_expectations.expectations.metrics.map_metric_provider.column_map_metric_provider import (
    ColumnMapMetricProvider,
)
from great_expectations.expectations.metrics.map_metric_provider.column_pair_condition_partial import (  # noqa: E501
    column_pair_condition_partial,
)
from great_expectations.expectations.metrics.map_metric_provider.column_pair_map_metric_provider import (  # noqa: E501
    ColumnPairMapMetricProvider,
)

from moulouya.expectations import PLACE_CODES
from moulouya.quality.engine import DuckDBExecutionEngine

Column = sa.ColumnElement[Any]
Box = tuple[float, float, float, float]
_FAR = 1e300


class PlaceCode(ColumnMapMetricProvider):
    """A place code of the HCP, of some level and inside some place."""

    condition_metric_name = "column_values.place_code"
    condition_value_keys = ("level", "inside")

    @column_condition_partial(engine=DuckDBExecutionEngine)
    def _duckdb(cls, column: Column, level: str, inside: str | None = None, **_: Any) -> Column:
        form = sa.func.regexp_full_match(column, _text(PLACE_CODES[level]))
        if inside is None:
            return form
        return sa.and_(form, sa.func.starts_with(column, _text(inside)))


class ExpectColumnValuesToBePlaceCodes(ColumnMapExpectation):
    """Expect codes of the HCP: of a level (region, province, cercle, commune), inside a place."""

    level: str = "commune"
    inside: str | None = None

    map_metric = "column_values.place_code"
    success_keys = ("level", "inside", "mostly")

    @pydantic.validator("level")
    def _known_level(cls, value: str) -> str:
        if value not in PLACE_CODES:
            raise ValueError(f"level is one of {', '.join(PLACE_CODES)}, not {value!r}")
        return value


class ContainArabic(ColumnMapMetricProvider):
    """A text with at least one Arabic letter."""

    condition_metric_name = "column_values.contain_arabic"

    @column_condition_partial(engine=DuckDBExecutionEngine)
    def _duckdb(cls, column: Column, **_: Any) -> Column:
        return sa.func.regexp_matches(column, _text("\\p{Arabic}"))


class ExpectColumnValuesToContainArabic(ColumnMapExpectation):
    """Expect texts in Arabic letters: a name that is only transliterated is not translated."""

    map_metric = "column_values.contain_arabic"
    success_keys = ("mostly",)


class PairInsideBox(ColumnPairMapMetricProvider):
    """A longitude and a latitude inside a box; one without the other is nowhere."""

    condition_metric_name = "column_pair_values.inside_box"
    condition_value_keys = ("box",)

    @column_pair_condition_partial(engine=DuckDBExecutionEngine)  # type: ignore[untyped-decorator]
    def _duckdb(cls, column_A: Column, column_B: Column, box: Sequence[float], **_: Any) -> Column:
        west, south, east, north = box
        inside = sa.and_(column_A.between(west, east), column_B.between(south, north))
        return sa.func.coalesce(inside, sa.false())


class ExpectColumnPairValuesToBeInsideBox(ColumnPairMapExpectation):
    """Expect longitude (A) and latitude (B) inside a box of west, south, east, north."""

    box: Box
    ignore_row_if: Literal["both_values_are_missing", "either_value_is_missing", "neither"] = (
        "both_values_are_missing"
    )

    map_metric = "column_pair_values.inside_box"
    domain_keys = (*ColumnPairMapExpectation.domain_keys, "ignore_row_if")  # type: ignore[assignment]
    success_keys = ("box", "mostly")

    @pydantic.validator("box")
    def _in_order(cls, value: Box) -> Box:
        return _sound(value)


class ShapeInsideBox(ColumnMapMetricProvider):
    """A shape inside a box: nothing of its extent lies beyond one of the four sides.

    DuckDB's core knows only whether extents touch, so the world around the box is four strips.
    """

    condition_metric_name = "column_values.inside_box"
    condition_value_keys = ("box",)

    @column_condition_partial(engine=DuckDBExecutionEngine)
    def _duckdb(cls, column: Column, box: Sequence[float], **_: Any) -> Column:
        west, south, east, north = box
        beyond = (
            (-_FAR, -_FAR, math.nextafter(west, -math.inf), _FAR),
            (math.nextafter(east, math.inf), -_FAR, _FAR, _FAR),
            (-_FAR, -_FAR, _FAR, math.nextafter(south, -math.inf)),
            (-_FAR, math.nextafter(north, math.inf), _FAR, _FAR),
        )
        return sa.not_(sa.or_(*(sa.func.st_intersects_extent(column, _area(*a)) for a in beyond)))


class ExpectColumnValuesToBeInsideBox(ColumnMapExpectation):
    """Expect shapes inside a box of west, south, east, north, in the table's own coordinates."""

    box: Box

    map_metric = "column_values.inside_box"
    success_keys = ("box", "mostly")

    @pydantic.validator("box")
    def _in_order(cls, value: Box) -> Box:
        return _sound(value)


def _sound(box: Box) -> Box:
    west, south, east, north = box
    if west >= east or south >= north:
        raise ValueError("box is west, south, east, north")
    return box


def _area(west: float, south: float, east: float, north: float) -> Column:
    ring = ", ".join(
        f"{x!r} {y!r}"
        for x, y in ((west, south), (east, south), (east, north), (west, north), (west, south))
    )
    return sa.literal_column(f"'POLYGON(({ring}))'::GEOMETRY")


def _text(value: str) -> sa.BindParameter[str]:
    # Written into the SQL: DuckDB compiles a constant pattern once, a parameter for each batch.
    return sa.bindparam(None, value, sa.String, literal_execute=True)
