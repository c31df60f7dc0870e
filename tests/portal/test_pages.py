"""What readers get: the right language and direction, every text translated, nothing executable."""

from __future__ import annotations

import datetime as dt
import re
import shutil
from html.parser import HTMLParser
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from moulouya.settings import Settings
from moulouya.storage.lake import open_lake

from . import lakes
from .conftest import Client, client_of

LANGUAGES = {"ar": "rtl", "fr": "ltr", "en": "ltr"}
PATHS = (
    "/",
    "/datasets",
    "/datasets?q=%D8%B3%D9%83%D8%A7%D9%86",
    "/datasets?theme=territory",
    "/datasets?q=nothing-like-this",
    "/datasets/communes",
    "/datasets/boundaries",
    "/datasets/density",
    "/themes/demography",
    "/themes/energy",
)
VOID = {"meta", "link", "img", "input", "br"}


class Page(HTMLParser):
    """A page read strictly: every element closed in order, ids unique; texts and links kept."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.open: list[tuple[str, dict[str, str | None]]] = []
        self.ids: list[str] = []
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.texts: list[tuple[str, str]] = []
        self.feed(html)
        self.close()
        assert not self.open, f"not closed: {self.open}"
        assert len(self.ids) == len(set(self.ids)), "an id occurs twice"

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        named = dict(attrs)
        self.elements.append((tag, named))
        if named.get("id"):
            self.ids.append(str(named["id"]))
        if tag not in VOID:
            self.open.append((tag, named))

    def handle_endtag(self, tag: str) -> None:
        assert self.open, f"</{tag}> without a start"
        assert self.open[-1][0] == tag, f"</{tag}> closes <{self.open[-1][0]}>"
        self.open.pop()

    def handle_data(self, data: str) -> None:
        if data.strip():
            language = next((a["lang"] for _, a in reversed(self.open) if a.get("lang")), "")
            self.texts.append((str(language), data.strip()))

    def all(self, tag: str) -> list[dict[str, str | None]]:
        return [attributes for name, attributes in self.elements if name == tag]


@pytest.mark.parametrize("path", PATHS)
@pytest.mark.parametrize("code", LANGUAGES)
def test_page_has_its_language_direction_and_sound_structure(
    portal: Client, code: str, path: str
) -> None:
    response = portal.get(f"/{code}{path}")
    assert response.status_code == 200
    assert response.headers["content-language"] == code
    page = Page(response.text)
    root = page.all("html")[0]
    assert (root["lang"], root["dir"]) == (code, LANGUAGES[code])
    assert len(page.all("h1")) == 1
    scripts = [one for one in page.all("script") if one.get("type") != "application/ld+json"]
    assert all(str(one["src"]).startswith("/static/") for one in scripts)
    assert not page.all("style")
    assert not [attributes for _, attributes in page.elements if "style" in attributes]
    targets = [str(a["href"])[1:] for a in page.all("a") if str(a["href"]).startswith("#")]
    assert set(targets) <= set(page.ids)
    labelled = {
        str(attributes["aria-labelledby"])
        for _, attributes in page.elements
        if "aria-labelledby" in attributes
    }
    assert labelled <= set(page.ids)


@pytest.mark.parametrize("path", PATHS)
def test_page_links_to_itself_in_the_other_languages(portal: Client, path: str) -> None:
    page = Page(portal.get(f"/fr{path}").text)
    switch = {a["hreflang"]: a["href"] for a in page.all("a") if a.get("hreflang")}
    assert switch == {"ar": f"/ar{path}", "en": f"/en{path}"}


@pytest.mark.parametrize("path", PATHS)
def test_every_internal_link_and_image_leads_somewhere(portal: Client, path: str) -> None:
    page = Page(portal.get(f"/ar{path}").text)
    hrefs = {str(a.get("href") or a.get("src")) for _, a in page.elements}
    for href in sorted(href for href in hrefs if href.startswith("/")):
        assert portal.head(href.partition("#")[0]).status_code in (200, 302), href


@pytest.mark.parametrize("path", ["/", "/datasets/communes", "/themes/energy"])
def test_arabic_page_holds_no_english_sentence_of_the_interface(portal: Client, path: str) -> None:
    page = Page(portal.get(f"/ar{path}").text)
    allowed = re.compile(
        r"Français|English|Open Database License|Commune \d+|CSV|Parquet|DuckDB|Atom|JSON Feed|"
        r"SHA-256|SQL|Aïn Zohra|alert\(1\)|Data Package 2"
    )
    for language, text in page.texts:
        latin = re.findall(r"[A-Za-z]{3,} [A-Za-z]{3,}", text)
        assert language != "ar" or not latin or allowed.search(text) or "=" in text, text


def test_hostile_text_in_data_and_descriptions_stays_text(portal: Client) -> None:
    html = portal.get("/ar/datasets/communes").text
    assert lakes.HOSTILE not in html
    assert html.count("&lt;script&gt;alert(1)&lt;/script&gt;") >= 2


def test_dataset_page_says_what_there_is_to_know(portal: Client) -> None:
    html = portal.get("/en/datasets/communes").text
    for expected in (
        "One row is:", "30", "77.001", "125,000", "ODbL-1.0", "Statistics office, 2024",
        "5 checks passed", "1 warning", "1 row differs", "2 rows of the delivery",
        "/files/communes/1/rejected.parquet", "a typing error", "Province only.",
        "Sustainable cities and communities", "This is the first version.", "urban",
        "September 1, 2024 to September 30, 2024", "pkg:pypi/census@1.2#communes.csv",
        "from 0 to 5,000,000", "identifies a row", "/files/communes/1/communes.csv.gz",
        "http://data.example.org/releases/1/catalogue.duckdb", "moulouya.demography.communes",
    ):  # fmt: skip
        assert expected in html, expected
    assert "2,024" not in html, "a year is not grouped"


def test_numbers_and_dates_follow_the_language(portal: Client) -> None:
    assert "125.000" in portal.get("/ar/datasets/communes").text
    assert "125\N{NARROW NO-BREAK SPACE}000" in portal.get("/fr/datasets/communes").text.replace(
        "\N{NO-BREAK SPACE}", "\N{NARROW NO-BREAK SPACE}"
    )
    assert "1 شتنبر 2024" in portal.get("/ar/datasets/communes").text


def test_derived_dataset_links_its_inputs_and_is_listed_under_both_themes(portal: Client) -> None:
    html = portal.get("/fr/datasets/density").text
    assert "/fr/datasets/communes" in html
    assert "/fr/datasets/boundaries" in html
    assert "quand ses sources changent" in html
    assert "/fr/datasets/density" in portal.get("/fr/datasets/communes").text
    for theme in ("demography", "territory"):
        assert "Densité de population" in portal.get(f"/fr/themes/{theme}").text


@pytest.mark.parametrize(
    ("code", "told"), [("ar", "الكهرباء."), ("fr", "L’électricité."), ("en", "Electricity.")]
)
def test_a_theme_says_what_is_found_in_it(portal: Client, code: str, told: str) -> None:
    html = portal.get(f"/{code}/themes/energy").text
    assert f'<p class="lead">{told}</p>' in html
    assert f'<meta name="description" content="{told}">' in html
    # A region need not say it.
    assert 'class="lead"' not in portal.get(f"/{code}/themes/demography").text


def test_geometry_is_previewed_as_the_beginning_of_its_text(portal: Client) -> None:
    assert "POLYGON ((-1 34, -1.5 34" in portal.get("/en/datasets/boundaries").text


def test_page_shows_what_changed_and_keeps_every_version(built: lakes.Built) -> None:
    rows = [("77.001", "بركان", 2024, 130000, "U"), *lakes.COMMUNE_ROWS[2:]]
    lakes.publish_communes(built, [*rows, ("77.031", "New", 2024, 5, "R")])
    lakes.commit(built)
    html = client_of(built).get("/en/datasets/communes").text
    for expected in ("Since version 1:", "1 row added", "1 row removed", "1 row changed",
                     "125,000", "130,000", "/files/communes/1/communes.parquet",
                     "/files/communes/2/communes.parquet", "none was left out"):  # fmt: skip
        assert expected in html, expected


def test_late_dataset_says_since_when(built: lakes.Built) -> None:
    version = built.lake.version("communes", 1) / "version.json"
    old = dt.datetime.now(dt.UTC) - dt.timedelta(days=10)
    record = re.sub(r'"(created|retrieved)": "[^"]*"', f'"\\1": "{old:%Y-%m-%dT%H:%M:%SZ}"',
                    version.read_text())  # fmt: skip
    relabel(built, version, record)
    due = (old + dt.timedelta(days=3)).astimezone(ZoneInfo("Africa/Casablanca"))
    day = f"{due:%B} {due.day}"
    html = client_of(built).get("/en/datasets/communes").text
    assert f"Late since {day}" in html
    lakes.end_run(built.lake, "communes", "later", "unchanged")
    assert "Late since" not in client_of(built).get("/en/datasets/communes").text


def test_held_delivery_is_announced_and_the_last_good_version_stays(built: lakes.Built) -> None:
    after = dt.datetime.now(dt.UTC) + dt.timedelta(seconds=5)
    lakes.end_run(built.lake, "communes", "suspicious", "held", after)
    html = client_of(built).get("/en/datasets/communes").text
    assert "A person examines it" in html
    assert "/files/communes/1/communes.parquet" in html


def relabel(built: lakes.Built, version: Path, record: str) -> None:
    """Rewrite a version record and forget the ledger, then release again."""
    version.chmod(0o644)
    version.write_text(record)
    for folder in (built.lake.ledger, built.lake.log, built.lake.releases):
        shutil.rmtree(folder)
    lakes.commit(built)


def test_root_leads_to_the_browsers_language_and_to_arabic_otherwise(portal: Client) -> None:
    wishes = {
        "fr-MA,fr;q=0.9,en;q=0.5": "fr",
        "de, en;q=0.3": "en",
        "en;q=0.1, ar-MA;q=0.9": "ar",
        "de": "ar",
        "": "ar",
        "fr;q=0, *;q=x, ;;,": "ar",
    }
    for accept, code in wishes.items():
        response = portal.get("/", accept_language=accept)
        assert (response.status_code, response.headers["location"]) == (302, f"/{code}/"), accept
        assert response.headers["vary"] == "Accept-Language"


def test_an_address_that_is_not_understood_is_not_called_missing(portal: Client) -> None:
    answered = portal.get("/fr/datasets?page=x")
    assert answered.status_code == 400
    assert "n’existe pas" not in answered.text
    assert "Cette adresse demande" in answered.text


def test_page_is_not_sent_twice(portal: Client) -> None:
    first = portal.get("/fr/", accept_encoding="identity")
    again = portal.get("/fr/", accept_encoding="identity", if_none_match=first.headers["etag"])
    assert (again.status_code, again.content) == (304, b"")
    packed = portal.get("/fr/", accept_encoding="gzip")
    assert packed.headers["content-encoding"] == "gzip"
    assert packed.text == first.text
    assert packed.headers["etag"] != first.headers["etag"]


@pytest.mark.parametrize(
    ("path", "accept", "words"),
    [
        ("/ar/datasets/nope", "", "هذه الصفحة غير موجودة"),
        ("/fr/themes/nope", "", "n’existe pas"),
        ("/de/", "fr", "n’existe pas"),
        ("/whatever", "en", "does not exist"),
        ("/ar/datasets/..%2f..%2fetc", "", "هذه الصفحة غير موجودة"),
    ],
)
def test_unknown_page_says_so_in_the_right_language(
    portal: Client, path: str, accept: str, words: str
) -> None:
    response = portal.get(path, accept_language=accept)
    assert response.status_code == 404
    assert words in response.text
    Page(response.text)


def test_before_the_first_release_the_portal_says_that_it_is_being_prepared(
    tmp_path: Path,
) -> None:
    empty = lakes.Built(open_lake(tmp_path), Settings(lake=tmp_path))
    portal = client_of(empty)
    page = portal.get("/fr/")
    assert page.status_code == 503
    assert "en préparation" in page.text
    assert page.headers["retry-after"]
    assert portal.get("/health/live").status_code == 200
    assert portal.get("/health/ready").status_code == 503
    assert portal.get("/catalogue.duckdb").status_code == 503


def test_fault_of_our_own_is_a_calm_page_without_the_cause(
    built: lakes.Built, monkeypatch: pytest.MonkeyPatch
) -> None:
    portal = client_of(built)
    monkeypatch.setattr(portal.app.state.looks, "known", lambda catalogue: 1 / 0)
    response = portal.get("/fr/")
    assert response.status_code == 500
    assert "de notre côté" in response.text
    assert "division" not in response.text
    assert response.headers["content-security-policy"]
