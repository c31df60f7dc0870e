"""Where bytes come from: one model per protocol, told apart by ``kind``."""

from __future__ import annotations

import datetime as dt
from typing import Annotated, Any, Literal, Self

from pydantic import Field, HttpUrl, PositiveInt, model_validator

from moulouya.definition.columns import StagedColumn, StagedName
from moulouya.definition.formats import Format, Reading
from moulouya.region import Model

ConnectionId = Annotated[str, Field(pattern=r"^[\w.-]+$", max_length=250)]
QueryValue = str | int | float | bool | list[str | int | float]


class SourceBase(Reading):
    """What every source says: how its bytes are read, and what a delivery is to the last one."""

    columns: dict[StagedName, StagedColumn] = Field(
        default={},
        description="columns the transform needs from the source but that are not published",
    )
    write_disposition: Literal["replace", "merge"] = Field(
        "replace",
        description="replace: a delivery is the whole table; merge: its rows are added to the "
        "published ones, and replace those of the same key",
    )


class WebSource(SourceBase):
    """What every source behind an http or https address says."""

    headers: dict[str, str] = Field(
        default={},
        description="extra request headers; a value `env:NAME` is read from the environment",
    )
    connection: ConnectionId | None = Field(
        None, description="Airflow connection whose login and password are sent (Basic)"
    )
    pinned_certificate: str | None = Field(
        None,
        pattern=r"^(?:[0-9a-fA-F]{2}:?){31}[0-9a-fA-F]{2}$",
        description="SHA-256 of the one certificate to trust, for a host whose chain is broken",
    )
    requests_per_second: float = Field(1.0, gt=0, le=100, description="at most, to one host")
    deadline: dt.timedelta = Field(
        dt.timedelta(hours=1), gt=dt.timedelta(0), description="for the whole fetch (ISO 8601)"
    )
    max_bytes: PositiveInt | None = Field(
        None, description="largest answer accepted; default: MOULOUYA_HTTP_MAX_BYTES"
    )


class HttpSource(WebSource):
    """A file behind an http or https address, fetched conditionally (ETag, Last-Modified)."""

    kind: Literal["http"]
    url: HttpUrl
    scraped: bool = Field(
        False, description="true: a page for people, taken only where robots.txt allows it"
    )


class Paging(Model):
    """How an API hands out its pages."""

    style: Literal["none", "page", "offset", "cursor", "next_link"] = "none"
    parameter: str | None = Field(
        None, description="query parameter of page number, offset or cursor; default: its style"
    )
    first: int = Field(1, ge=0, description="number of the first page")
    size_parameter: str | None = Field(None, description="query parameter of the page size")
    size: PositiveInt = Field(1000, description="records a page")
    next: str | None = Field(
        None, description="path in the answer to the cursor or next link; a link header is known"
    )
    total: str | None = Field(None, description="path in the answer to the number of all records")
    key: str | None = Field(
        None, description="path in a record to what identifies it, so that none comes twice"
    )
    max_pages: PositiveInt = Field(10_000, description="more pages fail the run")


class RestSource(WebSource):
    """Any HTTP API that answers JSON, CSV or XML, in pages or not."""

    kind: Literal["rest"]
    url: str = Field(
        pattern=r"^https?://\S+$", description="may hold {start} and {end} like a parameter"
    )
    method: Literal["GET", "POST"] = "GET"
    params: dict[str, QueryValue] = Field(
        default={},
        description="query parameters; {start:%Y-%m-%d} and {end:…} are the data interval's",
    )
    body: dict[str, Any] | str | None = Field(None, description="of a POST: JSON, or text as it is")
    paging: Paging = Field(default_factory=Paging)
    format: Format = "json"


class CkanSource(WebSource):
    """A resource of a CKAN portal, or the resources of a package whose names match."""

    kind: Literal["ckan"]
    url: HttpUrl = Field(
        description="the portal's API, such as https://data.gov.ma/data/api/3/action"
    )
    resource: str | None = Field(None, description="id of one resource")
    package: str | None = Field(None, description="name or id of a package")
    pattern: str = Field(
        "*", description="names, file names or formats of the package's resources, with * and ?"
    )

    @model_validator(mode="after")
    def _one_of_two(self) -> Self:
        if (self.resource is None) == (self.package is None):
            raise ValueError("give `resource` or `package`")
        return self


