"""A Web Feature Service with one feature type, as GeoServer answers."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from xml.sax.saxutils import escape

from servers.loopback import Answer, Asked, Server, answering

ROADS = ["RN2", "RN16", "RP6000", "RP6008", "RR610"]
GML = {"1.0.0": "http://www.opengis.net/gml", "1.1.0": "http://www.opengis.net/gml",
       "2.0.0": "http://www.opengis.net/gml/3.2"}  # fmt: skip
WFS = {"1.0.0": "http://www.opengis.net/wfs", "1.1.0": "http://www.opengis.net/wfs",
       "2.0.0": "http://www.opengis.net/wfs/2.0"}  # fmt: skip
XML = {"Content-Type": "text/xml"}


@dataclass
class Service:
    """What the service holds, and how well it behaves."""

    roads: list[str] = field(default_factory=lambda: list(ROADS))
    cap: int | None = None  # features that it hands out at most
    knows_total: bool = True
    ids: bool = True
    ignores_start: bool = False
    returned: int | None = None  # a wrong numberReturned
    refuses_with: int = 200  # status of an exception report
    etag: str | None = None
    breaks_off: bool = False
    pages: int = 0

    def answer(self, asked: Asked) -> Answer:
        """GetFeature, its hits, and GetCapabilities."""
        query = {name.lower(): value for name, value in asked.query.items()}
        if query["request"] == "GetCapabilities":
            return Answer(
                b"<wfs:WFS_Capabilities xmlns:wfs='http://www.opengis.net/wfs/2.0'>"
                b"<wfs:FeatureTypeList><wfs:FeatureType><wfs:Name>net:roads</wfs:Name>"
                b"</wfs:FeatureType></wfs:FeatureTypeList></wfs:WFS_Capabilities>",
                headers=XML,
            )
        version = query["version"]
        name = query["typenames" if version == "2.0.0" else "typename"]
        if name != "net:roads":
            return self.exception(f"Feature type {name} unknown", "InvalidParameterValue")
        if self.etag is not None and asked.headers.get("if-none-match") == self.etag:
            return Answer(status=304)
        at = 0 if self.ignores_start else int(query.get("startindex", 0))
        size = int(query.get("count" if version == "2.0.0" else "maxfeatures", 1_000_000))
        roads = self.roads[at : at + min(size, self.cap or size)]
        self.pages += 1
        headers = {"ETag": self.etag} if self.etag else {}
        if query.get("resulttype") == "hits":
            return Answer(self.xml(version, [], at, hits=True), headers=XML)
        if query.get("outputformat") == "application/json":
            return Answer(self.json(roads, at), headers=headers)
        return Answer(self.xml(version, roads, at), headers={**XML, **headers})

    def exception(self, text: str, code: str) -> Answer:
        """An exception report (OGC 06-121r9, section 8)."""
        body = (
            "<?xml version='1.0'?><ows:ExceptionReport xmlns:ows='http://www.opengis.net/ows/1.1'>"
            f"<ows:Exception exceptionCode='{code}' locator='typeName'><ows:ExceptionText>"
            f"{escape(text)}</ows:ExceptionText></ows:Exception></ows:ExceptionReport>"
        )
        return Answer(body.encode(), self.refuses_with, XML)

    def counts(self, version: str, roads: list[str], hits: bool) -> str:
        """The counts on the collection, where the version has them."""
        every = str(len(self.roads))
        returned = str(len(roads) if self.returned is None else self.returned)
        if version == "1.0.0":
            return ""
        if version == "1.1.0":
            return f"numberOfFeatures='{every if hits else returned}'"
        matched = every if self.knows_total else "unknown"
        return f"numberMatched='{matched}' numberReturned='{returned}'"

    def xml(self, version: str, roads: list[str], at: int, hits: bool = False) -> bytes:
        """A feature collection in the version's GML."""
        member = "wfs:member" if version == "2.0.0" else "gml:featureMember"
        features = []
        for number, road in enumerate(roads, at):
            marks = {"1.0.0": f"fid='roads.{number}'"}.get(version, f"gml:id='roads.{number}'")
            features.append(
                f"<{member}><net:roads {marks if self.ids else ''}>"
                f"<net:geom><gml:Point srsName='urn:ogc:def:crs:EPSG::4326'>"
                f"<gml:pos>34.{number} -2.{number}</gml:pos></gml:Point></net:geom>"
                f"<net:name>{road}</net:name></net:roads></{member}>"
            )
        end = "" if self.breaks_off else "</wfs:FeatureCollection>"
        return (
            f"<wfs:FeatureCollection xmlns:wfs='{WFS[version]}' xmlns:gml='{GML[version]}' "
            f"xmlns:net='http://net.example.org' timeStamp='2026-11-21T10:00:{self.pages:02d}Z' "
            f"{self.counts(version, roads, hits)}>{''.join(features)}{end}"
        ).encode()

    def json(self, roads: list[str], at: int) -> bytes:
        """A feature collection as GeoJSON, with GeoServer's counts."""
        features = [
            {
                "type": "Feature",
                "id": f"roads.{number}",
                "geometry": {"type": "Point", "coordinates": [-2 - number / 10, 34]},
                "properties": {"name": road},
            }
            for number, road in enumerate(roads, at)
        ]
        return json.dumps(
            {
                "type": "FeatureCollection",
                "features": features,
                "totalFeatures": len(self.roads) if self.knows_total else "unknown",
                "numberMatched": len(self.roads) if self.knows_total else "unknown",
                "numberReturned": len(features) if self.returned is None else self.returned,
            }
        ).encode()


@contextmanager
def serving(service: Service) -> Iterator[Server]:
    """Run the service."""
    with answering(service.answer) as server:
        yield server


@contextmanager
def serve(folder: Path) -> Iterator[dict[str, str]]:
    """Play the service of the reference page."""
    with serving(Service()) as server:
        yield {"https://maps.example.org": server.url}
