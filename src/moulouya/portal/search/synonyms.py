"""Words that mean the same in Arabic, French and English, from synonyms.yml."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from pathlib import Path

import yaml

from moulouya.portal.search.folding import words
from moulouya.portal.search.stemming import stems

FILE = Path(__file__).with_name("synonyms.yml")
Said = tuple[str, ...]


@cache
def _groups() -> Mapping[str, frozenset[Said]]:
    """For each stem, everything that means the same; a member may be of several words."""
    found: dict[str, set[Said]] = {}
    for group in yaml.safe_load(FILE.read_text(encoding="utf-8")):
        members = {
            tuple(words(member)): code for code, listed in group.items() for member in listed
        }
        for member, code in members.items():
            if len(member) == 1:
                for stem in stems(member[0], code):
                    found.setdefault(stem, set()).update(members)
    return {stem: frozenset(members) for stem, members in found.items()}


def synonyms(word: str) -> frozenset[Said]:
    """What means the same as a folded word, itself left out; each as its words."""
    groups = _groups()
    found = frozenset[Said]().union(*(groups.get(stem, ()) for stem in stems(word)))
    return found - {(word,)}