class OpendatasoftSource(WebSource):
    """A dataset of an Opendatasoft portal (Explore API v2.1, or v1)."""

    kind: Literal["opendatasoft"]
    url: HttpUrl = Field(description="the portal, such as https://data.example.org")
    dataset: str = Field(min_length=1)
    version: Literal["2.1", "1.0"] = "2.1"
    where: str | None = Field(None, description="filter in the portal's query language")
    select: str | None = None
    format: Format = "json"


class SocrataSource(WebSource):
    """A dataset of a Socrata portal (SODA), paged by its row id."""

    kind: Literal["socrata"]
    url: HttpUrl = Field(description="the portal, such as https://data.example.org")
    dataset: str = Field(pattern=r"^[a-z0-9]{4}-[a-z0-9]{4}$")
    where: str | None = Field(None, description="filter in SoQL")
    select: str | None = None
    format: Format = "json"


class ArcgisSource(WebSource):
    """A layer of an ArcGIS feature or map service, as GeoJSON in CRS84."""

    kind: Literal["arcgis"]
    url: HttpUrl = Field(description="the layer, such as https://…/FeatureServer/0")
    where: str = "1=1"
    out_fields: list[str] = Field(default=["*"], description="attributes to ask for")
    format: Format = "geojson"


class WorldBankSource(WebSource):
    """One or more indicators of the World Bank for one or more countries."""

    kind: Literal["worldbank"]
    url: HttpUrl = Field(HttpUrl("https://api.worldbank.org/v2"))
    indicators: list[str] = Field(min_length=1)
    countries: list[str] = Field(default=["MAR"], min_length=1)
    format: Format = "json"
    records: str | None = "[1]"


class OverpassSource(WebSource):
    """OpenStreetMap objects that an Overpass query finds."""

    kind: Literal["overpass"]
    url: HttpUrl = Field(HttpUrl("https://overpass-api.de/api/interpreter"))
    query: str = Field(min_length=1, description="Overpass QL; [out:json] is put before it")
    format: Format = "json"
    records: str | None = "elements"


class OgcFeaturesSource(WebSource):
    """A collection of an OGC API Features service, as GeoJSON, page by page."""

    kind: Literal["ogc_features"]
    url: HttpUrl = Field(description="the landing page")
    collection: str = Field(min_length=1)
    bbox: tuple[float, float, float, float] | None = None
    params: dict[str, QueryValue] = Field(default={})
    format: Format = "geojson"


class WfsSource(WebSource):
    """A feature type of a Web Feature Service, as GML or GeoJSON."""

    kind: Literal["wfs"]
    url: HttpUrl
    type_name: str = Field(min_length=1)
    version: Literal["1.0.0", "1.1.0", "2.0.0"] = "2.0.0"
    srs: str | None = Field(None, description="srsName to ask for; default: the service's own")
    output_format: str | None = Field(None, description="default: what `format` is called there")
    page_size: PositiveInt | None = Field(None, description="features a page (2.0.0); default: all")
    format: Format = "gml"


class SdmxSource(WebSource):
    """A dataflow of an SDMX REST service, as SDMX-ML 2.1, SDMX-JSON or SDMX-CSV."""

    kind: Literal["sdmx"]
    url: HttpUrl = Field(description="the service, such as https://data-api.ecb.europa.eu/service")
    flow: str = Field(min_length=1, description="dataflow, such as EXR or ECB,EXR,1.0")
    key: str = Field("all", description="series key, such as M.USD.EUR.SP00.A")
    params: dict[str, QueryValue] = Field(default={}, description="such as startPeriod")
    accept: str | None = Field(None, description="media type; default: the structure-specific XML")
    format: Format = "sdmx"


class SensorThingsSource(WebSource):
    """Entities of an OGC SensorThings 1.1 service, following its next links."""

    kind: Literal["sensorthings"]
    url: HttpUrl = Field(description="the service root, such as https://…/v1.1")
    entities: str = Field("Observations", description="path, such as Datastreams(1)/Observations")
    params: dict[str, QueryValue] = Field(
        default={},
        description="such as $expand, $filter; {start} and {end} are the data interval's",
    )
    page_size: PositiveInt = 1000
    format: Format = "json"
    records: str | None = "value"


