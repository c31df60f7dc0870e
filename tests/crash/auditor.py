"""Judges a lake by its bytes alone: this module never imports the library that wrote it.

Every function returns sentences; none means that the lake kept what it promised.

I1 every release of the log loads, all hashes right · I2 what was acknowledged is there ·
I3 the log is gap-free, one chain, no update lost · I5 nothing is left over after a recovery ·
I6 doing everything again changes nothing · I7 no version without a passed validation ·
I9 the interval of a dataset never goes back. (I4 and I8 are about readers: see soaking.)
"""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any

Ack = dict[str, Any]
SEALS = {"datasets": "version.json", "snapshots": "snapshot.json"}
PASSING = ("ledger", "tmp", "leases", "quarantine")


def audit(root: Path, acks: list[Ack] | None = None) -> list[str]:
    """Everything that is wrong with a lake, given what was acknowledged to have been written.

    Of a lake in a bucket a directory may be begun, with a ``claim`` and no record yet: it does not
    exist for readers.
    """
    if not (root / "FORMAT").exists():
        return ["I1: the lake has no FORMAT"] if acks else _only_beginnings(root)
    problems = _format(root)
    entries = _log(root, problems)
    versions = _versions(root, problems)
    _snapshots(root, problems)
    newest: dict[str, Any] = {}
    gone: set[tuple[str, int]] = set()
    for number, entry in entries.items():
        if entry.get("kind", "release") == "void":
            continue
        manifest = _release(root, number, entry, problems)
        gone |= _gone(manifest)
        _continues(number, newest, manifest, gone, problems)
        newest = manifest or newest
    for number in entries:
        manifest = _manifest(root, number)
        if manifest is None or number < _expired_before(newest):
            continue
        for slug, dataset in manifest.get("datasets", {}).items():
            _named(root, number, slug, dataset, gone, problems)
    _acknowledged(acks or [], entries, versions, root, gone, problems)
    return problems


def fingerprint(root: Path, without: tuple[str, ...] = PASSING) -> dict[str, str]:
    """The SHA-256 of every file of the lake but the passing ones (runs, scratch, locks)."""
    return {
        str(path.relative_to(root)): _sha256(path)
        for path in sorted(root.rglob("*"))
        if path.is_file() and path.relative_to(root).parts[0] not in without
    }


def leftovers(root: Path) -> list[str]:
    """I5: what lies in tmp/, and releases that no entry of the log names."""
    found = [f"tmp/{path.name}" for path in sorted((root / "tmp").glob("*"))]
    for path in sorted((root / "releases").glob("*")):
        if not (root / "log" / path.name).exists():
            found.append(f"releases/{path.name}")
    return found


def _only_beginnings(root: Path) -> list[str]:
    """A lake without FORMAT was never finished: nothing may lie in it yet."""
    return [
        f"I1: {folder} without FORMAT"
        for folder in ("log", "releases", "datasets")
        if (root / folder).exists() and any((root / folder).iterdir())
    ]


def _format(root: Path) -> list[str]:
    record = _read(root / "FORMAT")
    return [] if record is not None and record.get("format") == 1 else [f"I1: FORMAT is {record}"]


def _log(root: Path, problems: list[str]) -> dict[int, dict[str, Any]]:
    entries: dict[int, dict[str, Any]] = {}
    previous: bytes | None = None
    folder = root / "log"
    numbers = sorted(int(p.name) for p in folder.glob("*") if p.name.isdigit())
    if numbers != list(range(1, len(numbers) + 1)):
        problems.append(f"I3: the log has gaps: {numbers}")
    for number in numbers:
        raw = (folder / str(number)).read_bytes()
        entry = _parse(raw)
        if entry is None:
            problems.append(f"I1: log/{number} is no record ({len(raw)} bytes)")
            previous = raw
            continue
        told = entry.get("release")
        if told != number:
            problems.append(f"I3: log/{number} says it is {told}")
        expected = hashlib.sha256(previous).hexdigest() if previous is not None else None
        if entry.get("previous_sha256") != expected:
            problems.append(f"I3: log/{number} does not continue the entry before it")
        previous = raw
        entries[number] = entry
    return entries


