"""The dataset contract: what one file under ``datasets/<theme>/<slug>.yml`` may say.

The models are strict (an unknown key is a fault) and their JSON Schema is committed under
``schemas/`` so that editors complete and check the files while they are written.
"""

from __future__ import annotations

import datetime as dt
from typing import Annotated, Any, Literal, Self

from pydantic import Field, HttpUrl, field_validator, model_validator

from moulouya.definition.columns import Column, ColumnName, Scalar, StagedColumn
from moulouya.definition.privacy import Overrides
from moulouya.definition.sources import Source
from moulouya.region import Identifier, Model, TableName, Text, known_licence

HighValueCategory = Literal[
    "geospatial", "earth_observation_and_environment", "meteorological", "statistics",
    "companies_and_company_ownership", "mobility",
]  # fmt: skip
DRIFT_RULES = (
    "rows_lost", "rows_gained", "keys_removed", "restated", "nulls", "level", "scale", "reach",
    "new_level", "new_scale", "frozen", "categories", "unknown_categories", "garbled", "script",
    "length", "truth", "bounds", "new_nulls", "new_narrow", "new_garbled", "new_categories",
)  # fmt: skip


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


class DriftAllowance(Model):
    """How far a dataset may move from one delivery to the next before a person is asked."""

    rule: str = Field(description="a measure of drift, such as restated or level")
    column: ColumnName | None = Field(None, description="absent: every column, or the rows")
    at_most: float = Field(ge=0, description="largest measure that is published without a look")
    reason: Text

    @field_validator("rule")
    @classmethod
    def _known_rule(cls, value: str) -> str:
        if value not in DRIFT_RULES:
            raise ValueError(f"no measure {value!r}: one of {', '.join(DRIFT_RULES)}")
        return value


class Retention(Model):
    """How long versions are kept; without any of it, for ever.

    A version expires when it is beyond all that is given, and never while it is the newest.
    """

    versions: int | None = Field(None, ge=1, description="the newest ones that are kept")
    period: dt.timedelta | None = Field(
        None, alias="for", description="ISO 8601 duration for which every one is kept, such as P2Y"
    )
    snapshots: Literal["forever", "with_versions"] = Field(
        "forever", description="whether deliveries expire with the versions made of them"
    )

    @property
    def forever(self) -> bool:
        """True when nothing ever expires."""
        return self.versions is None and self.period is None


class Temporal(Model):
    """The period the data are about."""

    start: dt.date
    end: dt.date | None = Field(None, description="open when the data go on")


class HighValue(Model):
    """That a dataset is reported under the EU's Implementing Regulation 2023/138: a claim of law.

    Harvesters take it over as it is said (DCAT-AP for High-Value Datasets 3.0), so that it is
    never a default.
    """

    categories: list[HighValueCategory] = Field(
        min_length=1, description="the regulation's categories that the dataset belongs to"
    )
    legislation: list[HttpUrl] = Field(
        default=[],
        description="further acts that ask for the dataset, by their European Legislation "
        "Identifier; the regulation itself is always told",
    )


class Indicators(Model):
    """Which numbers of a dataset about places are compared, and which way is the better one."""

    higher_is_better: list[ColumnName] = Field(
        default=[], description="columns of which more is better, such as access to water"
    )
    lower_is_better: list[ColumnName] = Field(
        default=[], description="columns of which less is better, such as illiteracy"
    )
    left_out: list[ColumnName] | Literal["all"] = Field(
        default=[], description="numbers that are not compared; `all` for none of the dataset's"
    )

    @property
    def named(self) -> dict[str, list[str]]:
        """Every column named here, by key."""
        left_out = [] if self.left_out == "all" else self.left_out
        return {
            "higher_is_better": self.higher_is_better,
            "lower_is_better": self.lower_is_better,
            "left_out": left_out,
        }


class Definition(Model):
    """One dataset: what it is, where it comes from, what it promises."""

    title: Text
    description: Text
    row_is: Text = Field(description="what one row is, such as «one commune in one census year»")
    publisher: Identifier = Field(description="key under publishers in region.yml")
    licence: str | None = Field(None, description="SPDX; default: the publisher's licence")
    attribution: Text | None = Field(None, description="credit line that reusers must keep")
    themes: list[TableName] = Field(default=[], description="further themes besides its folder's")
    series: TableName | None = Field(
        None, description="the series that it is an edition of: a key under series in region.yml"
    )
    high_value: HighValue | None = Field(
        None,
        description="absent: nothing is claimed; a high-value dataset of a region bound by EU law",
    )
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
    drift: list[DriftAllowance] = Field(
        default=[], description="what is normal for this dataset though it looks like drift"
    )
    retention: Retention = Field(
        default_factory=Retention, description="how long old versions can be had"
    )
    columns: dict[ColumnName, Column] = Field(min_length=1)
    indicators: Indicators = Field(
        default_factory=Indicators,
        description="how the portal compares places by the dataset's numbers",
    )
    privacy: Overrides = Field(
        default=[], description="personal data that may be published, by whom and until when"
    )
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
        for number, allowance in enumerate(self.drift):
            if allowance.column is not None and allowance.column not in self.columns:
                raise ValueError(f"drift.{number}.column: {allowance.column!r} is not a column")
        for key, names in self.indicators.named.items():
            for number, name in enumerate(names):
                if name not in self.columns:
                    raise ValueError(f"indicators.{key}.{number}: {name!r} is not a column")
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
