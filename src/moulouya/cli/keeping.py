"""Commands that keep the lake in order: verify, gc."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Annotated

import typer
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from moulouya.cli.options import Json, Lake, Workspace, answer, counted, err, out, settings_of


def add_to(app: typer.Typer) -> None:
    """Add the commands of this module."""
    for command in (verify, gc):
        app.command()(command)


@contextmanager
def shown(*, quiet: bool) -> Iterator[Callable[[str, int, int], None]]:
    """A progress bar on a terminal, nothing elsewhere; yields what is to be told of progress."""
    columns = (
        TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn(),
    )  # fmt: skip
    hidden = quiet or not err.is_terminal
    with Progress(*columns, console=err, disable=hidden, transient=True) as progress:
        task = progress.add_task("opening the lake", total=None)

        def tell(what: str, done: int, total: int) -> None:
            progress.update(task, description=what, completed=done, total=total)

        yield tell


def verify(
    quick: Annotated[
        bool, typer.Option("--quick", help="Records and sizes only; data are not hashed.")
    ] = False,
    as_json: Json = False,
    lake: Lake = None,
    workspace: Workspace = None,
) -> None:
    """Hash every committed file of the lake again and hold it against what was recorded.

    Exit code 3 when anything is missing, damaged, or was never part of what was committed.
    """
    from moulouya import verification
    from moulouya.storage.lake import look_into

    opened = look_into(settings_of(workspace, lake))
    with shown(quiet=as_json) as tell:
        found = verification.verify(opened, quick=quick, progress=tell)
    if as_json:
        answer({"files": found.files, "bytes": found.bytes, "problems": found.problems})
    else:
        for problem in found.problems:
            err.print(problem, style="red", markup=False, highlight=False)
        out.print(f"{found.files} files, {found.bytes:,} bytes, {len(found.problems)} problems")
    raise typer.Exit(3 if found.problems else 0)


def gc(
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Say what would expire; change nothing.")
    ] = False,
    as_json: Json = False,
    lake: Lake = None,
    workspace: Workspace = None,
) -> None:
    """Expire what is beyond its retention, and delete what has expired and nobody reads.

    Versions go by the `retention` of their dataset (by default never), catalogues of old releases
    by MOULOUYA_KEEP_RELEASES and MOULOUYA_KEEP_RELEASES_DAYS, rejected deliveries by
    MOULOUYA_KEEP_HELD_DAYS; withdrawn versions when they were withdrawn with --erase.
    """
    from moulouya import retention

    found = retention.collect(settings_of(workspace, lake), dry_run=dry_run).to_json()
    if as_json:
        answer(found)
        return
    would = "would expire" if dry_run else "expired"
    for slug, numbers in found["versions"].items():
        told = ", ".join(map(str, numbers))
        out.print(f"{would}: {slug} version {told}", highlight=False)
    if found["releases"]:
        out.print(f"{would}: files of {counted(len(found['releases']), 'release')}")
    for number in found["waiting"]:
        out.print(f"release {number} is still being read; its files stay until the next time")
    done = "would be deleted" if dry_run else "deleted"
    out.print(f"{counted(found['files'], 'file')}, {found['bytes']:,} bytes {done}")
