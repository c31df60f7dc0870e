"""The dataset contract: what one file under ``datasets/<theme>/<slug>.yml`` may say.

The models are strict (an unknown key is a fault) and their JSON Schema is committed under
``schemas/`` so that editors complete and check the files while they are written.
"""

from __future__ import annotations

import datetime as dt
from decimal import Decimal
from typing import Annotated, Any, Literal, Self

from pydantic import (
    ConfigDict,
    Field,
    HttpUrl,
    StringConstraints,
    field_validator,
    model_validator,
)

from moulouya.region import Identifier, Model, TableName, Text, known_licence

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


class Dialect(Model):
    """How a delimited text file is written; declared, never guessed."""

    model_config = ConfigDict(str_strip_whitespace=False)  # a tab and a blank are marks here

    delimiter: str = Field(",", min_length=1, max_length=1)
    quote: str = Field('"', max_length=1)
    escape: str | None = Field(None, max_length=1, description="default: the quote doubled")
    encoding: str = Field("utf-8", description="any codec of Python, such as cp1252 or cp1256")
    header: bool = Field(True, description="false: columns are matched by position")
    skip: int = Field(0, ge=0, description="lines before the header")
    decimal: Literal[".", ","] = Field(".", description="decimal mark of numbers")
    thousands: str | None = Field(None, max_length=1, description="mark between thousands")

    @field_validator("encoding")
    @classmethod
    def _known_encoding(cls, value: str) -> str:
        try:
            "".encode(value)  # unlike codecs.lookup, refuses codecs that are not of text
        except LookupError as error:
            raise ValueError(f"unknown encoding {value!r}") from error
        return value


Format = Literal["csv", "json", "ndjson", "parquet"]
Compression = Literal["none", "gzip"]


class SourceBase(Model):
    """What every source says about its bytes."""

    format: Format = Field(description="how the bytes are read")
    compression: Compression = Field("none", description="wrapping of each file")
    dialect: Dialect = Field(default_factory=Dialect, description="of delimited text")
    records: str | None = Field(
        None, description="path to the list of records in JSON, keys joined by dots"
    )
    columns: dict[StagedName, StagedColumn] = Field(
        default={},
        description="columns the transform needs from the source but that are not published",
    )


class HttpSource(SourceBase):
    """A file behind an http or https address, fetched conditionally (ETag, Last-Modified)."""

    kind: Literal["http"]
    url: HttpUrl
    headers: dict[str, str] = Field(
        default={},
        description="extra request headers; a value `env:NAME` is read from there",
    )


class FileSource(SourceBase):
    """A file on this machine, relative to the workspace."""

    kind: Literal["file"]
    path: str = Field(min_length=1)


class PackageSource(SourceBase):
    """Files that an installed Python package ships; the package's version is theirs."""

    kind: Literal["package"]
    package: str = Field(min_length=1, description="distribution name, as pip knows it")
    path: str | list[str] = Field(
        description="file inside the package, or several that make one table"
    )

    @property
    def paths(self) -> tuple[str, ...]:
        """The files, always as a tuple."""
        return (self.path,) if isinstance(self.path, str) else tuple(self.path)


Source = Annotated[HttpSource | FileSource | PackageSource, Field(discriminator="kind")]


class Refresh(Model):
    """When a dataset is looked at again, and from when on it counts as late."""

    every: dt.timedelta | None = Field(None, description="ISO 8601 duration, such as P1D")
    cron: str | None = Field(None, description="five-field cron expression, in UTC")
    stale_after: dt.timedelta | None = Field(
        None,
        description="age after which the dataset is late; default: three times `every`",
    )

    @model_validator(mode="after")
    def _one_clock(self) -> Self:
        if self.every is not None and self.cron is not None:
            raise ValueError("give `every` or `cron`, not both")
        return self


class Rows(Model):
    """How many rows are believable."""

    at_least: int = Field(1, ge=0, description="fewer rows fail the run")
    at_most: int | None = Field(None, ge=1, description="more rows fail the run")
    change_within: Annotated[str, Field(pattern=r"^\d+(\.\d+)?%$")] | None = Field(
        None,
        description="a larger change against the last version holds the run for a person",
    )


class Rejects(Model):
    """How many unreadable rows may be left out."""

    at_most: Annotated[str, Field(pattern=r"^\d+(\.\d+)?%$")] = Field(
        "0%", description="share of rows; above it the run is held for a person"
    )

    @property
    def share(self) -> float:
        """The limit as a fraction of one."""
        return float(self.at_most.rstrip("%")) / 100


class Correction(Model):
    """A declared, public repair of the publisher's data."""

    where: str = Field(min_length=1, description="SQL condition on the staged columns")
    set: dict[ColumnName, Scalar | None] = Field(min_length=1)
    reason: Text
    reported: dt.date = Field(description="day on which the publisher was told")


class Temporal(Model):
    """The period the data are about."""

    start: dt.date
    end: dt.date | None = Field(None, description="open when the data go on")


class Definition(Model):
    """One dataset: what it is, where it comes from, what it promises."""

    title: Text
    description: Text
    row_is: Text = Field(description="what one row is, such as «one commune in one census year»")
    publisher: Identifier = Field(description="key under publishers in region.yml")
    licence: str | None = Field(None, description="SPDX; default: the publisher's licence")
    attribution: Text | None = Field(None, description="credit line that reusers must keep")
    themes: list[TableName] = Field(default=[], description="further themes besides its folder's")
    sdg: list[Annotated[str, Field(pattern=r"^([1-9]|1[0-7])(\.[0-9a-f]{1,2})?$")]] = Field(
        default=[],
        description="Sustainable Development Goals or targets, such as 11 or 11.3",
    )
    keywords: dict[Literal["ar", "fr", "en"], list[str]] = Field(default={})
    spatial: str | None = Field(None, description="place code; default: the region's")
    temporal: Temporal | None = None
    notes: Text | None = Field(None, description="known limits and what was filtered")
    source: Source | None = Field(None, description="absent: a derived dataset, made by its SQL")
    refresh: Refresh = Field(default_factory=Refresh)
    key: list[ColumnName] = Field(min_length=1, description="columns that identify a row")
    rows: Rows = Field(default_factory=Rows)
    rejects: Rejects = Field(default_factory=Rejects)
    columns: dict[ColumnName, Column] = Field(min_length=1)
    corrections: list[Correction] = Field(
        default=[], description="declared repairs of the publisher's data, published with it"
    )

    _known_licence = field_validator("licence")(lambda value: known_licence(value))

    @model_validator(mode="before")
    @classmethod
    def _codes_are_text(cls, data: Any) -> Any:
        if isinstance(data, dict) and isinstance(data.get("sdg"), list):
            return {**data, "sdg": [str(goal) for goal in data["sdg"]]}
        return data

    @model_validator(mode="after")
    def _names_exist(self) -> Self:
        for name in self.key:
            if name not in self.columns:
                raise ValueError(f"key: {name!r} is not one of the columns")
        staged = self.staged_columns
        for number, correction in enumerate(self.corrections):
            for name in correction.set:
                if name not in staged:
                    raise ValueError(f"corrections.{number}.set: {name!r} is not a staged column")
        return self

    @property
    def staged_columns(self) -> dict[str, StagedColumn]:
        """Columns looked for in the source: the published ones not computed, then the extras."""
        if self.source is None:
            return {}
        published = {name: col for name, col in self.columns.items() if not col.computed}
        return {**published, **self.source.columns}
