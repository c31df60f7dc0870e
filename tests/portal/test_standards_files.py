"""Croissant, Data Package, CSV on the Web and OpenLineage, read by their own clients over HTTP."""

from __future__ import annotations

import csv
import datetime as dt
import io
import json
import logging
import re
import subprocess
import sys
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import frictionless
import httpx
import mlcroissant
import pytest
from rdflib import Graph, Literal, Namespace, URIRef

from moulouya.portal.standards import columns
from moulouya.portal.standards.columns import Column

from . import lakes, odd_datasets
from .conftest import PROGRAM, Client, Server, answering, client_of, free_port

SLUGS = ("boundaries", "communes", "density", "mixture")
CR = Namespace("http://mlcommons.org/croissant/")


@pytest.fixture(scope="module")
def running(odd_pristine: lakes.Built) -> Iterator[Server]:
    """A portal of the small lake and the odd tables, under the address at which it runs."""
    port = free_port()
    url = f"http://127.0.0.1:{port}"
    command = [sys.executable, "-c", PROGRAM, str(odd_pristine.lake.root), str(port), url]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    assert process.stdout is not None
    for line in process.stdout:
        if "Started worker" in line:
            break
    yield answering(Server(process, url))
    process.terminate()
    process.communicate(timeout=20)


def told(server: Server, path: str) -> Any:
    response = httpx.get(f"{server.url}{path}")
    assert response.status_code == 200, path
    assert response.headers["access-control-allow-origin"] == "*"
    return response.json()


@pytest.mark.parametrize("slug", SLUGS)
def test_croissant_is_read_by_its_own_library(
    running: Server, slug: str, caplog: pytest.LogCaptureFixture
) -> None:
    address = f"{running.url}/datasets/{slug}/croissant.json"
    with caplog.at_level(logging.WARNING):
        found = mlcroissant.Dataset(address)
        issues = found.metadata.ctx.issues
        first = next(iter(found.records(slug)))
    assert not issues.errors
    assert not issues.warnings
    assert not [one for one in caplog.records if "croissant" in one.message.lower()]
    rows = list(csv.DictReader(io.StringIO(httpx.get(
        f"{running.url}/exports/{slug}/1/{slug}.csv").text)))  # fmt: skip
    (name, value), *_ = first.items()
    plain = value.decode() if isinstance(value, bytes) else str(value)
    assert plain == rows[0][name.partition("/")[2]]
    assert set(first) == {f"{slug}/{column}" for column in rows[0]}


@pytest.mark.parametrize("slug", odd_datasets.ALL)
def test_croissant_of_odd_datasets_is_valid(running: Server, slug: str) -> None:
    issues = mlcroissant.Dataset(
        f"{running.url}/datasets/{slug}/croissant.json"
    ).metadata.ctx.issues
    assert not issues.errors
    assert not issues.warnings


def test_croissant_names_files_by_version_and_hash(running: Server) -> None:
    found = told(running, "/datasets/communes/croissant.json")
    record = told(running, "/files/communes/1/version.json")
    hashes = {one["name"]: one["sha256"] for one in record["files"]}
    for file in found["distribution"]:
        assert file["sha256"] == hashes[file["@id"]]
        assert file["contentUrl"] == f"{running.url}/files/communes/1/{file['@id']}"
    fields = {one["name"]: one for one in found["recordSet"][0]["field"]}
    assert fields["population"]["dataType"] == "sc:Integer"
    assert fields["name"]["description"]["ar"].startswith("الاسم")
    assert found["name"] == lakes.COMMUNES["title"]
    assert found == told(running, "/datasets/communes/versions/1/croissant.json")
    # As RDF it says the same: nothing is lost to the context.
    graph = Graph().parse(data=json.dumps(found), format="json-ld")
    assert len(list(graph.objects(None, CR.field))) == len(record["columns"])


def problems_of(report: frictionless.Report) -> list[Any]:
    return report.flatten(["type", "note", "description"])


