"""Webhooks, signed and retried as Standard Webhooks 1.0.0 has it, to public addresses only."""

from __future__ import annotations

import base64
import hmac
import time
from dataclasses import dataclass
from typing import Any

import orjson
from tenacity import Retrying, retry_if_result, stop_after_attempt, wait_exponential_jitter

from moulouya import __version__
from moulouya.errors import UsageError
from moulouya.ledger import now, stamp
from moulouya.settings import Settings
from moulouya.web.addresses import Guard
from moulouya.web.trouble import Trouble
from moulouya.web.urls import Target, shown, target

ATTEMPTS = 4
SECONDS = 20.0
WAIT = wait_exponential_jitter(initial=1, max=30)
PASSING = frozenset({408, 425, 429, 500, 502, 503, 504})
GONE = 410
PREFIX = "whsec_"


@dataclass(frozen=True)
class Webhook:
    """Where to post, and the key to sign with."""

    id: int
    url: str
    key: bytes


@dataclass(frozen=True)
class Outcome:
    """How a delivery ended: without a problem, or with one; ``gone`` asks for no more."""

    problem: str | None = None
    passing: bool = False
    gone: bool = False


def secret(key: bytes) -> str:
    """A key as its receiver writes it into their program."""
    return PREFIX + base64.b64encode(key).decode()


def signature(key: bytes, id: str, timestamp: int, body: bytes) -> str:
    """The value of ``webhook-signature``: HMAC-SHA256 of id, time and body."""
    signed = hmac.digest(key, f"{id}.{timestamp}.".encode() + body, "sha256")
    return f"v1,{base64.b64encode(signed).decode()}"


def accepted(url: str, settings: Settings) -> str:
    """An address that may be registered, in its plain form; raises UsageError for another.

    It is resolved and judged again whenever something is posted to it.
    """
    from moulouya.web.backend import resolve

    try:
        to = _target(url, settings)
        for address in resolve(to.host.strip("[]"), to.port, SECONDS):
            Guard(None, settings.allowed_private_hosts).check(to.host, to.port, address)
    except Trouble as trouble:
        raise UsageError(f"{shown(url)}{trouble.message}", hint=trouble.hint) from trouble
    return to.url


def deliver(hook: Webhook, release: int, data: dict[str, Any], settings: Settings) -> Outcome:
    """Post what changed, four times at most; redirects are not followed.

    The id of the message is the same in every attempt and in every run, so that a receiver knows
    what came twice.
    """
    id = f"msg_{hook.id}_{release}"
    body = orjson.dumps({"type": "datasets.changed", "timestamp": stamp(now()), "data": data})
    retrying = Retrying(
        stop=stop_after_attempt(ATTEMPTS),
        wait=WAIT,
        retry=retry_if_result(lambda outcome: outcome.passing),
        retry_error_callback=lambda state: state.outcome.result() if state.outcome else Outcome(),
    )
    outcome: Outcome = retrying(lambda: _post(hook, id, body, settings))
    return outcome


def _post(hook: Webhook, id: str, body: bytes, settings: Settings) -> Outcome:
    import httpcore

    timestamp = int(time.time())
    headers = {
        "Content-Type": "application/json",
        "User-Agent": f"moulouya/{__version__} (webhooks)",
        "webhook-id": id,
        "webhook-timestamp": str(timestamp),
        "webhook-signature": signature(hook.key, id, timestamp, body),
    }
    try:
        to = _target(hook.url, settings)
        with (
            _pool(to, settings) as pool,
            pool.stream(
                "POST",
                httpcore.URL(scheme=to.scheme, host=to.host, port=to.port, target=to.path),
                headers=headers,
                content=body,
                extensions={
                    "timeout": dict.fromkeys(("connect", "read", "write", "pool"), SECONDS)
                },
            ) as response,
        ):
            status = response.status
    except Trouble as trouble:
        return Outcome(f"{shown(hook.url)}{trouble.message}", passing=trouble.retry)
    except (httpcore.TimeoutException, httpcore.NetworkError, httpcore.ProtocolError) as error:
        return Outcome(f"{shown(hook.url)}: {type(error).__name__}", passing=True)
    if 200 <= status < 300:
        return Outcome()
    problem = f"{shown(hook.url)} answered {status}"
    return Outcome(problem, passing=status in PASSING, gone=status == GONE)


def _target(url: str, settings: Settings) -> Target:
    """Read an address: https, or http to a host of a private network that is named."""
    to = target(url)
    named = settings.allowed_private_hosts
    if to.scheme != "https" and not {to.host, f"{to.host}:{to.port}"} & set(named):
        raise Trouble(" is not https", hint="what is posted is signed, not hidden: use https")
    return to


def _pool(to: Target, settings: Settings) -> Any:
    """Connections that go to addresses that were judged, for a bounded time."""
    import httpcore

    from moulouya.web.backend import GuardedBackend
    from moulouya.web.certificates import verifying
    from moulouya.web.limits import MIB, Bounds, Deadline, Pace

    return httpcore.ConnectionPool(
        ssl_context=verifying() if to.scheme == "https" else None,
        network_backend=GuardedBackend(
            Guard(None, settings.allowed_private_hosts),
            Bounds(Deadline(SECONDS), Pace(), MIB),
            None,
        ),
    )
