"""Make a published version once more from what was kept, and compare every file of it.

Nothing is taken from today's workspace: the texts come from the version's ``recipe.json``, the
bytes from its snapshots, other datasets by the version numbers that it names. What no file can tell
(the run, the times, who approved it, by what it was made) is taken over as recorded. The lake is
only read.
"""

from __future__ import annotations

import shutil
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Literal

from moulouya import duck, provenance, repeatable, versions
from moulouya.errors import CannotReproduce, LakeError, MoulouyaError, UsageError
from moulouya.provenance import Provenance, Recipe
from moulouya.rebuilding import Rebuilding
from moulouya.settings import Settings
from moulouya.storage.files import read_json, sha256_of, told_plainly
from moulouya.storage.lake import Lake, look_into
from moulouya.versions import Version

Outcome = Literal["identical", "different", "cannot"]


@dataclass(frozen=True)
class Compared:
    """One file of a version: its hash as published and as made once more, None where it is not."""

    name: str
    published: str | None
    rebuilt: str | None

    @property
    def identical(self) -> bool:
        """True when both have the same bytes."""
        return self.published == self.rebuilt


@dataclass(frozen=True)
class Reproduction:
    """What came of reproducing a version; ``reasons`` say why it differs, as far as is known."""

    slug: str
    version: int
    outcome: Outcome
    files: tuple[Compared, ...]
    reasons: tuple[str, ...]
    seconds: float

    def to_json(self) -> dict[str, Any]:
        """The same for programs."""
        files = [{**asdict(file), "identical": file.identical} for file in self.files]
        return {**asdict(self), "files": files, "reasons": list(self.reasons)}


def reproduce(
    settings: Settings, slug: str, number: int, *, keep: Path | None = None
) -> Reproduction:
    """Make a version once more and compare its files; ``keep`` is a folder for what was made.

    Raises UsageError when there is no such version, and CannotReproduce when it was made before
    recipes were kept, or when what it was made of is gone or damaged.
    """
    begun = time.monotonic()
    lake = look_into(settings)
    if keep is not None and keep.exists() and any(keep.iterdir()):
        raise UsageError(f"{keep} is not empty", hint="name a folder that is not there yet")
    version = _version(lake, slug, number)
    recipe = _recipe(version)
    made = provenance.read(version.record, recipe)
    with tempfile.TemporaryDirectory(prefix=f"reproduce-{slug}-") as place:
        try:
            rebuilt = Rebuilding(lake, version, made, Path(place), settings).build()
        except CannotReproduce:
            raise
        except (MoulouyaError, OSError) as error:
            told = "; ".join([str(error).splitlines()[0], *_elsewhere(made)])
            raise CannotReproduce(f"version {number} of {slug} could not be made again: {told}",
                                  hint=getattr(error, "hint", None)) from error  # fmt: skip
        files = tuple(_compared(version, rebuilt))
        if keep is not None:
            with told_plainly(f"keeping the files in {keep}"):
                shutil.copytree(rebuilt, keep, dirs_exist_ok=True)
    same = all(file.identical for file in files)
    return Reproduction(
        slug=slug,
        version=number,
        outcome="identical" if same else "different",
        files=files,
        reasons=() if same else tuple(_reasons(version, made, files)),
        seconds=round(time.monotonic() - begun, 3),
    )


def reproduce_all(
    settings: Settings,
    on_progress: Callable[[str, int, int], None] = lambda slug, done, total: None,
) -> Iterator[Reproduction]:
    """Reproduce the newest version of every dataset in the lake, one after the other.

    One that cannot be reproduced does not stop the others.
    """
    lake = look_into(settings)
    newest = {slug: versions.standing(lake, slug) for slug in lake.names(lake.datasets)}
    there = [(slug, version.number) for slug, version in newest.items() if version is not None]
    yield from _each(settings, there, on_progress)


def reproduce_with_inputs(
    settings: Settings,
    slug: str,
    number: int,
    on_progress: Callable[[str, int, int], None] = lambda slug, done, total: None,
) -> Iterator[Reproduction]:
    """Reproduce a version and all that it was made of, down to the deliveries; inputs first.

    Raises UsageError when there is no such version. One that cannot be reproduced does not stop
    the others.
    """
    lake = look_into(settings)
    _version(lake, slug, number)
    yield from _each(settings, _made_of(lake, slug, number), on_progress)


def _each(
    settings: Settings,
    wanted: list[tuple[str, int]],
    on_progress: Callable[[str, int, int], None],
) -> Iterator[Reproduction]:
    for done, (slug, number) in enumerate(wanted):
        on_progress(slug, done, len(wanted))
        try:
            yield reproduce(settings, slug, number)
        except (CannotReproduce, LakeError, UsageError) as error:
            yield Reproduction(slug, number, "cannot", (), (error.message,), 0.0)


