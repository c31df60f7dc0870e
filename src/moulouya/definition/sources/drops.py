"""Places where something is left: files, SFTP, S3, databases, MQTT, the inbox."""

from __future__ import annotations

import datetime as dt
import ipaddress
import re
from typing import Annotated, Literal

from pydantic import (
    Field,
    HttpUrl,
    PositiveInt,
    field_validator,
)

from moulouya.definition.formats import Format
from moulouya.definition.sources.shared import (
    ConnectionId,
    SourceBase,
)

HostKey = Annotated[
    str, Field(pattern=r"^(ssh-|ecdsa-sha2-|sk-ssh-|sk-ecdsa-)[\w@.-]+ [A-Za-z0-9+/]+={0,2}( .*)?$")
]
# What may hold any character in an SQL statement: strings, quoted names and comments.


SQL_TEXTS = re.compile(
    r"""'(?:[^'\\]|\\.|'')*' | "(?:[^"]|"")*" | `[^`]*` | \$(\w*)\$.*?\$\1\$
        | --[^\n]* | /\*.*?\*/""",
    re.DOTALL | re.VERBOSE,
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
