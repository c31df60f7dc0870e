"""Commands about the catalogue as a whole: release, withdraw, rollback."""

from __future__ import annotations

import getpass
from typing import TYPE_CHECKING, Annotated

import typer

from moulouya.cli.options import Json, Lake, Slug, Workspace, answer, counted, out, settings_of
from moulouya.errors import UsageError

if TYPE_CHECKING:
    from moulouya.retraction import Retracted

By = Annotated[str, typer.Option("--by", help="Who decides.", show_default="this user")]
Reason = Annotated[
    str, typer.Option("--reason", help="Why; everybody can read it.", prompt="Reason")
]


def add_to(app: typer.Typer) -> None:
    """Add the commands of this module."""
    for command in (release, withdraw, rollback):
        app.command()(command)


def release(as_json: Json = False, lake: Lake = None, workspace: Workspace = None) -> None:
    """Commit a release of every published version, unless the newest says the same."""
    from moulouya import pipeline

    made = pipeline.release(settings_of(workspace, lake))
    if as_json:
        answer(made)
        return
    word = "committed" if made["outcome"] == "published" else "unchanged"
    out.print(f"release {made['release']} {word}: {counted(made['datasets'], 'dataset')}")


def withdraw(
    slug: Slug,
    version: Annotated[int, typer.Argument(help="Number of the version.", min=1)],
    reason: Reason,
    by: By = "",
    erase: Annotated[
        bool, typer.Option("--erase", help="Have `moulouya gc` delete its data, too.")
    ] = False,
    undo: Annotated[
        bool, typer.Option("--undo", help="Publish a withdrawn version again.")
    ] = False,
    as_json: Json = False,
    lake: Lake = None,
    workspace: Workspace = None,
) -> None:
    """Take back a published version, and commit a release without it.

    The newest version that is left shows again; without any, the dataset leaves the catalogue.
    The number is not used again, and its address says what happened, who decided and why.
    """
    from moulouya import retraction

    if erase and undo:
        raise UsageError("--erase and --undo exclude one another", hint="give one of them")
    settings = settings_of(workspace, lake)
    who = by or getpass.getuser()
    if undo:
        made = retraction.reinstate(settings, slug, version, by=who, reason=reason)
    else:
        made = retraction.withdraw(settings, slug, version, by=who, reason=reason, erase=erase)
    _tell(made, "published again" if undo else "withdrawn", as_json=as_json)
    if erase and not as_json:
        out.print("  its data are deleted by the next moulouya gc", highlight=False)


def rollback(
    reason: Reason,
    to: Annotated[
        int | None,
        typer.Option("--to", help="Number of the release.", show_default="the one before", min=1),
    ] = None,
    by: By = "",
    as_json: Json = False,
    lake: Lake = None,
    workspace: Workspace = None,
) -> None:
    """Go back to an earlier release: withdraw every version that is newer than its own.

    The log goes on: the catalogue of before is committed as a new release, and what is published
    later shows as ever.
    """
    from moulouya import retraction

    made = retraction.rollback(
        settings_of(workspace, lake), to, by=by or getpass.getuser(), reason=reason
    )
    _tell(made, "withdrawn", as_json=as_json)


def _tell(made: Retracted, what: str, *, as_json: bool) -> None:
    """Print what changed: the versions, what shows instead, and what was made from them."""
    if as_json:
        answer(made.to_json())
        return
    named = ", ".join(f"{slug} version {number}" for slug, number in made.versions)
    out.print(f"release {made.release} committed: {what}: {named}", highlight=False)
    for one in made.shown:
        if one.after is None:
            out.print(f"  {one.slug} has left the catalogue", style="yellow", highlight=False)
        elif one.before is None:
            out.print(f"  {one.slug} is in the catalogue with version {one.after}", highlight=False)
        else:
            out.print(f"  {one.slug} shows version {one.after} again, not {one.before}"
                      if one.after < one.before
                      else f"  {one.slug} shows version {one.after}, not {one.before}",
                      highlight=False)  # fmt: skip
    for derived in made.made_from:
        out.print(
            f"  {derived.slug} version {derived.version} was made from {derived.input} version "
            f"{derived.input_version}: moulouya run {derived.slug}",
            style="yellow",
            highlight=False,
        )
