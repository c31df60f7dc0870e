"""Commands that keep the lake in order: verify, gc, backup, restore."""

from __future__ import annotations

import getpass
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from moulouya.cli.options import Json, Lake, Workspace, answer, counted, err, out, settings_of
from moulouya.errors import UsageError

if TYPE_CHECKING:
    from moulouya.backup import Copied
    from moulouya.settings import Settings


def add_to(app: typer.Typer) -> None:
    """Add the commands of this module."""
    for command in (verify, gc, backup, restore):
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

    settings = settings_of(workspace, lake)
    with shown(quiet=as_json) as tell:
        found = verification.look(settings, quick=quick, progress=tell)
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


def backup(
    destination: Annotated[
        str, typer.Argument(metavar="DEST", help="A folder, or s3://bucket/prefix.")
    ],
    verified: Annotated[
        bool, typer.Option("--verify", help="Hash the whole backup again afterwards.")
    ] = False,
    requests: Annotated[
        Path | None,
        typer.Option(
            "--requests", help="Also copy requests and followers, into this file; keep it private."
        ),
    ] = None,
    as_json: Json = False,
    lake: Lake = None,
    workspace: Workspace = None,
) -> None:
    """Copy what is new in the lake into a backup, verified on the way, while runs go on.

    The backup is a lake as well: `moulouya verify --lake DEST`. Exit code 3 when something is
    damaged in the lake; it is named and left out, and the rest is copied.
    """
    from moulouya import backup as backups
    from moulouya import verification
    from moulouya.ledger import now, stamp
    from moulouya.storage.lake import look_into, open_lake

    settings = settings_of(workspace, lake)
    elsewhere = settings_of(workspace, destination)
    _require_apart(settings, elsewhere)
    begun = time.monotonic()
    source, target = look_into(settings), open_lake(elsewhere)
    with shown(quiet=as_json) as tell:
        copied = backups.copy(source, target, tell)
        backups.remember(target, copied, stamp(now()))
        if verified:
            copied.problems += verification.verify(target, progress=tell).problems
    if requests is not None:
        from moulouya.participation import copies

        made = copies.save(settings, requests)
        err.print(f"requests and followers: {requests if made else 'none yet'}", highlight=False)
    _tell(copied, f"backup in {target.place}", time.monotonic() - begun, as_json=as_json)


def restore(
    source: Annotated[
        str | None, typer.Argument(metavar="SRC", help="The backup: a folder, or s3://….")
    ] = None,
    repair: Annotated[
        bool, typer.Option("--repair", help="Bring back only what is missing or damaged.")
    ] = False,
    accept: Annotated[
        bool, typer.Option("--accept", help="Go on with an older state; lost numbers are given up.")
    ] = False,
    by: Annotated[str, typer.Option("--by", help="Who accepts it.", show_default="this user")] = "",
    reason: Annotated[str, typer.Option("--reason", help="Why it is accepted.")] = "",
    requests: Annotated[
        Path | None,
        typer.Option("--requests", help="Also bring back requests and followers, from this file."),
    ] = None,
    as_json: Json = False,
    lake: Lake = None,
    workspace: Workspace = None,
) -> None:
    """Fill an empty lake from a backup, or bring back what is missing or damaged in one.

    Where the lake ends before a release that was seen on this host, nothing is published until a
    newer backup is restored, or `--accept` gives up the numbers that are lost, so that none is
    ever used twice. Exit code 3 when something could not be brought back.
    """
    from moulouya import restoring, witness
    from moulouya.storage.lake import look_into

    settings = settings_of(workspace, lake)
    if accept:
        if source is not None or repair:
            raise UsageError("--accept takes no backup", hint="first restore, then accept")
        given_up = restoring.accept(settings, by=by or getpass.getuser(), reason=reason)
        if as_json:
            answer(given_up.to_json())
            return
        out.print(f"given up in the log: {', '.join(map(str, given_up.log))}", highlight=False)
        for slug, numbers in given_up.versions.items():
            out.print(f"given up: {slug} version {', '.join(map(str, numbers))}", highlight=False)
        return
    if source is None:
        raise UsageError("which backup?", hint="moulouya restore SRC")
    elsewhere = settings_of(workspace, source)
    _require_apart(settings, elsewhere)
    begun = time.monotonic()
    kept = look_into(elsewhere)
    with shown(quiet=as_json) as tell:
        work = restoring.repair if repair else restoring.restore
        copied = work(settings, kept, tell)
    if requests is not None:
        from moulouya.participation import copies

        copies.bring_back(settings, requests)
        err.print(f"requests and followers are those of {requests}", highlight=False)
    lost = witness.doubt(settings, look_into(settings))
    if lost is not None:
        err.print(lost, style="yellow", markup=False, highlight=False)
        err.print(witness.HINT, style="cyan", markup=False, highlight=False)
    done = "repaired" if repair else "restored"
    _tell(copied, f"{done} {settings.lake_place}", time.monotonic() - begun, as_json=as_json)


def _require_apart(settings: Settings, elsewhere: Settings) -> None:
    """Refuse a backup in the lake itself, in a folder above or below it, or among other files."""
    here, there = settings.lake_root, elsewhere.lake_root
    if here == there or here.is_relative_to(there) or there.is_relative_to(here):
        raise UsageError(
            f"{elsewhere.lake_place} and the lake {settings.lake_place} lie in one another",
            hint="keep a backup in another place, best on another disk",
        )
    folder = not elsewhere.lake_bucket and there.is_dir()
    if folder and not (there / "FORMAT").exists() and any(there.iterdir()):
        raise UsageError(f"{there} is neither empty nor a backup", hint="give a folder of its own")


def _tell(copied: Copied, what: str, seconds: float, *, as_json: bool) -> None:
    """Say what was copied and what was not; ends with exit code 3 where something was not."""
    if as_json:
        answer({**copied.to_json(), "seconds": round(seconds, 3)})
    else:
        for problem in copied.problems:
            err.print(problem, style="red", markup=False, highlight=False)
        until = f"up to release {copied.release}" if copied.release else "no release yet"
        out.print(
            f"{what}: {until}; {counted(copied.files, 'file')}, {copied.bytes:,} bytes in "
            f"{seconds:.1f} s, {counted(len(copied.problems), 'problem')}",
            highlight=False,
        )
    raise typer.Exit(3 if copied.problems else 0)
