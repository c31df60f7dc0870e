"""Places and their figures: L'Oriental's own datasets, held against plain SQL on their tables."""

from __future__ import annotations

import csv
import html
import io
import re
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any
from urllib.parse import quote

import duckdb
import numpy as np
import pyarrow.parquet as pq
import pytest
import yaml
from hypothesis import given
from hypothesis import settings as examples
from hypothesis import strategies as st

from moulouya import pipeline
from moulouya import workspace as workspaces
from moulouya.portal.app import create_app
from moulouya.portal.places import numbers
from moulouya.portal.places.comparison import ranks
from moulouya.portal.places.index import places_of
from moulouya.portal.places.indicators import Figures, figures_of
from moulouya.portal.places.strips import bars, strip
from moulouya.portal.published import Catalogue
from moulouya.runs import Run
from moulouya.settings import Settings

from .conftest import Client

REPOSITORY = Path(__file__).parents[2]
SLUGS = (
    "places", "population_2014", "population_2024", "education_2024", "households_2014",
    "households_2024", "water_and_sanitation", "commune_boundaries", "province_boundaries",
)  # fmt: skip
WATER = "water_and_sanitation.amenities_running_water_2024"
ILLITERACY = "education_2024.illiteracy_rate_10_plus"
POPULATION = "population_2024.population_legal"


@dataclass(frozen=True)
class Oriental:
    """The portal of a lake into which the repository's own definitions ran."""

    client: Client
    lake: Path

    @property
    def catalogue(self) -> Catalogue:
        found: Catalogue | None = self.client.app.state.current.catalogue()
        assert found is not None
        return found

    @property
    def figures(self) -> Figures:
        found = figures_of(self.catalogue)
        assert found is not None
        return found

    def sql(self, query: str) -> list[tuple[Any, ...]]:
        """Rows of a query in which ``{slug}`` stands for a published table."""
        tables = {
            slug: f"read_parquet('{self.lake}/datasets/{slug}/1/{slug}.parquet')" for slug in SLUGS
        }
        with duckdb.connect() as con:
            return con.execute(query.format(**tables)).fetchall()


def needed() -> list[str]:
    """The datasets and what they are made from."""
    known = workspaces.load(REPOSITORY).datasets
    wanted, found = list(SLUGS), set()
    while wanted:
        slug = wanted.pop()
        if slug not in found:
            found.add(slug)
            wanted.extend(known[slug].upstream)
    return sorted(found)


def believed(run: Run, table: Path, moment: str) -> dict[str, Any]:
    """Every rule taken as kept."""
    rows = pq.read_metadata(table).num_rows
    found = {"moment": moment, "success": True, "rows": rows, "checks": []}
    run.write(f"validation-{moment}", {**found, "references": {}})
    return {"rows": rows}


@pytest.fixture(scope="module")
def oriental(tmp_path_factory: pytest.TempPathFactory) -> Oriental:
    folder = tmp_path_factory.mktemp("oriental")
    lake, state = folder / "lake", folder / "state"
    settings = Settings(workspace=REPOSITORY, lake=lake, state=state, threads=2)
    with pytest.MonkeyPatch.context() as patched:
        # What the rules of these datasets find is told by the tests of the pipeline; the figures
        # do not depend on it, and it is most of the time.
        patched.setattr(pipeline, "_validate", believed)
        pipeline.run(settings, needed())
        pipeline.release(settings)
    return Oriental(Client(create_app(settings, look_every=0)), folder / "lake")


def page(oriental: Oriental, path: str) -> str:
    answered = oriental.client.get(path)
    assert answered.status_code == 200, (path, answered.text[:500])
    return answered.text


def words(text: str) -> str:
    """The text of a page without its marks."""
    bare = re.sub(r"<[^>]+>", " ", text)
    return re.sub(r"\s+", " ", re.sub("[\u2066-\u2069]", "", html.unescape(bare))).strip()


def test_the_register_has_the_province_and_its_sixteen_communes(oriental):
    places = places_of(oriental.catalogue)
    assert places is not None
    berkane = places.by_code["02.113"]
    assert (berkane.level, berkane.names["ar"], berkane.names["fr"]) == (
        "province", "بركان", "Berkane",
    )  # fmt: skip
    assert len(places.inside("02.113", "commune")) == 16
    above = [one.code for one in places.ancestors("02.113.03.01")]
    assert above == ["02.113.03", "02.113", "02", "MA"]
    assert places.by_code["02"].names["en"] == "L'Oriental"
    assert places.by_code["MA"].names["en"] == "Morocco"
    assert len(places) == oriental.sql("SELECT count(*) FROM {places}")[0][0]