@pytest.mark.parametrize("slug", ["communes", "density", "boundaries", "mixture", "hostile_texts"])
def test_a_data_package_is_valid_with_its_files(running: Server, slug: str) -> None:
    package = frictionless.Package(f"{running.url}/datasets/{slug}/datapackage.json")
    assert [one.name for one in package.resources] == [slug, f"{slug}-duckdb", f"{slug}-parquet"]
    report = package.validate()
    assert report.valid, problems_of(report)
    assert report.tasks[0].stats["rows"] == told(running, f"/files/{slug}/1/version.json")["rows"]


def test_a_data_package_holds_the_rules_of_the_definition(running: Server) -> None:
    package = told(running, "/datasets/communes/datapackage.json")
    assert package["$schema"] == "https://datapackage.org/profiles/2.0/datapackage.json"
    assert package["titles"] == lakes.COMMUNES["title"]
    record = told(running, "/files/communes/1/version.json")
    kept = {one["name"]: one for one in record["files"]}
    table, database, parquet = package["resources"]
    assert [one["format"] for one in package["resources"]] == ["csv", "duckdb", "parquet"]
    assert database["hash"] == f"sha256:{kept['communes.duckdb']['sha256']}"
    assert database["bytes"] == kept["communes.duckdb"]["bytes"]
    assert parquet["sha256"] == kept["communes.parquet"]["sha256"]
    fields = {one["name"]: one for one in table["schema"]["fields"]}
    assert table["schema"]["primaryKey"] == ["code"]
    assert fields["code"]["constraints"] == {
        "required": True, "unique": True, "pattern": r"\d{2}\.\d{3}",
    }  # fmt: skip
    assert fields["population"]["constraints"] == {"minimum": 0, "maximum": 5000000}
    assert fields["kind"]["constraints"]["enum"] == ["U", "R"]
    assert [one["value"] for one in fields["kind"]["categories"]] == ["U", "R"]
    assert package == told(running, "/datasets/communes/versions/1/datapackage.json")


def test_rules_of_a_data_package_are_those_that_data_break(running: Server, tmp_path: Path) -> None:
    schema = told(running, "/datasets/communes/datapackage.json")["resources"][0]["schema"]
    wrong = "code,name,year,population,kind\n77.001,a,2024,-5,U\n77.001,b,x,7,Z\nx,c,2024,1,R\n"
    (tmp_path / "wrong.csv").write_text(wrong)
    resource = frictionless.Resource(
        "wrong.csv", basepath=str(tmp_path), schema=frictionless.Schema.from_descriptor(schema)
    )
    kinds = [kind for kind, *_ in problems_of(resource.validate())]
    assert kinds.count("constraint-error") == 3
    assert {"type-error", "primary-key"} <= set(kinds)


def test_the_package_of_the_catalogue_has_every_table_and_its_keys(running: Server) -> None:
    descriptor = told(running, "/datapackage.json")
    resources = {one["name"]: one for one in descriptor["resources"]}
    assert set(resources) == {*SLUGS, *odd_datasets.ALL}
    assert resources["boundaries"]["schema"]["foreignKeys"] == [
        {"fields": ["code"], "reference": {"resource": "communes", "fields": ["code"]}}
    ]
    assert not {"titles", "descriptions"} & set(
        re.findall(r'"(\w+)": [{]', json.dumps(resources))
    )  # of thousands of tables it is long enough
    assert resources["communes"]["title"] == lakes.COMMUNES["title"]["ar"]
    package = frictionless.Package.from_descriptor(descriptor)
    for name in set(resources) - {"boundaries", "communes"}:
        package.remove_resource(name)
    report = package.validate()
    assert report.valid, problems_of(report)


