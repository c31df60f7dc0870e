"""Where bytes come from: one model per protocol, told apart by ``kind``."""

from __future__ import annotations

import datetime as dt
import ipaddress
import re
from typing import Annotated, Any, Literal, Self, get_args
from urllib.parse import urlsplit

from pydantic import (
    AfterValidator,
    BeforeValidator,
    Field,
    HttpUrl,
    PositiveInt,
    field_validator,
    model_validator,
)

from moulouya.definition import paths, templates
from moulouya.definition.columns import StagedColumn, StagedName
from moulouya.definition.formats import Format, Reading
from moulouya.region import Model

ConnectionId = Annotated[str, Field(pattern=r"^[\w.-]+$", max_length=250)]
HostKey = Annotated[
    str, Field(pattern=r"^(ssh-|ecdsa-sha2-|sk-ssh-|sk-ecdsa-)[\w@.-]+ [A-Za-z0-9+/]+={0,2}( .*)?$")
]
# What may hold any character in an SQL statement: strings, quoted names and comments.
SQL_TEXTS = re.compile(
    r"""'(?:[^'\\]|\\.|'')*' | "(?:[^"]|"")*" | `[^`]*` | \$(\w*)\$.*?\$\1\$
        | --[^\n]* | /\*.*?\*/""",
    re.DOTALL | re.VERBOSE,
)


def _as_written(value: Any) -> Any:
    """A day as YAML reads it unquoted, as the text that it was; times have more than one text."""
    if isinstance(value, list):
        return [_as_written(each) for each in value]
    if isinstance(value, dt.datetime):
        raise ValueError("quote this time, so that it is sent as it is written")
    return value.isoformat() if isinstance(value, dt.date) else value


QueryValue = Annotated[
    str | int | float | bool | list[str | int | float], BeforeValidator(_as_written)
]
Params = Annotated[dict[str, QueryValue], AfterValidator(templates.check)]


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

    @model_validator(mode="after")
    def _no_login_in_the_address(self) -> Self:
        if "@" in urlsplit(str(getattr(self, "url", ""))).netloc:
            raise ValueError("`url` holds a login: name an Airflow connection in `connection`")
        return self


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
    place: Literal["query", "body"] = Field(
        "query", description="body: the parameters go into the JSON of a POST"
    )
    first: int | None = Field(
        None, ge=0, description="number of the first page (default 1) or first offset (default 0)"
    )
    size_parameter: str | None = Field(None, description="query parameter of the page size")
    size: PositiveInt = Field(1000, description="records a page")
    until: Literal["empty", "short"] = Field(
        "empty",
        description="the last page, where no total is known: one without records, or one with "
        "fewer than size",
    )
    next: str | None = Field(
        None, description="path in the answer to the cursor or next link; a link header is known"
    )
    total: str | None = Field(None, description="path in the answer to the number of all records")
    key: str | None = Field(
        None, description="path in a record to what identifies it, so that none comes twice"
    )
    confirm: bool = Field(
        True,
        description="pages are read until two readings in a row agree, because rows that come "
        "and go between two pages may leave no other trace; false: one reading is enough",
    )
    max_pages: PositiveInt = Field(10_000, description="more pages fail the run")

    @field_validator("next", "total", "key")
    @classmethod
    def _is_path(cls, value: str | None) -> str | None:
        if value is not None:
            paths.parsed(value)
        return value

    @model_validator(mode="after")
    def _says_where_to_go_on(self) -> Self:
        if self.style == "cursor" and self.next is None:
            raise ValueError("style cursor needs `next`, the path to the cursor in the answer")
        if self.next is not None and self.style not in ("cursor", "next_link"):
            raise ValueError(f"`next` says nothing for the style {self.style}")
        if self.until == "short" and self.size_parameter is None:
            raise ValueError("until: short needs `size_parameter`, or the size is not agreed")
        return self


PAGED_FORMATS = ("json", "geojson", "ndjson", "csv", "xml")


