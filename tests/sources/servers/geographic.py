"""A land office that serves a shapefile in Merchich and an answer of its WFS."""

from __future__ import annotations

import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import shapely
from servers.loopback import Answer, Asked, answering

# Berkane and Ahfir, about, in metres of Merchich / Nord Maroc.
COMMUNES = {"0113": ("بركان", (780_700, 484_900)), "0114": ("أحفير", (800_900, 489_300))}
GML = (
    '<wfs:FeatureCollection xmlns:wfs="http://www.opengis.net/wfs" xmlns:w="urn:w" '
    'xmlns:gml="http://www.opengis.net/gml" numberOfFeatures="1"><gml:featureMember>'
    '<w:commune gml:id="commune.1"><w:code>0113</w:code><w:at><gml:Point '
    'srsName="urn:ogc:def:crs:EPSG::4326"><gml:pos>-2.32 34.92</gml:pos></gml:Point></w:at>'
    "</w:commune></gml:featureMember></wfs:FeatureCollection>"
)


@contextmanager
def serve(folder: Path) -> Iterator[dict[str, str]]:
    """Answer both files."""
    files = {
        "/communes_shp.zip": _zipped_shapefile(folder / "made"),
        "/wfs.gml": GML.encode(),
    }

    def respond(asked: Asked) -> Answer:
        return Answer(files[asked.path]) if asked.path in files else Answer(status=404)

    with answering(respond) as server:
        yield {"https://geo.example.org": server.url}


def _zipped_shapefile(folder: Path) -> bytes:
    from pyogrio.raw import write

    folder.mkdir()
    squares = [shapely.box(x, y, x + 900, y + 900) for _, (x, y) in COMMUNES.values()]
    write(
        folder / "communes.shp",
        shapely.to_wkb(np.array(squares, dtype=object)),
        [np.array(list(COMMUNES)), np.array([name for name, _ in COMMUNES.values()])],
        ["CODE", "NOM_AR"],
        geometry_type="Polygon",
        crs="EPSG:26191",
        encoding="CP1256",
    )
    target = folder / "communes.zip"
    with zipfile.ZipFile(target, "w") as archive:
        for path in sorted(folder.glob("communes.*")):
            if path.suffix in (".shp", ".shx", ".dbf"):  # without .prj and .cpg, as often
                archive.write(path, path.name)
    return target.read_bytes()