def test_a_page_shows_the_population_of_the_province_in_three_languages(oriental):
    for code, number in (("ar", "284.061"), ("fr", "284 061"), ("en", "284,061")):
        told = words(page(oriental, f"/{code}/places/02.113")).replace("\u202f", " ")
        assert number in told.replace("\xa0", " ")
        assert "بركان" in told
        assert "Berkane" in told


def test_every_value_is_the_one_of_the_table(oriental):
    figures = oriental.figures
    for id_, query in {
        POPULATION: "SELECT code, population_legal FROM {population_2024}",
        WATER: "SELECT code, amenities_running_water_2024 FROM {water_and_sanitation}",
        ILLITERACY: "SELECT code, illiteracy_rate_10_plus FROM {education_2024} WHERE sex = 'all'",
    }.items():
        expected = dict(oriental.sql(query))
        indicator = figures.by_id[id_]
        for place in figures.places:
            found, value = figures.value(indicator, place.code), expected.get(place.code)
            assert found == (None if value is None else pytest.approx(float(value))), place


def test_ranks_agree_with_sql(oriental):
    figures = oriental.figures
    expected = dict(
        oriental.sql(
            "SELECT code, rank() OVER (ORDER BY illiteracy_rate_10_plus) FROM {education_2024} "
            "WHERE sex = 'all' AND level = 'commune' AND starts_with(code, '02.113.')"
        )
    )
    indicator = figures.by_id[ILLITERACY]
    assert indicator.better == "lower"
    communes = figures.places.inside("02.113", "commune")
    columns = [figures.places.position[one.code] for one in communes]
    found = ranks(figures.values[indicator.row, columns], indicator.better)
    assert {one.code: rank for one, rank in zip(communes, found, strict=True)} == expected
    first = min(expected, key=lambda code: expected[code])
    shown = words(page(oriental, f"/en/places/{first}?theme=social"))
    assert re.search(r"Illiteracy rate, aged 10 and over.*?1 of 16", shown)


def test_the_change_between_two_censuses_agrees_with_sql(oriental):
    figures = oriental.figures
    expected = oriental.sql(
        "SELECT n.code, (n.population_legal / t.population_legal - 1) * 100 "
        "FROM {population_2024} n JOIN {population_2014} t USING (code)"
    )
    indicator = figures.by_id[POPULATION]
    assert indicator.earlier is not None
    assert (indicator.about.year, indicator.earlier.year) == (2024, 2014)
    changes = figures.changes(indicator)
    for code, change in expected:
        if change is not None:
            assert changes[figures.places.position[code]] == pytest.approx(change)
    points = figures.changes(figures.by_id[WATER])
    ((then, now),) = oriental.sql(
        "SELECT amenities_running_water_2014, amenities_running_water_2024 "
        "FROM {water_and_sanitation} WHERE code = '02.113'"
    )
    assert points[figures.places.position["02.113"]] == pytest.approx(float(now - then))


def test_a_figure_that_several_datasets_repeat_is_shown_once(oriental):
    repeated = {
        "households_2024.population_municipal": "population_2024.population_municipal",
        "households_2024.amenities_running_water": WATER,
    }
    by_id = oriental.figures.by_id
    for one, other in repeated.items():
        table, column = one.split(".")
        again, its_column = other.split(".")
        ((rows, gap),) = oriental.sql(
            f"SELECT count(*), max(abs(one.{column} - other.{its_column})) FROM {{{table}}} one "
            f"JOIN {{{again}}} other USING (code) WHERE one.area = 'total'"
        )
        assert rows > 100
        assert gap <= 0.05
        assert (one in by_id) != (other in by_id)
    assert POPULATION in by_id


