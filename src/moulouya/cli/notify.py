"""Commands that tell followers what changed, and register the webhooks among them."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.table import Table

from moulouya.cli.options import Json, Lake, Workspace, answer, counted, err, out, settings_of
from moulouya.errors import UsageError

if TYPE_CHECKING:
    from moulouya.participation.followers import Followers
    from moulouya.settings import Settings

Number = Annotated[int, typer.Argument(help="Number of the webhook, as `moulouya notify --list`.")]


def add_to(app: typer.Typer) -> None:
    """Add the commands of this module."""
    app.command()(notify)
    webhooks = typer.Typer(no_args_is_help=True, help="Addresses that are told of every change.")
    for command in (add, remove, enable):
        webhooks.command()(command)
    app.add_typer(webhooks, name="webhooks")


def notify(
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Say who would be told; send and note nothing.")
    ] = False,
    listing: Annotated[
        bool, typer.Option("--list", help="Show webhooks, and how many follow what by mail.")
    ] = False,
    as_json: Json = False,
    lake: Lake = None,
    workspace: Workspace = None,
) -> None:
    """Tell followers what changed since they were told, by mail and by webhook.

    Sends also the links that confirm a follow, and the answers to requests. Run it after every
    release and every few minutes: what was sent is not sent again. Exit code 1 where somebody
    could not be told.
    """
    settings = settings_of(workspace, lake)
    if listing:
        _list(settings, as_json)
        return
    from moulouya.notices import NOTHING_TO_SEND_WITH
    from moulouya.notices.run import run

    if not settings.sends_mail and not _followers(settings).every("webhook"):
        if as_json:
            answer({"release": None, "mail": False, "message": NOTHING_TO_SEND_WITH})
        else:
            out.print(f"nothing was sent: {NOTHING_TO_SEND_WITH}", highlight=False)
        return
    sent = run(settings, dry_run=dry_run)
    if as_json:
        answer(sent.to_json())
    elif sent.busy:
        out.print("nothing was sent: another run is sending now")
    elif sent.release is None:
        out.print("nothing was sent: nothing is released yet")
    else:
        for problem in sent.problems:
            err.print(problem, style="yellow", markup=False, highlight=False)
        told = (
            counted(sent.changes, "mail") + f" about changes, {sent.confirmations} to confirm, "
            f"{counted(sent.answers, 'answer')}, {counted(sent.webhooks, 'webhook')}"
        )
        would = "would be sent" if dry_run else "sent"
        out.print(f"release {sent.release}: {would}: {told}", highlight=False)
        if not sent.mail:
            out.print("no mail: MOULOUYA_SMTP_URL is not set", highlight=False)
    raise typer.Exit(1 if sent.problems else 0)


def add(
    url: Annotated[str, typer.Argument(help="An https address.")],
    dataset: Annotated[str, typer.Option("--dataset", help="Only this dataset, by its slug.")] = "",
    theme: Annotated[str, typer.Option("--theme", help="Only datasets of this theme.")] = "",
    as_json: Json = False,
    lake: Lake = None,
    workspace: Workspace = None,
) -> None:
    """Register a webhook: it is told of every change from now on; shows the key of its signatures.

    Without an option it follows the whole catalogue. The key is shown this once.
    """
    from moulouya.notices import webhooks
    from moulouya.released import current
    from moulouya.storage.lake import look_into

    settings = settings_of(workspace, lake)
    if dataset and theme:
        raise UsageError("a webhook follows a dataset or a theme, not both", hint="add it twice")
    newest = current(look_into(settings), verify=False)
    said = newest.manifest if newest is not None else {"datasets": {}, "region": {"themes": {}}}
    for name, known, kind in (
        (dataset, said["datasets"], "dataset"),
        (theme, said["region"]["themes"], "theme"),
    ):
        if name and name not in known:
            from moulouya.errors import did_you_mean

            raise UsageError(f"no {kind} {name!r} is published{did_you_mean(name, known)}")
    scope = "dataset" if dataset else "theme" if theme else "catalogue"
    address = webhooks.accepted(url, settings)
    number, key = _followers(settings).add_webhook(
        address, scope, dataset or theme, newest.number if newest is not None else 0
    )
    secret = webhooks.secret(bytes.fromhex(key))
    if as_json:
        answer({"number": number, "url": address, "secret": secret})
    else:
        out.print(f"webhook {number}: {address}", markup=False, highlight=False)
        out.print(f"secret: {secret}", markup=False, highlight=False)


def remove(number: Number, as_json: Json = False, workspace: Workspace = None) -> None:
    """Delete a webhook."""
    followers = _followers(settings_of(workspace, None))
    followers.remove(followers.webhook(number).id)
    if as_json:
        answer({"removed": number})
    else:
        out.print(f"removed webhook {number}", highlight=False)


def enable(
    number: Number, as_json: Json = False, lake: Lake = None, workspace: Workspace = None
) -> None:
    """Let a webhook that was disabled be told again, of what changes from now on."""
    from moulouya.released import newest_number
    from moulouya.storage.lake import look_into

    settings = settings_of(workspace, lake)
    release = newest_number(look_into(settings)) or 0
    found = _followers(settings).enable(number, release)
    if as_json:
        answer({"enabled": found.id, "told": found.told})
    else:
        out.print(f"enabled webhook {number}", highlight=False)


def _list(settings: Settings, as_json: bool) -> None:
    """Webhooks one by one; people in numbers only."""
    from moulouya.web import shown

    followers = _followers(settings)
    hooks: list[dict[str, Any]] = [
        {
            "number": one.id,
            "url": shown(one.address),
            "follows": " ".join(filter(None, (one.scope, one.topic))),
            "told": one.told,
            "failures": one.failures,
            "disabled": one.disabled,
            "problem": one.problem,
        }
        for one in followers.every("webhook")
    ]
    people = followers.every("mail")
    counts = Counter((one.scope, one.topic, one.confirmed is not None) for one in people)
    topics = sorted({(scope, topic) for scope, topic, _ in counts})
    mail = [
        {
            "follows": " ".join(filter(None, topic)),
            "followers": counts[(*topic, True)],
            "unconfirmed": counts[(*topic, False)],
        }
        for topic in topics
    ]
    if as_json:
        answer({"webhooks": hooks, "mail": mail})
        return
    for rows, empty in ((hooks, "no webhook"), (mail, "nobody follows by mail")):
        if not rows:
            out.print(empty)
            continue
        table = Table(box=None)
        for name in rows[0]:
            table.add_column(name, no_wrap=True)
        for row in rows:
            table.add_row(*("" if value is None else f"{value}" for value in row.values()))
        out.print(table, markup=False)


def _followers(settings: Settings) -> Followers:
    from moulouya.participation.database import database
    from moulouya.participation.followers import Followers

    return Followers(database(settings))
