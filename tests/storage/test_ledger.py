"""The ledger: one record a run, whatever its end."""

from __future__ import annotations

from moulouya import ledger
from moulouya.errors import SourceError
from moulouya.ledger import RunRecord
from moulouya.storage.lake import open_lake


def record(run_id: str, slug: str, ended: str, outcome: str = "published") -> RunRecord:
    return RunRecord(run_id, slug, outcome, ended, ended, 1.0)


def test_a_record_lies_under_the_day_it_started(tmp_path):
    lake = open_lake(tmp_path)
    path = ledger.write(lake, record("r", "a", "2026-11-21T04:00:00Z"))
    assert path == tmp_path / "ledger/2026/11/21/r.json"


def test_a_retry_of_a_run_replaces_its_record(tmp_path):
    lake = open_lake(tmp_path)
    ledger.write(lake, record("r", "a", "2026-11-21T04:00:00Z", "failed"))
    ledger.write(lake, record("r", "a", "2026-11-21T04:00:00Z"))
    assert [one["outcome"] for one in ledger.records(lake)] == ["published"]


def test_records_come_newest_day_first(tmp_path):
    lake = open_lake(tmp_path)
    for day in ("2026-11-20", "2026-12-01", "2025-12-31"):
        ledger.write(lake, record(f"r{day}", "a", f"{day}T04:00:00Z"))
    assert [one["started"][:10] for one in ledger.records(lake)] == [
        "2026-12-01", "2026-11-20", "2025-12-31"
    ]  # fmt: skip


def test_the_last_run_of_each_dataset_is_the_one_that_ended_last(tmp_path):
    lake = open_lake(tmp_path)
    ledger.write(lake, record("z", "a", "2026-11-21T04:00:00Z", "failed"))
    ledger.write(lake, record("a", "a", "2026-11-21T05:00:00Z"))
    ledger.write(lake, record("b", "b", "2026-11-01T04:00:00Z"))
    ledger.write(lake, record("c", "c", "2026-11-22T04:00:00Z"))
    last = ledger.last_runs(lake, {"a", "b"})
    assert {slug: last[slug]["run_id"] for slug in ("a", "b")} == {"a": "a", "b": "b"}


def test_an_empty_ledger_has_no_records(tmp_path):
    assert list(ledger.records(open_lake(tmp_path))) == []


def test_an_error_of_ours_and_a_bug_are_told_apart():
    ours = ledger.describe(SourceError("no", hint="do", retry=True))
    assert ours == {"code": "source", "message": "no", "hint": "do", "exit_code": 3, "retry": True}
    bug = ledger.describe(KeyError("x"))
    assert (bug["code"], bug["message"], bug["retry"]) == ("bug", "KeyError: 'x'", False)


def test_a_damaged_record_is_left_out_and_stops_nothing(tmp_path):
    lake = open_lake(tmp_path)
    ledger.write(lake, record("a", "a", "2026-11-21T04:00:00Z"))
    path = ledger.write(lake, record("b", "a", "2026-11-21T05:00:00Z"))
    path.write_bytes(path.read_bytes().replace(b"published", b"unpublish"))
    assert [one["run_id"] for one in ledger.records(lake)] == ["a"]
    assert ledger.last_runs(lake, {"a"})["a"]["run_id"] == "a"
