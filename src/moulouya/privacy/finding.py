"""What was found, in words a person can act on, and which of it stops a publication."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from moulouya.definition import Definition
from moulouya.definition.privacy import Override, PersonalKind
from moulouya.privacy.kinds import ABOUT, Strength
from moulouya.region import LANGUAGES

# Law 09-08, art. 1: information about an identified or identifiable person, «notamment par
# référence à un numéro d'identification»; art. 3: adequate, relevant, not excessive.
WHY = {
    "telling": {
        "ar": "اسم العمود يدل على ذلك",
        "fr": "l’intitulé de la colonne le dit",
        "en": "the column's name says so",
    },
    "share": {
        "ar": "نسبة القيم التي لها هذا الشكل كبيرة",
        "fr": "une grande part des valeurs en a la forme",
        "en": "a large share of the values looks like it",
    },
    "valid": {
        "ar": "القيم صحيحة وفق قاعدة ترقيمها",
        "fr": "les valeurs sont valides selon leur règle de numérotation",
        "en": "the values are valid by their own numbering rule",
    },
    "labelled": {
        "ar": "النص نفسه يسمي هذه الأرقام",
        "fr": "le texte lui-même nomme ces numéros",
        "en": "the text itself names these numbers",
    },
    "beside": {
        "ar": "الأعمدة المجاورة تصف أشخاصا أو أسرا",
        "fr": "les colonnes voisines décrivent des personnes ou des ménages",
        "en": "the columns beside it describe people or households",
    },
    "shape": {
        "ar": "الشكل وحده لا يكفي للجزم",
        "fr": "la forme seule ne suffit pas à conclure",
        "en": "the shape alone does not settle it",
    },
}


@dataclass(frozen=True)
class Finding:
    """Personal data of one kind in one column.

    ``cells`` is counted, or estimated from a sample where ``exact`` is false; ``share`` is the
    part of the column's filled cells. ``sample_masked`` shows the form of a value, never the value.
    """

    column: str
    kind: PersonalKind
    strength: Strength
    cells: int
    share: float
    sample_masked: str
    reason: dict[str, str]
    blocking: bool
    exact: bool = True

    def to_json(self) -> dict[str, Any]:
        """The finding as reports and records carry it."""
        return {**asdict(self), "share": round(self.share, 6)}

    @property
    def line(self) -> str:
        """One English line that names column, kind and number of cells."""
        return (
            f"{self.column}: {_number(self)} {'cell' if self.cells == 1 else 'cells'} "
            f"({_percent(self.share)}) with {ABOUT[self.kind].en}, like {self.sample_masked}"
        )


def finding(
    column: str,
    kind: PersonalKind,
    cells: int,
    filled: int,
    sample_masked: str,
    why: str,
    *,
    blocking: bool,
    exact: bool = True,
) -> Finding:
    """A finding with its sentence in the three languages of the reports."""
    share = min(1.0, cells / filled) if filled else 0.0
    made = Finding(column, kind, ABOUT[kind].strength, cells, share, sample_masked, {}, blocking,
                   exact)  # fmt: skip
    about, number, percent = asdict(ABOUT[kind]), _number(made), _percent(share)
    sentences = {
        "ar": f"يحتوي العمود {column} على {about['ar']} "
        f"(عدد الخلايا: {number}، {percent})؛ {WHY[why]['ar']}.",
        "fr": f"La colonne {column} contient {about['fr']} "
        f"({number} cellules, {percent}) : {WHY[why]['fr']}.",
        "en": f"The column {column} holds {about['en']} "
        f"({number} cells, {percent}): {WHY[why]['en']}.",
    }
    reason = {language: sentences[language] for language in LANGUAGES}
    return Finding(**{**_fields(made), "reason": reason})


def _fields(one: Finding) -> dict[str, Any]:
    return {name: getattr(one, name) for name in Finding.__dataclass_fields__}


def _number(one: Finding) -> str:
    return f"{one.cells}" if one.exact else f"≈ {one.cells}"


def _percent(share: float) -> str:
    return "< 0.1%" if 0 < share < 0.001 else f"{share:.1%}"


def blocking(findings: Iterable[Finding], definition: Definition, today: dt.date) -> list[Finding]:
    """The findings that stop a publication: those that no override in force is about."""
    allowed = {
        (override.column, override.kind)
        for override in definition.privacy
        if override.until >= today
    }
    return [one for one in findings if one.blocking and (one.column, one.kind) not in allowed]


def over(definition: Definition, today: dt.date) -> list[Override]:
    """The overrides whose last day is past."""
    return expiring(definition, today, days=-1)


def expiring(definition: Definition, today: dt.date, days: int = 30) -> list[Override]:
    """The overrides that are over, or will be within some days; the soonest first."""
    limit = today + dt.timedelta(days=days)
    due = [override for override in definition.privacy if override.until <= limit]
    return sorted(due, key=lambda override: override.until)


def hold_reason(blocked: Sequence[Finding]) -> str:
    """One English line that says why a version is held."""
    return f"personal data (law 09-08): {'; '.join(one.line for one in blocked)}"


def hint(blocked: Sequence[Finding], today: dt.date) -> str:
    """What to do about it: leave the columns out, or declare an override, shown as YAML."""
    until = today + dt.timedelta(days=365)
    names = ", ".join(dict.fromkeys(one.column for one in blocked))
    lines = [
        f"leave {names} out (transform, columns), mask or group the values; or, if it may be "
        "published, say so in the definition:",
        "privacy:",
    ]
    for one in blocked:
        lines += [
            f"  - column: {one.column}",
            f"    kind: {one.kind}",
            "    reason: {ar: …, fr: …, en: …}",
            "    by: first name, last name, function",
            f"    until: {until.isoformat()}",
        ]
    return "\n".join(lines)
