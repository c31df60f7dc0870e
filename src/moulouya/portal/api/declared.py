"""How parameters and operations are declared: once, for the handlers, the OpenAPI document and the
page that explains them.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from starlette.requests import Request

from moulouya.portal.api.faults import Refused, unknown

LONGEST_ADDRESS = 16_384
Schema = Mapping[str, Any]


@dataclass(frozen=True)
class Parameter:
    """One parameter: where it stands (``query`` or ``path``), what it may be, what it is for.

    ``schema`` is JSON Schema, of which the type, bounds, enum, pattern and length are held to.
    ``many``: it may be given more than once. ``says`` is an English text that is translated.
    """

    name: str
    says: str
    schema: Schema
    example: str = ""
    where: str = "query"
    many: bool = False

    def read(self, text: str) -> Any:
        """The value of a text; raises Refused."""
        schema = self.schema
        if schema["type"] == "integer":
            return self._whole(text)
        if "enum" in schema and text not in schema["enum"]:
            raise unknown("parameter", f"{self.name} such as", text, schema["enum"], self.name)
        longest = schema.get("maxLength", LONGEST_ADDRESS)
        if len(text) > longest:
            raise Refused("parameter", f"{self.name} has at most {longest} characters",
                          parameter=self.name)  # fmt: skip
        if "pattern" in schema and not re.search(schema["pattern"], text):
            raise Refused("parameter", f"{self.name} is not understood: {text[:60]!r}",
                          f"as in {self.example}" if self.example else "",
                          parameter=self.name)  # fmt: skip
        return text

    def _whole(self, text: str) -> int:
        low, high = self.schema.get("minimum", 0), self.schema["maximum"]
        plain = text.strip()
        digits = plain.isascii() and plain.isdigit() and len(plain) < 20
        if not digits or not low <= int(plain) <= high:
            raise Refused("parameter", f"{self.name} is a whole number from {low} to {high}",
                          parameter=self.name)  # fmt: skip
        return int(plain)

    @property
    def free(self) -> bool:
        """True for any text: an empty one, as forms send it, is none."""
        return self.schema["type"] == "string" and not {"enum", "pattern"} & set(self.schema)

    @property
    def default(self) -> Any:
        """What holds where it is not given."""
        return self.schema.get("default", () if self.many else "")


@dataclass(frozen=True)
class Example:
    """A question that can be asked: what it is for, and its query."""

    says: str
    query: str
    slug: bool = True


@dataclass(frozen=True)
class Operation:
    """One address: its path as OpenAPI writes it, its parameters, and what it answers.

    ``answers`` are the media types with their schema (None for no JSON); ``kinds`` are the kinds of
    problems it may answer besides those of every address.
    """

    name: str
    path: str
    tag: str
    title: str
    says: str
    answers: Mapping[str, Schema | None]
    parameters: Sequence[Parameter] = ()
    kinds: Sequence[str] = ()
    examples: Sequence[Example] = field(default_factory=tuple)

    def read(self, request: Request) -> dict[str, Any]:
        """The parameters of a request by name, checked, with defaults; raises Refused."""
        known = {one.name: one for one in self.parameters if one.where == "query"}
        found: dict[str, Any] = {name: one.default for name, one in known.items()}
        seen: set[str] = set()
        for name, text in request.query_params.multi_items():
            one = known.get(name)
            if one is None:
                raise unknown("parameter", "parameter", name, list(known) or ["none"], name[:100])
            if name in seen and not one.many:
                raise Refused("parameter", f"{name} is given twice", parameter=name)
            seen.add(name)
            if one.free and not text.strip():
                continue
            value = one.read(text)
            found[name] = (*found[name], value) if one.many else value
        if len(request.url.query) > LONGEST_ADDRESS:
            raise Refused(
                "too-long", f"an address has at most {LONGEST_ADDRESS} characters",
                "ask in several parts, or POST a statement to /api/v1/sql",
            )  # fmt: skip
        return found
