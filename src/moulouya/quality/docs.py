"""Great Expectations' Data Docs of published and held tables: static pages for engineers.

A project of GX is made in a folder that is thrown away: a file context, our datasource on a DuckDB
database whose views are the published Parquet files, and for each dataset a suite, a validation
definition and a checkpoint whose action updates the site. Only the site is kept.
"""

from __future__ import annotations

import re
import shutil
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from html import escape
from pathlib import Path
from typing import Any

import great_expectations as gx
from great_expectations.checkpoint.actions import UpdateDataDocsAction
from great_expectations.checkpoint.checkpoint import Checkpoint
from great_expectations.core import ExpectationSuite, RunIdentifier, ValidationDefinition
from great_expectations.data_context.types.base import ProgressBarsConfig

from moulouya import duck
from moulouya.quality import running, suite
from moulouya.quality.engine import DuckDBDatasource
from moulouya.quality.sentences import sentence
from moulouya.settings import Settings
from moulouya.workspace import Dataset

# GX's pages load scripts and styles from other hosts, and a logo that tells who opened them.
_ELSEWHERE = re.compile(
    r"<script\b.*?</script>|<style\b.*?</style>|<link\b[^>]*>|<img\b[^>]*>|<footer\b.*?</footer>",
    re.DOTALL,
)
_STYLE = """\
body { font: 16px/1.5 system-ui, sans-serif; margin: 1rem auto; max-width: 70rem; padding: 0 1rem }
table { border-collapse: collapse; margin: .5rem 0 }
td, th { border: 1px solid #ccc; padding: .3rem .6rem; text-align: left; vertical-align: top }
nav ul { list-style: none; padding: 0; columns: 4 }
.btn-group, .ge-cta-footer, #ge-cta-footer, .modal { display: none }
.alert { background: #eef; padding: .5rem 1rem }
.fa-check-circle::before { content: "\\2714"; color: #060 }
.fa-times::before { content: "\\2718"; color: #a00 }
.fa-exclamation-triangle::before { content: "!"; color: #a00; font-weight: bold }
.top, [data-toggle="collapse"], .col-lg-2 .card.mb-3 { display: none }
.navbar { height: auto !important }
.breadcrumb { display: flex; flex-wrap: wrap; gap: .3rem; list-style: none; margin: 0; padding: 0 }
.breadcrumb-item + .breadcrumb-item::before { content: "/ " }
h4, h5, h6 { font-size: 1.1rem; margin: 1.2rem 0 .3rem }
:target { scroll-margin-top: 1rem }
.badge { background: #ddd; padding: 0 .3rem }
"""


@dataclass(frozen=True)
class Documented:
    """One table and the dataset whose rules it is held against; ``held`` while it waits for a
    person, and ``version`` is the number that it would get.
    """

    dataset: Dataset
    version: int
    table: Path
    held: bool = False


@dataclass(frozen=True)
class Shown:
    """What a checkpoint found, in numbers."""

    slug: str
    version: int
    held: bool
    success: bool
    expectations: int
    failed: int
    severity: str | None
    page: str


