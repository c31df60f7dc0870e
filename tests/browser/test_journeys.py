"""What people come for, from the first page to the end, in their language and on their screen."""

from __future__ import annotations

import csv
import io
import re
from pathlib import Path

import httpx
import pytest
from openpyxl import load_workbook
from playwright.sync_api import expect

from moulouya.portal.languages import language

from .checking import Open
from .looking import shown
from .world import BERKANE, Portal

# Long enough that nobody takes the sender for a program.
HUMAN = 40
READERS = [
    pytest.param("ar", False, "السكان حسب السن", "بركان", id="Arabic on a phone"),
]
SLUG = "population_by_age_2024"


@pytest.mark.timeout(420)
@pytest.mark.parametrize(("code", "wide", "words", "berkane"), READERS)
def test_find_the_population_by_age_understand_it_take_it_home_and_report_a_problem(
    open_page: Open,
    portal: Portal,
    tmp_path: Path,
    code: str,
    wide: bool,
    words: str,
    berkane: str,
) -> None:
    said = language(code).text
    watched = open_page(portal, wide=wide, locale={"ar": "ar-MA", "fr": "fr-MA", "en": "en"}[code])
    page = watched.page

    # The browser's language decides what the front door opens to.
    watched.go("/")
    assert page.url == f"{portal.url}/{code}/"

    # A place among the words leads straight to its rows.
    page.locator("#q").fill(f"{words} {berkane}")
    page.locator("#q").press("Enter")
    page.wait_for_url("**/datasets?*")
    page.locator(f"li.card:has(a[href='/{code}/datasets/{SLUG}']) .about a").first.click()
    page.wait_for_url(f"**/datasets/{SLUG}/data?*")
    expect(page.locator("#records .chips")).to_contain_text(berkane)
    watched.go(f"/{code}/")

    # Find.
    page.locator("#q").fill(words)
    page.locator("#q").press("Enter")
    page.wait_for_url("**/datasets?*")
    first = page.locator(f"main a[href='/{code}/datasets/{SLUG}']").first
    expect(first).to_be_visible()
    first.click()
    page.wait_for_url(f"**/datasets/{SLUG}")

    # Understand a column.
    page.locator("nav.contents a[href='#dictionary']").click()
    about = page.locator("#dictionary")
    expect(about).to_be_in_viewport()
    columns = page.locator("ul.dictionary > li")
    assert columns.count() > 3
    meaning = columns.first.locator(".meaning p").first.inner_text()
    assert len(meaning) > 10
    if code == "ar":
        assert re.search("[\u0600-\u06ff]", meaning)

    # Berkane's figures.
    watched.go(f"/{code}/places/{BERKANE}")
    assert berkane in page.locator("h1").inner_text()
    assert page.locator("main table, main dl").count() >= 1
    watched.go(f"/{code}/datasets/{SLUG}")

    # Take it home, as a file that a spreadsheet opens.
    with page.expect_download() as taken:
        page.locator("ul.downloads a[href*='.excel.csv']").click()
    file = tmp_path / taken.value.suggested_filename
    taken.value.save_as(file)
    assert file.suffix == ".csv"
    content = file.read_bytes()
    assert content.startswith(b"\xef\xbb\xbf")
    rows = list(csv.reader(io.StringIO(content.decode("utf-8-sig")), delimiter=";"))
    assert len(rows) > 100
    assert len({len(row) for row in rows}) == 1
    assert any(BERKANE in cell for row in rows for cell in row)
    with page.expect_download() as taken:
        page.locator("ul.downloads a[href*='.xlsx']").click()
    taken.value.save_as(tmp_path / "book.xlsx")
    book = load_workbook(tmp_path / "book.xlsx", read_only=True)
    assert sum(1 for _ in book.worksheets[0].iter_rows()) > 100

    # Report a problem, and find out what became of it.
    page.locator(f"a[href^='/{code}/datasets/{SLUG}/report']").first.click()
    page.wait_for_url("**/report*")
    page.locator("button[type=submit]:not(header button)").last.click()
    expect(page.locator("main [role=alert]")).to_be_visible()
    page.locator("#f-title").press_sequentially(f"{berkane}: 2024", delay=HUMAN)
    page.locator("#f-body").press_sequentially(f"{words}. {words}. {berkane}?", delay=HUMAN)
    page.wait_for_timeout(1500)
    page.locator("main form button[type=submit]").first.click()
    page.wait_for_url("**/requests/mine/*")
    expect(page.locator("main h2[dir=auto]")).to_have_text(f"{berkane}: 2024")
    assert said("What happened") in page.locator("main").inner_text()
    page.reload()
    expect(page.locator("main h2[dir=auto]")).to_have_text(f"{berkane}: 2024")

    # The page that refuses an empty form has status 422 or so; nothing else went wrong.
    faults = [fault for fault in watched.faults if "status of 4" not in fault]
    assert not faults, shown(faults)
    assert not watched.foreign
    assert page.context.cookies() == []


