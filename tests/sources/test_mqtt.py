"""Messages of a real Mosquitto: none of QoS 1 is lost, whatever dies, and duplicates are equal."""

from __future__ import annotations

import base64
import json
import shutil
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import pytest
import trustme
from hypothesis import given
from hypothesis import strategies as st
from paho.mqtt import publish
from pydantic import ValidationError
from services import HOST, Broker, free_port, mosquitto, needed

from moulouya.definition import MqttSource
from moulouya.errors import SourceError
from moulouya.sources import Delivery, Request, fetch, mqtt, mqtt_session

QUIET = 0.3
TEXT = {"ar": "كلمة", "fr": "mot", "en": "word"}
Take = Callable[..., tuple[Delivery | None, list[dict[str, Any]]]]


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Broker]:
    with mosquitto(tmp_path_factory.mktemp("mosquitto")) as broker:
        yield broker


@pytest.fixture
def broker(running: Broker, monkeypatch: pytest.MonkeyPatch) -> Broker:
    monkeypatch.setenv("AIRFLOW_CONN_BROKER", f"mqtt://{HOST}:{running.port}")
    return running


def definition(**more: Any) -> dict[str, Any]:
    return {
        "kind": "mqtt", "connection": "broker", "topics": ["wells/#"], "tls": False,
        "client_id": "test", "quiet": QUIET, **more,
    }  # fmt: skip


@pytest.fixture
def take(tmp_path: Path, request: pytest.FixtureRequest) -> Take:
    """Fetch once, in a session of this test alone; returns the delivery and its lines."""
    count = iter(range(1000))
    name = f"test-{request.node.name}"[:100]

    def call(
        settled: bool = True, timeout: float = 5, max_bytes: int = 10**9, **more: Any
    ) -> tuple[Delivery | None, list[dict[str, Any]]]:
        folder = tmp_path / f"delivery{next(count)}"
        folder.mkdir()
        request_ = Request(folder, tmp_path, "agent", timeout=timeout, max_bytes=max_bytes)
        source = MqttSource.model_validate(definition(client_id=name, **more))
        try:
            delivery = fetch(source, request_)
        except SourceError:
            assert not list(folder.iterdir()), "something was left behind"
            raise
        if delivery is None:
            assert not list(folder.iterdir())
            return None, []
        lines = (folder / delivery.members[0]).read_text(encoding="utf-8").splitlines()
        if settled:
            delivery.settle()
        return delivery, [json.loads(line) for line in lines]

    return call


@pytest.fixture
def tell(broker: Broker) -> Callable[..., None]:
    """Publish messages: (topic, payload) or (topic, payload, qos, retain)."""

    def call(*messages: tuple[Any, ...]) -> None:
        full = [(*message, *(1, False)[len(message) - 2 :]) for message in messages]
        publish.multiple(full, hostname=HOST, port=broker.port)

    return call


def test_the_first_run_subscribes_and_the_next_one_takes(tell, take):
    assert take() == (None, [])
    tell(("wells/1", '{"level": 1.50}'), ("wells/2", b"\xff\x00"), ("other/1", "x"))
    delivery, lines = take()
    assert lines == [
        {"topic": "wells/1", "payload": {"level": 1.5}, "encoding": "json", "retained": False,
         "qos": 1},
        {"topic": "wells/2", "payload": base64.b64encode(b"\xff\x00").decode(),
         "encoding": "base64", "retained": False, "qos": 1},
    ]  # fmt: skip
    assert delivery.headers["session"] == "resumed"
    assert delivery.url.startswith(f"mqtt://{HOST}:")
    assert take() == (None, [])


def test_more_messages_than_the_broker_sends_unasked(tell, take):
    """Mosquitto sends 20 unacknowledged messages unless the client says that it takes more."""
    take()
    tell(*(("wells/1", str(number)) for number in range(100)))
    assert [line["payload"] for line in take()[1]] == list(range(100))


def test_a_run_takes_no_more_than_it_may(tell, take):
    take()
    tell(*(("wells/1", str(number)) for number in range(10)))
    assert [line["payload"] for line in take(max_messages=4)[1]] == [0, 1, 2, 3]
    assert [line["payload"] for line in take(max_bytes=1)[1]] == [4]
    assert [line["payload"] for line in take()[1]] == [5, 6, 7, 8, 9]


