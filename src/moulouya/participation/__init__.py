"""What people ask of the catalogue: requests, suggestions, reports, and to be told of changes.

They are kept in a small database of their own, SQLite or PostgreSQL, apart from the lake: what is
in the lake is public and stays, what is here is moderated first and forgotten later.
"""

from __future__ import annotations

from moulouya.settings import Settings

DAYS_BETWEEN_LOOKS = 7


def clean(settings: Settings) -> dict[str, int]:
    """Delete names and e-mails whose time is over, or ends before the next weekly look; old spam.

    Addresses that never confirmed that they follow something go, too. Returns how many of each:
    ``senders_forgotten``, ``spam_deleted``, ``followers_forgotten``. Raises StoreError.
    """
    from moulouya.participation.database import database
    from moulouya.participation.followers import Followers
    from moulouya.participation.moderation import Moderation

    store = database(settings)
    found = Moderation(store).clean(settings.personal_days - DAYS_BETWEEN_LOOKS)
    return {**found, "followers_forgotten": Followers(store).forget_unconfirmed()}
