"""The pages about one dataset: its versions, where it comes from, what is near, and how fresh."""

from __future__ import annotations

import datetime as dt
import xml.etree.ElementTree as ET
from pathlib import Path

import pytest

from moulouya import release
from moulouya.portal.dataset import river, timeliness
from moulouya.portal.dataset.codebook import CannotMake, Codebooks
from moulouya.portal.dataset.lineage import Graph, Node
from moulouya.portal.freshness import Freshness
from moulouya.portal.languages import language
from moulouya.withdrawals import Change, Withdrawal

from . import lakes
from .conftest import Client, client_of
from .test_pages import LANGUAGES, Page

ENGLISH = language("en")
NOW = dt.datetime(2026, 11, 21, 12, tzinfo=dt.UTC)


def _versions(built: lakes.Built, number: int) -> None:
    for n in range(1, number):
        lakes.publish_communes(built, [("77.001", "بركان", 2024, 125000 + n, "U")])
    lakes.commit(built)


def test_a_version_says_what_it_changed_and_stays_when_a_newer_one_comes(
    built: lakes.Built,
) -> None:
    lakes.publish_communes(built, [("77.001", "بركان", 2024, 130000, "U")])
    lakes.publish_communes(built, [("77.001", "بركان", 2024, 140000, "U")])
    lakes.commit(built)
    html = client_of(built).get("/en/datasets/communes/versions/2").text
    for expected in ("125,000", "130,000", "29 rows removed", "/files/communes/2/communes.parquet",
                     "/en/datasets/communes/versions/1", "/en/datasets/communes/versions/3",
                     "The newest is version 3", "Commune 4"):  # fmt: skip
        assert expected in html, expected
    assert "140,000" not in html


@pytest.mark.parametrize("number", ["0", "2", "01x", "-1", "٢", "9" * 30])
def test_a_version_that_never_was_is_not_found(portal: Client, number: str) -> None:
    assert portal.get(f"/en/datasets/communes/versions/{number}").status_code == 404


def test_a_withdrawn_version_is_gone_and_says_why(built: lakes.Built) -> None:
    _versions(built, 2)
    withdrawal = Withdrawal("communes", 1, "Amina", "names of people", "2026-11-20T10:00:00Z")
    release.commit(
        built.lake, lakes.REGION, built.settings.public_url, lakes.catalogue.build,
        change=Change(withdraw=[withdrawal]),
    )  # fmt: skip
    portal = client_of(built)
    gone = portal.get("/en/datasets/communes/versions/1")
    assert gone.status_code == 410
    assert "names of people" in gone.text
    assert "no longer published" in portal.get("/en/datasets/communes").text
    assert portal.get("/en/datasets/communes/versions/2").status_code == 200


