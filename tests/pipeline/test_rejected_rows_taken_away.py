"""Rows that were rejected can be taken away, each with rule, column, reason, line and text."""

from __future__ import annotations

import asyncio
import csv
import gzip
import io
import json
from pathlib import Path

import httpx
import pytest
from typer.testing import CliRunner, Result

from moulouya import pipeline, versions
from moulouya.cli import app
from moulouya.portal import app as portals
from small_workspace import ROWS, SmallWorkspace, dicts_of

MORE = "".join(f"{number},Commune {number},{number}\n" for number in range(10, 40))
DELIVERY = ROWS + MORE + '90,"Aïn, ""Zohra""\nOulad",many\n91,Ahfir\n,Saïdia,5\n'


@pytest.fixture
def communes(workspace: SmallWorkspace) -> SmallWorkspace:
    """A published dataset of 33 rows that left out three."""
    workspace.define("communes", rejects={"at_most": "25%"})
    workspace.data("communes", DELIVERY)
    assert workspace.outcome("communes") == "published"
    return workspace


def answer(workspace: SmallWorkspace, path: str) -> httpx.Response:
    """What the portal answers."""
    portal = httpx.ASGITransport(portals.create_app(workspace.settings))

    async def ask() -> httpx.Response:
        async with httpx.AsyncClient(transport=portal, base_url="http://portal") as client:
            return await client.get(path)

    return asyncio.run(ask())


def cli(workspace: SmallWorkspace, *arguments: str) -> Result:
    """The command line in the workspace."""
    places = ["--workspace", str(workspace.root), "--lake", str(workspace.settings.lake_root)]
    return CliRunner().invoke(app, [*arguments, *places])


def test_a_version_lists_them_as_parquet_and_as_text(communes: SmallWorkspace) -> None:
    version = versions.latest(communes.lake, "communes")
    assert version is not None
    assert version.record["rejected"] == 3
    names = {file["name"] for file in version.record["files"]}
    assert {"rejected.parquet", "rejected.csv.gz"} <= names
    typed = dicts_of(version.path / "rejected.parquet")
    assert [(row["line"], row["rule"], row["column"]) for row in typed] == [
        (35, "type", "people"), (37, "fields", None), (38, "required", "code")
    ]  # fmt: skip
    assert json.loads(typed[0]["original"])["name"] == 'Aïn, "Zohra"\nOulad'
    assert typed[1]["original"] == "91,Ahfir"


def test_the_text_says_what_the_parquet_says_and_no_more(communes: SmallWorkspace) -> None:
    folder = communes.lake.version("communes", 1)
    text = gzip.decompress((folder / "rejected.csv.gz").read_bytes()).decode()
    read = list(csv.DictReader(io.StringIO(text)))
    assert read == [
        {name: "" if value is None else str(value) for name, value in row.items()}
        for row in dicts_of(folder / "rejected.parquet")
    ]


def test_a_version_without_any_has_no_such_file(workspace: SmallWorkspace) -> None:
    workspace.define("communes")
    workspace.run()
    names = {path.name for path in workspace.lake.version("communes", 1).iterdir()}
    assert not {name for name in names if name.startswith("rejected")}


@pytest.mark.parametrize(
    ("code", "sentence", "link"),
    [
        ("en", "3 rows of the delivery could not be read as announced and were left out.",
         "Download the rows left out, each with the reason, the rule"),
        ("fr", "3 lignes", "Télécharger les lignes écartées, chacune avec le motif, la règle"),
        ("ar", "تعذرت قراءة 3 صفوف من البيانات المستلمة", "تحميل الصفوف المستبعدة، ومع كل منها"),
    ],
)  # fmt: skip
def test_the_page_counts_them_and_links_both_files(
    communes: SmallWorkspace, code: str, sentence: str, link: str
) -> None:
    pipeline.release(communes.settings)
    html = answer(communes, f"/{code}/datasets/communes").text
    shown = html[html.index('id="left-out"') : html.index("<details>")]
    assert sentence in shown
    assert link in shown
    for name in ("rejected.csv.gz", "rejected.parquet"):
        assert f'href="/files/communes/1/{name}" download' in shown
        taken = answer(communes, f"/files/communes/1/{name}")
        path = communes.lake.version("communes", 1) / name
        assert taken.content == path.read_bytes()
        assert taken.headers["content-type"] == {
            ".gz": "application/gzip", ".parquet": "application/vnd.apache.parquet"
        }[path.suffix]  # fmt: skip


def test_the_report_of_a_published_version_says_where_they_are(communes: SmallWorkspace) -> None:
    said = cli(communes, "report", "communes").output.replace("\n", "")
    assert f"3 rejected rows: {communes.lake.version('communes', 1) / 'rejected.parquet'}" in said


def test_the_report_of_a_failed_run_says_where_they_are(communes: SmallWorkspace) -> None:
    communes.data("communes", "code,name,people\n01,Berkane,many\n02,Oujda,few\n")
    assert communes.outcome("communes") == "failed"
    told = json.loads(cli(communes, "report", "communes", "--json").stdout)["failed"]
    assert told["rejected"] == 2
    assert [row["rule"] for row in dicts_of(Path(told["rejected_rows"]))] == ["type", "type"]
    said = cli(communes, "report", "communes").output.replace("\n", "")
    assert f"2 rejected rows: {told['rejected_rows']}" in said
    assert "version 1" in said


def test_a_first_run_that_failed_has_a_report_too(workspace: SmallWorkspace) -> None:
    workspace.define("communes")
    assert cli(workspace, "report", "communes").exit_code == 2
    workspace.data("communes", "code,name,people\n01,Berkane,many\n")
    assert workspace.outcome("communes") == "failed"
    done = cli(workspace, "report", "communes")
    assert done.exit_code == 0
    assert "1 rejected row: " in done.output
    assert "rejected.parquet" in done.output.replace("\n", "")


def test_a_run_that_went_well_afterwards_ends_the_failure(communes: SmallWorkspace) -> None:
    communes.data("communes", "code,name,people\n01,Berkane,many\n")
    assert communes.outcome("communes") == "failed"
    communes.data("communes", DELIVERY)
    assert communes.outcome("communes") == "unchanged"
    assert json.loads(cli(communes, "report", "communes", "--json").stdout)["failed"] is None