@pytest.mark.parametrize("slug", [*SLUGS, *odd_datasets.ALL])
def test_csv_is_explained_where_the_web_looks_for_it(running: Server, slug: str) -> None:
    table = httpx.get(f"{running.url}/exports/{slug}/1/{slug}.csv")
    link = next(one for one in table.headers["link"].split(", ") if "csvm+json" in one)
    address = re.findall(r"<([^>]*)>", link)[0]
    assert address == f"{running.url}/exports/{slug}/1/{slug}.csv-metadata.json"
    response = httpx.get(address)
    assert response.headers["content-type"] == "application/csvm+json"
    found = response.json()
    assert found["url"] == f"{running.url}/exports/{slug}/1/{slug}.csv"
    described = found["tableSchema"]["columns"]
    head, *rows = list(csv.reader(io.StringIO(table.text)))
    assert [one["name"] for one in described] == head == [one["titles"]["und"] for one in described]
    assert set(described[0]["titles"]) == {"und", "ar", "fr", "en"}
    for row in rows:
        for cell, column in zip(row, described, strict=True):
            assert cell == column["null"] or fits(cell, column["datatype"]), (column, cell)


def fits(cell: str, datatype: Any) -> bool:
    """Whether a cell is what its column's datatype says."""
    kind = datatype if isinstance(datatype, str) else datatype["base"]
    limits = {} if isinstance(datatype, str) else datatype
    if kind in ("long", "double", "decimal"):
        number = float(cell)
        return limits.get("minimum", number) <= number <= limits.get("maximum", number)
    if kind == "boolean":
        return cell in ("true", "false")
    if kind == "date":
        return dt.date.fromisoformat(cell).isoformat() == cell
    if kind == "datetime":
        assert limits["format"] == "yyyy-MM-dd HH:mm:ss.SSSSSSX"
        return bool(re.fullmatch(r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d\.\d{6}Z", cell))
    if kind == "json":
        json.loads(cell)
    return "format" not in limits or re.fullmatch(limits["format"], cell) is not None


def test_a_part_of_a_table_is_not_explained_as_the_whole(running: Server) -> None:
    part = httpx.get(f"{running.url}/exports/communes/1/communes.csv?population__gt=2000")
    assert part.status_code == 200
    assert "csvm+json" not in part.headers["link"]


def test_csv_metadata_of_latest_and_of_nothing(portal: Client) -> None:
    latest = portal.get("/exports/communes/latest/communes.csv-metadata.json")
    assert latest.headers["location"] == "/exports/communes/1/communes.csv-metadata.json"
    for path in ("communes/1/density", "communes/2/communes", "nothing/1/nothing"):
        assert portal.get(f"/exports/{path}.csv-metadata.json").status_code == 404


def test_lineage_tells_the_run_its_inputs_and_checks(running: Server) -> None:
    event = told(running, "/datasets/density/versions/1/openlineage.json")
    assert {"eventTime", "producer", "schemaURL", "run", "job"} <= set(event)
    assert event["eventType"] == "COMPLETE"
    dt.datetime.fromisoformat(event["eventTime"])
    uuid.UUID(event["run"]["runId"])
    assert event["job"] | {"facets": {}} == {
        "namespace": running.url, "name": "density", "facets": {},
    }  # fmt: skip
    assert {one["name"] for one in event["inputs"]} == {"boundaries", "communes"}
    (output,) = event["outputs"]
    assert output["outputFacets"]["outputStatistics"]["rowCount"] == 3
    assert output["facets"]["version"]["datasetVersion"] == "1"
    fields = [(one["name"], one["type"]) for one in output["facets"]["schema"]["fields"]]
    assert fields == [("code", "text"), ("density", "number")]
    checks = told(running, "/files/density/1/validation.json")["checks"]
    assertions = output["facets"]["dataQualityAssertions"]["assertions"]
    assert [one["assertion"] for one in assertions] == [one["type"] for one in checks]
    for facet in facets(event):
        assert facet["_producer"] == event["producer"]
        assert re.fullmatch(
            r"https://openlineage\.io/spec/facets/\d-\d-\d/(\w+)\.json#/\$defs/\1",
            facet["_schemaURL"],
        )


def facets(value: Any) -> Iterator[dict[str, Any]]:
    """Every facet of an event, wherever it is."""
    if isinstance(value, dict):
        for name, one in value.items():
            if name.lower().endswith("facets"):
                yield from one.values()
            yield from facets(one)
    elif isinstance(value, list):
        for one in value:
            yield from facets(one)


def test_lineage_names_what_was_taken_from_outside(running: Server) -> None:
    event = told(running, "/datasets/communes/versions/1/openlineage.json")
    (taken,) = event["inputs"]
    assert (taken["namespace"], taken["name"]) == ("pkg", "pypi/census@1.2#communes.csv")
    assert taken["facets"]["version"]["datasetVersion"] == "1.2"


def test_documents_of_an_older_version_stay(built: lakes.Built) -> None:
    client = client_of(built)
    paths = [
        f"/datasets/communes/versions/1/{name}.json"
        for name in ("croissant", "datapackage", "openlineage")
    ] + ["/exports/communes/1/communes.csv-metadata.json"]
    before = [client.get(path).content for path in paths]
    lakes.publish_communes(built, lakes.COMMUNE_ROWS[:9])
    lakes.commit(built)
    newer = client_of(built)
    assert [newer.get(path).content for path in paths] == before
    assert newer.get("/datasets/communes/datapackage.json").json()["version"] == "2.0.0"


@pytest.mark.parametrize(
    "path",
    ["/datasets/nothing/croissant.json", "/datasets/communes/versions/9/datapackage.json",
     "/datasets/communes/versions/01/openlineage.json", "/datasets/x/versions/y/croissant.json"],
)  # fmt: skip
def test_what_is_not_there_is_not_found(portal: Client, path: str) -> None:
    response = portal.get(path)
    assert response.status_code == 404
    assert response.headers["content-type"] == "application/problem+json"


@pytest.mark.parametrize(
    ("written", "whole"),
    [
        (r"^\d+$", r"\d+"), (r"\d+", r".*\d+.*"), (r"^a", r"a.*"), (r"a$", r".*a"),
        (r"^a\$", r"a\$.*"), (r"^a\\$", r"a\\"), (r"^\p{Arabic}+$", None), (None, None),
    ],
)  # fmt: skip
def test_a_pattern_fits_whole_texts_in_the_standards(
    written: str | None, whole: str | None
) -> None:
    assert Column("a", "text", {"pattern": written}).pattern == whole


def test_columns_keep_their_order(built: lakes.Built) -> None:
    catalogue = client_of(built).app.state.current.catalogue()
    names = [one.name for one in columns.of(catalogue.datasets["communes"])]
    assert names == list(lakes.COMMUNES["columns"])  # type: ignore[call-overload]


def test_an_address_in_the_catalogue_leads_to_what_says_it(running: Server) -> None:
    # udata looks up the period of a dataset by its address.
    period = URIRef(f"{running.url}/datasets/communes#period")
    found = Graph().parse(str(period))
    start = URIRef("http://www.w3.org/ns/dcat#startDate")
    assert str(found.value(period, start)) == "2024-09-01"


def test_a_dataset_is_the_same_in_every_standard(running: Server) -> None:
    iri = f"{running.url}/datasets/communes"
    graph = Graph().parse(f"{iri}.ttl", format="turtle")
    title = URIRef("http://purl.org/dc/terms/title")
    assert set(graph.objects(URIRef(iri), title)) == {
        Literal(text, lang=code)
        for code, text in told(running, "/datasets/communes/datapackage.json")["titles"].items()
    }
    hashes = {
        str(one) for one in graph.objects(None, URIRef("http://spdx.org/rdf/terms#checksumValue"))
    }
    package = told(running, "/datasets/communes/datapackage.json")
    assert {package["resources"][2]["sha256"]} <= hashes