def _versions(root: Path, problems: list[str]) -> dict[tuple[str, int], dict[str, Any]]:
    found: dict[tuple[str, int], dict[str, Any]] = {}
    runs: dict[tuple[str, str], int] = {}
    intervals: dict[str, str] = {}
    numbered = [p for p in root.glob("datasets/*/*") if p.is_dir() and p.name.isdigit()]
    for path in sorted(numbered, key=lambda p: (p.parent.name, int(p.name))):
        slug, number = path.parent.name, int(path.name)
        record = _read(path / "version.json")
        if record is None and (path / "claim").exists():
            continue
        if record is None:
            problems.append(f"half-visible: datasets/{slug}/{number} has no sound version.json")
            continue
        if record.get("abandoned"):
            continue
        found[slug, number] = record
        if (record["slug"], record["version"]) != (slug, number):
            problems.append(f"I1: datasets/{slug}/{number} says it is {record['version']}")
        again = runs.setdefault((slug, record["run_id"]), number)
        if again != number:
            problems.append(f"I6: run {record['run_id']} committed {slug} {again} and {number}")
        _forward(slug, number, record, intervals, problems)
        if not record["validation"]["success"] and not record.get("decision"):
            problems.append(f"I7: datasets/{slug}/{number} did not pass its validation")
        if not (path / "tombstone.json").exists():
            _files(path, record["files"], f"datasets/{slug}/{number}", problems)
    return found


def _forward(
    slug: str, number: int, record: dict[str, Any], intervals: dict[str, str], problems: list[str]
) -> None:
    """I9: the data interval of a dataset goes forward, unless the version says ``restate``."""
    end = (record.get("interval") or {}).get("end")
    if end is None:
        return
    if end < intervals.get(slug, "") and not record.get("restate"):
        problems.append(f"I9: {slug} {number} has an older interval than the version before")
    intervals[slug] = max(end, intervals.get(slug, ""))


def _snapshots(root: Path, problems: list[str]) -> None:
    for path in sorted(root.glob("snapshots/*/*")):
        if not (path.is_dir() and path.name.isdigit()):
            continue
        name = f"snapshots/{path.parent.name}/{path.name}"
        record = _read(path / "snapshot.json")
        if record is None:
            problems.append(f"half-visible: {name} has no sound snapshot.json")
        elif not record.get("abandoned") and not (path / "tombstone.json").exists():
            _files(path, [{**f, "name": f["path"]} for f in record["files"]], name, problems)


def _files(folder: Path, listed: list[dict[str, Any]], name: str, problems: list[str]) -> None:
    for file in listed:
        path = folder / file["name"]
        if not path.is_file():
            problems.append(f"I1: {name}/{file['name']} is missing")
        elif _sha256(path) != file["sha256"] or path.stat().st_size != file["bytes"]:
            problems.append(f"I1: {name}/{file['name']} is not what was committed")


def _manifest(root: Path, number: int) -> dict[str, Any] | None:
    return _read(root / "releases" / str(number) / "manifest.json")


def _release(
    root: Path, number: int, entry: dict[str, Any], problems: list[str]
) -> dict[str, Any] | None:
    folder = root / "releases" / str(number)
    try:
        raw = (folder / "manifest.json").read_bytes()
    except OSError:
        if not (folder / "tombstone.json").exists() and not _expired_later(root, number):
            problems.append(f"I1: release {number} has no manifest")
        return None
    if hashlib.sha256(raw).hexdigest() != entry.get("manifest_sha256"):
        problems.append(f"I1: the manifest of release {number} is not what the log says")
        return None
    manifest: dict[str, Any] = json.loads(raw)
    if manifest["release"] != number:
        problems.append(f"I3: the manifest of release {number} says {manifest['release']}")
    if not _expired_later(root, number):
        _files(folder, manifest["files"], f"releases/{number}", problems)
        more = {p.name for p in folder.iterdir()} - {f["name"] for f in manifest["files"]}
        if more - {"manifest.json", "claim"}:
            problems.append(f"I1: release {number} has files that nobody committed: {more}")
    return manifest


def _expired_before(manifest: dict[str, Any]) -> int:
    return int((manifest.get("expired") or {}).get("releases_before") or 0)


