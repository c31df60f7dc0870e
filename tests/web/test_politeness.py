"""How often one host is asked, by one client, by many, and by other processes."""

from __future__ import annotations

import subprocess
import sys
import textwrap
import time

import pytest

from moulouya.errors import SourceError
from moulouya.web.limits import Deadline
from moulouya.web.politeness import Politeness
from moulouya.web.trouble import Trouble


@pytest.fixture(params=["in memory", "in a folder"])
def folder(request, tmp_path):
    return None if request.param == "in memory" else tmp_path / "state"


def took(politeness: Politeness, host: str, times: int, **more: float) -> float:
    start = time.monotonic()
    for _ in range(times):
        politeness.wait(host, Deadline(10), **more)
    return time.monotonic() - start


def test_requests_to_one_host_are_spaced(folder):
    assert took(Politeness(10, folder), "spaced.example", 4) >= 0.3


def test_a_first_request_waits_for_nothing(folder):
    assert took(Politeness(0.1, folder), "first.example", 1) < 5


def test_another_host_has_a_pace_of_its_own(folder):
    politeness = Politeness(0.1, folder)
    assert took(politeness, "one.example", 1) + took(politeness, "other.example", 1) < 5


def test_two_clients_share_the_pace_of_a_host(folder):
    first, second = Politeness(10, folder), Politeness(10, folder)
    start = time.monotonic()
    for each in (first, second, first, second):
        each.wait("shared.example", Deadline(10))
    assert time.monotonic() - start >= 0.3


def test_a_pause_that_a_host_asks_for_is_longer_than_ours(folder):
    assert took(Politeness(100, folder), "pause.example", 3, pause=0.15) >= 0.3


def test_a_client_that_is_slower_counts_the_requests_of_a_faster_one(tmp_path):
    Politeness(100, tmp_path).wait("mixed.example", Deadline(10))
    assert took(Politeness(4, tmp_path), "mixed.example", 1) >= 0.15


def test_waiting_for_a_turn_meets_the_deadline(folder):
    politeness = Politeness(0.01, folder)
    politeness.wait("late.example", Deadline(1))
    start = time.monotonic()
    with pytest.raises(Trouble, match="not done within"):
        politeness.wait("late.example", Deadline(0.2))
    assert time.monotonic() - start < 5


def test_processes_of_one_machine_share_the_pace_of_a_host(tmp_path):
    program = textwrap.dedent(f"""
        import pathlib, time
        from moulouya.web.limits import Deadline
        from moulouya.web.politeness import Politeness
        politeness = Politeness(10, pathlib.Path({str(tmp_path)!r}))
        for _ in range(3):
            politeness.wait("busy.example", Deadline(30))
            print(time.time())
    """)
    running = [
        subprocess.Popen([sys.executable, "-c", program], stdout=subprocess.PIPE, text=True)
        for _ in range(2)
    ]
    moments = sorted(float(line) for each in running for line in each.communicate()[0].split())
    assert len(moments) == 6
    # Moments are taken a little after each turn, so that two may look closer than they were.
    assert moments[-1] - moments[0] >= 0.45


def test_a_clock_that_was_set_back_stops_nobody(tmp_path, monkeypatch):
    now = time.time_ns()
    monkeypatch.setattr("moulouya.web.politeness.time.time_ns", lambda: now + 3600 * 10**9)
    Politeness(10, tmp_path).wait("clock.example", Deadline(10))
    monkeypatch.undo()
    assert took(Politeness(10, tmp_path), "clock.example", 1) < 5


def test_a_folder_that_cannot_be_written_stops_nobody(tmp_path, capsys):
    (tmp_path / "state").write_text("a file where the folder should be")
    assert took(Politeness(10, tmp_path / "state"), "unwritable.example", 3) >= 0.2


def test_a_client_keeps_the_pace(server, connect, tmp_path):
    url = server.url("fine_and_stays")
    with connect(url, requests_per_second=5, state_folder=tmp_path / "state") as client:
        start = time.monotonic()
        for _ in range(3):
            client.download(url, tmp_path / "got")
        assert time.monotonic() - start >= 0.4


def test_turns_count_against_the_deadline_of_a_fetch(server, connect, tmp_path):
    url = server.url("fine_and_stays")
    with connect(url, requests_per_second=0.01, deadline=0.3) as client:
        client.download(url, tmp_path / "got")
        with pytest.raises(SourceError, match=r"not done within 0\.3 s"):
            client.download(url, tmp_path / "got")
    assert server.times("fine_and_stays") == 1
