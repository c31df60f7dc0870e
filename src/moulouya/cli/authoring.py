"""Commands for writing datasets: check, new, where, read."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer
import yaml

from moulouya.cli.options import (
    Json,
    Lake,
    Slug,
    Workspace,
    answer,
    counted,
    err,
    fault_as_json,
    out,
    settings_of,
)
from moulouya.errors import Fault


def add_to(app: typer.Typer) -> None:
    """Add the commands of this module."""
    for command in (check, new, where, read):
        app.command()(command)


def check(as_json: Json = False, lake: Lake = None, workspace: Workspace = None) -> None:
    """Check every file of the workspace and show every fault with file, line, key and hint.

    Permissions to show personal data that have ended, or end within 30 days, are warnings.
    """
    from moulouya import privacy, registry
    from moulouya import workspace as workspaces

    settings = settings_of(workspace, lake)
    root = settings.workspace_root
    loaded = workspaces.load(root)
    registry.load(root, settings.state_root)
    if any(dataset.expectations for dataset in loaded.datasets.values()):
        # Great Expectations, which tries them, is slow to import.
        from moulouya.quality import rehearsal

        loaded = rehearsal.rehearsed(loaded)
    warnings = [
        warning
        for dataset in loaded.datasets.values()
        for warning in privacy.warnings(dataset, privacy.today())
    ]
    if as_json:
        answer(
            {
                "datasets": sorted(loaded.datasets),
                "faults": [fault_as_json(fault) for fault in loaded.faults],
                "warnings": [fault_as_json(warning) for warning in warnings],
            }
        )
    else:
        for fault in loaded.faults:
            _show(fault, root, "bold red")
        for warning in warnings:
            _show(warning, root, "bold yellow", "warning: ")
        files = len({fault.file for fault in loaded.faults})
        out.print(
            f"{counted(len(loaded.faults), 'fault')} in {counted(files, 'file')}" if loaded.faults
            else f"{counted(len(loaded.datasets), 'dataset')}, no faults"
        )  # fmt: skip
    raise typer.Exit(2 if loaded.faults else 0)


def _show(fault: Fault, root: Path, style: str, before: str = "") -> None:
    place = fault.file.relative_to(root) if fault.file.is_relative_to(root) else fault.file
    err.print(f"{place}:{fault.line}", style=style, end=" ", highlight=False)
    if fault.key:
        err.print(fault.key, style="bold", end=": ", markup=False, highlight=False)
    err.print(before + fault.message, markup=False, highlight=False)
    if fault.hint:
        err.print("  hint: " + fault.hint, markup=False, highlight=False)


def new(
    slug: Slug,
    sample: Annotated[str, typer.Option("--from", help="A sample: a file, or an http(s) address.")],
    theme: Annotated[
        str | None, typer.Option(help="Theme, a key of region.yml.", show_default="the first one")
    ] = None,
    publisher: Annotated[
        str | None,
        typer.Option(help="Publisher, a key of region.yml.", show_default="the first one"),
    ] = None,
    as_json: Json = False,
    lake: Lake = None,
    workspace: Workspace = None,
) -> None:
    """Draft a dataset from a sample: it runs at once, its texts wait for you."""
    from moulouya import drafting

    settings = settings_of(workspace, lake)
    draft = drafting.draft(settings, slug, sample, theme=theme, publisher=publisher)
    if as_json:
        answer({"files": [str(path) for path in draft.files], "rows": draft.rows})
        return
    for path in draft.files:
        out.print(f"wrote {path.relative_to(settings.workspace_root)}")
    out.print(
        f"read {draft.rows} rows; key: {', '.join(draft.key)}\n"
        f"next: replace the texts marked as draft, then moulouya check && moulouya run {slug}"
    )


def where(
    slug: Slug, as_json: Json = False, lake: Lake = None, workspace: Workspace = None
) -> None:
    """Show where everything about a dataset is: files, lake, page, DAG."""
    from moulouya import versions
    from moulouya import workspace as workspaces
    from moulouya.storage.lake import look_into

    settings = settings_of(workspace, lake)
    dataset = workspaces.load(settings.workspace_root).dataset(slug)
    opened = look_into(settings)
    version = versions.standing(opened, slug)
    places = {
        "definition": dataset.path,
        "transform": dataset.transform,
        "expectations": dataset.expectations,
        "snapshots": opened.snapshots(slug),
        "versions": opened.versions(slug),
        "quarantine": opened.quarantine(slug),
        "latest table": version.table if version else None,
        "page": f"{settings.public_url}/en/datasets/{slug}",
        "table in SQL": f"{dataset.theme}.{slug}",
        "DAG": f"{settings.airflow_url}/dags/dataset__{slug}",
        "reads": ", ".join(dataset.inputs) or None,
    }
    if as_json:
        answer({name: str(place) if place else None for name, place in places.items()})
        return
    for name, place in places.items():
        out.print(f"{name:<13} {place or '–'}", highlight=False)


def read(
    file: Annotated[Path, typer.Argument(help="The file to read.", exists=True, dir_okay=False)],
    target: Annotated[Path, typer.Option("--out", help="Parquet file to write.")],
    report: Annotated[Path | None, typer.Option(help="Where to write the report (JSON).")] = None,
    contract: Annotated[
        Path | None, typer.Option(help="A definition; without it one is drafted from the file.")
    ] = None,
    text: Annotated[bool, typer.Option("--text", help="Keep every column as text.")] = False,
    sheet: Annotated[str | None, typer.Option(help="Sheet of a workbook, by its name.")] = None,
    table: Annotated[
        str | None,
        typer.Option(help="Table of a page, by number, id or caption; of a feed, such as stops."),
    ] = None,
    layer: Annotated[str | None, typer.Option(help="Layer of a geographic file.")] = None,
    records: Annotated[
        str | None, typer.Option(help="Path to the records of a JSON or XML document.")
    ] = None,
    as_json: Json = False,
    lake: Lake = None,
    workspace: Workspace = None,
) -> None:
    """Read one file through readers and staging into Parquet, without a lake.

    Without a contract its form is guessed, and every guess is told in the report.
    """
    from moulouya import reading
    from moulouya.errors import UsageError
    from moulouya.sniffing import Choice
    from moulouya.storage.files import canonical_json

    number = int(table) if table is not None and table.isdecimal() else table
    choice = Choice(sheet=sheet, table=number, layer=layer, records=records)
    if contract is not None and (text or choice != Choice()):
        raise UsageError(
            "a contract says how to read the file: --text, --sheet, --table, --layer and "
            "--records are for files without one"
        )
    result = reading.read(
        settings_of(workspace, lake), file, target, contract, choice=choice, as_text=text
    )
    if report is not None:
        report.write_bytes(canonical_json(result))
    if as_json:
        answer(result)
        return
    for warning in result["warnings"]:
        err.print(f"guessed: {warning}", style="yellow", markup=False, highlight=False)
    out.print(f"{result['rows']} rows, {result['rejected']} rejected → {target}")
    if contract is None:
        out.print(
            yaml.safe_dump(result["contract"], allow_unicode=True, sort_keys=False), markup=False
        )
