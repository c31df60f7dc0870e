"""The catalogue in DCAT-AP 3.0.1: valid, in pages, the same in three syntaxes, whatever it says."""

from __future__ import annotations

import hashlib
import os
import subprocess
import sys
from functools import cache
from pathlib import Path

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from pyshacl import validate
from rdflib import RDF, Graph, Literal, Namespace, URIRef
from rdflib.compare import isomorphic

from moulouya import catalogue, ledger, release
from moulouya.portal.standards import catalogue as catalogues
from moulouya.portal.standards import frequencies, vocabularies, writing
from moulouya.portal.standards.negotiating import wanted
from moulouya.portal.standards.statements import Statements, plain, spoken, typed
from moulouya.withdrawals import Change, Withdrawal

from . import lakes, odd_datasets
from .conftest import Client, client_of

FORMS = {"ttl": "turtle", "jsonld": "json-ld", "rdf": "xml"}
BASE = "http://data.example.org"
SLUGS = ("boundaries", "communes", "density")
COMMUNES = URIRef(f"{BASE}/datasets/communes")
CATALOGUE = URIRef(f"{BASE}/catalogue")
DCAT = Namespace("http://www.w3.org/ns/dcat#")
DCTERMS = Namespace("http://purl.org/dc/terms/")
FOAF = Namespace("http://xmlns.com/foaf/0.1/")
SH = Namespace("http://www.w3.org/ns/shacl#")
SKOS = Namespace("http://www.w3.org/2004/02/skos/core#")
XSD = Namespace("http://www.w3.org/2001/XMLSchema#")
HYDRA = Namespace("http://www.w3.org/ns/hydra/core#")
PROV = Namespace("http://www.w3.org/ns/prov#")
SPDX = Namespace("http://spdx.org/rdf/terms#")
EU = Namespace("http://publications.europa.eu/resource/authority/")
WRITERS = {"turtle": writing.turtle, "json-ld": writing.jsonld, "xml": writing.rdfxml}


def graph(client: Client, path: str) -> Graph:
    response = client.get(path)
    assert response.status_code == 200, path
    return Graph().parse(data=response.content, format=FORMS[path.partition("?")[0].split(".")[-1]])


@cache
def shapes(path: Path) -> Graph:
    """Shapes, without those that have no path: SHACL has no meaning for them."""
    read = Graph().parse(path)
    for shape, one in list(read.subject_objects(SH.property)):
        if read.value(one, SH.path) is None:
            read.remove((shape, SH.property, one))
            read.remove((one, None, None))
    return read


OURS = Path(__file__).with_name("dcat_ap.shapes.ttl")


@pytest.fixture(params=["ours", "official"])
def shaped(request: pytest.FixtureRequest) -> Graph:
    """Our own shapes, and those of github.com/SEMICeu/DCAT-AP where they are at hand.

    MOULOUYA_DCAT_AP_SHAPES names their releases/3.0.1/shacl/dcat-ap-SHACL.ttl.
    """
    if request.param == "ours":
        return shapes(OURS)
    path = os.environ.get("MOULOUYA_DCAT_AP_SHAPES")
    if not path:
        pytest.skip("MOULOUYA_DCAT_AP_SHAPES names no file of shapes")
    return shapes(Path(path))


def faults(data: Graph, by: Graph) -> str:
    conforms, _, text = validate(data, shacl_graph=by, inference="none")
    return "" if conforms else str(text)


@pytest.fixture(scope="module")
def odd(odd_pristine: lakes.Built) -> Client:
    return client_of(odd_pristine)


def test_the_catalogue_keeps_to_the_profile(portal: Client, shaped: Graph) -> None:
    assert faults(graph(portal, "/catalogue.ttl"), shaped) == ""


def test_a_dataset_and_a_version_keep_to_the_profile(portal: Client, shaped: Graph) -> None:
    for slug in SLUGS:
        assert faults(graph(portal, f"/datasets/{slug}.ttl"), shaped) == ""
        assert faults(graph(portal, f"/datasets/{slug}/versions/1.ttl"), shaped) == ""


def test_odd_datasets_keep_to_the_profile(odd: Client, shaped: Graph) -> None:
    assert faults(graph(odd, "/catalogue.ttl"), shaped) == ""


