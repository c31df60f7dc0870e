"""The forms: ask for data or suggest something, and report a problem in a dataset."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from starlette.concurrency import run_in_threadpool
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from moulouya.participation.desk import TooMany
from moulouya.participation.tables import StoreError
from moulouya.portal import absence
from moulouya.portal.asked import asked
from moulouya.portal.languages import N_, language
from moulouya.portal.participation import posted, showing, tickets
from moulouya.portal.participation.forms import (
    LONGEST,
    TICKET,
    TRAP,
    Filled,
    cleaned,
    faults,
    submission,
)
from moulouya.portal.participation.views import PRIVATE, Participation, refused
from moulouya.portal.rendering import render

ASKED = ("request", "suggestion")
FAULTY = N_("It was not sent yet. Please look at the marked fields; nothing you typed is lost.")
TOO_EARLY = N_("That was very quick. Please read it once more, then send it again.")
TOO_LATE = N_("This page was open for a long time. Everything is still here: please send it again.")
TOO_OFTEN = N_("A lot was sent from your connection. Please wait an hour, then send it again.")
TOO_FULL = N_("Very much is coming in at the moment. Please keep your text and try again later.")
NOT_KEPT = N_("It could not be kept, the fault is ours. Please keep your text and try again later.")


async def new(request: Request) -> Response:
    """``/{lang}/requests/new``: the form for a request or a suggestion, and where it is sent."""
    return await _form(request, "")


async def report(request: Request) -> Response:
    """``/{lang}/datasets/<slug>/report``: a problem, filled in from ``?column=`` and ``?row=``."""
    return await _form(request, request.path_params["slug"])


async def _form(request: Request, slug: str) -> Response:
    if request.method != "POST":
        return await run_in_threadpool(_open, request, slug)
    try:
        typed = await posted.fields(request)
    except posted.NotTaken as error:
        return await run_in_threadpool(refused, request, error.status)
    return await run_in_threadpool(_take, request, slug, typed)


def _open(request: Request, slug: str) -> Response:
    """An empty form, with what the link to it fills in."""
    given = cleaned({name: request.query_params.get(name, "") for name in ("kind", *LONGEST)})
    values = {name: value[: LONGEST.get(name, 20)] for name, value in given.items()}
    for private in ("name", "email"):
        values.pop(private)
    return _show(request, slug, Filled(values))


def _take(request: Request, slug: str, typed: Mapping[str, str]) -> Response:
    """Judge what was sent: keep it and go on to the private page, or show it again."""
    _, code = asked(request)
    _dataset(request, slug)
    spoken = language(code)
    own: Participation = request.app.state.participation
    values = cleaned(typed)
    wrong = faults(values, spoken)
    ticket = own.tickets.judge(values.get(TICKET, ""))
    if ticket == tickets.LATE:
        values[TICKET] = ""
    again = FAULTY if wrong else {tickets.EARLY: TOO_EARLY, tickets.LATE: TOO_LATE}.get(ticket, "")
    if again:
        return _show(request, slug, Filled(values, wrong, spoken.text(again)), 422)
    if not own.rates.allows(posted.sender(request, own.proxies)):
        return _show(request, slug, Filled(values, {}, spoken.text(TOO_OFTEN)), 429)
    kind = "problem" if slug else values.get("kind", "")
    sent = submission(values, kind if slug or kind in ASKED else ASKED[0], code, slug or None)
    try:
        _, secret = own.desk.submit(sent)
    except (TooMany, StoreError) as error:
        said = TOO_FULL if isinstance(error, TooMany) else NOT_KEPT
        return _show(request, slug, Filled(values, {}, spoken.text(said)), 503)
    headers = {"Cache-Control": "no-store", **PRIVATE}
    return RedirectResponse(f"/{code}/requests/mine/{secret}", 303, headers)


def _show(request: Request, slug: str, filled: Filled, status: int = 200) -> Response:
    catalogue, code = asked(request)
    dataset = _dataset(request, slug)
    spoken = language(code)
    own: Participation = request.app.state.participation
    columns = dataset.definition["columns"] if dataset is not None else {}
    try:
        ticket = filled.value(TICKET) or own.tickets.give()
    except OSError:
        return refused(request, 503)
    variables: dict[str, Any] = {
        "filled": filled,
        "ticket": ticket,
        "trap": TRAP,
        "longest": LONGEST,
        "desk": showing.desk_of(catalogue),
        "days": own.personal_days,
        "slug": slug,
        "about": showing.title_of(catalogue, slug, spoken),
        "columns": [(name, said["title"][code]) for name, said in columns.items()],
        "kind": filled.value("kind") if filled.value("kind") in ASKED else ASKED[0],
        "here": request.url.path,
    }
    # The form to ask for data may be found by searching; those about one dataset are all alike.
    found = status == 200 and not slug and not request.url.query
    return render(
        request, "participation/form.html", variables, status=status, cache="no-store",
        headers=None if found else PRIVATE,
    )  # fmt: skip


def _dataset(request: Request, slug: str) -> Any:
    """The dataset that a problem is about; raises HTTPException when it is not published."""
    if not slug:
        return None
    catalogue, _ = asked(request)
    found = catalogue.datasets.get(slug)
    if found is None:
        lake = request.app.state.current.lake
        raise absence.of_dataset(lake, catalogue, slug) or HTTPException(404)
    return found