def _expired_later(root: Path, number: int) -> bool:
    """Whether the newest readable manifest says that releases like this one may be cleared."""
    for path in sorted((root / "log").glob("*"), key=_number, reverse=True):
        manifest = _manifest(root, int(path.name))
        if manifest is not None:
            return number < _expired_before(manifest)
    return False


def _number(path: Path) -> int:
    return int(path.name) if path.name.isdigit() else 0


def _gone(manifest: dict[str, Any] | None) -> set[tuple[str, int]]:
    """Versions that are withdrawn or expired by a decision in the catalogue itself."""
    if manifest is None:
        return set()
    withdrawn = {(w["slug"], int(w["version"])) for w in manifest.get("withdrawals") or []}
    expired = (manifest.get("expired") or {}).get("versions") or {}
    return withdrawn | {(slug, int(n)) for slug, numbers in expired.items() for n in numbers}


def _continues(
    number: int,
    before: dict[str, Any],
    manifest: dict[str, Any] | None,
    gone: set[tuple[str, int]],
    problems: list[str],
) -> None:
    """I3: a later release has no older version, unless the newer one was taken back."""
    if manifest is None:
        return
    for slug, dataset in before.get("datasets", {}).items():
        if (slug, int(dataset["version"])) in gone:
            continue
        now = manifest["datasets"].get(slug)
        if now is None or int(now["version"]) < int(dataset["version"]):
            problems.append(f"I3: release {number} lost {slug} {dataset['version']}")


def _named(
    root: Path,
    number: int,
    slug: str,
    dataset: dict[str, Any],
    gone: set[tuple[str, int]],
    problems: list[str],
) -> None:
    """I1: a version that a release names is there, with the very record it names."""
    folder = root / "datasets" / slug / str(dataset["version"])
    what = f"release {number} names {slug} {dataset['version']}"
    try:
        raw = (folder / "version.json").read_bytes()
    except OSError:
        problems.append(f"I1: {what}, which is missing")
        return
    if hashlib.sha256(raw).hexdigest() != dataset["version_sha256"]:
        problems.append(f"I1: {what}, whose record is another one")
    if (folder / "tombstone.json").exists():
        if (slug, int(dataset["version"])) not in gone:
            problems.append(f"I1: {what}, which was cleared away although it stands")
        return
    _files(folder, dataset["files"], what, problems)


def _acknowledged(
    acks: list[Ack],
    entries: dict[int, dict[str, Any]],
    versions: dict[tuple[str, int], dict[str, Any]],
    root: Path,
    gone: set[tuple[str, int]],
    problems: list[str],
) -> None:
    published: dict[int, dict[str, int]] = {}
    for ack in acks:
        mine = published.setdefault(ack.get("writer", 0), {})
        if ack["step"] in ("version", "published"):
            record = versions.get((ack["slug"], ack["version"]))
            if record is None or record["run_id"] != ack["run_id"]:
                problems.append(f"I2: acknowledged {ack['slug']} {ack['version']} is lost")
            mine[ack["slug"]] = max(mine.get(ack["slug"], 0), ack["version"])
        elif ack["step"] == "note":
            path = root / ack["path"]
            if not path.is_file() or _sha256(path) != ack["sha256"]:
                problems.append(f"I2: acknowledged {ack['path']} is lost")
        elif ack["step"] == "release":
            if ack["release"] not in entries:
                problems.append(f"I2: acknowledged release {ack['release']} is lost")
                continue
            manifest = _manifest(root, ack["release"])
            for slug, number in mine.items():
                if manifest is None or (slug, number) in gone:
                    continue
                named = manifest["datasets"].get(slug, {}).get("version", 0)
                if named < number:
                    problems.append(
                        f"I3: release {ack['release']} has {slug} {named}, {number} was published"
                    )


def _read(path: Path) -> dict[str, Any] | None:
    try:
        return _parse(path.read_bytes())
    except OSError:
        return None


def _parse(raw: bytes) -> dict[str, Any] | None:
    try:
        record = json.loads(raw)
    except ValueError:
        return None
    return record if isinstance(record, dict) else None


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
