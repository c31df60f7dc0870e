"""What every source says, and every source behind an http or https address."""

from __future__ import annotations

import datetime as dt
from typing import Annotated, Any, Literal, Self
from urllib.parse import urlsplit

from pydantic import (
    AfterValidator,
    BeforeValidator,
    Field,
    PositiveInt,
    model_validator,
)

from moulouya.definition import templates
from moulouya.definition.columns import StagedColumn, StagedName
from moulouya.definition.formats import Reading

ConnectionId = Annotated[str, Field(pattern=r"^[\w.-]+$", max_length=250)]


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
