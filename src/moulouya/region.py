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
    eu: str | None = Field(
        None,
        description="code in the EU data-theme vocabulary used by DCAT-AP, such as ENVI",
    )


class Place(Model):
    """The region itself: its names, code and extent."""

    code: str = Field(description="geographic code, text (HCP's in Morocco)")
    name: Text
    country: Text
    bbox: tuple[float, float, float, float] = Field(
        description="west, south, east, north in degrees (OGC:CRS84)"
    )
    crs: str = Field("OGC:CRS84", description="coordinate reference system of published geometry")


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
    units: dict[str, Text] = Field(
        default={}, description="units of measure that are words, by the word used in `unit`"
    )

    _known_licence = field_validator("licence")(lambda value: known_licence(value))


def known_licence(value: str | None) -> str | None:
    """Accept an SPDX identifier that the catalogue has terms for, or say which is close."""
    if value is None or value in LICENCES:
        return value
    raise ValueError(f"unknown licence {value!r}{did_you_mean(value, LICENCES)}")