@pytest.mark.parametrize("code", ["ar"])
def test_back_forward_and_reload_keep_what_was_chosen(
    open_page: Open, portal: Portal, code: str
) -> None:
    watched = open_page(portal, wide=True)
    page = watched.page
    watched.go(f"/{code}/datasets/{SLUG}/data")
    before = page.locator("table.data tbody tr").first.inner_text()
    page.locator("table.data th a.sort").nth(1).click()
    page.wait_for_url("**_sort*")
    expect(page.locator("table.data th[aria-sort]")).to_have_count(1)
    sorted_address = page.url
    page.locator("nav.pager a[rel~=next]").first.click()
    page.wait_for_url(lambda url: url not in (sorted_address, f"{portal.url}/"))
    second = page.locator("table.data tbody").inner_text()
    page.reload()
    assert page.locator("table.data tbody").inner_text() == second
    page.go_back()
    page.wait_for_url(sorted_address)
    expect(page.locator("table.data th[aria-sort]")).to_have_count(1)
    page.go_back()
    page.wait_for_url(f"**/{SLUG}/data")
    expect(page.locator("table.data tbody tr").first).to_have_text(
        re.compile(re.escape(before.split("\t")[0]))
    )
    page.go_forward()
    page.wait_for_url(sorted_address)
    assert not watched.faults, watched.faults


@pytest.mark.parametrize("code", ["ar", "fr"])
def test_without_scripts_everything_works(open_page: Open, portal: Portal, code: str) -> None:
    watched = open_page(portal, java_script_enabled=False)
    page = watched.page
    watched.go(f"/{code}/")
    page.locator("#q").fill("population")
    page.locator("form[role=search] button[type=submit]").last.click()
    page.wait_for_url("**/datasets?*q=population*")
    assert page.locator("main a[href*='/datasets/population']").count() >= 1

    facet = page.locator(f"main a[href^='/{code}/datasets?'][href*='theme=']").first
    facet.evaluate("e => { const d = e.closest('details'); if (d) d.open = true; }")
    facet.click()
    page.wait_for_url("**theme=*")

    watched.go(f"/{code}/datasets/{SLUG}/data")
    page.locator("#records-search").fill("02.113")
    page.locator("#records-search").press("Enter")
    page.wait_for_url("**_search=02.113*")
    cells = page.locator("table.data tbody tr")
    assert cells.count() >= 1
    assert all("02.113" in cells.nth(row).inner_text() for row in range(cells.count()))
    page.locator("table.data th a.sort").first.click()
    page.wait_for_url("**_sort*")

    watched.go(f"/{code}/requests/new")
    page.locator("#f-title").press_sequentially("Bus lines 2026", delay=HUMAN)
    page.locator("#f-body").press_sequentially(
        "Where do the buses stop, and when? " * 2, delay=HUMAN
    )
    page.locator("main form button[type=submit]").first.click()
    page.wait_for_url("**/requests/mine/*")
    assert "Bus lines 2026" in page.locator("main").inner_text()
    assert not watched.faults, watched.faults


def test_the_answers_are_the_same_with_and_without_cookies(portal: Portal) -> None:
    with httpx.Client(base_url=portal.url, headers={"accept-encoding": "identity"}) as client:
        for path in ("/ar/", f"/fr/datasets/{SLUG}", "/en/requests/new"):
            answer = client.get(path)
            assert "set-cookie" not in answer.headers
        assert not client.cookies
