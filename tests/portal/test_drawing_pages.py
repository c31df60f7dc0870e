"""Charts and maps as readers get them: pages, files and frames, whatever the table holds."""

from __future__ import annotations

import csv
import io
import json
import re
import xml.etree.ElementTree as ET
from pathlib import Path
from typing import Any

import pytest

from . import lakes
from .conftest import Client, client_of
from .lakes import HOSTILE, column, text

SVG = "{http://www.w3.org/2000/svg}"
HARD = {
    "empty": "SELECT 'a' AS code, 1.5::DOUBLE AS one, 2.5::DOUBLE AS two WHERE false",
    "one_row": "SELECT 'a' AS code, 1.5::DOUBLE AS one, 2.5::DOUBLE AS two",
    "nothing": "SELECT i::VARCHAR AS code, NULL::DOUBLE AS one, NULL::DOUBLE AS two "
    "FROM range(40) r(i)",
    "same": "SELECT i::VARCHAR AS code, 7::DOUBLE AS one, 7::DOUBLE AS two FROM range(40) r(i)",
    "endless": "SELECT i::VARCHAR AS code, CASE i WHEN 3 THEN 'inf' WHEN 4 THEN '-inf' "
    "WHEN 5 THEN 'nan' ELSE i::VARCHAR END::DOUBLE AS one, i * 1e12 AS two FROM range(40) r(i)",
}


def definition(columns: dict[str, Any], key: list[str], title: str = "Test") -> dict[str, Any]:
    return {
        "title": text(f"{title} عربي", f"{title} fr", title),
        "description": text("جدول للاختبار في البوابة.", "Un tableau d'essai.", "A test table."),
        "row_is": text("سطر", "une ligne", "one row"),
        "publisher": "office",
        "key": key,
        "columns": columns,
    }


PEOPLE = definition(
    {
        "code": column("text", "الرمز", "Code", "Code", references="communes.code", computed=True),
        "sex": column(
            "text", "الجنس", "Sexe", "Sex",
            values={"all": text("الكل", "Tous", "Both"), "male": text("ذكور", "Hommes", "Men"),
                    "female": text("إناث", "Femmes", "Women")},
        ),
        "age_0_14": column("number", "أقل من 15", "Moins de 15", "Under 15", unit="%"),
        "age_15_59": column("number", "15-59", "15-59", "15 to 59", unit="%"),
        "age_60_plus": column("number", "60 فأكثر", "60 et plus", "60 and over", unit="%"),
    },
    ["code", "sex"],
)  # fmt: skip
RAIN = definition(
    {
        "day": column("date", "اليوم", "Jour", "Day"),
        "rain": column("number", "المطر", "Pluie", "Rain", unit="mm"),
    },
    ["day"],
)


@pytest.fixture(scope="module")
def client(tmp_path_factory: pytest.TempPathFactory) -> Client:
    """The usual lake, with tables that have a shape worth drawing and tables that have none."""
    built = lakes.build(Path(tmp_path_factory.mktemp("drawing")) / "lake")
    lakes.publish(
        built, "people", "demography", PEOPLE,
        "SELECT format('77.{:03}', i) AS code, s AS sex, 30.0 + i AS age_0_14, "
        "50.0 AS age_15_59, 20.0 - i AS age_60_plus FROM range(1, 9) r(i), "
        "(VALUES ('all'), ('male'), ('female')) t(s)",
    )  # fmt: skip
    lakes.publish(
        built, "rain", "territory", RAIN,
        "SELECT DATE '2024-01-01' + i::INTEGER AS day, (i * 7 % 11)::DOUBLE AS rain "
        "FROM range(90) r(i)",
    )  # fmt: skip
    plain = definition(
        {
            "code": column("text", "الرمز", "Code", "Code", references="communes.code"),
            "one": column("number", "الأول", "Un", "One", unit="%"),
            "two": column("number", "الثاني", "Deux", f"Two {HOSTILE}", unit="mm"),
        },
        ["code"],
    )
    for slug, query in HARD.items():
        lakes.publish(built, slug, "energy", plain, query)
    many = {f"m{n}": column("number", "رقم", "Nombre", f"Number {n}") for n in range(300)}
    wide = {"code": column("text", "الرمز", "Code", "Code"), **many}
    lakes.publish(
        built, "wide", "energy", definition(wide, ["code"]),
        "SELECT i::VARCHAR AS code, " + ", ".join(f"(i + {n})::DOUBLE AS m{n}" for n in range(300))
        + " FROM range(30) r(i)",
    )  # fmt: skip
    lakes.commit(built)
    return client_of(built)


