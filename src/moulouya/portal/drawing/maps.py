"""Maps as SVG: places coloured by a measure, points, and shapes as they are."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import shapely
from markupsafe import Markup

from moulouya.portal.drawing import boundaries, scales
from moulouya.portal.drawing.boundaries import Boundaries, Projection
from moulouya.portal.drawing.charts import with_unit
from moulouya.portal.drawing.svg import element, fitted, group, label, title
from moulouya.portal.kept import Kept
from moulouya.portal.languages import Language

CLASSES = 5
ROW = 21.0
SWATCH = 16.0
DOT = 5.0


@dataclass(frozen=True)
class Place:
    """One place or point of a map: its value in text where it has one, and its page if any."""

    code: str
    name: str
    value: float | None
    said: str
    href: str = ""
    position: tuple[float, float] | None = None


@dataclass(frozen=True)
class Classes:
    """The classes of a map: bounds between them, how many places each has, and the colours.

    ``colours`` are q0 … q4 for amounts; where values lie on both sides of zero, d0 … d3 for two
    classes below and two from zero up.
    """

    bounds: tuple[float, ...]
    colours: tuple[str, ...]
    numbers: tuple[int, ...]
    low: float
    high: float
    missing: int

    def colour(self, value: float | None) -> str:
        """The class attribute for a value."""
        return "none" if value is None else self.colours[scales.class_of(value, self.bounds)]


def classes(values: Sequence[float | None]) -> Classes | None:
    """The classes for some values; None where there is no value."""
    known = [value for value in values if value is not None]
    if not known:
        return None
    below = [value for value in known if value < 0]
    above = [value for value in known if value >= 0]
    if len(below) >= 3 and len(above) >= 3:
        cuts = [*_middle(below, False), 0.0, *_middle(above, True)]
        named = (["d0", "d1"] if len(cuts) > 1 and cuts[0] < 0 else ["d1"]) + (
            ["d2", "d3"] if cuts[-1] > 0 else ["d2"]
        )
    else:
        cuts = scales.breaks(known, CLASSES)
        # Fewer classes still use both ends of the scale.
        steps = {1: [2], 2: [1, 3], 3: [0, 2, 4], 4: [0, 1, 3, 4], 5: [0, 1, 2, 3, 4]}
        named = [f"q{step}" for step in steps[len(cuts) + 1]]
    counts = [0] * (len(cuts) + 1)
    for value in known:
        counts[scales.class_of(value, cuts)] += 1
    return Classes(
        tuple(cuts), tuple(named), tuple(counts), min(known), max(known), len(values) - len(known)
    )


def _middle(values: list[float], up: bool) -> list[float]:
    """One round bound that halves the values on one side of zero."""
    found = [cut for cut in scales.breaks(values, 2) if cut]
    return found[:1] if all((cut > 0) == up for cut in found) else []


def legend(found: Classes, unit: str, language: Language) -> list[tuple[str, str, int]]:
    """Each class from the lowest: its colour, its bounds in words and how many places it has."""
    ends = [found.low, *found.bounds, found.high]
    digits = scales.decimals(found.bounds) if found.bounds else 1
    rows = []
    for index, colour in enumerate(found.colours):
        low, high = ends[index], ends[index + 1]
        texts = [
            scales.number(one, language, min(max(digits, _few(one)), 2)) for one in (low, high)
        ]
        last = index == len(found.colours) - 1
        # Isolated, so that a range keeps its order from low to high in the reader's direction.
        words = texts[0] if texts[0] == texts[1] else (
            language.text("%(low)s to %(high)s", low=texts[0], high=texts[1]) if last
            else language.text("%(low)s to under %(high)s", low=texts[0], high=texts[1])
        )  # fmt: skip
        rows.append((colour, with_unit(words, unit), found.numbers[index]))
    if found.missing:
        rows.append(("none", language.text("no value"), found.missing))
    return rows


def _few(value: float) -> int:
    return 0 if abs(value) >= 1000 or value == int(value) else 1


_ground: Kept[Markup] = Kept(64)
_paths: Kept[Mapping[str, str]] = Kept(64)


def ground(projection: Projection) -> Markup:
    """What lies around: the Kingdom whole, its neighbours in grey, no line inside."""
    return _ground.get(projection, lambda: _draw_ground(projection))


def _draw_ground(projection: Projection) -> Markup:
    seen = shapely.box(*projection.seen)
    parts = [element("rect", width=projection.width, height=projection.height, class_="sea")]
    for kind, shape in boundaries.backdrop():
        shown = shapely.intersection(shape, seen)
        path = projection.path(shown) if not shown.is_empty else ""
        if path:
            parts.append(element("path", d=path, class_=kind))
    return group(parts)


def paths(found: Boundaries, projection: Projection) -> Mapping[str, str]:
    """The path of each shape, made once for a version and a projection."""
    key = (found.slug, found.version, id(found), projection)
    return _paths.get(
        key, lambda: {code: projection.path(shape) for code, shape in found.shapes.items()}
    )


def draw(
    places: Sequence[Place],
    found: Boundaries | None,
    colours: Classes | None,
    name: str,
    rows: Sequence[tuple[str, str, int]],
    language: Language,
    around: Boundaries | None = None,
) -> Markup:
    """A map with its legend below. Places without a position take their shape from ``found``.

    ``around`` is drawn as outlines under points.
    """
    projection = Projection.onto(_box(places, found, around))
    by_code = {place.code: place for place in places}
    parts = [ground(projection)]
    if around is not None:
        for path in paths(around, projection).values():
            parts.append(element("path", d=path, class_="outline"))
    shapes = paths(found, projection) if found is not None else {}
    for code, path in shapes.items():
        place = by_code.get(code) or Place(code, code, None, language.text("no value"))
        colour = colours.colour(place.value) if colours else "q2"
        if found is not None and not path:
            parts.append(_dot(place, _spot(found, code), projection, colour))
            continue
        mark = element("path", d=path, class_=f"shape {colour}", data_code=code, fill=_fill(colour))
        parts.append(_named(mark, place))
    for place in places:
        if place.position is not None:
            colour = colours.colour(place.value) if colours else "q4"
            parts.append(_dot(place, place.position, projection, colour))
    height = projection.height + 10
    side = "right" if language.dir == "rtl" else "left"
    for colour, words, number in rows:
        x = projection.width - SWATCH if side == "right" else 0.0
        parts.append(
            element("rect", x=x, y=height, width=SWATCH, height=SWATCH - 2, class_=f"key {colour}",
                    fill=_fill(colour))
        )  # fmt: skip
        inside = projection.width - SWATCH - 7 if side == "right" else SWATCH + 7
        counted = f"{words} ({language.number(number)})"
        shown = fitted(counted, projection.width - SWATCH - 8)
        parts.append(label(inside, height + 12, shown, anchor=side, class_="legend"))
        height += ROW
    return element(
        "svg", element("title", name), _hatch(), *parts,
        xmlns="http://www.w3.org/2000/svg",
        viewBox=f"0 0 {projection.width:g} {height:g}", width=projection.width, height=height,
        role="group", aria_label=name, class_="map",
    )  # fmt: skip


def _fill(colour: str) -> str | None:
    return "url(#hatch)" if colour == "none" else None


def _hatch() -> Markup:
    """The pattern for places without a value."""
    line = element("path", d="M0 6L6 0", class_="hatch")
    return element(
        "defs",
        element("pattern", line, id="hatch", width=6, height=6, patternUnits="userSpaceOnUse"),
    )


def _named(mark: Markup, place: Place) -> Markup:
    """A mark that says what it is, and leads to the page of its place."""
    said = f"{place.name}: {place.said}" if place.said else place.name
    if not place.href:
        return group([title(said), mark])
    return element(
        "a", title(said), mark, href=place.href, tabindex="-1", target="_top", aria_label=said
    )


def _dot(
    place: Place, position: tuple[float, float], projection: Projection, colour: str
) -> Markup:
    x, y = projection.at(*position)
    mark = element(
        "circle", cx=x, cy=y, r=DOT, class_=f"dot {colour}", data_code=place.code,
        data_longitude=f"{position[0]:.5f}", data_latitude=f"{position[1]:.5f}", fill=_fill(colour),
    )  # fmt: skip
    return _named(mark, place)


def _spot(found: Boundaries, code: str) -> tuple[float, float]:
    middle = shapely.point_on_surface(found.shapes[code])
    return float(middle.x), float(middle.y)


def _box(
    places: Sequence[Place], found: Boundaries | None, around: Boundaries | None
) -> boundaries.Box:
    """What must be seen: the shapes, or the points with what lies around them."""
    if found is not None:
        return found.box
    spots = [place.position for place in places if place.position is not None]
    boxes = [around.box] if around is not None else []
    if spots:
        longitudes, latitudes = [one[0] for one in spots], [one[1] for one in spots]
        boxes.append((min(longitudes), min(latitudes), max(longitudes), max(latitudes)))
    west, south = min(one[0] for one in boxes), min(one[1] for one in boxes)
    return west, south, max(one[2] for one in boxes), max(one[3] for one in boxes)
