"""The SQL console in a browser: by the service, by the reader's own machine, and in an export."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
import uvicorn
from playwright.sync_api import Locator, Page, expect
from starlette.applications import Starlette
from starlette.routing import Mount
from starlette.staticfiles import StaticFiles
from tests.portal import lakes

from moulouya.portal.exporting.export import Wish, export

from .checking import Open, sound
from .looking import Watched, shown
from .world import Portal, free_port

# The engine starts in two seconds on a quiet machine.
SLOW = 60_000
GROUPED = (
    "SELECT commune_type, sum(population_2024) AS population\n"
    "FROM territory.communes GROUP BY ALL ORDER BY 2 DESC"
)


def ready(watched: Watched, path: str) -> Page:
    """The open console, its editor in the place of the plain field."""
    watched.go(path)
    expect(editor(watched.page)).to_be_visible(timeout=SLOW)
    return watched.page


def editor(page: Page) -> Locator:
    return page.locator("#editor .cm-content")


def write(page: Page, sql: str) -> None:
    editor(page).click()
    page.keyboard.press("Control+a")
    page.keyboard.insert_text(sql)
    page.keyboard.press("Escape")


def run(page: Page, sql: str) -> None:
    write(page, sql)
    # What comes is what is waited for, not the result before.
    page.evaluate("document.getElementById('result').replaceChildren()")
    page.keyboard.press("Control+Enter")
    done(page)


def done(page: Page) -> None:
    result = page.locator("#result :is(table, [role=alert], pre)").first
    expect(result).to_be_visible(timeout=SLOW)
    expect(page.locator("#cancel")).to_be_hidden(timeout=SLOW)


def rows(page: Page) -> list[list[str]]:
    found: list[list[str]] = page.evaluate(
        "() => [...document.querySelectorAll('#result tbody tr')]"
        ".map(row => [...row.cells].map(cell => cell.textContent))"
    )
    return found


@pytest.mark.parametrize(
    ("code", "wide", "scheme"), [("ar", False, "light"), ("fr", True, "dark")], ids=["ar", "fr"]
)
def test_a_result_is_sound_accessible_and_asks_nothing_of_others(
    open_page: Open, portal: Portal, code: str, wide: bool, scheme: str
) -> None:
    watched = open_page(portal, wide=wide, color_scheme=scheme, reduced_motion="reduce")
    page = ready(watched, f"/{code}/sql?dataset=communes")
    run(page, GROUPED)
    assert len(rows(page)) == 2
    expect(page.locator("figure.drawn rect")).to_have_count(2)
    wrong = watched.faults + watched.foreign + watched.axe() + list(sound(watched, code))
    assert not wrong, shown(wrong)
    assert editor(page).evaluate("e => getComputedStyle(e).direction") == "ltr"


def test_the_page_works_without_scripts(open_page: Open, portal: Portal) -> None:
    watched = open_page(portal, java_script_enabled=False)
    watched.go("/ar/sql?dataset=communes")
    watched.page.locator("#sql").fill(GROUPED)
    watched.page.locator("#run").click()
    expect(watched.page.locator("#result tbody tr")).to_have_count(2)
    expect(watched.page.locator("#sql")).to_have_value(GROUPED)


def test_names_are_completed_and_a_mistake_is_marked(open_page: Open, portal: Portal) -> None:
    page = ready(open_page(portal, wide=True), "/en/sql")
    write(page, "SELECT * FROM territory.")
    page.keyboard.type("commune_d")
    offered = page.locator(".cm-tooltip-autocomplete li")
    page.keyboard.press("Control+Space")
    expect(offered.first).to_be_visible()
    page.keyboard.press("Escape")
    run(page, "SELECT name_fr,\n  nonsense\nFROM territory.communes")
    assert "nonsense" in page.locator("#result [role=alert]").inner_text()
    expect(page.locator(".cm-fault")).to_have_text("nonsense")
    page.keyboard.type("x")
    expect(page.locator(".cm-fault")).to_have_count(0)


def test_the_keyboard_is_not_caught_in_the_editor(open_page: Open, portal: Portal) -> None:
    page = ready(open_page(portal, wide=True), "/en/sql")
    editor(page).click()
    page.keyboard.press("Tab")
    inside = page.evaluate("document.getElementById('editor').contains(document.activeElement)")
    assert not inside
    page.keyboard.press("Shift+Tab")
    assert page.evaluate("document.activeElement.id") == "editor"


def test_a_statement_can_be_cancelled_linked_and_found_again(
    open_page: Open, portal: Portal
) -> None:
    watched = open_page(portal, wide=True)
    page = ready(watched, "/en/sql")
    write(page, "SELECT count(*) FROM range(1000000) a, range(1000000) b")
    page.locator("#run").click()
    page.locator("#cancel").click()
    expect(page.locator("#status")).to_have_text("Cancelled")
    run(page, GROUPED)
    assert "/en/sql?q=SELECT" in page.url
    there = page.locator("nav.languages a[hreflang=fr]").get_attribute("href")
    assert there is not None
    assert there.startswith("/fr/sql?q=")
    past = page.locator("#past-list button")
    expect(past).to_have_text([GROUPED])
    page.reload()
    expect(page.locator("#result tbody tr")).to_have_count(2)
    page.locator("#forget").click()
    expect(page.locator("#past")).to_be_hidden()
    assert page.evaluate("localStorage.length") == 0


@pytest.mark.parametrize("label", ["CSV", "PARQUET"])
def test_a_result_is_downloaded(open_page: Open, portal: Portal, label: str) -> None:
    page = ready(open_page(portal, wide=True), "/en/sql")
    run(page, GROUPED)
    with page.expect_download() as started:
        page.locator("#result .files button", has_text=label).first.click()
    content = Path(started.value.path()).read_bytes()
    assert content.startswith(b"PAR1") if label == "PARQUET" else b"urban" in content


def test_rows_with_a_position_are_shown_on_a_map(open_page: Open, portal: Portal) -> None:
    watched = open_page(portal, wide=True)
    page = ready(watched, "/en/sql")
    run(page, "SELECT 'a' AS name, 34.9 AS latitude, -2.3 AS longitude")
    page.get_by_role("button", name="Show on a map").click()
    expect(page.locator(".map-box path.dot")).to_have_count(1)
    assert not watched.faults


def test_rows_with_codes_of_places_are_shown_on_a_map(open_page: Open, portal: Portal) -> None:
    watched = open_page(portal, wide=True)
    page = ready(watched, "/en/sql")
    run(page, "SELECT code, population_2024 FROM communes WHERE province_code = '02.113'")
    number = len(rows(page))
    page.get_by_role("button", name="Show on a map").click()
    expect(page.locator(".map-box path.shape")).to_have_count(number)
    expect(page.locator(".keys li")).to_have_count(6)
    wrong = watched.faults + watched.axe()
    assert not wrong, shown(wrong)


def test_the_service_and_the_browser_give_the_same(open_page: Open, portal: Portal) -> None:
    """DuckDB-Wasm under the portal's own policy, over the published files."""
    watched = open_page(portal, wide=True)
    page = ready(watched, "/en/sql")
    assert not [url for url in watched.asked if "/engine/" in url or "vendor/duckdb" in url]
    statements = [
        GROUPED,
        "SELECT code, population_2024, change_percent FROM communes ORDER BY code LIMIT 7",
        "SELECT DATE '2024-09-01' AS d, TIMESTAMP '2024-09-01 10:20:30' AS t, 1.50 AS n, "
        "[1, 2] AS l, {'a': 'b'} AS s, NULL AS e, TRUE AS b, 12 AS i",
    ]
    expected = []
    for sql in statements:
        run(page, sql)
        expected.append(rows(page))
    page.locator("input[value=browser]").check()
    for sql, known in zip(statements, expected, strict=True):
        run(page, sql)
        found = rows(page)
        if "TIMESTAMP" in sql:
            known[0][1], found[0][1] = known[0][1][:19], found[0][1][:19]
        assert found == known, sql
    run(page, "SELECT nonsense\nFROM communes")
    assert "Line 1, column 8" in page.locator("#result [role=alert]").inner_text()
    run(page, "FROM range(5000)")
    assert len(rows(page)) == 1000
    expect(page.locator("#result .note")).to_be_visible()
    assert not watched.foreign
    allowed = ("falling back to full HTTP read", "status of 404", "status of 400")
    assert not [one for one in watched.faults if not any(word in one for word in allowed)]