def drawn(html: str, kind: str = "chart") -> ET.Element:
    """The drawing of a page, read strictly."""
    found = re.search(rf'<svg [^>]*class="{kind}"[^>]*>.*?</svg>', html, re.DOTALL)
    assert found, "there is no drawing"
    return ET.fromstring(found[0])


@pytest.mark.parametrize("code", ["ar", "fr", "en"])
def test_age_groups_by_sex_are_shown_as_a_pyramid_with_a_table(client: Client, code: str) -> None:
    page = client.get(f"/{code}/datasets/people/chart").text
    said = [one.text or "" for one in drawn(page).iter(f"{SVG}title")]
    assert len(said) == 1 + 2 * 3
    assert page.count('<tr><th scope="row">') == 3
    assert "style=" not in page


def test_time_is_a_line_that_ends_where_the_days_end(client: Client) -> None:
    page = client.get("/en/datasets/rain/chart").text
    path = next(drawn(page).iter(f"{SVG}path"))
    assert path.get("class") == "l0"
    assert str(path.get("d")).count("L") == 89
    assert "From 0 mm (2024-01-01)" in page.replace("\N{NO-BREAK SPACE}", " ")


@pytest.mark.parametrize("slug", [*HARD, "wide"])
def test_no_table_is_too_hard_for_its_page(client: Client, slug: str) -> None:
    for address in (f"/en/datasets/{slug}", f"/ar/datasets/{slug}/chart?kind=bars&x=code"):
        answer = client.get(address)
        assert answer.status_code == 200, address
        assert HOSTILE not in answer.text
        for found in re.findall(r"<svg .*?</svg>", answer.text, re.DOTALL):
            ET.fromstring(found)


def test_infinities_are_left_out_and_the_rest_is_drawn(client: Client) -> None:
    page = client.get("/en/datasets/endless/chart?kind=bars&x=code&y=one").text
    assert "inf" not in str(ET.tostring(drawn(page)))
    assert "39" in page


def test_hostile_values_are_only_text(client: Client) -> None:
    page = client.get("/en/datasets/communes/chart?kind=bars&x=code&y=population&agg=sum").text
    assert "alert(1)" in page
    assert HOSTILE not in page
    assert any("alert(1)" in (one.text or "") for one in drawn(page).iter(f"{SVG}title"))


@pytest.mark.parametrize(
    "query",
    [
        "kind=pie", "y=nothing", "y=code", "agg=evil", "kind=pyramid", "nothing=1",
        "kind=line&x=name&by=population", "population__bbox=1", "x=%3Cscript%3E",
    ],
)  # fmt: skip
def test_what_cannot_be_drawn_is_said_in_the_readers_language(client: Client, query: str) -> None:
    answer = client.get(f"/fr/datasets/communes/chart?{query}")
    assert answer.status_code == 400
    assert "<script>" not in answer.text.replace('<script type="module"', "")
    assert answer.headers["cache-control"] == "no-store"


@pytest.mark.parametrize("path", ["chart", "map", "chart.svg", "map.csv"])
def test_a_dataset_that_there_is_not_has_no_drawing(client: Client, path: str) -> None:
    assert client.get(f"/fr/datasets/never/{path}").status_code == 404


