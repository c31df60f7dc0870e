"""Draws a lineage as SVG: columns from the sources to what is derived, in the reading direction.

The letters are the page's own font, of which the server knows no widths: lines are broken by
counting characters, a little too early rather than too late.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise

from moulouya.portal.dataset.lineage import Graph, Node

WIDTH, HEIGHT = 168, 62
ACROSS, DOWN = 56, 14
MARGIN = 4
# The height of the lane of an arrow that crosses a column, and the length of an arrow's head.
BEND, HEAD = 8, 6
# A line holds so many letters of the width of a Latin one; wide letters count twice.
LETTERS = 21
LINES = 3
LEADING = 17


@dataclass(frozen=True)
class Box:
    """A node in its place; ``lines`` are its title with the height of each base line."""

    node: Node
    x: int
    y: int
    lines: tuple[tuple[str, int], ...]


@dataclass(frozen=True)
class Drawing:
    """Boxes and the paths of the arrows, in the units of a view box that begins at 0."""

    width: int
    height: int
    boxes: tuple[Box, ...]
    paths: tuple[str, ...]
    middle: int = WIDTH // 2
    box: tuple[int, int] = (WIDTH, HEIGHT)


def draw(graph: Graph, rtl: bool) -> Drawing:
    """Place a graph: sources at the beginning of the line, every column centred in the height."""
    hops = sorted({node.hop for node in graph.nodes})
    place = {hop: number for number, hop in enumerate(hops)}
    nodes = {node.key: node for node in graph.nodes}
    columns: list[list[str]] = [
        sorted((key for key, node in nodes.items() if node.hop == hop),
               key=lambda key: nodes[key].title)
        for hop in hops
    ]  # fmt: skip
    chains = [_chain(start, end, place, nodes, columns) for start, end in graph.arrows]
    _untangle(columns, [pair for chain in chains for pair in pairwise(chain)])
    heights = {key: HEIGHT if key in nodes else BEND for column in columns for key in column}
    tall = [sum(heights[key] + DOWN for key in column) - DOWN for column in columns]
    height = max(tall) + 2 * MARGIN
    width = len(hops) * (WIDTH + ACROSS) - ACROSS + 2 * MARGIN
    corners: dict[str, tuple[int, int]] = {}
    for number, column in enumerate(columns):
        x = MARGIN + number * (WIDTH + ACROSS)
        y = (height - tall[number]) // 2
        for key in column:
            corners[key] = (width - x - WIDTH if rtl else x, y)
            y += heights[key] + DOWN
    boxes = tuple(_box(node, *corners[node.key]) for node in graph.nodes)
    paths = tuple(_path(chain, corners, heights, rtl) for chain in chains)
    return Drawing(width, height, boxes, paths)


def _chain(
    start: str,
    end: str,
    place: Mapping[int, int],
    nodes: Mapping[str, Node],
    columns: list[list[str]],
) -> list[str]:
    """The stations of an arrow: one that crosses a column gets a lane of its own in it."""
    first, last = place[nodes[start].hop], place[nodes[end].hop]
    lanes = []
    for number in range(first + 1, last):
        lane = f"{start} > {end} > {number}"
        columns[number].append(lane)
        lanes.append(lane)
    return [start, *lanes, end]


def _untangle(columns: Sequence[list[str]], steps: Sequence[tuple[str, str]]) -> None:
    """Order each column by the mean place of its neighbours, once in each direction."""
    beside: dict[str, list[str]] = {}
    for one, other in steps:
        beside.setdefault(one, []).append(other)
        beside.setdefault(other, []).append(one)
    for ordered in (columns, list(reversed(columns))):
        place: dict[str, float] = {}
        for column in ordered:
            middle = {}
            for key in column:
                near = [place[other] for other in beside.get(key, ()) if other in place]
                middle[key] = sum(near) / len(near) if near else 0.5
            column.sort(key=middle.__getitem__)
            place |= {key: (row + 0.5) / len(column) for row, key in enumerate(column)}


def _box(node: Node, x: int, y: int) -> Box:
    lines = _lines(node.title)
    first = y + (HEIGHT - (len(lines) - 1) * LEADING) // 2 + 5
    return Box(node, x, y, tuple((line, first + i * LEADING) for i, line in enumerate(lines)))


def _path(
    chain: Sequence[str],
    corners: Mapping[str, tuple[int, int]],
    heights: Mapping[str, int],
    rtl: bool,
) -> str:
    """A line from the side of one box through its lanes to another, shorter by the arrow's head."""
    ahead = -1 if rtl else 1
    parts: list[str] = []
    for one, other in pairwise(chain):
        from_x = corners[one][0] + (0 if rtl else WIDTH)
        to_x = corners[other][0] + (WIDTH if rtl else 0)
        from_y = corners[one][1] + heights[one] // 2
        to_y = corners[other][1] + heights[other] // 2
        if other == chain[-1]:
            to_x -= HEAD * ahead
        bend = ACROSS // 2 * ahead
        parts.append(f"{'L' if parts else 'M'}{from_x} {from_y}")
        parts.append(f"C{from_x + bend} {from_y} {to_x - bend} {to_y} {to_x} {to_y}")
    return "".join(parts)


def _lines(title: str) -> list[str]:
    """A title in at most three lines, the rest as an ellipsis."""
    lines, line = [], ""
    for word in title.split():
        for piece in _pieces(word):
            longer = f"{line} {piece}" if line else piece
            if _width(longer) <= LETTERS:
                line = longer
                continue
            if line:
                lines.append(line)
            line = piece
    lines.append(line)
    if len(lines) > LINES:
        lines = [*lines[: LINES - 1], _cut(lines[LINES - 1])]
    return lines


def _cut(line: str) -> str:
    while _width(line) > LETTERS - 1:
        line = line[:-1]
    return f"{line.rstrip()}…"


def _pieces(word: str) -> list[str]:
    """A word that is longer than a line, in pieces that fit."""
    pieces, piece = [], ""
    for letter in word:
        if piece and _width(piece + letter) > LETTERS:
            pieces.append(piece)
            piece = ""
        piece += letter
    return [*pieces, piece]


def _width(text: str) -> int:
    """How many Latin letters a text is about as wide as; marks above letters take no room."""
    return sum(
        0 if unicodedata.combining(letter) else 2 if unicodedata.east_asian_width(letter) in "WF"
        else 1
        for letter in text
    )  # fmt: skip
