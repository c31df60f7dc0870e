"""With the keyboard alone: past the header, and through the suggestions."""

from __future__ import annotations

import pytest
from playwright.sync_api import expect

from .checking import Open
from .world import Portal


@pytest.mark.parametrize("code", ["ar", "fr"])
def test_the_first_stop_leads_past_the_header(open_page: Open, portal: Portal, code: str) -> None:
    watched = open_page(portal, wide=True)
    watched.go(f"/{code}/datasets/population_by_age_2024")
    page = watched.page
    page.keyboard.press("Tab")
    expect(page.locator("a.skip")).to_be_focused()
    expect(page.locator("a.skip")).to_be_in_viewport()
    page.keyboard.press("Enter")
    expect(page.locator("main")).to_be_focused()
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.closest('main') !== null")


@pytest.mark.parametrize(("code", "typed"), [("ar", "سكان"), ("fr", "popu")])
def test_suggestions_are_chosen_with_the_arrows(
    open_page: Open, portal: Portal, code: str, typed: str
) -> None:
    watched = open_page(portal, wide=True)
    page = watched.page
    watched.go(f"/{code}/")
    box = page.locator("#q")
    box.focus()
    page.keyboard.type(typed, delay=60)
    options = page.locator("[role=listbox] [role=option]")
    expect(options.first).to_be_visible(timeout=15_000)
    expect(box).to_have_attribute("aria-expanded", "true")
    page.keyboard.press("ArrowDown")
    chosen = box.get_attribute("aria-activedescendant")
    assert chosen
    expect(page.locator(f"[id='{chosen}']")).to_have_attribute("aria-selected", "true")
    page.keyboard.press("Escape")
    expect(box).to_have_attribute("aria-expanded", "false")
    expect(box).to_be_focused()
    page.keyboard.press("ArrowDown")
    page.keyboard.press("Enter")
    page.wait_for_url(lambda url: url.rstrip("/") != f"{portal.url}/{code}")
    assert not watched.faults, watched.faults


# Everything that Tab should stop at, in the order of the page; radio buttons are one stop a group.
STOPS = """
() => [...document.querySelectorAll(
    'a[href], button, input, select, textarea, summary, [tabindex]')]
  .filter(e => e.tabIndex >= 0 && !e.disabled && e.type !== 'hidden' && e.checkVisibility(
    {visibilityProperty: true, contentVisibilityAuto: false}))
  .filter((e, _, all) => e.type !== 'radio' || e === (all.find(o => o.name === e.name && o.checked)
    ?? all.find(o => o.name === e.name)))
  .map((e, i) => { e.dataset.stop = i; return i; })
"""
HERE = """
() => { const e = document.activeElement; const s = getComputedStyle(e);
  const b = e.getBoundingClientRect();
  return [e === document.body ? -1 : Number(e.dataset.stop ?? -2), e.matches(':focus-visible')
    && (s.outlineStyle !== 'none' && parseFloat(s.outlineWidth) >= 2 || s.boxShadow !== 'none'),
    b.bottom > 0 && b.top < innerHeight && b.right > 0 && b.left < innerWidth,
    e.outerHTML.slice(0, 120)]; }
"""


@pytest.mark.parametrize(
    "path",
    ["/", "/datasets?theme=demography", "/datasets/population_by_age_2024", "/places",
     "/datasets/communes/data", "/requests/new"],
)  # fmt: skip
def test_tab_reaches_everything_in_order_and_shows_where_it_is(
    open_page: Open, portal: Portal, path: str
) -> None:
    watched = open_page(portal, wide=True, reduced_motion="reduce")
    watched.go(f"/ar{path}")
    page = watched.page
    stops = page.evaluate(STOPS)
    reached: list[int] = []
    for _ in range(2 * len(stops)):
        page.keyboard.press("Tab")
        stop, marked, seen, told = page.evaluate(HERE)
        if stop == -1:
            break
        if stop == -2:  # What only scrolls takes the focus by itself.
            continue
        assert marked, f"the focus does not show on {told}"
        assert seen, f"the focus is out of sight on {told}"
        reached.append(stop)
    assert reached == stops