def test_a_file_that_nobody_offers_is_not_there(client: Client) -> None:
    assert client.get("/fr/datasets/people/chart.pdf").status_code == 404


def test_only_the_frame_may_be_framed(client: Client) -> None:
    page = client.get("/en/datasets/people/chart")
    frame = client.get("/en/embed/people/chart")
    assert "frame-ancestors 'none'" in page.headers["content-security-policy"]
    assert "frame-ancestors *" in frame.headers["content-security-policy"]
    assert frame.headers["cross-origin-resource-policy"] == "cross-origin"
    assert drawn(frame.text).get("class") == "chart"
    assert 'href="/en/datasets/people/chart?' in frame.text
    assert client.get("/en/embed/people/map").status_code == 200


def test_the_address_keeps_the_state_of_a_view(client: Client) -> None:
    asked = "/en/datasets/people/chart?kind=bars&x=code&y=age_0_14&agg=max&sex=male"
    page = client.get(asked).text
    shared = re.search(r'id="share"[^>]*value="http://data.example.org([^"]+)"', page)
    assert shared
    address = shared[1].replace("&amp;", "&")
    assert "sex=male" in address
    assert client.get(address).text.partition("<main")[2] == page.partition("<main")[2]


def test_filters_choose_the_rows(client: Client) -> None:
    page = "/en/datasets/people/chart.csv?kind=bars&x=code&y=age_0_14&sex=male"
    rows = list(csv.reader(io.StringIO(client.get(f"{page}&code__in=77.001,77.002").text)))
    assert sorted(row[1] for row in rows[1:]) == ["31.0", "32.0"]


def test_the_picture_stands_alone(client: Client) -> None:
    answer = client.get("/ar/datasets/people/chart.svg")
    assert answer.headers["content-type"].startswith("image/svg+xml")
    assert answer.headers["content-disposition"].startswith("attachment")
    read = ET.fromstring(answer.text)
    assert "var(" not in answer.text
    assert ".s0" in str(read.findtext(f"{SVG}style"))
    assert "<a " not in client.get("/ar/datasets/people/map.svg").text


def test_places_are_coloured_and_those_without_a_value_hatched(client: Client) -> None:
    page = client.get("/en/datasets/people/map").text
    shapes = [one for one in drawn(page, "map").iter(f"{SVG}path") if one.get("data-code")]
    assert {one.get("data-code") for one in shapes} == {"77.001", "77.002", "77.003"}
    narrowed = client.get("/en/datasets/people/map?age_0_14__lt=32").text
    shapes = [one for one in drawn(narrowed, "map").iter(f"{SVG}path") if one.get("data-code")]
    assert sorted(one.get("fill") == "url(#hatch)" for one in shapes) == [False, True, True]


def test_a_map_without_rows_says_so(client: Client) -> None:
    assert client.get("/en/datasets/people/map?age_0_14__lt=0").status_code == 400


def test_a_dataset_without_places_has_no_map(client: Client) -> None:
    assert client.get("/en/datasets/rain/map").status_code == 404


def test_shapes_are_kept_for_ever_under_their_version(client: Client) -> None:
    answer = client.get("/maps/boundaries/1.geojson")
    assert "immutable" in answer.headers["cache-control"]
    found = json.loads(answer.text)["features"]
    assert [one["properties"]["code"] for one in found] == ["77.001", "77.002", "77.003"]
    assert client.get("/maps/boundaries/2.geojson").status_code == 404
    assert client.get("/maps/people/1.geojson").status_code == 404


def test_the_page_of_a_dataset_draws_its_columns_small(client: Client) -> None:
    page = client.get("/en/datasets/communes").text
    small = re.findall(r'<svg [^>]*class="small"[^>]*>.*?</svg>', page, re.DOTALL)
    assert small
    for found in small:
        assert ET.fromstring(found).findtext(f"{SVG}title")
    assert 'href="/en/datasets/communes/chart?' in page
