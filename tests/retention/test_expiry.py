"""What expires by policy goes, and nothing else: versions, releases, withdrawn data."""

from __future__ import annotations

import datetime as dt
import json
from pathlib import Path

import pytest

from moulouya import ledger, pipeline, release, retention, verification, versions
from moulouya.storage import leases
from moulouya.storage.files import checked_json, read_json, sha256_of
from small_workspace import SmallWorkspace

DATA = (".parquet", ".csv.gz", ".duckdb")


def publish(workspace: SmallWorkspace, people: int) -> None:
    """One more version of communes, and a release of it."""
    rows = "".join(f"{n:02},Place {n},{50 + n}\n" for n in range(2, 41))
    workspace.data("communes", f"code,name,people\n01,Place 1,{people}\n{rows}")
    assert workspace.outcome("communes") == "published"
    pipeline.release(workspace.settings)


def five_versions(made: SmallWorkspace) -> SmallWorkspace:
    made.define("communes", retention={"versions": 2})
    for people in range(100, 105):
        publish(made, people)
    return made


@pytest.fixture(scope="module")
def built(new_workspace) -> SmallWorkspace:
    return five_versions(new_workspace())


@pytest.fixture
def workspace(built, tmp_path) -> SmallWorkspace:
    """Communes in five versions and five releases, of which two versions are kept."""
    return built.copied(tmp_path)


def collect(workspace: SmallWorkspace, **settings: object) -> retention.Collected:
    changed = workspace.settings.model_copy(update=settings)
    return retention.collect(changed)


def data_of(workspace: SmallWorkspace, number: int) -> list[str]:
    lake = workspace.lake
    files = lake.files(lake.version("communes", number))
    return [path.name for path in files if path.name.endswith(DATA)]


def test_without_a_policy_every_version_stays(workspace):
    workspace.define("communes")
    found = collect(workspace, keep_releases=1, keep_releases_days=0)
    assert found.versions == {}
    assert all(data_of(workspace, number) for number in (1, 2, 3))


def test_in_a_bucket_too_a_reader_is_waited_for_and_the_rest_goes(bucket):
    workspace = five_versions(bucket.workspace())
    lease = leases.hold(workspace.lake, 2)
    found = collect(workspace, keep_releases=1, keep_releases_days=0)
    assert (found.waiting, found.versions) == ([2], {"communes": [1, 3]})
    assert data_of(workspace, 2)
    assert data_of(workspace, 1) == []
    lease.give_back()
    again = collect(workspace, keep_releases=1, keep_releases_days=0)
    assert (again.waiting, again.versions) == ([], {"communes": [2]})
    assert verification.verify(workspace.lake).problems == []


def test_versions_beyond_the_policy_leave_their_records_and_a_tombstone(workspace):
    found = collect(workspace, keep_releases=1, keep_releases_days=0)
    assert found.versions == {"communes": [1, 2, 3]}
    lake = workspace.lake
    for number in (1, 2, 3):
        assert data_of(workspace, number) == []
        kept = {path.name for path in lake.files(lake.version("communes", number))}
        assert kept >= {"version.json", "validation.json", "changes.json", "tombstone.json"}
    stone = json.loads((lake.version("communes", 1) / "tombstone.json").read_text())
    assert (stone["why"], stone["successor"]) == ("retention", 5)
    assert all(data_of(workspace, number) for number in (4, 5))
    assert verification.verify(lake).problems == []


def test_the_expiry_is_a_release_that_every_later_one_repeats(workspace):
    found = collect(workspace, keep_releases=1, keep_releases_days=0)
    assert found.release == 6
    publish(workspace, 105)
    newest = release.current(workspace.lake)
    assert release.expired(newest).versions == {"communes": (1, 2, 3)}
    assert newest.manifest["datasets"]["communes"]["version"] == 6


def test_a_version_that_a_kept_release_shows_is_kept(workspace):
    found = collect(workspace, keep_releases=5)
    assert found.versions == {}
    assert all(data_of(workspace, number) for number in range(1, 6))


def test_a_version_within_the_days_is_kept_though_there_are_newer_ones(workspace):
    workspace.define("communes", retention={"versions": 2, "for": "P1D"})
    assert collect(workspace, keep_releases=1, keep_releases_days=0).versions == {}


def test_old_releases_keep_their_manifest_only(workspace):
    found = collect(workspace, keep_releases=2, keep_releases_days=0)
    assert found.releases == [1, 2, 3]
    lake = workspace.lake
    assert [path.name for path in lake.files(lake.release(1))] == ["manifest.json"]
    assert len(lake.files(lake.release(5))) > 1
    assert lake.numbers(lake.log) == [1, 2, 3, 4, 5, 6]


def test_a_release_that_a_reader_holds_waits(workspace):
    lease = leases.hold(workspace.lake, 2)
    found = collect(workspace, keep_releases=1, keep_releases_days=0)
    assert found.waiting == [2]
    assert data_of(workspace, 2)
    assert data_of(workspace, 1) == []
    lease.give_back()
    again = collect(workspace, keep_releases=1, keep_releases_days=0)
    assert (again.waiting, again.versions) == ([], {"communes": [2]})
    assert again.release == found.release, "what has expired already needs no other release"


