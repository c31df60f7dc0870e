"""Telling followers what changed, by mail and by webhook: after a release, and again where need be.

Each follower has a record of the newest release they know of. It is written before a message goes
out and after it was taken: a run that was killed repeats the one message that it was sending.
"""

from __future__ import annotations

from typing import Any

from moulouya.settings import Settings

NOTHING_TO_SEND_WITH = "no SMTP server is set (MOULOUYA_SMTP_URL) and there is no webhook"


def tell(settings: Settings) -> dict[str, Any]:
    """Tell everybody who is due; what was sent, for the ledger of whoever calls.

    Raises StoreError, LakeError, UsageError for settings that do not fit, NotSent where the mail
    server could not be used.
    """
    from moulouya.notices.run import run

    return run(settings).to_json()
