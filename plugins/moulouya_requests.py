"""What people ask through the portal, for those who answer: what waits, until when, and deciding.

Whoever may see the plugin's pages sees the list; whoever may change the release DAG decides. A
form carries a token that is signed for the user who opened it: no other site can send it for them.
"""

from __future__ import annotations

import datetime as dt
import logging
from typing import Annotated
from zoneinfo import ZoneInfo

from airflow.api_fastapi.app import get_auth_manager
from airflow.api_fastapi.auth.managers.models.resource_details import DagDetails
from airflow.api_fastapi.core_api.security import GetUserDep
from airflow.configuration import conf
from fastapi import APIRouter, Form, HTTPException, Request
from fastapi.responses import RedirectResponse
from itsdangerous import BadSignature, URLSafeTimedSerializer
from moulouya_html import html

log = logging.getLogger(__name__)
pages = APIRouter()
SHOWN = 200
TOKEN_LIVES = 12 * 3600
# The buttons, by the state that each decision leads to.
BUTTONS = {
    "accepted": ("accept", "Accept: make it public"),
    "in_progress": ("start", "Say that somebody works on it"),
    "extended": ("extend", "Extend the time"),
    "answered": ("answer", "Answer"),
    "declined": ("decline", "Decline"),
    "spam": ("spam", "Spam"),
}
Text = Annotated[str, Form(max_length=8000)]
Word = Annotated[str, Form(max_length=300)]


@pages.get("/requests")
def requests(user: GetUserDep, done: int = 0):
    """Every open request, suggestion and report, with a form for those who may decide."""
    told = f"{done} is decided." if 0 < done < 2**31 else ""
    return listing(user, told=told)


@pages.post("/requests/{number}")
def decide(
    request: Request,
    user: GetUserDep,
    number: int,
    decision: Word = "",
    token: Word = "",
    note: Text = "",
    text: Text = "",
    dataset: Word = "",
    article: Word = "",
    urgent: Word = "",
    sure: Word = "",
):
    """Take one decision, in the name of the user who is signed in."""
    from moulouya import workspace
    from moulouya.errors import MoulouyaError, UsageError
    from moulouya.participation.database import database
    from moulouya.participation.moderation import Moderation
    from moulouya.settings import Settings

    if not may_decide(user):
        raise HTTPException(403, "deciding needs the right to change the DAG catalogue")
    if not is_ours(request, token, user):
        raise HTTPException(403, "the form is not of this site, or too old: open the page again")
    by, note, dataset = user.get_name(), plain(note), dataset.strip()
    try:
        settings = Settings()
        if dataset and decision == "answer":
            workspace.load_one(settings.workspace_root, dataset)
        if decision == "delete" and not sure:
            raise UsageError("tick the box to delete for ever")
        store = database(settings)
        moderation = Moderation(store)
        actions = {
            "accept": lambda: moderation.accept(
                number, by, note, text=plain(text), urgent=bool(urgent)
            ),
            "start": lambda: moderation.start(number, by, note),
            "extend": lambda: moderation.extend(number, by, note),
            "answer": lambda: moderation.answer(number, by, note, dataset or None),
            "decline": lambda: moderation.decline(number, by, note, plain(article)),
            "spam": lambda: moderation.spam(number, by),
            "delete": lambda: moderation.delete(number),
        }
        if decision not in actions:
            raise UsageError(f"there is no decision {decision!r}")
        try:
            actions[decision]()
        finally:
            store.close()
    except MoulouyaError as error:
        status = 422 if isinstance(error, UsageError) or error.exit_code == 2 else 503
        kept = {"number": number, "note": note, "text": text, "dataset": dataset,
                "article": article}  # fmt: skip
        return listing(user, problem=f"{number}: {error}", status=status, kept=kept)
    log.info("request %s: %s by %s", number, decision, by)
    return RedirectResponse(f"../requests?done={number}", 303, {"Cache-Control": "no-store"})


def listing(user, *, told="", problem="", status=200, kept=None):
    """The page: what waits, and above it what was done or what went wrong."""
    from moulouya import workspace
    from moulouya.errors import MoulouyaError
    from moulouya.participation.clock import Clock
    from moulouya.participation.database import database
    from moulouya.participation.moderation import Moderation
    from moulouya.participation.tables import OPEN
    from moulouya.settings import Settings

    rows, total, broken = [], 0, ""
    try:
        settings = Settings()
        region = workspace.load(settings.workspace_root).region
        clock = Clock(region.requests, ZoneInfo(region.timezone)) if region.requests else None
        store = database(settings)
        try:
            cases = Moderation(store).cases(OPEN)
        finally:
            store.close()
        total = len(cases)
        now = dt.datetime.now(dt.UTC)
        rows = [row(case, clock, now) for case in cases[:SHOWN]]
    except MoulouyaError as error:
        broken, status = str(error), 503
    rows.sort(key=lambda one: (one["state"] != "received", one["due"] or "9", one["number"]))
    may = may_decide(user)
    return html(
        "moulouya_requests.html", status, forms=may, problem=broken or problem, broken=bool(broken),
        rows=rows, total=total, told=told, may=may, kept=kept or {},
        token=signer().dumps(user.get_id()) if may else "", up="../" if kept else "",
    )  # fmt: skip


def row(case, clock, now):
    """One line of the table."""
    from moulouya.participation.moderation import DECISIONS

    item = case.item
    due = None
    if clock is not None and item.kind == "request":
        due = clock.due(item.created, urgent=item.urgent, extended=item.extended)
    about = " · ".join(filter(None, (item.dataset, item.column, item.row)))
    open_to = [state for state, before in DECISIONS.items() if item.state in before]
    if item.extended or item.urgent or item.kind != "request":
        open_to = [state for state in open_to if state != "extended"]
    return {
        "number": item.id,
        "kind": item.kind,
        "state": item.state,
        "title": item.title,
        "body": item.body,
        "about": about,
        "came": f"{item.created:%Y-%m-%d %H:%M}",
        "due": f"{due:%Y-%m-%d %H:%M}" if due else "",
        "late": due is not None and due < now,
        "flags": case.flags,
        "senders": case.senders,
        "wants_answer": bool(case.email),
        "buttons": [BUTTONS[state] for state in open_to],
    }


def may_decide(user):
    """Whether a user may change the release DAG, and so decide what becomes public."""
    return get_auth_manager().is_authorized_dag(
        method="PUT", details=DagDetails(id="catalogue"), user=user
    )


def is_ours(request, token, user):
    """Whether a form was opened here by the same user, and is sent from this site."""
    if request.headers.get("sec-fetch-site", "same-origin") != "same-origin":
        return False
    try:
        return signer().loads(token, max_age=TOKEN_LIVES) == user.get_id()
    except BadSignature:
        return False


def signer():
    """Signs with Airflow's own secret, which all of its API servers share."""
    return URLSafeTimedSerializer(conf.get("api", "secret_key"), salt="moulouya-requests")


def plain(text):
    """What was typed, with the line breaks of text."""
    return text.replace("\r\n", "\n").strip()
