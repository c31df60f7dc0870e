"""A disk that forgets what was not synced: fed with the calls of a real publisher.

What a file holds is safe after a sync of the file; that a directory has a name, or has it no more,
is safe after a sync of the directory. Everything else may or may not have reached the disk when
the power goes, in any combination. A rename is one step, safe with the directory it leads to.
"""

from __future__ import annotations

import copy
import itertools
import json
import random
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from .tracing import Call, decoded

VARIANTS = ("full", "empty", "half", "zeros", "old")
IGNORED = ("lseek",)
PASSING = ("tmp", "leases")
Image = dict[str, bytes | None]


@dataclass
class File:
    """What a file holds now, and what of it is safe (None: nothing ever was)."""

    data: bytes = b""
    safe: bytes | None = None

    def after(self, variant: str) -> bytes:
        """What is found after a power cut."""
        if self.data == self.safe or variant == "full":
            return self.data
        if variant == "half":
            return self.data[: len(self.data) // 2]
        if variant == "zeros":
            return bytes(len(self.data))
        return (self.safe or b"") if variant == "old" else b""


@dataclass
class Step:
    """Names that change together: (directory, name, what has it now); the last one decides."""

    changes: tuple[tuple[int, str, int | None], ...]
    passing: bool


@dataclass
class Disk:
    """Directories and files by number; 0 is the directory in which the lake is made."""

    ground: str
    acks_path: str
    files: dict[int, File] = field(default_factory=dict)
    now: dict[int, dict[str, int]] = field(default_factory=lambda: {0: {}})
    safe: dict[int, dict[str, int]] = field(default_factory=lambda: {0: {}})
    pending: list[Step] = field(default_factory=list)
    positions: dict[int, int | None] = field(default_factory=dict)
    acks: list[dict[str, Any]] = field(default_factory=list)
    last: int = 0

    @classmethod
    def of(cls, ground: Path, acks: Path) -> Disk:
        """A disk on which everything below a folder is safe."""
        made = cls(str(ground), str(acks))
        made._load(ground, 0)
        made.safe = copy.deepcopy(made.now)
        return made

    def _load(self, folder: Path, number: int) -> None:
        self.now[number] = {}
        for path in sorted(folder.iterdir()):
            child = self._number()
            self.now[number][path.name] = child
            if path.is_dir():
                self._load(path, child)
            else:
                data = path.read_bytes()
                self.files[child] = File(data, data)

    def _number(self) -> int:
        self.last += 1
        return self.last

    def moved(self, ground: Path, acks: Path) -> Disk:
        """The same disk for another process, which sees it elsewhere."""
        made = copy.deepcopy(self)
        made.ground, made.acks_path, made.positions = str(ground), str(acks), {}
        return made

    # What a call does

    def apply(self, call: Call) -> bool:
        """Do what a call did; returns whether anything changed on this disk or was told."""
        if call.result < 0:
            return False
        arguments = split(call.arguments)
        return bool(getattr(self, f"_{call.name}")(arguments, call.result))

    def _place(self, path: str) -> tuple[int, str] | None:
        """The directory and name of a path; None outside this disk."""
        if not path.startswith(f"{self.ground}/"):
            return None
        *way, name = path.removeprefix(f"{self.ground}/").split("/")
        number = 0
        for part in way:
            number = self.now[number][part]
        return number, name

    def _found(self, path: str) -> int | None:
        if path == self.ground:
            return 0
        place = self._place(path)
        return None if place is None else self.now[place[0]].get(place[1])

    def _step(self, *changes: tuple[int, str, int | None]) -> bool:
        for folder, name, number in changes:
            if number is None:
                self.now[folder].pop(name, None)
            else:
                self.now[folder][name] = number
        passing = all(self._is_passing(folder) for folder, _, _ in changes)
        self.pending.append(Step(changes, passing))
        return True

    def _is_passing(self, folder: int) -> bool:
        """Whether a directory lies in tmp/ or leases/, or is no more."""
        return not any(
            self._lies_in(folder, start)
            for name, start in self._top().items()
            if name not in PASSING
        ) and folder not in (0, *self.now[0].values())

    def _top(self) -> dict[str, int]:
        return {
            name: number
            for lake in self.now[0].values()
            for name, number in self.now.get(lake, {}).items()
        }

    def _lies_in(self, folder: int, start: int) -> bool:
        return folder == start or any(
            self._lies_in(folder, child)
            for child in self.now.get(start, {}).values()
            if child in self.now
        )

    def _openat(self, arguments: list[str], result: int) -> bool:
        path = at(arguments[0], arguments[1])
        flags = arguments[2]
        self.positions[result] = None if "O_APPEND" in flags else 0
        place = self._place(path)
        if place is None or ("O_CREAT" not in flags and "O_TRUNC" not in flags):
            return False
        known = self.now[place[0]].get(place[1])
        if known is not None:
            if "O_TRUNC" in flags and self.files[known].data:
                self.files[known].data = b""
                return True
            return False
        number = self._number()
        self.files[number] = File()
        return self._step((*place, number))

    def _write(self, arguments: list[str], result: int) -> bool:
        descriptor, path = described(arguments[0])
        position = self.positions.get(descriptor, 0)
        if path == self.acks_path:
            self.acks += [json.loads(line) for line in text(arguments[1])[:result].splitlines()]
            return True
        number = self._found(path)
        if number is None:
            return False
        if position is None:
            position = len(self.files[number].data)
        else:
            self.positions[descriptor] = position + result
        return self._put(number, text(arguments[1])[:result], position)

    def _pwrite64(self, arguments: list[str], result: int) -> bool:
        number = self._found(described(arguments[0])[1])
        if number is None:
            return False
        return self._put(number, text(arguments[1])[:result], int(arguments[3]))

    def _put(self, number: int, data: bytes, position: int) -> bool:
        file = self.files[number]
        before = file.data[:position].ljust(position, b"\0")
        file.data = before + data + file.data[position + len(data) :]
        return True

    def _sendfile(self, arguments: list[str], result: int) -> bool:
        descriptor, path = described(arguments[0])
        number = self._found(path)
        if number is None:
            return False
        source, origin = described(arguments[1])
        found = self._found(origin)
        data = Path(origin).read_bytes() if found is None else self.files[found].data
        start = int(arguments[2].strip("[]").split()[0]) if "[" in arguments[2] else None
        begin = self.positions.get(source) or 0 if start is None else start
        position = self.positions.get(descriptor) or 0
        self.positions[descriptor] = position + result
        return self._put(number, data[begin : begin + result], position)

    def _lseek(self, arguments: list[str], result: int) -> bool:
        descriptor, _ = described(arguments[0])
        if self.positions.get(descriptor, 0) is not None:
            self.positions[descriptor] = result
        return False

    def _ftruncate(self, arguments: list[str], result: int) -> bool:
        number = self._found(described(arguments[0])[1])
        if number is None:
            return False
        size = int(arguments[1])
        self.files[number].data = self.files[number].data[:size].ljust(size, b"\0")
        return True

    def _fallocate(self, arguments: list[str], result: int) -> bool:
        number = self._found(described(arguments[0])[1])
        if number is not None and arguments[1] == "0":
            size = max(len(self.files[number].data), int(arguments[2]) + int(arguments[3]))
            self.files[number].data = self.files[number].data.ljust(size, b"\0")
        return number is not None

    def _fsync(self, arguments: list[str], result: int) -> bool:
        number = self._found(described(arguments[0])[1])
        if number is None:
            return False
        if number in self.files:
            self.files[number].safe = self.files[number].data
            return True
        left = []
        for step in self.pending:
            if step.changes[-1][0] == number:
                change(self.safe, step)
            else:
                left.append(step)
        self.pending = left
        return True

    _fdatasync = _fsync

    def _mkdir(self, arguments: list[str], result: int) -> bool:
        return self._mkdirat(["AT_FDCWD", *arguments], result)

    def _mkdirat(self, arguments: list[str], result: int) -> bool:
        place = self._place(at(arguments[0], arguments[1]))
        if place is None:
            return False
        number = self._number()
        self.now[number] = {}
        self.safe[number] = {}
        return self._step((*place, number))

    def _rename(self, arguments: list[str], result: int) -> bool:
        return self._renameat(["AT_FDCWD", arguments[0], "AT_FDCWD", arguments[1]], result)

    def _renameat(self, arguments: list[str], result: int) -> bool:
        source = self._place(at(arguments[0], arguments[1]))
        target = self._place(at(arguments[2], arguments[3]))
        if source is None or target is None:
            if source is not None or target is not None:
                raise RuntimeError(f"a rename over the edge of the disk: {arguments}")
            return False
        return self._step((*source, None), (*target, self.now[source[0]][source[1]]))

    _renameat2 = _renameat

    def _link(self, arguments: list[str], result: int) -> bool:
        return self._linkat(["AT_FDCWD", arguments[0], "AT_FDCWD", arguments[1]], result)

    def _linkat(self, arguments: list[str], result: int) -> bool:
        source = self._found(at(arguments[0], arguments[1]))
        target = self._place(at(arguments[2], arguments[3]))
        if source is None or target is None:
            return False
        return self._step((*target, source))

    def _unlink(self, arguments: list[str], result: int) -> bool:
        return self._unlinkat(["AT_FDCWD", *arguments], result)

    _rmdir = _unlink

    def _unlinkat(self, arguments: list[str], result: int) -> bool:
        place = self._place(at(arguments[0], arguments[1]))
        return place is not None and self._step((*place, None))

    # What is there

    def seen(self) -> Image:
        """Everything as the running system sees it."""
        return self._image(self.now, "full")

    def crashes(self, most: int, seed: int) -> Iterator[Image]:
        """What a power cut may leave: at most ``most`` images, all of them where they are few."""
        weighty = [n for n, step in enumerate(self.pending) if not step.passing]
        passing = [n for n, step in enumerate(self.pending) if step.passing]
        unsafe = any(file.data != file.safe for file in self.files.values())
        variants = VARIANTS if unsafe else ("full",)
        chosen = random.Random(seed)
        made = 0
        for kept in _subsets(weighty, chosen, most):
            for rest in _passing(passing, chosen):
                for variant in variants:
                    if made == most:
                        return
                    made += 1
                    yield self._after({*kept, *rest}, variant)

    def _after(self, kept: set[int], variant: str) -> Image:
        names = {folder: dict(entries) for folder, entries in self.safe.items()}
        for number, step in enumerate(self.pending):
            if number in kept:
                change(names, step)
        return self._image(names, variant)

    def _image(self, names: dict[int, dict[str, int]], variant: str) -> Image:
        image: Image = {}
        left = [("", 0)]
        while left:
            way, folder = left.pop()
            for name, number in names.get(folder, {}).items():
                if number in self.files:
                    image[f"{way}{name}"] = self.files[number].after(variant)
                else:
                    image[f"{way}{name}"] = None
                    left.append((f"{way}{name}/", number))
        return image


def _subsets(items: list[int], chosen: random.Random, most: int) -> Iterator[tuple[int, ...]]:
    """None, all, all but one, only one; then every other, or a sample where they are many."""
    first = [(), tuple(items)]
    first += [tuple(i for i in items if i != left) for left in items]
    first += [(one,) for one in items]
    seen: set[tuple[int, ...]] = set()
    for subset in first:
        if subset not in seen:
            seen.add(subset)
            yield subset
    if len(items) <= 8:
        for size in range(len(items) + 1):
            yield from (s for s in itertools.combinations(items, size) if s not in seen)
        return
    for _ in range(most):
        yield tuple(item for item in items if chosen.random() < 0.5)


def _passing(items: list[int], chosen: random.Random) -> list[tuple[int, ...]]:
    """Of the steps in tmp/: all, none, and one mixture."""
    if not items:
        return [()]
    return [tuple(items), (), tuple(item for item in items if chosen.random() < 0.5)]


def change(names: dict[int, dict[str, int]], step: Step) -> None:
    """Apply a step to directories."""
    for folder, name, number in step.changes:
        if number is None:
            names.setdefault(folder, {}).pop(name, None)
        else:
            names.setdefault(folder, {})[name] = number


def split(arguments: str) -> list[str]:
    """The arguments of a call; texts are hexadecimal, so that no comma is in them."""
    return arguments.split(", ")


def text(argument: str) -> bytes:
    """The bytes of a text argument."""
    if argument.endswith("..."):
        raise RuntimeError("the trace cut a text")
    return bytes.fromhex(argument.strip('"').replace("\\x", ""))


def described(argument: str) -> tuple[int, str]:
    """A descriptor and the path that strace says it has."""
    number, path = argument.split("<", 1)
    return int(number), decoded(path.rsplit(">", 1)[0])


def at(folder: str, name: str) -> str:
    """The path of a name in a directory given as a descriptor."""
    path = text(name).decode()
    if path.startswith("/") or "<" not in folder:
        return path
    return f"{decoded(folder.split('<', 1)[1].rsplit('>', 1)[0])}/{path}"


def write(image: Image, folder: Path) -> None:
    """Write an image into an empty folder."""
    for name, data in sorted(image.items()):
        path = folder / name
        if data is None:
            path.mkdir(parents=True, exist_ok=True)
        else:
            path.write_bytes(data)


def read(folder: Path) -> Image:
    """A folder as an image."""
    return {
        str(path.relative_to(folder)): None if path.is_dir() else path.read_bytes()
        for path in sorted(folder.rglob("*"))
    }
