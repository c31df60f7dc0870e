"""Being told of changes by mail: ask, confirm, see what is followed, cancel."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from starlette.concurrency import run_in_threadpool
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from moulouya.participation.desk import TooMany
from moulouya.participation.following import CANCEL, CONFIRM, CONFIRM_DAYS, Follow, Following
from moulouya.participation.tables import StoreError
from moulouya.portal import absence
from moulouya.portal.asked import asked
from moulouya.portal.languages import N_, Language, language
from moulouya.portal.participation import posted, tickets
from moulouya.portal.participation.asking import (
    FAULTY,
    NOT_KEPT,
    TOO_EARLY,
    TOO_FULL,
    TOO_LATE,
    TOO_OFTEN,
)
from moulouya.portal.participation.forms import (
    LONGEST,
    TICKET,
    TRAP,
    TRAPPED,
    Filled,
    cleaned,
    mailbox,
)
from moulouya.portal.participation.showing import desk_of
from moulouya.portal.participation.views import PRIVATE, Participation, refused
from moulouya.portal.published import Catalogue, Record
from moulouya.portal.rendering import render

NO_ADDRESS = N_("This is not an e-mail address to which we can write.")
NO_CONSENT = N_("Tick this box, so that we may keep your address.")
HEADERS = {"Cache-Control": "no-store", **PRIVATE}


async def form(request: Request) -> Response:
    """``/{lang}/follow``, below a theme or a dataset too: ask to be told when it changes."""
    if not request.app.state.participation.mails:
        raise HTTPException(404)
    if request.method != "POST":
        return await run_in_threadpool(_show, request, Filled())
    return await _posted(request, _take)


async def confirm(request: Request) -> Response:
    """``/{lang}/follow/confirm/<token>``: a button, since programs open links in mails, too."""
    if request.method != "POST":
        return await run_in_threadpool(_ask_to_confirm, request)
    return await _posted(request, _confirm)


async def mine(request: Request) -> Response:
    """``/{lang}/follow/mine/<token>``: what an address follows; a POST cancels."""
    if request.method != "POST":
        return await run_in_threadpool(_mine, request)
    return await _posted(request, _cancel)


async def one_click(request: Request) -> Response:
    """``/{lang}/follow/cancel/<token>``: mail programs POST here (RFC 8058)."""
    if request.method != "POST":
        return await run_in_threadpool(_mine, request)
    try:
        await posted.one_click(request)
    except posted.NotTaken as error:
        return await run_in_threadpool(refused, request, error.status)
    return await run_in_threadpool(_cancel_at_once, request)


async def _posted(request: Request, act: Any) -> Response:
    try:
        typed = await posted.fields(request)
    except posted.NotTaken as error:
        return await run_in_threadpool(refused, request, error.status)
    answered: Response = await run_in_threadpool(act, request, typed)
    return answered


def _take(request: Request, typed: Mapping[str, str]) -> Response:
    """Judge what was sent: keep the address and say what comes next, or show the form again."""
    catalogue, code = asked(request)
    scope, topic = wanted(request, catalogue)
    spoken = language(code)
    own: Participation = request.app.state.participation
    values = cleaned(typed)
    address = mailbox(values.get("email", ""))
    wrong = {
        "email": "" if address else spoken.text(NO_ADDRESS),
        "consent": "" if values.get("consent") == "yes" else spoken.text(NO_CONSENT),
        TRAP: spoken.text(TRAPPED) if values.get(TRAP) else "",
    }
    wrong = {name: fault for name, fault in wrong.items() if fault}
    ticket = own.tickets.judge(values.get(TICKET, ""))
    if ticket == tickets.LATE:
        values[TICKET] = ""
    again = FAULTY if wrong else {tickets.EARLY: TOO_EARLY, tickets.LATE: TOO_LATE}.get(ticket, "")
    if again:
        return _show(request, Filled(values, wrong, spoken.text(again)), 422)
    if not own.rates.allows(posted.sender(request, own.proxies)):
        return _show(request, Filled(values, {}, spoken.text(TOO_OFTEN)), 429)
    try:
        own.following.ask(address, scope, topic, code)
    except (TooMany, StoreError) as error:
        said = TOO_FULL if isinstance(error, TooMany) else NOT_KEPT
        return _show(request, Filled(values, {}, spoken.text(said)), 503)
    return RedirectResponse(f"{request.url.path}?sent=yes", 303, HEADERS)


def _show(request: Request, filled: Filled, status: int = 200) -> Response:
    catalogue, code = asked(request)
    scope, topic = wanted(request, catalogue)
    own: Participation = request.app.state.participation
    try:
        ticket = filled.value(TICKET) or own.tickets.give()
    except OSError:
        return refused(request, 503)
    variables = {
        "filled": filled,
        "ticket": ticket,
        "trap": TRAP,
        "most": LONGEST["email"],
        "desk": desk_of(catalogue),
        "days": CONFIRM_DAYS,
        "scope": scope,
        "title": title_of(catalogue, scope, topic, language(code)),
        "back": page_of(code, scope, topic),
        "here": request.url.path,
        "sent": status == 200 and request.query_params.get("sent") == "yes",
    }
    return render(
        request, "participation/follow_form.html", variables, status=status, cache="no-store",
        headers=PRIVATE,
    )  # fmt: skip


def _ask_to_confirm(request: Request) -> Response:
    catalogue, code = asked(request)
    following: Following = request.app.state.participation.following
    try:
        found = following.find(request.path_params["token"], CONFIRM)
    except StoreError:
        return refused(request, 503)
    if found is None:
        return _too_late(request)
    if found.confirmed is not None:
        return _to_mine(code, found)
    variables = {"title": _title(catalogue, found, language(code)), "here": request.url.path}
    return _private(request, "participation/follow_confirm.html", variables)


def _confirm(request: Request, _: Mapping[str, str]) -> Response:
    catalogue, code = asked(request)
    following: Following = request.app.state.participation.following
    try:
        found = following.confirm(request.path_params["token"], catalogue.number)
    except StoreError:
        return refused(request, 503)
    return _too_late(request) if found is None else _to_mine(code, found)


def _mine(request: Request) -> Response:
    catalogue, code = asked(request)
    following: Following = request.app.state.participation.following
    token = request.path_params["token"]
    try:
        found = following.followed(token)
    except StoreError:
        return refused(request, 503)
    spoken = language(code)
    variables = {
        "address": found[0].address if found else "",
        "followed": [
            (one, _title(catalogue, one, spoken), page_of(code, one.scope, one.topic))
            for one in found
        ],
        "begun": request.query_params.get("begun") == "yes",
        "here": f"/{code}/follow/mine/{token}",
    }
    status = 200 if found else 404
    return _private(request, "participation/follow_mine.html", variables, status)


def _cancel(request: Request, typed: Mapping[str, str]) -> Response:
    asked(request)
    following: Following = request.app.state.participation.following
    number = typed.get("number", "")
    known = number.isascii() and number.isdecimal() and len(number) < 10
    if not known and typed.get("every") != "yes":
        return refused(request, 400)
    token = request.path_params["token"]
    try:
        left = [one for one in following.followed(token) if known and one.id != int(number)]
        following.cancel(token, int(number) if known else None, every=not known)
    except StoreError:
        return refused(request, 503)
    if not left:
        return _cancelled(request)
    code = request.path_params["lang"]
    return RedirectResponse(f"/{code}/follow/mine/{left[0].token(CANCEL)}", 303, HEADERS)


def _cancel_at_once(request: Request) -> Response:
    asked(request)
    try:
        request.app.state.participation.following.cancel(request.path_params["token"])
    except StoreError:
        return refused(request, 503)
    return _cancelled(request)


def _cancelled(request: Request) -> Response:
    return _private(request, "participation/follow_cancelled.html", {})


def _too_late(request: Request) -> Response:
    return _private(request, "participation/follow_late.html", {"days": CONFIRM_DAYS}, 404)


def _to_mine(code: str, found: Follow) -> Response:
    return RedirectResponse(f"/{code}/follow/mine/{found.token(CANCEL)}?begun=yes", 303, HEADERS)


def _private(
    request: Request, template: str, variables: dict[str, Any], status: int = 200
) -> Response:
    return render(request, template, variables, status=status, cache="no-store", headers=PRIVATE)


def wanted(request: Request, catalogue: Catalogue) -> tuple[str, str]:
    """Scope and topic of an address; raises HTTPException where it is not published."""
    theme, slug = request.path_params.get("theme"), request.path_params.get("slug")
    if slug is not None:
        if slug not in catalogue.datasets:
            lake = request.app.state.current.lake
            raise absence.of_dataset(lake, catalogue, slug) or HTTPException(404)
        return "dataset", slug
    if theme is not None:
        if theme not in catalogue.region["themes"]:
            raise HTTPException(404)
        return "theme", theme
    return "catalogue", ""


def title_of(catalogue: Catalogue, scope: str, topic: str, spoken: Language) -> str:
    """What is followed, by its name; by its identifier where it is published no more."""
    found = catalogue.datasets.get(topic)
    titles = {} if found is None else {topic: found.definition["title"]}
    return title_in(catalogue.region, titles, scope, topic, spoken)


def title_in(
    region: Record, titles: Mapping[str, Record], scope: str, topic: str, spoken: Language
) -> str:
    """What is followed, by its name in a region and the titles of datasets."""
    if scope == "catalogue":
        return str(region["title"][spoken.code])
    said = titles.get(topic) if scope == "dataset" else region["themes"].get(topic, {}).get("title")
    return str(said[spoken.code]) if said else topic


def page_of(code: str, scope: str, topic: str) -> str:
    """The page of what is followed."""
    return {
        "dataset": f"/{code}/datasets/{topic}",
        "theme": f"/{code}/themes/{topic}",
    }.get(scope, f"/{code}/datasets")


def _title(catalogue: Catalogue, found: Follow, spoken: Language) -> str:
    return title_of(catalogue, found.scope, found.topic, spoken)
