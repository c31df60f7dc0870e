"""Files of real publishers: where their shapes come to lie."""

from __future__ import annotations

import numpy as np
import pytest
import shapely
from geographic import read

from moulouya.errors import ReadError
from moulouya.readers.geo import looks_swapped

ORIENTAL = (-4.2, 31.5, -1.0, 35.7)
MOROCCO = (-17.2, 20.7, -0.9, 36.4)  # a cable leads to Spain


def bounds(shapes) -> tuple[float, float, float, float]:
    """The bounds of all shapes."""
    return tuple(shapely.total_bounds(np.array(shapes, dtype=object)))


def within(inner, outer) -> bool:
    """Whether bounds lie inside of others."""
    return all(a >= b for a, b in zip(inner[:2], outer[:2], strict=True)) and all(
        a <= b for a, b in zip(inner[2:], outer[2:], strict=True)
    )


@pytest.mark.parametrize(
    ("name", "rows"),
    [("communes_berkane", 17), ("communes_oujda_angad", 11), ("provinces_oriental", 8)],
)
def test_the_census_office_s_gml_lies_in_its_region(tmp_path, shared_data, name, rows):
    path = shared_data / f"morocco/hcp_wfs_{name}.gml.xml"
    found = read(tmp_path, [path], "gml")
    assert len(found.rows) == rows
    assert within(bounds(found.shapes), ORIENTAL)
    assert {shape.geom_type for shape in found.shapes} == {"MultiPolygon"}
    swapped = read(tmp_path / "again", [path], "gml", geometry={"axis": "lat_lon"})
    assert looks_swapped(bounds(swapped.shapes), ORIENTAL)


def test_power_lines_in_merchich_lie_in_morocco(tmp_path, shared_data):
    path = shared_data / "morocco/transmission_lines_shp.zip"
    assert within(bounds(read(tmp_path, [path], "shapefile").shapes), MOROCCO)
    # The same from the parts, and under the code of the authority, to the millimetre.
    first = read(tmp_path / "a", [path], "shapefile").shapes
    coded = read(tmp_path / "b", [path], "shapefile", geometry={"crs": "EPSG:26191"}).shapes
    assert all(a.equals_exact(b, 1e-8) for a, b in zip(first, coded, strict=True))


def test_dutch_addresses_lie_in_their_town(tmp_path, shared_data):
    found = read(tmp_path, [shared_data / "formats/dutch_addresses_28992_shp.zip"], "shapefile")
    assert within(bounds(found.shapes), (5.6, 52.0, 5.9, 52.15))
    assert found.rows[0]["postcode"] == "6733EB"


def test_the_same_commune_is_the_same_shape_in_two_publications(tmp_path, shared_data):
    communes = read(
        tmp_path / "a", [shared_data / "morocco/hcp_wfs_communes_berkane.gml.xml"], "gml"
    )
    provinces = read(
        tmp_path / "b", [shared_data / "morocco/hcp_wfs_provinces_oriental.gml.xml"], "gml"
    )
    whole = shapely.union_all(communes.shapes)
    overlaps = [whole.intersection(one).area / whole.area for one in provinces.shapes]
    assert max(overlaps) > 0.98


def test_a_real_file_cut_anywhere_is_refused(tmp_path, shared_data):
    for number, (name, format_) in enumerate(
        [("morocco/hcp_wfs_communes_oujda_angad.gml.xml", "gml"),
         ("morocco/provinces_ems_fr_ar_zgh.geojson", "geojson"),
         ("formats/usgs_earthquakes_2012.kml", "kml"),
         ("morocco/transmission_lines_shp.zip", "shapefile")]
    ):  # fmt: skip
        body = (shared_data / name).read_bytes()
        for share in (0.1, 0.5, 0.99):
            with pytest.raises(ReadError):
                read(tmp_path / f"{number}-{share}", {"a": body[: int(len(body) * share)]}, format_)
