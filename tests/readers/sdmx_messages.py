"""SDMX data messages, written in each representation from the same series."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import Any
from xml.sax.saxutils import quoteattr

MESSAGE = "http://www.sdmx.org/resources/sdmxml/schemas/v2_1/message"
GENERIC = "http://www.sdmx.org/resources/sdmxml/schemas/v2_1/data/generic"
SPECIFIC = "http://www.sdmx.org/resources/sdmxml/schemas/v2_1/data/structurespecific"
COMMON = "http://www.sdmx.org/resources/sdmxml/schemas/v2_1/common"
XSI = "http://www.w3.org/2001/XMLSchema-instance"
Texts = dict[str, str]


@dataclass
class Series:
    """A series: its dimensions, its attributes, and its observations by period."""

    key: Texts
    attributes: Texts = field(default_factory=dict)
    observations: list[Texts] = field(default_factory=list)


def rows(series: list[Series]) -> list[Texts]:
    """What every representation must give: all components of each observation."""
    return [
        {**one.key, **one.attributes, **observation}
        for one in series
        for observation in one.observations
    ]


def _values(texts: Texts) -> str:
    return "".join(
        f"<g:Value id={quoteattr(name)} value={quoteattr(text)}/>" for name, text in texts.items()
    )


def envelope(root: str, inside: str, header: str = "", footer: str = "") -> str:
    """A message around a data set."""
    return (
        f'<?xml version="1.0" encoding="UTF-8"?>\n<m:{root} xmlns:m="{MESSAGE}" '
        f'xmlns:g="{GENERIC}" xmlns:ss="{SPECIFIC}" xmlns:c="{COMMON}" xmlns:xsi="{XSI}">'
        "<m:Header><m:ID>IREF1</m:ID><m:Test>false</m:Test>"
        '<m:Prepared>2026-11-21T10:00:00</m:Prepared><m:Sender id="BANK"/>'
        + (
            header
            or '<m:Structure structureID="S" dimensionAtObservation="TIME_PERIOD">'
            '<c:Structure><Ref agencyID="BANK" id="EXR" version="1.0"/></c:Structure>'
            "</m:Structure>"
        )
        + f"</m:Header>\n{inside}\n{footer}</m:{root}>"
    )


def generic(series: list[Series], before: str = "", **more: str) -> str:
    """A generic data message."""
    parts = [before]
    for one in series:
        parts.append(f"<g:Series><g:SeriesKey>{_values(one.key)}</g:SeriesKey>")
        if one.attributes:
            parts.append(f"<g:Attributes>{_values(one.attributes)}</g:Attributes>")
        for observation in one.observations:
            own = dict(observation)
            period, value = own.pop("TIME_PERIOD"), own.pop("OBS_VALUE", None)
            parts.append(f'\n<g:Obs><g:ObsDimension value="{period}"/>')
            parts += [] if value is None else [f"<g:ObsValue value={quoteattr(value)}/>"]
            parts += [f"<g:Attributes>{_values(own)}</g:Attributes>"] if own else []
            parts.append("</g:Obs>")
        parts.append("</g:Series>")
    inside = f'<m:DataSet structureRef="S">{"".join(parts)}</m:DataSet>'
    return envelope("GenericData", inside, **more)


def _attributes(texts: Texts) -> str:
    return "".join(f" {name}={quoteattr(text)}" for name, text in texts.items())


def specific(series: list[Series], before: str = "", own: str = "", **more: str) -> str:
    """A structure-specific data message."""
    parts = [before]
    for one in series:
        parts.append(f"<Series{_attributes({**one.key, **one.attributes})}>")
        parts += [f"\n<Obs{_attributes(observation)}/>" for observation in one.observations]
        parts.append("</Series>")
    inside = (
        f'<m:DataSet ss:structureRef="S" ss:dataScope="DataStructure"{own}>'
        f"{''.join(parts)}</m:DataSet>"
    )
    return envelope("StructureSpecificData", inside, **more)


class _Listed:
    """The values of components, each listed once."""

    def __init__(self) -> None:
        self.values: dict[str, list[str]] = {}

    def index(self, name: str, text: str | None) -> int | None:
        """The index of a text among a component's."""
        if text is None:
            return None
        listed = self.values.setdefault(name, [])
        if text not in listed:
            listed.append(text)
        return listed.index(text)

    def components(self, names: list[str], coded: str = "id") -> list[dict[str, Any]]:
        """The components as a structure says them."""
        return [
            {
                "id": name,
                "name": name,
                "keyPosition": at,
                "values": [{coded: text, "name": text} for text in self.values.get(name, [])],
            }
            for at, name in enumerate(names)
        ]


def in_json(series: list[Series], form: str = "1.0") -> str:
    """An SDMX-JSON message: draft, 1.0 or 2.0."""
    keys = list(dict.fromkeys(name for one in series for name in one.key))
    shared = list(dict.fromkeys(name for one in series for name in one.attributes))
    own = [
        name
        for name in dict.fromkeys(
            name for one in series for observation in one.observations for name in observation
        )
        if name not in ("TIME_PERIOD", "OBS_VALUE")
    ]
    listed = _Listed()
    found = {}
    for one in series:
        key = ":".join(str(listed.index(name, one.key[name])) for name in keys)
        found[key] = {
            "attributes": [listed.index(name, one.attributes.get(name)) for name in shared],
            "observations": {
                str(listed.index("TIME_PERIOD", observation["TIME_PERIOD"])): [
                    observation.get("OBS_VALUE"),
                    *(listed.index(name, observation.get(name)) for name in own),
                ]
                for observation in one.observations
            },
        }
    structure: dict[str, Any] = {
        "dimensions": {
            "dataSet": [],
            "series": listed.components(keys),
            "observation": listed.components(["TIME_PERIOD"], "value" if form == "2.0" else "id"),
        },
        "attributes": {
            "dataSet": [],
            "series": listed.components(shared),
            "observation": listed.components(own),
        },
    }
    data_sets = [{"action": "Replace", "series": found}]
    if form == "draft":
        return json.dumps({"header": {}, "structure": structure, "dataSets": data_sets})
    if form == "1.0":
        return json.dumps({"meta": {}, "data": {"structure": structure, "dataSets": data_sets}})
    structure["measures"] = {"observation": [{"id": "OBS_VALUE"}]}
    return json.dumps(
        {"meta": {}, "data": {"dataSets": data_sets, "structures": [structure]}, "errors": []}
    )
