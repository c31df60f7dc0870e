"""The command that makes a version once more: reproduce."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from moulouya.cli.keeping import shown
from moulouya.cli.options import Json, Lake, Workspace, answer, counted, out, settings_of
from moulouya.errors import UsageError

if TYPE_CHECKING:
    from moulouya.reproducing import Reproduction

STYLES = {"identical": "green", "different": "red", "cannot": "yellow"}
SHOWN = 12  # digits of a hash


def add_to(app: typer.Typer) -> None:
    """Add the command of this module."""
    app.command()(reproduce)


def reproduce(
    slug: Annotated[
        str | None, typer.Argument(help="A dataset's slug, the name of its file.")
    ] = None,
    version: Annotated[int | None, typer.Argument(help="Which version.", min=1)] = None,
    every: Annotated[
        bool, typer.Option("--all", help="The newest version of every dataset in the lake.")
    ] = False,
    with_inputs: Annotated[
        bool,
        typer.Option("--with-inputs", help="Also every version that it was made of, inputs first."),
    ] = False,
    keep: Annotated[
        Path | None,
        typer.Option(help="Put the files that were made into this folder.", show_default="nowhere"),
    ] = None,
    as_json: Json = False,
    lake: Lake = None,
    workspace: Workspace = None,
) -> None:
    """Make a version once more from its snapshots and recipe, and compare every file of it.

    Exit code 0: every byte is the same; 1: some differ, and it says which; 3: it cannot be made
    again, since what it was made of is gone or damaged. The lake and the workspace are not changed.
    """
    from moulouya import reproducing

    settings = settings_of(workspace, lake)
    several = every or with_inputs
    if every == (slug is not None) or every == (version is not None) or (every and with_inputs):
        raise UsageError(
            "name a dataset and a version, or --all alone",
            hint="moulouya reproduce SLUG VERSION",
        )
    if several and keep:
        raise UsageError(
            "--keep is for one version", hint="moulouya reproduce SLUG VERSION --keep FOLDER"
        )
    if slug is not None and version is not None and with_inputs:
        with shown(quiet=as_json) as tell:
            found = list(reproducing.reproduce_with_inputs(settings, slug, version, tell))
    elif slug is not None and version is not None:
        found = [reproducing.reproduce(settings, slug, version, keep=keep)]
    else:
        with shown(quiet=as_json) as tell:
            found = list(reproducing.reproduce_all(settings, tell))
    if as_json:
        told = [one.to_json() for one in found]
        answer(told if several else told[0])
    else:
        for one in found:
            _tell(one, every_file=not several)
        if several:
            _count(found)
    outcomes = {one.outcome for one in found}
    raise typer.Exit(1 if "different" in outcomes else 3 if "cannot" in outcomes else 0)


def _tell(one: Reproduction, *, every_file: bool) -> None:
    """The outcome in one line, the files beneath, and why they differ."""
    out.print(
        f"[{STYLES[one.outcome]}]{one.outcome}[/]  {one.slug} {one.version} "
        f"({counted(len(one.files), 'file')}, {one.seconds:.1f} s)",
        highlight=False,
    )
    for file in one.files:
        if file.identical and every_file:
            out.print(f"  same       {_short(file.published)}  {file.name}", highlight=False)
        elif not file.identical:
            out.print(
                f"  different  published {_short(file.published)}, "
                f"made again {_short(file.rebuilt)}  {file.name}",
                highlight=False,
            )
    for reason in one.reasons:
        out.print(f"  {reason}", markup=False, highlight=False)


def _count(found: list[Reproduction]) -> None:
    numbers = {
        outcome: sum(one.outcome == outcome for one in found)
        for outcome in ("identical", "different", "cannot")
    }
    told = ", ".join(f"{number} {outcome}" for outcome, number in numbers.items() if number)
    out.print(told or "nothing is published", highlight=False)


def _short(sha256: str | None) -> str:
    return sha256[:SHOWN] if sha256 else "none".ljust(SHOWN)
