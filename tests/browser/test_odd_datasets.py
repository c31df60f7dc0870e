"""Datasets that are empty, 300 columns wide, shapes alone, hostile, or titled in any script."""

from __future__ import annotations

import pytest
from tests.portal import odd_datasets

from .checking import Open, sound
from .looking import shown
from .world import Portal

# The texts are not Arabic where a test of hostile and foreign scripts wants them otherwise.
BELOW = ("", "/data", "/versions/1")


@pytest.mark.parametrize(
    ("code", "wide"), [("ar", False), ("en", True)], ids=["ar-phone", "en-desk"]
)
@pytest.mark.parametrize("slug", odd_datasets.ALL)
def test_an_odd_dataset_breaks_no_page(
    open_page: Open, odd_portal: Portal, slug: str, code: str, wide: bool
) -> None:
    watched = open_page(odd_portal, wide=wide, reduced_motion="reduce")
    watched.page.on("dialog", lambda dialog: watched.faults.append(f"ran: {dialog.message}"))
    wrong = []
    for below in BELOW:
        answer = watched.go(f"/{code}/datasets/{slug}{below}")
        found = [f"status {answer.status}"] if answer.status != 200 else []
        found += watched.faults + [f"asked of another site: {url}" for url in watched.foreign]
        if slug != "very_wide":  # Which takes axe half a minute.
            found += watched.axe()
        found += [one for one in sound(watched, code) if not one.startswith("not translated")]
        wrong += [f"{below or '/'}: {one}" for one in found]
        watched.faults.clear()
    assert not wrong, shown(wrong)
