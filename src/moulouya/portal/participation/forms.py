"""What the forms ask, and what is wrong with what was typed, in words beside the field."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass, field

from moulouya.participation.model import Submission
from moulouya.participation.spam import flags
from moulouya.portal.languages import N_, Language

LONGEST = {"title": 150, "body": 4000, "name": 100, "email": 254, "column": 63, "row": 200}
SHORTEST = {"title": 5, "body": 10}
# Named as no browser fills in by itself; a person does not see it.
TRAP = "reference"
TICKET = "opened"
TURNING = frozenset("\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069")
EMAIL = re.compile(r"[^@\s<>\"'(),:;\\\[\]]{1,64}@[^@\s<>\"'(),:;\\\[\]]+\.[^@\s.,<>\"]{2,63}")
# What every mail server takes: an ASCII name, a host as the DNS has it.
MAILBOX = re.compile(r"[A-Za-z0-9!#$%&*+/=?^_{|}~-]+(?:\.[A-Za-z0-9!#$%&*+/=?^_{|}~-]+)*")
HOST = re.compile(r"(?:[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?\.)+[a-z][a-z0-9-]{0,61}[a-z0-9]")
TOO_SHORT = {
    "title": N_("Say in a few words what it is about."),
    "body": N_("Describe it in a sentence or two, so that it can be understood."),
}
WRONG_EMAIL = N_("This is not an e-mail address. Correct it, or leave the field empty.")
NO_CONSENT = N_("Tick this box, or leave name and e-mail empty.")
TRAPPED = N_("Leave this field empty: it is there for programs that fill in everything.")
TOO_LONG = N_("This is too long: %(n)s characters at most.")


@dataclass(frozen=True)
class Filled:
    """A form as it is shown: what was typed, what is wrong with it, and a word about the whole."""

    values: Mapping[str, str] = field(default_factory=dict)
    faults: Mapping[str, str] = field(default_factory=dict)
    notice: str = ""

    def value(self, name: str) -> str:
        """What was typed in a field."""
        return self.values.get(name, "")


def cleaned(typed: Mapping[str, str]) -> dict[str, str]:
    """What was typed, without what no page may show: control characters, and marks of direction
    that would turn the text around them."""
    return {
        name: "".join(filter(_shown, _one_form(value))).strip() for name, value in typed.items()
    }


def _one_form(text: str) -> str:
    return unicodedata.normalize("NFC", text.replace("\r\n", "\n"))


def _shown(letter: str) -> bool:
    if unicodedata.category(letter) in ("Cc", "Cs", "Co"):
        return letter == "\n"
    return letter not in TURNING


def faults(values: Mapping[str, str], language: Language) -> dict[str, str]:
    """What is wrong, by field, in the reader's words; empty when all is well."""
    found: dict[str, str] = {}
    for name, most in LONGEST.items():
        if len(values.get(name, "")) > most:
            found[name] = language.text(TOO_LONG, n=language.number(most))
    for name, least in SHORTEST.items():
        if len(values.get(name, "")) < least:
            found[name] = language.text(TOO_SHORT[name])
    email = values.get("email", "")
    if email and not EMAIL.fullmatch(email):
        found["email"] = language.text(WRONG_EMAIL)
    if (email or values.get("name")) and values.get("consent") != "yes":
        found["consent"] = language.text(NO_CONSENT)
    if values.get(TRAP):
        found[TRAP] = language.text(TRAPPED)
    return found


def mailbox(typed: str) -> str:
    """An address as mail is sent to it, its host in ASCII; empty when it is none."""
    local, _, host = typed.strip().rpartition("@")
    try:
        host = host.encode("idna").decode("ascii").lower()
    except UnicodeError:
        return ""
    address = f"{local}@{host}"
    fits = len(local) <= 64 and len(address) <= LONGEST["email"]
    return address if fits and MAILBOX.fullmatch(local) and HOST.fullmatch(host) else ""


def submission(
    values: Mapping[str, str], kind: str, code: str, dataset: str | None = None
) -> Submission:
    """What a form without faults asks to keep."""
    title, body = " ".join(values["title"].split()), values["body"]
    return Submission(
        kind=kind,
        language=code,
        title=title,
        body=body,
        dataset=dataset,
        column=values.get("column") or None,
        row=values.get("row") or None,
        name=values.get("name") or None,
        email=values.get("email") or None,
        flags=flags(title, body),
    )
