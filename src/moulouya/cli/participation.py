"""Commands for what people ask: list, show, accept, answer, decline, and forget in time."""

from __future__ import annotations

import datetime as dt
import getpass
from typing import TYPE_CHECKING, Annotated
from zoneinfo import ZoneInfo

import typer
from rich.table import Table

from moulouya.cli.options import Json, Workspace, answer, counted, err, out, settings_of

if TYPE_CHECKING:
    from moulouya.participation.clock import Clock
    from moulouya.participation.model import Case
    from moulouya.participation.moderation import Moderation

Number = Annotated[int, typer.Argument(help="Number of the request.")]
By = Annotated[str, typer.Option("--by", help="Who decides; not public.", show_default="this user")]
Note = Annotated[str, typer.Option("--note", help="A word to everybody.")]
Reason = Annotated[str, typer.Option("--reason", help="Why; everybody can read it.", prompt=True)]


def add_to(app: typer.Typer) -> None:
    """Add the commands of this module."""
    requests = typer.Typer(
        no_args_is_help=True, help="Requests, suggestions and reports of problems from the portal."
    )
    requests.command("list")(listing)
    for command in (show, accept, start, extend, decline, spam, delete, clean):
        requests.command()(command)
    requests.command("answer")(answered)
    app.add_typer(requests, name="requests")


def listing(
    every: Annotated[bool, typer.Option("--all", help="Closed ones and spam too.")] = False,
    as_json: Json = False,
    workspace: Workspace = None,
) -> None:
    """Show what waits: when it came, until when an answer is due, what speaks against it."""
    from moulouya.participation.tables import OPEN

    cases = _moderation(workspace).cases(() if every else OPEN)
    clock = _clock(workspace)
    if as_json:
        answer([{**case.to_json(), "due": _due(case, clock)} for case in cases])
        return
    table = Table(box=None)
    for name in ("number", "state", "kind", "came (UTC)", "due (UTC)", "dataset"):
        table.add_column(name, no_wrap=True)
    table.add_column("title", overflow="ellipsis", no_wrap=True)
    table.add_column("look twice", no_wrap=True)
    now = dt.datetime.now(dt.UTC)
    for case in cases:
        item, due = case.item, _due(case, clock)
        table.add_row(
            str(item.id),
            item.state,
            item.kind,
            f"{item.created:%Y-%m-%d %H:%M}",
            "" if due is None else f"{due:%Y-%m-%d %H:%M}" + (" LATE" if due < now else ""),
            item.dataset or "",
            _plain(item.title) + (f" (sent {case.senders} times)" if case.senders > 1 else ""),
            ", ".join(case.flags),
        )
    out.print(table, markup=False)


def show(number: Number, as_json: Json = False, workspace: Workspace = None) -> None:
    """Show one with its whole text, its sender and what happened to it."""
    _told(_moderation(workspace).show(number), _clock(workspace), as_json)


def accept(
    number: Number,
    note: Note = "",
    text: Annotated[
        str, typer.Option("--text", help="Text to show instead, where the sender names somebody.")
    ] = "",
    urgent: Annotated[
        bool, typer.Option("--urgent", help="Life or safety depend on it: hours, not days.")
    ] = False,
    by: By = "",
    as_json: Json = False,
    workspace: Workspace = None,
) -> None:
    """Make one public: everybody can read it from now on, without its sender."""
    case = _moderation(workspace).accept(number, _who(by), note, text=text, urgent=urgent)
    _told(case, _clock(workspace), as_json)


def start(
    number: Number, note: Note = "", by: By = "", as_json: Json = False, workspace: Workspace = None
) -> None:
    """Say that somebody works on it."""
    _told(_moderation(workspace).start(number, _who(by), note), _clock(workspace), as_json)


def extend(
    number: Number, reason: Reason, by: By = "", as_json: Json = False, workspace: Workspace = None
) -> None:
    """Extend the time for an answer, once, with a reason that everybody can read."""
    _told(_moderation(workspace).extend(number, _who(by), reason), _clock(workspace), as_json)