def test_shapes_find_what_is_missing(portal: Client, shaped: Graph) -> None:
    data = graph(portal, "/catalogue.ttl")
    data.remove((COMMUNES, DCTERMS.title, None))
    data.remove((CATALOGUE, DCTERMS.publisher, None))
    data.remove((None, DCAT.accessURL, URIRef(f"{BASE}/files/communes/1/communes.parquet")))
    data.add((COMMUNES, DCAT.theme, COMMUNES))
    assert faults(data, shaped).count("Constraint Violation") >= 4


@pytest.mark.parametrize(
    "path", ["/catalogue", "/datasets/communes", "/datasets/density/versions/1"]
)
def test_three_syntaxes_are_one_graph(portal: Client, path: str) -> None:
    first, *others = (whole(portal, f"{path}.{form}") for form in FORMS)
    assert len(first) > 50
    assert all(isomorphic(first, other) for other in others)


def whole(client: Client, path: str) -> Graph:
    """A document but for the links among its pages, which lead to the same syntax."""
    told = graph(client, path)
    for page in list(told.subjects(RDF.type, HYDRA.PagedCollection)):
        told.remove((page, None, None))
    return told


def test_odd_texts_are_one_graph_in_three_syntaxes(odd: Client) -> None:
    first, *others = (whole(odd, f"/catalogue.{form}") for form in FORMS)
    assert all(isomorphic(first, other) for other in others)
    titles = {str(title) for title in first.objects(None, DCTERMS.title)}
    assert any(odd_datasets.HOSTILE in title and odd_datasets.TEMPLATE in title for title in titles)
    assert any(odd_datasets.EMOJI in title for title in titles)


@given(st.text(), st.text(), st.text(min_size=1))
@example("", "\r", "0")
@settings(max_examples=40, deadline=None)
def test_any_text_is_the_same_in_every_syntax(one: str, other: str, address: str) -> None:
    said = Statements()
    said.say(
        "http://x.example/?a=" + address,
        "dcat:Dataset",
        {"dct:title": spoken({"ar": one}, ["ar"]), "rdfs:label": [plain(other), plain(one)],
         "dcat:byteSize": typed(7, "xsd:nonNegativeInteger"),
         "rdfs:seeAlso": said.say("http://y.example/#a" + address, "foaf:Document")},
    )  # fmt: skip
    graphs = [
        Graph().parse(data=write(said), format=form, publicID="http://none.example/")
        for form, write in WRITERS.items()
    ]
    assert set(graphs[0]) == set(graphs[1]) == set(graphs[2])
    kept = {str(value) for value in graphs[0].objects(None, DCTERMS.title)}
    assert kept == ({spoken({"ar": one}, ["ar"])[0].text} if one else set())  # type: ignore[union-attr]


def test_a_dataset_says_what_its_definition_says(portal: Client) -> None:
    told = graph(portal, "/catalogue.ttl")
    communes = lakes.COMMUNES
    assert set(told.objects(COMMUNES, DCTERMS.title)) == {
        Literal(title, lang=code) for code, title in communes["title"].items()
    }
    assert set(told.objects(COMMUNES, DCAT.keyword)) == {
        Literal(word, lang=code) for code, words in communes["keywords"].items() for word in words
    }
    assert told.value(COMMUNES, DCTERMS.accrualPeriodicity) == EU["frequency/DAILY"]
    period = told.value(COMMUNES, DCTERMS.temporal)
    assert told.value(period, DCAT.startDate) == Literal("2024-09-01", datatype=XSD.date)
    assert told.value(period, DCAT.endDate) == Literal("2024-09-30", datatype=XSD.date)
    publisher = told.value(COMMUNES, DCTERMS.publisher)
    assert Literal("مكتب الإحصاء", lang="ar") in set(told.objects(publisher, FOAF.name))
    themes = set(told.objects(COMMUNES, DCAT.theme))
    assert URIRef("http://metadata.un.org/sdg/11.3") in themes
    labels = {str(label) for theme in themes for label in told.objects(theme, SKOS.prefLabel)}
    assert {"السكان", "Démographie", "Demography"} <= labels
    places = set(told.objects(COMMUNES, DCTERMS.spatial))
    assert EU["country/MAR"] in places
    assert any("POLYGON ((-3 34" in str(box) for box in told.objects(None, DCAT.bbox))