class NgsiLdSource(WebSource):
    """Entities of an NGSI-LD context broker (ETSI GS CIM 009)."""

    kind: Literal["ngsi_ld"]
    url: HttpUrl = Field(description="the broker, such as https://broker.example.org/ngsi-ld/v1")
    type: str = Field(min_length=1, description="entity type, short or as a URI")
    context: HttpUrl | None = Field(None, description="@context of the short names")
    tenant: str | None = None
    params: dict[str, QueryValue] = Field(default={})
    page_size: PositiveInt = Field(100, le=1000)
    format: Format = "json"


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


class SftpSource(SourceBase):
    """Files dropped on an SFTP server; a file that is still being written is left there."""

    kind: Literal["sftp"]
    connection: ConnectionId = Field(description="Airflow connection: host, port, login, secret")
    path: str = Field(
        min_length=1, description="folder or file, with wildcards * and ? in the name"
    )
    host_keys: list[str] = Field(
        min_length=1, description="host keys to trust, as in known_hosts: `ssh-ed25519 AAAA…`"
    )
    complete: Literal["stable", "marker"] = Field(
        "stable",
        description="a file is whole when size and time stand still, or when <name>.done is there",
    )
    settle: dt.timedelta = Field(
        dt.timedelta(seconds=60), description="how long a stable file has not changed"
    )
    take: Literal["newest", "all", "new"] = Field(
        "newest", description="which of the files: the newest one, all, or those not taken before"
    )


class S3Source(SourceBase):
    """Objects under a prefix of an S3 bucket."""

    kind: Literal["s3"]
    bucket: str = Field(min_length=1)
    prefix: str = Field("", description="start of the keys")
    pattern: str = Field("*", description="the rest of the keys, with * and ?")
    endpoint: HttpUrl | None = Field(None, description="of a store other than Amazon's")
    region: str | None = None
    connection: ConnectionId | None = Field(
        None, description="Airflow connection: login is the key id, password the secret; default: "
        "none, for a public bucket",
    )  # fmt: skip
    take: Literal["newest", "all", "new"] = "newest"


class SqlSource(SourceBase):
    """The rows of one query to PostgreSQL or MariaDB, from one consistent snapshot."""

    kind: Literal["sql"]
    connection: ConnectionId = Field(description="Airflow connection of type postgres or mysql")
    query: str = Field(
        min_length=1, description="one SELECT; :start and :end are the data interval's"
    )
    timeout: dt.timedelta = Field(dt.timedelta(minutes=10), description="for the whole query")
    format: Format = "parquet"


class MqttSource(SourceBase):
    """Messages of MQTT topics, drained from a persistent session (QoS 1) and kept as they came."""

    kind: Literal["mqtt"]
    connection: ConnectionId = Field(description="Airflow connection: host, port, login, password")
    topics: list[str] = Field(min_length=1, description="topic filters, with + and #")
    client_id: str = Field(min_length=1, description="name of the persistent session, ours alone")
    tls: bool = True
    max_messages: PositiveInt = Field(100_000, description="messages a run takes at most")
    quiet: dt.timedelta = Field(
        dt.timedelta(seconds=2), description="silence after which the queue counts as drained"
    )
    format: Format = "ndjson"
    write_disposition: Literal["replace", "merge"] = "merge"


class InboxSource(SourceBase):
    """Files that a partner uploads over https (`moulouya inbox`), each with a receipt."""

    kind: Literal["inbox"]
    take: Literal["newest", "all", "new"] = Field(
        "newest", description="which of the uploads: the newest one, all, or those not taken before"
    )
    max_bytes: PositiveInt = Field(200 * 1024**2, description="largest upload accepted")


Source = Annotated[
    HttpSource
    | RestSource
    | CkanSource
    | OpendatasoftSource
    | SocrataSource
    | ArcgisSource
    | WorldBankSource
    | OverpassSource
    | OgcFeaturesSource
    | WfsSource
    | SdmxSource
    | SensorThingsSource
    | NgsiLdSource
    | FileSource
    | PackageSource
    | SftpSource
    | S3Source
    | SqlSource
    | MqttSource
    | InboxSource,
    Field(discriminator="kind"),
]
