"""Places, the queue and allowances: with a clock that the test turns."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from moulouya.portal.query import limits, pool
from moulouya.portal.query.limits import Allowances, Client, Tier
from moulouya.portal.query.pool import Busy, Places
from moulouya.settings import Settings


class Stopped:
    """A statement under way that can be ended."""

    def __init__(self) -> None:
        self.cancelled = False

    def cancel(self) -> None:
        self.cancelled = True


async def hold(places: Places, client: str, release: asyncio.Event, order: list[str]) -> None:
    async with places.place(client, most=3):
        order.append(client)
        await release.wait()


async def settled(until: Callable[[], bool]) -> None:
    while not until():
        await asyncio.sleep(0)


def run(test: Callable[[], Awaitable[Any]]) -> None:
    asyncio.run(asyncio.wait_for(_of(test), 30))


async def _of(test: Callable[[], Awaitable[Any]]) -> None:
    await test()


def test_who_has_little_under_way_goes_first() -> None:
    async def test() -> None:
        places, order = Places(2), []
        events = [asyncio.Event() for _ in range(5)]
        tasks = [asyncio.create_task(hold(places, "heavy", events[n], order)) for n in range(4)]
        await settled(lambda: len(places._taken) == 2 and len(places._waiting) == 2)
        tasks.append(asyncio.create_task(hold(places, "light", events[4], order)))
        await settled(lambda: len(places._waiting) == 3)
        events[0].set()
        await settled(lambda: len(order) == 3)
        assert order == ["heavy", "heavy", "light"]
        for event in events:
            event.set()
        await asyncio.gather(*tasks)
        assert (places._taken, places._waiting) == ([], [])

    run(test)


def test_a_client_has_no_more_than_its_share() -> None:
    async def test() -> None:
        places, order, done = Places(10), [], asyncio.Event()
        tasks = [asyncio.create_task(hold(places, "one", done, order)) for _ in range(5)]
        await settled(lambda: len(places._waiting) == 2)
        assert len(places._taken) == 3
        done.set()
        await asyncio.gather(*tasks)

    run(test)


def test_the_queue_has_an_end_in_length_and_in_time(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pool, "QUEUE", 1)
    monkeypatch.setattr(pool, "PATIENCE", 0.01)

    async def test() -> None:
        places, done = Places(1), asyncio.Event()
        first = asyncio.create_task(hold(places, "a", done, []))
        await settled(lambda: len(places._taken) == 1)
        second = asyncio.create_task(hold(places, "b", done, []))
        await settled(lambda: len(places._waiting) == 1)
        with pytest.raises(Busy, match="too many"):
            await hold(places, "c", done, [])
        with pytest.raises(Busy, match="in time"):
            await second
        assert places._waiting == []
        done.set()
        await first

    run(test)


def test_who_has_most_long_statements_makes_room() -> None:
    async def test() -> None:
        now = [0.0]
        places, order, done = Places(3, clock=lambda: now[0]), [], asyncio.Event()
        tasks = [asyncio.create_task(hold(places, name, done, order)) for name in "aab"]
        await settled(lambda: len(places._taken) == 3)
        runs = [Stopped() for _ in range(3)]
        for place, stopped in zip(places._taken, runs, strict=True):
            place.run = stopped  # type: ignore[assignment]
        places._taken[1].began = 0.1
        now[0] = 10.0
        places._relieve("a")
        assert not any(stopped.cancelled for stopped in runs)
        places._relieve("c")
        places._relieve("c")
        assert [stopped.cancelled for stopped in runs] == [False, True, False]
        done.set()
        await asyncio.gather(*tasks)

    run(test)


TIER = Tier("test", rows=1, bytes=1, seconds=1, at_once=1, requests=60, cpu=30)


def test_an_allowance_fills_again_with_time() -> None:
    now = [0.0]
    allowances, who = Allowances(lambda: now[0]), Client("a", TIER)
    assert [allowances.take(who) for _ in range(60)] == [0.0] * 60
    assert allowances.take(who) == pytest.approx(1.0)
    assert allowances.take(Client("b", TIER)) == 0.0
    now[0] = 1.0
    assert allowances.take(who) == 0.0
    allowances.spend(who, 40.0)
    now[0] = 2.0
    assert allowances.take(who) > 0
    assert '"cpu-seconds";r=0' in allowances.headers(who)["RateLimit"]
    now[0] = 60.0
    assert allowances.take(who) == 0.0


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        ("192.0.2.1", "192.0.2.1", True),
        ("192.0.2.1", "192.0.2.2", False),
        ("2001:db8::1", "2001:db8::ffff", True),
        ("2001:db8::1", "2001:db8:0:1::1", False),
    ],
)
def test_a_client_is_its_network(one: str, other: str, same: bool) -> None:
    known = limits.tiers(Settings())
    names = {
        limits.client(known, None, address=address, key="", contact=contact).name
        for address, contact in ((one, ""), (other, "reader@example.org"))
    }
    assert (len(names) == 1) is same


@pytest.mark.parametrize(
    ("contact", "tier"),
    [
        ("reader@example.org", "contact"),
        ("https://example.org/about", "contact"),
        ("reader", "anonymous"),
        ("", "anonymous"),
        ("a b@example.org", "anonymous"),
    ],
)
def test_a_contact_is_an_address(contact: str, tier: str) -> None:
    known = limits.tiers(Settings())
    assert limits.client(known, None, address="x", key="", contact=contact).tier.name == tier
