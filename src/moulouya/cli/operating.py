"""Commands of the daily work: run, serve, status, approve, reject."""

from __future__ import annotations

import datetime as dt
import getpass
from typing import Annotated, Any

import typer
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn
from rich.table import Table

from moulouya.cli.options import (
    Json,
    Lake,
    Slug,
    Workspace,
    answer,
    counted,
    err,
    out,
    settings_of,
)
from moulouya.errors import UsageError
from moulouya.settings import Settings

STYLES = {"published": "green", "unchanged": "dim", "held": "yellow", "failed": "red"}


def add_to(app: typer.Typer) -> None:
    """Add the commands of this module."""
    for command in (run, serve, status, approve, reject):
        app.command()(command)


def run(
    slugs: Annotated[list[str] | None, typer.Argument(help="Datasets to run.")] = None,
    every: Annotated[bool, typer.Option("--all", help="Run every dataset.")] = False,
    interval: Annotated[
        str | None,
        typer.Option(
            metavar="START/END",
            help="Data interval (ISO 8601, UTC) for sources that ask for a period.",
            show_default="the last whole period of `refresh`",
        ),
    ] = None,
    restate: Annotated[
        bool,
        typer.Option("--restate", help="Let the interval's data replace those of a newer one."),
    ] = False,
    no_release: Annotated[
        bool, typer.Option("--no-release", help="Publish versions, but commit no release.")
    ] = False,
    as_json: Json = False,
    lake: Lake = None,
    workspace: Workspace = None,
) -> None:
    """Run datasets from source to published version, inputs first, then commit a release.

    Exit code 0: every run was published or unchanged; 1: some data were held or failed their
    expectations; 2: a definition is wrong; 3: a source or the environment failed.
    """
    from moulouya import pipeline

    if bool(slugs) == every:
        raise UsageError(
            "name the datasets to run, or give --all", hint="moulouya status lists them"
        )
    between = _interval(interval) if interval is not None else None
    if restate and between is None:
        raise UsageError("--restate is about an interval", hint="give --interval START/END too")
    settings = settings_of(workspace, lake)
    shown = _Shown(quiet=as_json)
    with shown.progress:
        records = pipeline.run(settings, slugs or None, shown.tell, between, restate)
    released = None
    if not no_release and any(record["version"] for record in records):
        released = pipeline.release(settings)
    if as_json:
        answer({"runs": records, "release": released})
    else:
        _report(records, released, settings)
    raise typer.Exit(_exit_code(records))


def _interval(text: str) -> tuple[dt.datetime, dt.datetime]:
    """Two moments of ISO 8601 with a slash between; without a zone they are UTC."""
    try:
        start, end = (dt.datetime.fromisoformat(part.strip()) for part in text.split("/"))
    except ValueError as error:
        raise UsageError(
            f"{text!r} is no interval", hint="such as 2026-11-01/2026-11-02, in UTC"
        ) from error
    start, end = (
        one.replace(tzinfo=dt.UTC) if one.tzinfo is None else one.astimezone(dt.UTC)
        for one in (start, end)
    )
    if start >= end:
        raise UsageError(f"{text!r} ends before it starts", hint="START/END, START earlier")
    return start, end


class _Shown:
    """Progress: a bar on a terminal, a plain line a run elsewhere."""

    def __init__(self, *, quiet: bool) -> None:
        self.quiet = quiet
        self.live = err.is_terminal and not quiet
        columns = (
            TextColumn("{task.description}"),
            BarColumn(),
            MofNCompleteColumn(),
            TimeElapsedColumn(),
        )
        self.progress = Progress(*columns, console=err, disable=not self.live, transient=True)
        self.task = self.progress.add_task("reading the workspace", total=None)

    def tell(self, slug: str, step: str, outcome: str, done: int = 0, total: int = 0) -> None:
        if step:
            self.progress.update(self.task, description=f"{slug}: {step}", total=total or None)
            return
        self.progress.update(self.task, completed=done, total=total or None)
        if not self.quiet:
            err.print(f"[{STYLES[outcome]}]{outcome:<10}[/] {slug}", highlight=False)