def test_a_backlog_larger_than_memory_should_hold_is_taken_in_order(tell, take, monkeypatch):
    monkeypatch.setattr(mqtt_session, "BACKLOG", 5)
    take()
    tell(*(("wells/1", str(number)) for number in range(60)))
    assert [line["payload"] for line in take(max_messages=30)[1]] == list(range(30))
    assert [line["payload"] for line in take()[1]] == list(range(30, 60))


def test_a_topic_that_is_never_quiet_ends_the_run_all_the_same(broker, tell, take):
    take()
    stop = threading.Event()

    def chatter() -> None:
        while not stop.wait(QUIET / 6):
            tell(("wells/1", "x"))

    thread = threading.Thread(target=chatter)
    thread.start()
    try:
        begun = time.monotonic()
        assert take(longest=1)[1]
        assert time.monotonic() - begun < 5
    finally:
        stop.set()
        thread.join()


def test_what_is_not_settled_comes_again_as_the_same_line(tell, take):
    take()
    tell(("wells/1", '{"b": 1e2,\n "a": "é"}'), ("wells/2", "text"))
    first, lines = take(settled=False)
    # A second run takes the session over, as after a crash.
    _, again = take()
    assert again == lines
    first.settle()  # its connection is gone: it must acknowledge nothing
    assert take() == (None, [])


def test_settling_after_the_connection_was_lost_acknowledges_nothing(broker, tell, take):
    take()
    tell(("wells/1", "1"))
    first, lines = take(settled=False)
    broker.restart()
    tell(("wells/1", "2"))
    first.settle()
    first.settle()
    assert take()[1] == [lines[0], {**lines[0], "payload": 2}]
    assert take() == (None, [])


def test_the_connection_is_kept_until_it_is_settled(broker, tell, take, monkeypatch):
    monkeypatch.setattr(mqtt_session, "KEEPALIVE", 1)
    take()
    tell(("wells/1", "1"))
    delivery, _ = take(settled=False)
    time.sleep(2.5)  # the broker drops a client that is silent for 1.5 times its keep-alive
    delivery.settle()
    assert take() == (None, [])


DYING = """
import json, os, sys
from pathlib import Path
from moulouya.definition import MqttSource
from moulouya.sources import Request, fetch
folder = Path(sys.argv[2])
fetch(MqttSource.model_validate(json.loads(sys.argv[1])), Request(folder, folder, "agent"))
os.kill(os.getpid(), 9)
"""


def test_no_message_is_lost_over_deaths_and_restarts(broker, tell, take, tmp_path, request):
    """Cycles of: publish, die before the acknowledgement, restart the broker, take, settle."""
    take()
    name = f"test-{request.node.name}"[:100]
    published, taken = [], []
    for cycle in range(3):
        numbers = range(cycle * 40, cycle * 40 + 40)
        tell(*(("wells/1", json.dumps({"n": number})) for number in numbers[:20]))
        folder = tmp_path / f"dead{cycle}"
        folder.mkdir()
        dead = subprocess.run(
            [sys.executable, "-c", DYING, json.dumps(definition(client_id=name)), folder],
            check=False,
        )
        assert dead.returncode == -9
        taken += (folder / "messages.ndjson").read_bytes().splitlines()
        tell(*(("wells/1", json.dumps({"n": number})) for number in numbers[20:]))
        broker.restart()
        _, lines = take(settled=cycle > 0)
        taken += [mqtt_line(line) for line in lines]
        published += numbers
    _, lines = take()
    taken += [mqtt_line(line) for line in lines]
    assert {json.loads(line)["payload"]["n"] for line in taken} == set(published)
    # Every duplicate is the same line: as many different lines as messages.
    assert len(taken) > len(set(taken)) == len(published)
    assert take() == (None, [])


def mqtt_line(line: dict[str, Any]) -> bytes:
    return json.dumps(line).encode()


def test_a_retained_message_is_marked_and_comes_once(tell, take):
    tell(("wells/stale", "1", 1, True))
    try:
        _, (line,) = take()
        assert (line["payload"], line["retained"]) == (1, True)
        assert take() == (None, [])
        tell(("wells/stale", "2", 1, True))
        assert take()[1][0]["retained"] is False
    finally:
        tell(("wells/stale", None, 1, True))


def test_a_message_of_qos_0_is_taken_while_it_listens(broker, tell, take):
    take()
    timer = threading.Timer(0.2, tell, [("wells/1", "now", 0, False)])
    timer.start()
    _, (line,) = take(quiet=2)
    timer.join()
    assert (line["payload"], line["qos"]) == ("now", 0)