class RestSource(WebSource):
    """Any HTTP API that answers JSON, CSV or XML, in pages or not."""

    kind: Literal["rest"]
    url: str = Field(
        pattern=r"^https?://\S+$",
        description="may hold {start}, {end} and {last} like a parameter",
    )
    method: Literal["GET", "POST"] = "GET"
    params: dict[str, QueryValue] = Field(
        default={},
        description="query parameters; {start:%Y-%m-%d} and {end:…} are the data interval's, "
        "{last:…} is the last moment in it, for APIs whose range includes its last day",
    )
    body: dict[str, Any] | str | None = Field(
        None, description="of a POST: JSON, or text as it is; may hold {start} like a parameter"
    )
    paging: Paging = Field(default_factory=Paging)
    format: Format = "json"

    @field_validator("url", "params")
    @classmethod
    def _known_places(cls, value: Any) -> Any:
        return templates.check(value)

    @field_validator("body")
    @classmethod
    def _known_places_in_body(cls, value: Any) -> Any:
        return templates.check(value, foreign_braces=True)

    @model_validator(mode="after")
    def _fits_together(self) -> Self:
        if self.body is not None and self.method != "POST":
            raise ValueError("a `body` is sent by `method: POST`")
        if self.paging.place == "body" and not isinstance(self.body, dict):
            raise ValueError("paging.place: body needs a `body` that is JSON")
        if self.paging.style == "none":
            return self
        if self.format not in PAGED_FORMATS:
            raise ValueError(f"{self.format} does not come in pages: {', '.join(PAGED_FORMATS)} do")
        if self.format in ("json", "geojson"):
            paths.parsed(self.records or "")
        in_answer = [self.paging.next, self.paging.total]
        if self.format in ("csv", "xml", "ndjson") and any(in_answer):
            raise ValueError(f"a {self.format} answer has no path to a cursor, link or total")
        if self.format == "xml" and (self.paging.key or not self.records):
            raise ValueError("pages of XML need `records`, and know no `key`")
        if self.compression != "none" or self.archive is not None:
            raise ValueError("pages that are compressed or archives cannot be counted")
        return self


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


class OverpassSource(WebSource):
    """OpenStreetMap objects that an Overpass query finds."""

    kind: Literal["overpass"]
    url: HttpUrl = Field(HttpUrl("https://overpass-api.de/api/interpreter"))
    query: str = Field(
        min_length=1,
        description="Overpass QL; [out:json] and [timeout:…] are put before it",
    )
    timeout: PositiveInt = Field(180, le=3600, description="seconds that the server may take")
    format: Literal["json"] = "json"
    records: str | None = "elements"

    @field_validator("query")
    @classmethod
    def _answers_json(cls, value: str) -> str:
        said = re.match(r"\s*(?:\[[^\]]*\]\s*)*?\[\s*out\s*:\s*(\w+)", value)
        if said is not None and said[1] != "json":
            raise ValueError(f"[out:{said[1]}] is not read: leave it out, or write [out:json]")
        return value


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
    host_keys: list[HostKey] = Field(
        min_length=1, description="host keys to trust, as in known_hosts: `ssh-ed25519 AAAA…`"
    )
    complete: Literal["stable", "marker"] = Field(
        "stable",
        description="a file is whole when size and time stand still, or when <name>.done is there",
    )
    settle: dt.timedelta = Field(
        dt.timedelta(seconds=60),
        ge=dt.timedelta(0),
        description="how long a stable file has not changed",
    )
    take: Literal["newest", "all", "new"] = Field(
        "newest", description="which of the files: the newest one, all, or those not taken before"
    )

    @field_validator("path")
    @classmethod
    def _wildcards_in_the_name(cls, value: str) -> str:
        folder, _, _ = value.rpartition("/")
        if "*" in folder or "?" in folder:
            raise ValueError("a path has wildcards in its last part only")
        return value


