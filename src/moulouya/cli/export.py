"""The command that writes the whole portal as files."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from moulouya.cli.options import Json, Lake, Workspace, answer, counted, err, out, settings_of

SHOWN = 60


def add_to(app: typer.Typer) -> None:
    """Add the commands of this module."""
    app.command()(export)


def export(
    folder: Annotated[Path, typer.Argument(help="Folder to write; an export there is replaced.")],
    lang: Annotated[
        list[str] | None, typer.Option("--lang", help="Only this language; may be repeated.")
    ] = None,
    base_url: Annotated[
        str,
        typer.Option(
            "--base-url",
            help="Address under which the folder will be served; feeds and the sitemap need it.",
            show_default="none: every link is relative",
        ),
    ] = "",
    without_files: Annotated[
        bool, typer.Option("--without-files", help="Pages only, no data files.")
    ] = False,
    as_json: Json = False,
    lake: Lake = None,
    workspace: Workspace = None,
) -> None:
    """Write the whole portal as files, for a CDN, any web server or a USB stick.

    The folder is built beside and takes its place at once; what did not change keeps its time.
    Exit code 1: the export is written, and some of its links lead nowhere.
    """
    from moulouya.portal.exporting import export as exporting

    wish = exporting.Wish(exporting.languages_of(lang), base_url, not without_files)
    columns = (
        TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn()
    )  # fmt: skip
    live = err.is_terminal and not as_json
    with Progress(*columns, console=err, disable=not live, transient=True) as progress:
        task = progress.add_task("reading the release", total=None)

        def tell(what: str, done: int, known: int) -> None:
            progress.update(task, description=what[:SHOWN], completed=done, total=known)

        made = exporting.export(settings_of(workspace, lake), folder, wish, tell)
    if as_json:
        answer(asdict(made))
    else:
        out.print(
            f"release {made.release}: {counted(made.pages, 'page')} and "
            f"{counted(made.files, 'file')} in {folder} ({made.bytes:,} bytes, "
            f"{made.kept} unchanged)"
        )
        for address in made.broken:
            err.print(f"[yellow]leads nowhere[/] {address}", highlight=False)
    raise typer.Exit(1 if made.broken else 0)
