"""`make run` itself: a real Airflow with a LocalExecutor on a small workspace."""

from __future__ import annotations

import io
import json
import os
import re
import socket
import sqlite3
import stat
import subprocess
import sys

import pytest
from ops import environment as ops_environment
from ops import processes, rounds
from ops import run as ops_run
from places import REPOSITORY
from rich.console import Console

from moulouya import registry, release, versions
from small_workspace import column


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


@pytest.fixture
def outside(environment, monkeypatch):
    """What a shell would give `make run`: none of the settings of these tests' own Airflow."""
    for name in [name for name in os.environ if name.startswith(("AIRFLOW", "_AIRFLOW"))]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("MOULOUYA_AIRFLOW_PORT", str(free_port()))
    monkeypatch.setenv("MOULOUYA_PORTAL_PORT", str(free_port()))
    return dict(os.environ)


def start(outside, *options):
    return subprocess.Popen(
        [sys.executable, "-m", "ops.run", *options], cwd=REPOSITORY, env=outside, text=True,
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
    )  # fmt: skip


@pytest.mark.timeout(400)
def test_it_takes_everything_through_even_after_it_was_killed(workspace, settings, outside):
    workspace.define("communes")
    to_communes = {"code": column("text", references="communes.code"),
                   "name": column("text"), "people": column("integer")}  # fmt: skip
    workspace.define("schools", columns=to_communes, refresh={"every": "P1D"})
    workspace.derive("joined", "SELECT c.* FROM communes AS c JOIN schools USING (code)")
    workspace.define("too_few", rows={"at_least": 10})
    workspace.write("datasets/places/wrong.yml", "title: nothing\n")
    far = {"kind": "http", "url": "http://127.0.0.1:9/a.csv", "format": "csv"}
    workspace.define("far", source=far, refresh={"every": "P1D"})
    state = settings.state_root / "airflow"

    with start(outside) as first:
        for line in first.stdout:
            if "running 5 datasets" in line:
                break
        first.kill()
    assert list((state / "components").glob("*.pid"))

    with start(outside, "--once") as second:
        said = second.stdout.read()
    assert second.returncode == 1, said
    assert "stopped what an earlier start left running: api-server, dag-processor" in said
    assert "not awaited, they need the internet: far" in said
    assert "FAILED  too_few\n    failed in" in said
    assert "3 rows, expected at least 10" in said
    assert "FAILED  wrong\n    the definition cannot be used" in said
    assert f"http://127.0.0.1:{outside['MOULOUYA_AIRFLOW_PORT']}   user admin   password" in said
    portal = f"http://127.0.0.1:{outside['MOULOUYA_PORTAL_PORT']}"
    assert f"ATTACH '{portal}/catalogue.duckdb' AS moulouya (READ_ONLY);" in said

    for slug in ("communes", "schools", "joined"):
        assert versions.latest(workspace.lake, slug) is not None, said
    released = release.current(workspace.lake)
    assert released.manifest["datasets"].keys() == {"communes", "schools", "joined"}
    assert released.manifest["public_url"] == portal

    with sqlite3.connect(f"file:{state / 'airflow.db'}?mode=ro", uri=True) as database:
        told = database.execute(
            "SELECT dag_id, content FROM dag_run_note JOIN dag_run ON dag_run.id = dag_run_id"
        ).fetchall()
        pools = {name for (name,) in database.execute("SELECT pool FROM slot_pool")}
        events = database.execute(
            "SELECT name, asset_event.extra FROM asset_event JOIN asset ON asset.id = asset_id"
        ).fetchall()
    database.close()
    notes = {}
    for dag_id, content in told:
        notes.setdefault(dag_id, []).append(content)
    assert "published · version 1 · 3 rows" in notes["dataset__communes"]
    assert any("expected at least 10" in one for one in notes["dataset__too_few"])
    assert any("wrong.yml:1" in one for one in notes["dataset__wrong"])
    assert any(re.fullmatch(r"release \d+ · \d datasets", one) for one in notes["catalogue"])
    assert "host_127_0_0_1" in pools
    assert {name for name, _ in events} == {"communes", "schools", "joined", "catalogue"}
    assert all(json.loads(extra)["outcome"] == "published" for _, extra in events)

    assert processes.stop_leftovers(state / "components") == []
    for name in ("passwords.json", "secrets.json", "run.lock"):
        assert stat.S_IMODE((state / name).stat().st_mode) == 0o600
    assert stat.S_IMODE(state.stat().st_mode) == 0o700
    password = json.loads((state / "passwords.json").read_text())["admin"]
    assert len(password) >= 16
    for log in (state / "components").glob("*.log"):
        assert password not in log.read_text(), log


