"""The rules of drawing: round ticks, fair classes, escaped texts, charts that suit the data."""

from __future__ import annotations

import dataclasses
import itertools
import re
import xml.etree.ElementTree as ET
from collections.abc import Mapping

import pytest
import shapely
from hypothesis import given, settings
from hypothesis import strategies as st

from moulouya.portal.drawing import boundaries, charts, choosing, maps, naming, scales, shape, spec
from moulouya.portal.drawing import svg as drawing
from moulouya.portal.drawing.figures import Figures, Series
from moulouya.portal.languages import language

NUMBERS = st.floats(-1e12, 1e12, allow_nan=False).map(lambda one: round(one, 6) + 0.0)


@settings(deadline=None)
@given(NUMBERS, NUMBERS)
def test_ticks_are_few_round_even_and_hold_both_ends(one: float, other: float) -> None:
    low, high = sorted((one, other))
    found = scales.ticks(low, high)
    assert 2 <= len(found) <= 13
    least = 1e-8 * max(high - low, abs(high), abs(low))
    assert found[0] <= low + least
    assert found[-1] >= high - least
    steps = [after - before for before, after in itertools.pairwise(found)]
    assert min(steps) > 0
    assert max(steps) == pytest.approx(min(steps), rel=1e-3)


def test_ticks_of_an_axis_that_nobody_could_draw_are_refused() -> None:
    with pytest.raises(ValueError, match="no ticks"):
        scales.ticks(0, float("inf"))


@settings(deadline=None)
@given(st.lists(NUMBERS, min_size=1, max_size=60))
def test_every_class_of_a_map_has_a_place_and_bounds_rise(values: list[float]) -> None:
    bounds = scales.breaks(values)
    assert bounds == sorted(set(bounds))
    filled = {scales.class_of(value, bounds) for value in values}
    assert filled == set(range(len(bounds) + 1))
    assert len(bounds) <= 4


@settings(deadline=None)
@given(st.lists(st.none() | NUMBERS, min_size=1, max_size=60))
def test_the_legend_counts_every_place_once(values: list[float | None]) -> None:
    found = maps.classes(values)
    if found is None:
        assert all(value is None for value in values)
        return
    rows = maps.legend(found, "%", language("en"))
    assert sum(number for _, _, number in rows) == len(values)
    assert all(found.colour(value) in {colour for colour, _, _ in rows} for value in values)


def test_values_on_both_sides_of_zero_get_colours_of_two_kinds() -> None:
    found = maps.classes([-9.0, -5.0, -2.0, 1.0, 4.0, 8.0])
    assert found is not None
    assert 0.0 in found.bounds
    assert found.colour(-9.0) == "d0"
    assert found.colour(8.0) == "d3"


@settings(deadline=None)
@given(st.text(max_size=200))
def test_no_text_breaks_the_drawing(text: str) -> None:
    mark = drawing.element("g", drawing.title(text), drawing.label(1, 2, text), data_code=text)
    read = ET.fromstring(drawing.picture([mark], 10, 10, text, text))
    assert len(list(read.iter())) == (6 if text else 5)
    assert (
        drawing.text_width(drawing.fitted(text, 60), 13) <= 60
        or len(text) <= 1
        or (len(drawing.fitted(text, 60)) <= 2)
    )


def test_markup_in_a_text_is_only_a_text() -> None:
    hostile = "</title><script>alert(1)</script>"
    written = drawing.element("text", hostile, class_='"><script>')
    assert "<script" not in written
    assert ET.fromstring(written).text == hostile


@pytest.mark.parametrize(
    ("titles", "shared", "rests"),
    [
        (["Electricity 2014", "Electricity 2024"], "Electricity", ("2014", "2024")),
        (["To work: on foot", "To work: bus"], "To work", ("on foot", "bus")),
        (["Fuel: gas 2024", "Fuel: wood 2024"], "Fuel 2024", ("gas", "wood")),
        (["Aged 0 to 4", "Aged 5 to 9"], "", ("Aged 0 to 4", "Aged 5 to 9")),
        (["Men", "Women"], "", ("Men", "Women")),
        (["2014", "2024"], "", ("2014", "2024")),
        (["Alone"], "", ("Alone",)),
    ],
)
def test_words_that_titles_share_name_the_chart(
    titles: list[str], shared: str, rests: tuple[str, ...]
) -> None:
    assert naming.split(titles) == (shared, rests)


def column(name: str, kind: str = "measure", **more: object) -> shape.Column:
    plain = shape.Column(
        name=name, title=name, kind=kind, type="decimal(4,1)", unit="%", unit_words="%",
        values={}, references="", counts=False, distinct=30, top=100.0, shares={},
    )  # fmt: skip
    return dataclasses.replace(plain, **more)  # type: ignore[arg-type]


LEVEL = column(
    "level", "category", values={"region": "Region", "province": "Province", "commune": "Commune"},
    shares={"region": 0.01, "province": 0.08, "commune": 0.91},
)  # fmt: skip
SEX = column(
    "sex", "category", values={"all": "Both", "male": "Men", "female": "Women"},
    shares={"all": 1 / 3, "male": 1 / 3, "female": 1 / 3},
)  # fmt: skip
CODE = column("code", "place", references="places.code")


