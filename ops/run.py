"""`make run`: starts Airflow and the portal, runs every dataset, says where to look.

Ctrl-C stops everything. What was interrupted, however hard, is taken up by the next start.
"""

from __future__ import annotations

import argparse
import datetime as dt
import os
import signal
import sqlite3
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from types import FrameType
from typing import NoReturn

import httpx
from rich.console import Console

from moulouya import registry, released, versions
from moulouya.errors import MoulouyaError
from moulouya.settings import Settings
from moulouya.storage.lake import look_into
from ops import environment, processes, rounds
from ops.progress import Progress
from ops.rest import Airflow

BIN = Path(sys.executable).parent
HEALTH_SECONDS = 300
PARTS = ("metadatabase", "scheduler", "dag_processor", "triggerer")


class CannotStart(Exception):
    """Something that the start needs is not there; the message says what to do."""


def stop_on_signal(number: int, frame: FrameType | None) -> NoReturn:
    for one in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(one, signal.SIG_IGN)
    raise KeyboardInterrupt


def migrate(place: environment.Place, env: dict[str, str]) -> None:
    """Create or upgrade Airflow's database, and give up the jobs of schedulers that are gone.

    Their tasks are then started again at once and not after a timeout.
    """
    done = subprocess.run(
        [BIN / "airflow", "db", "migrate"], env=env, capture_output=True, text=True, check=False
    )
    if done.returncode:
        raise CannotStart(f"airflow db migrate failed:\n{done.stderr[-3000:]}")
    with sqlite3.connect(place.state / "airflow.db", timeout=30) as database:
        database.execute("UPDATE job SET state = 'failed' WHERE state = 'running'")
    database.close()


def start(place: environment.Place, supervisor: processes.Supervisor) -> None:
    """Start the components of Airflow and the portal."""
    airflow = str(BIN / "airflow")
    # The API writes its audit log on the event loop: where it waits for a lock that another of its
    # own requests holds, everything stands still. It gives up soon, and is asked again.
    patience = {"AIRFLOW__DATABASE__SQL_ALCHEMY_CONN": environment.database_of(place, 2)}
    supervisor.start("api-server", [airflow, "api-server"], **patience)
    supervisor.start("scheduler", [airflow, "scheduler", "--skip-serve-logs"])
    supervisor.start("dag-processor", [airflow, "dag-processor"])
    supervisor.start("triggerer", [airflow, "triggerer", "--skip-serve-logs"])
    serve = [str(BIN / "moulouya"), "serve", "--port", str(place.portal_port)]
    supervisor.start("portal", serve)


def wait_for(condition: Callable[[], str], check: Callable[[], None]) -> None:
    """Wait until a condition names nothing that is missing."""
    deadline = time.monotonic() + HEALTH_SECONDS
    while missing := condition():
        check()
        if time.monotonic() > deadline:
            raise CannotStart(f"not ready after {HEALTH_SECONDS} s: {missing}")
        time.sleep(0.5)


def unhealthy(airflow: Airflow) -> str:
    """The parts of Airflow that are not up yet."""
    health = airflow.health()
    return ", ".join(part for part in PARTS if health.get(part) != "healthy")


def unparsed(airflow: Airflow, wanted: set[str], since: dt.datetime) -> str:
    """The DAGs that Airflow has not read since this start."""
    try:
        found = airflow.dags()
        read = {
            dag_id
            for dag_id, dag in found.items()
            if (rounds.moment(dag["last_parsed_time"]) or since) > since
        }
        if wanted <= read:
            return ""
        if errors := airflow.import_errors():
            raise CannotStart("DAG files cannot be read:\n" + "\n".join(errors))
    except httpx.HTTPError as error:
        return str(error)
    return ", ".join(sorted(wanted - read))


def portal_down(place: environment.Place) -> str:
    """Why the portal does not answer yet."""
    try:
        answer = httpx.get(f"{place.portal_url}/health/live", trust_env=False, timeout=5)
    except httpx.HTTPError as error:
        return f"the portal ({error})"
    return "" if answer.status_code < 500 else f"the portal (status {answer.status_code})"


