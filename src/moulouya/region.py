"""region.yml: everything about a place that the code must not know by itself."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, HttpUrl, field_validator

from moulouya.errors import did_you_mean
from moulouya.licences import LICENCES

Language = Literal["ar", "fr", "en"]
LANGUAGES: tuple[Language, ...] = ("ar", "fr", "en")
Identifier = Annotated[str, Field(pattern=r"^[a-z][a-z0-9_-]{0,62}$")]
TableName = Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]{0,62}$")]
ColumnName = Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]{0,62}\.[a-z][a-z0-9_]{0,62}$")]


SYMBOLS = frozenset({
    "%", "‰", "°", "°C", "m", "m²", "m³", "km", "km²", "ha", "hm³", "mm", "L", "L/s",
    "g", "kg", "t", "mg/kg", "mg/L", "µg/m³", "kg/ha", "t/ha", "pH", "dB", "MAD",
    "W", "kW", "MW", "kWh", "MWh", "GWh", "s", "min", "h",
})  # fmt: skip


class Model(BaseModel):
    """A strict, frozen model: an unknown key is a fault, never ignored."""

    model_config = ConfigDict(extra="forbid", frozen=True, str_strip_whitespace=True)


class Text(Model):
    """One text in the three languages of the catalogue; none may be missing."""

    ar: str = Field(min_length=1, description="Arabic")
    fr: str = Field(min_length=1, description="French")
    en: str = Field(min_length=1, description="English")

    def __getitem__(self, language: str) -> str:
        return {"ar": self.ar, "fr": self.fr, "en": self.en}[language]


class Publisher(Model):
    """Who is responsible for a source, as DCAT's ``dct:publisher`` wants it."""

    name: Text
    url: HttpUrl
    contact: str | None = Field(None, description="e-mail address or page for questions")
    licence: str | None = Field(None, description="default licence of its datasets (SPDX)")

    _known_licence = field_validator("licence")(lambda value: known_licence(value))


class Theme(Model):
    """A shelf of the catalogue; also the schema of its tables in SQL."""

    title: Text
    description: Text | None = Field(None, description="what is found in it, in one sentence")
    eu: str | None = Field(
        None,
        description="code in the EU data-theme vocabulary used by DCAT-AP, such as ENVI",
    )


class Series(Model):
    """Datasets that belong together though each stands alone, such as those of each census.

    DCAT 3 §6.8, Dataset Series.
    """

    title: Text
    description: Text


class Place(Model):
    """The region itself: its names, code and extent."""

    code: str = Field(description="geographic code, text (HCP's in Morocco)")
    name: Text
    country: Text
    bbox: tuple[float, float, float, float] = Field(
        description="west, south, east, north in degrees (OGC:CRS84)"
    )
    crs: str = Field("OGC:CRS84", description="coordinate reference system of published geometry")


class Level(Model):
    """A territorial level: what one and several of its places are called."""

    title: Text = Field(description="one place of the level, such as Commune")
    plural: Text = Field(description="several of them, such as Communes")
    within: TableName | None = Field(
        None,
        description="wider level in which its places are ranked against one another; "
        "the level before it by default",
    )


class Names(Model):
    """The columns that hold a place's name, one for each language."""

    ar: TableName
    fr: TableName
    en: TableName


class Places(Model):
    """The register of places: which dataset it is, what its columns are, which levels it has."""

    dataset: TableName = Field(description="slug of the dataset with one row for each place")
    code: TableName = Field("code", description="column of the place's code")
    level: TableName = Field("level", description="column of its level")
    parent: TableName = Field(
        "parent_code", description="column of the code of the place directly around it"
    )
    name: Names = Field(description="columns of the name; a column may serve two languages")
    levels: dict[TableName, Level] = Field(min_length=1, description="the widest level first")
    same_as: tuple[ColumnName, ...] = Field(
        (),
        description="columns of other datasets that hold the same codes, as `dataset.column`",
    )
    boundaries: dict[TableName, TableName] = Field(
        default={}, description="dataset with the outlines of a level's places, by level"
    )
    counts: tuple[str, ...] = Field(
        (),
        description="units whose whole numbers may be added up over the places of an area",
    )
    headline: tuple[ColumnName, ...] = Field(
        (), description="figures that open a place's page, as `dataset.column`"
    )

    def within(self, level: str) -> str | None:
        """The level in which places of a level are ranked; None for the widest."""
        order = list(self.levels)
        if level not in self.levels or order.index(level) == 0:
            return None
        return self.levels[level].within or order[order.index(level) - 1]


Weekday = Literal["mon", "tue", "wed", "thu", "fri", "sat", "sun"]
Holiday = Annotated[str, Field(pattern=r"^(\d{4}-)?(0[1-9]|1[0-2])-(0[1-9]|[12]\d|3[01])$")]


class Law(Model):
    """A law that a page names: how it is called, and where its text is."""

    name: Text
    url: HttpUrl | None = Field(None, description="address of its text")


class RequestDesk(Model):
    """How requests for data are answered here, and within which time the law wants it."""

    law: Law = Field(description="the law that gives the right to an answer")
    privacy_law: Law = Field(description="the law that protects names and addresses of senders")
    working_days: int = Field(20, ge=1, le=365, description="working days for an answer")
    extension_days: int = Field(
        20, ge=0, le=365, description="working days by which the time may be extended, once"
    )
    urgent_hours: int = Field(
        48, ge=1, le=720, description="hours for an answer where life or safety depend on it"
    )
    weekend: tuple[Weekday, ...] = Field(
        ("sat", "sun"), max_length=6, description="days of the week on which nobody works"
    )
    holidays: tuple[Holiday, ...] = Field(
        (),
        max_length=40,
        description="days off: `MM-DD` for every year, `YYYY-MM-DD` for one",
    )


class ProactiveCategory(Model):
    """One kind of information to publish without being asked, and what is published of it."""

    title: Text = Field(description="what is to be published, in plain words")
    datasets: tuple[TableName, ...] = Field((), description="datasets that belong to it")
    themes: tuple[TableName, ...] = Field((), description="themes whose datasets all belong to it")


class Region(Model):
    """The whole of region.yml."""

    title: Text = Field(description="name of the catalogue")
    description: Text
    place: Place
    languages: tuple[Language, ...] = Field(
        LANGUAGES, description="languages of the portal, the first is the default"
    )
    timezone: str = Field("UTC", description="IANA zone in which times are shown; storage is UTC")
    contact: str = Field(description="e-mail address or page that answers for the catalogue")
    licence: str = Field(description="licence of the catalogue's own metadata (SPDX)")
    publishers: dict[Identifier, Publisher] = Field(min_length=1)
    themes: dict[TableName, Theme] = Field(min_length=1)
    series: dict[TableName, Series] = Field(
        default={}, description="series that datasets are editions of, by the name they give"
    )
    units: dict[str, Text] = Field(
        default={}, description="units of measure that are words, by the word used in `unit`"
    )
    requests: RequestDesk | None = Field(
        None, description="within which time requests are answered; without it no time is promised"
    )
    proactive: tuple[ProactiveCategory, ...] = Field(
        (), description="what the law wants published without being asked, in its order"
    )
    places: Places | None = Field(
        None, description="the register of places; without it the portal has no pages of places"
    )

    _known_licence = field_validator("licence")(lambda value: known_licence(value))


def known_licence(value: str | None) -> str | None:
    """Accept an SPDX identifier that the catalogue has terms for, or say which is close."""
    if value is None or value in LICENCES:
        return value
    raise ValueError(f"unknown licence {value!r}{did_you_mean(value, LICENCES)}")
