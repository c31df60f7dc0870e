"""JSON documents, read strictly: what two parsers could take for two things is refused."""

from __future__ import annotations

import json
import math
import re
from itertools import accumulate
from pathlib import Path
from typing import Any

from moulouya.web.limits import MIB
from moulouya.web.trouble import Trouble

LARGEST = 128 * MIB
DEEPEST = 64
_STRING = re.compile(rb'"(?:[^"\\]|\\.)*"', re.DOTALL)
_STEPS = {ord("["): 1, ord("{"): 1, ord("]"): -1, ord("}"): -1}
_NO_BRACKET = bytes(set(range(256)) - _STEPS.keys())


def parsed(path: Path) -> Any:
    """The document in a file; raises Trouble for what RFC 8259 leaves open or forbids.

    That is: another encoding than UTF-8, names that repeat in an object, NaN, infinite numbers,
    and more than 64 levels.
    """
    if path.stat().st_size > LARGEST:
        raise Trouble(
            f" is a JSON document of more than {LARGEST // MIB} MiB",
            hint="ask for smaller pages, or fetch it as a file (kind: http)",
        )
    data = path.read_bytes().removeprefix(b"\xef\xbb\xbf")
    if _depth(data) > DEEPEST:
        raise Trouble(f" is JSON of more than {DEEPEST} levels")
    try:
        return json.loads(
            data.decode("utf-8"),
            object_pairs_hook=_object,
            parse_constant=_constant,
            parse_float=_number,
        )
    except UnicodeDecodeError as error:
        raise Trouble(f" is no JSON: byte {error.start} is not UTF-8") from error
    except (ValueError, RecursionError) as error:
        looks = data[:60].decode("utf-8", "replace")
        raise Trouble(
            f" is no JSON: {error}",
            hint=f"it begins with {looks!r}",
            # An error page, or a body that broke off where nothing tells: it may pass.
            retry=isinstance(error, json.JSONDecodeError),
        ) from error


def ends_itself(path: Path) -> bool:
    """Whether a file holds an object or array, which parses only when nothing is missing."""
    with path.open("rb") as file:
        start = file.read(64).removeprefix(b"\xef\xbb\xbf").lstrip()
    return start.startswith((b"{", b"["))


def _depth(data: bytes) -> int:
    brackets = _STRING.sub(b"", data).translate(None, _NO_BRACKET)
    return max(accumulate(map(_STEPS.__getitem__, brackets)), default=0)


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    made = dict(pairs)
    if len(made) != len(pairs):
        names = [name for name, _ in pairs]
        twice = next(name for name in names if names.count(name) > 1)
        raise ValueError(f"an object has {twice!r} more than once")
    return made


def _constant(text: str) -> Any:
    raise ValueError(f"{text} is no number of JSON")


def _number(text: str) -> float:
    number = float(text)
    if math.isinf(number):
        raise ValueError(f"the number {text[:40]} is too large")
    return number
