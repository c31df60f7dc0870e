"""The kinds of personal data that are looked for, in the three languages of the reports."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from moulouya.definition.privacy import PersonalKind

Strength = Literal["strong", "weak"]


@dataclass(frozen=True)
class About:
    """What a kind is called, and how sure its pattern is.

    A *strong* kind is confirmed by a checksum, a numbering plan or a structure, so that one cell
    is enough. A *weak* kind is a mere shape, which a share of cells or a header confirms.
    """

    strength: Strength
    ar: str
    fr: str
    en: str


ABOUT: dict[PersonalKind, About] = {
    "email": About("strong", "عناوين البريد الإلكتروني", "des adresses e-mail", "e-mail addresses"),
    "phone": About("strong", "أرقام الهاتف", "des numéros de téléphone", "phone numbers"),
    "iban": About("strong", "أرقام حسابات بنكية (IBAN)", "des comptes bancaires (IBAN)",
                  "bank accounts (IBAN)"),
    "rib": About("strong", "أرقام حسابات بنكية (RIB)", "des comptes bancaires (RIB)",
                 "bank accounts (RIB)"),
    "cin": About("weak", "أرقام البطاقة الوطنية للتعريف", "des numéros de carte d’identité (CIN)",
                 "national identity card numbers (CIN)"),
    "massar": About("weak", "رموز مسار للتلاميذ", "des codes élèves Massar", "Massar pupil codes"),
    "name": About("weak", "أسماء أشخاص", "des noms de personnes", "names of people"),
    "address": About("weak", "عناوين سكن", "des adresses postales", "postal addresses"),
    "birth_date": About("weak", "تواريخ الازدياد", "des dates de naissance", "dates of birth"),
    "ip_address": About("weak", "عناوين IP", "des adresses IP", "IP addresses"),
    "plate": About("weak", "أرقام لوحات المركبات", "des plaques d’immatriculation",
                   "vehicle registration plates"),
    "small_cells": About("weak", "أعدادا صغيرة (أقل من 5) حسب صفات الأشخاص",
                         "de petits effectifs (moins de 5) par caractéristique personnelle",
                         "small counts (below 5) by attributes of people"),
    "home_location": About("weak", "مواقع سكن دقيقة", "la position précise de logements",
                           "precise locations of homes"),
}  # fmt: skip
KINDS: tuple[PersonalKind, ...] = tuple(ABOUT)

SHARE = 0.3  # a weak kind blocks from this share of cells on
