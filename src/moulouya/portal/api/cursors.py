"""Where a page ended, in a word that the next request brings back.

It says which version, which question and which place; a word that was changed, or belongs to
another question, is refused. It reaches nothing that the question itself does not reach.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import re

from moulouya.portal.api.faults import Refused

_TEXT = re.compile(rb"([0-9]{1,9})\.([0-9]{1,18})\.([0-9a-f]{12})")


def fingerprint(question: str) -> str:
    """What tells one question from another."""
    return hashlib.sha256(question.encode()).hexdigest()[:12]


def write(version: int, question: str, place: int) -> str:
    """The cursor for a place: a row's number, or how many groups came before."""
    text = f"{version}.{place}.{fingerprint(question)}"
    return base64.urlsafe_b64encode(text.encode()).decode().rstrip("=")


def read(cursor: str, version: int, question: str, places: int) -> int:
    """The place of a cursor, below ``places``; raises Refused."""
    try:
        text = base64.urlsafe_b64decode(cursor.encode("ascii") + b"=" * (-len(cursor) % 4))
        found = _TEXT.fullmatch(text)
    except (binascii.Error, UnicodeEncodeError, ValueError):
        found = None
    if found is None:
        raise _refused("this is no cursor")
    if int(found[1]) != version:
        raise _refused(f"it belongs to version {int(found[1])}, and this is version {version}")
    if found[3].decode() != fingerprint(question):
        raise _refused("it belongs to another question")
    if int(found[2]) >= places:
        raise _refused("there is no such place")
    return int(found[2])


def _refused(detail: str) -> Refused:
    return Refused("cursor", f"cursor: {detail}", "follow the link next as it is, or begin again "
                   "without a cursor", parameter="cursor")  # fmt: skip