def test_a_topic_of_an_older_definition_is_left_out_and_let_go(tell, take):
    take(topics=["wells/#", "rain/#"])
    tell(("rain/1", "1"), ("wells/1", "2"))
    delivery, lines = take()
    assert [line["payload"] for line in lines] == [2]
    assert delivery.headers["left-out"] == "1"
    tell(("rain/1", "3"))
    assert take() == (None, [])
    assert take(topics=["rain/#"]) == (None, [])


@contextmanager
def older_broker(port: int) -> Iterator[int]:
    """A broker that speaks 3.1.1 only: refuses version 5 and passes the rest on."""
    listener = socket.create_server((HOST, 0))

    def serve() -> None:
        with suppress(OSError):
            while True:
                client, _ = listener.accept()
                threading.Thread(target=pass_on, args=(client,), daemon=True).start()

    def pass_on(client: socket.socket) -> None:
        with client:
            hello = client.recv(4096)
            if hello[hello.index(b"MQTT") + 4] == 5:
                client.sendall(b"\x20\x02\x00\x01")  # connection refused: protocol version
                return
            with socket.create_connection((HOST, port)) as real:
                real.sendall(hello)
                back = threading.Thread(target=copy, args=(real, client), daemon=True)
                back.start()
                copy(client, real)
                back.join()

    def copy(source: socket.socket, target: socket.socket) -> None:
        with suppress(OSError):
            while block := source.recv(4096):
                target.sendall(block)
            target.shutdown(socket.SHUT_WR)

    thread = threading.Thread(target=serve, daemon=True)
    thread.start()
    with listener:
        yield listener.getsockname()[1]
        listener.shutdown(socket.SHUT_RDWR)
    thread.join(5)


def test_a_broker_without_mqtt_5_keeps_a_session_too(broker, tell, take, monkeypatch):
    with older_broker(broker.port) as port:
        monkeypatch.setenv("AIRFLOW_CONN_BROKER", f"mqtt://{HOST}:{port}")
        assert take() == (None, [])
        tell(("wells/1", "1"))
        _, lines = take(settled=False)
        assert take()[1] == lines
        assert take() == (None, [])


def test_a_broker_that_goes_away_while_it_listens_leaves_nothing(tmp_path, take, monkeypatch):
    with mosquitto(tmp_path / "broker") as broker:
        monkeypatch.setenv("AIRFLOW_CONN_BROKER", f"mqtt://{HOST}:{broker.port}")
        timer = threading.Timer(0.3, broker.stop)
        timer.start()
        with pytest.raises(SourceError, match="broke off") as caught:
            take(quiet=5)
        timer.join()
    assert caught.value.retry


def test_a_broker_that_is_away_is_tried_again(take, monkeypatch):
    monkeypatch.setenv("AIRFLOW_CONN_BROKER", f"mqtt://{HOST}:{free_port()}")
    with pytest.raises(SourceError, match="cannot be reached") as caught:
        take()
    assert caught.value.retry


def test_a_broker_that_says_nothing_is_left_in_time(take, monkeypatch):
    with socket.create_server((HOST, 0)) as silent:
        port = silent.getsockname()[1]
        monkeypatch.setenv("AIRFLOW_CONN_BROKER", f"mqtt://{HOST}:{port}")
        with pytest.raises(SourceError, match="no connection in time") as caught:
            take(timeout=0.5)
    assert caught.value.retry


@pytest.fixture(scope="module")
def secured(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Broker, Path]]:
    """A broker with TLS that wants a password."""
    if shutil.which("mosquitto_passwd") is None:
        needed("mosquitto is not installed")
    folder = tmp_path_factory.mktemp("secured")
    authority = trustme.CA()
    certificate = authority.issue_cert(HOST)
    authority.cert_pem.write_to_path(str(folder / "ca.pem"))
    certificate.private_key_pem.write_to_path(str(folder / "key.pem"))
    certificate.cert_chain_pems[0].write_to_path(str(folder / "cert.pem"))
    subprocess.run(
        ["mosquitto_passwd", "-b", "-c", folder / "passwords", "meter", "hushhush"], check=True
    )
    port = free_port()
    more = (
        f"per_listener_settings false\nlistener {port} {HOST}\ncertfile {folder}/cert.pem\n"
        f"keyfile {folder}/key.pem\npassword_file {folder}/passwords"
    )
    with mosquitto(folder / "store", port, more) as broker:
        yield broker, folder / "ca.pem"


