"""Messages of MQTT topics, drained from a persistent session and acknowledged when durable.

The broker keeps what nobody acknowledged. A message is acknowledged by ``Delivery.settle`` alone,
over the connection it came by, so a death at any moment costs no message of QoS 1: it comes again,
as the same line, and falls together with the first by the dataset's key (MQTT 5.0, section 4.4).
"""

from __future__ import annotations

import base64
import json
import time
from pathlib import Path
from typing import IO, Any

import paho.mqtt.client as paho

from moulouya import credentials
from moulouya.definition import MqttSource
from moulouya.errors import SourceError
from moulouya.ledger import now, stamp
from moulouya.sources.delivery import Delivery, Request
from moulouya.sources.mqtt_session import Session, opened
from moulouya.storage.files import sync_directory, sync_file

MEMBER = "messages.ndjson"


def fetch(source: MqttSource, request: Request) -> Delivery | None:
    """Write what waits at the broker, a message a line; None when nothing does.

    The first run subscribes: only what is published after it, and what the broker retains, is
    delivered. Raises SourceError, with ``retry`` where the broker is away or breaks off.
    """
    login = credentials.connection(source.connection)
    session = opened(source, request, login)
    path = request.folder / MEMBER
    try:
        session.subscribe(source.topics)
        begun = stamp(now())
        lines = _drain(session, source, path, request)
    except BaseException:
        session.close()
        path.unlink(missing_ok=True)
        raise
    if not lines:
        session.settle()
        path.unlink()
        return None
    sync_file(path)
    sync_directory(request.folder)
    return Delivery(
        members=(MEMBER,),
        url=f"mqtt://{session.server}/{','.join(source.topics)}",
        headers={
            "session": "resumed" if session.resumed else "new",
            "messages": str(lines),
            "left-out": str(session.left_out),
            "listened-from": begun,
            "listened-to": stamp(now()),
        },
        settle=session.settle,
    )


def _drain(session: Session, source: MqttSource, path: Path, request: Request) -> int:
    """Write messages until it is quiet, time is over, or there are enough; how many there were.

    Of what came beyond that, only messages of QoS 0 are written: they come once.
    """
    end = time.monotonic() + source.longest.total_seconds()
    quiet = source.quiet.total_seconds()
    lines, granted = 0, False
    with path.open("wb") as file:
        while (
            len(session.unacknowledged) < source.max_messages
            and file.tell() < request.max_bytes
            and time.monotonic() < end
        ):
            # A resumed session sends at once, before it answers.
            event = session.next(quiet if granted else request.timeout)
            if event is None and granted:
                break
            if event is None:
                raise SourceError(f"{session.server} gives no subscription in time", retry=True)
            kind, what = event
            if kind == "message":
                lines += _keep(session, source, what, file)
            elif kind == "subscription":
                session.check_granted(source.topics, what)
                granted = True
        for message in session.arrived():
            if not message.qos:
                lines += _keep(session, source, message, file)
    return lines


def _keep(session: Session, source: MqttSource, message: paho.MQTTMessage, file: IO[bytes]) -> int:
    """Write one message, to be acknowledged later; returns the number of lines."""
    if message.qos:
        session.unacknowledged.append(message.mid)
    if any(paho.topic_matches_sub(wanted, message.topic) for wanted in source.topics):
        file.write(_line(message))
        return 1
    session.left_out += 1  # a topic that the session has from an older definition
    return 0


def _line(message: paho.MQTTMessage) -> bytes:
    """One message as JSON, with nothing in it that would differ when it comes again."""
    payload, encoding = _payload(bytes(message.payload))
    return (
        f'{{"topic": {json.dumps(message.topic, ensure_ascii=False)}, "payload": {payload}, '
        f'"encoding": "{encoding}", "retained": {json.dumps(bool(message.retain))}, '
        f'"qos": {message.qos}}}\n'
    ).encode(errors="surrogatepass")


def _payload(payload: bytes) -> tuple[str, str]:
    """The payload as a JSON value, and how it is to be read.

    JSON stays as it was written, digit for digit; its line breaks can only be blanks between
    its parts, for strict JSON has none inside a string.
    """
    try:
        text = payload.decode("utf-8")
    except UnicodeDecodeError:
        return json.dumps(base64.b64encode(payload).decode("ascii")), "base64"
    if _is_strict_json(text):
        return text.replace("\r", " ").replace("\n", " ").strip(), "json"
    return json.dumps(text, ensure_ascii=False), "text"


def _is_strict_json(text: str) -> bool:
    def refuse(_: str) -> Any:
        raise ValueError("not JSON by its standard (RFC 8259)")

    def unique(pairs: list[tuple[str, Any]]) -> None:
        if len({name for name, _ in pairs}) < len(pairs):
            raise ValueError("a name comes twice")

    try:
        json.loads(
            text, parse_constant=refuse, object_pairs_hook=unique, parse_int=len, parse_float=len
        )
    except (ValueError, RecursionError):
        return False
    return True
