"""The errors a person has to act on: what happened, where, and what to do."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path


class MoulouyaError(Exception):
    """Base of every error with a message for humans.

    ``code`` names the error in the ledger; ``exit_code`` is what the command line returns
    (1 data not good, 2 wrong usage or definition, 3 source or environment failed);
    ``retry`` says whether trying again later can heal it.
    """

    code = "error"
    exit_code = 3
    retry = False

    def __init__(self, message: str, *, hint: str | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint

    def __str__(self) -> str:
        return f"{self.message}\n  hint: {self.hint}" if self.hint else self.message


@dataclass(frozen=True, order=True)
class Fault:
    """One thing wrong in one file of a workspace."""

    file: Path
    line: int
    key: str
    message: str
    hint: str | None = None

    def __str__(self) -> str:
        key = f" {self.key}:" if self.key else ""
        hint = f" ({self.hint})" if self.hint else ""
        return f"{self.file}:{self.line}:{key} {self.message}{hint}"


class DefinitionError(MoulouyaError):
    """The workspace's files are wrong; carries every fault that was found."""

    code = "definition"
    exit_code = 2

    def __init__(self, faults: list[Fault], *, hint: str | None = None) -> None:
        self.faults = sorted(faults)
        super().__init__("\n".join(str(fault) for fault in self.faults), hint=hint)


class UsageError(MoulouyaError):
    """The command was called with something that does not exist or does not fit."""

    code = "usage"
    exit_code = 2


class SourceError(MoulouyaError):
    """A source did not deliver; ``retry`` is true where waiting can heal it.

    ``status`` is the status of the HTTP answer that said no, where there was one.
    """

    code = "source"

    def __init__(
        self,
        message: str,
        *,
        hint: str | None = None,
        retry: bool = False,
        retry_after: float | None = None,
        status: int | None = None,
    ) -> None:
        super().__init__(message, hint=hint)
        self.retry = retry
        self.retry_after = retry_after
        self.status = status


class ReadError(MoulouyaError):
    """Bytes arrived but cannot be read as the declared format."""

    code = "unreadable"
    exit_code = 1


class DataError(MoulouyaError):
    """Rows were read but break what the definition promises."""

    code = "data"
    exit_code = 1


class TransformError(MoulouyaError):
    """The dataset's SQL or Python failed, or returned other columns than declared."""

    code = "transform"
    exit_code = 2


class LakeError(MoulouyaError):
    """The lake cannot be read or written: disk full, permissions, damaged files."""

    code = "lake"


class Conflict(LakeError):
    """Somebody else committed the same number meanwhile; nothing is lost by trying again."""

    code = "conflict"
    retry = True


class RecipeChanged(MoulouyaError):
    """The files of a dataset were changed while its run was under way; a new run reads them all."""

    code = "changed"
    retry = True

    def __init__(self, slug: str) -> None:
        super().__init__(
            f"the files of {slug} were changed while its run was under way",
            hint=f"moulouya run {slug}",
        )


class CannotReproduce(LakeError):
    """A version cannot be made once more: what it was made of is gone, damaged or unreadable."""

    code = "not_reproducible"


def did_you_mean(word: str, known: Iterable[str]) -> str:
    """A hint that names the closest known word, or nothing when none is close."""
    from rapidfuzz import process, utils

    best = process.extractOne(word, list(known), processor=utils.default_process, score_cutoff=60)
    return f"; did you mean {best[0]!r}?" if best else ""