def test_a_port_that_was_asked_for_and_is_taken_is_refused(outside, monkeypatch):
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        monkeypatch.setenv("MOULOUYA_PORTAL_PORT", str(port))
        with pytest.raises(ops_environment.PortTaken, match=f"port {port} .MOULOUYA_PORTAL_PORT"):
            ops_environment.prepare(ops_environment.settings())


def test_a_taken_default_port_gives_way_to_the_next_and_is_kept(outside, monkeypatch):
    monkeypatch.delenv("MOULOUYA_PORTAL_PORT")
    base = free_port()
    monkeypatch.setitem(ops_environment.PORTS, "portal", base)
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", base))
        taken.listen()
        place, env = ops_environment.prepare(ops_environment.settings())
    assert base < place.portal_port < base + 100
    assert env["MOULOUYA_PUBLIC_URL"] == place.portal_url
    again, _ = ops_environment.prepare(ops_environment.settings())
    assert again.portal_port == place.portal_port


def test_secrets_are_made_once_and_kept(outside):
    first, env = ops_environment.prepare(ops_environment.settings())
    second, again = ops_environment.prepare(ops_environment.settings())
    assert first.password == second.password
    assert len(env["AIRFLOW__API_AUTH__JWT_SECRET"]) >= 64
    for name in ("AIRFLOW__CORE__FERNET_KEY", "AIRFLOW__API_AUTH__JWT_SECRET"):
        assert env[name] == again[name]


def test_airflow_listens_to_this_machine_only_and_compiles_its_code(outside, monkeypatch):
    monkeypatch.setenv("PYTHONDONTWRITEBYTECODE", "1")
    monkeypatch.setenv("AIRFLOW__CORE__PARALLELISM", "2")
    monkeypatch.setenv("AIRFLOW_HOME", "/nowhere")
    _, env = ops_environment.prepare(ops_environment.settings())
    assert env["AIRFLOW__API__HOST"] == "127.0.0.1"
    assert "PYTHONDONTWRITEBYTECODE" not in env
    assert env["AIRFLOW__CORE__PARALLELISM"] == "2"
    assert env["AIRFLOW_HOME"] != "/nowhere"


def test_what_needs_the_internet_is_not_awaited(workspace, settings):
    workspace.define(
        "far", source={"kind": "http", "url": "https://example.org/a", "format": "csv"}
    )
    workspace.derive("from_far", "SELECT * FROM far")
    workspace.define("near")
    entries = registry.load(settings.workspace_root, settings.state_root).entries
    assert rounds.online(entries) == {"far", "from_far"}
    assert [job.name for job in rounds.jobs_of(entries)] == ["near"]


def test_all_is_well_only_when_every_run_is_and_a_release_exists(workspace, outside):
    place, env = ops_environment.prepare(ops_environment.settings())
    job = rounds.Job("dataset__communes", frozenset(), outcome="published")

    def verdict(*jobs):
        return ops_run.summary(place, env, list(jobs), Console(file=io.StringIO()))

    assert not verdict(job)
    workspace.define("communes")
    workspace.run("communes")
    assert not ops_run.is_complete(place.settings)
    from moulouya import pipeline

    pipeline.release(place.settings)
    assert ops_run.is_complete(place.settings)
    assert verdict(job)
    for bad in ("held", "failed", "waiting"):
        assert not verdict(job, rounds.Job("dataset__x", frozenset(), outcome=bad))
