"""The documentation's pages: their fenced snippets, links and headings."""

from __future__ import annotations

import re
import shlex
from dataclasses import dataclass
from pathlib import Path

REPOSITORY = Path(__file__).parents[2]
PAGES = sorted(
    path.relative_to(REPOSITORY).as_posix()
    for path in [
        *(REPOSITORY / name for name in ("README.md", "CHANGELOG.md", "CONTRIBUTING.md")),
        *(path for path in (REPOSITORY / "docs").rglob("*.md") if "_parts" not in path.parts),
    ]
)
FENCE = re.compile(r"^```(\S*)[ ]*(.*)$")
EXAMPLES = re.compile(r"^<!-- examples: (.+) -->$", re.MULTILINE)

# What a fence may say of itself, by language. Every one is run, written, compared or checked;
# `no-run` takes a reason.
TAGS = {
    "console": {"exit", "no-run", "reason"},
    "sql": {"file", "attach", "no-run", "reason"},
    "python": {"file", "no-run", "reason"},
    "yaml": {"file", "into", "part", "whole", "source", "no-run", "reason"},
    "csv": {"file"},
    "json": {"like"},
    "text": {"output"},
}


@dataclass(frozen=True)
class Fence:
    """One fenced snippet: where it stands, its language and tags, and its text."""

    page: str
    line: int
    language: str
    tags: dict[str, str]
    text: str

    @property
    def place(self) -> str:
        """Where the snippet begins, for a message."""
        return f"{self.page}:{self.line}"


def read(page: str) -> str:
    """A page's text."""
    return (REPOSITORY / page).read_text(encoding="utf-8")


def examples(page: str) -> str:
    """What the page's snippets need to be there: an empty folder unless the page says more."""
    found = EXAMPLES.search(read(page))
    return found.group(1) if found else "empty"


def fences(page: str) -> list[Fence]:
    """The snippets of a page in their order."""
    found: list[Fence] = []
    opened: tuple[int, str, dict[str, str]] | None = None
    lines: list[str] = []
    for number, line in enumerate(read(page).splitlines(), 1):
        fence = FENCE.match(line)
        if opened is None and fence:
            tags = dict(tag.partition("=")[::2] for tag in shlex.split(fence.group(2)))
            opened = number, fence.group(1), tags
        elif opened is not None and line == "```":
            found.append(Fence(page, *opened, "\n".join(lines) + "\n"))
            opened, lines = None, []
        elif opened is not None:
            lines.append(line)
    assert opened is None, f"{page}:{opened[0]}: the snippet has no end"
    return found


def prose(page: str) -> str:
    """A page without its snippets and inline code."""
    text = re.sub(r"^```.*?^```$", "", read(page), flags=re.MULTILINE | re.DOTALL)
    return re.sub(r"`[^`\n]*`", "", text)


def anchors(page: str) -> set[str]:
    """The anchors that the headings of a page make."""
    text = re.sub(r"^```.*?^```$", "", read(page), flags=re.MULTILINE | re.DOTALL)
    headings = re.findall(r"^#+ (.+)$", text, flags=re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading).strip().lower().replace(" ", "-")
            for heading in headings}  # fmt: skip
