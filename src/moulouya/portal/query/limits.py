"""How much each client may ask: three tiers, and two allowances that fill again with time.

Without a key a client is its network address, whatever contact it gives. Nothing of it is kept
beyond the allowances in memory.
"""

from __future__ import annotations

import hashlib
import ipaddress
import math
import re
import time
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

from moulouya.settings import Settings

WINDOW = 60
MOST_CLIENTS = 20_000
CONTACT = re.compile(r"[^\s@<>]{1,80}@[^\s@<>]{1,120}\.[a-z]{2,24}|https?://[^\s<>]{4,200}", re.I)


class UnknownKey(Exception):
    """A key was sent that is not in the file of keys."""


@dataclass(frozen=True)
class Tier:
    """What a client may ask at once, and in a minute; ``cpu`` is in seconds of processors."""

    name: str
    rows: int
    bytes: int
    seconds: float
    at_once: int
    requests: int
    cpu: int


def tiers(settings: Settings) -> dict[str, Tier]:
    """The three tiers under the settings of a deployment."""
    seconds, rows, places = settings.sql_seconds, settings.sql_rows, settings.sql_workers
    most = max(1, places - 2)
    mib = 1024**2
    return {
        "anonymous": Tier("anonymous", rows, 10 * mib, seconds, most, 1000, 120),
        "contact": Tier("contact", 5 * rows, 50 * mib, seconds * 10 / 3, most, 2000, 240),
        "key": Tier("key", 100 * rows, 1000 * mib, seconds * 10, most, 6000, 1200),
    }


@dataclass(frozen=True)
class Client:
    """Who asks: a name that is the same for all of its requests, and its tier."""

    name: str
    tier: Tier


def client(
    known: dict[str, Tier], keys: Path | None, *, address: str, key: str, contact: str
) -> Client:
    """Who asks, by what it sent; raises UnknownKey."""
    if key:
        name = _names(keys).get(hashlib.sha256(key.encode(errors="replace")).hexdigest())
        if name is None:
            raise UnknownKey
        return Client(f"key {name}", known["key"])
    tier = known["contact" if CONTACT.fullmatch(contact.strip()) else "anonymous"]
    return Client(_network(address), tier)


def _network(address: str) -> str:
    """An address; of IPv6 the network that one subscriber has."""
    try:
        parsed = ipaddress.ip_address(address)
    except ValueError:
        return address[:64]
    if parsed.version == 4:
        return str(parsed)
    return str(ipaddress.ip_network((parsed, 64), strict=False))


def _names(keys: Path | None) -> dict[str, str]:
    """The names of keys by the SHA-256 of the key; read again when the file has changed."""
    if keys is None:
        return {}
    try:
        return _read(keys, keys.stat().st_mtime_ns)
    except OSError:
        return {}


@lru_cache(maxsize=4)
def _read(keys: Path, changed: int) -> dict[str, str]:
    found = {}
    for line in keys.read_text(encoding="utf-8").splitlines():
        words = line.split("#", 1)[0].split()
        if len(words) == 2 and re.fullmatch(r"[0-9a-f]{64}", words[1]):
            found[words[1]] = words[0]
    return found


@dataclass
class _Account:
    requests: float
    cpu: float
    at: float


class Allowances:
    """What every client has left; the longest unseen are forgotten when there are very many."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._accounts: OrderedDict[str, _Account] = OrderedDict()

    def take(self, who: Client) -> float:
        """Take one request; 0 when it may go on, else the seconds after which one may."""
        account = self._account(who)
        wait_requests = (1 - account.requests) * WINDOW / who.tier.requests
        wait_cpu = (0.1 - account.cpu) * WINDOW / who.tier.cpu
        wait = max(wait_requests, wait_cpu)
        if wait > 0:
            return wait
        account.requests -= 1
        return 0.0

    def spend(self, who: Client, cpu: float) -> None:
        """Book the seconds of processors that a statement took."""
        self._account(who).cpu -= cpu

    def headers(self, who: Client) -> dict[str, str]:
        """What is allowed and what is left, as in draft-ietf-httpapi-ratelimit-headers."""
        account, tier = self._account(who), who.tier
        left = []
        for name, have, quota in (
            ("requests", account.requests, tier.requests),
            ("cpu-seconds", account.cpu, tier.cpu),
        ):
            full_in = math.ceil((quota - have) * WINDOW / quota)
            left.append(f'"{name}";r={max(0, math.floor(have + 1e-6))};t={max(0, full_in)}')
        return {
            "RateLimit-Policy": f'"requests";q={tier.requests};w={WINDOW}, '
            f'"cpu-seconds";q={tier.cpu};w={WINDOW}',
            "RateLimit": ", ".join(left),
            "Result-Limit": f"tier={tier.name}, rows={tier.rows}, bytes={tier.bytes}, "
            f"seconds={tier.seconds:.4g}",
        }

    def _account(self, who: Client) -> _Account:
        now = self._clock()
        account = self._accounts.get(who.name)
        if account is None:
            account = self._accounts[who.name] = _Account(who.tier.requests, who.tier.cpu, now)
            while len(self._accounts) > MOST_CLIENTS:
                self._accounts.popitem(last=False)
        passed, account.at = now - account.at, now
        tier = who.tier
        account.requests = min(tier.requests, account.requests + passed * tier.requests / WINDOW)
        account.cpu = min(tier.cpu, account.cpu + passed * tier.cpu / WINDOW)
        self._accounts.move_to_end(who.name)
        return account
