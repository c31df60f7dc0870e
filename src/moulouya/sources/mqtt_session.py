"""A persistent session at an MQTT broker: opened, listened to, acknowledged, left."""

from __future__ import annotations

import queue
import ssl
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import paho.mqtt.client as paho
import structlog
from paho.mqtt.enums import CallbackAPIVersion, MQTTProtocolVersion
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties
from paho.mqtt.subscribeoptions import SubscribeOptions

from moulouya.credentials import Connection
from moulouya.definition import MqttSource
from moulouya.errors import SourceError
from moulouya.sources.delivery import Request

PORTS = {True: 8883, False: 1883}
KEEPALIVE = 30
NO_TOPIC = "moulouya/nothing"  # subscribed by nobody
NEVER = 0xFFFFFFFF  # the session does not expire
BACKLOG = 10_000  # events that wait in memory
WINDOW = 65_535  # packet identifiers have 16 bits
UNSUPPORTED_VERSION = "Unsupported protocol version"
REFUSALS = ("Not authorized", "Bad user name or password", "Banned", "Bad authentication method",
            "Client identifier not valid")  # fmt: skip
log = structlog.get_logger()


@dataclass
class Session:
    """One connection to the broker; its thread keeps it alive until it is settled or closed."""

    client: paho.Client
    server: str
    events: queue.Queue[tuple[str, Any]] = field(default_factory=lambda: queue.Queue(BACKLOG))
    listening: bool = True
    unacknowledged: list[int] = field(default_factory=list)
    patience: float = 60.0
    resumed: bool = False
    lost: bool = False
    left_out: int = 0

    def next(self, timeout: float) -> tuple[str, Any] | None:
        """What happened next: "message", "subscription" and what came; None after a silence.

        Raises SourceError when the connection is gone.
        """
        try:
            kind, what = self.events.get(timeout=timeout)
        except queue.Empty:
            return None
        if kind == "disconnection":
            raise SourceError(f"{self.server} broke off the connection: {what}", retry=True)
        return kind, what

    def wait_for(self, kind: str) -> Any:
        """The broker's answer to a request; raises SourceError when none comes."""
        while (event := self.next(self.patience)) is not None:
            if event[0] == kind:
                return event[1]
        raise SourceError(f"{self.server} gives no {kind} in time", retry=True)

    def subscribe(self, topics: list[str]) -> None:
        """Ask for every topic with QoS 1; what is retained comes with the first time only."""
        if self.client.protocol == MQTTProtocolVersion.MQTTv5:
            options = SubscribeOptions(
                qos=1, retainHandling=SubscribeOptions.RETAIN_SEND_IF_NEW_SUB
            )
            self.client.subscribe([(topic, options) for topic in topics])
        else:
            self.client.subscribe([(topic, 1) for topic in topics])

    def check_granted(self, topics: list[str], granted: list[Any]) -> None:
        """Raises SourceError where the broker gives less than QoS 1."""
        for topic, reason in zip(topics, granted, strict=True):
            if reason.value != 1:
                raise SourceError(
                    f"{self.server} does not grant {topic} with QoS 1: {reason}",
                    hint="check the topic, and what the broker allows this login",
                )

    def settle(self) -> None:
        """Acknowledge what was taken, if it still can be, and leave; a second call does nothing.

        Identifiers belong to their connection: after another one they may name other messages.
        The broker answers in order: once it answered a request made after the acknowledgements,
        it has read them. A socket closed before that may take them along.
        """
        if not self.unacknowledged:
            self.close()
            return
        if not self.lost:
            for number in self.unacknowledged:
                self.client.ack(number, 1)
            self.client.unsubscribe(NO_TOPIC)
        self.unacknowledged.clear()
        try:
            self.wait_for("farewell")
        except SourceError:
            log.warning("not all acknowledged: messages will come again", broker=self.server)
        finally:
            self.close()

    def arrived(self) -> Iterator[paho.MQTTMessage]:
        """The messages that came by now, without waiting; none is taken after them."""
        self.listening = False
        while True:
            try:
                kind, what = self.events.get_nowait()
            except queue.Empty:
                return
            if kind == "message":
                yield what

    def close(self) -> None:
        """Leave the broker; it keeps the session."""
        for _ in self.arrived():  # the thread may wait for room
            pass
        self.client.disconnect()
        self.client.loop_stop()


