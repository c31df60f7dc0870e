"""Personal data in a table that is about to be published: found, told, and allowed by name only."""

from moulouya.definition.privacy import Override, PersonalKind
from moulouya.privacy.ending import warnings
from moulouya.privacy.finding import Finding, blocking, expiring, hint, hold_reason, over
from moulouya.privacy.gate import find, today
from moulouya.privacy.kinds import ABOUT, KINDS

__all__ = [
    "ABOUT",
    "KINDS",
    "Finding",
    "Override",
    "PersonalKind",
    "blocking",
    "expiring",
    "find",
    "hint",
    "hold_reason",
    "over",
    "today",
    "warnings",
]
