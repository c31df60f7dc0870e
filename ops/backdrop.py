"""What lies around the regions of Morocco on a map: the Kingdom whole, its neighbours in grey.

``python -m ops.backdrop countries-50m.json`` writes the portal's ``static/maps/backdrop.geojson``.
The input is ``countries-50m.json`` of the npm package world-atlas 2.0.2 (Natural Earth 1:50m,
public domain). Natural Earth draws the Kingdom as two features, 504 and 732: they become one by
the union of their shapes, so that no line is left between them.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import shapely
from shapely.geometry.base import BaseGeometry

KINGDOM = ("504", "732")
NEIGHBOURS = ("012", "466", "478", "620", "724")
WINDOW = shapely.box(-20.5, 17.5, 3.5, 39.5)
DECIMALS = 3
OUT = Path(__file__).parents[1] / "src/moulouya/portal/static/maps/backdrop.geojson"


def decoded(topology: dict[str, Any]) -> dict[str, BaseGeometry]:
    """The countries of a quantised TopoJSON as shapes, by their numeric ISO 3166 code."""
    (sx, sy), (tx, ty) = topology["transform"]["scale"], topology["transform"]["translate"]
    arcs = []
    for arc in topology["arcs"]:
        x = y = 0
        line = []
        for dx, dy in arc:
            x, y = x + dx, y + dy
            line.append((x * sx + tx, y * sy + ty))
        arcs.append(line)

    def ring(indexes: list[int]) -> list[tuple[float, float]]:
        points: list[tuple[float, float]] = []
        for index in indexes:
            line = arcs[index] if index >= 0 else arcs[~index][::-1]
            points += line[1:] if points else line
        return points

    def polygon(rings: list[list[int]]) -> BaseGeometry:
        return shapely.make_valid(shapely.Polygon(ring(rings[0]), [ring(r) for r in rings[1:]]))

    shapes = {}
    for country in topology["objects"]["countries"]["geometries"]:
        parts = {
            "Polygon": [country.get("arcs")], "MultiPolygon": country.get("arcs")
        }.get(country["type"], [])  # fmt: skip
        shapes[str(country.get("id"))] = shapely.union_all([polygon(part) for part in parts or []])
    return shapes


def merged(shapes: dict[str, BaseGeometry]) -> dict[str, Any]:
    """The backdrop as GeoJSON: the Kingdom as one feature, each neighbour cut at the window."""
    kingdom = shapely.union_all([shapes[code] for code in KINGDOM], grid_size=10**-DECIMALS)
    around = [shapely.intersection(shapes[code], WINDOW) for code in NEIGHBOURS]
    kinds = [("kingdom", kingdom), *(("neighbour", one) for one in around)]
    return {
        "type": "FeatureCollection",
        "attribution": "Natural Earth, public domain",
        "features": [
            {
                "type": "Feature",
                "properties": {"kind": kind},
                "geometry": json.loads(
                    shapely.to_geojson(shapely.set_precision(shape, 10**-DECIMALS))
                ),
            }
            for kind, shape in kinds
        ],
    }


def main(path: str) -> None:
    """Read the countries, write the backdrop."""
    topology = json.loads(Path(path).read_text(encoding="utf-8"))
    text = json.dumps(merged(decoded(topology)), separators=(",", ":"))
    OUT.parent.mkdir(parents=True, exist_ok=True)
    OUT.write_text(text + "\n", encoding="utf-8")
    print(f"{OUT}: {len(text) / 1000:.0f} kB")


if __name__ == "__main__":
    main(sys.argv[1])
