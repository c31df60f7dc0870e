"""Since when the catalogue says of each dataset what it says: ``metadata_modified``.

A harvester asks for what was modified after its last visit. The moment at which a version was
made would not do: it may be shown only later, by a release that came late or by the approval of a
person, and a withdrawal brings an older version back.
"""

from __future__ import annotations

import datetime as dt
import threading

from moulouya.errors import LakeError
from moulouya.portal.published import Catalogue, PublishedDataset, moment
from moulouya.released import is_void, read

# Releases that are read back at most: what stayed the same for longer is told by its version.
MOST_READ = 50


class Shown:
    """The moment of the first release, of those up to the one asked for, with each version.

    What was found is kept, so that a new release costs no more than the ones since the last.
    """

    def __init__(self, most: int = MOST_READ) -> None:
        self._most = most
        self._lock = threading.Lock()
        self._catalogue: Catalogue | None = None
        self._since: dict[str, dt.datetime] = {}

    def since(self, catalogue: Catalogue, dataset: PublishedDataset) -> dt.datetime:
        """When a release began to show a dataset at the version that it has now."""
        with self._lock:
            if self._catalogue is not catalogue:
                self._since = self._found(catalogue)
                self._catalogue = catalogue
            return self._since[dataset.slug]

    def _found(self, catalogue: Catalogue) -> dict[str, dt.datetime]:
        """Reads back from release to release until every dataset was another one, or none."""
        versions = {slug: one.number for slug, one in catalogue.datasets.items()}
        found = dict.fromkeys(versions, catalogue.created)
        same, last = set(versions), catalogue.number - 1
        for number in range(last, max(last - self._most, 0), -1):
            if not same:
                return found
            try:
                if is_void(catalogue.lake, number):
                    continue
                manifest = read(catalogue.lake, number, verify=False).manifest
            except LakeError:
                break
            shown, at = manifest["datasets"], moment(manifest["created"])
            same = {slug for slug in same if shown.get(slug, {}).get("version") == versions[slug]}
            if self._is_known(catalogue, number, at):
                return found | {slug: self._since[slug] for slug in same}
            found |= dict.fromkeys(same, at)
        else:
            if last <= self._most:
                return found
        return found | {slug: self._otherwise(catalogue, slug, found[slug]) for slug in same}

    def _otherwise(self, catalogue: Catalogue, slug: str, read: dt.datetime) -> dt.datetime:
        """Where an earlier release cannot be read: by what was known last, else by the version.

        ``read`` is the moment of the earliest release that was read with this version.
        """
        known, shown = self._catalogue, catalogue.datasets[slug]
        if known is None or known.lake != catalogue.lake or known.number > catalogue.number:
            return shown.created
        before = known.datasets.get(slug)
        return self._since[slug] if before and before.number == shown.number else read

    def _is_known(self, catalogue: Catalogue, number: int, at: dt.datetime) -> bool:
        """Whether a release is the one for which everything was found the last time."""
        known = self._catalogue
        return known is not None and (known.lake, known.number, known.created) == (
            catalogue.lake,
            number,
            at,
        )
