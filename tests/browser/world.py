"""What the browser looks at: a lake of real datasets, served as in production."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import httpx

from moulouya import pipeline
from moulouya.settings import Settings
from moulouya.storage.lake import open_lake

REPOSITORY = Path(__file__).parents[2]
# Of the default datasets, those that between them have every kind of page, chart and map.
SLUGS = (
    "regions", "provinces", "cercles", "communes", "places", "commune_crosswalk_2014_2024",
    "commune_boundaries", "commune_density", "population_2024", "population_by_age_2024",
    "soil_sites",
)  # fmt: skip
LANGUAGES = {"ar": "rtl", "fr": "ltr", "en": "ltr"}
STARTS_WITHIN = 300
BERKANE = "02.113"
# One of each page, below the language. A test holds them against the application's routes.
PAGES = {
    "home": "/",
    "list": "/datasets",
    "nothing found": "/datasets?q=zzzzqqqq",
    "found with a place": "/datasets?q=population+Berkane",
    "theme": "/themes/demography",
    "theme in figures": "/themes/demography/figures",
    "dataset": "/datasets/population_by_age_2024",
    "dataset with a map": "/datasets/commune_boundaries",
    "lineage": "/datasets/commune_density/lineage",
    "versions": "/datasets/communes/versions",
    "one version": "/datasets/communes/versions/1",
    "rows": "/datasets/population_by_age_2024/data",
    "chart": "/datasets/population_by_age_2024/chart",
    "map": "/datasets/commune_boundaries/map",
    "embedded chart": "/embed/population_by_age_2024/chart",
    "embedded map": "/embed/commune_boundaries/map",
    "embedded rows": "/embed/population_by_age_2024/data",
    "SQL console": "/sql",
    "SQL console of a dataset": "/sql?dataset=communes",
    "API": "/api",
    "OGC API": "/ogc",
    "OGC API: features": "/ogc/collections/commune_boundaries/items",
    "OGC API: a record": "/ogc/collections/catalog/items/communes",
    "goals": "/sdg",
    "goal": "/sdg/11",
    "places": "/places",
    "province": f"/places/{BERKANE}",
    "commune": f"/places/{BERKANE}.01.25",
    "embedded place": f"/embed/places/{BERKANE}",
    "comparison": f"/places/compare?code={BERKANE}&code=02.411",
    "comparison to begin": "/places/compare",
    "ranking": "/places/ranking",
    "requests": "/requests",
    "request form": "/requests/new",
    "report form": "/datasets/communes/report",
    "to follow a dataset": "/datasets/communes/follow",
    "to follow a theme": "/themes/demography/follow",
    "to follow everything": "/follow",
    "asked to follow": "/follow?sent=yes",
    "proactive publication": "/proactive",
    "privacy": "/privacy",
    "usage": "/usage",
}
# Pages that say that something is not there.
REFUSALS = {"nothing here": ("/nope", 404), "no such dataset": ("/datasets/nope", 404)}


@dataclass(frozen=True)
class Portal:
    """A portal being served: its address, its lake and its state."""

    url: str
    settings: Settings
    pid: int


def build_real(folder: Path) -> Settings:
    """A lake of real datasets in one release; takes half a minute."""
    settings = Settings(workspace=REPOSITORY, lake=folder / "lake", state=folder / "state")
    open_lake(settings)
    records = pipeline.run(settings, list(SLUGS))
    wrong = [record for record in records if record["outcome"] not in ("published", "unchanged")]
    assert not wrong, wrong
    pipeline.release(settings)
    return settings


def free_port() -> int:
    """A port that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@contextmanager
def served(settings: Settings) -> Iterator[Portal]:
    """``moulouya serve`` in a process of its own, as long as the block lasts."""
    port = free_port()
    url = f"http://127.0.0.1:{port}"
    program = Path(sys.executable).with_name("moulouya")
    command = [str(program), "serve", "--port", str(port)]
    environment = {
        **os.environ,
        "MOULOUYA_LAKE": str(settings.lake),
        "MOULOUYA_STATE": str(settings.state_root),
        "MOULOUYA_WORKSPACE": str(REPOSITORY),
        "MOULOUYA_PUBLIC_URL": url,
        # So that pages offer mails; none is sent by the portal.
        "MOULOUYA_MAIL_FROM": "data@example.org",
    }
    log = settings.state_root.with_name(f"{settings.state_root.name}.log")
    with log.open("wb") as said:
        process = subprocess.Popen(command, env=environment, stdout=said, stderr=said)
        try:
            _await(process, url, log)
            yield Portal(url, settings, process.pid)
        finally:
            process.send_signal(signal.SIGTERM)
            process.wait(timeout=STARTS_WITHIN)


def _await(process: subprocess.Popen[bytes], url: str, log: Path) -> None:
    """Return once the portal shows a release; AssertionError with its log when it never will."""
    until = time.monotonic() + STARTS_WITHIN
    while process.poll() is None and time.monotonic() < until:
        try:
            if httpx.get(f"{url}/health/ready", timeout=30).json()["status"] == "ready":
                return
        except httpx.TransportError:
            time.sleep(0.1)
    raise AssertionError(log.read_text())
