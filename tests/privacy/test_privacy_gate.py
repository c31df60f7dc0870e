"""What blocks a publication: one strong hit, many weak ones, or a header that says so."""

from __future__ import annotations

import datetime as dt
import random
from collections.abc import Callable
from typing import Any

import pytest

from moulouya.privacy import Finding

Blocked = Callable[..., set[tuple[str, str]]]
Find = Callable[..., tuple[Finding, ...]]
REMARKS = ["travaux en cours", "réseau d’eau 2024", "طريق 12", "phase 2"] * 50
PEOPLE = ["Mohamed Alaoui", "Fatima Zahra Bennani", "M. El Houari", "Khadija Tazi", "Omar Benali",
          "Abd El Kader Filali", "Youssef Idrissi"]  # fmt: skip
PEOPLE_AR = [
    "محمد العلوي",
    "فاطمة الزهراء بناني",
    "عبد الله الفيلالي",
    "خديجة التازي",
    "السيد حسن بوزيدي",
]
COMMUNES = ["Sidi Moussa Lemhaya", "Ahl Angad", "Ait Youssef Ou Ali", "Moulay Abdellah", "Zegzel",
            "Bni Drar", "Oulad Daoud Zkhanine", "Sidi Mohammed Ou Lahcen", "Taourirt"]  # fmt: skip
COMMUNES_AR = [
    "سيدي موسى المهاية",
    "أهل أنكاد",
    "مولاي عبد الله",
    "بني درار",
    "أولاد الغازي",
    "آيت يوسف",
]
SCHOOLS = ["Lycée Omar Ibn Khattab", "École Mohammed VI", "Collège Ibn Sina", "مدرسة عمر بن الخطاب",
           "Coopérative Fatima", "Université Mohammed Premier"]  # fmt: skip


def card(rng: random.Random) -> str:
    """An identity card number."""
    return rng.choice(["F", "FA", "S", "BK"]) + str(rng.randrange(10_000, 999_999))


@pytest.mark.parametrize(
    ("cell", "kind"),
    [("voir m.alaoui@gmail.com", "email"), ("appeler le 06 12 34 56 78", "phone"),
     ("GB29NWBK60161331926819", "iban"), ("0612345678", "phone"),
     ("bénéficiaire, CIN FA123456", "cin")],
)  # fmt: skip
def test_one_cell_with_a_strong_kind_blocks(findings: Find, cell: str, kind: str) -> None:
    (found,) = findings(col=[*REMARKS, cell])
    assert (found.kind, found.blocking, found.cells) == (kind, True, 1)
    assert found.strength == ("weak" if kind == "cin" else "strong")
    assert found.exact


def test_cells_are_counted_in_a_long_column(findings: Find) -> None:
    (found,) = findings(
        col=[f"a{n}@b.ma" if n % 7 == 0 else f"remarque {n}" for n in range(70_000)]
    )
    assert (found.cells, found.exact) == (10_000, True)


@pytest.mark.parametrize(
    "header", ["tel", "gsm_contact", "Téléphone", "رقم الهاتف", "phone_number"]
)
@pytest.mark.parametrize("type_", [int, float])
def test_phones_stored_as_numbers_are_found_by_their_header(
    findings: Find, header: str, type_: type
) -> None:
    (found,) = findings(n=[type_(612345678), type_(661234567)], sources={"n": header})
    assert (found.kind, found.blocking, found.cells) == ("phone", True, 2)


def test_phones_stored_as_numbers_are_found_without_a_header(blocked: Blocked) -> None:
    rng = random.Random(3)
    assert blocked(n=[rng.randrange(661_000_000, 668_000_000) for _ in range(40)])
    assert blocked(n=[212_000_000_000 + rng.randrange(661_000_000, 668_000_000) for _ in range(40)])


def test_other_numbers_are_no_phones(findings: Find) -> None:
    rng = random.Random(3)
    assert not findings(
        row_id=[600_000_000 + n for n in range(400)],
        osm=[rng.randrange(10**8, 10**9) for _ in range(400)],
        people=[rng.randrange(100, 900_000) for _ in range(400)],
        budget=[rng.randrange(10**6, 10**10) for _ in range(400)],
        moment=[rng.randrange(1_500_000_000, 1_800_000_000) for _ in range(400)],
        lat=[rng.uniform(33, 35) for _ in range(400)],
    )


def test_a_number_no_plan_knows_is_a_phone_under_a_telling_header(blocked: Blocked) -> None:
    assert blocked(col=["0599999999", "0598888888"], titles={"col": "Téléphone"})
    assert not blocked(col=["0599999999", "0598888888"])


@pytest.mark.parametrize(
    ("header", "cells", "kind"),
    [
        ("CIN", ["F12345", "x", "y", "z"], "cin"),
        ("رقم البطاقة الوطنية", ["FA123456"], "cin"),
        ("code_massar", ["G123456789"], "massar"),
        ("adresse_ip", ["105.66.1.7"], "ip_address"),
        ("immatriculation", ["12345-A-6"], "plate"),
        ("date_naissance", ["12/05/1990", "01/02/1985"], "birth_date"),
        ("تاريخ الازدياد", ["1990-05-12"], "birth_date"),
        ("domicile", ["12, rue Hassan II, Oujda"], "address"),
        ("Adresse", ["12, rue Hassan II, Oujda", "Hay Al Qods n° 4"], "address"),
        ("prenom", ["Kyllian", "Svetlana", "Aïcha"], "name"),
        ("nom_complet", PEOPLE, "name"),
        ("الاسم العائلي", PEOPLE_AR, "name"),
        ("bénéficiaire", PEOPLE, "name"),
        ("المستفيد", PEOPLE_AR, "name"),
        ("directeur_etablissement", PEOPLE, "name"),
    ],
)
def test_a_telling_header_blocks(
    blocked: Blocked, header: str, cells: list[str], kind: str
) -> None:
    assert blocked(col=cells, sources={"col": header}) == {("col", kind)}