def test_tls_and_password(secured, take, monkeypatch):
    broker, authority = secured
    at = f"{HOST}:{broker.port}?ca_path={authority}"
    monkeypatch.setenv("AIRFLOW_CONN_BROKER", f"mqtt://meter:hushhush@{at}")
    assert take(tls=True) == (None, [])


def test_a_wrong_password_is_said_without_it(secured, take, monkeypatch):
    broker, authority = secured
    at = f"{HOST}:{broker.port}?ca_path={authority}"
    monkeypatch.setenv("AIRFLOW_CONN_BROKER", f"mqtt://meter:guessed@{at}")
    with pytest.raises(SourceError, match="refuses the connection: Not authorized") as caught:
        take(tls=True)
    assert not caught.value.retry
    assert "guessed" not in str(caught.value)


def test_a_certificate_that_is_not_trusted_is_refused(secured, take, monkeypatch):
    broker, _ = secured
    monkeypatch.setenv("AIRFLOW_CONN_BROKER", f"mqtt://meter:hushhush@{HOST}:{broker.port}")
    with pytest.raises(SourceError, match="certificate that is not trusted") as caught:
        take(tls=True)
    assert not caught.value.retry


def payload_of(payload: bytes) -> tuple[Any, str]:
    text, encoding = mqtt._payload(payload)
    assert "\n" not in text
    return json.loads(text), encoding


@given(st.binary())
def test_any_bytes_come_back(payload):
    value, encoding = payload_of(payload)
    if encoding == "base64":
        assert base64.b64decode(value) == payload
    elif encoding == "text":
        assert value.encode() == payload
    else:
        assert value == json.loads(payload)


@given(st.recursive(st.none() | st.booleans() | st.integers() | st.text(), st.lists))
def test_json_stays_json(value):
    assert payload_of(json.dumps(value, indent=1).encode()) == (value, "json")


@pytest.mark.parametrize(
    "text", ["NaN", '{"a": 1, "a": 2}', "[" * 100_000, "", "01", "{'a': 1}", "1 2", '"a\nb"']
)
def test_what_is_not_strict_json_is_text(text):
    assert payload_of(text.encode()) == (text, "text")


def test_json_numbers_keep_their_digits():
    text, _ = mqtt._payload(b'{"a": 1.10,\r\n "b": 12345678901234567890.5, "c": 1e400}')
    assert text == '{"a": 1.10,   "b": 12345678901234567890.5, "c": 1e400}'


@pytest.mark.parametrize("topic", ["$share/group/wells/#", "wells/#/1", "wells+", "wells/1#"])
def test_a_topic_that_would_not_give_every_message_is_refused(topic):
    with pytest.raises(ValidationError, match="topics"):
        MqttSource.model_validate(definition(topics=[topic]))


@pytest.mark.parametrize("topic", ["#", "+", "wells/+/level", "wells/#", "$SYS/#"])
def test_topic_filters(topic):
    assert MqttSource.model_validate(definition(topics=[topic])).topics == [topic]


def test_more_messages_than_there_are_identifiers_cannot_be_asked_for():
    with pytest.raises(ValidationError, match="max_messages"):
        MqttSource.model_validate(definition(max_messages=65_536))


def test_a_message_that_came_twice_is_published_once(broker, tell, workspace, monkeypatch):
    """From the broker to the published table, with a run that dies before it acknowledges."""
    described = {"title": TEXT, "description": TEXT}
    workspace.define(
        "levels",
        source=definition(client_id="test-published"),
        key=["well", "n"],
        columns={
            "well": {"type": "text", "from": "topic", **described},
            "n": {"type": "integer", "from": "payload.n", **described},
        },
    )
    workspace.run("levels")  # subscribes
    tell(*(("wells/1", json.dumps({"n": number})) for number in range(3)))
    with monkeypatch.context() as dying:
        dying.setattr(mqtt_session.Session, "settle", mqtt_session.Session.close)
        assert workspace.outcome("levels") == "published"
    tell(("wells/1", '{"n": 3}'))
    assert workspace.outcome("levels") == "published"
    assert sorted(workspace.published("levels")) == [("wells/1", n) for n in range(4)]
    assert workspace.outcome("levels") == "unchanged"