def table(*columns: shape.Column, key: tuple[str, ...], rows: int = 100) -> shape.Shape:
    return shape.Shape({one.name: one for one in columns}, key, rows)


def chosen(known: shape.Shape, slug: str = "anything") -> list[spec.Spec]:
    return choosing.choose(known, slug, "02")


AGES = ("age_0_14", "age_15_59", "age_60_plus")


def test_age_groups_by_sex_make_a_pyramid_of_the_region() -> None:
    known = table(CODE, LEVEL, SEX, *map(column, AGES), key=("code", "sex"), rows=300)
    first = chosen(known)[0]
    assert (first.kind, first.y, first.by) == ("pyramid", AGES, "sex")
    assert first.filters == (("code", "02"),)


def test_rows_that_hold_one_another_never_meet() -> None:
    people = column("people", counts=True, unit="persons", type="integer")
    known = table(CODE, LEVEL, SEX, people, key=("code", "sex"), rows=300)
    bars = next(one for one in chosen(known, "people") if one.kind == "bars")
    assert dict(bars.filters) == {"level": "province", "sex": "all"}
    assert (bars.x, bars.agg) == ("code", "sum")


def test_an_address_that_names_no_level_keeps_it_and_an_empty_one_opens_it() -> None:
    known = table(CODE, LEVEL, column("rate"), key=("code",))
    assert spec.parse(known, [("y", "rate")], None).filters == (("level", "province"),)
    assert spec.parse(known, [("y", "rate"), ("level", "")], None).filters == ()
    one = spec.parse(known, [("y", "rate"), ("code", "02")], None)
    assert one.filters == (("code", "02"),)


def test_time_makes_a_line() -> None:
    known = table(column("year", "time", type="integer"), column("rain"), key=("year",), rows=30)
    first = chosen(known)[0]
    assert (first.kind, first.x, first.y) == ("line", "year", ("rain",))


def test_shares_of_a_whole_are_stacked_and_years_stand_side_by_side() -> None:
    shares = [column(f"fuel_{one}_2024") for one in ("gas", "wood", "coal", "other")]
    years = [column("light_2014"), column("light_2024")]
    known = table(CODE, LEVEL, *years, *shares, key=("code",))
    kinds = {one.kind: one for one in chosen(known)}
    assert kinds["shares"].y == tuple(one.name for one in shares)
    assert kinds["bars"].y == ("light_2014", "light_2024")


def test_counts_of_which_one_holds_two_others_are_no_groups() -> None:
    parts = [
        column(name, counts=True, top=top, type="integer", unit="persons")
        for name, top in (("people_all", 100.0), ("people_men", 49.0), ("people_women", 51.0))
    ]
    assert shape.families(table(CODE, *parts, key=("code",))) == []


def test_a_range_of_years_in_a_name_is_no_year_of_the_measure() -> None:
    names = ("founded_1956_1980", "founded_1981_1990", "founded_1991_2000")
    found = shape.families(table(CODE, *map(column, names), key=("code",)))
    assert [one.columns for one in found] == [names]


def test_two_measures_of_many_places_make_a_cloud() -> None:
    other = column("height", unit="m")
    known = table(CODE, column("rate"), other, key=("code",), rows=100)
    assert [one.kind for one in chosen(known)] == ["bars", "scatter"]


def test_at_most_three_charts_and_none_of_an_empty_table() -> None:
    names = [f"{word}_{part}" for word in "abcdef" for part in ("x", "y", "z")]
    many = [*map(column, names), column("height", unit="m")]
    assert len(chosen(table(CODE, LEVEL, *many, key=("code",)))) == 3
    assert chosen(table(CODE, *many, key=("code",), rows=0)) == []


@pytest.mark.parametrize(
    "asked",
    [
        [("kind", "pie")],
        [("y", "nothing")],
        [("y", "level")],
        [("by", "rate")],
        [("agg", "; DROP TABLE x")],
        [("kind", "scatter"), ("y", "rate")],
        [("kind", "pyramid")],
        [("kind", "line")],
    ],
)
def test_a_chart_that_cannot_be_is_refused(asked: list[tuple[str, str]]) -> None:
    known = table(CODE, LEVEL, column("rate"), key=("code",))
    with pytest.raises(spec.Unfit):
        spec.parse(known, asked, None)


def figures(kind: str, series: Mapping[str, tuple[float | None, ...]], **more: object) -> Figures:
    size = len(next(iter(series.values())))
    made = Figures(
        spec.Spec(kind), tuple(str(2000 + one) for one in range(size)),
        tuple(f"Label {one}" for one in range(size)),
        tuple(Series(title, values) for title, values in series.items()), unit="%",
    )  # fmt: skip
    return dataclasses.replace(made, **more)  # type: ignore[arg-type]


