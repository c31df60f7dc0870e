"""Great Expectations' Data Docs in Airflow's UI, and the rejected rows of a held delivery.

The pages of a version are built when somebody first asks, by the command line in a process of its
own: Great Expectations takes seconds and memory that the API server, on which every task depends,
must not spend. They are kept in the state folder by version and recipe, and served as they are,
without scripts, in a frame.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
import threading
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote

from fastapi import APIRouter, HTTPException
from fastapi.responses import FileResponse, RedirectResponse
from moulouya_html import html

PREFIX = "dataset__"
SLUG = re.compile(r"[a-z][a-z0-9_]*")
# GX's pages have styles in their tags; everything else that could run or load is off.
POLICY = (
    "default-src 'none'; style-src 'self' 'unsafe-inline'; base-uri 'none'; form-action 'none'; "
    "frame-ancestors 'self'"
)
HEADERS = {
    "Content-Security-Policy": POLICY,
    "X-Content-Type-Options": "nosniff",
    "Cache-Control": "private, no-cache",
}
KINDS = {".html": "text/html", ".css": "text/css"}
KEPT, LONGEST_BUILD, SHOWN = 4, 600, 200

pages = APIRouter()
builders = ThreadPoolExecutor(max_workers=1, thread_name_prefix="data-docs")
under_way: dict[Path, Future] = {}
turn = threading.Lock()


class NotBuilt(Exception):
    """The command line could not write the pages; the message is what it said."""


@dataclass(frozen=True)
class Subject:
    """What there may be pages of: the newest version of a dataset, or its held delivery."""

    slug: str
    name: str
    key: str
    held: Path | None = None

    @property
    def rejected(self):
        """Where the rejected rows of a held delivery are shown."""
        from moulouya.storage.files import read_json

        files = read_json(self.held / "version.json")["files"] if self.held else []
        has = any(file["name"] == "rejected.parquet" for file in files)
        return f"held/{self.slug}/{self.held.name}" if has else None


@pages.get("/data-docs")
def of_a_dag(dag: str = ""):
    """The tab of a DAG: on to its dataset."""
    slug = dag.removeprefix(PREFIX)
    if dag.startswith(PREFIX) and SLUG.fullmatch(slug):
        return RedirectResponse(f"data-docs/{slug}")
    return page("", "", state="no dataset", title="Data Docs")


@pages.get("/data-docs/{slug}")
def of_a_dataset(slug: str, of: str = ""):
    """The Data Docs of what came last, held or published, built now if they are not there."""
    from moulouya.errors import MoulouyaError
    from moulouya.settings import Settings

    settings = Settings()
    try:
        found, title, failed = subjects(settings, slug)
    except MoulouyaError as error:
        return page("../", slug, 404, state="problem", title="Data Docs", problem=str(error))
    given = {"title": title, "failed": failed}
    if not found:
        return page("../", slug, state="nothing", **given)
    chosen = next((one for one in found if one.name == of), found[0])
    given["choices"] = [
        (one.name, None if one == chosen else f"{slug}?of={quote(one.name)}") for one in found
    ]
    given |= {"held": bool(chosen.held), "rejected": chosen.rejected}
    folder = settings.state_root / "data-docs" / slug / chosen.key
    try:
        if not built(settings, chosen, folder):
            return page("../", slug, 202, state="building", **given)
    except (NotBuilt, OSError, subprocess.SubprocessError) as error:
        return page("../", slug, 503, state="problem", problem=str(error), again=True, **given)
    (site,) = json.loads((folder / "site.json").read_text())
    source = f"data-docs/{slug}/{chosen.key}/{site['page']}"
    return page("../", slug, state="ready", page=source, **given)


@pages.get("/data-docs/{slug}/{key}/{path:path}")
def static(slug: str, key: str, path: str):
    """One file of a built site."""
    from moulouya.settings import Settings

    site = Settings().state_root / "data-docs" / slug / key
    file = (site / path).resolve()
    known = SLUG.fullmatch(slug) and re.fullmatch(r"[\w.-]+", key) and file.suffix in KINDS
    if not known or not file.is_relative_to(site.resolve()) or not file.is_file():
        raise HTTPException(404)
    return FileResponse(file, media_type=KINDS[file.suffix], headers=HEADERS)


@pages.get("/held/{slug}/{run}")
def rejected_rows(slug: str, run: str):
    """The rows of a held delivery that could not be read: where they stood, and why."""
    from moulouya import duck

    table = duck.literal(str(rejected(slug, run)))
    with duck.connect(memory_limit="256MB", threads=1) as con:
        found = con.execute(f"FROM read_parquet({table}) LIMIT {SHOWN}")
        names = [column[0] for column in found.description]
        rows = [[told(value) for value in row] for row in found.fetchall()]
        (total,) = con.execute(f"SELECT count(*) FROM read_parquet({table})").fetchone()
    given = {"run": run, "names": names, "rows": rows, "total": total}
    return html("moulouya_rejected.html", slug=slug, **given)


@pages.get("/held/{slug}/{run}/rejected.parquet")
def rejected_file(slug: str, run: str):
    """The same rows, all of them, as a file."""
    return FileResponse(rejected(slug, run), filename=f"{slug}-rejected.parquet", headers=HEADERS)


def page(up, slug, status=200, **given):
    """The frame around the pages, or what stands in their place."""
    unset = {"choices": [], "held": False, "rejected": None, "failed": "", "problem": ""}
    rest = {"page": "", "again": False}
    return html("moulouya_docs.html", status, **{**unset, **rest, **given, "up": up, "slug": slug})


def subjects(settings, slug):
    """What a dataset has that can be shown, the newest first; its title; why its last run failed.

    Raises MoulouyaError when there is no such dataset, or when its files are broken.
    """
    from moulouya import gates, ledger, versions, workspace
    from moulouya.storage.lake import look_into

    _, dataset = workspace.load_one(settings.workspace_root, slug)
    lake = look_into(settings)
    recipe = dataset.recipe[:12]
    found = [
        Subject(slug, "held delivery", f"{one.run_id}-{recipe}", one.path)
        for one in gates.pending(lake, slug)[-1:]
        if one.decision is None
    ]
    newest = versions.standing(lake, slug)
    if newest is not None:
        found.append(Subject(slug, f"version {newest.number}", f"{newest.number}-{recipe}"))
    last = ledger.last_runs(lake, {slug}).get(slug) or {}
    failed = (last.get("error") or {}).get("message", "") if newest else ""
    return found, dataset.definition.title.en, failed


def built(settings, subject, folder):
    """Whether the site is there; starts to build it if nobody does. Raises what stopped a build."""
    if (folder / "site.json").exists():
        return True
    with turn:
        build = under_way.get(folder)
        if build is None:
            under_way[folder] = builders.submit(write, settings, subject, folder)
            return False
        if build.done():
            del under_way[folder]
            build.result()
    return (folder / "site.json").exists()


def write(settings, subject, folder):
    """Write the site beside its place, then move it there; older ones of the dataset go."""
    new = folder.with_name(f".{folder.name}.{os.getpid()}")
    shutil.rmtree(new, ignore_errors=True)
    new.mkdir(parents=True)
    command = [
        Path(sys.executable).with_name("moulouya"), "expectations", "docs", new, subject.slug,
        "--json", "--workspace", settings.workspace_root, "--lake", settings.lake_place,
        *(["--held"] if subject.held else []),
    ]  # fmt: skip
    try:
        # The arguments are a list, and the slug is that of a dataset which was loaded.
        done = subprocess.run(  # noqa: S603
            command, capture_output=True, text=True, timeout=LONGEST_BUILD, check=False
        )
        if done.returncode:
            raise NotBuilt(complaint(done))
        (new / "site.json").write_text(done.stdout)
        if not folder.exists():
            new.rename(folder)
    finally:
        shutil.rmtree(new, ignore_errors=True)
    sites = [one for one in folder.parent.iterdir() if not one.name.startswith(".")]
    for old in sorted(sites, key=lambda one: one.stat().st_mtime)[:-KEPT]:
        shutil.rmtree(old, ignore_errors=True)


def complaint(done):
    """Why the command failed, with its hint; what it wrote when it did not even say."""
    try:
        error = json.loads(done.stdout)["error"]
    except (ValueError, KeyError):
        return done.stderr.strip()[-2000:]
    return "\n  hint: ".join(filter(None, [error["message"], error["hint"]]))


def rejected(slug, run):
    """The file with the rejected rows of a held delivery; 404 without, 403 with personal data."""
    from moulouya import gates
    from moulouya.settings import Settings
    from moulouya.storage.files import read_json
    from moulouya.storage.lake import look_into

    if not SLUG.fullmatch(slug):
        raise HTTPException(404)
    lake = look_into(Settings())
    for one in gates.pending(lake, slug):
        if one.run_id == run:
            if read_json(one.path / "privacy.json")["blocked"]:
                raise HTTPException(403, "it holds personal data and is shown on the machine only")
            path = lake.local(one.path / "rejected.parquet")
            if path.exists():
                return path
    raise HTTPException(404)


def told(value):
    """A cell as lines of text; what was delivered is shown name by name."""
    if isinstance(value, str) and value.startswith("{"):
        try:
            fields = json.loads(value)
        except ValueError:
            return [value]
        return [f"{name}: {'–' if it is None else it}" for name, it in fields.items()]
    return ["–" if value is None else value]
