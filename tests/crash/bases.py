"""A workspace and the lakes from which publishers start."""

from __future__ import annotations

import sys
from dataclasses import dataclass
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))

from moulouya import pipeline
from moulouya.settings import Settings
from small_workspace import REGION, ROWS, SmallWorkspace

from . import places

SLUGS = ("communes", "markets")


@dataclass(frozen=True)
class Base:
    """A lake with release 1, in which the second run of each dataset is about to be published."""

    workspace: SmallWorkspace
    lake: Path

    @property
    def root(self) -> Path:
        """The workspace's folder."""
        return self.workspace.root

    def copied(self, target: Path) -> Path:
        """A copy of the lake, whose runs know that it is one."""
        places.copy(self.lake, target)
        for note in target.glob("tmp/*/*.json"):
            note.write_text(note.read_text().replace(f"{self.lake}/", f"{target}/"))
        return target


def bare(folder: Path) -> SmallWorkspace:
    """A workspace with a region and nothing else: small versions need no definition."""
    settings = Settings(
        workspace=folder / "workspace", lake=folder / "lake", state=folder / "state", threads=1
    )
    made = SmallWorkspace(settings.workspace_root, settings)
    made.write_yaml("region.yml", REGION)
    return made


def build(folder: Path) -> Base:
    """Publish two datasets, release them, and take a second run of each to its publication."""
    made = bare(folder)
    for slug in SLUGS:
        made.define(slug)
    published = made.run()
    assert [one["outcome"] for one in published] == ["published"] * 2, published
    pipeline.release(made.settings)
    for slug in SLUGS:
        made.data(slug, ROWS.replace("100", "101"))
        for step in (pipeline.fetch, pipeline.stage, pipeline.validate, pipeline.transform):
            ended = step(made.settings, slug, f"{slug}-second")
            assert "outcome" not in ended, ended
    return Base(made, made.settings.lake_root)


def publishing() -> list[list[str]]:
    """The script that publishes both runs and releases them."""
    return [*(["publish", slug, f"{slug}-second"] for slug in SLUGS), ["release"]]


def light_script(runs: int = 2, slugs: tuple[str, ...] = ("a", "b")) -> list[list[str]]:
    """A script that writes a note, commits small versions and releases after each round."""
    script = [["note", "first"]]
    for number in range(1, runs + 1):
        script += [["light", slug, f"{slug}-{number}"] for slug in slugs]
        script.append(["light-release"])
    return script
