"""From the command line to the reader: a suspicious delivery waits until a person decides."""

from __future__ import annotations

import json
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import duckdb
import httpx
import pytest
from typer.testing import CliRunner, Result

from moulouya.cli import app
from moulouya.settings import Settings
from moulouya.storage.files import read_json
from small_workspace import COLUMNS, SmallWorkspace, rows_of

NAMES = ("Berkane", "Saïdia", "Ahfir", "Zegzel")
GOOD = "code,name,people\n" + "".join(
    f"{n:02d},{NAMES[n % 4]} {n},{n * 10}\n" for n in range(60)
)  # fmt: skip
BROKEN_OFF = "\n".join(GOOD.split("\n")[:25]) + "\n90,Oujda,many\n"


@dataclass(frozen=True)
class Story:
    """A workspace, its command line, and the portal that serves its lake meanwhile."""

    workspace: SmallWorkspace
    url: str

    def cli(self, *arguments: str, exit_code: int = 0) -> Result:
        """One command; its exit code is checked."""
        settings = self.workspace.settings
        places = ["--workspace", str(self.workspace.root), "--lake", str(settings.lake_root)]
        done = CliRunner().invoke(app, [*arguments, *places])
        assert done.exit_code == exit_code, done.output
        return done

    def told(self, *arguments: str, exit_code: int = 0) -> Any:
        """What a command says as JSON."""
        return json.loads(self.cli(*arguments, "--json", exit_code=exit_code).stdout)

    def page(self, code: str = "en") -> str:
        """The dataset's page."""
        return httpx.get(f"{self.url}/{code}/datasets/communes").raise_for_status().text

    def downloaded(self, name: str, version: str = "latest") -> bytes:
        """A file of the dataset."""
        address = f"{self.url}/files/communes/{version}/{name}"
        return httpx.get(address, follow_redirects=True).raise_for_status().content

    def served(self) -> int:
        """How many rows the newest table has that the portal hands out."""
        path = self.workspace.root / "downloaded.parquet"
        path.write_bytes(self.downloaded("communes.parquet"))
        return len(rows_of(path))

    def has(self, release: int) -> None:
        """Wait until the portal serves a release."""
        for _ in range(10_000):
            if httpx.get(f"{self.url}/health/ready").json().get("release") == release:
                return
        raise AssertionError(f"the portal does not serve release {release}")


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@pytest.fixture
def story(workspace: SmallWorkspace, monkeypatch: pytest.MonkeyPatch) -> Iterator[Story]:
    """Version 1 is published and served; the delivery after it broke off and is held."""
    port = _free_port()
    url = f"http://127.0.0.1:{port}"
    monkeypatch.setenv("MOULOUYA_PUBLIC_URL", url)
    settings = Settings(workspace=workspace.root, lake=workspace.settings.lake_root)
    made = Story(SmallWorkspace(workspace.root, settings), url)
    workspace.data("communes", GOOD)
    workspace.define("communes", columns=COLUMNS, rejects={"at_most": "10%"})
    made.cli("run", "communes")
    command = "import sys; from moulouya.cli import app; app(sys.argv[1:])"
    arguments = ["serve", "--port", str(port), "--lake", str(settings.lake_root)]
    process = subprocess.Popen(
        [sys.executable, "-c", command, *arguments, "--workspace", str(workspace.root)],
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
    )  # fmt: skip
    try:
        assert process.stdout is not None
        assert any("Started worker" in line for line in process.stdout), "it did not start"
        with httpx.Client(transport=httpx.HTTPTransport(retries=6)) as client:
            assert client.get(f"{url}/health/live").json() == {"status": "live"}
        made.has(1)
        workspace.data("communes", BROKEN_OFF)
        made.cli("run", "communes", exit_code=1)
        yield made
    finally:
        process.send_signal(signal.SIGTERM)
        process.communicate(timeout=20)


def test_a_held_delivery_waits_is_shown_and_is_published_by_a_name_and_a_reason(
    story: Story,
) -> None:
    lake = story.workspace.lake

    (row,) = story.told("status")
    assert (row["outcome"], row["version"], row["rows"]) == ("held", 1, 60)
    assert any("60 rows became 24" in reason for reason in row["reasons"])
    assert "held" in story.cli("status").output

    beside = story.told("report", "communes")
    assert beside["rows"] == {"before": 60, "after": 24}
    assert (beside["version"], beside["previous"], beside["rejected"]) == (2, 1, 1)
    shown = story.cli("report", "communes").output
    assert "60 rows became 24" in shown
    assert "decide: moulouya approve communes" in shown
    assert "1 rejected row: " in shown
    assert beside["rejected_rows"] in shown.replace("\n", "")

    for code in ("ar", "fr", "en"):
        assert "communes/2/" not in story.page(code)
    assert "A person examines it" in story.page()
    assert story.served() == 60
    missing = httpx.get(f"{story.url}/files/communes/2/communes.parquet")
    assert missing.status_code == 404

    said = story.told("approve", "communes", "--by", "Amina", "--reason", "two cercles merged")
    assert (said["run"]["outcome"], said["release"]["release"]) == ("published", 2)
    decision = read_json(lake.version("communes", 2) / "version.json")["decision"]
    assert decision["decided"]
    assert {**decision, "decided": ""} == {
        "decision": "approved", "by": "Amina", "reason": "two cercles merged", "decided": "",
    }  # fmt: skip

    story.has(2)
    assert story.served() == 24
    history = story.page()[story.page().index('class="versions"') :]
    assert "approved by Amina on" in history
    assert "two cercles merged" in history
    assert "الموافق" not in story.page("ar")
    assert "وافق عليه Amina" in story.page("ar")
    assert "approuvée par Amina" in story.page("fr")
    assert story.downloaded("communes.parquet", "1") != story.downloaded("communes.parquet", "2")
    with duckdb.connect(str(lake.releases / "2" / "serving.duckdb"), read_only=True) as con:
        decided = con.execute(
            "SELECT version, decided, decided_by, decided_reason FROM catalogue.versions"
        ).fetchall()
    assert decided == [(2, decision["decided"], "Amina", "two cercles merged")]
    assert story.told("run", "communes")["runs"][0]["outcome"] == "unchanged"


def test_a_rejected_delivery_leaves_the_old_version_and_is_not_asked_about_again(
    story: Story,
) -> None:
    said = story.told("reject", "communes", "--by", "Amina", "--reason", "the export broke off")
    assert (said["outcome"], said["version"]) == ("unchanged", 1)
    again = story.told("run", "communes")
    assert [one["outcome"] for one in again["runs"]] == ["unchanged"]
    (row,) = story.told("status")
    assert (row["outcome"], row["version"]) == ("unchanged", 1)
    assert story.served() == 60
    story.cli("approve", "communes", "--by", "B", "--reason", "x", exit_code=2)
    assert story.workspace.lake.numbers(story.workspace.lake.versions("communes")) == [1]


def test_a_version_that_nobody_had_to_decide_about_names_nobody(story: Story) -> None:
    lake = story.workspace.lake
    assert read_json(lake.version("communes", 1) / "version.json")["decision"] is None
    with duckdb.connect(str(lake.releases / "1" / "serving.duckdb"), read_only=True) as con:
        assert con.execute(
            "SELECT decided, decided_by, decided_reason FROM catalogue.versions"
        ).fetchall() == [(None, None, None)]
    assert "approved by" not in story.page()
