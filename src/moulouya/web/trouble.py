"""What goes wrong inside an exchange, before it is known for which address to say so."""

from __future__ import annotations

from moulouya.errors import SourceError


class Trouble(Exception):
    """One thing that went wrong, in words that follow the address it went wrong at."""

    def __init__(
        self,
        message: str,
        *,
        hint: str | None = None,
        retry: bool = False,
        retry_after: float | None = None,
        status: int | None = None,
    ) -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint
        self.retry = retry
        self.retry_after = retry_after
        self.status = status

    def at(self, where: str) -> SourceError:
        """The error of a source: the address first, then what happened there."""
        return SourceError(
            f"{where}{self.message}",
            hint=self.hint,
            retry=self.retry,
            retry_after=self.retry_after,
            status=self.status,
        )