def test_a_dry_run_says_the_same_and_changes_nothing(workspace):
    lake = workspace.lake
    before = {str(path): lake.size(path) for path in lake.files(lake.root / "datasets")}
    settings = workspace.settings.model_copy(update={"keep_releases": 1, "keep_releases_days": 0})
    told = retention.collect(settings, dry_run=True)
    assert {str(p): lake.size(p) for p in lake.files(lake.root / "datasets")} == before
    assert lake.latest(lake.log) == 5
    done = retention.collect(settings)
    assert (told.versions, told.releases) == (done.versions, [1, 2, 3, 4])


def test_collecting_twice_deletes_nothing_more(workspace):
    collect(workspace, keep_releases=1, keep_releases_days=0)
    again = collect(workspace, keep_releases=1, keep_releases_days=0)
    assert (again.files, again.versions) == (0, {})


def test_deliveries_go_with_their_versions_where_the_policy_says_so(workspace):
    workspace.define("communes", retention={"versions": 2, "snapshots": "with_versions"})
    publish(workspace, 105)  # carries the new policy
    collect(workspace, keep_releases=1, keep_releases_days=0)
    lake = workspace.lake
    bodies = {
        number: [path.name for path in lake.files(lake.snapshots("communes") / str(number))]
        for number in lake.numbers(lake.snapshots("communes"))
    }
    assert bodies[1] == ["snapshot.json", "tombstone.json"]
    assert "body" in bodies[6]
    assert verification.verify(lake).problems == []
    assert workspace.outcome("communes") == "unchanged"


def test_what_was_withdrawn_to_be_erased_is_deleted_with_its_values_and_its_delivery(workspace):
    lake = workspace.lake
    pipeline_withdraw(workspace, 3, erase=True)
    found = collect(workspace)
    assert found.versions == {"communes": [3]}
    kept = {path.name for path in lake.files(lake.version("communes", 3))}
    assert kept == {"version.json", "tombstone.json"}
    record = versions.read(lake, "communes", 3).record
    assert all(column["min"] is None for column in record["columns"])
    assert '"102"' not in (lake.version("communes", 3) / "version.json").read_text()
    delivered = record["snapshots"][0]["number"]
    left = lake.files(lake.snapshots("communes") / str(delivered))
    assert [path.name for path in left] == ["snapshot.json", "tombstone.json"]
    assert verification.verify(lake).problems == []


def test_what_was_only_withdrawn_keeps_its_data(workspace):
    pipeline_withdraw(workspace, 3, erase=False)
    assert collect(workspace).versions == {}
    assert data_of(workspace, 3)


def pipeline_withdraw(workspace: SmallWorkspace, number: int, *, erase: bool) -> None:
    at = ledger.stamp(ledger.now())
    taken_back = release.Withdrawal("communes", number, "Salma", "wrong unit", at, erase)
    from moulouya import catalogue

    release.commit(
        workspace.lake, workspace.region, workspace.settings.public_url, catalogue.build,
        change=release.Change(withdraw=[taken_back]),
    )  # fmt: skip


def test_a_rejected_delivery_goes_when_its_days_are_over(workspace):
    from moulouya import approval

    workspace.data("communes", "code,name,people\n01,Place 1,1\n")
    assert workspace.outcome("communes") == "held"
    settings = workspace.settings.model_copy(update={"keep_held_days": 0.0})
    lake = workspace.lake
    retention.collect(settings)
    (waiting,) = lake.names(lake.quarantine("communes"))
    approval.reject(workspace.settings, "communes", by="Salma", reason="half of it is missing")
    decided = lake.quarantine("communes") / f"{waiting}.decision.json"
    record = read_json(decided)
    yesterday = ledger.now() - dt.timedelta(days=1)
    lake.write(decided, checked_json({**record, "decided": ledger.stamp(yesterday)}))
    retention.collect(settings)
    assert lake.names(lake.quarantine("communes")) == []
    assert decided.exists(), "who decided what stays known"


def test_a_record_of_an_expired_version_that_is_missing_is_named(workspace):
    collect(workspace, keep_releases=1, keep_releases_days=0)
    lake = workspace.lake
    assert verification.verify(lake).problems == []
    assert data_of(workspace, 1) == []
    lake.remove(lake.version("communes", 1) / "changes.json")
    (problem,) = verification.verify(lake).problems
    assert "communes/1/changes.json" in problem


def test_every_file_that_stays_is_as_it_was(workspace):
    lake = workspace.lake
    before = {path: lake.digest(path) for path in lake.files(lake.datasets)}
    collect(workspace, keep_releases=1, keep_releases_days=0)
    left = [path for path in lake.files(lake.datasets) if path.name != "tombstone.json"]
    assert {path: lake.digest(path) for path in left} == {path: before[path] for path in left}
    assert sha256_of(Path(lake.local(lake.version("communes", 5) / "communes.parquet")))


def test_the_directory_of_a_number_that_is_void_goes(workspace):
    lake = workspace.lake
    begun = lake.release(6)
    begun.mkdir(parents=True)
    (begun / "manifest.json").write_text("{}\n")
    publish(workspace, 105)  # finds the number begun and never committed, and makes it void
    assert lake.numbers(lake.log) == [1, 2, 3, 4, 5, 6, 7]
    collect(workspace)
    assert not begun.exists()
    assert verification.verify(lake).problems == []
