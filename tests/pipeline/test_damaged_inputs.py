"""What a run reads from the lake is held against its recorded hash first, or nothing is made of it.

A bit that turned over in a table is read without a word as another figure; what was made of it
would be published with a sound hash.
"""

from __future__ import annotations

import pytest

from moulouya import approval
from moulouya.errors import LakeError
from small_workspace import ROWS


@pytest.fixture(autouse=True)
def nothing_was_hashed_before(monkeypatch):
    """A process that starts knows of no file that it is sound."""
    monkeypatch.setattr("moulouya.storage.lake._sound", {})


def spoil(path):
    """Flip one bit in the middle of a committed file."""
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 4
    path.chmod(0o644)
    path.write_bytes(data)


def error_of(workspace, slug):
    """How the last run of a dataset failed."""
    from moulouya import ledger

    last = ledger.last_runs(workspace.lake, {slug})[slug]
    assert last["outcome"] == "failed"
    return last["error"]


def test_a_table_is_not_derived_from_a_damaged_one(workspace):
    workspace.define("communes")
    workspace.define("counts")
    workspace.derive(
        "joined", "SELECT c.code, c.name, p.people FROM communes c JOIN counts p USING (code)"
    )
    workspace.run()
    assert workspace.lake.latest(workspace.lake.versions("joined")) == 1
    spoil(workspace.lake.version("communes", 1) / "communes.parquet")
    workspace.data("counts", ROWS.replace("100", "101"))
    assert workspace.outcome("counts") == "published"
    assert workspace.outcome("joined") == "failed"
    error = error_of(workspace, "joined")
    assert "communes.parquet is damaged" in error["message"]
    assert "restore" in error["hint"]
    assert workspace.lake.latest(workspace.lake.versions("joined")) == 1


def test_a_delivery_is_not_compared_with_a_damaged_version(workspace):
    workspace.define("communes")
    workspace.run()
    spoil(workspace.lake.version("communes", 1) / "communes.parquet")
    workspace.data("communes", ROWS.replace("100", "101"))
    assert workspace.outcome("communes") == "failed"
    assert "communes.parquet is damaged" in error_of(workspace, "communes")["message"]


def test_a_damaged_delivery_that_the_source_gives_again_is_kept_once_more(workspace):
    workspace.define("communes")
    workspace.run()
    spoil(workspace.lake.snapshots("communes") / "1" / "body")
    workspace.define("communes", title={"ar": "أ", "fr": "b", "en": "c"})
    assert workspace.outcome("communes") == "published"
    kept = workspace.lake.snapshots("communes") / "2" / "body"
    assert kept.read_text() == ROWS
    (delivery,) = workspace.lake.version("communes", 2).glob("version.json")
    assert '"number": 2' in delivery.read_text()


@pytest.mark.parametrize("name", ["communes.parquet", "communes.csv.gz", "version.json"])
def test_a_held_version_that_was_damaged_since_cannot_be_approved(workspace, name):
    workspace.define("communes", rows={"change_within": "10%"})
    workspace.run()
    workspace.data("communes", "code,name,people\n01,Berkane,100\n")
    assert workspace.outcome("communes") == "held"
    (held,) = workspace.lake.quarantine("communes").iterdir()
    spoil(held / name)
    with pytest.raises(LakeError, match="damaged"):
        approval.approve(workspace.settings, "communes", by="Salma", reason="looks right")
    assert workspace.lake.latest(workspace.lake.versions("communes")) == 1
