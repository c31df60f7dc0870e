"""CKAN's clients find here what they find in CKAN: held against recordings of CKAN 2.12."""

from __future__ import annotations

import contextlib
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, urlencode

import ckanapi
import pytest
from frictionless import Package, Resource
from frictionless.portals import CkanControl
from hypothesis import given
from hypothesis import strategies as st

from moulouya.portal.ckan.filters import BadQuery, matcher, of
from moulouya.portal.standards.vocabularies import AUTHORITY

from . import lakes
from .conftest import Client, Server, client_of, free_port

API = "/api/3/action"


@pytest.fixture(scope="module")
def portal(pristine: lakes.Built) -> Client:
    return client_of(pristine)


@pytest.fixture(scope="module")
def golden(shared_data: Path) -> Callable[[str], Any]:
    folder = shared_data / "ckan-golden"
    return lambda name: json.loads((folder / f"{name}.json").read_text("utf-8"))


def ask(portal: Client, action: str, **parameters: str) -> Any:
    query = "&".join(f"{name}={value}" for name, value in parameters.items())
    response = portal.get(f"{API}/{action}?{query}")
    assert response.headers["content-type"] == "application/json;charset=utf-8"
    told = response.json()
    assert told["success"], told
    return told["result"]


def keys_missing(ours: Any, theirs: Any, where: str = "") -> list[str]:
    """The keys of a recorded answer that ours lacks, and values of another kind."""
    if isinstance(theirs, dict):
        if not isinstance(ours, dict):
            return [where]
        return [
            lack
            for key, value in theirs.items()
            for lack in (
                keys_missing(ours[key], value, f"{where}.{key}")
                if key in ours
                else [f"{where}.{key}"]
            )
        ]
    if isinstance(theirs, list) and theirs:
        return keys_missing(ours[0], theirs[0], f"{where}[]") if ours else []
    return []


@pytest.mark.parametrize(
    ("name", "path"),
    [
        ("package_show", f"{API}/package_show?id=communes"),
        ("package_search", f"{API}/package_search?q=*:*"),
        ("organization_list", f"{API}/organization_list?all_fields=true"),
        ("organization_show", f"{API}/organization_show?id=statistics"),
        ("group_list", f"{API}/group_list?all_fields=true"),
        ("status_show", f"{API}/status_show"),
        ("license_list", f"{API}/license_list"),
        ("resource_search", f"{API}/resource_search?query=format:csv"),
        ("tag_list_all", f"{API}/tag_list?all_fields=true"),
        ("datastore_info", f"{API}/datastore_info?id=communes"),
        ("err404", f"{API}/package_show?id=nothing"),
        ("err409", f"{API}/package_show"),
        ("api3", "/api/3"),
    ],
)
def test_an_answer_has_all_that_ckans_has(
    portal: Client, golden: Callable[[str], Any], name: str, path: str
) -> None:
    if name == "organization_show":
        first = ask(portal, "organization_list")[0]
        path = f"{API}/organization_show?id={first}"
    lacking = keys_missing(portal.get(path).json(), golden(name))
    known = (".users", ".search_facets.", ".facets.", ".total_estimation")
    assert not [lack for lack in lacking if not any(one in lack for one in known)]


def test_an_unknown_action_and_bad_json_are_bare_texts(portal: Client) -> None:
    unknown = portal.get(f"{API}/nosuchaction")
    assert unknown.status_code == 400
    assert unknown.json() == "Bad request: Action name not known: nosuchaction"


def test_nothing_can_be_changed(portal: Client) -> None:
    refused = portal.get(f"{API}/package_create")
    assert refused.status_code == 403
    assert refused.json()["error"]["__type"] == "Authorization Error"


def test_a_dataset_keeps_its_ids_whatever_its_version_and_language(built: lakes.Built) -> None:
    before = ask(client_of(built), "package_show", id="communes")
    lakes.publish_communes(built, lakes.COMMUNE_ROWS[:5])
    lakes.commit(built)
    portal = client_of(built)
    after = ask(portal, "package_show", id=before["id"])
    assert (before["version"], after["version"]) == ("1", "2")
    assert [one["id"] for one in before["resources"]] == [one["id"] for one in after["resources"]]
    french = portal.get(f"/fr{API}/package_show?id=communes").json()["result"]
    assert (french["id"], french["title"]) == (after["id"], "Population des communes")


def test_dates_have_no_zone_and_the_licence_is_known_by_its_id(portal: Client) -> None:
    package = ask(portal, "package_show", id="boundaries")
    assert not package["metadata_modified"].endswith("Z")
    assert package["license_id"] == "odc-odbl"
    assert package["license_title"] == "Open Data Commons Open Database License (ODbL)"


