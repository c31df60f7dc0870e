"""Against floods and advertising, without asking anybody else: rates, and signs of spam."""

from __future__ import annotations

import hashlib
import ipaddress
import re
import secrets
import threading
import time
from collections import OrderedDict, deque
from collections.abc import Callable

LINK = re.compile(r"https?://|www\.|\[url|<a\s", re.IGNORECASE)
MOST_LINKS = 2
MOST_SENT = 10
WINDOW = 3600.0
SALT_LIVES = 86400.0
MOST_KEYS = 20_000


class Rates:
    """How often something was sent from an address within the last hour, in memory only.

    An address is known by a hash with a salt that is thrown away every day. IPv6 addresses count
    by their /56, which is what one household or office is given.
    """

    def __init__(self, most: int = MOST_SENT, clock: Callable[[], float] = time.monotonic) -> None:
        self._most = most
        self._clock = clock
        self._lock = threading.Lock()
        self._seen: OrderedDict[bytes, deque[float]] = OrderedDict()
        self._renew()

    def allows(self, address: str) -> bool:
        """Note that something was sent from here; False when it was too much."""
        with self._lock:
            now = self._clock()
            if now >= self._salt_until:
                self._renew()
            key = hashlib.sha256(self._salt + prefix(address).encode()).digest()
            times = self._seen.setdefault(key, deque(maxlen=self._most))
            self._seen.move_to_end(key)
            while len(self._seen) > MOST_KEYS:
                self._seen.popitem(last=False)
            while times and times[0] <= now - WINDOW:
                times.popleft()
            if len(times) >= self._most:
                return False
            times.append(now)
            return True

    def _renew(self) -> None:
        self._salt = secrets.token_bytes(32)
        self._salt_until = self._clock() + SALT_LIVES
        self._seen.clear()


def prefix(address: str) -> str:
    """The network of one sender: an IPv4 address, or the /56 of an IPv6 address."""
    try:
        found = ipaddress.ip_address(address.partition("%")[0])
    except ValueError:
        return "unknown"
    if isinstance(found, ipaddress.IPv6Address):
        if found.ipv4_mapped is not None:
            return str(found.ipv4_mapped)
        return str(ipaddress.ip_network((found, 56), strict=False))
    return str(found)


def flags(title: str, body: str) -> tuple[str, ...]:
    """What a moderator should look at twice: ``links``, ``shouting``, ``repeats``."""
    text = f"{title}\n{body}"
    found = []
    if len(LINK.findall(text)) > MOST_LINKS or LINK.search(title):
        found.append("links")
    letters = [letter for letter in text if letter.isupper() or letter.islower()]
    if len(letters) > 40 and sum(letter.isupper() for letter in letters) > 0.7 * len(letters):
        found.append("shouting")
    if re.search(r"(.)\1{14}", text):
        found.append("repeats")
    return tuple(found)
