"""Files dropped on a real SFTP server: whole ones only, from the pinned server only."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import asyncssh
import pytest
from pydantic import ValidationError
from services import HOST, SftpServer, free_port, sftp_server

from moulouya.definition import SftpSource
from moulouya.errors import SourceError
from moulouya.sources import Delivery, Request, fetch, sftp


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SftpServer]:
    with sftp_server(tmp_path_factory.mktemp("sftp")) as server:
        yield server


@pytest.fixture
def server(running: SftpServer, monkeypatch: pytest.MonkeyPatch) -> Iterator[SftpServer]:
    monkeypatch.setenv("AIRFLOW_CONN_DROP", running.connection())
    monkeypatch.setattr(sftp, "BETWEEN_PROBES", 0.2)
    (running.folder / "out").mkdir()
    yield running
    for path in (running.folder / "out").iterdir():
        path.unlink()
    (running.folder / "out").rmdir()
    running.names, running.keys = [], []
    running.on_read = lambda name, offset: None


@pytest.fixture
def drop(server: SftpServer) -> Callable[..., Path]:
    """Put a file there, written so many seconds ago."""

    def call(name: str, content: bytes, age: float = 100) -> Path:
        path = server.folder / "out" / name
        path.write_bytes(content)
        os.utime(path, (time.time() - age, time.time() - age))
        return path

    return call


@pytest.fixture
def take(server: SftpServer, tmp_path: Path) -> Callable[..., tuple[Delivery | None, list[bytes]]]:
    """Fetch once; returns the delivery and the bytes of its members."""
    count = iter(range(100))

    def call(
        state: dict[str, Any] | None = None,
        max_bytes: int = 10**9,
        timeout: float = 10,
        **more: Any,
    ) -> tuple[Delivery | None, list[bytes]]:
        source = {
            "kind": "sftp", "connection": "drop", "path": "out/*.csv", "format": "csv",
            "host_keys": [server.pinned], "settle": "PT0S", **more,
        }  # fmt: skip
        folder = tmp_path / f"delivery{next(count)}"
        folder.mkdir()
        request = Request(
            folder, tmp_path, "agent", timeout=timeout, max_bytes=max_bytes, state=state or {}
        )
        delivery = fetch(SftpSource.model_validate(source), request)
        members = delivery.members if delivery else ()
        return delivery, [(folder / name).read_bytes() for name in members]

    return call


def test_the_newest_file_is_copied_byte_for_byte(server, drop, take):
    content = os.urandom(5_000_000)
    drop("old.csv", b"old", age=500)
    drop("new.csv", content)
    drop("other.txt", b"x", age=50)
    delivery, bodies = take()
    assert (delivery.members, bodies) == (("new.csv",), [content])
    assert delivery.url == f"sftp://{HOST}:{server.port}/out/*.csv"


def test_what_was_taken_is_not_new_until_it_changes(drop, take):
    drop("a.csv", b"one")
    delivery, _ = take()
    assert take(delivery.state) == (None, [])
    drop("a.csv", b"two", age=50)
    assert take(delivery.state)[1] == [b"two"]


def test_all_takes_every_file_oldest_first(drop, take):
    drop("b.csv", b"1", age=300)
    drop("a.csv", b"2", age=200)
    delivery, bodies = take(take="all")
    assert (delivery.members, bodies) == (("b.csv", "a.csv"), [b"1", b"2"])
    assert take(delivery.state, take="all")[0] is None
    drop("c.csv", b"3")
    assert take(delivery.state, take="all")[1] == [b"1", b"2", b"3"]


def test_new_takes_only_what_was_not_taken_before(server, drop, take):
    drop("a.csv", b"1", age=300)
    first, _ = take(take="new")
    drop("b.csv", b"2", age=200)
    second, bodies = take(first.state, take="new")
    assert (second.members, bodies) == (("b.csv",), [b"2"])
    assert take(second.state, take="new")[0] is None
    (server.folder / "out/a.csv").unlink()
    (server.folder / "out/b.csv").unlink()
    assert take(second.state, take="new")[0] is None


def test_one_file_or_a_folder_can_be_named(drop, take):
    drop("a.csv", b"1")
    assert take(path="out/a.csv")[1] == [b"1"]
    assert take(path="/out")[1] == [b"1"]


def test_a_file_younger_than_settle_is_left_there(drop, take):
    drop("a.csv", b"half", age=5)
    with pytest.raises(SourceError, match=r"a\.csv still being written") as caught:
        take(settle="PT60S")
    assert caught.value.retry
    assert caught.value.retry_after == 60


def test_a_file_being_written_does_not_hide_the_whole_one_before_it(drop, take):
    drop("a.csv", b"whole", age=500)
    drop("b.csv", b"half", age=1)
    assert take(settle="PT60S")[1] == [b"whole"]


def test_a_file_that_grows_between_the_two_looks_is_left_there(server, drop, take):
    path = drop("a.csv", b"half", age=100)

    def grow(name: bytes, offset: int) -> None:
        before = path.stat()
        with path.open("ab") as file:
            file.write(b"more")
        os.utime(path, (before.st_atime, before.st_mtime))  # a writer that keeps the time

    server.on_read = grow
    with pytest.raises(SourceError, match="still being written"):
        take(settle="PT1S")


def test_a_file_that_grows_while_it_is_copied_is_not_taken(server, drop, take):
    path = drop("a.csv", b"x" * 1000)

    def grow(name: bytes, offset: int) -> None:
        if server.on_read.seen:
            with path.open("ab") as file:
                file.write(b"more")
        server.on_read.seen = True

    grow.seen = False
    server.on_read = grow
    with pytest.raises(SourceError, match="changed while it was read") as caught:
        take()
    assert caught.value.retry


def test_a_server_whose_clock_is_behind_is_asked_by_its_own_clock(server, drop, take):
    # Its files look two hours old here, though the server wrote them just now.
    path = drop("a.csv", b"half", age=7200)
    behind = time.time() - 7200
    server.on_read = lambda name, offset: os.utime(path, (behind + 3, behind))
    with pytest.raises(SourceError, match="still being written"):
        take(settle="PT60S")


def test_a_server_whose_clock_is_ahead_does_not_make_a_file_whole(drop, take):
    drop("a.csv", b"half", age=-7200)
    with pytest.raises(SourceError, match="still being written"):
        take(settle="PT60S")


def test_with_a_marker_only_marked_files_are_whole(drop, take):
    drop("a.csv", b"whole", age=1)
    with pytest.raises(SourceError, match="still being written"):
        take(complete="marker")
    drop("a.csv.done", b"", age=0)
    drop("b.csv", b"half", age=0)
    delivery, bodies = take(complete="marker", path="out/*")
    assert (delivery.members, bodies) == (("a.csv",), [b"whole"])


def test_another_host_key_is_refused_by_its_fingerprint(server, drop, take):
    drop("a.csv", b"1")
    other = asyncssh.generate_private_key("ssh-ed25519").export_public_key().decode()
    with pytest.raises(SourceError, match="not pinned") as caught:
        take(host_keys=[other])
    assert server.host_key.get_fingerprint() in caught.value.message
    assert not caught.value.retry


def test_a_host_key_of_another_kind_is_refused_too(server, drop, take):
    drop("a.csv", b"1")
    other = asyncssh.generate_private_key("ecdsa-sha2-nistp256").export_public_key().decode()
    with pytest.raises(SourceError, match="not pinned") as caught:
        take(host_keys=[other])
    assert server.host_key.get_fingerprint() in caught.value.message


def test_one_of_several_pinned_keys_is_enough(server, drop, take):
    drop("a.csv", b"1")
    other = asyncssh.generate_private_key("ssh-ed25519").export_public_key().decode()
    assert take(host_keys=[other, server.pinned])[1] == [b"1"]


@pytest.mark.parametrize("where", ["private_key", "private_key_path"])
def test_a_private_key_logs_in(server, drop, take, monkeypatch, tmp_path, where):
    key = asyncssh.generate_private_key("ssh-ed25519")
    server.keys = [key.convert_to_public()]
    text = key.export_private_key("pkcs8-pem", passphrase="hush").decode()
    (tmp_path / "id").write_text(text)
    given = text if where == "private_key" else str(tmp_path / "id")
    monkeypatch.setenv(
        "AIRFLOW_CONN_DROP", server.connection(**{where: given, "passphrase": "hush"})
    )
    drop("a.csv", b"1")
    assert take()[1] == [b"1"]


def test_a_private_key_that_cannot_be_read_does_not_show(server, take, monkeypatch):
    monkeypatch.setenv("AIRFLOW_CONN_DROP", server.connection(private_key="SECRET"))
    with pytest.raises(SourceError, match="private key of connection drop") as caught:
        take()
    assert "SECRET" not in str(caught.value)


def test_a_refused_login_is_not_tried_again(server, take, monkeypatch):
    connection = server.connection().replace("open sesame", "guessed wrong")
    monkeypatch.setenv("AIRFLOW_CONN_DROP", connection)
    with pytest.raises(SourceError, match="refuses the login") as caught:
        take()
    assert not caught.value.retry
    assert "guessed" not in str(caught.value)


def test_a_server_that_is_away_is_tried_again(take, monkeypatch):
    monkeypatch.setenv("AIRFLOW_CONN_DROP", f"sftp://partner:x@{HOST}:{free_port()}")
    with pytest.raises(SourceError, match="cannot be reached") as caught:
        take()
    assert caught.value.retry


def test_a_folder_that_is_not_there_is_said(take):
    with pytest.raises(SourceError) as caught:
        take(path="nowhere/*.csv")
    assert caught.value.hint == "check source.path"
    assert not caught.value.retry


def test_no_match_is_an_error_that_may_heal(take):
    with pytest.raises(SourceError, match="no file there matches") as caught:
        take()
    assert caught.value.retry


@pytest.mark.parametrize("name", [b"../../evil.csv", b"a/b.csv", b"nul\x01.csv"])
def test_a_name_that_is_a_path_is_refused(server, drop, take, tmp_path, name):
    drop("a.csv", b"1")
    server.names = [name]
    with pytest.raises(SourceError, match="is no file name"):
        take()
    assert not list(tmp_path.rglob("evil*"))


def test_links_are_no_files(server, drop, take, tmp_path):
    (tmp_path / "secret").write_bytes(b"secret")
    drop("a.csv", b"1", age=500)
    (server.folder / "out/b.csv").symlink_to(tmp_path / "secret")
    assert take(take="all")[1] == [b"1"]


def test_too_much_is_refused_before_it_is_copied(drop, take, tmp_path):
    drop("a.csv", b"x" * 600)
    drop("b.csv", b"x" * 600)
    with pytest.raises(SourceError, match="1200 bytes are more than 1000"):
        take(take="all", max_bytes=1000)
    assert not list(tmp_path.glob("delivery*/*"))


def test_a_server_that_stops_answering_ends_in_time(server, drop, take):
    drop("a.csv", b"1")
    server.on_read = lambda name, offset: time.sleep(4)
    begun = time.monotonic()
    with pytest.raises(SourceError, match="no answer in time") as caught:
        take(timeout=1)
    assert caught.value.retry
    assert time.monotonic() - begun < 8


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"path": "out/*/a.csv"}, "wildcards in its last part only"),
        ({"host_keys": ["MD5:00:11"]}, "host_keys"),
    ],
)
def test_a_definition_that_cannot_work_is_refused(wrong, message):
    source = {
        "kind": "sftp", "connection": "drop", "path": "out/*.csv", "format": "csv",
        "host_keys": ["ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIA"], **wrong,
    }  # fmt: skip
    with pytest.raises(ValidationError, match=message):
        SftpSource.model_validate(source)