def test_how_often_and_the_hash_are_in_words_that_harvesters_know(portal: Client) -> None:
    package = ask(portal, "package_show", id="communes")
    told = {one["key"]: one["value"] for one in package["extras"]}
    assert told["frequency"] == f"{AUTHORITY}/frequency/DAILY"
    files = {one["format"]: one for one in package["resources"]}
    digest = files["Parquet"]["hash"]
    assert (len(digest), set(digest) - set("0123456789abcdef")) == (64, set())
    assert files["Parquet"]["hash_algorithm"].endswith("#checksumAlgorithm_sha256")
    assert "hash_algorithm" not in files["CSV"]


def test_pages_of_a_search_differ_and_end(portal: Client) -> None:
    seen: list[str] = []
    for start in range(10):
        page = ask(portal, "package_search", rows="1", start=str(start), sort="id asc")
        seen += [one["name"] for one in page["results"]]
    assert len(seen) == len(set(seen)) == page["count"]


def test_facets_count_what_the_filter_finds(portal: Client) -> None:
    fields = '["groups","organization","res_format","license_id"]'
    found = ask(portal, "package_search", **{"facet.field": fields, "rows": "0"})
    for field, counts in found["facets"].items():
        for value, number in counts.items():
            hits = ask(portal, "package_search", fq=f'{field}:"{value}"', rows="0")
            assert hits["count"] == number, (field, value)


@pytest.mark.parametrize(
    ("parameters", "field"),
    [
        ({"filters": '{"nope": 1}'}, "filters"),
        ({"filters": "{broken"}, "filters"),
        ({"filters": '{"population": "abc"}'}, "filters"),
        ({"filters": '{"population": {"like": 1}}'}, "filters"),
        ({"sort": "name; DROP TABLE x"}, "sort"),
        ({"fields": "name,nope"}, "fields"),
        ({"limit": "-1"}, "limit"),
        ({"records_format": "xml"}, "records_format"),
        ({"q": '{"nope": "x"}'}, "q"),
        ({"filter": '{"year": 2024}'}, "__junk"),
    ],
)
def test_a_parameter_that_cannot_be_used_is_named(
    portal: Client, parameters: dict[str, str], field: str
) -> None:
    query = "&".join(f"{name}={value}" for name, value in parameters.items())
    response = portal.get(f"{API}/datastore_search?resource_id=communes&{query}")
    assert response.status_code == 409
    assert field in response.json()["error"]


def test_rows_are_those_of_the_table_in_every_form(portal: Client) -> None:
    whole = ask(portal, "datastore_search", resource_id="communes", limit="1000")
    assert whole["total"] == len(lakes.COMMUNE_ROWS) == len(whole["records"])
    assert [row["_id"] for row in whole["records"]] == list(range(1, whole["total"] + 1))
    lists = ask(portal, "datastore_search", resource_id="communes", records_format="lists")
    assert lists["records"][0] == list(whole["records"][0].values())
    page = ask(portal, "datastore_search", resource_id="communes", limit="2", offset="3")
    assert page["records"] == whole["records"][3:5]
    one = whole["records"][1]
    wanted = json.dumps({"name": one["name"]})
    found = ask(portal, "datastore_search", resource_id="communes", filters=wanted)
    assert found["records"] == [row for row in whole["records"] if row["name"] == one["name"]]


def test_words_may_be_looked_for_in_one_column(portal: Client) -> None:
    whole = ask(portal, "datastore_search", resource_id="communes")["records"]
    word = str(whole[1]["name"]).split()[0]
    found = ask(portal, "datastore_search", resource_id="communes", q=json.dumps({"name": word}))
    assert found["records"] == [row for row in whole if word in (row["name"] or "")]
    assert not ask(
        portal, "datastore_search", resource_id="communes", q=json.dumps({"code": word})
    )["records"]


@pytest.mark.parametrize(("sort", "backwards"), [("", False), ("_id", False), ("_id desc", True)])
def test_the_next_page_can_be_asked_for_by_a_filter(
    portal: Client, sort: str, backwards: bool
) -> None:
    seen: list[int] = []
    wanted = {"resource_id": "communes", "limit": "2", "sort": sort, "include_next_page": "true"}
    page = ask(portal, "datastore_search", **wanted)
    while "next_page" in page:
        seen += [row["_id"] for row in page["records"]]
        page = ask(portal, "datastore_search", **wanted, filters=json.dumps(page["next_page"]))
    seen += [row["_id"] for row in page["records"]]
    assert sorted(seen) == list(range(1, len(lakes.COMMUNE_ROWS) + 1))
    assert seen == sorted(seen, reverse=backwards)


def test_the_link_to_the_next_page_keeps_what_was_asked(portal: Client) -> None:
    wanted = {"filters": '{"name": "a&b=c#d+e"}', "q": "x y%z", "resource_id": "communes"}
    found = portal.get(f"{API}/datastore_search?{urlencode(wanted)}").json()["result"]
    following = found["_links"]["next"].partition("?")[2]
    assert dict(parse_qsl(following)) == {**wanted, "offset": "100"}