def opened(source: MqttSource, request: Request, login: Connection) -> Session:
    """A connection by MQTT 5, or by 3.1.1 to a broker that speaks no 5."""
    server = f"{login.host}:{login.port or PORTS[source.tls]}"
    for protocol in (MQTTProtocolVersion.MQTTv5, MQTTProtocolVersion.MQTTv311):
        session = _session(source, login, server, protocol, request.timeout)
        try:
            if _connected(session, source, request, login):
                return session
        except BaseException:
            session.close()
            raise
        session.close()
    raise SourceError(f"{server} speaks neither MQTT 5 nor 3.1.1")


def _session(
    source: MqttSource,
    login: Connection,
    server: str,
    protocol: MQTTProtocolVersion,
    timeout: float,
) -> Session:
    client = paho.Client(
        CallbackAPIVersion.VERSION2,
        client_id=source.client_id,
        clean_session=None if protocol == MQTTProtocolVersion.MQTTv5 else False,
        protocol=protocol,
        manual_ack=True,
        reconnect_on_failure=False,
    )
    client.disable_logger()  # what matters is told by the errors raised
    session = Session(client, server, patience=timeout)

    def on_connect(_c: Any, _u: Any, flags: Any, reason: Any, _p: Any) -> None:
        session.resumed = bool(flags.session_present)
        session.events.put(("connection", reason))

    def on_message(_c: Any, _u: Any, message: paho.MQTTMessage) -> None:
        if session.listening:
            session.events.put(("message", message))

    def on_disconnect(_c: Any, _u: Any, _f: Any, reason: Any, _p: Any) -> None:
        session.lost = True
        session.events.put(("disconnection", reason))

    def on_subscribe(_c: Any, _u: Any, _m: Any, reasons: Any, _p: Any) -> None:
        session.events.put(("subscription", reasons))

    def on_unsubscribe(_c: Any, _u: Any, _m: Any, reasons: Any, _p: Any) -> None:
        session.events.put(("farewell", reasons))

    client.on_connect = on_connect
    client.on_disconnect = on_disconnect
    client.on_subscribe = on_subscribe
    client.on_unsubscribe = on_unsubscribe
    client.on_message = on_message
    if login.login:
        client.username_pw_set(login.login, login.password or None)
    if source.tls:
        client.tls_set_context(ssl.create_default_context(cafile=login.extra.get("ca_path")))
    return session


def _connected(session: Session, source: MqttSource, request: Request, login: Connection) -> bool:
    """Connect to the kept session; False when the broker does not speak this version."""
    client = session.client
    client.connect_timeout = request.timeout
    more: dict[str, Any] = {}
    if client.protocol == MQTTProtocolVersion.MQTTv5:
        properties = Properties(PacketTypes.CONNECT)  # type: ignore[no-untyped-call]
        properties.SessionExpiryInterval = NEVER
        properties.ReceiveMaximum = min(source.max_messages, WINDOW)
        more = {"clean_start": False, "properties": properties}
    try:
        client.connect(login.host, login.port or PORTS[source.tls], KEEPALIVE, **more)
    except ssl.SSLCertVerificationError as error:
        raise SourceError(
            f"{session.server} shows a certificate that is not trusted: {error.verify_message}",
            hint="a broker of an own authority: extra of the connection, ca_path",
        ) from error
    except (OSError, ValueError) as error:
        raise SourceError(f"{session.server} cannot be reached: {error}", retry=True) from error
    client.loop_start()
    reason = session.wait_for("connection")
    if str(reason) == UNSUPPORTED_VERSION:
        return False
    if reason.is_failure:
        refused = str(reason) in REFUSALS
        raise SourceError(
            f"{session.server} refuses the connection: {reason}",
            hint="check login and password of the connection" if refused else None,
            retry=not refused,
        )
    return True
