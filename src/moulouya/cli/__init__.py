"""The command line: ``moulouya``. Exit codes: 0 done, 1 data not good, 2 wrong usage or
definition, 3 source or environment failed.
"""

from __future__ import annotations

import sys

import structlog
import typer

from moulouya.cli import (
    authoring,
    export,
    inbox,
    inspecting,
    keeping,
    notify,
    operating,
    participation,
    quality,
    releases,
    reproducing,
)
from moulouya.cli.options import Commands

__all__ = ["app"]

# Plain tracebacks: the rich ones print local variables, which may hold what is not for a log.
structlog.configure(
    processors=[
        structlog.processors.add_log_level,
        structlog.processors.TimeStamper(fmt="iso"),
        structlog.dev.ConsoleRenderer(exception_formatter=structlog.dev.plain_traceback),
    ],
    logger_factory=structlog.PrintLoggerFactory(sys.stderr),
)

app = typer.Typer(
    cls=Commands,
    name="moulouya",
    help="The open-data platform of a region: sources in, a citable DuckDB catalogue out.",
    no_args_is_help=True,
    rich_markup_mode="rich",
    pretty_exceptions_enable=False,
)
for module in (
    operating,
    releases,
    authoring,
    inspecting,
    quality,
    keeping,
    reproducing,
    inbox,
    participation,
    notify,
    export,
):
    module.add_to(app)