def answered(
    number: Number,
    note: Annotated[
        str, typer.Option("--note", help="The answer; everybody can read it.", prompt=True)
    ],
    dataset: Annotated[
        str | None, typer.Option("--dataset", help="The dataset that was published for it.")
    ] = None,
    by: By = "",
    as_json: Json = False,
    workspace: Workspace = None,
) -> None:
    """Answer one, and close it."""
    if dataset is not None:
        from moulouya import workspace as files

        files.load_one(settings_of(workspace, None).workspace_root, dataset)
    case = _moderation(workspace).answer(number, _who(by), note, dataset)
    _told(case, _clock(workspace), as_json)


def decline(
    number: Number,
    reason: Reason,
    article: Annotated[str, typer.Option("--article", help="Article of the law.")] = "",
    by: By = "",
    as_json: Json = False,
    workspace: Workspace = None,
) -> None:
    """Decline one with a reason; the request and the reason are public."""
    case = _moderation(workspace).decline(number, _who(by), reason, article)
    _told(case, _clock(workspace), as_json)


def spam(number: Number, by: By = "", as_json: Json = False, workspace: Workspace = None) -> None:
    """Mark one as spam: it is not public; `accept` takes that back."""
    _told(_moderation(workspace).spam(number, _who(by)), _clock(workspace), as_json)


def delete(number: Number, as_json: Json = False, workspace: Workspace = None) -> None:
    """Delete one with everything that was kept of it, for ever."""
    _moderation(workspace).delete(number)
    if as_json:
        answer({"deleted": number})
    else:
        out.print(f"deleted {number}")


def clean(as_json: Json = False, workspace: Workspace = None) -> None:
    """Delete names and e-mails whose time ends within a week or is over, and old spam."""
    from moulouya import participation

    found = participation.clean(settings_of(workspace, None))
    if as_json:
        answer(found)
    else:
        out.print(
            f"{counted(found['senders_forgotten'], 'sender')} forgotten, "
            f"{found['spam_deleted']} of spam deleted, "
            f"{counted(found['followers_forgotten'], 'follower')} that never confirmed deleted"
        )


def _moderation(workspace: Workspace) -> Moderation:
    from moulouya.participation.database import database
    from moulouya.participation.moderation import Moderation

    return Moderation(database(settings_of(workspace, None)))


def _clock(workspace: Workspace) -> Clock | None:
    """The clock that region.yml sets, None without one or without a workspace that is readable."""
    from moulouya import workspace as files
    from moulouya.errors import DefinitionError
    from moulouya.participation.clock import Clock

    try:
        region = files.load(settings_of(workspace, None).workspace_root).region
    except DefinitionError as error:
        err.print(f"no due dates: {error}", markup=False, highlight=False)
        return None
    return Clock(region.requests, ZoneInfo(region.timezone)) if region.requests else None


def _due(case: Case, clock: Clock | None) -> dt.datetime | None:
    from moulouya.participation.tables import OPEN

    item = case.item
    if clock is None or item.kind != "request" or item.state not in OPEN:
        return None
    return clock.due(item.created, urgent=item.urgent, extended=item.extended)


def _told(case: Case, clock: Clock | None, as_json: bool) -> None:
    item, due = case.item, _due(case, clock)
    if as_json:
        answer({**case.to_json(), "due": due})
        return
    about = " ".join(filter(None, (item.dataset, item.column, item.row)))
    lines = [
        f"{item.id} {item.kind} · {item.state}"
        + (f" · due {due:%Y-%m-%d %H:%M} UTC" if due else ""),
        f"title:   {item.title}",
        *([f"about:   {about}"] if about else []),
        f"sender:  {case.name or 'no name'}, {case.email or 'no e-mail'} ({item.language})",
        *([f"flags:   {', '.join(case.flags)}"] if case.flags else []),
        *([f"article: {item.article}"] if item.article else []),
        "",
        *item.body.splitlines(),
        "",
        *(f"{one.at:%Y-%m-%d %H:%M}  {one.state:<12} {one.by}: {one.note}" for one in item.events),
    ]
    for line in lines:
        out.print(_plain(line), markup=False, highlight=False)


def _plain(text: str) -> str:
    """What a stranger typed, without what a terminal would obey."""
    return "".join(letter if letter.isprintable() else " " for letter in text)


def _who(by: str) -> str:
    return by or getpass.getuser()
