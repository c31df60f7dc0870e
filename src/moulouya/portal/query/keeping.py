"""Results kept in memory: the same statement on the same release is run once."""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass

import orjson

from moulouya.portal.query.asking import Asked
from moulouya.portal.query.frames import End
from moulouya.portal.query.limits import Tier

# Bytes of all results that are kept, and of one.
MOST_BYTES, LARGEST = 64 * 1024**2, 1024**2
# Texts, quoted names and comments stay or go as wholes; space between is one space.
PIECES = re.compile(
    r"(?P<whole>[eE]?'(?:[^']|'')*'|\"(?:[^\"]|\"\")*\"|\$(?P<tag>\w*)\$.*?\$(?P=tag)\$)"
    r"|(?P<space>(?:\s|--[^\n]*(?:\n|$)|/\*.*?\*/)+)",
    re.DOTALL,
)
ESCAPED = re.compile(r"[eE]'|\$\w*\$|/\*(?:(?!\*/).)*/\*", re.DOTALL)
# What gives another result each time: DuckDB's functions that are not CONSISTENT, and their like.
CHANGING = frozenset(
    {
        "ago", "age", "analyze", "analyse", "bernoulli", "clock_timestamp", "current_catalog",
        "current_connection_id", "current_database", "current_date", "current_localtime",
        "current_localtimestamp", "current_query", "current_query_id", "current_role",
        "current_schema", "current_schemas", "current_time", "current_timestamp",
        "current_transaction_id", "current_user", "currval", "error", "gen_random_uuid",
        "get_current_time", "get_current_timestamp", "in_search_path", "localtime",
        "localtimestamp", "nextval", "now", "random", "reservoir", "sample", "session_user",
        "setseed", "sleep_ms", "stats", "tablesample", "today", "tomorrow",
        "transaction_timestamp", "txid_current", "user", "uuid", "uuidv4", "uuidv7",
        "write_log", "yesterday",
    }
)  # fmt: skip
WORDS = re.compile(r"[a-z_][a-z0-9_]*")


@dataclass(frozen=True)
class Result:
    """A whole result."""

    body: bytes
    end: End


def normalised(sql: str) -> str:
    """A statement without comments and with single spaces, where that cannot change its meaning."""
    if ESCAPED.search(sql):
        return sql.strip()
    return PIECES.sub(lambda found: found["whole"] or " ", sql).strip(" ;")


def repeatable(asked: Asked) -> bool:
    """Whether the same statement gives the same result as long as the release is the same."""
    return CHANGING.isdisjoint(WORDS.findall(asked.sql.lower()))


def key(release: int, asked: Asked, tier: Tier, rows: int) -> str:
    """What a result depends on, in one word."""
    told = [
        release, normalised(asked.sql), asked.parameters, asked.format, asked.shape, asked.explain,
        rows, tier.bytes,
    ]  # fmt: skip
    return hashlib.sha256(orjson.dumps(told, option=orjson.OPT_SORT_KEYS)).hexdigest()[:32]
