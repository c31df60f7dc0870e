"""Which columns are one indicator, and which of them repeat what another one says."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

import numpy as np

from moulouya.portal.places.columns import YEAR_AT_END, Better
from moulouya.portal.places.numbers import Array, Line
from moulouya.portal.published import PublishedDataset

ENOUGH_VALUES = 5


@dataclass
class Draft:
    """An indicator while repetitions are looked for."""

    line: Line
    earlier: Line | None
    better: Better | None
    themes: tuple[str, ...]
    goals: tuple[str, ...]
    order: int

    @property
    def known(self) -> int:
        return int(np.count_nonzero(~np.isnan(self.line.values)))

    def take(self, other: Draft) -> None:
        """What a repetition knows besides; its goals are of its own many figures, not of this."""
        self.better = self.better or other.better
        self.earlier = self.earlier or other.earlier
        self.themes = tuple(dict.fromkeys([*self.themes, *other.themes]))


def series_of(
    datasets: Mapping[str, PublishedDataset], lines: Mapping[str, tuple[Line, ...]]
) -> Iterable[Draft]:
    """The latest year of every column, with the year before it."""
    series: dict[tuple[str, ...], list[Line]] = {}
    for slug, several in lines.items():
        for line in several:
            about = line.about
            dated = () if about.year else (slug, about.column)
            key = (YEAR_AT_END.sub("", slug), about.base, about.unit, about.titles["en"],
                   about.titles["fr"], about.titles["ar"], *dated)  # fmt: skip
            series.setdefault(key, []).append(line)
    order = {slug: number for number, slug in enumerate(datasets)}
    positions = {
        (slug, name): number
        for slug in lines
        for number, name in enumerate(datasets[slug].definition["columns"])
    }
    for dated_lines in series.values():
        ordered = sorted(dated_lines, key=lambda line: -(line.about.year or 0))
        latest = ordered[0]
        earlier = next((one for one in ordered if one.about.year != latest.about.year), None)
        about = latest.about
        dataset = datasets[about.slug]
        better = next((one.about.better for one in ordered if one.about.better), None)
        yield Draft(
            latest, earlier, better, dataset.themes,
            tuple(dataset.definition.get("sdg") or ()),
            order[about.slug] * 10_000 + positions[(about.slug, about.column)],
        )  # fmt: skip


def without_repetition(drafts: list[Draft]) -> Iterable[Draft]:
    """Each figure once: in the dataset that says which way is better, or knows most places."""
    groups: dict[tuple[str, int | None], list[Draft]] = {}
    for draft in drafts:
        groups.setdefault((draft.line.about.unit, draft.line.about.year), []).append(draft)
    found: list[Draft] = []
    for several in groups.values():
        several.sort(
            key=lambda draft: (
                -draft.known, draft.better is None, draft.earlier is None, draft.order
            )
        )  # fmt: skip
        kept: list[Draft] = []
        table = np.full((len(several), len(several[0].line.values)), np.nan)
        for draft in several:
            same = _same_as(draft, kept, table)
            if same is None:
                table[len(kept)] = draft.line.values
                kept.append(draft)
            else:
                same.take(draft)
        found.extend(kept)
    return [one for one in found if not _said_already(one, found)]


def _said_already(draft: Draft, every: list[Draft]) -> bool:
    """Whether a figure is what another is compared with; the one of more places serves there."""
    if draft.earlier is not None:
        return False
    said = False
    table = draft.line.values.reshape(1, -1)
    for other in every:
        before = other.earlier
        if before is None or before is draft.line:
            continue
        about = (before.about.unit, before.about.year)
        if about != (draft.line.about.unit, draft.line.about.year):
            continue
        repeated = Draft(before, None, None, (), (), 0)
        if _same_as(repeated, [draft], table) is not None:
            other.earlier = draft.line
            said = True
        elif _same_as(draft, [repeated], before.values.reshape(1, -1)) is not None:
            said = True
    return said


def _same_as(draft: Draft, kept: list[Draft], table: Array) -> Draft | None:
    """The figure that says the same wherever this one says something."""
    known = np.flatnonzero(~np.isnan(draft.line.values))
    mine = draft.line.values[known]
    probes = known[:: max(1, len(known) // 3)]
    likely = np.ones(len(kept), dtype=bool)
    for place in probes:
        gap = np.abs(table[: len(kept), place] - draft.line.values[place])
        likely &= gap <= 0.5 + 1e-9
    for number in np.flatnonzero(likely):
        other = kept[number]
        decimals = min(draft.line.about.decimals, other.line.about.decimals)
        gap = np.abs(table[number, known] - mine)
        if not (gap <= 0.5 * 10.0**-decimals + 1e-9).all():
            continue
        if len(np.unique(mine)) >= ENOUGH_VALUES or other.line.about.base == draft.line.about.base:
            return other
    return None