class S3Source(SourceBase):
    """Objects under a prefix of an S3 bucket."""

    kind: Literal["s3"]
    bucket: str = Field(min_length=1, description="name of the bucket")
    prefix: str = Field("", description="start of the keys")
    pattern: str = Field("*", description="the rest of the keys, with * and ?; * spans folders")
    endpoint: HttpUrl | None = Field(
        None,
        description="of a store other than Amazon's; http only at an address of the own network",
    )
    region: str | None = Field(None, description="of the bucket; default: us-east-1")
    connection: ConnectionId | None = Field(
        None, description="Airflow connection: login is the key id, password the secret; default: "
        "none, for a public bucket",
    )  # fmt: skip
    take: Literal["newest", "all", "new"] = Field(
        "newest", description="which of the objects: the newest, all, or those not taken before"
    )

    @field_validator("endpoint")
    @classmethod
    def _encrypted_or_near(cls, value: HttpUrl | None) -> HttpUrl | None:
        if value is None:
            return None
        host = (value.host or "").strip("[]")
        try:
            address = ipaddress.ip_address("127.0.0.1" if host == "localhost" else host)
        except ValueError:
            address = None
        if address is not None and (address.is_link_local or address.is_unspecified):
            raise ValueError("this address is not one of a store")
        near = address is not None and (address.is_loopback or address.is_private)
        if value.scheme == "http" and not near:
            raise ValueError("http is for an address of the own network, written as numbers")
        return value


class SqlSource(SourceBase):
    """The rows of one query to PostgreSQL or MariaDB, from one consistent snapshot."""

    kind: Literal["sql"]
    connection: ConnectionId = Field(description="Airflow connection of type postgres or mysql")
    query: str = Field(
        min_length=1, description="one SELECT; :start and :end are the data interval's"
    )
    timeout: dt.timedelta = Field(
        dt.timedelta(minutes=10), gt=dt.timedelta(0), description="for the whole query"
    )
    format: Format = "parquet"

    @field_validator("query")
    @classmethod
    def _one_select(cls, value: str) -> str:
        bare = SQL_TEXTS.sub(" ", value).strip().rstrip("; \t\r\n")
        if ";" in bare or not re.match(r"(SELECT|WITH)\b", bare, re.IGNORECASE):
            raise ValueError("a query is one SELECT, or one WITH … SELECT")
        unknown = set(re.findall(r"(?<![:\w\\]):(\w+)", bare)) - {"start", "end"}
        if unknown:
            raise ValueError(
                f"the parameters are :start and :end, not :{min(unknown)}; "
                "a colon of its own is written \\:"
            )
        return value

    @field_validator("format")
    @classmethod
    def _parquet(cls, value: Format) -> Format:
        if value != "parquet":
            raise ValueError("the rows of a query come as parquet")
        return value


class MqttSource(SourceBase):
    """Messages of MQTT topics, drained from a persistent session (QoS 1) and kept as they came."""

    kind: Literal["mqtt"]
    connection: ConnectionId = Field(description="Airflow connection: host, port, login, password")
    topics: list[str] = Field(min_length=1, description="topic filters, with + and #")
    client_id: str = Field(
        min_length=1,
        max_length=128,
        description="name of the persistent session: this dataset's alone, and for ever",
    )
    tls: bool = Field(True, description="false: in the clear, for a broker of the own network")
    max_messages: PositiveInt = Field(
        65_535, le=65_535, description="messages a run takes at most; the rest waits at the broker"
    )
    quiet: dt.timedelta = Field(
        dt.timedelta(seconds=2),
        gt=dt.timedelta(0),
        description="silence after which the queue counts as drained",
    )
    longest: dt.timedelta = Field(
        dt.timedelta(minutes=5),
        gt=dt.timedelta(0),
        description="how long a run listens at most, where it never gets quiet",
    )
    format: Format = "ndjson"
    write_disposition: Literal["replace", "merge"] = "merge"

    @field_validator("topics")
    @classmethod
    def _filters(cls, value: list[str]) -> list[str]:
        for topic in value:
            levels = topic.split("/")
            if levels[0] == "$share":
                raise ValueError("a shared subscription gives each subscriber a part only")
            if "#" in topic.removesuffix("#") or any(
                len(level) > 1 and set(level) & {"+", "#"} for level in levels
            ):
                raise ValueError(f"{topic!r} is no topic filter: + and # stand for whole levels")
        return value


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

SOURCE_KINDS = frozenset(
    get_args(model.model_fields["kind"].annotation)[0] for model in get_args(get_args(Source)[0])
)
