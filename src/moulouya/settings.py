"""Every setting of a deployment, read once from ``MOULOUYA_*`` and passed on."""

from __future__ import annotations

import hashlib
import re
from functools import cached_property
from pathlib import Path
from typing import Any

from pydantic import Field, SecretStr, field_validator
from pydantic_settings import BaseSettings, SettingsConfigDict

# As S3 allows them: a bucket's name, and keys that need no escaping anywhere.
BUCKET = re.compile(r"s3://([a-z0-9][a-z0-9.-]{1,61}[a-z0-9])((?:/[A-Za-z0-9][A-Za-z0-9._-]*)*)/*")


class Settings(BaseSettings):
    """Where things are, and the limits within which a run may work."""

    model_config = SettingsConfigDict(env_prefix="MOULOUYA_", frozen=True, extra="ignore")

    workspace: Path = Field(Path(), description="folder with region.yml and the three shelves")
    lake: Path | str | None = Field(
        None,
        description="folder of the lake, or s3://bucket/prefix; default: .moulouya/lake in the "
        "workspace",
    )
    state: Path | None = Field(
        None, description="folder of caches; default: .moulouya in the workspace"
    )
    public_url: str = Field(
        "http://127.0.0.1:8500", description="address under which the portal is reached"
    )
    airflow_url: str = Field(
        "http://127.0.0.1:8080",
        description="address of Airflow's UI, used in links for engineers",
    )
    memory_limit: str = Field("700MB", description="DuckDB's memory limit in one run")
    threads: int = Field(2, ge=1, description="DuckDB's threads in one run")
    http_timeout: float = Field(
        60.0, gt=0, description="seconds without a byte before a fetch stops"
    )
    http_max_bytes: int = Field(2 * 1024**3, gt=0, description="largest body a fetch accepts")
    private_hosts: str = Field(
        "",
        description="hosts of private networks that sources may name, as name or name:port, "
        "separated by commas",
    )
    sandbox_memory: int = Field(
        2 * 1024**3, gt=0, description="bytes of memory in which a delivery must be read"
    )
    sandbox_seconds: float = Field(
        60.0,
        gt=0,
        description="time in which a delivery must be read; one second more for every 2 MB of it",
    )
    keep_releases: int = Field(
        20, ge=1, description="newest releases whose catalogue files are kept, whatever their age"
    )
    keep_releases_days: float = Field(
        30.0, ge=0, description="days for which the catalogue files of every release are kept"
    )
    keep_held_days: float = Field(
        30.0, ge=0, description="days for which rejected deliveries and failed reports are kept"
    )
    contact: str = Field(
        "",
        description="address put into the User-Agent; default: the contact of region.yml",
    )

    participation_url: str = Field(
        "",
        description="PostgreSQL database of requests and reports, as "
        "postgresql+psycopg://user@host/name; default: SQLite in the state folder",
    )
    personal_days: int = Field(
        90,
        ge=7,
        description="days within which name and e-mail of a sender are deleted once the request "
        "is closed",
    )
    secret_key: SecretStr = Field(
        SecretStr(""),
        description="what the portal signs its forms with, the same on every host; default: made "
        "once, in the state folder",
    )
    proxies: int = Field(
        0, ge=0, description="proxies in front of the portal, which add to X-Forwarded-For"
    )

    smtp_url: SecretStr = Field(
        SecretStr(""),
        description="server through which mail is sent, as smtp[s]://user:password@host:port; smtp "
        "begins TLS with STARTTLS; smtp+plain:// is for a relay on this machine; default: no mail",
    )
    mail_from: str = Field(
        "",
        description="address from which mail is sent; where it is set, the portal offers to tell "
        "readers by mail, and whoever sends needs MOULOUYA_SMTP_URL too",
    )
    mails_per_second: float = Field(5.0, gt=0, description="mails sent in a second, at most")

    sql_workers: int = Field(
        8, ge=0, description="SQL statements of readers that run at once; 0: the service is off"
    )
    sql_seconds: float = Field(
        3.0,
        gt=0,
        description="time for one statement of a reader; with a contact 10/3 of it, with a key 10 "
        "times",
    )
    sql_rows: int = Field(
        10_000,
        ge=1,
        description="rows of one result; with a contact 5 times as many, with a key 100 times",
    )
    sql_memory: int = Field(
        512 * 1024**2, ge=128 * 1024**2, description="bytes of memory for one statement of a reader"
    )
    sql_keys: Path | None = Field(
        None,
        description="file of the keys that lift the limits: on each line a name and the SHA-256 of "
        "a key",
    )
    sql_layers: str = Field(
        "duckdb,system",
        description="what keeps statements in; either is left out only to test the other alone",
    )

    @field_validator("lake", mode="before")
    @classmethod
    def _folder_or_bucket(cls, value: Any) -> Any:
        """A path, or the address of a bucket: what looks like another address is a mistake."""
        text = str(value)
        if not isinstance(value, str) or not re.match(r"[A-Za-z][A-Za-z0-9+.-]*:/", text):
            return Path(text) if value is not None and text else None
        if not text.startswith("s3://"):
            raise ValueError(f"{text} is neither a folder nor s3://bucket/prefix")
        found = BUCKET.fullmatch(text)
        if found is None:
            raise ValueError(
                f"{text} is not s3://bucket/prefix: a bucket is lower-case letters, digits, - and "
                "., a prefix is names of letters, digits, ., _ and - with / between them"
            )
        return f"s3://{found[1]}{found[2]}"

    @property
    def sends_mail(self) -> bool:
        """Whether a server is named through which mail is sent."""
        return bool(self.smtp_url.get_secret_value())

    @property
    def offers_mail(self) -> bool:
        """Whether the portal takes addresses: it never knows the server that mail goes through."""
        return bool(self.mail_from)

    @cached_property
    def lake_bucket(self) -> str | None:
        """The lake's address where it is in a bucket: s3://bucket/prefix."""
        return self.lake if isinstance(self.lake, str) else None

    @cached_property
    def lake_place(self) -> str:
        """Where the lake is, as MOULOUYA_LAKE and ``--lake`` take it from anywhere."""
        return self.lake_bucket or str(self.lake_root)

    @cached_property
    def lake_root(self) -> Path:
        """The lake's folder, absolute; of a lake in a bucket the working copy on this host."""
        if self.lake_bucket is not None:
            name = self.lake_bucket.removeprefix("s3://").replace("/", "-")[:80]
            mark = hashlib.sha256(self.lake_bucket.encode()).hexdigest()[:8]
            return self.state_root / "lakes" / f"{name}-{mark}"
        return Path(self.lake or self.workspace / ".moulouya" / "lake").absolute()

    @cached_property
    def inbox_root(self) -> Path:
        """Where files that are sent wait for their run: on this host, wherever the lake is."""
        return (self.state_root if self.lake_bucket else self.lake_root) / "inbox"

    @cached_property
    def state_root(self) -> Path:
        """Where caches that can be made anew are kept."""
        return (self.state or self.workspace / ".moulouya").absolute()

    @cached_property
    def allowed_private_hosts(self) -> tuple[str, ...]:
        """The hosts of private networks that sources may name."""
        return tuple(host.strip() for host in self.private_hosts.split(",") if host.strip())

    @cached_property
    def workspace_root(self) -> Path:
        """The workspace's folder, absolute."""
        return self.workspace.absolute()
