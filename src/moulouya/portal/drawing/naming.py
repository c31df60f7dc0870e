"""Titles that share their words: what they share names the chart, the rest names its parts."""

from __future__ import annotations

import re
from collections.abc import Sequence

YEAR = re.compile(r"(1[89]|20|21)[0-9][0-9]")
ENDS = ":："


def split(titles: Sequence[str]) -> tuple[str, tuple[str, ...]]:
    """The shared beginning of some titles and what is left of each; no beginning where none fits.

    A beginning ends at a colon (``To work: on foot``), or before a year where the titles differ
    in nothing else. A year that all of them end in belongs to what is shared.
    """
    if len(titles) < 2:
        return "", tuple(titles)
    year = _shared_year(titles)
    bare = [title[: len(title) - len(year)].rstrip() if year else title for title in titles]
    words = [title.split(" ") for title in bare]
    shared = 0
    while all(len(one) > shared + 1 and one[shared] == words[0][shared] for one in words):
        shared += 1
    rests = [" ".join(one[shared:]) for one in words]
    begin = " ".join(words[0][:shared])
    if begin and all(YEAR.fullmatch(rest) for rest in rests):
        return begin.rstrip(" " + ENDS), tuple(rests)
    begin, rests = _at_colon(bare)
    if begin:
        return f"{begin} {year}".strip(), tuple(rests)
    return "", tuple(titles)


def _shared_year(titles: Sequence[str]) -> str:
    last = {title.rpartition(" ")[2] for title in titles}
    year = last.pop()
    return year if not last and YEAR.fullmatch(year) else ""


def _at_colon(titles: Sequence[str]) -> tuple[str, list[str]]:
    parts = [re.split(f"[{ENDS}]", title, maxsplit=1) for title in titles]
    if any(len(part) < 2 or part[0] != parts[0][0] or not part[1].strip() for part in parts):
        return "", list(titles)
    return parts[0][0].strip(), [part[1].strip() for part in parts]