def test_a_long_history_is_listed_in_pages(
    built: lakes.Built, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("moulouya.portal.dataset.versions.PER_PAGE", 2)
    monkeypatch.setattr("moulouya.portal.dataset.page.MOST_VERSIONS", 2)
    _versions(built, 5)
    portal = client_of(built)
    assert "All 5 versions" in portal.get("/en/datasets/communes").text
    seen: list[str] = []
    for number in (1, 2, 3):
        page = Page(portal.get(f"/en/datasets/communes/versions?page={number}").text)
        seen += [
            str(a["href"]).rpartition("/")[2]
            for a in page.all("a")
            if "/communes/versions/" in str(a["href"]) and str(a["href"]).startswith("/en/")
        ]
    assert seen == ["5", "4", "3", "2", "1"]
    for wrong in ("4", "0", "x", ""):
        assert portal.get(f"/en/datasets/communes/versions?page={wrong}").status_code == 404


@pytest.mark.parametrize("code", LANGUAGES)
def test_lineage_is_drawn_with_links_and_told_as_a_list(portal: Client, code: str) -> None:
    html = portal.get(f"/{code}/datasets/density").text
    start = html.index("<svg", html.index('id="river"'))
    svg = ET.fromstring(html[start : html.index("</svg>", start) + 6])
    links = {a.get("href") for a in svg.iter("{http://www.w3.org/2000/svg}a")}
    assert {f"/{code}/datasets/communes", f"/{code}/datasets/boundaries"} <= links
    assert "https://example.org/" in links, "the publisher stands at the beginning"
    whole = Page(portal.get(f"/{code}/datasets/density/lineage").text)
    assert f"/{code}/datasets/communes/versions/1" in {a["href"] for a in whole.all("a")}
    down = Page(portal.get(f"/{code}/datasets/communes/lineage").text)
    assert f"/{code}/datasets/density" in {a["href"] for a in down.all("a")}


def test_a_drawing_runs_in_the_reading_direction_and_keeps_boxes_apart() -> None:
    nodes = (
        Node("s", "A source with a long name that takes several lines, and more", "", -2, "source"),
        Node("a", "First", "/a", -1, "dataset"),
        Node("b", "二" * 40, "/b", -1, "dataset"),
        Node("x", "Here", "", 0, "here"),
    )
    graph = Graph(nodes, (("s", "a"), ("s", "b"), ("a", "x"), ("b", "x"), ("s", "x")))
    for rtl in (False, True):
        drawing = river.draw(graph, rtl)
        at = {box.node.key: (box.x, box.y) for box in drawing.boxes}
        assert (at["s"][0] > at["x"][0]) == rtl
        assert abs(at["a"][1] - at["b"][1]) >= river.HEIGHT
        assert len(drawing.paths) == 5
        assert all(0 <= x <= drawing.width - river.WIDTH for x, _ in at.values())
        assert all(0 <= y <= drawing.height - river.HEIGHT for _, y in at.values())
        assert all(len(box.lines) <= river.LINES for box in drawing.boxes)


def test_datasets_that_can_be_joined_are_near(portal: Client) -> None:
    html = portal.get("/en/datasets/boundaries").text
    near = html[html.index("Close to it") :]
    assert "/en/datasets/communes" in near


def _fresh(outcome: str | None, code: str = "", late: bool = False, every: int = 1) -> Freshness:
    return Freshness(
        NOW, NOW, dt.timedelta(days=every), None, NOW if late else None, False, outcome, NOW, code
    )


@pytest.mark.parametrize(
    ("time", "expected"),
    [
        (_fresh("held"), "A person examines it"),
        (_fresh("failed", "source"), "the source could not be reached"),
        (_fresh("failed", "unreadable"), "could not be read"),
        (_fresh("failed", "data"), "breaks a rule"),
        (_fresh("failed", "bug"), "on our side"),
        (_fresh("unchanged"), "nothing new"),
        (_fresh("unchanged", late=True), "Nothing has been tried since"),
    ],
)
def test_freshness_says_in_words_why(time: Freshness, expected: str) -> None:
    assert expected in " ".join(timeliness.news(time, ENGLISH, "UTC"))


@pytest.mark.parametrize(
    ("days", "expected"), [(1, "every day"), (7, "every week"), (3, "every 3 days")]
)
def test_rhythm_is_said_in_words(days: int, expected: str) -> None:
    assert timeliness.rhythm(_fresh(None, every=days), ENGLISH) == expected


def test_regularity_counts_versions_and_the_longest_wait() -> None:
    days = [NOW, NOW - dt.timedelta(days=2), NOW - dt.timedelta(days=12)]
    told = timeliness.regularity(days, ENGLISH, "UTC")
    assert "3 versions since November 9, 2026" in told
    assert "10 days" in told
    assert "Only one" in timeliness.regularity(days[:1], ENGLISH, "UTC")


@pytest.mark.parametrize("code", LANGUAGES)
def test_the_codebook_is_the_same_bytes_each_time_it_is_made(
    pristine: lakes.Built, portal: Client, tmp_path: Path, code: str
) -> None:
    catalogue = portal.app.state.current.catalogue()
    dataset = catalogue.datasets["communes"]
    made = [
        Codebooks(tmp_path / name).made(catalogue, dataset, language(code), "http://x.example")
        for name in ("one", "two")
    ]
    assert made[0] == made[1]
    assert b"/StructTreeRoot" in made[0], "tagged for screen readers"
    assert b"pdfuaid" in made[0]
    assert [path.read_bytes() for path in (tmp_path / "one").glob("*.pdf")] == [made[0]]


def test_a_codebook_is_kept_and_served_as_pdf(portal: Client) -> None:
    response = portal.get("/ar/datasets/communes/codebook.pdf")
    assert response.headers["content-type"] == "application/pdf"
    assert "communes_v1.ar.pdf" in response.headers["content-disposition"]
    again = portal.get("/ar/datasets/communes/codebook.pdf", if_none_match=response.headers["etag"])
    assert again.status_code == 304


def test_a_codebook_that_takes_too_long_is_refused_for_now(portal: Client, tmp_path: Path) -> None:
    catalogue = portal.app.state.current.catalogue()
    slow = Codebooks(tmp_path, seconds=0)
    with pytest.raises(CannotMake):
        slow.made(catalogue, catalogue.datasets["communes"], ENGLISH, "http://x.example")


def test_a_codebook_without_a_folder_to_write_is_made_all_the_same(
    portal: Client, tmp_path: Path
) -> None:
    (tmp_path / "file").write_text("no folder")
    catalogue = portal.app.state.current.catalogue()
    books = Codebooks(tmp_path / "file")
    made = books.made(catalogue, catalogue.datasets["density"], ENGLISH, "http://x.example")
    assert made.startswith(b"%PDF-")
