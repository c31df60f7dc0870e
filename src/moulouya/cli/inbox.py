"""Commands of the upload inbox: serve it, and give partners their tokens."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer
from rich.table import Table

from moulouya.cli.options import Json, Lake, Workspace, answer, out, settings_of
from moulouya.errors import UsageError


def add_to(app: typer.Typer) -> None:
    """Add the commands of this module."""
    inbox = typer.Typer(no_args_is_help=True, help="Receive files that partners upload over https.")
    token = typer.Typer(no_args_is_help=True, help="Tokens of partners.")
    inbox.command()(serve)
    token.command()(create)
    token.command("list")(show)
    token.command()(revoke)
    inbox.add_typer(token, name="token")
    app.add_typer(inbox, name="inbox")


def serve(
    host: Annotated[str, typer.Option(help="Address to listen on.")] = "127.0.0.1",
    port: Annotated[int, typer.Option(help="Port to listen on.")] = 8600,
    certificate: Annotated[
        Path | None, typer.Option(help="Certificate chain of the server, PEM.", exists=True)
    ] = None,
    key: Annotated[Path | None, typer.Option(help="Its private key, PEM.", exists=True)] = None,
    behind_proxy: Annotated[
        bool, typer.Option("--behind-proxy", help="A proxy in front ends TLS.")
    ] = False,
    lake: Lake = None,
    workspace: Workspace = None,
) -> None:
    """Serve the inbox: uploads with a token, receipts, and a page with a form."""
    from moulouya.inbox.server import serve as serve_inbox

    serve_inbox(
        settings_of(workspace, lake),
        host,
        port,
        certificate=certificate,
        key=key,
        behind_proxy=behind_proxy,
    )


def create(
    partner: Annotated[str, typer.Argument(help="Who gets the token, such as a publisher.")],
    slug: Annotated[str, typer.Argument(help="The dataset it is for.")],
    days: Annotated[int | None, typer.Option(help="Days until it expires.", min=1)] = None,
    as_json: Json = False,
    lake: Lake = None,
    workspace: Workspace = None,
) -> None:
    """Make a token for one partner and one dataset; its text is shown this once."""
    from moulouya.inbox import tokens
    from moulouya.inbox.server import cap_of, root_of

    settings = settings_of(workspace, lake)
    if cap_of(settings, slug) is None:
        raise UsageError(
            f"no dataset {slug!r} receives uploads",
            hint="its definition says source.kind: inbox; moulouya check shows faults",
        )
    token, text = tokens.create(root_of(settings), partner, slug, days)
    if as_json:
        answer({"id": token.id, "token": text, "expires": token.expires})
        return
    typer.echo(text)


def show(as_json: Json = False, lake: Lake = None, workspace: Workspace = None) -> None:
    """List the tokens: who has one for what. Their texts are not kept."""
    from moulouya.inbox import tokens
    from moulouya.inbox.server import root_of

    found = tokens.known(root_of(settings_of(workspace, lake)))
    if as_json:
        answer([{**token.__dict__, "valid": token.valid} for token in found])
        return
    table = Table(box=None)
    for name in ("id", "partner", "dataset", "created", "until"):
        table.add_column(name, no_wrap=True)
    for token in found:
        until = f"revoked {token.revoked}" if token.revoked else token.expires or ""
        table.add_row(token.id, token.partner, token.slug, token.created, until)
    out.print(table)


def revoke(
    number: Annotated[str, typer.Argument(metavar="ID", help="Id of the token.")],
    as_json: Json = False,
    lake: Lake = None,
    workspace: Workspace = None,
) -> None:
    """Make a token worthless from now on."""
    from moulouya.inbox import tokens
    from moulouya.inbox.server import root_of

    token = tokens.revoke(root_of(settings_of(workspace, lake)), number)
    if as_json:
        answer(token.__dict__)
        return
    out.print(f"revoked {token.id} of {token.partner} for {token.slug}")
