"""Where a lake can be, for tests that must hold in every place: a folder, and a bucket on S3.

``lake_place`` runs a test once for each place; ``bucket`` gives only the bucket. Both give a
``LakePlace``::

    def test_something(lake_place):
        lake = open_lake(lake_place.settings())             # this host
        other = open_lake(lake_place.settings("other"))     # the same lake from another host
        subprocess.run([...], env=lake_place.environment()) # MOULOUYA_LAKE, AWS_… for a child

    def test_a_story(lake_place):
        workspace = lake_place.workspace()                  # a SmallWorkspace that runs there

A host is a state folder: on S3 two of them share the bucket and nothing else; a lake in a folder
is of one host, so that its "hosts" share the folder. The store is moto in a process of its own,
one for all tests of a worker; every test gets its own prefix. It honours If-None-Match, as
``BucketLake`` demands.
"""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from moulouya.settings import Settings
from small_workspace import REGION, SmallWorkspace

HOST = "127.0.0.1"
BUCKET = "lakes"
KEYS = {
    "AWS_ACCESS_KEY_ID": "key",
    "AWS_SECRET_ACCESS_KEY": "secret",
    "AWS_REGION": "us-east-1",
}


@dataclass(frozen=True)
class LakePlace:
    """One lake of a test, and how its hosts reach it."""

    kind: str
    lake: str
    folder: Path
    endpoint: str = ""

    @property
    def remote(self) -> bool:
        """Whether the lake is in a bucket."""
        return self.kind == "s3"

    def settings(self, host: str = "host", **more: Any) -> Settings:
        """The settings of a host of this lake."""
        given = {"workspace": self.folder / "workspace", "state": self.folder / "state" / host}
        return Settings(**{**given, "lake": self.lake, **more})

    def workspace(self, host: str = "host") -> SmallWorkspace:
        """The workspace that every host has, with a region and nothing on the shelves at first."""
        made = SmallWorkspace(self.folder / "workspace", self.settings(host))
        if not (made.root / "region.yml").exists():
            made.write_yaml("region.yml", REGION)
        return made

    def environment(self, host: str = "host") -> dict[str, str]:
        """The environment of a child process that is one of the hosts."""
        settings = self.settings(host)
        moulouya = {
            "MOULOUYA_LAKE": self.lake,
            "MOULOUYA_STATE": str(settings.state_root),
            "MOULOUYA_WORKSPACE": str(settings.workspace_root),
        }
        aws = {**KEYS, "AWS_ENDPOINT_URL": self.endpoint} if self.remote else {}
        return {**os.environ, **moulouya, **aws}


def free_port() -> int:
    """A port nobody listens on."""
    with socket.socket() as found:
        found.bind((HOST, 0))
        return int(found.getsockname()[1])


# moto looks first and writes then, so that two of its threads may create one object: what real
# stores do in one step is done here one after the other.
SERVER = """
import io, sys, threading
import werkzeug.serving
from moto.moto_server import werkzeug_app

class Quiet(werkzeug.serving.WSGIRequestHandler):
    protocol_version = "HTTP/1.1"

    def log(self, *_):
        pass

app = werkzeug_app.DomainDispatcherApplication(werkzeug_app.create_backend_app)
one = threading.Lock()

def in_turn(environ, start_response):
    if "HTTP_IF_NONE_MATCH" not in environ or environ["REQUEST_METHOD"] != "PUT":
        return app(environ, start_response)
    sent = environ["wsgi.input"].read(int(environ["CONTENT_LENGTH"]))
    with one:
        return list(app({**environ, "wsgi.input": io.BytesIO(sent)}, start_response))

server = werkzeug.serving.make_server(
    "127.0.0.1", int(sys.argv[1]), in_turn, threaded=True, request_handler=Quiet
)
print(server.port, flush=True)
server.serve_forever()
"""


@contextmanager
def s3_server(log: Path, port: int = 0) -> Iterator[str]:
    """Run an S3 server in a process of its own, with one bucket; yields its address."""
    with log.open("a") as errors:
        server = subprocess.Popen(
            [sys.executable, "-c", SERVER, str(port)],
            stdout=subprocess.PIPE, stderr=errors, text=True,
        )  # fmt: skip
    assert server.stdout is not None
    try:
        said = server.stdout.readline().strip()
        assert said, log.read_text()
        make_bucket(f"http://{HOST}:{said}")
        yield f"http://{HOST}:{said}"
    finally:
        server.kill()
        server.wait()
        server.stdout.close()


@pytest.fixture(scope="session")
def s3_endpoint(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The address of an S3 server that all tests of this worker share."""
    with s3_server(tmp_path_factory.mktemp("s3") / "log") as address:
        yield address


def make_bucket(endpoint: str, bucket: str = BUCKET) -> None:
    """Create a bucket."""
    request = urllib.request.Request(f"{endpoint}/{bucket}", method="PUT")
    urllib.request.urlopen(request, timeout=20).close()


@pytest.fixture
def bucket(s3_endpoint: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> LakePlace:
    """A place in a bucket, with the environment set that leads there."""
    _clean(monkeypatch)
    for name, value in {**KEYS, "AWS_ENDPOINT_URL": s3_endpoint}.items():
        monkeypatch.setenv(name, value)
    prefix = f"{tmp_path.parent.name}-{tmp_path.name}".replace("[", "-").replace("]", "")
    return LakePlace("s3", f"s3://{BUCKET}/{prefix}", tmp_path, s3_endpoint)


@pytest.fixture(params=["folder", "s3"])
def lake_place(
    request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> LakePlace:
    """Every place in which a lake can be, one after the other."""
    if request.param == "s3":
        place: LakePlace = request.getfixturevalue("bucket")
        return place
    _clean(monkeypatch)
    return LakePlace("folder", str(tmp_path / "lake"), tmp_path)


def _clean(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in Settings.model_fields:
        monkeypatch.delenv(f"MOULOUYA_{name.upper()}", raising=False)
