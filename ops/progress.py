"""What a start shows while it works: a live table on a terminal, one line an event elsewhere."""

from __future__ import annotations

import datetime as dt
from collections import Counter

from rich.console import Console, Group
from rich.live import Live
from rich.markup import escape
from rich.spinner import Spinner
from rich.table import Table
from rich.text import Text

STYLES = {
    "published": "green",
    "unchanged": "green",
    "held": "yellow",
    "failed": "red",
    "broken": "red",
    "running": "cyan",
}


class Progress:
    """Takes what happens and shows it; states are words such as ``running`` or ``published``."""

    def __init__(self, console: Console) -> None:
        self.console = console
        self.states: dict[str, str] = {}
        self.doing = ""
        self._live = Live(console=console, refresh_per_second=4, get_renderable=self._view)
        self.live = console.is_terminal

    def __enter__(self) -> Progress:
        if self.live:
            self._live.start()
        return self

    def __exit__(self, *_: object) -> None:
        if self.live:
            self._live.stop()

    def say(self, text: str, style: str = "") -> None:
        """One line that stays."""
        if self.live:
            self.console.print(Text(text, style=style))
        else:
            stamp = dt.datetime.now(dt.UTC).strftime("%H:%M:%S")
            print(f"{stamp} {text}", flush=True)

    def now(self, text: str) -> None:
        """What is being done at the moment."""
        if text != self.doing:
            self.doing = text
            if text and not self.live:
                self.say(text)

    def dataset(self, slug: str, state: str, sentence: str = "") -> None:
        """A dataset came to another state."""
        if self.states.get(slug) == state:
            return
        self.states[slug] = state
        if state != "running" and (sentence or not self.live):
            self.say(f"{slug}: {sentence or state}", STYLES.get(state, ""))

    def _view(self) -> Group:
        parts: list[Spinner | Table] = []
        running = sorted(slug for slug, state in self.states.items() if state == "running")
        counts = Counter(self.states.values())
        if self.states:
            grid = Table.grid(padding=(0, 2))
            done = ", ".join(
                f"{n} {state}" for state, n in sorted(counts.items()) if state != "running"
            )
            grid.add_row(Text("running"), Text(", ".join(running) or "–", style="cyan"))
            grid.add_row(Text("so far"), Text(done or "–"))
            parts.append(grid)
        if self.doing:
            parts.insert(0, Spinner("dots", text=escape(self.doing)))
        return Group(*parts)
