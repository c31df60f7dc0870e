"""How often somebody may ask: a sliding minute for each token and each address."""

from __future__ import annotations

import math
import time
from collections import OrderedDict, deque
from collections.abc import Callable

from moulouya.inbox.refusals import Refused

MINUTE = 60.0
MOST_KEYS = 10_000


class Rates:
    """Counts what each key did in the last minute; the keys seen last are remembered."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._times: OrderedDict[str, deque[float]] = OrderedDict()

    def count(self, key: str) -> None:
        """Note that a key did something now."""
        times = self._times.setdefault(key, deque())
        self._times.move_to_end(key)
        times.append(self._clock())
        if len(self._times) > MOST_KEYS:
            self._times.popitem(last=False)

    def check(self, key: str, most: int) -> None:
        """Raises Refused, with when to come again, if the key did it ``most`` times already."""
        times = self._times.get(key, deque())
        while times and times[0] <= self._clock() - MINUTE:
            times.popleft()
        if len(times) >= most:
            wait = math.ceil(times[0] + MINUTE - self._clock())
            raise Refused(429, "too-many", headers={"Retry-After": str(max(1, wait))})
