"""In a real browser: pages fit a phone, read from right to left in Arabic, and break no policy."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from . import lakes
from .conftest import Server, free_port

webdriver = pytest.importorskip("selenium.webdriver")

FLAGS = (
    "--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run",
    "--disable-background-networking", "--disable-component-update", "--disable-sync",
)  # fmt: skip
PATHS = (
    "/",
    "/datasets?q=x",
    "/datasets/communes",
    "/datasets/boundaries",
    "/themes/energy",
    "/nope",
)


@pytest.fixture
def browser(tmp_path: Path) -> Iterator[object]:
    chromium, driver = shutil.which("chromium"), shutil.which("chromedriver")
    if chromium is None or driver is None:
        if os.environ.get("MOULOUYA_REQUIRE_SERVICES"):
            pytest.fail("chromium and chromedriver are required, and not installed")
        pytest.skip("chromium and chromedriver are not installed")
    options = webdriver.ChromeOptions()
    for flag in (*FLAGS, f"--user-data-dir={tmp_path / 'profile'}"):
        options.add_argument(flag)
    options.binary_location = chromium
    options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
    started = webdriver.Chrome(options=options, service=webdriver.ChromeService(driver))
    yield started
    started.quit()


@pytest.mark.timeout(180)
def test_pages_fit_a_phone_in_every_language(
    pristine: lakes.Built, serve: Callable[[lakes.Built, int], Server], browser: object
) -> None:
    server = serve(pristine, free_port())
    browser.execute_cdp_cmd(  # type: ignore[attr-defined]
        "Emulation.setDeviceMetricsOverride",
        {"width": 360, "height": 740, "deviceScaleFactor": 1, "mobile": True},
    )
    for code, direction in (("ar", "rtl"), ("fr", "ltr"), ("en", "ltr")):
        for path in PATHS:
            browser.get(f"{server.url}/{code}{path}")  # type: ignore[attr-defined]
            seen = browser.execute_script(MEASURE)  # type: ignore[attr-defined]
            assert seen["width"] == 360, (code, path, seen["wide"])
            assert seen["direction"] == direction
            assert seen["styled"], "the style did not load"
            assert not seen["small"], (code, path, seen["small"])
    said = [entry["message"] for entry in browser.get_log("browser")]  # type: ignore[attr-defined]
    assert not [line for line in said if "404" not in line], said


# Width of the page, what sticks out, and links of the header and filters too small for a thumb.
MEASURE = """
for (const element of document.querySelectorAll('details')) element.open = true;
const shown = [...document.querySelectorAll('main *')].filter(e => !e.closest('.scroll'));
const box = e => e.getBoundingClientRect();
return {
  width: document.documentElement.scrollWidth,
  wide: shown.filter(e => box(e).right > 361 || box(e).left < -1)
    .map(e => e.outerHTML.slice(0, 90)),
  direction: getComputedStyle(document.body).direction,
  styled: getComputedStyle(document.querySelector('.brand')).display === 'flex',
  small: [...document.querySelectorAll('.languages a, .chips a, button, .button')]
    .filter(e => box(e).height < 40).map(e => e.outerHTML.slice(0, 90)),
};
"""
