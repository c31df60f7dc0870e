"""Commands that look: sql, report, doctor."""

from __future__ import annotations

import sys
from typing import Annotated, Any, Literal

import typer
from rich.table import Table

from moulouya.cli.options import Json, Lake, Slug, Workspace, answer, counted, err, out, settings_of


def add_to(app: typer.Typer) -> None:
    """Add the commands of this module."""
    for command in (sql, report, doctor):
        app.command()(command)


def sql(
    query: Annotated[str, typer.Argument(help="One SELECT; - reads it from standard input.")],
    output: Annotated[
        Literal["table", "csv", "json"], typer.Option("--format", help="How rows are shown.")
    ] = "table",
    limit: Annotated[int, typer.Option(help="Rows shown in a table.", min=1)] = 100,
    as_json: Json = False,
    lake: Lake = None,
    workspace: Workspace = None,
) -> None:
    """Query the published catalogue: tables are named <theme>.<slug> or <slug>."""
    from moulouya import querying

    text = sys.stdin.read() if query == "-" else query
    result = querying.query(settings_of(workspace, lake), text)
    if as_json or output == "json":
        answer(result.to_dicts())
    elif output == "csv":
        result.write_csv(sys.stdout)
    else:
        table = Table(*result.columns)
        rows = result.rows(limit)
        for row in rows:
            table.add_row(*("" if value is None else str(value) for value in row))
        out.print(table)
        if result.total > len(rows):
            err.print(f"the first {len(rows)} of {result.total} rows; --limit shows more")


def report(
    slug: Slug,
    run: Annotated[
        str | None, typer.Option(help="Which held run.", show_default="the newest")
    ] = None,
    as_json: Json = False,
    lake: Lake = None,
    workspace: Workspace = None,
) -> None:
    """Show a held delivery (or the newest version) beside the version before it.

    Says where the rows are that were rejected, those of a failed run too.
    """
    from rich.markdown import Markdown

    from moulouya import comparison

    found = comparison.compare(settings_of(workspace, lake), slug, run)
    if as_json:
        answer(found)
        return
    if found["failed"]:
        failed = found["failed"]
        out.print(f"failed: run {failed['run_id']}", style="red", highlight=False)
        out.print(failed["message"], markup=False, highlight=False)
        _tell_rejects(failed)
    if found["held"]:
        out.print(f"held: run {found['held']}", style="yellow", highlight=False)
    elif found["version"] is None:
        return
    else:
        out.print(f"version {found['version']}", highlight=False)
    out.print(Markdown(comparison.in_markdown(found)))
    _tell_rejects(found)
    if found["held"]:
        out.print(f"decide: moulouya approve {slug} --reason … (or reject)", highlight=False)


def _tell_rejects(found: dict[str, Any]) -> None:
    """Where the rejected rows are, with rule, column, reason, line and original text."""
    if found["rejected_rows"]:
        rows = counted(found["rejected"], "rejected row")
        out.print(
            f"{rows}: {found['rejected_rows']}", markup=False, highlight=False, soft_wrap=True
        )


def doctor(as_json: Json = False, lake: Lake = None, workspace: Workspace = None) -> None:
    """Examine this installation: what works, what does not, and what to do about it."""
    from moulouya import diagnosis

    findings = diagnosis.examine(settings_of(workspace, lake))
    if as_json:
        answer([finding.__dict__ for finding in findings])
    else:
        for finding in findings:
            mark = "[green]ok[/]  " if finding.good else "[red]bad[/] "
            out.print(f"{mark}{finding.what}: {finding.found}", highlight=False)
            if not finding.good and finding.hint:
                out.print(f"    hint: {finding.hint}", markup=False, highlight=False)
    raise typer.Exit(0 if all(finding.good for finding in findings) else 3)