@pytest.mark.parametrize("most", ["99999999999", "4611686018427387903"])
def test_a_limit_that_is_too_large_is_the_largest(portal: Client, most: str) -> None:
    assert ask(portal, "datastore_search", resource_id="communes", limit=most)["limit"] == 32_000
    assert ask(portal, "package_search", rows=most)["results"]
    assert not ask(portal, "datastore_search", resource_id="communes", offset=most)["records"]


@pytest.mark.parametrize(
    ("query", "status", "kind"),
    [
        ("fq=(", 409, "Search Error"),
        ("fq=metadata_modified:[NOW-1FORTNIGHT TO *]", 409, "Search Error"),
        ("sort=nope asc", 400, "Search Query Error"),
        ("filter_query=name:x", 400, "Search Query Error"),
    ],
)
def test_a_search_that_cannot_be_made_is_refused_in_ckans_words(
    portal: Client, query: str, status: int, kind: str
) -> None:
    refused = portal.get(f"{API}/package_search?{query}")
    assert (refused.status_code, refused.json()["error"]["__type"]) == (status, kind)


@given(st.text(alphabet=' ()[]{}+-!:"\\*ANDORTO abcé', max_size=40))
def test_any_filter_is_understood_or_refused(query: str) -> None:
    package = {"name": "a", "title": "b", "notes": "c", "extras": [], "type": "dataset",
               "organization": {"name": "o"}, "groups": [], "tags": [], "resources": [],
               "id": "i"}  # fmt: skip
    with contextlib.suppress(BadQuery):
        assert matcher(query)(package) in (True, False)


@given(st.booleans(), st.booleans(), st.booleans())
def test_filters_join_as_solr_joins_them(first: bool, second: bool, third: bool) -> None:
    package = {"a": str(first), "b": str(second), "c": str(third), "extras": []}
    assert of(package, "a") == [str(first)]
    assert matcher("a:true b:true")(package) == (first and second)
    assert matcher("a:true OR b:true AND c:true")(package) == (first or (second and third))
    assert matcher("-a:true (b:true OR c:true)")(package) == (not first and (second or third))


def test_frictionless_reads_a_dataset_and_its_rows(
    pristine: lakes.Built, serve: Callable[[lakes.Built, int], Server]
) -> None:
    port = free_port()
    server = serve(pristine, port)
    package = Package(control=CkanControl(baseurl=server.url, dataset="communes"))
    table = package.resources[0]
    assert table.format == "csv"
    address = table.path.replace(pristine.settings.public_url, server.url)
    rows = Resource(path=address, format="csv").read_rows()
    assert len(rows) == len(lakes.COMMUNE_ROWS)


def test_ckanapi_dumps_the_catalogue(
    pristine: lakes.Built, serve: Callable[[lakes.Built, int], Server]
) -> None:
    server = serve(pristine, free_port())
    ckan = ckanapi.RemoteCKAN(server.url)
    names = ckan.action.package_list()
    assert [ckan.action.package_show(id=name)["name"] for name in names] == names
    assert ckan.action.datastore_search(resource_id="communes", limit=0)["records"] == []
    with pytest.raises(ckanapi.NotFound):
        ckan.action.package_show(id="nothing")
    with pytest.raises(ckanapi.NotAuthorized):
        ckan.action.package_create(name="new")
    with pytest.raises(ckanapi.ValidationError):
        ckan.action.package_show()
    with pytest.raises(ckanapi.CKANAPIError):
        ckan.action.nosuchaction()


def test_sql_runs_over_tables_named_by_resource_ids(
    built: lakes.Built, serve: Callable[[lakes.Built, int], Server]
) -> None:
    server = serve(built, free_port())
    with ckanapi.RemoteCKAN(server.url) as ckan:
        resource = ckan.action.package_show(id="communes")["resources"][0]["id"]

        def ask(sql: str) -> Any:
            return ckan.action.datastore_search_sql(sql=sql)

        found = ask(f'SELECT _id, name, population FROM "{resource}" WHERE _id < 3 ORDER BY name')
        assert found["records"] == [
            {key: row[key] for key in ("_id", "name", "population")}
            for row in ckan.action.datastore_search(
                resource_id=resource, sort="name", filters={"_id": [1, 2]}
            )["records"]
        ]
        assert [one["type"] for one in found["fields"]] == ["int8", "text", "int8"]
        assert "records_truncated" not in found
        own = f'WITH few AS (SELECT "{resource}".year FROM "{resource}") SELECT count(*) n FROM few'
        assert ask(own)["records"] == ask("SELECT count(*) n FROM demography.communes")["records"]
        assert ask("SELECT * FROM range(40000)")["records_truncated"] is True
        for wrong in (f'SELECT nope FROM "{resource}"', f'DROP TABLE "{resource}"', ""):
            with pytest.raises(ckanapi.ValidationError):
                ask(wrong)
        with pytest.raises(ckanapi.ValidationError, match="does not exist"):
            ask('FROM "00000000-0000-0000-0000-000000000000"')
        with pytest.raises(ckanapi.NotAuthorized):
            ask("SELECT getenv('HOME')")
        assert "resource id" in ckan.action.help_show(name="datastore_search_sql")
