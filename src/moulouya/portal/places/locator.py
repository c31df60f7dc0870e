"""Where a place lies: it among its neighbours on a small map whose shapes lead to their pages."""

from __future__ import annotations

from dataclasses import dataclass

import shapely
import structlog
from markupsafe import Markup

from moulouya.errors import LakeError
from moulouya.portal.drawing import boundaries, maps
from moulouya.portal.drawing.boundaries import Boundaries, Box, Projection
from moulouya.portal.drawing.svg import element, title
from moulouya.portal.kept import Kept
from moulouya.portal.languages import Language
from moulouya.portal.places.index import Place, Places
from moulouya.portal.published import Catalogue
from moulouya.portal.reading import TooSlow

MARGIN = 0.06
log = structlog.get_logger("moulouya.portal")


@dataclass(frozen=True)
class _View:
    """What the map of a place shows: places of one level, those that are meant, and the frame."""

    level: str
    shown: tuple[Place, ...]
    here: frozenset[str]
    whole: bool = False


_drawn: Kept[Markup | None] = Kept(512)


def locator(catalogue: Catalogue, places: Places, place: Place, spoken: Language) -> Markup | None:
    """The map of a place as SVG; None where the region has no boundaries that show it."""
    view = _view(places, place)
    if view is None:
        return None
    dataset = catalogue.datasets.get(places.described.boundaries[view.level])
    if dataset is None:
        return None
    try:
        found = boundaries.load(catalogue, dataset)
    except (LakeError, TooSlow) as error:
        log.warning("no map of a place", dataset=dataset.slug, reason=str(error))
        return None
    if found is None:
        return None
    key = (catalogue.number, dataset.sha256, place.code, spoken.code)
    return _drawn.get(key, lambda: _draw(view, found, place, spoken))


def _view(places: Places, place: Place) -> _View | None:
    """The finest level with boundaries that shows a place by itself or by what is in it."""
    drawn = [level for level in places.levels if level in places.described.boundaries]
    if not drawn:
        return None
    order = places.levels.index
    inner = [level for level in drawn if order(level) > order(place.level)]
    if inner and place.parent is None:
        # The widest place is drawn by the shape of the Kingdom; what is in it is marked.
        shown = places.inside(place.code, inner[0])
        return _View(inner[0], shown, frozenset(one.code for one in shown), whole=True)
    around = places.around(place.code, places.described.within(drawn[-1]))
    if inner and (around is None or place.level in drawn):
        shown = places.inside(place.code, inner[0])
        return _View(inner[0], shown, frozenset(one.code for one in shown))
    if around is None:
        return None
    shown = places.inside(around.code, drawn[-1])
    parts = places.inside(place.code, drawn[-1]) or (place,)
    return _View(drawn[-1], shown, frozenset(one.code for one in parts))


def _draw(view: _View, found: Boundaries, place: Place, spoken: Language) -> Markup | None:
    shown = [one for one in view.shown if one.code in found.shapes]
    if not any(one.code in view.here for one in shown):
        return None
    projection = Projection.onto(_frame(view, found, shown))
    parts = [maps.ground(projection)]
    for one in shown:
        here = one.code in view.here
        name = one.names[spoken.code]
        mark = element(
            "path", d=projection.path(found.shapes[one.code]), class_="shape here" * here or "shape"
        )
        if one.code == place.code:
            parts.append(element("g", title(name), mark))
            continue
        href = f"/{spoken.code}/places/{one.code}"
        parts.append(element("a", title(name), mark, href=href, tabindex="-1", aria_label=name))
    name = spoken.text("Map: %(place)s", place=place.names[spoken.code])
    return element(
        "svg", element("title", name), *parts,
        viewBox=f"0 0 {projection.width:g} {projection.height:g}", width=projection.width,
        height=projection.height, role="group", aria_label=name,
    )  # fmt: skip


def _frame(view: _View, found: Boundaries, shown: list[Place]) -> Box:
    """The part of the world to draw: the Kingdom whole, or the places with a margin."""
    shapes = [found.shapes[one.code] for one in shown]
    if view.whole:
        shapes += [shape for kind, shape in boundaries.backdrop() if kind == "kingdom"]
    west, south, east, north = map(float, shapely.total_bounds(shapes))
    wide, tall = (east - west) * MARGIN, (north - south) * MARGIN
    return west - wide, south - tall, east + wide, north + tall