def test_a_file_says_its_size_format_and_checksum(portal: Client, pristine: lakes.Built) -> None:
    told = graph(portal, "/catalogue.ttl")
    version = portal.get("/files/communes/1/version.json").json()
    file = next(one for one in version["files"] if one["name"] == "communes.csv.gz")
    address = URIRef(f"{BASE}/files/communes/1/communes.csv.gz")
    (found,) = told.subjects(DCAT.downloadURL, address)
    assert told.value(found, DCAT.byteSize).toPython() == file["bytes"]  # type: ignore[union-attr]
    checksum = told.value(found, SPDX.checksum)
    assert str(told.value(checksum, SPDX.checksumValue)) == file["sha256"]
    assert told.value(found, DCTERMS["format"]) == EU["file-type/CSV"]
    assert str(told.value(found, DCAT.compressFormat)).endswith("/application/gzip")
    licence = told.value(found, DCTERMS.license)
    assert licence == EU["licence/ODC_BL"]
    # By this very title CKAN's harvesters find their own licence.
    title = told.value(licence, DCTERMS.title)
    listed = portal.get("/api/3/action/license_list").json()["result"]
    assert {"id": "odc-odbl", "title": str(title)}.items() <= next(
        one for one in listed if one["id"] == "odc-odbl"
    ).items()


def test_every_download_can_be_had(portal: Client) -> None:
    told = graph(portal, "/catalogue.ttl")
    addresses = sorted(str(one).removeprefix(BASE) for one in told.objects(None, DCAT.downloadURL))
    assert len(addresses) > 15
    for address in addresses:
        assert portal.head(address).status_code == 200, address


def test_a_derived_dataset_names_the_versions_it_was_made_from(portal: Client) -> None:
    told = graph(portal, "/catalogue.ttl")
    density = URIRef(f"{BASE}/datasets/density")
    used = {URIRef(f"{BASE}/datasets/{slug}/versions/1") for slug in ("boundaries", "communes")}
    assert set(told.objects(density, PROV.wasDerivedFrom)) == used
    qualified = told.objects(density, DCAT.qualifiedRelation)
    assert {told.value(one, DCTERMS.relation) for one in qualified} == used


def test_services_are_told_of_where_they_are(portal: Client) -> None:
    told = graph(portal, "/catalogue.ttl")
    services = set(told.objects(CATALOGUE, DCAT.service))
    addresses = {str(told.value(one, DCAT.endpointURL)) for one in services}
    assert {f"{BASE}/api/v1/sql", f"{BASE}/api/3/action"} <= addresses
    routes = {getattr(route, "path", "") for route in portal.app.routes}
    assert (f"{BASE}/ogc" in addresses) == ("/ogc" in routes)
    assert all(COMMUNES in set(told.objects(one, DCAT.servesDataset)) for one in services)
    for one in services:
        described = told.value(one, DCAT.endpointDescription)
        if described is not None:
            assert portal.get(str(described).removeprefix(BASE)).status_code == 200
    alone = graph(portal, "/datasets/communes.ttl")
    assert set(alone.subjects(DCAT.servesDataset, COMMUNES)) == services


def test_versions_are_told_of_beside_a_dataset_not_in_the_catalogue(built: lakes.Built) -> None:
    lakes.publish_communes(built, lakes.COMMUNE_ROWS[:20])
    lakes.commit(built)
    client = client_of(built)
    told = graph(client, "/datasets/communes.ttl")
    versions = [URIRef(f"{COMMUNES}/versions/{number}") for number in (1, 2)]
    assert set(told.objects(COMMUNES, DCAT.hasVersion)) == set(versions)
    assert told.value(COMMUNES, DCAT.version) == Literal("2")
    newest = graph(client, "/datasets/communes/versions/2.ttl")
    assert newest.value(versions[1], DCAT.previousVersion) == versions[0]
    assert newest.value(versions[1], DCAT.isVersionOf) == COMMUNES
    older = graph(client, "/datasets/communes/versions/1.ttl")
    assert URIRef(f"{BASE}/files/communes/1/communes.parquet") in set(
        older.objects(None, DCAT.downloadURL)
    )
    listed = set(graph(client, "/catalogue.ttl").subjects(RDF.type, DCAT.Dataset))
    assert listed == {
        URIRef(f"{BASE}/datasets/{one}") for one in ("communes", "boundaries", "density")
    }