@pytest.mark.parametrize(
    ("cells", "kind"),
    [
        (PEOPLE, "name"),
        (PEOPLE_AR, "name"),
        (["12345 أ 6", "2345-ب-48", "789|د|1"], "plate"),
        (["105.66.1.7", "2001:db8::1", "41.250.3.9"], "ip_address"),
        (
            ["12, rue Hassan II, Oujda", "3 Bd Zerktouni", "حي القدس رقم 4", "Imm. 5 appt 3"],
            "address",
        ),
    ],
)
def test_many_cells_of_a_weak_kind_block(blocked: Blocked, cells: list[str], kind: str) -> None:
    assert blocked(col=[*cells, "autre"]) == {("col", kind)}


def test_card_numbers_block_from_three_cells_in_ten(blocked: Blocked) -> None:
    rng = random.Random(5)
    cards = [card(rng) for _ in range(60)]
    assert blocked(col=[*cards, *REMARKS[:100]]) == {("col", "cin")}
    assert not blocked(col=[*cards, *REMARKS[:200]])


@pytest.mark.parametrize(
    "cells",
    [
        [f"ST{n:05d}" for n in range(90)],
        [f"F{10_000 + n}" for n in range(90)],
        [f"Q{n * 7919 + 10_000}" for n in range(400)],
    ],
)
def test_codes_given_in_a_row_are_only_noted(findings: Find, cells: list[str]) -> None:
    assert not any(one.blocking for one in findings(col=cells))


def test_product_codes_are_only_noted(findings: Find) -> None:
    rng = random.Random(5)
    (found,) = findings(code_produit=[card(rng) for _ in range(60)])
    assert (found.kind, found.blocking) == ("cin", False)


@pytest.mark.parametrize("cells", [COMMUNES, COMMUNES_AR, SCHOOLS])
@pytest.mark.parametrize("header", ["col", "nom", "name_fr", "الاسم", "commune", "proprietaire"])
def test_places_and_institutions_are_no_people(
    blocked: Blocked, header: str, cells: list[str]
) -> None:
    assert not blocked(col=cells, sources={"col": header})


@pytest.mark.parametrize("header", ["nom_ecole", "street_name", "اسم المؤسسة", "mosquee"])
def test_what_is_named_after_people_is_no_person(blocked: Blocked, header: str) -> None:
    assert not blocked(col=PEOPLE, sources={"col": header})


def test_a_family_name_beside_a_first_name_is_a_name(blocked: Blocked) -> None:
    found = blocked(nom=["Zniber", "Oufkir", "Alaoui"], prenom=["Omar", "Ali", "Rim"])
    assert found == {("nom", "name"), ("prenom", "name")}


def test_an_institutions_address_is_only_noted(findings: Find) -> None:
    (found,) = findings(
        universite=["Université Ibn Zohr", "Université Cadi Ayyad", "Université Hassan II"],
        adresse=["12, rue Hassan II", "3 Bd Zerktouni", "BP 32 avenue Agadir"],
    )
    assert (found.column, found.kind, found.blocking) == ("adresse", "address", False)


def test_small_counts_by_attributes_of_people(findings: Find) -> None:
    (illness,) = findings(commune=["a", "b"], maladie=["x", "y"], cas=[2, 900])
    assert (illness.column, illness.kind, illness.blocking) == ("cas", "small_cells", True)
    (two,) = findings(age=["60+", "0-4"], sexe=["f", "m"], effectif=[1, 3])
    assert two.blocking
    (one,) = findings(sexe=["f", "m"], effectif=[3, 900])
    assert not one.blocking
    assert not findings(sexe=["f", "m"], effectif=[0, 900])
    assert not findings(commune=["a", "b"], ecoles=[1, 3], effectif=[1, 3])


def test_positions_of_homes(blocked: Blocked) -> None:
    fine: dict[str, Any] = {"lat": [34.68123, 34.68456], "lon": [-1.91123, -1.90456]}
    assert blocked("one household", **fine) == {("lat", "home_location"), ("lon", "home_location")}
    assert blocked(prenom=["Omar", "Rim"], **fine) >= {("lat", "home_location")}
    assert not blocked("one school", **fine)
    assert not blocked("one household", lat=[34.68, 34.7], lon=[-1.91, -1.9])


def test_a_date_of_birth_of_its_own_type(blocked: Blocked) -> None:
    days = [dt.date(1990, 5, 12), dt.date(1985, 2, 1)]
    assert blocked(date_naissance=days) == {("date_naissance", "birth_date")}
    assert not blocked(date_creation=days)


def test_the_value_is_never_told(findings: Find) -> None:
    cells = ["fatima@exemple.ma", "0661234567 ou 06 12 34 56 78", "CIN FA123456"]
    for one in findings(col=cells, nom_complet=PEOPLE[:3], adresse=["12, rue Hassan II"] * 3):
        told = f"{one.to_json()} {one.line}"
        for secret in ("fatima", "661234567", "12 34 56", "123456", "Mohamed", "Hassan"):
            assert secret not in told
        assert set(one.reason) == {"ar", "fr", "en"}
        assert all(one.column in sentence for sentence in one.reason.values())


def test_an_empty_table_and_empty_columns_have_nothing_to_find(findings: Find) -> None:
    assert not findings(col=[])
    assert not findings(cin=[None, None], tel=["", " "])