def test_a_release_reads_only_what_it_changed_again(oriental, monkeypatch):
    first, figures = oriental.catalogue, oriental.figures
    read: list[str] = []
    reading = numbers._read

    def watched(catalogue, wanted, places):
        read.extend(dataset.slug for dataset, _ in wanted)
        return reading(first, [(first.datasets[one.slug], shape) for one, shape in wanted], places)

    monkeypatch.setattr(numbers, "_read", watched)
    assert figures_of(replace(first, number=2)) is figures
    assert read == []
    changed = replace(first.datasets["education_2024"], number=2, sha256="0" * 64)
    second = replace(first, number=3, datasets={**first.datasets, changed.slug: changed})
    assert figures_of(second) is not figures
    assert read == ["education_2024"]
    assert list(figures_of(second).by_id) == list(figures.by_id)


def test_shares_are_never_added_up(oriental):
    figures = oriental.figures
    counted = np.array([one.counted for one in figures.indicators])
    assert not figures.summed[~counted].any()
    assert not figures.summed[:, figures.places.position["MA"]].any()


def test_the_sheet_of_a_place_has_every_figure_it_has(oriental):
    answered = oriental.client.get("/fr/places/02.113/indicators.csv")
    assert answered.headers["content-type"] == "text/csv; charset=utf-8"
    assert answered.content.startswith("\ufeff".encode())
    rows = list(csv.DictReader(io.StringIO(answered.content.decode("utf-8-sig"))))
    own = ~np.isnan(oriental.figures.values[:, oriental.figures.places.position["02.113"]])
    assert len(rows) == own.sum()
    population = next(row for row in rows if row["indicator"] == POPULATION)
    assert (population["Berkane"], population["Année"]) == ("284061", "2024")


def test_places_side_by_side_mark_the_best_in_words(oriental):
    found = page(oriental, "/en/places/compare?code=02.113&code=02.381&theme=water")
    values = dict(
        oriental.sql("SELECT code, amenities_running_water_2024 FROM {water_and_sanitation}")
    )
    assert values["02.113"] > values["02.381"]
    assert re.search(r"Running water 2024 91\.7% ★ best 75\.5% ▼ weakest", words(found))
    assert "style=" not in found
    assert "<script>" not in found


def test_names_in_the_form_become_an_address_to_share(oriental):
    answered = oriental.client.get("/fr/places/compare?code=Nador+(02.381)&code=&code=oujda-angad")
    assert answered.status_code == 303
    assert answered.headers["location"] == "/fr/places/compare?code=02.381&code=02.411"


def test_a_ranking_by_progress_begins_with_who_advanced_most(oriental):
    expected = [
        code
        for (code,) in oriental.sql(
            "SELECT code FROM {water_and_sanitation} WHERE level = 'province' ORDER BY "
            "amenities_running_water_2024 - amenities_running_water_2014 DESC, code"
        )
    ]
    answered = oriental.client.get(
        f"/en/places/ranking.csv?indicator={WATER}&level=province&by=progress"
    )
    rows = list(csv.DictReader(io.StringIO(answered.content.decode("utf-8-sig"))))
    assert [row["Code"] for row in rows] == expected
    shown = page(oriental, f"/en/places/ranking?indicator={WATER}&level=province&by=progress")
    assert shown.index(f'/en/places/{expected[0]}"') < shown.index(f'/en/places/{expected[-1]}"')


def test_children_are_sorted_by_links(oriental):
    found = page(oriental, f"/fr/places/02.113?sort={POPULATION}&order=desc")
    table = found[found.index('id="inside"') :]
    assert 'aria-sort="descending"' in table
    codes = list(dict.fromkeys(re.findall(r'scope="row"><a href="/fr/places/([\d.]+)"', table)))
    expected = oriental.sql(
        "SELECT code FROM {population_2024} WHERE level = 'commune' "
        "AND starts_with(code, '02.113.') ORDER BY population_legal DESC"
    )
    assert codes == [code for (code,) in expected]


def test_an_unknown_code_is_not_found_and_suggests_places(oriental):
    answered = oriental.client.get("/fr/places/berkan")
    assert answered.status_code == 404
    assert "/fr/places/02.113" in answered.text
    assert answered.headers["cache-control"] == "no-store"


