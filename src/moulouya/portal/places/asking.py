"""What addresses of places may ask for, and the answer to those that ask for what is not there."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from rapidfuzz import process
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response

from moulouya.portal.asked import asked
from moulouya.portal.languages import Language, language
from moulouya.portal.places.index import Place, Places
from moulouya.portal.places.indicators import Figures, Indicator, figures_of
from moulouya.portal.published import Catalogue
from moulouya.portal.rendering import render
from moulouya.portal.search.folding import fold

LONGEST = 200
SUGGESTED = 8


class Unanswerable(Exception):
    """A parameter asks for what is not there; ``told`` says so in the reader's language."""

    def __init__(self, told: str, suggested: Sequence[Place] = (), status: int = 400) -> None:
        super().__init__(told)
        self.told = told
        self.suggested = tuple(suggested)
        self.status = status


def figures_asked(request: Request) -> tuple[Catalogue, Figures, Language]:
    """The release, its figures and the language; 404 where the region has no places."""
    catalogue, code = asked(request)
    figures = figures_of(catalogue)
    if figures is None or not len(figures.places):
        raise HTTPException(404)
    return catalogue, figures, language(code)


def refuse(request: Request, error: Unanswerable) -> Response:
    """The page that says what cannot be answered, with places that may be meant."""
    variables = {
        "told": error.told,
        "suggested": error.suggested,
        "status": error.status,
    }
    return render(
        request, "places/refused.html", variables, status=error.status, cache="no-store"
    )  # fmt: skip


def place_named(places: Places, text: str, spoken: Language, status: int = 400) -> Place:
    """The place that a code, a name, or a name with its code in brackets means."""
    wanted = text.strip()[:LONGEST]
    code = wanted[wanted.rfind("(") + 1 : -1] if wanted.endswith(")") else wanted
    found = places.by_code.get(code.strip("\N{LEFT-TO-RIGHT ISOLATE}\N{POP DIRECTIONAL ISOLATE} "))
    if found is not None:
        return found
    same = [place for place in places if fold(wanted) in set(map(fold, place.names.values()))]
    # A name that several places share means the smallest of them: a town before its province.
    if same:
        return same[-1]
    told = spoken.text("There is no place with the code or the name “%(text)s”.", text=wanted)
    raise Unanswerable(told, resembling(places, wanted), status)


def resembling(places: Places, text: str, most: int = SUGGESTED) -> list[Place]:
    """Places whose name or code is close to a text, the closest first."""
    words = fold(text)
    if not words:
        return []
    names: dict[str, list[Place]] = {}
    for place in places:
        for name in {*map(fold, place.names.values()), fold(place.code)}:
            names.setdefault(name, []).append(place)
    close = process.extract(words, list(names), limit=most, score_cutoff=60)
    found = {place.code: place for name, _, _ in close for place in names[name]}
    return list(found.values())[:most]


def search(places: Places, text: str) -> list[Place]:
    """Places whose name has every word of a text, or whose code begins so; else those alike."""
    words = fold(text[:LONGEST]).split()
    code = text.strip()
    found = [
        place
        for place in places
        if (code and place.code.startswith(code))
        or (words and any(_has(name, words) for name in place.names.values()))
    ]
    return found or resembling(places, text)


def _has(name: str, words: Iterable[str]) -> bool:
    folded = fold(name)
    return all(word in folded for word in words)


def indicator_asked(figures: Figures, text: str, spoken: Language) -> Indicator:
    """The indicator of an id."""
    found = figures.by_id.get(text)
    if found is None:
        told = spoken.text("There is no figure called “%(text)s”.", text=text[:LONGEST])
        raise Unanswerable(told)
    return found


def one_of(text: str, allowed: Mapping[str, Any] | Sequence[str], spoken: Language) -> str:
    """A word that must be one of several."""
    if text not in allowed:
        told = spoken.text("“%(text)s” cannot be chosen here.", text=text[:LONGEST])
        raise Unanswerable(told)
    return text
