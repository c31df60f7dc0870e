"""Trying again when somebody else took the number: nothing is lost, and somebody always wins."""

from __future__ import annotations

from tenacity import (
    Retrying,
    retry_if_exception_type,
    stop_after_attempt,
    wait_random_exponential,
)

from moulouya.errors import Conflict

ATTEMPTS = 40


def attempts() -> Retrying:
    """Call a function that looks anew at what there is, until it meets no Conflict any more.

    It waits at random, so that publishers that met once do not meet again. The last Conflict is
    raised.
    """
    return Retrying(
        retry=retry_if_exception_type(Conflict),
        wait=wait_random_exponential(multiplier=0.05, max=2.0),
        stop=stop_after_attempt(ATTEMPTS),
        reraise=True,
    )
