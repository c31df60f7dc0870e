"""Releases: the whole catalogue as of one moment, committed by one entry of the log."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from pathlib import Path

import pytest

from moulouya import catalogue, pipeline, release, verification
from moulouya.errors import LakeError
from small_workspace import ROWS, SmallWorkspace


@pytest.fixture(scope="module")
def built(new_workspace: Callable[[], SmallWorkspace]) -> SmallWorkspace:
    """Two datasets in release 1."""
    workspace = new_workspace()
    workspace.define("communes")
    workspace.define("cercles", theme="people")
    workspace.run()
    assert pipeline.release(workspace.settings)["release"] == 1
    return workspace


@pytest.fixture
def released(built: SmallWorkspace, tmp_path: Path) -> SmallWorkspace:
    return built.copied(tmp_path)


def change(workspace: SmallWorkspace, name: str) -> None:
    workspace.data("communes", ROWS.replace("Berkane", name))
    assert workspace.outcome("communes") == "published"


def edit(path, content: bytes) -> None:
    path.chmod(0o644)
    path.write_bytes(content)


def test_a_release_names_every_version_with_its_hashes(released):
    found = release.current(released.lake)
    assert found.number == 1
    assert set(found.manifest["datasets"]) == {"communes", "cercles"}
    communes = found.manifest["datasets"]["communes"]
    assert (communes["theme"], communes["version"], communes["rows"]) == ("places", 1, 3)
    assert len(communes["version_sha256"]) == 64
    assert {file["name"] for file in found.manifest["files"]} >= {
        "catalogue.duckdb",
        "serving.duckdb",
    }


def test_the_log_entry_names_the_manifest_and_the_entry_before(released):
    change(released, "Berkan")
    pipeline.release(released.settings)
    first, second = (json.loads((released.lake.log / name).read_text()) for name in "12")
    assert (first["release"], first["previous_sha256"]) == (1, None)
    from moulouya.storage.files import sha256_of

    assert second["previous_sha256"] == sha256_of(released.lake.log / "1")
    assert second["manifest_sha256"] == sha256_of(released.lake.releases / "2" / "manifest.json")


def test_nothing_is_committed_upon_a_log_with_a_hole(released):
    for name in ("Berkan", "Berkane"):
        change(released, name)
        pipeline.release(released.settings)
    (released.lake.log / "2").unlink()
    change(released, "Bouarfa")
    with pytest.raises(LakeError, match="lacks the entries 2"):
        pipeline.release(released.settings)
    assert released.lake.numbers(released.lake.log) == [1, 3]


def test_nothing_new_commits_nothing(released):
    assert pipeline.release(released.settings)["outcome"] == "unchanged"
    assert released.lake.numbers(released.lake.log) == [1]


def test_another_public_address_is_a_new_release(released):
    settings = released.settings.model_copy(update={"public_url": "https://data.example.org"})
    assert pipeline.release(settings)["release"] == 2


def test_a_changed_region_is_a_new_release(released):
    path = released.root / "region.yml"
    path.write_text(path.read_text().replace("data@example.org", "open@example.org"))
    assert pipeline.release(released.settings)["release"] == 2


def test_an_empty_lake_has_nothing_to_release(workspace):
    assert release.current(workspace.lake) is None
    with pytest.raises(LakeError, match="no dataset has been published") as caught:
        pipeline.release(workspace.settings)
    assert caught.value.hint == "moulouya run --all"


def test_a_directory_without_a_log_entry_was_never_published_and_its_number_is_void(
    released, monkeypatch
):
    monkeypatch.setattr(release, "PATIENCE", 0.1)
    change(released, "Berkan")
    orphan = released.lake.releases / "2"
    orphan.mkdir()
    (orphan / "manifest.json").write_text("half a manif")
    assert release.current(released.lake).number == 1
    assert pipeline.release(released.settings)["release"] == 3
    found = release.current(released.lake)
    assert (found.number, found.manifest["datasets"]["communes"]["version"]) == (3, 2)
    assert (orphan / "manifest.json").read_text() == "half a manif"
    assert json.loads((released.lake.log / "2").read_text())["kind"] == "void"
    assert list((released.lake.root / "tmp").iterdir()) == []
    with pytest.raises(LakeError, match="never published"):
        release.read(released.lake, 2)
    assert pipeline.release(released.settings)["outcome"] == "unchanged"


def test_a_publisher_who_slept_too_long_finds_the_number_void_and_takes_the_next(
    released, monkeypatch
):
    change(released, "Berkan")
    void = {"format": 1, "kind": "void", "release": 2, "manifest_sha256": None}
    real, met = os.link, []

    def late(source, target, **more):
        if not met:
            met.append(target)
            released.lake.log.joinpath("2").write_text(json.dumps(void))
        return real(source, target, **more)

    monkeypatch.setattr(os, "link", late)
    assert pipeline.release(released.settings)["release"] == 3
    assert met
    assert json.loads((released.lake.log / "2").read_text()) == void
    assert not (released.lake.releases / "2").exists()
    assert release.current(released.lake).manifest["datasets"]["communes"]["version"] == 2


@pytest.mark.parametrize("damage", [b"", b"{}", None, "flip"])
def test_a_damaged_manifest_is_found(released, damage):
    path = released.lake.releases / "1" / "manifest.json"
    if damage is None:
        path.unlink()
    else:
        edit(
            path,
            path.read_bytes().replace(b"communes", b"communeS") if damage == "flip" else damage,
        )
    with pytest.raises(LakeError, match=r"manifest\.json"):
        release.current(released.lake)
    assert any(
        "manifest.json" in problem for problem in verification.verify(released.lake).problems
    )


@pytest.mark.parametrize("name", ["catalogue.duckdb", "serving.duckdb"])
@pytest.mark.parametrize("how", ["flip", "cut", "gone"])
def test_a_damaged_file_is_found(released, name, how):
    path = released.lake.releases / "1" / name
    data = bytearray(path.read_bytes())
    if how == "gone":
        path.unlink()
    elif how == "cut":
        edit(path, bytes(data[:-1]))
    else:
        data[len(data) // 2] ^= 1
        edit(path, bytes(data))
    with pytest.raises(LakeError, match=name):
        release.current(released.lake)
    assert release.current(released.lake, verify=False).number == 1
    assert any(name in problem for problem in verification.verify(released.lake).problems)


@pytest.mark.parametrize("damage", [b"", b"{", b"[]", b"{}"])
def test_a_damaged_log_entry_is_found(released, damage):
    edit(released.lake.log / "1", damage)
    with pytest.raises(LakeError, match="log"):
        release.current(released.lake)
    assert verification.verify(released.lake).problems


def test_every_flipped_bit_of_the_newest_log_entry_is_found(released):
    path = released.lake.log / "1"
    whole, served = path.read_bytes(), []
    for place in range(8 * len(whole)):
        data = bytearray(whole)
        data[place // 8] ^= 1 << place % 8
        edit(path, bytes(data))
        try:
            found = release.read(released.lake, 1, verify=False)
        except LakeError:
            continue
        if json.loads(data) != json.loads(whole):
            served.append(bytes(data[place // 8 - 9 : place // 8 + 9]))
        assert found.manifest
    assert served == []


def test_a_log_entry_that_does_not_continue_the_chain_is_found(released):
    change(released, "Berkan")
    pipeline.release(released.settings)
    entry = released.lake.log / "1"
    edit(entry, entry.read_bytes() + b"\n")
    problems = verification.verify(released.lake).problems
    assert any("does not continue" in problem for problem in problems)


def test_a_gap_in_the_log_is_found(released):
    for name in ("Berkan", "Berkann"):
        change(released, name)
        pipeline.release(released.settings)
    (released.lake.log / "2").unlink()
    problems = verification.verify(released.lake).problems
    assert any("log/2: missing" in problem for problem in problems)


@pytest.mark.parametrize(
    "name", ["snapshots/communes/1/body", "datasets/communes/1/communes.parquet",
             "datasets/communes/1/communes.csv.gz", "datasets/communes/1/version.json"],
)  # fmt: skip
def test_any_flipped_bit_of_the_lake_is_found(released, name):
    path = released.lake.root / name
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 4
    edit(path, bytes(data))
    assert any(name in problem for problem in verification.verify(released.lake).problems)


def test_a_build_that_fails_leaves_no_release(released, monkeypatch):
    change(released, "Berkan")

    def stop(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(catalogue.database, "build_serving", stop)
    with pytest.raises(LakeError, match="No space left") as caught:
        pipeline.release(released.settings)
    assert "the disk is full" in caught.value.hint
    assert release.current(released.lake).number == 1
    assert released.lake.numbers(released.lake.releases) == [1]
    monkeypatch.undo()
    assert pipeline.release(released.settings)["release"] == 2