@pytest.fixture(scope="module")
def exported(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[str, Path]]:
    """An export below a path of a server that has nothing but files and ranges."""
    folder = tmp_path_factory.mktemp("console") / "export"
    built = lakes.build(folder.with_name("lake"))
    # The browser has an event loop in this thread already.
    with ThreadPoolExecutor(1) as other:
        other.submit(export, built.settings, folder, Wish(languages=("fr",))).result()
    port = free_port()
    app = Starlette(routes=[Mount("/open/data", StaticFiles(directory=folder, html=True))])
    server = uvicorn.Server(uvicorn.Config(app, port=port, log_level="error"))
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    end = time.monotonic() + 60
    while not server.started:
        assert time.monotonic() < end, "the server of files did not start"
        time.sleep(0.01)
    yield f"http://127.0.0.1:{port}/open/data", folder
    server.should_exit = True
    thread.join(timeout=10)


def test_an_export_runs_statements_in_the_browser_alone(
    open_page: Open, exported: tuple[str, Path]
) -> None:
    url, _ = exported
    watched = open_page(url, wide=True)
    watched.go("/fr/datasets/communes/index.html")
    watched.page.locator("#sql ~ p a.button").click()
    page = watched.page
    expect(editor(page)).to_be_visible(timeout=SLOW)
    assert page.url.endswith("/fr/sql/index.html#table-communes")
    expect(page.locator("#needs-server")).to_have_count(0)
    page.locator("#run").click()
    done(page)
    assert len(rows(page)) == 20
    run(page, "SELECT kind, count(*) AS n FROM communes GROUP BY ALL ORDER BY n DESC")
    assert rows(page) == [["R", "27"], ["U", "2"], ["—", "1"]]
    assert "#q=SELECT" in page.url
    with page.expect_download() as started:
        page.locator("#result .files button", has_text="JSON").first.click()
    assert json.loads(Path(started.value.path()).read_text())[0] == {"kind": "R", "n": 27}
    assert not watched.foreign
    assert not watched.axe()


def test_an_export_on_a_disk_says_what_it_needs(
    open_page: Callable[..., Watched], exported: tuple[str, Path]
) -> None:
    _, folder = exported
    watched = open_page("file://", wide=True)
    watched.page.goto(f"file://{folder}/fr/sql/index.html")
    expect(watched.page.locator("#needs-server")).to_be_visible()
    expect(watched.page.locator("#run")).to_be_hidden()
