"""What every command shares: its options, its way to answer, and how an error is shown."""

from __future__ import annotations

import json
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Any

import typer
from pydantic import ValidationError
from rich.console import Console
from typer.core import TyperGroup

from moulouya.errors import DefinitionError, MoulouyaError, UsageError
from moulouya.settings import Settings
from moulouya.storage.files import told_plainly

Json = Annotated[bool, typer.Option("--json", help="Answer in JSON, for programs.")]
Lake = Annotated[
    str | None,
    typer.Option(
        "--lake", help="The lake: a folder, or s3://bucket/prefix.", show_default="MOULOUYA_LAKE"
    ),
]
Workspace = Annotated[
    Path | None,
    typer.Option(
        "--workspace", help="Folder with region.yml.", show_default="MOULOUYA_WORKSPACE, or here"
    ),
]
Slug = Annotated[str, typer.Argument(help="A dataset's slug, the name of its file.")]

WIDE = 240
out = Console(soft_wrap=True, width=None if sys.stdout.isatty() else WIDE)
err = Console(stderr=True, soft_wrap=True)


def settings_of(workspace: Path | None, lake: str | None) -> Settings:
    """The settings of the environment, with what the command line says on top.

    Raises UsageError that names every setting which is not usable.
    """
    given: dict[str, Any] = {"workspace": workspace, "lake": lake}
    try:
        return Settings(**{name: value for name, value in given.items() if value is not None})
    except ValidationError as error:
        wrong = (
            f"MOULOUYA_{str(fault['loc'][0]).upper()}: {fault['msg'].removeprefix('Value error, ')}"
            for fault in error.errors()
        )
        raise UsageError(
            "\n".join(wrong), hint="docs/reference/settings.md has them all"
        ) from error


def answer(value: Any) -> None:
    """Print a value as JSON on standard output."""
    typer.echo(json.dumps(value, ensure_ascii=False, indent=2, default=str))


def counted(number: int, noun: str) -> str:
    """A number with its noun, in English: 1 dataset, 2 datasets."""
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"


class Commands(TyperGroup):
    """Commands whose errors are sentences, or JSON where the command was asked for it."""

    def main(  # type: ignore[override]  # whatever else it takes is passed on as it came
        self, args: Sequence[str] | None = None, **extra: Any
    ) -> Any:
        self.as_json = "--json" in (sys.argv[1:] if args is None else args)
        return super().main(args, **extra)

    def invoke(self, ctx: Any) -> Any:
        try:
            # Click knows what to do when nobody reads what is printed.
            with told_plainly(f"moulouya {ctx.invoked_subcommand}", BrokenPipeError):
                return super().invoke(ctx)
        except MoulouyaError as error:
            show(error, as_json=self.as_json)
            raise typer.Exit(error.exit_code) from error


def show(error: MoulouyaError, *, as_json: bool) -> None:
    """Show an error: every fault of a definition, what went wrong, and the hint."""
    if as_json:
        described: dict[str, Any] = {
            "code": error.code, "message": error.message, "hint": error.hint,
            "exit_code": error.exit_code,
        }  # fmt: skip
        if isinstance(error, DefinitionError):
            described["faults"] = [fault_as_json(fault) for fault in error.faults]
        answer({"error": described})
        return
    err.print("[bold red]error[/]", end=" ")
    err.print(error.message, markup=False, highlight=False)
    if error.hint:
        err.print("[cyan]hint[/]", end=" ")
        err.print(error.hint, markup=False, highlight=False)


def fault_as_json(fault: Any) -> dict[str, Any]:
    """A fault for a program."""
    return {
        "file": str(fault.file),
        "line": fault.line,
        "key": fault.key,
        "message": fault.message,
        "hint": fault.hint,
    }