def test_pages_lead_through_the_whole_catalogue(
    built: lakes.Built, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(catalogues, "PAGE", 2)
    client = client_of(built)
    seen: list[str] = []
    address: str | None = "/catalogue.rdf"
    while address is not None:
        told = graph(client, address.removeprefix(BASE))
        (page,) = told.subjects(RDF.type, HYDRA.PagedCollection)
        assert told.value(page, HYDRA.totalItems) == Literal(3)
        seen += [str(one) for one in told.objects(CATALOGUE, DCAT.dataset)]
        follow = told.value(page, HYDRA.next)
        assert follow == told.value(page, HYDRA.nextPage)
        address = str(follow) if follow is not None else None
    assert sorted(seen) == [
        f"{BASE}/datasets/{one}" for one in ("boundaries", "communes", "density")
    ]
    links = client.get("/catalogue.ttl").headers["link"]
    assert f'<{BASE}/catalogue.ttl?page=2>; rel="next"' in links
    assert client.get("/catalogue.ttl?page=3").status_code == 404


@pytest.mark.parametrize("number", ["0", "-1", "x", "1e3", "٣", "9" * 30])
def test_a_page_that_cannot_be_is_not_found(portal: Client, number: str) -> None:
    response = portal.get(f"/catalogue.ttl?page={number}")
    assert response.status_code == 404
    assert response.headers["content-type"] == "application/problem+json"


def test_an_empty_catalogue_is_a_catalogue(built: lakes.Built, shaped: Graph) -> None:
    at = ledger.stamp(ledger.now())
    change = Change(withdraw=[Withdrawal(slug, 1, "Salma", "a mistake", at) for slug in SLUGS])
    url = built.settings.public_url
    release.commit(built.lake, lakes.REGION, url, catalogue.build, change=change)
    told = graph(client_of(built), "/catalogue.ttl")
    assert set(told.objects(CATALOGUE, DCAT.dataset)) == set()
    assert faults(told, shaped) == ""


def test_before_the_first_release_there_is_nothing_to_tell(tmp_path: Path) -> None:
    settings = lakes.Settings(lake=tmp_path / "lake", state=tmp_path / "state", public_url=BASE)
    client = client_of(lakes.Built(lakes.open_lake(tmp_path / "lake"), settings))
    assert client.get("/catalogue.ttl").status_code == 503


@pytest.mark.parametrize(
    ("accept", "path", "there"),
    [
        ("text/turtle", "/datasets/communes", "/datasets/communes.ttl"),
        ("application/ld+json;q=0.9, text/html;q=0.1", "/catalogue", "/catalogue.jsonld"),
        ("application/rdf+xml", "/datasets/density/versions/1", "/datasets/density/versions/1.rdf"),
        ("text/html,*/*;q=0.8", "/datasets/communes", "/fr/datasets/communes"),
        ("*/*", "/catalogue", "/fr/datasets"),
        ("", "/datasets/communes/versions/1", "/fr/datasets/communes/versions/1"),
    ],
)  # fmt: skip
def test_an_address_leads_to_what_a_client_takes(
    portal: Client, accept: str, path: str, there: str
) -> None:
    response = portal.get(path, accept=accept, accept_language="fr")
    assert response.status_code == 303
    assert response.headers["location"] == there
    assert response.headers["vary"] == "Accept, Accept-Language"
    assert portal.get(there).status_code == 200


def test_an_unknown_dataset_is_not_found_for_programs(portal: Client) -> None:
    unknown = ("nothing", "nothing.ttl", "communes.n3", "communes/versions/7.ttl",
               "communes/versions/x.ttl")  # fmt: skip
    for path in (f"/datasets/{one}" for one in unknown):
        response = portal.get(path)
        assert response.status_code == 404, path
        assert response.headers["content-type"] == "application/problem+json"


def test_a_document_is_sent_again_only_when_it_changed(portal: Client) -> None:
    first = portal.get("/catalogue.ttl")
    assert first.headers["content-type"] == "text/turtle; charset=utf-8"
    assert first.headers["access-control-allow-origin"] == "*"
    again = portal.get("/catalogue.ttl", if_none_match=first.headers["etag"])
    assert again.status_code == 304


ASK = """
import asyncio, hashlib, httpx, pathlib, sys
from moulouya.portal.app import create_app
from moulouya.settings import Settings
lake, url, *paths = sys.argv[1:]
app = create_app(Settings(lake=pathlib.Path(lake), public_url=url))
async def ask():
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url=url) as client:
        for path in paths:
            print("sha256", hashlib.sha256((await client.get(path)).content).hexdigest())
asyncio.run(ask())
assert "rdflib" not in sys.modules
"""


def test_another_process_writes_the_same_bytes(portal: Client, pristine: lakes.Built) -> None:
    paths = [
        *(f"/catalogue.{form}" for form in FORMS),
        "/datapackage.json",
        "/exports/communes/1/communes.csv-metadata.json",
        *(
            f"/datasets/communes/versions/1{name}"
            for name in (".ttl", "/croissant.json", "/datapackage.json", "/openlineage.json")
        ),
    ]
    said = subprocess.run(
        [sys.executable, "-c", ASK, str(pristine.lake.root), BASE, *paths],
        env={**os.environ, "PYTHONHASHSEED": "7"},
        check=True,
        capture_output=True,
        text=True,
    ).stdout
    hashes = [line.split()[1] for line in said.splitlines() if line.startswith("sha256")]
    assert hashes == [hashlib.sha256(portal.get(path).content).hexdigest() for path in paths]


@pytest.mark.parametrize(
    ("every", "cron", "word"),
    [
        ("P1D", None, "DAILY"), ("P7D", None, "WEEKLY"), ("P30D", None, "MONTHLY"),
        ("P91D", None, "QUARTERLY"), ("P365D", None, "ANNUAL"), ("PT1H", None, "HOURLY"),
        ("PT5M", None, "CONT"), ("P5D", None, "OTHER"), (None, "30 4 * * 1", "WEEKLY"),
        (None, "30 4 * * *", "DAILY"), (None, "0 * * * *", "HOURLY"),
        (None, "0 3 1 * *", "MONTHLY"),
        (None, "0 3 1 6 *", "ANNUAL"), (None, "*/7 3 * * *", "OTHER"), (None, None, None),
    ],
)  # fmt: skip
def test_a_rhythm_has_a_word(every: str | None, cron: str | None, word: str | None) -> None:
    refresh = {name: value for name, value in (("every", every), ("cron", cron)) if value}
    assert frequencies.of({"refresh": refresh}) == word


def test_a_country_has_a_code_where_its_name_is_known() -> None:
    assert vocabularies.country("Morocco") == "MAR"
    assert vocabularies.country("France") == "FRA"
    assert vocabularies.country("Olive Land") is None


def test_what_is_liked_most_is_chosen() -> None:
    offered = ["text/html", "text/turtle", "application/ld+json"]
    assert wanted("text/turtle;q=0.2, application/ld+json;q=0.3", offered) == "application/ld+json"
    assert wanted("text/*;q=0.5, text/turtle;q=0.4, */*;q=0.1", offered) == "text/html"
    assert wanted("text/html;q=0, */*;q=0.5", offered) == "text/turtle"
    assert wanted("image/png", offered) == "text/html"
    assert wanted("text/turtle;q=nonsense", offered) == "text/html"


def test_editions_of_a_series_name_it_and_lead_to_each_other(built: lakes.Built) -> None:
    for year in (2014, 2024):
        definition = {
            **lakes.DENSITY, "series": "counts", "temporal": {"start": f"{year}-09-01"},
            "title": lakes.text(f"تعداد {year}", f"Dénombrement {year}", f"Count {year}"),
        }  # fmt: skip
        query = "SELECT '77.001' AS code, 1.0::DOUBLE AS density"
        lakes.publish(built, f"count_{year}", "demography", definition, query)
    lakes.commit(built)
    portal = client_of(built)
    told = graph(portal, "/catalogue.ttl")
    series = set(told.subjects(RDF.type, DCAT.DatasetSeries))
    assert len(series) == 1
    assert {str(one).rpartition("/")[2] for one in told.subjects(DCAT.inSeries, series.pop())} == {
        "count_2014", "count_2024"
    }  # fmt: skip
    page = portal.get("/en/datasets/count_2024").text
    assert "Of the same series" in page
    assert "/en/datasets/count_2014" in page
    assert "Of the same series" not in portal.get("/en/datasets/communes").text