def _made_of(lake: Lake, slug: str, number: int) -> list[tuple[str, int]]:
    """A version and every version that had a say in its rows, each after those it was made of.

    Those are its inputs, the tables that it refers to, and what its deliveries were merged into.
    """
    ordered: list[tuple[str, int]] = []
    met: set[tuple[str, int]] = set()
    waiting = [((slug, number), False)]
    while waiting:
        one, inputs_are_done = waiting.pop()
        if inputs_are_done:
            ordered.append(one)
        elif one not in met:
            met.add(one)
            waiting.append((one, True))
            waiting += [(other, False) for other in _directly_made_of(lake, *one)]
    return ordered


def _directly_made_of(lake: Lake, slug: str, number: int) -> list[tuple[str, int]]:
    try:
        record = versions.read(lake, slug, number).record
    except (LakeError, OSError):
        return []  # told when it is its turn
    told = record.get("provenance") or {}
    named = [told.get("inputs") or {}, *(told.get("references") or {}).values()]
    found = {(other, said["version"]) for one in named for other, said in one.items()}
    if told.get("merged") and told.get("previous"):
        found.add((slug, told["previous"]["version"]))
    return sorted(found)


def _version(lake: Lake, slug: str, number: int) -> Version:
    numbers = lake.numbers(lake.versions(slug))
    if not numbers:
        raise UsageError(f"no dataset {slug!r} in the lake", hint="moulouya status")
    if number not in numbers:
        raise UsageError(
            f"{slug} has no version {number}",
            hint=f"it has {numbers[0]} to {numbers[-1]}" if numbers[1:] else f"it has {numbers[0]}",
        )
    return versions.read(lake, slug, number)


def _recipe(version: Version) -> Recipe:
    told = version.record.get("provenance")
    if not told:
        by = version.record["libraries"]["moulouya"]
        raise CannotReproduce(
            f"version {version.number} of {version.slug} cannot be reproduced: it was made before "
            f"recipes were kept (by moulouya {by})"
        )
    path = version.local(versions.RECIPE)
    if not path.exists() or sha256_of(path) != told["recipe_sha256"]:
        raise CannotReproduce(
            f"the recipe of version {version.number} of {version.slug} is "
            + ("damaged" if path.exists() else "gone"),
            hint="moulouya restore brings back what a backup has",
        )
    return Recipe(dict(read_json(path)["files"]))


def _compared(version: Version, rebuilt: Path) -> Iterator[Compared]:
    """Each file of the version beside the one that was made; what has expired by its record."""
    recorded = {file["name"]: file["sha256"] for file in version.record["files"]}
    names = {*recorded, versions.RECIPE, "version.json"}
    names |= {path.name for path in rebuilt.iterdir() if path.is_file()}
    for name in sorted(names):
        path = version.path / name
        published = recorded.get(name)
        if not (version.path / "tombstone.json").exists() or name not in recorded:
            try:
                local = version.lake.local(path)
                published = sha256_of(local) if local.exists() else None
            except LakeError:
                published = None
        made = rebuilt / name
        yield Compared(name, published, sha256_of(made) if made.exists() else None)


def _reasons(version: Version, made: Provenance, files: tuple[Compared, ...]) -> Iterator[str]:
    """Why files differ, as far as it can be told."""
    recorded = {file["name"]: file["sha256"] for file in version.record["files"]}
    damaged = [
        file.name
        for file in files
        if file.name in recorded and file.published != recorded[file.name]
    ]
    if damaged:
        yield f"damaged after publication, by the record of the version: {', '.join(damaged)}"
    if all(file.identical or file.name in damaged for file in files):
        return
    elsewhere = list(_elsewhere(made))
    yield from elsewhere
    chance = _by_chance(made.recipe)
    if chance:
        yield f"the transform asks for what is another thing at every call: {', '.join(chance)}"
    if not elsewhere and not chance and not damaged:
        yield "no reason is known: please report it"


def _elsewhere(made: Provenance) -> Iterator[str]:
    """By what else the version was made than what is here."""
    then, now = made.environment, provenance.environment()
    libraries = [
        f"{name} {old}, here {now['libraries'].get(name, 'none')}"
        for name, old in then["libraries"].items()
        if now["libraries"].get(name) != old
    ]
    if libraries:
        yield f"it was made with other libraries: {'; '.join(libraries)}"
    for name, what in (("python", "Python"), ("platform", "machine")):
        if then[name] != now[name]:
            yield f"it was made with another {what}: {then[name]}, here {now[name]}"
    if then["code"] != now["code"]:
        yield "it was made by other code of Moulouya than is here"


def _by_chance(recipe: Recipe) -> list[str]:
    if recipe.transform != "transform.sql":
        return []
    with duck.connect() as con:
        return repeatable.by_chance(con, recipe.files[recipe.transform].strip().rstrip(";"))