@pytest.mark.parametrize(
    "path",
    [
        "/ar/places/02.113?sort=nothing",
        "/ar/places/02.113?order=sideways",
        "/ar/places/02.113?theme=%3Cscript%3Ealert(1)%3C/script%3E",
        "/ar/places/compare?code=%3Cscript%3Ealert(1)%3C/script%3E",
        "/ar/places/compare?" + "&".join(f"code=02.113.03.0{n}" for n in range(1, 9)),
        "/ar/places/compare?" + "code=02&" * 100,
        "/ar/places/ranking?indicator=';DROP%20TABLE%20places",
        "/ar/places/ranking?level=planet",
        "/ar/places/ranking?level=commune&within=nowhere",
        "/ar/places/ranking?level=province&within=02.113",
        "/ar/places/ranking?by=luck",
        "/ar/themes/water/figures?level=%00",
    ],
)
def test_what_cannot_be_answered_is_said_in_the_readers_language(oriental, path):
    answered = oriental.client.get(path)
    assert answered.status_code == 400
    assert '<html lang="ar" dir="rtl">' in answered.text
    assert "<script>" not in answered.text


@given(st.text(max_size=60))
@examples(max_examples=30)
def test_any_text_may_be_looked_for(oriental, text):
    answered = oriental.client.get(f"/en/places?q={quote(text)}")
    assert answered.status_code == 200


def test_places_of_every_level_and_themes_have_pages(oriental):
    places = oriental.figures.places
    for level in places.levels:
        for place in places.of_level(level)[::8]:
            page(oriental, f"/ar/places/{place.code}")
    for theme in oriental.catalogue.region["themes"]:
        page(oriental, f"/fr/themes/{theme}/figures?level=commune&within=02.113&all=1")


def test_goals_lead_to_datasets_and_figures(oriental):
    goals = page(oriental, "/fr/sdg")
    assert len(re.findall(r'class="goal goal-\d+', goals)) == 17
    water = page(oriental, "/fr/sdg/6")
    assert "/fr/datasets/water_and_sanitation" in water
    assert "Accès universel et équitable à l’eau potable" in html.unescape(water)
    assert "91,7" in water
    assert oriental.client.get("/fr/sdg/18").status_code == 404
    assert page(oriental, "/ar/sdg/14")


def test_the_sitemap_has_places_goals_and_figures(oriental):
    listed = oriental.client.get("/sitemap.xml").text
    for path in ("/ar/places/02.113.01.09", "/fr/sdg/6", "/en/themes/water/figures"):
        assert f"{path}</loc>" in listed


def test_a_region_without_a_register_has_no_pages_of_places(portal):
    for path in ("/fr/places", "/fr/places/77.001", "/fr/themes/demography/figures"):
        assert portal.get(path).status_code == 404
    assert 'href="/fr/places"' not in portal.get("/fr/").text
    assert portal.get("/fr/sdg/11").status_code == 200


@examples(max_examples=50)
@given(st.lists(st.one_of(st.floats(-1e6, 1e6), st.just(float("nan"))), min_size=1, max_size=30))
def test_a_rank_is_one_more_than_the_number_of_better_ones(values):
    for better in ("higher", "lower", None):
        for rank, value in zip(ranks(np.array(values), better), values, strict=True):
            if value != value:
                assert rank == 0
            elif better == "lower":
                assert rank == 1 + sum(other < value for other in values)
            else:
                assert rank == 1 + sum(other > value for other in values)


@examples(max_examples=50)
@given(st.lists(st.floats(-1e9, 1e9), min_size=1, max_size=30), st.booleans())
def test_drawings_stay_within_their_room(values, mirrored):
    for bar in bars(values, mirrored):
        assert bar.start >= -0.01
        assert bar.start + bar.length <= 100.02
    drawn = strip(np.array(values), values[0], mirrored)
    if drawn is not None:
        assert 0 <= drawn.dot <= drawn.width


def test_the_default_region_describes_its_register():
    said = yaml.safe_load((REPOSITORY / "region.yml").read_text())["places"]
    assert list(said["levels"]) == ["country", "region", "province", "cercle", "commune"]


def listed(oriental, query, code="ar"):
    """The page of a search, when every value is indexed."""
    assert oriental.client.app.state.search.completed(oriental.catalogue).complete
    return html.unescape(page(oriental, f"/{code}/datasets?q={quote(query)}"))


