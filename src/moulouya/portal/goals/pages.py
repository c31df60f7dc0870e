"""The catalogue by Sustainable Development Goal: all seventeen, and a page for each."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from moulouya.portal.asked import asked
from moulouya.portal.goals import GOALS
from moulouya.portal.goals.wording import goal_sentence, target_words
from moulouya.portal.languages import language
from moulouya.portal.places.comparison import Line, key_figures, table
from moulouya.portal.places.index import Place
from moulouya.portal.places.indicators import Figures, Indicator, figures_of, indicators_of_goal
from moulouya.portal.presentation import card
from moulouya.portal.published import Catalogue, PublishedDataset
from moulouya.portal.rendering import render

MOST_FIGURES = 12


@dataclass(frozen=True)
class Goal:
    """One goal and how much of the catalogue serves it."""

    number: int
    name: str
    sentence: str
    datasets: int
    figures: int


@dataclass(frozen=True)
class Target:
    """A target that datasets are tagged with."""

    code: str
    words: str
    datasets: tuple[tuple[str, str], ...]


def tagged(catalogue: Catalogue, goal: int) -> list[PublishedDataset]:
    """The datasets that name a goal or one of its targets."""
    wanted = str(goal)
    return [
        dataset
        for dataset in catalogue.datasets.values()
        if any(tag.partition(".")[0] == wanted for tag in dataset.definition.get("sdg") or ())
    ]


def index(request: Request) -> Response:
    """``/{lang}/sdg``: the seventeen goals."""
    catalogue, code = asked(request)
    spoken = language(code)
    goals = [
        Goal(
            number,
            spoken.text(name),
            goal_sentence(number, spoken),
            len(tagged(catalogue, number)),
            len(indicators_of_goal(catalogue, number)),
        )
        for number, name in enumerate(GOALS, start=1)
    ]
    return render(request, "goals/index.html", {"goals": goals})


def goal(request: Request) -> Response:
    """``/{lang}/sdg/<n>``: a goal, its targets, its datasets and its figures by place."""
    catalogue, code = asked(request)
    spoken = language(code)
    number = request.path_params["number"]
    if not 1 <= number <= len(GOALS):
        raise HTTPException(404)
    datasets = tagged(catalogue, number)
    looks = request.app.state.looks.known(catalogue)
    now = dt.datetime.now(dt.UTC)
    codes = {
        tag
        for dataset in datasets
        for tag in dataset.definition["sdg"]
        if tag.partition(".")[0] == str(number) and "." in tag
    }
    figures = figures_of(catalogue)
    several = indicators_of_goal(catalogue, number)
    columns, lines, around = _beside(catalogue, figures, several, code) if figures else ([], [], 0)
    variables = {
        "number": number,
        "name": spoken.text(GOALS[number - 1]),
        "sentence": goal_sentence(number, spoken),
        "targets": [
            Target(
                one,
                target_words(one, spoken),
                tuple(
                    (dataset.slug, dataset.definition["title"][code])
                    for dataset in datasets
                    if one in dataset.definition["sdg"]
                ),
            )
            for one in sorted(codes, key=_in_order)
        ],
        "cards": [card(dataset, looks, spoken, now) for dataset in datasets],
        "columns": columns,
        "lines": lines,
        "around": around,
        "level": columns[-1].level if columns else "",
        "figures": len(several),
        "before": number - 1 or None,
        "after": number + 1 if number < len(GOALS) else None,
        "names": [spoken.text(one) for one in GOALS],
    }
    return render(request, "goals/goal.html", variables)


def _beside(
    catalogue: Catalogue, figures: Figures, several: tuple[Indicator, ...], code: str
) -> tuple[list[Place], list[Line], int]:
    """The goal's figures for the region, what is around it, and the places ranked in it."""
    places = figures.places
    home = places.by_code.get(places.home or "")
    level = next((one for one in places.levels if len(places.of_level(one)) > 1), None)
    if level is None:
        return [], [], 0
    inner = list(places.of_level(level))
    outer = [*places.ancestors(home.code)[::-1], home] if home else []
    # A dataset of few goals says more of this one than a summary tagged with many.
    special = sorted(several, key=lambda one: len({tag.partition(".")[0] for tag in one.goals}))
    better = [one for one in special if one.better]
    shown = better or key_figures(several, figures, inner)
    lines = table(
        catalogue, figures, [*outer, *inner], shown[:MOST_FIGURES], language(code), marked=inner
    )
    return [*outer, *inner], lines, len(outer)


def _in_order(target: str) -> tuple[int, int, str]:
    """Targets by number, those with a letter after them."""
    goal_part, _, part = target.partition(".")
    return int(goal_part), int(part) if part.isdigit() else 100, part


ROUTES = [
    Route("/{lang}/sdg", index),
    Route("/{lang}/sdg/{number:int}", goal),
]