def _report(
    records: list[dict[str, Any]], released: dict[str, Any] | None, settings: Settings
) -> None:
    from moulouya import gates
    from moulouya.storage.lake import look_into

    lake = look_into(settings)
    for record in records:
        for reason in record["reasons"]:
            err.print(f"[yellow]{record['slug']}[/]: {reason}", highlight=False)
        if record["error"]:
            err.print(f"[bold red]{record['slug']}[/]", end=": ")
            err.print(record["error"]["message"], markup=False, highlight=False)
            if record["error"]["hint"]:
                err.print("  hint: " + record["error"]["hint"], markup=False, highlight=False)
        waiting = (one.decision is None for one in gates.pending(lake, record["slug"]))
        if record["outcome"] == "held" and any(waiting):
            err.print(f"  decide: moulouya approve {record['slug']} --reason … (or reject)")
    counts = {kind: sum(r["outcome"] == kind for r in records) for kind in STYLES}
    out.print(", ".join(f"{number} {kind}" for kind, number in counts.items() if number))
    if released is not None:
        word = "committed" if released["outcome"] == "published" else "unchanged"
        out.print(
            f"release {released['release']} {word}: {counted(released['datasets'], 'dataset')}"
        )


def _exit_code(records: list[dict[str, Any]]) -> int:
    codes = [int(record["error"]["exit_code"]) for record in records if record["error"]]
    held = [1 for record in records if record["outcome"] == "held"]
    return max([0, *codes, *held])


def serve(
    host: Annotated[str, typer.Option(help="Address to listen on.")] = "127.0.0.1",
    port: Annotated[int, typer.Option(help="Port to listen on.")] = 8500,
    workers: Annotated[int, typer.Option(help="Processes that answer.", min=1)] = 1,
    lake: Lake = None,
    workspace: Workspace = None,
) -> None:
    """Serve the portal: pages, downloads and the catalogue to attach. Reads only the lake."""
    from moulouya.portal.server import serve as serve_portal

    serve_portal(settings_of(workspace, lake), host=host, port=port, workers=workers)


def status(as_json: Json = False, lake: Lake = None, workspace: Workspace = None) -> None:
    """Show every dataset: freshness, last outcome, rows, and what waits for a person."""
    from moulouya.status import status as status_of

    rows = status_of(settings_of(workspace, lake))
    if as_json:
        answer(rows)
        return
    table = Table(box=None)
    table.add_column("dataset", no_wrap=True)
    table.add_column("outcome", no_wrap=True)
    for name in ("rows", "rejected", "version"):
        table.add_column(name, justify="right", no_wrap=True)
    table.add_column("checked (UTC)", no_wrap=True)
    table.add_column("", overflow="ellipsis", no_wrap=True)
    for row in rows:
        outcome = "broken" if row["broken"] else row["outcome"] or "never run"
        style = STYLES.get(outcome, "red" if row["broken"] else "dim")
        ending = [
            f"{one['column']} may show {one['kind']} until {one['until']}" for one in row["ending"]
        ]
        error = [row["error"]["message"]] if row["error"] else []
        remark = row["reasons"] or row["broken"] or error or ending
        table.add_row(
            row["slug"],
            f"[{style}]{outcome}[/]" + (" [red]late[/]" if row["stale"] else ""),
            *(_number(row[name]) for name in ("rows", "rejected", "version")),
            (row["checked"] or "")[:16].replace("T", " "),
            remark[0].splitlines()[0] if remark and remark[0] else "",
        )
    out.print(table)


def _number(value: int | None) -> str:
    return "" if value is None else f"{value:,}"


Reason = Annotated[str, typer.Option("--reason", help="Why; kept with the version.", prompt=True)]
By = Annotated[str, typer.Option("--by", help="Who decides.", show_default="this user")]
RunId = Annotated[str | None, typer.Option("--run", help="Run id, where several wait.")]


def approve(
    slug: Slug,
    reason: Reason,
    by: By = "",
    run_id: RunId = None,
    as_json: Json = False,
    lake: Lake = None,
    workspace: Workspace = None,
) -> None:
    """Publish a held version and commit a release; name and reason are kept with it."""
    from moulouya import approval, pipeline

    settings = settings_of(workspace, lake)
    record = approval.approve(settings, slug, run_id, by=by or getpass.getuser(), reason=reason)
    released = pipeline.release(settings)
    if as_json:
        answer({"run": record, "release": released})
        return
    out.print(f"published {slug} version {record['version']} in release {released['release']}")


def reject(
    slug: Slug,
    reason: Reason,
    by: By = "",
    run_id: RunId = None,
    as_json: Json = False,
    lake: Lake = None,
    workspace: Workspace = None,
) -> None:
    """Refuse a held version; the last good one stays published."""
    from moulouya import approval

    settings = settings_of(workspace, lake)
    record = approval.reject(settings, slug, run_id, by=by or getpass.getuser(), reason=reason)
    if as_json:
        answer(record)
        return
    out.print(f"rejected; {slug} stays at version {record['version']}")
