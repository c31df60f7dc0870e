"""The marks of a dialect as the bytes they are in UTF-8."""

from __future__ import annotations

from dataclasses import dataclass, replace

from moulouya.definition import Dialect
from moulouya.errors import ReadError


@dataclass(frozen=True)
class Marks:
    """What separates and wraps values; ``quote`` is empty where nothing is quoted.

    ``escape`` is None where a quote in a quoted value is written twice. ``newline`` is the byte
    that ends a record; a carriage return before a line feed belongs to the end as well.
    """

    delimiter: bytes
    quote: bytes
    escape: bytes | None
    comment: bytes | None
    newline: bytes
    trim: bool

    @classmethod
    def of(cls, dialect: Dialect, newline: bytes) -> Marks:
        """The marks that a dialect declares; raises ReadError where two of them are one."""
        escape = dialect.escape if dialect.escape != dialect.quote else None
        marks = [dialect.delimiter, dialect.quote, escape or "", dialect.comment or ""]
        given = [mark for mark in marks if mark]
        if len(set(given)) < len(given) or any(mark in "\r\n" for mark in given):
            raise ReadError(
                "the marks of source.dialect must differ from each other and from a line end",
                hint="check delimiter, quote, escape and comment",
            )
        return cls(
            delimiter=dialect.delimiter.encode(),
            quote=dialect.quote.encode(),
            escape=escape.encode() if escape else None,
            comment=dialect.comment.encode() if dialect.comment else None,
            newline=newline,
            trim=dialect.trim,
        )

    @property
    def readable(self) -> bool:
        """Whether DuckDB knows such marks: a quote of one byte, a delimiter of at most four."""
        return len(self.quote) <= 1 and len(self.delimiter) <= 4

    @property
    def as_written(self) -> Marks:
        """The marks to write rows with: those of the source where DuckDB can read them."""
        known = self if self.readable else replace(self, delimiter=b",", quote=b'"')
        return replace(known, escape=None, newline=b"\n")
