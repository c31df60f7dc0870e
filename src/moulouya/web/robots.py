"""robots.txt, obeyed where pages for people are scraped (RFC 9309)."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from moulouya.web.trouble import Trouble
from moulouya.web.urls import Target

if TYPE_CHECKING:
    from protego import Protego

LARGEST = 512 * 1024
LONGEST_PAUSE = 60.0


class Robots:
    """The rules of each origin, asked for once; ``ask`` gives status and text of an address."""

    def __init__(self, user_agent: str, ask: Callable[[Target], tuple[int, bytes]]) -> None:
        self._product = user_agent.split("/")[0].split(" ")[0]
        self._ask = ask
        self._known: dict[tuple[str, str, int], Protego] = {}

    def check(self, at: Target) -> float:
        """Seconds to leave between two requests; Trouble when the page is not for robots."""
        rules = self._known.get(at.origin)
        if rules is None:
            rules = self._known[at.origin] = self._rules(at)
        if not rules.can_fetch(at.url, self._product):
            raise Trouble(
                f": robots.txt forbids it to {self._product}",
                hint="ask the publisher for leave or for a file; source.scraped says that this is "
                "a page for people",
            )
        return min(rules.crawl_delay(self._product) or 0.0, LONGEST_PAUSE)

    def _rules(self, at: Target) -> Protego:
        """Section 2.3.1: no file allows all; a server in trouble forbids all for now."""
        from protego import Protego

        try:
            status, text = self._ask(at.joined("/robots.txt"))
        except Trouble as trouble:
            raise Trouble(
                f": its robots.txt cannot be read{trouble.message}",
                hint=trouble.hint,
                retry=trouble.retry,
            ) from trouble
        if status == 200:
            return Protego.parse(text[:LARGEST].decode("utf-8", "replace"))
        if status == 429 or status >= 500:
            raise Trouble(
                f": its robots.txt answered {status}, which forbids everything for now", retry=True
            )
        return Protego.parse("")
