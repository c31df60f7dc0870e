"""The commit of a release in a deployment: never over what was lost, and noted outside the lake."""

from __future__ import annotations

from moulouya import catalogue, release, witness
from moulouya.region import Region
from moulouya.release import NOTHING, Change, Release
from moulouya.settings import Settings
from moulouya.storage.lake import Lake


def commit(
    settings: Settings, lake: Lake, region: Region, change: Change = NOTHING
) -> tuple[Release, bool]:
    """Commit the next release; returns it and whether it is new.

    Raises LakeError, and commits nothing, where an older state of the lake was put back.
    """
    witness.check(settings, lake)
    made, new = release.commit(lake, region, settings.public_url, catalogue.build, change=change)
    witness.remember(settings, lake, made.number)
    return made, new
