"""The registry: what a scheduler must know of every dataset, compiled once and read cheaply."""

from __future__ import annotations

import json
import subprocess
import sys

from moulouya import registry
from small_workspace import column


def load(workspace):
    return registry.load(workspace.root, workspace.settings.state_root)


def test_an_entry_says_what_a_scheduler_needs(workspace):
    workspace.define(
        "communes",
        source={"kind": "http", "url": "https://data.example.org/a.csv", "format": "csv"},
        refresh={"every": "P1D", "stale_after": "P3D"},
        sdg=["11.3"],
        themes=["people"],
    )
    workspace.derive("density", "SELECT * FROM communes", refresh={"cron": "0 4 * * *"})
    communes, density = load(workspace).entries
    assert (communes.slug, communes.theme, communes.kind) == ("communes", "places", "http")
    assert communes.host == "data.example.org"
    assert (communes.every_seconds, communes.stale_after_seconds) == (86400, 3 * 86400)
    assert communes.tags == ["SDG 11", "office", "people", "places"]
    assert (density.derived, density.inputs, density.cron) == (True, ["communes"], "0 4 * * *")
    assert "derived" in density.tags
    assert "derived from `communes`" in density.doc_md


def test_the_documentation_is_made_from_the_definition(workspace):
    workspace.define("communes", columns={"code": column("text", unit="km²")})
    entry = load(workspace).get("communes")
    assert entry is not None
    for part in ("## Communes", "one commune", "ODbL-1.0", "`code` | text | km² | A title"):
        assert part in entry.doc_md
    assert "file: `data/communes.csv`" in entry.doc_md


def test_a_broken_dataset_is_an_entry_with_its_faults(workspace):
    workspace.define("communes")
    workspace.define("cercles", licence="none")
    entries = {entry.slug: entry for entry in load(workspace).entries}
    assert entries["communes"].faults == []
    assert "unknown licence" in entries["cercles"].faults[0]
    assert entries["cercles"].faults[0] in entries["cercles"].doc_md
    assert entries["cercles"].tags == ["broken"]


def test_a_warm_registry_is_the_cold_one(workspace):
    workspace.define("communes", refresh={"every": "P1D"})
    assert load(workspace) == load(workspace) == registry.build(workspace.root)


def test_a_changed_added_or_removed_file_makes_it_stale(workspace):
    path = workspace.define("communes")
    load(workspace)
    workspace.define("cercles")
    assert load(workspace).get("cercles") is not None
    path.write_text(path.read_text().replace("publisher: office", "publisher: nobody"))
    assert load(workspace).get("communes").faults
    path.unlink()
    assert load(workspace).get("communes") is None


def test_a_damaged_cache_is_compiled_anew(workspace):
    workspace.define("communes")
    good = load(workspace)
    cache = workspace.settings.state_root / "registry.json"
    for damage in ("{", '{"stamp": 1}', "[]", ""):
        cache.write_text(damage)
        assert load(workspace) == good
    kept = json.loads(cache.read_text())
    kept["entries"][0]["unknown"] = 1
    cache.write_text(json.dumps(kept))
    assert load(workspace) == good


def test_a_state_folder_that_cannot_be_written_is_no_obstacle(workspace, tmp_path):
    workspace.define("communes")
    (tmp_path / "file").write_text("not a folder")
    assert registry.load(workspace.root, tmp_path / "file").get("communes") is not None


def test_a_warm_registry_needs_nothing_heavy(workspace):
    workspace.define("communes")
    load(workspace)
    code = (
        "import sys; from pathlib import Path; from moulouya import registry; "
        "print(registry.load(Path(sys.argv[1]), Path(sys.argv[2])).entries[0].slug); "
        "print([n for n in ('pydantic', 'duckdb', 'pandas', 'great_expectations', 'yaml') "
        "if n in sys.modules])"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, workspace.root, workspace.settings.state_root],
        capture_output=True, text=True, check=True,
    )  # fmt: skip
    assert done.stdout.split("\n")[:2] == ["communes", "[]"]
