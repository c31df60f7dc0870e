"""The command line: ``moulouya``. Exit codes: 0 done, 1 data not good, 2 wrong usage or
definition, 3 source or environment failed.
"""

from __future__ import annotations

import typer

from moulouya.cli import authoring, inspecting, operating
from moulouya.cli.options import Commands

__all__ = ["app"]

app = typer.Typer(
    cls=Commands,
    name="moulouya",
    help="The open-data platform of a region: sources in, a citable DuckDB catalogue out.",
    no_args_is_help=True,
    rich_markup_mode="rich",
    pretty_exceptions_enable=False,
)
for module in (operating, authoring, inspecting):
    module.add_to(app)
