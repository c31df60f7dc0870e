"""What a dataset was made from and what is made from it, as a graph of published datasets."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from moulouya.portal.dataset.derived import OncePerRelease
from moulouya.portal.history import version_of
from moulouya.portal.languages import Language
from moulouya.portal.published import Catalogue, PublishedDataset, PublishedVersion

HOPS = 2
MOST_DRAWN = 40
# However deep a tree of ancestors is, a page shows no more of it.
DEEPEST = 20
MOST_LISTED = 500


@dataclass(frozen=True)
class Node:
    """A dataset or a publisher of a graph; ``hop`` is below zero for what comes before."""

    key: str
    title: str
    href: str
    hop: int
    kind: str


@dataclass(frozen=True)
class Graph:
    """Nodes from the sources to what is derived, and the arrows between their keys."""

    nodes: tuple[Node, ...]
    arrows: tuple[tuple[str, str], ...]


@dataclass(frozen=True)
class Branch:
    """A dataset in a tree of ancestors or descendants.

    ``version`` is the one that was used, where it is known; ``again`` says that its own branches
    are told elsewhere in the tree.
    """

    slug: str
    title: str
    href: str
    version: int | None
    sources: tuple[Mapping[str, object], ...] = ()
    again: bool = False
    below: tuple[Branch, ...] = field(default=())


def _derived(catalogue: Catalogue, before: Mapping[str, tuple[str, ...]] | None) -> dict[
    str, tuple[str, ...]
]:  # fmt: skip
    """The datasets made from each one, by slug."""
    found: dict[str, list[str]] = {}
    for slug, dataset in catalogue.datasets.items():
        for used in dataset.record.get("inputs") or {}:
            found.setdefault(used, []).append(slug)
    return {slug: tuple(sorted(users)) for slug, users in found.items()}


_DERIVED: OncePerRelease[Mapping[str, tuple[str, ...]]] = OncePerRelease(_derived)


def inputs(dataset: PublishedVersion) -> Mapping[str, int]:
    """The datasets that a version was made from, with the version of each."""
    found: Mapping[str, int] = dataset.record.get("inputs") or {}
    return found


def users(catalogue: Catalogue, slug: str) -> tuple[str, ...]:
    """The datasets that are made from one."""
    return _DERIVED.of(catalogue).get(slug, ())


def neighbours(catalogue: Catalogue, dataset: PublishedDataset) -> frozenset[str]:
    """What a dataset is made from and what is made from it, one step away."""
    return frozenset(inputs(dataset)) | frozenset(users(catalogue, dataset.slug))


def graph(catalogue: Catalogue, dataset: PublishedDataset, language: Language) -> Graph | None:
    """Two hops up and down with the publishers at the beginning; None where it is too large."""
    hops = {dataset.slug: 0}
    for direction in (-1, 1):
        front = {dataset.slug}
        for step in range(1, HOPS + 1):
            front = {
                other
                for slug in front
                for other in _next(catalogue, slug, direction)
                if hops.get(other, direction) * direction > 0
            }
            hops |= dict.fromkeys(sorted(front), direction * step)
            if len(hops) > MOST_DRAWN:
                return None
    nodes = [
        Node(slug, _title(catalogue, slug, language), _href(catalogue, slug, language), hop,
             "here" if hop == 0 else "dataset")
        for slug, hop in hops.items()
    ]  # fmt: skip
    arrows = [
        (used, slug)
        for slug in hops
        if slug in catalogue.datasets
        for used in inputs(catalogue.datasets[slug])
        if used in hops and hops[used] < hops[slug]
    ]
    before = [slug for slug, hop in hops.items() if hop <= 0]
    published = _publishers(catalogue, before, language)
    first = min(hops.values()) - 1
    nodes += [Node(key, title, href, first, "source") for key, title, href in sorted(set(
        published.values()))]  # fmt: skip
    arrows += [(source[0], slug) for slug, source in published.items()]
    if len(nodes) > MOST_DRAWN:
        return None
    return Graph(tuple(nodes), tuple(arrows))


def _next(catalogue: Catalogue, slug: str, direction: int) -> Iterator[str]:
    dataset = catalogue.datasets.get(slug)
    if direction > 0:
        yield from users(catalogue, slug)
    elif dataset is not None:
        yield from inputs(dataset)


def _publishers(
    catalogue: Catalogue, slugs: Sequence[str], language: Language
) -> dict[str, tuple[str, str, str]]:
    """The publisher of each dataset that takes something from outside: key, name and address."""
    found = {}
    for slug in slugs:
        dataset = catalogue.datasets.get(slug)
        if dataset is not None and dataset.record.get("snapshots"):
            publisher = dataset.record["publisher"]
            name = publisher["name"][language.code]
            found[slug] = (f"source:{publisher['name']['en']}", name, publisher["url"])
    return found


def ancestry(
    catalogue: Catalogue, dataset: PublishedDataset, language: Language
) -> tuple[Branch, ...]:
    """All that a dataset was made from, at the versions that were used, with what was fetched."""
    seen: set[str] = set()
    return tuple(_up(catalogue, dataset, language, seen, 1))


def _up(
    catalogue: Catalogue, version: PublishedVersion, language: Language, seen: set[str], depth: int
) -> Iterator[Branch]:
    for slug, number in sorted(inputs(version).items()):
        used = _version(catalogue, slug, number)
        again = slug in seen
        deeper = depth < DEEPEST and len(seen) < MOST_LISTED and not again and used is not None
        seen.add(slug)
        yield Branch(
            slug,
            _title(catalogue, slug, language),
            _href(catalogue, slug, language),
            number,
            tuple(used.record.get("snapshots") or ()) if used is not None and not again else (),
            again and used is not None and bool(inputs(used)),
            tuple(_up(catalogue, used, language, seen, depth + 1))
            if deeper and used is not None
            else (),
        )


def descent(catalogue: Catalogue, slug: str, language: Language) -> tuple[Branch, ...]:
    """All that is made from a dataset, directly or not."""
    return tuple(_down(catalogue, slug, language, {slug}, 1))


def _down(
    catalogue: Catalogue, slug: str, language: Language, seen: set[str], depth: int
) -> Iterator[Branch]:
    for other in users(catalogue, slug):
        again = other in seen
        seen.add(other)
        deeper = depth < DEEPEST and len(seen) < MOST_LISTED and not again
        yield Branch(
            other,
            _title(catalogue, other, language),
            _href(catalogue, other, language),
            None,
            (),
            again and bool(users(catalogue, other)),
            tuple(_down(catalogue, other, language, seen, depth + 1)) if deeper else (),
        )


def _version(catalogue: Catalogue, slug: str, number: int) -> PublishedVersion | None:
    """A version that was used: the one of the release, or an older one from the lake."""
    dataset = catalogue.datasets.get(slug)
    if dataset is not None and dataset.number == number:
        return dataset
    return version_of(catalogue.lake, slug, number)


def _title(catalogue: Catalogue, slug: str, language: Language) -> str:
    dataset = catalogue.datasets.get(slug)
    return str(dataset.definition["title"][language.code]) if dataset is not None else slug


def _href(catalogue: Catalogue, slug: str, language: Language) -> str:
    return f"/{language.code}/datasets/{slug}" if slug in catalogue.datasets else ""
