"""What a page costs the server and its reader: `python -m benchmarks.portal [--lake FOLDER]`.

CPU is read from /proc of the server's processes before and after a number of requests, so that a
busy machine changes the figures little. *Kept*: the same page again, from memory. *Made*: the same
page with a query that nobody asked for before. *First load*: everything that a browser fetches for
a page that it sees for the first time, compressed as it was sent.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import count
from pathlib import Path
from typing import Any

import httpx

PAGES = {
    "home": "/ar/",
    "list": "/ar/datasets",
    "search": "/ar/datasets?q=%D8%B3%D9%83%D8%A7%D9%86",
    "dataset": "/ar/datasets/population_by_age_2024",
    "rows": "/ar/datasets/population_by_age_2024/data",
    "place": "/ar/places/02.113",
}
# The rows take no parameter that they do not know: there, every page of them is another one.
UNKNOWN = {"rows": "_next"}
KEPT_TIMES, MADE_TIMES = 1000, 60
AIMS = {"kept": 1.0, "made": 20.0, "first_load": 150_000}
TICK = os.sysconf("SC_CLK_TCK")


def cpu(pid: int) -> float:
    """CPU seconds of a process and of all that it started."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    own = (int(fields[11]) + int(fields[12])) / TICK
    children = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    return own + sum(cpu(int(child)) for child in children)


@contextmanager
def served(lake: Path) -> Iterator[tuple[str, int]]:
    """The portal of a lake as in production; its address and process."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    url = f"http://127.0.0.1:{port}"
    with tempfile.TemporaryDirectory() as state:
        environment = {**os.environ, "MOULOUYA_LAKE": str(lake), "MOULOUYA_STATE": state,
                       "MOULOUYA_PUBLIC_URL": url}  # fmt: skip
        program = Path(sys.executable).with_name("moulouya")
        process = subprocess.Popen(
            [str(program), "serve", "--port", str(port)],
            env=environment,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        try:
            while process.poll() is None:
                try:
                    if httpx.get(f"{url}/health/ready", timeout=60).status_code == 200:
                        break
                except httpx.TransportError:
                    time.sleep(0.2)
            yield url, process.pid
        finally:
            process.send_signal(signal.SIGTERM)
            process.wait(timeout=120)


def measure(url: str, pid: int, path: str, parameter: str = "again") -> dict[str, float]:
    """Milliseconds of CPU for one request of a page, kept and made."""
    figures = {}
    numbers = count()
    joint = "&" if "?" in path else "?"
    with httpx.Client(base_url=url, headers={"accept-encoding": "br"}, timeout=60) as client:

        def ask(address: str) -> None:
            answer = client.get(address)
            # An address with a parameter that a page does not know may be refused politely.
            assert answer.status_code in (200, 304), (address, answer.status_code)

        for _ in range(3):
            ask(path)
        for name, times in (("kept", KEPT_TIMES), ("made", MADE_TIMES)):
            before = cpu(pid)
            for _ in range(times):
                ask(path if name == "kept" else f"{path}{joint}{parameter}={next(numbers)}")
            figures[name] = round(1000 * (cpu(pid) - before) / times, 2)
    return figures


def first_load(url: str, path: str) -> dict[str, Any]:
    """Bytes on the wire of everything a browser loads for a page, by its own count."""
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=shutil.which("chromium"),
            args=["--no-sandbox", "--disable-gpu", "--disable-background-networking"],
        )
        page = browser.new_page(viewport={"width": 360, "height": 740})
        session = page.context.new_cdp_session(page)
        session.send("Network.enable")
        loaded: dict[str, float] = {}
        names: dict[str, str] = {}
        # fmt: off
        session.on("Network.requestWillBeSent",
                   lambda said: names.update({said["requestId"]: said["request"]["url"]}))
        session.on("Network.loadingFinished",
                   lambda said: loaded.update({said["requestId"]: said["encodedDataLength"]}))
        # fmt: on
        page.goto(f"{url}{path}", wait_until="networkidle")
        browser.close()
    by_name = {names[one].removeprefix(url).rpartition("/")[2] or "page": round(size)
               for one, size in loaded.items()}  # fmt: skip
    return {"bytes": sum(by_name.values()), "files": by_name}


def main() -> None:
    """Measure every page, print a table, and end with 1 where an aim is missed."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--lake", type=Path, default=Path(".moulouya/lake"))
    parser.add_argument("--json", action="store_true")
    chosen = parser.parse_args()
    found: dict[str, Any] = {"load": round(os.getloadavg()[0], 1)}
    with served(chosen.lake.absolute()) as (url, pid):
        for name, path in PAGES.items():
            found[name] = measure(url, pid, path, UNKNOWN.get(name, "again"))
        if shutil.which("chromium"):
            for name in ("home", "dataset"):
                found[name]["first_load"] = first_load(url, PAGES[name])
    if chosen.json:
        print(json.dumps(found, indent=2))
    else:
        print(f"{'page':<10}{'kept ms':>10}{'made ms':>10}{'first load':>14}")
        for name in PAGES:
            one = found[name]
            size = one.get("first_load", {}).get("bytes")
            print(
                f"{name:<10}{one['kept']:>10}{one['made']:>10}{f'{size:,} B' if size else '':>14}"
            )
    missed = [
        (name, aim)
        for name in PAGES
        for aim, most in AIMS.items()
        if aim in found[name]
        and (found[name][aim]["bytes"] if aim == "first_load" else found[name][aim]) > most
    ]
    for name, aim in missed:
        print(f"missed: {name} {aim}", file=sys.stderr)
    sys.exit(1 if missed else 0)


if __name__ == "__main__":
    main()
