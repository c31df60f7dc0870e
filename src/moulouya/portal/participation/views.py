"""The pages of what was asked: the list, one item, and the private page of its sender."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass
from typing import Any

from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from moulouya.participation.database import database
from moulouya.participation.desk import Desk, Page
from moulouya.participation.following import Following
from moulouya.participation.spam import Rates
from moulouya.participation.tables import PUBLIC, StoreError
from moulouya.portal.asked import asked
from moulouya.portal.languages import N_, language
from moulouya.portal.participation import posted, showing
from moulouya.portal.participation.tickets import Tickets
from moulouya.portal.rendering import render
from moulouya.settings import Settings

SIZE = 20
# Pages of one person: kept by nobody, found by no search engine.
PRIVATE = {"X-Robots-Tag": "noindex, nofollow"}
NOT_TAKEN = {
    400: (N_("This form cannot be read"), N_("Go back, and send it from the page itself.")),
    413: (N_("This is too long"), N_("Go back, and shorten your text.")),
    415: (N_("This form cannot be read"), N_("Go back, and send it from the page itself.")),
    503: (
        N_("Requests cannot be shown at the moment"),
        N_("The rest of the site works. Please try again in a few minutes."),
    ),
}


@dataclass(frozen=True)
class Participation:
    """What the pages need: the store, the tickets of forms, the rates, how long names are kept.

    ``mails`` says whether mail is sent, so that people may ask for it.
    """

    desk: Desk
    following: Following
    tickets: Tickets
    rates: Rates
    proxies: int
    personal_days: int
    mails: bool


def open_desk(app: Starlette, settings: Settings) -> None:
    """Give the application what the pages need; nothing is opened before the first request."""
    store = database(settings)
    app.state.participation = Participation(
        desk=Desk(store),
        following=Following(store),
        tickets=Tickets(settings),
        rates=Rates(),
        proxies=settings.proxies,
        personal_days=settings.personal_days,
        mails=settings.offers_mail,
    )


def refused(request: Request, status: int) -> Response:
    """The page that says why a form or a list is not to be had."""
    spoken = language(asked(request)[1])
    title, advice = (spoken.text(words) for words in NOT_TAKEN[status])
    variables = {"title": title, "advice": advice, "told": [], "status": status}
    return render(request, "problem.html", variables, status=status, cache="no-store")


def listing(request: Request) -> Response:
    """``/{lang}/requests``: what was asked and what became of it."""
    catalogue, code = asked(request)
    given = request.query_params
    kind = given.get("kind", "") if given.get("kind") in showing.KINDS else ""
    state = given.get("state", "") if given.get("state") in PUBLIC else ""
    words = given.get("q", "").strip()[:200].replace("\0", "")
    number = given.get("page", "1")
    page = int(number) if number.isascii() and number.isdecimal() and len(number) < 6 else 1
    page = max(page, 1)
    try:
        found: Page = request.app.state.participation.desk.listing(
            kind=kind, state=state, words=words, page=page, size=SIZE
        )
    except StoreError:
        return refused(request, 503)
    pages = max(1, -(-found.total // SIZE))
    if page > pages:
        raise HTTPException(404)
    now = dt.datetime.now(dt.UTC)
    spoken = language(code)
    variables = {
        "shown": [
            (item, showing.due(item, catalogue, now), _about(catalogue, item, spoken))
            for item in found.items
        ],
        "total": found.total,
        "page": page,
        "pages": pages,
        "query": words,
        "kind": kind,
        "state": state,
        "kinds": showing.KINDS,
        "states": {name: showing.STATES[name] for name in PUBLIC},
        "desk": showing.desk_of(catalogue),
    }
    return render(request, "participation/requests.html", variables)


def one(request: Request) -> Response:
    """``/{lang}/requests/<number>``: one item, its clock, and what happened to it."""
    catalogue, _ = asked(request)
    number = request.path_params["number"]
    try:
        item = request.app.state.participation.desk.find(number) if number < 2**31 else None
    except StoreError:
        return refused(request, 503)
    if item is None:
        raise HTTPException(404)
    return render(request, "participation/request.html", _shown(request, catalogue, item))


async def mine(request: Request) -> Response:
    """``/{lang}/requests/mine/<secret>``: the sender's own page; a POST withdraws."""
    if request.method == "POST":
        try:
            typed = await posted.fields(request)
        except posted.NotTaken as error:
            return await run_in_threadpool(refused, request, error.status)
        return await run_in_threadpool(_withdraw, request, typed.get("sure") == "yes")
    return await run_in_threadpool(_mine, request)


def _mine(request: Request) -> Response:
    catalogue, _ = asked(request)
    try:
        item = request.app.state.participation.desk.mine(request.path_params["secret"])
    except StoreError:
        return refused(request, 503)
    if item is None:
        raise HTTPException(404)
    variables = _shown(request, catalogue, item) | {
        "public": item.state in PUBLIC,
        "address": f"{request.app.state.public_url}{request.url.path}",
        "unsure": request.query_params.get("unsure") == "yes",
    }
    return render(request, "participation/mine.html", variables, cache="no-store", headers=PRIVATE)


def _withdraw(request: Request, sure: bool) -> Response:
    asked(request)
    desk: Desk = request.app.state.participation.desk
    try:
        if sure:
            desk.withdraw(request.path_params["secret"])
    except StoreError:
        return refused(request, 503)
    again = request.url.path + ("" if sure else "?unsure=yes#withdraw")
    return RedirectResponse(again, 303, {"Cache-Control": "no-store", **PRIVATE})


def _about(catalogue: Any, item: Any, spoken: Any) -> str:
    return showing.title_of(catalogue, item.dataset, spoken)


def _shown(request: Request, catalogue: Any, item: Any) -> dict[str, Any]:
    spoken = language(request.path_params["lang"])
    return {
        "item": item,
        "due": showing.due(item, catalogue, dt.datetime.now(dt.UTC)),
        "desk": showing.desk_of(catalogue),
        "about": _about(catalogue, item, spoken),
        "column": showing.column_of(catalogue, item, spoken),
        "answer": showing.title_of(catalogue, item.answer_dataset, spoken),
        "kinds": showing.KINDS,
        "states": showing.STATES,
    }
