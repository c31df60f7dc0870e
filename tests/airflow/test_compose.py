"""The compose file: what a real Compose makes of it, without an engine."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from places import REPOSITORY

BIN = Path(sys.executable).parent
SECRETS = {
    name: f"{name.lower()}-of-a-test"
    for name in ("POSTGRES_PASSWORD", "REDIS_PASSWORD", "FERNET_KEY", "JWT_SECRET", "SECRET_KEY",
                 "ADMIN_PASSWORD")
}  # fmt: skip
FILE = REPOSITORY / "docker-compose.yml"


def compose(environment, *arguments):
    known = {"PATH": os.environ["PATH"], "HOME": os.environ.get("HOME", "/")}
    return subprocess.run(
        [BIN / "docker-compose", "--env-file", os.devnull, "-f", FILE, "config", *arguments],
        env={**known, **environment}, capture_output=True, text=True, check=False,
    )  # fmt: skip


@pytest.fixture(scope="module")
def services():
    done = compose(SECRETS, "--format", "json")
    assert done.stderr == ""
    return json.loads(done.stdout)["services"]


@pytest.mark.parametrize("name", SECRETS)
@pytest.mark.parametrize("value", [None, ""])
def test_without_a_secret_nothing_starts(name, value):
    given = {key: one for key, one in SECRETS.items() if key != name}
    done = compose(given if value is None else {**given, name: value}, "-q")
    assert f"required variable {name} is missing a value" in done.stderr
    assert "ops/env.example" in done.stderr


def test_the_example_names_every_secret_and_fills_in_none():
    lines = (REPOSITORY / "ops" / "env.example").read_text().splitlines()
    values = dict(line.split("=", 1) for line in lines if line and not line.startswith("#"))
    assert values == dict.fromkeys(SECRETS, "")


def test_every_service_of_the_platform_is_there(services):
    assert services.keys() == {
        "postgres", "redis", "init", "api-server", "scheduler", "dag-processor", "triggerer",
        "worker", "portal",
    }  # fmt: skip


def test_ports_are_open_to_this_machine_only(services):
    ports = {name: one["ports"] for name, one in services.items() if one.get("ports")}
    assert ports.keys() == {"api-server", "portal"}
    assert {port["host_ip"] for many in ports.values() for port in many} == {"127.0.0.1"}


def test_the_portal_shares_only_the_lake_and_cannot_write_it(services):
    portal = services["portal"]
    assert [(one["source"], one["read_only"]) for one in portal["volumes"]] == [("lake", True)]
    assert portal["networks"].keys() == {"public"}
    others = (one["networks"].keys() for name, one in services.items() if name != "portal")
    assert not any("public" in networks for networks in others)
    told = json.dumps(portal)
    assert not any(secret in told for secret in SECRETS.values())
    assert not any(name.startswith("AIRFLOW") for name in portal["environment"])


def test_no_container_has_more_rights_than_it_needs(services):
    for name, service in services.items():
        assert service["cap_drop"] == ["ALL"], name
        assert service["security_opt"] == ["no-new-privileges:true"], name
        assert service["read_only"], name
        assert service["user"] not in ("root", "0"), name
        assert not service.get("privileged"), name


def test_every_service_that_stays_up_is_watched_and_bounded(services):
    for name, service in services.items():
        assert service["mem_limit"], name
        assert service["pids_limit"], name
        assert name == "init" or service["healthcheck"]["test"], name


def test_every_image_is_pinned(services):
    for service in services.values():
        tag = service["image"].rpartition(":")[2]
        assert tag[0].isdigit()
        assert "." in tag


def test_the_linter_finds_nothing_serious():
    done = subprocess.run(
        [BIN / "compose-lint", "check", "--no-env", FILE], capture_output=True, text=True,
        env={**os.environ, **SECRETS}, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr


def test_the_image_is_built_from_what_the_repository_has():
    ignored = (REPOSITORY / ".dockerignore").read_text()
    copied = [
        word
        for line in (REPOSITORY / "Dockerfile").read_text().splitlines()
        if line.startswith("COPY ") and "--from" not in line
        for word in line.split()[1:-1]
    ]
    assert copied
    for name in copied:
        assert (REPOSITORY / name).exists(), name
        assert f"!{name.rstrip('/')}" in ignored, name
