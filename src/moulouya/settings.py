"""Every setting of a deployment, read once from ``MOULOUYA_*`` and passed on."""

from __future__ import annotations

from functools import cached_property
from pathlib import Path

from pydantic import Field
from pydantic_settings import BaseSettings, SettingsConfigDict


class Settings(BaseSettings):
    """Where things are, and the limits within which a run may work."""

    model_config = SettingsConfigDict(env_prefix="MOULOUYA_", frozen=True, extra="ignore")

    workspace: Path = Field(Path(), description="folder with region.yml and the three shelves")
    lake: Path | None = Field(
        None, description="folder of the lake; default: .moulouya/lake in the workspace"
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
    contact: str = Field(
        "",
        description="address put into the User-Agent; default: the contact of region.yml",
    )

    @cached_property
    def lake_root(self) -> Path:
        """The lake's folder, absolute."""
        return (self.lake or self.workspace / ".moulouya" / "lake").absolute()

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
