"""Open-data portals: CKAN, Opendatasoft, Socrata, ArcGIS, the World Bank."""

from __future__ import annotations

from typing import Annotated, Any, Literal, Self

from pydantic import (
    Field,
    HttpUrl,
    PositiveInt,
    model_validator,
)

from moulouya.definition.formats import Format
from moulouya.definition.sources.shared import (
    WebSource,
)


class CkanSource(WebSource):
    """A resource of a CKAN portal, or the resources of a package whose names match."""

    kind: Literal["ckan"]
    url: HttpUrl = Field(
        description="the portal's API, such as https://data.gov.ma/data/api/3/action"
    )
    resource: str | None = Field(None, description="id of one resource")
    package: str | None = Field(None, description="name or id of a package")
    pattern: str | None = Field(
        None,
        min_length=1,
        description="names, file names or formats of the package's resources, with * and ?; "
        "default: those that the portal says have the `format`",
    )

    @model_validator(mode="after")
    def _one_of_two(self) -> Self:
        if (self.resource is None) == (self.package is None):
            raise ValueError("give `resource` or `package`")
        if self.pattern is not None and self.package is None:
            raise ValueError("`pattern` chooses among the resources of a `package`")
        return self


class OpendatasoftSource(WebSource):
    """A dataset of an Opendatasoft portal (Explore API v2.1, or v1)."""

    kind: Literal["opendatasoft"]
    url: HttpUrl = Field(description="the portal, such as https://data.example.org")
    dataset: str = Field(pattern=r"^[\w@.-]+$")
    version: Literal["2.1", "1.0"] = Field(
        "2.1",
        description="2.1: one export, whole; 1.0: pages of records, whose fields are under "
        "`fields.`, at most 10,000",
    )
    where: str | None = Field(
        None, description="filter in the portal's query language (in 1.0: the query `q`)"
    )
    select: str | None = Field(None, description="expressions to ask for (2.1)")
    format: Format = "json"

    @model_validator(mode="before")
    @classmethod
    def _records_of_the_first_version(cls, value: Any) -> Any:
        """In 1.0 the records have an envelope, which the publisher need not be told."""
        if isinstance(value, dict) and str(value.get("version")) == "1.0":
            return {"records": "records", **value}
        return value

    @model_validator(mode="after")
    def _has_the_format(self) -> Self:
        formats = EXPORTS if self.version == "2.1" else {"json": "json"}
        if self.format not in formats:
            raise ValueError(f"version {self.version} answers {', '.join(formats)}")
        if self.version == "1.0" and self.select is not None:
            raise ValueError("`select` is of version 2.1")
        if self.format == "csv" and len(self.dialect.delimiter) != 1:
            raise ValueError("the delimiter of an export is one character")
        return self


EXPORTS = {
    "json": "json",
    "ndjson": "jsonl",
    "csv": "csv",
    "geojson": "geojson",
    "parquet": "parquet",
    "xlsx": "xlsx",
}


class SocrataSource(WebSource):
    """A dataset of a Socrata portal (SODA), paged by its row id."""

    kind: Literal["socrata"]
    url: HttpUrl = Field(description="the portal, such as https://data.example.org")
    dataset: str = Field(pattern=r"^[a-z0-9]{4}-[a-z0-9]{4}$")
    where: str | None = Field(None, description="filter in SoQL")
    select: str | None = Field(None, description="columns to ask for, in SoQL; no aggregates")
    page_size: PositiveInt = Field(1000, le=50_000, description="rows a page")
    format: Literal["json"] = "json"


class ArcgisSource(WebSource):
    """A layer of an ArcGIS feature or map service, as GeoJSON in CRS84."""

    kind: Literal["arcgis"]
    url: HttpUrl = Field(description="the layer, such as https://…/FeatureServer/0")
    where: str = Field("1=1", min_length=1, description="filter in SQL")
    out_fields: list[str] = Field(default=["*"], min_length=1, description="attributes to ask for")
    page_size: PositiveInt | None = Field(
        None, description="features a page; default: as many as the layer allows"
    )
    format: Literal["geojson"] = "geojson"


class WorldBankSource(WebSource):
    """One or more indicators of the World Bank for one or more countries."""

    kind: Literal["worldbank"]
    url: HttpUrl = Field(HttpUrl("https://api.worldbank.org/v2"))
    indicators: list[Annotated[str, Field(pattern=r"^[\w.-]+$")]] = Field(
        min_length=1, description="such as SP.POP.TOTL; each is asked for by itself"
    )
    countries: list[Annotated[str, Field(pattern=r"^\w+$")]] = Field(
        default=["MAR"], min_length=1, description="ISO codes, or all"
    )
    date: str | None = Field(
        None, pattern=r"^[0-9A-Z]+(:[0-9A-Z]+)?$", description="years to ask for, as 2000:2024"
    )
    page_size: PositiveInt = Field(1000, le=32_500, description="rows a page")
    format: Literal["json"] = "json"
    records: str | None = "[1]"
