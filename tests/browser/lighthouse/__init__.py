"""Lighthouse, and the budget that every type of page keeps."""

from __future__ import annotations

import fcntl
import hashlib
import json
import os
import shutil
import subprocess
from pathlib import Path
from typing import Any

HERE = Path(__file__).parent
LOCK = HERE / "package-lock.json"
BUDGET = {"performance": 95, "accessibility": 100, "best-practices": 100, "seo": 100}
FLAGS = (
    "--headless=new --no-sandbox --disable-gpu --disable-quic --no-first-run "
    "--disable-background-networking --disable-component-update --disable-sync"
)


def install() -> Path:
    """Lighthouse's program: installed once for each lock file, outside the repository.

    Its browser is the system's; none is downloaded. Raises CalledProcessError without a registry.
    """
    cache = Path(os.environ.get("XDG_CACHE_HOME", Path.home() / ".cache")) / "moulouya"
    folder = cache / f"lighthouse-{hashlib.sha256(LOCK.read_bytes()).hexdigest()[:12]}"
    program = folder / "node_modules/.bin/lighthouse"
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / ".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not (folder / "done").exists():
            for name in ("package.json", "package-lock.json"):
                shutil.copy(HERE / name, folder / name)
            subprocess.run(
                ["npm", "ci", "--no-audit", "--no-fund", "--ignore-scripts", "--silent"],
                cwd=folder,
                check=True,
                env={**os.environ, "PUPPETEER_SKIP_DOWNLOAD": "1"},
            )
            (folder / "done").touch()
    return program


def measure(program: Path, url: str) -> dict[str, Any]:
    """The scores (0 to 100) of a page, its bytes, and which audits cost points."""
    chromium = shutil.which("chromium")
    assert chromium is not None, "chromium is not installed"
    done = subprocess.run(
        [str(program), url, "--quiet", "--output=json", f"--chrome-flags={FLAGS}",
         f"--only-categories={','.join(BUDGET)}", "--disable-full-page-screenshot"],
        check=True,
        capture_output=True,
        env={**os.environ, "CHROME_PATH": chromium},
        timeout=300,
    )  # fmt: skip
    report = json.loads(done.stdout)
    audits = report["audits"]
    weighed = {
        one["id"]
        for category in report["categories"].values()
        for one in category["auditRefs"]
        if one["weight"]
    }
    lost = {
        name: audits[name].get("displayValue") or audits[name]["title"]
        for name in sorted(weighed)
        if audits[name]["score"] is not None and audits[name]["score"] < 0.9
    }
    return {
        "scores": {name: round(100 * one["score"]) for name, one in report["categories"].items()},
        "bytes": audits["total-byte-weight"]["numericValue"],
        "largest_paint_ms": round(audits["largest-contentful-paint"]["numericValue"]),
        "blocked_ms": round(audits["total-blocking-time"]["numericValue"]),
        "lost": lost,
    }


def over_budget(found: dict[str, Any]) -> dict[str, int]:
    """The scores that are below their budget."""
    return {name: found["scores"][name] for name in BUDGET if found["scores"][name] < BUDGET[name]}
