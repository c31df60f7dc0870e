"""The copy of a bucket's records on this host, filled as it is asked for.

It may be deleted at any time, and nothing in it is believed blindly: data files are held against
the hash in the record that lists them, records against the store's listing. Several processes
share it: what they add gets its name in one step, and a directory comes with its seal or not at
all.
"""

from __future__ import annotations

import os
import secrets
from dataclasses import dataclass
from pathlib import Path

from moulouya.storage.claims import CLAIM, is_abandoned
from moulouya.storage.files import remove_tree
from moulouya.storage.lake import VOID
from moulouya.storage.objects import Objects, Stored, each

# Working copies whose ledger this process has looked through.
_looked_through: set[Path] = set()
BOOT = Path("/proc/sys/kernel/random/boot_id")


@dataclass(frozen=True)
class WorkingCopy:
    """The folder, and the objects that it is a copy of."""

    root: Path
    objects: Objects

    def key(self, path: Path) -> str:
        """The key of a path below the root."""
        relative = path.relative_to(self.root).as_posix()
        return "" if relative == "." else relative

    def path(self, key: str) -> Path:
        """The path of a key."""
        return self.root / key

    def open(self) -> None:
        """Make the folder, and distrust its records once after every start of this host.

        They are not synced to disk, so a power cut may have left them empty.
        """
        (self.root / "tmp").mkdir(parents=True, exist_ok=True)
        mark = self.root / "BOOT"
        boot = BOOT.read_text() if BOOT.exists() else ""
        if not mark.exists() or mark.read_text() != boot:
            self.forget()
            self.put(mark, boot.encode())

    def forget(self) -> None:
        """Drop every record; data files are found again by their directories."""
        for path in (self.root / "log", self.root / "ledger"):
            remove_tree(path)
        for kind in ("datasets", "snapshots", "quarantine", "releases"):
            for record in (self.root / kind).rglob("*.json"):
                record.unlink(missing_ok=True)
            for void in (self.root / kind).rglob(f"*{VOID}"):
                void.unlink(missing_ok=True)

    def put(self, path: Path, data: bytes) -> None:
        """Write a record in one step; it need not survive a power cut."""
        scratch = self.scratch(path)
        path.parent.mkdir(parents=True, exist_ok=True)
        scratch.write_bytes(data)
        scratch.replace(path)

    def scratch(self, path: Path) -> Path:
        """A name of its own for what will get the name of ``path``."""
        return self.root / "tmp" / f"{path.name}.{os.getpid()}-{secrets.token_hex(6)}"

    def bring(self, key: str) -> bool:
        """Fetch one record; False when the bucket has none."""
        data = self.objects.get(key)
        if data is None:
            self.path(key).unlink(missing_ok=True)
            return False
        self.put(self.path(key), data)
        return True

    def bring_changed(self, listed: list[Stored]) -> None:
        """Fetch the records that are not here as the bucket has them."""
        each(self.bring, [stored.key for stored in listed if not self._same(stored)])

    def _same(self, stored: Stored) -> bool:
        try:
            return stored.is_like(self.path(stored.key).read_bytes())
        except FileNotFoundError:
            return False

    def bring_directory(self, target: Path, seal: str) -> None:
        """Fetch the records of one numbered directory, the seal last; nothing while it has none.

        What a failed run left in the quarantine was never claimed and has no seal.
        """
        listed = {one.key: one for one in self.objects.list_all(self.key(target))}
        sealed = f"{self.key(target)}/{seal}"
        records = [one for key, one in listed.items() if key.endswith(".json") and key != sealed]
        if sealed not in listed:
            if f"{self.key(target)}/{CLAIM}" not in listed and seal == "held.json":
                self.bring_changed(records)
            return
        said = self.objects.get(sealed)
        if said is None:
            return
        if is_abandoned(said):
            self.put(target.with_name(target.name + VOID), b"")
            return
        self.bring_changed(records)
        self.put(self.path(sealed), said)
        self._drop_deleted(target, set(listed))

    def _drop_deleted(self, target: Path, listed: set[str]) -> None:
        """Remove from this host what the bucket has no longer."""
        for path in target.rglob("*"):
            if path.is_file() and self.key(path) not in listed:
                path.unlink(missing_ok=True)

    def bring_children(self, folder: Path, seal: str) -> None:
        """Fetch the directories of a folder that are not here yet, and the records beside them."""
        here = {path.name for path in folder.iterdir()} if folder.is_dir() else set()
        names, records = self.objects.children(self.key(folder))
        self.bring_changed([one for one in records if one.key.endswith(".json")])
        known = {
            name for name in names if (folder / name / seal).exists() or name + VOID in here
        }  # fmt: skip
        each(lambda name: self.bring_directory(folder / name, seal), set(names) - known)
        kept = {one.key.rpartition("/")[2] for one in records}
        for name in here - set(names) - kept:
            path = folder / name
            if path.is_dir():
                remove_tree(path)
            elif not name.endswith(VOID) or name.removesuffix(VOID) not in names:
                path.unlink(missing_ok=True)

    def bring_ledger(self, folder: Path) -> None:
        """Fetch what is new below the ledger.

        A run's record changes only while the run is young: a process that has looked at the whole
        ledger looks at the three newest days from then on.
        """
        days = sorted("/".join(path.parts[-3:]) for path in self.root.glob("ledger/*/*/*"))
        again = self.root in _looked_through and len(days) > 3
        listed = self.objects.list_all(self.key(folder), f"ledger/{days[-3]}" if again else None)
        if folder == self.root / "ledger":
            _looked_through.add(self.root)
        each(self._bring_run, [one for one in listed if not self._known(one)])

    def _known(self, stored: Stored) -> bool:
        try:
            found = self.path(stored.key).stat()
        except FileNotFoundError:
            return False
        return found.st_size == stored.size and found.st_mtime == stored.modified.timestamp()

    def _bring_run(self, stored: Stored) -> None:
        if self.bring(stored.key):
            at = stored.modified.timestamp()
            os.utime(self.path(stored.key), (at, at))

    def bring_log(self, folder: Path) -> None:
        """Fetch the entries after those that are here.

        Should the last one here not be the bucket's, the bucket was put back to an earlier state or
        another one: then nothing here is worth anything.
        """
        numbers = [int(path.name) for path in folder.glob("*") if path.name.isdigit()]
        newest = max(numbers, default=0)
        if newest and self.objects.get(f"log/{newest}") != (folder / str(newest)).read_bytes():
            self.forget()
            newest = 0
        if not newest:
            each(self.bring, [one.key for one in self.objects.list_all("log")])
            return
        while self.bring(f"log/{newest + 1}"):
            newest += 1
