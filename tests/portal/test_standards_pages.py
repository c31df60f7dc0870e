"""What pages say to search engines and harvesters: schema.org, links, sitemap, a block to read."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import extruct
import pytest

from moulouya.portal import crawlers
from moulouya.portal.exporting.export import Wish, export

from . import lakes, odd_datasets
from .conftest import Client, client_of
from .test_pages import LANGUAGES, Page

BASE = "http://data.example.org"
SITEMAP = {"s": "http://www.sitemaps.org/schemas/sitemap/0.9"}


@pytest.fixture(scope="module")
def odd(odd_pristine: lakes.Built) -> Client:
    return client_of(odd_pristine)


def said(client: Client, path: str) -> dict[str, dict[str, Any]]:
    """What a page says in JSON-LD, by type, as a search engine reads it."""
    html = client.get(path).text
    (found,) = extruct.extract(html, base_url=BASE, syntaxes=["json-ld"])["json-ld"]
    assert found["@context"] == "https://schema.org/"
    return {one["@type"]: one for one in found["@graph"]}


@pytest.mark.parametrize("code", LANGUAGES)
@pytest.mark.parametrize("slug", ["communes", "boundaries", "density"])
def test_a_page_describes_its_dataset_to_search_engines(
    portal: Client, slug: str, code: str
) -> None:
    dataset = said(portal, f"/{code}/datasets/{slug}")["Dataset"]
    titles = {"communes": lakes.COMMUNES, "boundaries": lakes.BOUNDARIES, "density": lakes.DENSITY}
    assert dataset["name"] == titles[slug]["title"][code]  # type: ignore[index]
    assert 50 <= len(dataset["description"]) <= 5000
    assert dataset["url"] == f"{BASE}/{code}/datasets/{slug}"
    assert dataset["license"] == "https://opendatacommons.org/licenses/odbl/1-0/"
    assert dataset["creator"]["name"] == lakes.REGION.publishers["office"].name[code]
    assert dataset["spatialCoverage"]["geo"]["box"] == "34 -3 36 -1"
    for file in dataset["distribution"]:
        assert portal.head(file["contentUrl"].removeprefix(BASE)).status_code == 200
    hashes = [file["sha256"] for file in dataset["distribution"] if "sha256" in file]
    assert len(hashes) == 3


@pytest.mark.parametrize("code", LANGUAGES)
def test_what_is_known_of_a_dataset_is_said(portal: Client, code: str) -> None:
    dataset = said(portal, f"/{code}/datasets/communes")["Dataset"]
    assert dataset["keywords"] == lakes.COMMUNES["keywords"][code]  # type: ignore[index]
    assert dataset["temporalCoverage"] == "2024-09-01/2024-09-30"
    assert dataset["isAccessibleForFree"] is True
    variables = {one["alternateName"]: one for one in dataset["variableMeasured"]}
    assert variables["population"]["unitText"] == "persons"
    based = said(portal, f"/{code}/datasets/density")["Dataset"]["isBasedOn"]
    assert f"{BASE}/datasets/communes/versions/1" in based


@pytest.mark.parametrize("code", LANGUAGES)
def test_crumbs_lead_to_the_dataset(portal: Client, code: str) -> None:
    crumbs = said(portal, f"/{code}/datasets/communes")["BreadcrumbList"]["itemListElement"]
    assert [one["position"] for one in crumbs] == [1, 2, 3]
    for one in crumbs:
        assert portal.get(one["item"].removeprefix(BASE)).status_code == 200


@pytest.mark.parametrize("code", LANGUAGES)
def test_home_describes_the_catalogue(portal: Client, code: str) -> None:
    found = said(portal, f"/{code}/")
    assert found["DataCatalog"]["name"] == lakes.REGION.title[code]
    target = found["WebSite"]["potentialAction"]["target"]["urlTemplate"]
    address = target.removeprefix(BASE).replace("{search_term_string}", "census")
    assert portal.get(address).status_code == 200


@pytest.mark.parametrize("slug", odd_datasets.ALL)
@pytest.mark.parametrize("code", LANGUAGES)
def test_odd_texts_are_said_whole_and_end_nothing(odd: Client, slug: str, code: str) -> None:
    response = odd.get(f"/{code}/datasets/{slug}")
    dataset = said(odd, f"/{code}/datasets/{slug}")["Dataset"]
    assert dataset["name"] == odd_datasets.ALL[slug]["title"][code]
    assert 50 <= len(dataset["description"]) <= 5000
    begin = response.text.index('<script type="application/ld+json">') + 35
    element = response.text[begin : response.text.index("</script>", begin)]
    assert not set("<>&\u2028\u2029") & set(element)
    json.loads(element)
    # What is not run as a script needs no leave of the policy, which stays as strict as it was.
    policy = response.headers["content-security-policy"]
    assert "script-src 'self';" in policy
    assert "unsafe" not in policy


def test_a_very_long_description_is_cut(built: lakes.Built) -> None:
    long = dict.fromkeys(LANGUAGES, "و" * 6000)
    definition = {**lakes.DENSITY, "description": long}
    rows = "SELECT '77.001' AS code, 1.0::DOUBLE AS density"
    lakes.publish(built, "density", "demography", definition, rows)
    lakes.commit(built)
    dataset = said(client_of(built), "/ar/datasets/density")["Dataset"]
    assert len(dataset["description"]) == 5000
    assert dataset["description"].endswith("…")


@pytest.mark.parametrize("code", LANGUAGES)
def test_a_page_leads_to_every_document_about_its_dataset(portal: Client, code: str) -> None:
    response = portal.get(f"/{code}/datasets/communes")
    page = Page(response.text)
    header = response.headers["link"]
    linked = {
        str(one["href"]): one["type"]
        for one in page.all("link")
        if one.get("rel") == "alternate" and "type" in one and "/feeds/" not in str(one["href"])
    }
    assert len(linked) == 8
    shown = {str(one["href"]) for one in page.all("a")}
    for address, media_type in linked.items():
        there = portal.get(address)
        assert there.status_code == 200, address
        assert there.headers["content-type"].partition(";")[0] == media_type
        assert address in shown
        assert f'<{BASE}{address}>; rel="alternate"; type="{media_type}"' in header
    assert page.all("section")[-1]["aria-labelledby"] == "metadata"


def test_home_leads_to_the_catalogue_in_every_syntax(portal: Client) -> None:
    page = Page(portal.get("/en/").text)
    linked = {one["href"]: one["type"] for one in page.all("link") if "type" in one}
    assert linked["/catalogue.ttl"] == "text/turtle"
    assert {"/catalogue.jsonld", "/catalogue.rdf", "/datapackage.json"} <= set(linked)


def test_the_well_known_address_leads_to_the_description(portal: Client) -> None:
    response = portal.get("/.well-known/void")
    assert (response.status_code, response.headers["location"]) == (302, "/catalogue.ttl")


def locations(xml: str, kind: str) -> list[str]:
    return [
        str(one.text) for one in ElementTree.fromstring(xml).findall(f"s:{kind}/s:loc", SITEMAP)
    ]


def test_a_large_sitemap_is_an_index_of_parts(
    portal: Client, built: lakes.Built, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = locations(portal.get("/sitemap.xml").text, "url")
    monkeypatch.setattr(crawlers, "MOST", 7)
    client = client_of(built)
    parts = locations(client.get("/sitemap.xml").text, "sitemap")
    assert len(parts) > 2
    found = []
    for part in parts:
        listed = locations(client.get(part.removeprefix(BASE)).text, "url")
        assert len(listed) <= 7
        found += listed
    assert found == whole
    for number in (0, len(parts) + 1):
        assert client.get(f"/sitemap-{number}.xml").status_code == 404


def test_an_export_holds_the_documents_where_it_knows_its_address(
    pristine: lakes.Built, tmp_path: Path
) -> None:
    settings = pristine.settings.model_copy(update={"state": tmp_path / "state"})
    base = "https://copy.example.ma"
    folder = tmp_path / "copy"
    export(settings, folder, Wish(languages=("fr",), base_url=base, files=False))
    for name in ("catalogue.ttl", "catalogue.jsonld", "catalogue.rdf", "datapackage.json",
                 "datasets/communes.ttl", "datasets/communes/croissant.json",
                 "datasets/communes/datapackage.json",
                 "exports/communes/1/communes.csv-metadata.json",
                 "datasets/communes/versions/1/openlineage.json"):  # fmt: skip
        text = (folder / name).read_text()
        assert base in text, name
        assert BASE not in text, name
    page = (folder / "fr" / "datasets" / "communes" / "index.html").read_text()
    assert f'"@id":"{base}/datasets/communes"' in page


def test_a_portal_without_an_address_of_its_own_names_none(
    pristine: lakes.Built, tmp_path: Path
) -> None:
    changed = {"state": tmp_path / "state", "public_url": ""}
    client = client_of(lakes.Built(pristine.lake, pristine.settings.model_copy(update=changed)))
    for path in ("/fr/", "/fr/datasets/communes"):
        page = client.get(path).text
        assert "ld+json" not in page
        assert "#metadata" not in page
