"""A definition may claim that EU law counts its dataset as of high value; nothing else does."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest
from pyshacl import validate
from rdflib import RDF, RDFS, Graph, Literal, Namespace, URIRef

from moulouya.definition import Definition
from moulouya.portal.standards.high_value import CATEGORIES

from . import lakes
from .conftest import Client, client_of

BASE = "http://data.example.org"
DCAT = Namespace("http://www.w3.org/ns/dcat#")
DCATAP = Namespace("http://data.europa.eu/r5r/")
DCTERMS = Namespace("http://purl.org/dc/terms/")
ELI = Namespace("http://data.europa.eu/eli/ontology#")
FOAF = Namespace("http://xmlns.com/foaf/0.1/")
SH = Namespace("http://www.w3.org/ns/shacl#")
SKOS = Namespace("http://www.w3.org/2004/02/skos/core#")
BNA = Namespace("http://data.europa.eu/bna/")
REGULATION = URIRef("http://data.europa.eu/eli/reg_impl/2023/138/oj")
INSPIRE = URIRef("http://data.europa.eu/eli/dir/2007/2/2019-06-26")
MOBILITY, STATISTICS = BNA["c_b79e35eb"], BNA["c_e1da4e07"]
COMMUNES, DENSITY = URIRef(f"{BASE}/datasets/communes"), URIRef(f"{BASE}/datasets/density")
FORMS = {"ttl": "turtle", "jsonld": "json-ld", "rdf": "xml"}
# The profile's mandatory properties, written from the text of its specification.
OURS = Path(__file__).with_name("dcat_ap_hvd.shapes.ttl")


def graph(client: Client, path: str, form: str = "ttl") -> Graph:
    response = client.get(f"{path}.{form}")
    assert response.status_code == 200, path
    return Graph().parse(data=response.content, format=FORMS[form])


def claiming(built: lakes.Built, **claim: Any) -> Client:
    """The portal after the density of communes was published with a claim."""
    definition = {**lakes.DENSITY, "high_value": {"categories": ["mobility"], **claim}}
    query = "SELECT format('77.{:03}', i) AS code, i * 1.5::DOUBLE AS density FROM range(1, 4) r(i)"
    lakes.publish(built, "density", "demography", definition, query)
    lakes.commit(built)
    return client_of(built)


def test_nothing_is_claimed_unless_a_definition_does(portal: Client) -> None:
    for path in ("/catalogue", "/datasets/density"):
        told = graph(portal, path)
        assert set(told.objects(None, DCATAP.applicableLegislation)) == set()
        assert set(told.objects(None, DCATAP.hvdCategory)) == set()
        assert set(told.subjects(RDF.type, ELI.LegalResource)) == set()


@pytest.mark.parametrize("path", ["/catalogue", "/datasets/density"])
@pytest.mark.parametrize("form", FORMS)
def test_a_claim_stands_on_the_dataset_its_files_and_its_services(
    built: lakes.Built, path: str, form: str
) -> None:
    told = graph(claiming(built, legislation=[str(INSPIRE)]), path, form)
    acts = {REGULATION, INSPIRE}
    assert set(told.objects(DENSITY, DCATAP.applicableLegislation)) == acts
    assert set(told.objects(DENSITY, DCATAP.hvdCategory)) == {MOBILITY}
    files = set(told.objects(DENSITY, DCAT.distribution))
    services = set(told.subjects(RDF.type, DCAT.DataService))
    assert len(files) > 2
    assert len(services) > 2
    for one in files | services:
        assert set(told.objects(one, DCATAP.applicableLegislation)) == acts
    for one in services:
        assert set(told.objects(one, DCATAP.hvdCategory)) == {MOBILITY}
        assert len(set(told.objects(one, FOAF.page))) == 3
    assert set(told.subjects(RDF.type, ELI.LegalResource)) == acts
    assert told.value(MOBILITY, SKOS.inScheme) == BNA["asd487ae75"]
    assert set(told.objects(MOBILITY, SKOS.prefLabel)) == {
        Literal("التنقل", lang="ar"), Literal("Mobilité", lang="fr"), Literal("Mobility", lang="en")
    }  # fmt: skip


def test_other_datasets_claim_nothing(built: lakes.Built) -> None:
    told = graph(claiming(built), "/catalogue")
    for one in (COMMUNES, *told.objects(COMMUNES, DCAT.distribution)):
        assert (one, DCATAP.applicableLegislation, None) not in told
        assert (one, DCATAP.hvdCategory, None) not in told


def test_a_service_has_the_categories_of_all_that_it_serves(built: lakes.Built) -> None:
    definition = {**lakes.DENSITY, "high_value": {"categories": ["statistics"]}}
    lakes.publish(
        built, "second", "demography", definition, "SELECT '77.001' AS code, 1.0 AS density"
    )
    told = graph(claiming(built), "/datasets/communes")
    for service in told.subjects(RDF.type, DCAT.DataService):
        assert set(told.objects(service, DCATAP.hvdCategory)) == {MOBILITY, STATISTICS}


def test_the_dataset_is_what_is_claimed_not_one_of_its_versions(built: lakes.Built) -> None:
    client = claiming(built)
    for number in (1, 2):
        told = graph(client, f"/datasets/density/versions/{number}")
        assert set(told.objects(None, DCATAP.hvdCategory)) == set()


@pytest.fixture(params=["ours", "official"])
def shapes(request: pytest.FixtureRequest) -> Graph:
    """Our own shapes, and those of github.com/SEMICeu/DCAT-AP where they are at hand.

    MOULOUYA_DCAT_AP_HVD_SHAPES names their releases/3.0.0-hvd/html/hvd-SHACL-full.ttl.
    """
    if request.param == "ours":
        return Graph().parse(OURS)
    path = os.environ.get("MOULOUYA_DCAT_AP_HVD_SHAPES")
    if not path:
        pytest.skip("MOULOUYA_DCAT_AP_HVD_SHAPES names no file of shapes")
    read = Graph().parse(path)
    # Everything is an rdfs:Resource (RDF Schema 2.1): nobody says so of each thing.
    read.remove((None, SH["class"], RDFS.Resource))
    return read


def reported(client: Client) -> Graph:
    """The catalogue as it is reported: the shapes are for one that has nothing but claims."""
    told = graph(client, "/catalogue")
    for one in list(told.subjects(RDF.type, DCAT.Dataset)):
        if (one, DCATAP.hvdCategory, None) in told:
            continue
        for file in list(told.objects(one, DCAT.distribution)):
            told.remove((file, None, None))
        told.remove((one, None, None))
        told.remove((None, None, one))
    return told


def test_what_is_claimed_keeps_to_the_profile(built: lakes.Built, shapes: Graph) -> None:
    told = reported(claiming(built))
    assert set(told.subjects(RDF.type, DCAT.Dataset)) == {DENSITY}
    conforms, _, words = validate(told, shacl_graph=shapes, inference="none")
    assert conforms, words


def test_the_shapes_find_what_is_missing(built: lakes.Built, shapes: Graph) -> None:
    whole = reported(claiming(built))
    service = next(whole.subjects(RDF.type, DCAT.DataService))
    file = next(whole.objects(DENSITY, DCAT.distribution))
    for subject, name in (
        (DENSITY, DCATAP.applicableLegislation), (DENSITY, DCATAP.hvdCategory),
        (MOBILITY, SKOS.inScheme), (file, DCATAP.applicableLegislation),
        (service, DCATAP.applicableLegislation), (service, DCATAP.hvdCategory),
        (service, DCAT.contactPoint), (service, FOAF.page), (service, DCAT.endpointURL),
        (service, DCTERMS.rights), (None, DCAT.servesDataset), (DENSITY, DCAT.distribution),
    ):  # fmt: skip
        told = Graph() + whole
        told.remove((subject, name, None))
        assert not validate(told, shacl_graph=shapes, inference="none")[0], (subject, name)


@pytest.mark.parametrize(
    ("code", "words"),
    [("ar", "التنقل"), ("fr", "Mobilité"), ("en", "Mobility")],
)
def test_the_page_says_in_one_line_what_is_claimed(
    built: lakes.Built, code: str, words: str
) -> None:
    before = client_of(built).get(f"/{code}/datasets/density").text
    page = claiming(built).get(f"/{code}/datasets/density").text
    line = f'<a href="{REGULATION}">'
    assert line not in before
    assert line in page
    assert words in page[page.index(line) :].partition("</dd>")[0]


def test_every_name_that_a_definition_takes_has_a_concept() -> None:
    schema = Definition.model_json_schema()["$defs"]["HighValue"]["properties"]["categories"]
    assert set(schema["items"]["enum"]) == set(CATEGORIES)
    assert len({code for code, _ in CATEGORIES.values()}) == 6