EVERY_KIND = {
    "bars": {"a": (5.0, -3.0, None), "b": (1.0, 2.0, 3.0)},
    "groups": {"": (5.0, 0.0)},
    "shares": {"a": (60.0, 40.0), "b": (40.0, 60.0)},
    "pyramid": {"Men": (5.0, 3.0), "Women": (4.0, 4.0)},
    "line": {"a": (5.0, None, 7.0), "b": (1.0, 1.0, 1.0)},
    "scatter": {"a": (5.0, 6.0), "b": (1e300, -1e300)},
}


@pytest.mark.parametrize("code", ["ar", "fr", "en"])
@pytest.mark.parametrize("kind", EVERY_KIND)
def test_every_kind_is_well_formed_inside_its_sheet_and_named(kind: str, code: str) -> None:
    text = charts.draw(figures(kind, EVERY_KIND[kind]), "A <name>", "Said & done", language(code))
    read = ET.fromstring(text)
    names = "{http://www.w3.org/2000/svg}"
    assert read.get("role") == "img"
    assert read.findtext(f"{names}title") == "A <name>"
    assert "style=" not in text
    _, _, width, height = map(float, str(read.get("viewBox")).split())
    for box in read.iter(f"{names}rect"):
        x, y = float(box.get("x", "0")), float(box.get("y", "0"))
        assert -0.1 <= x <= x + float(box.get("width", "0")) <= width + 0.1
        assert -0.1 <= y <= y + float(box.get("height", "0")) <= height + 0.1


@pytest.mark.parametrize("kind", ["bars", "groups", "shares", "pyramid"])
def test_bars_are_mirrored_where_people_read_from_the_right(kind: str) -> None:
    def spans(code: str) -> list[tuple[float, float]]:
        read = ET.fromstring(charts.draw(figures(kind, EVERY_KIND[kind]), "n", "", language(code)))
        marks = [one for one in read.iter("{http://www.w3.org/2000/svg}rect") if len(one)]
        return [(float(one.get("x", 0)), float(one.get("width", 0))) for one in marks]

    # Labels and values are the same in both languages, so only the side differs.
    mirrored = [(charts.WIDTH - x - wide, wide) for x, wide in spans("ar")]
    assert [one for pair in mirrored for one in pair] == pytest.approx(
        [one for pair in spans("en") for one in pair], abs=0.05
    )


def test_the_kingdom_is_one_shape_without_a_line_inside() -> None:
    kingdom = [one for kind, one in boundaries.backdrop() if kind == "kingdom"]
    assert [one.geom_type for one in kingdom] == ["Polygon"]
    assert len(kingdom[0].interiors) == 0
    # A line at 27° 40' north from the sea to the east would cross only the two outer edges.
    along = shapely.LineString([(-20, 27.667), (-8.7, 27.667)])
    assert shapely.get_num_geometries(along.intersection(kingdom[0])) == 1
    for place in ((-6.84, 34.02), (-13.2, 27.15), (-14.33, 22.55), (-2.32, 34.92)):
        assert kingdom[0].contains(shapely.Point(place))


def test_neighbours_are_simplified_together() -> None:
    wavy = [(x / 500, 0.3 + 0.0005 * (x % 2)) for x in range(501)]
    below = shapely.Polygon([(0, 0), *wavy, (1, 0)])
    above = shapely.Polygon([(0, 1), *wavy, (1, 1)])
    found = boundaries.simplified({"a": below, "b": above}, (0, 0, 1, 1))
    assert shapely.get_num_coordinates(found["a"]) < shapely.get_num_coordinates(below)
    assert found["a"].intersection(found["b"]).area == pytest.approx(0)
    assert found["a"].union(found["b"]).area == pytest.approx(1)


def drawn_places(path: str) -> list[list[tuple[int, int]]]:
    """The places of an SVG path of moves and relative lines, in tenths."""
    rings = []
    for ring in path.split("M")[1:]:
        found = re.findall(r"-?(?:\d+\.\d+|\.\d+|\d+)", ring)
        assert re.fullmatch(r"[-. \dl]+Z?", ring)
        tenths = [round(float(one) * 10) for one in found]
        places = [(tenths[0], tenths[1])]
        for x, y in zip(tenths[2::2], tenths[3::2], strict=True):
            places.append((places[-1][0] + x, places[-1][1] + y))
        rings.append(places)
    return rings


@given(
    st.lists(
        st.tuples(st.floats(-10, 10, width=32), st.floats(20, 40, width=32)),
        min_size=3,
        max_size=40,
    )
)
def test_a_drawn_line_is_never_a_tenth_of_a_pixel_off(
    corners: list[tuple[float, float]],
) -> None:
    ring = shapely.Polygon(corners)
    projection = boundaries.Projection.onto((-10, 20, 10, 40), 380.0)
    expected = [
        (round(x * 10), round(y * 10))
        for x, y in (projection.at(*one) for one in ring.exterior.coords[:-1])
    ]
    kept = [one for one, before in itertools.pairwise([*expected, None]) if one != before]
    (drawn,) = drawn_places(projection.path(shapely.MultiPolygon([ring])))
    assert drawn[-1] == expected[-1]
    assert set(drawn) == set(kept)
