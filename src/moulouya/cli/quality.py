"""Commands about expectations: which there are, a draft of some, and Data Docs for engineers."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from moulouya.cli.options import Json, Lake, Slug, Workspace, answer, counted, err, out, settings_of

if TYPE_CHECKING:
    from moulouya.quality.docs import Documented
    from moulouya.storage.lake import Lake as OpenedLake
    from moulouya.workspace import Dataset


def add_to(app: typer.Typer) -> None:
    """Add the commands of this module."""
    expectations = typer.Typer(no_args_is_help=True, help="Draft and look up expectations.")
    expectations.command()(suggest)
    expectations.command("list")(show)
    expectations.command()(docs)
    app.add_typer(expectations, name="expectations")


def suggest(
    slug: Slug,
    write: Annotated[
        bool, typer.Option("--write", help="Write expectations/<theme>/<slug>.yml.")
    ] = False,
    force: Annotated[
        bool, typer.Option("--force", help="With --write: replace the file that is there.")
    ] = False,
    as_json: Json = False,
    lake: Lake = None,
    workspace: Workspace = None,
) -> None:
    """Draft expectations from the newest version: what holds for it, with room to move."""
    from moulouya import suggesting

    settings = settings_of(workspace, lake)
    draft = suggesting.suggest(settings, slug)
    if write:
        draft.write(force=force)
    if as_json:
        answer({"file": str(draft.path) if write else None, "version": draft.version,
                "left_out": draft.left_out, **draft.suite})  # fmt: skip
        return
    for message in draft.left_out:
        err.print(f"left out, it does not hold: {message}", markup=False, highlight=False)
    if write:
        count = len(draft.suite["expectations"])
        place = draft.path.relative_to(settings.workspace_root)
        out.print(f"wrote {place}: {count} expectations, each with its reason", highlight=False)
        out.print("next: keep what you can vouch for, then moulouya check", highlight=False)
    else:
        typer.echo(draft.text, nl=False)


def show(as_json: Json = False) -> None:
    """List every expectation: its arguments, those in brackets optional, and what it means."""
    from moulouya.quality.gallery import gallery

    entries = gallery()
    if as_json:
        answer([entry.__dict__ for entry in entries])
        return
    for entry in entries:
        arguments = ", ".join([*entry.required, *(f"[{name}]" for name in entry.optional)])
        out.print(entry.type, style="bold", end="", highlight=False)
        out.print(f"({arguments})\n    {entry.meaning}", markup=False, highlight=False)


def docs(
    folder: Annotated[Path, typer.Argument(help="Where the pages are written.")],
    slugs: Annotated[
        list[str] | None, typer.Argument(help="Datasets.", show_default="every published one")
    ] = None,
    held: Annotated[
        bool,
        typer.Option("--held", help="The held deliveries of the named datasets."),
    ] = False,
    as_json: Json = False,
    lake: Lake = None,
    workspace: Workspace = None,
) -> None:
    """Write Great Expectations' Data Docs of the newest versions: static pages for engineers."""
    from moulouya import versions
    from moulouya import workspace as workspaces
    from moulouya.errors import UsageError
    from moulouya.quality import docs as data_docs
    from moulouya.storage.lake import look_into

    settings = settings_of(workspace, lake)
    loaded = workspaces.load(settings.workspace_root)
    opened = look_into(settings.lake_root)
    newest = {slug: versions.latest(opened, slug) for slug in loaded.datasets}
    tables = {slug: version.table for slug, version in newest.items() if version is not None}
    if held and not slugs:
        raise UsageError("--held needs the name of a dataset", hint="moulouya status")
    for slug in slugs or []:
        if loaded.dataset(slug).slug not in tables and not held:
            raise UsageError(f"{slug} has no version yet", hint=f"moulouya run {slug}")
    if held:
        chosen = [_held(opened, loaded.datasets[slug]) for slug in slugs or []]
    else:
        chosen = [
            data_docs.Documented(loaded.datasets[slug], version.number, version.table)
            for slug, version in newest.items()
            if version is not None and slug in (slugs or tables)
        ]
    tables |= {one.dataset.slug: one.table for one in chosen}
    shown = data_docs.write(chosen, tables, folder, settings)
    if as_json:
        answer([one.__dict__ for one in shown])
        return
    failed = sum(not one.success for one in shown)
    out.print(
        f"wrote {folder / 'index.html'}: {counted(len(shown), 'dataset')}, "
        f"{failed} with expectations that fail",
        highlight=False,
    )


def _held(lake: OpenedLake, dataset: Dataset) -> Documented:
    """The delivery of a dataset that waits for a person.

    Raises UsageError when none waits, or when it holds personal data: samples of the values that
    break a rule would stand on the pages.
    """
    from moulouya import gates
    from moulouya.errors import UsageError
    from moulouya.quality.docs import Documented
    from moulouya.storage.files import read_json

    slug = dataset.slug
    folder = gates.undecided(lake, slug, None).path
    if read_json(folder / "privacy.json")["blocked"]:
        raise UsageError(
            f"the held delivery of {slug} holds personal data: it gets no pages",
            hint=f"moulouya report {slug}",
        )
    number = read_json(folder / "version.json")["version"]
    return Documented(dataset, number, lake.local(folder / f"{slug}.parquet"), held=True)
