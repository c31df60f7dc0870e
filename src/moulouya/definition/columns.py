"""Columns: what is read from a source and what is published, with the rules values keep."""

from __future__ import annotations

import datetime as dt
from decimal import Decimal
from typing import Annotated, Literal

from pydantic import Field, StringConstraints

from moulouya.region import Model, Text

STAGED = "staged"
ColumnName = Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]{0,62}$")]
StagedName = Annotated[str, Field(pattern=r"^([a-z][a-z0-9_]{0,62}|_file)$")]
Scalar = bool | int | float | Decimal | dt.date | str
TYPE_PATTERN = (
    r"^(text|integer|number|decimal\([1-9][0-9]?,[0-9]{1,2}\)|boolean|date|datetime|json|geometry)$"
)
SQL_TYPES = {
    "text": "VARCHAR",
    "integer": "BIGINT",
    "number": "DOUBLE",
    "boolean": "BOOLEAN",
    "date": "DATE",
    "datetime": "TIMESTAMP WITH TIME ZONE",
    "json": "VARCHAR",
    "geometry": "GEOMETRY",
}


class StagedColumn(Model):
    """A column read from the source: where it is found and what a value must look like."""

    type: str = Field(
        pattern=TYPE_PATTERN,
        description="text, integer, number, decimal(p,s), boolean, date, datetime (UTC), json or "
        "geometry",
    )
    source_name: str | None = Field(
        None,
        alias="from",
        description="its name in the source; default: the column's own name",
    )
    format: str | None = Field(
        None, description="strptime format of a date or datetime; default ISO 8601"
    )
    missing: list[Annotated[str, StringConstraints(strip_whitespace=False)]] = Field(
        default=[""], description="texts in the source that mean no value"
    )
    language: Literal["ar", "fr", "en"] | None = Field(
        None, description="language of the month names in a date (%B, %b) that is no number"
    )
    required: bool = Field(False, description="a row without a value is rejected")

    @property
    def sql_type(self) -> str:
        """The DuckDB type of the column."""
        return SQL_TYPES.get(self.type, self.type.upper())


class Column(StagedColumn):
    """A published column: a row of the data dictionary and the rules its values keep."""

    title: Text
    description: Text
    unit: str | None = Field(
        None,
        description="unit of measure: a symbol such as %, or a word under units in region.yml",
    )
    computed: bool = Field(False, description="made by the transform; not looked for in the source")
    unique: bool = Field(False, description="no value occurs twice")
    pattern: str | None = Field(None, description="regular expression every text matches (RE2)")
    range: tuple[Scalar | None, Scalar | None] | None = Field(
        None,
        description="lowest and highest value, both included; null leaves a side open",
    )
    values: dict[str, Text] | None = Field(
        None, description="the only values allowed, each with its meaning"
    )
    references: str | None = Field(
        None,
        pattern=r"^[a-z][a-z0-9_]*\.[a-z][a-z0-9_]*$",
        description="<slug>.<column> in which every value must be found",
    )
