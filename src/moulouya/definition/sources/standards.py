"""Services of a standard: OGC API Features, WFS, SDMX, SensorThings, NGSI-LD."""

from __future__ import annotations

from typing import Literal, Self

from pydantic import (
    Field,
    HttpUrl,
    PositiveInt,
    field_validator,
    model_validator,
)

from moulouya.definition.formats import Format
from moulouya.definition.sources.shared import (
    Params,
    QueryValue,
    WebSource,
)


class OgcFeaturesSource(WebSource):
    """A collection of an OGC API Features service, as GeoJSON, page by page."""

    kind: Literal["ogc_features"]
    url: HttpUrl = Field(description="the landing page")
    collection: str = Field(min_length=1, description="id of the collection")
    bbox: tuple[float, float, float, float] | None = Field(
        None, description="only features in this box: west, south, east, north (CRS84)"
    )
    params: Params = Field(
        default={},
        description="further parameters, such as a property's name, or datetime: "
        '"{start}/{end}" for the data interval',
    )
    page_size: PositiveInt = Field(1000, le=10_000, description="features a page (limit)")
    format: Format = "geojson"


class WfsSource(WebSource):
    """A feature type of a Web Feature Service, as GML or GeoJSON."""

    kind: Literal["wfs"]
    url: HttpUrl = Field(description="the service, such as https://…/geoserver/wfs")
    type_name: str = Field(min_length=1, description="such as cadastre:parcels")
    version: Literal["1.0.0", "1.1.0", "2.0.0"] = "2.0.0"
    srs: str | None = Field(None, description="srsName to ask for; default: the service's own")
    output_format: str | None = Field(
        None, description="outputFormat to ask for; default: application/json for geojson, the "
        "service's own GML for gml",
    )  # fmt: skip
    params: Params = Field(
        default={}, description="further parameters, such as CQL_FILTER, bbox or propertyName"
    )
    page_size: PositiveInt | None = Field(None, description="features a page; default: all at once")
    sort_by: str | None = Field(
        None,
        description="properties that order the features, so that pages do not overlap; without "
        "them pages are read twice",
    )
    format: Format = "gml"

    @model_validator(mode="after")
    def _sorts_pages(self) -> Self:
        if self.sort_by is not None and self.page_size is None:
            raise ValueError("`sort_by` is for pages: give `page_size`")
        return self


class SdmxSource(WebSource):
    """A dataflow of an SDMX 2.1 REST service, as SDMX-ML, SDMX-JSON or SDMX-CSV."""

    kind: Literal["sdmx"]
    url: HttpUrl = Field(description="the service, such as https://data-api.ecb.europa.eu/service")
    flow: str = Field(pattern=r"^[\w@.,~+-]+$", description="dataflow, such as EXR or ECB,EXR,1.0")
    key: str = Field(
        "all", pattern=r"^[\w@.,~+$*:-]+$", description="series key, such as M.USD.EUR.SP00.A"
    )
    params: Params = Field(default={}, description="such as startPeriod: {start:%Y-%m}")
    accept: str | None = Field(
        None, description="media type to ask for; default: structure-specific XML, CSV for csv"
    )
    format: Format = "sdmx"


class SensorThingsSource(WebSource):
    """Entities of an OGC SensorThings 1.1 service, following its next links."""

    kind: Literal["sensorthings"]
    url: HttpUrl = Field(description="the service root, such as https://…/v1.1")
    entities: str = Field(
        "Observations",
        pattern=r"^[^?#\s]+$",
        description="path, such as Datastreams(1)/Observations",
    )
    params: Params = Field(
        default={},
        description="such as $expand, $filter; {start} and {end} are the data interval's",
    )
    page_size: PositiveInt = Field(1000, description="entities a page ($top)")
    format: Format = "json"
    records: str | None = "value"

    @field_validator("params")
    @classmethod
    def _as_entities(cls, value: dict[str, QueryValue]) -> dict[str, QueryValue]:
        ours = {"$top", "$skip", "$count", "$resultFormat"} & value.keys()
        if ours:
            raise ValueError(f"{', '.join(sorted(ours))} cannot be set: use `page_size`")
        return value


class NgsiLdSource(WebSource):
    """Entities of an NGSI-LD context broker (ETSI GS CIM 009)."""

    kind: Literal["ngsi_ld"]
    url: HttpUrl = Field(description="the broker, such as https://broker.example.org/ngsi-ld/v1")
    type: str = Field(min_length=1, description="entity type, short or as a URI")
    context: HttpUrl | None = Field(None, description="@context of the short names")
    tenant: str | None = Field(None, description="of a broker with several (NGSILD-Tenant)")
    temporal: bool = Field(
        False, description="true: what entities were over time (temporal/entities)"
    )
    params: Params = Field(
        default={}, description="such as options: keyValues, attrs, q; with {start} and {end}"
    )
    page_size: PositiveInt = Field(100, le=1000, description="entities a page (limit)")
    format: Format = "json"
