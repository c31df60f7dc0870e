"""How bytes are read: formats, wrappings, dialects. All of it is declared, nothing is guessed."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import ConfigDict, Field, PositiveInt, field_validator

from moulouya.region import Model

Format = Literal[
    "csv",
    "fixed_width",
    "json",
    "ndjson",
    "geojson",
    "xml",
    "html",
    "xlsx",
    "xls",
    "ods",
    "parquet",
    "arrow",
    "shapefile",
    "geopackage",
    "kml",
    "gml",
    "gtfs",
    "sdmx",
]
Compression = Literal["none", "gzip", "bzip2", "zstd"]


class Dialect(Model):
    """How text is written: delimited text, and numbers in the text of any format."""

    model_config = ConfigDict(str_strip_whitespace=False)  # a tab and a blank are marks here

    delimiter: str = Field(",", min_length=1, max_length=4)
    quote: str = Field('"', max_length=1, description="empty: nothing is quoted")
    escape: str | None = Field(None, max_length=1, description="default: the quote doubled")
    encoding: str = Field("utf-8", description="any codec of Python, such as cp1252 or cp1256")
    header: bool | Annotated[int, Field(ge=1, le=9)] = Field(
        True,
        description="false: columns are matched by position, as c1, c2, …; a number: so many "
        "lines make the header, each name joined from them by a blank",
    )
    skip: int = Field(0, ge=0, description="lines before the header")
    skip_end: int = Field(0, ge=0, description="lines after the last row, such as footnotes")
    comment: str | None = Field(
        None, min_length=1, max_length=1, description="mark at the start of lines to leave out"
    )
    repeated_header: bool = Field(
        False, description="true: the header comes again between rows and is left out there"
    )
    stray_quotes: Literal["reject", "keep"] = Field(
        "keep",
        description="quotes that break the rules of quoting are letters where exactly one reading "
        "of the row has as many values as the header; reject: such a row is always rejected",
    )
    trim: bool = Field(False, description="true: blanks around values are not part of them")
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


class Archive(Model):
    """A zip or tar whose members are the files; several that match make one table."""

    kind: Literal["zip", "tar"] = Field(description="tar may itself be gzip, bzip2, xz or zstd")
    members: str | list[str] = Field(
        "*",
        description="names of the members to read, with wildcards * and ?; a name without / is "
        "looked for in every folder",
    )


class JoinedSheet(Model):
    """A sheet that says the same rows in another language, joined by key and never by order."""

    model_config = ConfigDict(str_strip_whitespace=False)  # a suffix may begin with a blank

    name: str = Field(min_length=1, description="name of the other sheet")
    key: list[str] = Field(min_length=1, description="columns that both sheets have")
    suffix: str = Field(description="added to the names of its other columns, such as _ar")


class Sheet(Model):
    """Where the table is in a workbook."""

    name: str | None = Field(
        None, description="name of the sheet; default: the only one that is shown"
    )
    header: PositiveInt | list[PositiveInt] = Field(
        1, description="row of the header, as the workbook counts them; several are joined"
    )
    end: PositiveInt | None = Field(None, description="last row of the table; default: the sheet's")
    columns: str | None = Field(
        None,
        pattern=r"^[A-Z]{1,3}:[A-Z]{1,3}$",
        description="columns of the table, such as B:H; default: those with a header",
    )
    merged: Literal["first", "fill"] = Field(
        "first",
        description="first: a merged area has its value in its first cell; fill: in every cell",
    )
    join: list[JoinedSheet] = Field(
        default=[], description="parallel sheets, such as an Arabic one"
    )


class Unpivot(Model):
    """Wide columns, such as one a year, told as rows."""

    columns: str = Field(
        min_length=1,
        description="regular expression (RE2) that the whole name of a wide column matches; a "
        "group in it is what becomes the value of `name`, else the whole name",
    )
    name: str = Field(min_length=1, description="column that gets the wide column's name")
    value: str = Field(min_length=1, description="column that gets its value")


class Geometry(Model):
    """How coordinates are written; published geometry is always longitude, latitude (OGC:CRS84)."""

    crs: str | None = Field(
        None, description="coordinate reference system, such as EPSG:26191; default: the file's own"
    )
    axis: Literal["declared", "lon_lat", "lat_lon"] = Field(
        "declared",
        description="order of the coordinates; lon_lat and lat_lon overrule what the file says",
    )
    layer: str | None = Field(
        None,
        description="layer of a file with several, shapefile of a zip, or folder of a KML; "
        "default: the only one, in KML all",
    )
    repair: bool = Field(
        False,
        description="true: invalid shapes are made valid, not rejected; the column "
        "geometry_repaired tells which",
    )


class Reading(Model):
    """How the bytes of a source become rows."""

    format: Format = Field(description="how the bytes are read")
    compression: Compression = Field("none", description="wrapping of each file")
    archive: Archive | None = Field(None, description="the files are members of an archive")
    dialect: Dialect = Field(default_factory=Dialect, description="how text is written")
    records: str | None = Field(
        None,
        description="path to the records: in JSON keys joined by dots, [] for each element of a "
        "list, [0] for its first, * for each member of an object, {} at the end where an object "
        "is itself the record; in XML element names from the root, joined by /",
    )
    columnar: bool = Field(
        False,
        description="true: the JSON at `records` is one list per column, not one record a row",
    )
    sheet: Sheet = Field(default_factory=Sheet, description="where the table is in a workbook")
    table: str | PositiveInt | None = Field(
        None,
        description="in HTML the number, id or caption of the table; in GTFS its file, as stops",
    )
    fields: dict[str, tuple[PositiveInt, PositiveInt]] = Field(
        default={},
        description="first and last character of each field of fixed-width text, from 1",
    )
    unpivot: Unpivot | None = Field(None, description="wide columns, told as rows")
    geometry: Geometry = Field(default_factory=Geometry, description="how coordinates are written")