def is_complete(settings: Settings) -> bool:
    """Whether the newest release has the newest standing version of every dataset."""
    lake = look_into(settings)
    found = released.current(lake, verify=False)
    has = found.manifest["datasets"] if found is not None else {}
    stand = {slug: versions.standing(lake, slug) for slug in lake.names(lake.datasets)}
    wanted = {slug: one.number for slug, one in stand.items() if one is not None}
    return {slug: entry["version"] for slug, entry in has.items()} == wanted


def run_all(
    place: environment.Place,
    env: dict[str, str],
    supervisor: processes.Supervisor,
    progress: Progress,
) -> list[rounds.Job]:
    """Bring everything up and every dataset and a release through; returns how each ended."""
    entries = registry.load(place.settings.workspace_root, place.settings.state_root).entries
    since = rounds.now()
    airflow = Airflow(place.airflow_url, environment.USER, place.password)
    progress.now("starting Airflow and the portal")
    start(place, supervisor)
    wait_for(lambda: unhealthy(airflow), supervisor.check)
    jobs = rounds.jobs_of(entries)
    progress.now("reading the DAGs")
    wanted = {job.dag_id for job in jobs} | {"catalogue"}
    wait_for(lambda: unparsed(airflow, wanted, since), supervisor.check)
    progress.now(f"running {len(jobs)} datasets")
    if left_out := sorted(rounds.online(entries)):
        progress.say(f"not awaited, they need the internet: {', '.join(left_out)}")
    run = rounds.Round(airflow, progress, supervisor.check, since)
    run.run(jobs)
    progress.now("committing a release")
    while True:
        release = rounds.Job("catalogue", frozenset(job.dag_id for job in jobs), derived=True)
        run.run([*jobs, release])
        if release.outcome == "failed" or is_complete(place.settings):
            break
        run.since = rounds.now()
    wait_for(lambda: portal_down(place), supervisor.check)
    progress.now("")
    return [*jobs, release]


def summary(
    place: environment.Place, env: dict[str, str], jobs: list[rounds.Job], console: Console
) -> bool:
    """Print how it went and where to look; returns whether all is well."""
    bad = [job for job in jobs if job.outcome not in ("published", "unchanged")]
    number = released.newest_number(look_into(place.settings))
    lines = [""]
    good = len(jobs) - len(bad)
    lines.append(f"{good} of {len(jobs)} runs ended well; the catalogue is at release {number}")
    for job in bad:
        lines.append(f"  {job.outcome.upper()}  {job.name}")
        lines.extend(f"    {line}" for line in job.sentence.splitlines())
    if not number:
        lines.append("  NO RELEASE was made: the portal has nothing to show yet")
    public = env["MOULOUYA_PUBLIC_URL"].rstrip("/")
    lines += [
        "",
        f"Airflow  {place.airflow_url}   user {environment.USER}   password {place.password}",
        f"Portal   {public}",
        f"DuckDB   ATTACH '{public}/catalogue.duckdb' AS moulouya (READ_ONLY);",
        "",
    ]
    console.print("\n".join(lines), markup=False, highlight=False, soft_wrap=True)
    return not bad and number is not None


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    about = "run everything, report, stop; exit code 0 when all went well"
    parser.add_argument("--once", action="store_true", help=about)
    once = parser.parse_args().once
    console = Console()
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, stop_on_signal)
    supervisor = None
    try:
        settings = environment.settings()
        state = environment.state_of(settings)
        processes.hold(state)
        components = state / "components"
        components.mkdir(exist_ok=True, mode=0o700)
        with Progress(console) as progress:
            if left := processes.stop_leftovers(components):
                progress.say(f"stopped what an earlier start left running: {', '.join(left)}")
            place, env = environment.prepare(settings)
            progress.now("preparing Airflow's database")
            migrate(place, env)
            supervisor = processes.Supervisor(components, env, progress.say)
            jobs = run_all(place, env, supervisor, progress)
        good = summary(place, env, jobs, console)
        if once:
            return 0 if good else 1
        console.print("Everything keeps running; Ctrl-C stops it.")
        while True:
            supervisor.check()
            time.sleep(1)
    except (processes.AlreadyRunning, environment.PortTaken, CannotStart, MoulouyaError) as error:
        console.print(f"cannot start: {error}", style="red", markup=False, highlight=False)
        return 2
    except KeyboardInterrupt:
        return 130
    finally:
        if supervisor is not None:
            console.print("stopping …")
            supervisor.stop()


if __name__ == "__main__":
    os.umask(0o077)
    sys.exit(main())