def write(
    documented: Sequence[Documented],
    tables: dict[str, Path],
    target: Path,
    settings: Settings,
) -> list[Shown]:
    """Write the site of some tables into a folder; ``tables`` are all that rules may refer to."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        database = folder / "tables.duckdb"
        with duck.connect(database) as con:
            for slug, path in tables.items():
                con.execute(
                    f"CREATE VIEW {duck.identifier(slug)} AS "
                    f"FROM read_parquet({duck.literal(str(path))})"
                )
        context = gx.get_context(mode="file", project_root_dir=folder)
        context.variables.progress_bars = ProgressBarsConfig(globally=False)
        source = context.data_sources.add_duckdb(
            "published",
            connection_string=f"duckdb:///{database}",
            kwargs={"connect_args": {"read_only": True, "config": _limits(settings, folder)}},
        )
        site = folder / "gx" / "uncommitted" / "data_docs" / "local_site"
        try:
            shown = [_show(context, source, one, tables, site) for one in documented]
        finally:
            source.get_execution_engine().close()
        shutil.rmtree(site / "static")
        for page in site.rglob("*.html"):
            page.write_text(_offline(page.read_text("utf-8"), page, site), "utf-8")
        (site / "style.css").write_text(_STYLE, "utf-8")
        (site / "index.html").write_text(_index(shown), "utf-8")
        shutil.copytree(site, target, dirs_exist_ok=True)
    return shown


def _limits(settings: Settings, folder: Path) -> dict[str, Any]:
    return {
        "memory_limit": settings.memory_limit,
        "threads": settings.threads,
        "temp_directory": str(folder / "spill"),
    }


def _show(
    context: Any,
    source: DuckDBDatasource,
    one: Documented,
    tables: dict[str, Path],
    site: Path,
) -> Shown:
    slug = one.dataset.slug
    rules = suite.rules(one.dataset, "outgoing", tables.keys())
    key = one.dataset.definition.key
    expectations = suite.compile_suite(slug, rules, key).expectations
    for expectation in expectations:
        assert expectation.meta is not None
        rule = rules[expectation.meta["rule"]]
        expectation.meta, expectation.notes = {}, rule.reason
        if type(expectation).__module__.startswith("moulouya."):
            nothing = {"element_count": 0, "observed_value": None}
            expectation.description = sentence(rule.type, rule.kwargs, nothing, True)
    made = context.suites.add(ExpectationSuite(name=slug, expectations=expectations))
    whole = source.add_table_asset(slug, table_name=slug).add_batch_definition_whole_table("whole")
    definition = context.validation_definitions.add(
        ValidationDefinition(name=slug, data=whole, suite=made)
    )
    checkpoint = context.checkpoints.add(
        Checkpoint(
            name=slug,
            validation_definitions=[definition],
            actions=[UpdateDataDocsAction(name="update the site")],
            result_format={
                "result_format": "SUMMARY",
                "partial_unexpected_count": running.MOST_ROWS,
                "unexpected_index_column_names": key,
                "return_unexpected_index_query": False,
            },
        )
    )
    result = checkpoint.run(run_id=RunIdentifier(run_name=_name(one.version, one.held)))
    (found,) = result.run_results.values()
    severity = found.get_max_severity_failure()
    return Shown(
        slug=slug,
        version=one.version,
        held=one.held,
        success=bool(found.success),
        expectations=int(found.statistics["evaluated_expectations"]),
        failed=int(found.statistics["unsuccessful_expectations"]),
        severity=str(severity.value) if severity else None,
        page=str(next((site / "validations" / slug).rglob("*.html")).relative_to(site)),
    )


def _name(version: int, held: bool) -> str:
    return f"version-{version}-held" if held else f"version-{version}"


def _offline(html: str, page: Path, site: Path) -> str:
    """A page that needs nothing but the site's own style sheet."""
    style = "../" * len(page.relative_to(site).parts[:-1]) + "style.css"
    link = f'<link rel="stylesheet" href="{style}"></head>'
    return _ELSEWHERE.sub("", html).replace("</head>", link, 1)


def _index(shown: list[Shown]) -> str:
    rows = "".join(
        f'<tr><td><a href="{escape(one.page)}">{one.slug}</a></td>'
        f"<td>{_name(one.version, one.held)}</td><td>{one.expectations}</td><td>{one.failed}</td>"
        f"<td>{one.severity or ''}</td>"
        f'<td><a href="expectations/{one.slug}.html">suite</a></td></tr>\n'
        for one in shown
    )
    names = ("dataset", "version", "expectations", "failed", "worst severity", "")
    head = "".join(f"<th>{name}</th>" for name in names)
    return (
        '<!DOCTYPE html>\n<html lang="en"><head><meta charset="utf-8"><title>Data Docs</title>'
        '<link rel="stylesheet" href="style.css"></head><body><h1>Data Docs</h1>\n'
        "<p>What Great Expectations found in the newest version of each dataset.</p>\n"
        f"<table><thead><tr>{head}</tr></thead><tbody>\n{rows}</tbody></table></body></html>\n"
    )
