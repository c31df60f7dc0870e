"""What a database driver says, as a sentence for a person, and whether waiting can heal it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from sqlalchemy import exc

from moulouya.credentials import Connection
from moulouya.errors import SourceError

TIMED_OUT = frozenset({"57014", "1969", "3024"})
READ_ONLY = frozenset({"25006", "1792"})
# SQLSTATE classes and MySQL's numbers of what passes: lost connections, locks, a busy server.
PASSING_CLASSES = ("08", "40", "53", "55", "57")
PASSING_NUMBERS = frozenset(
    {1040, 1053, 1158, 1159, 1160, 1161, 1203, 1205, 1213, 1317, 1927, 1969, 2002, 2003, 2006,
     2013, 3024}
)  # fmt: skip
PASSING_REFUSALS = ("starting up", "shutting down", "too many", "slots", "recovery mode")


@contextmanager
def told_plainly(login: Connection) -> Iterator[None]:
    """Turn a driver's error into a sentence: the server's words, without password or address."""
    try:
        yield
    except exc.DBAPIError as error:
        origin: Any = error.orig
        codes = {str(getattr(origin, "sqlstate", "")), str((origin.args or ("",))[0])}
        words = _words(origin)
        if login.password:
            words = words.replace(login.password, "***")
        hint = None
        if codes & TIMED_OUT:
            hint = "raise source.timeout, or make the query cheaper"
        elif codes & READ_ONLY:
            hint = "a source only reads: source.query is one SELECT"
        raise SourceError(
            f"the database of connection {login.id} says: {words}",
            hint=hint,
            retry=_passes(origin, error),
        ) from None
    except exc.SQLAlchemyError as error:
        raise SourceError(
            f"connection {login.id} cannot be used ({type(error).__name__})",
            hint="check its type, host, port and schema",
        ) from None


def _words(origin: Any) -> str:
    diagnosed = getattr(getattr(origin, "diag", None), "message_primary", None)
    if diagnosed:
        return str(diagnosed)
    said = origin.args[-1] if origin.args else type(origin).__name__
    return str(said).strip().replace("\n", " ")


def _passes(origin: Any, error: exc.DBAPIError) -> bool:
    """Whether waiting can heal it: by the server's code, else by what a refusal says."""
    if origin.args and isinstance(origin.args[0], int):
        return origin.args[0] in PASSING_NUMBERS
    if getattr(origin, "sqlstate", None):
        return str(origin.sqlstate).startswith(PASSING_CLASSES)
    text = str(origin)
    refused = "FATAL" in text and not any(words in text for words in PASSING_REFUSALS)
    return isinstance(error, exc.OperationalError | exc.InterfaceError) and not refused
