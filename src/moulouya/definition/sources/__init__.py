"""Where bytes come from: one model per protocol, told apart by ``kind``."""

from __future__ import annotations

from typing import Annotated, get_args

from pydantic import Field

from moulouya.definition.sources.apis import HttpSource, OverpassSource, Paging, RestSource
from moulouya.definition.sources.drops import (
    FileSource,
    InboxSource,
    MqttSource,
    PackageSource,
    S3Source,
    SftpSource,
    SqlSource,
)
from moulouya.definition.sources.portals import (
    ArcgisSource,
    CkanSource,
    OpendatasoftSource,
    SocrataSource,
    WorldBankSource,
)
from moulouya.definition.sources.shared import SourceBase, WebSource
from moulouya.definition.sources.standards import (
    NgsiLdSource,
    OgcFeaturesSource,
    SdmxSource,
    SensorThingsSource,
    WfsSource,
)

__all__ = [
    "SOURCE_KINDS",
    "ArcgisSource",
    "CkanSource",
    "FileSource",
    "HttpSource",
    "InboxSource",
    "MqttSource",
    "NgsiLdSource",
    "OgcFeaturesSource",
    "OpendatasoftSource",
    "OverpassSource",
    "PackageSource",
    "Paging",
    "RestSource",
    "S3Source",
    "SdmxSource",
    "SensorThingsSource",
    "SftpSource",
    "SocrataSource",
    "Source",
    "SourceBase",
    "SqlSource",
    "WebSource",
    "WfsSource",
    "WorldBankSource",
]

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
