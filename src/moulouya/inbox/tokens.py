"""Tokens of partners: each for one dataset; only a hash of the secret is kept."""

from __future__ import annotations

import datetime as dt
import hashlib
import hmac
import re
import secrets
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from moulouya.errors import UsageError
from moulouya.storage.files import (
    canonical_json,
    make_directories,
    put_if_absent,
    read_json,
    replace_file,
    told_plainly,
)

FOLDER = ".tokens"
_TOKEN = re.compile(r"moulouya_(?P<id>[0-9a-f]{12})_(?P<secret>[\w-]{43})")


@dataclass(frozen=True)
class Token:
    """Who may hand in files for which dataset, and until when."""

    id: str
    partner: str
    slug: str
    created: str
    expires: str | None = None
    revoked: str | None = None

    @property
    def valid(self) -> bool:
        """Whether it may be used now."""
        over = self.expires is not None and self.expires <= _now()
        return self.revoked is None and not over


def create(root: Path, partner: str, slug: str, days: int | None = None) -> tuple[Token, str]:
    """A new token and its text, which is shown once: the secret has 256 random bits.

    Raises LakeError when it cannot be kept.
    """
    secret = secrets.token_urlsafe(32)
    created = dt.datetime.now(dt.UTC)
    expires = None if days is None else _stamp(created + dt.timedelta(days=days))
    token = Token(secrets.token_hex(6), partner, slug, _stamp(created), expires)
    folder = root / FOLDER
    with told_plainly(f"keeping a token in {folder}"):
        make_directories(folder, root.parent)
        folder.chmod(0o700)
        record = {"format": 1, **asdict(token), "sha256": _hash(secret)}
        put_if_absent(folder / f"{token.id}.json", canonical_json(record), folder / f".{token.id}")
    return token, f"moulouya_{token.id}_{secret}"


def known(root: Path) -> list[Token]:
    """Every token there is or was, oldest first."""
    records = [read_json(path) for path in (root / FOLDER).glob("*.json")]
    return sorted((_token(record) for record in records), key=lambda token: token.created)


def revoke(root: Path, number: str) -> Token:
    """Make a token worthless from now on; raises UsageError when there is none of this id."""
    path = root / FOLDER / f"{number}.json"
    if not re.fullmatch(r"[0-9a-f]{12}", number) or not path.exists():
        raise UsageError(f"no token {number!r}", hint="moulouya inbox token list shows their ids")
    record = read_json(path)
    if record["revoked"] is None:
        record["revoked"] = _now()
        with told_plainly(f"writing {path}"):
            replace_file(path, canonical_json(record))
    return _token(record)


def recognised(root: Path, text: str) -> Token | None:
    """The valid token that a request carries; the secret is compared in constant time."""
    found = _TOKEN.fullmatch(text)
    path = root / FOLDER / f"{found['id'] if found else '0' * 12}.json"
    record: dict[str, Any] = read_json(path) if path.exists() else {"sha256": "0" * 64}
    fits = hmac.compare_digest(_hash(found["secret"] if found else ""), record["sha256"])
    if not fits:
        return None
    token = _token(record)
    return token if token.valid else None


def _hash(secret: str) -> str:
    # A secret of 256 random bits needs no slow hash: there is nothing to guess by trying.
    return hashlib.sha256(secret.encode()).hexdigest()


def _token(record: dict[str, Any]) -> Token:
    return Token(**{name: record[name] for name in Token.__dataclass_fields__})


def _stamp(moment: dt.datetime) -> str:
    return moment.isoformat(timespec="seconds")


def _now() -> str:
    return _stamp(dt.datetime.now(dt.UTC))