@pytest.mark.parametrize(
    "query", ["بركان السكان حسب الوسط", "سكان ابركان", "population Berkane", "BERKANE", "سكان بركن"]
)
def test_a_search_that_names_a_place_leads_to_it_and_to_its_rows(oriental, query):
    shown = listed(oriental, query)
    assert re.findall(r'door place" href="/ar/places/([\d.]+)"', shown) == [
        "02.113",
        "02.113.01.09",
    ]
    row_links = re.findall(r'href="(/ar/datasets/population_2024/data\?[^"]+)"', shown)
    assert len(row_links) == 2
    for link, code in zip(row_links, ("02.113", "02.113.01.09"), strict=True):
        rows = page(oriental, link)
        assert f"{code} (بركان)" in words(rows)
        number = oriental.sql(f"SELECT count(*) FROM {{population_2024}} WHERE code = '{code}'")[0][
            0
        ]
        assert len(re.findall(r"<tr", rows.split("<tbody>")[1].split("</tbody>")[0])) == number


def test_the_longest_name_counts_and_a_place_that_is_not_wanted_is_not_offered(oriental):
    doors = r'door place" href="/fr/places/([\d.]+)"'
    shown = listed(oriental, "population Sidi Slimane Echcharaa", "fr")
    assert re.findall(doors, shown) == ["02.113.01.29"]
    assert not re.findall(doors, listed(oriental, "population -Berkane", "fr"))
    assert not re.findall(doors, listed(oriental, "population", "fr"))


def test_datasets_without_rows_of_the_place_have_no_link_to_them(oriental):
    shown = listed(oriental, "Oriental", "fr")
    assert "/fr/datasets/commune_boundaries" in shown
    assert "/fr/datasets/commune_boundaries/data" not in shown
    assert re.search(r'/fr/datasets/population_2024/data\?code__exact=02["&]', shown)


def test_of_two_datasets_that_fit_as_well_the_later_period_comes_first(oriental):
    shown = listed(oriental, "السكان")
    assert shown.index("/ar/datasets/population_2024") < shown.index("/ar/datasets/population_2014")


def test_the_page_of_a_place_shows_where_it_lies(oriental):
    def shapes(code):
        found = re.search(r'<figure class="locator">(.*?)</figure>', page(oriental, code), re.S)
        assert found is not None
        return found[1]

    commune = shapes("/ar/places/02.113.01.25")
    assert commune.count('class="shape here"') == 1
    assert len(re.findall(r'href="/ar/places/02\.113\.[\d.]+"', commune)) == 15
    assert 'aria-label="خريطة: السعيدية"' in commune
    assert shapes("/fr/places/02.113").count('class="shape here"') == 16
    assert 0 < shapes("/fr/places/02.113.03").count('class="shape here"') < 16
    provinces = len(oriental.figures.places.of_level("province"))
    for wide in ("/en/places/02", "/en/places/MA"):
        assert shapes(wide).count('class="shape here"') == provinces
    # The Kingdom is one shape without a line inside it.
    assert shapes("/en/places/MA").count('class="kingdom"') == 1


def test_another_site_may_show_the_figures_of_a_place(oriental):
    told = page(oriental, "/fr/places/02.113")
    frame = re.search(r'iframe src="[^"]*(/fr/embed/places/[^"]+)"', html.unescape(told))
    assert frame is not None
    answered = oriental.client.get(frame[1])
    assert "frame-ancestors *" in answered.headers["content-security-policy"]
    assert "284 061" in words(answered.text).replace("\u202f", " ").replace("\xa0", " ")
    assert 'href="/fr/places/02.113"' in answered.text
    assert "Haut-Commissariat au Plan" in answered.text
    assert oriental.client.get("/fr/embed/places/nowhere").status_code == 404


def test_a_comparison_begins_with_two_fields_and_examples_of_the_largest_places(oriental):
    blank = page(oriental, "/fr/places/compare")
    before, _, folded = blank.partition("<details")
    assert before.count('name="code"') == 2
    assert folded.count('name="code"') == 4
    example = re.search(
        r'Berkane</bdi> <a href="([^"]+)">([^<]+)</a>', html.unescape(blank)
    ) or re.search(r'Berkane <a href="([^"]+)">([^<]+)</a>', html.unescape(blank))
    assert example is not None
    largest = {
        code
        for (code,) in oriental.sql(
            "SELECT code FROM {population_2024} WHERE code LIKE '02.113.__.__'"
            " ORDER BY population_legal DESC LIMIT 4"
        )
    }
    assert set(re.findall(r"code=([\d.]+)", example[1])) == largest
    chosen = page(oriental, example[1])
    assert chosen.partition("<details")[0].count('name="code"') == 4
