"""Identifiers are found in every form that people write, and nothing else is taken for one."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from stdnum.iso7064 import mod_97_10

from moulouya.privacy import values

RIB = "011519000001205000534981"
RIB = RIB[:22] + f"{97 - int(RIB[:22]) * 100 % 97:02d}"
IBAN = "MA" + mod_97_10.calc_check_digits(RIB + "MA") + RIB


def kinds(text: str, *, labelled: bool = False) -> list[str]:
    """The kinds of the strong hits in a text."""
    return [hit.kind for hit in values.strong(values.normalised(text), labelled=labelled)]


@pytest.mark.parametrize(
    "text",
    [
        "0612345678", "06 12 34 56 78", "06-12-34-56-78", "06.12.34.56.78", "0612-345678",
        "+212612345678", "+212 6 12 34 56 78", "(+212) 05 22 25 40 37", "+212 (0) 6 12 34 56 78",
        "00212 6 12 34 56 78", "212612345678", "٠٦١٢٣٤٥٦٧٨", "۰۶ ۱۲ ۳۴ ۵۶ ۷۸",
        "06\u00a012\u00a034\u00a056\u00a078", "\u202a+212612345678\u202c", "Tél.0522254037",
        "05 22 25 40 37/38", "appeler le 0661234567 le soir", "هاتف: 0661234567",
        "+33 6 12 34 56 78",
        "https://wa.me/212661234567", "０６１２３４５６７８",
    ],
)  # fmt: skip
def test_a_phone_number_is_found(text: str) -> None:
    assert kinds(text) == ["phone"]


@pytest.mark.parametrize(
    "text",
    [
        "0412345678", "001511010", "01.051.11.01", "6111234567890", "1612345678", "20240531061234",
        "2024-05-31 06:12:34", "05-06-2024 12", "06 07 08 09 10",
        "01 02 03 04 05 06 07 08 09 10 11",
        "33.0612345678", "33.573845, -7.631717", "978-9954-1-2345-6", "0033612345678",
        "https://exemple.ma/0612345678.jpg", "3f0b7f0e-0522-4037-8a11-0612345678ab", "A0612345678",
        "0801000000",
    ],
)  # fmt: skip
def test_other_numbers_are_no_phone_numbers(text: str) -> None:
    assert kinds(text) == []


@pytest.mark.parametrize("text", ["0612345678", "REF-0612345678", "0-612-34567-8", "n° 0612345678"])
def test_bare_digits_alone_are_left_to_the_column(text: str) -> None:
    assert [hit.firm for hit in values.strong(text)] == [False]
    assert [hit.firm for hit in values.strong(text, labelled=True)] == [True]


@pytest.mark.parametrize(
    ("text", "kind"),
    [
        (RIB, "rib"),
        (f"{RIB[:3]} {RIB[3:6]} {RIB[6:22]} {RIB[22:]}", "rib"),
        (RIB.translate(str.maketrans("0123456789", "٠١٢٣٤٥٦٧٨٩")), "rib"),
        (f"RIB:{RIB}, agence Berkane", "rib"),
        (f"RIB{RIB}", "rib"),
        (f"{RIB[:3]}/{RIB[3:6]}/{RIB[6:22]}/{RIB[22:]}", "rib"),
        (f"{RIB[:3]}  {RIB[3:6]}  {RIB[6:22]}  {RIB[22:]}", "rib"),
        (f"IBAN{IBAN}", "iban"),
        (f"{IBAN[:4]}/{IBAN[4:]}", "iban"),
        (IBAN, "iban"),
        (IBAN.lower(), "iban"),
        (" ".join(IBAN[at : at + 4] for at in range(0, 28, 4)) + " chez la banque", "iban"),
        ("GB29 NWBK 6016 1331 9268 19", "iban"),
        ("BE68539007547034", "iban"),
    ],
)
def test_an_account_is_found_by_its_check_digits(text: str, kind: str) -> None:
    assert kinds(text) == [kind]


@pytest.mark.parametrize(
    "text",
    [
        RIB[:-1] + str((int(RIB[-1]) + 1) % 10), IBAN[:-1] + str((int(IBAN[-1]) + 1) % 10),
        "2014 2015 2016 2017 2018 2019", "0" * 24, "1 " * 24,
        "2024-05-06 2024-05-07 2024-05-46", "2024-05-06 07:08/2024-05-07 09:10", "FR0000000000",
    ],
)  # fmt: skip
def test_wrong_check_digits_are_no_account(text: str) -> None:
    assert not {"rib", "iban"} & set(kinds(text))


@given(st.from_regex(r"\A[0-9]{22}\Z", fullmatch=True).filter(lambda text: len(set(text)) > 2))
def test_every_account_with_its_key_is_found(body: str) -> None:
    body = "".join(str(int(one)) for one in body)
    account = f"{body}{97 - int(body) * 100 % 97:02d}"
    assert "rib" in kinds(account)
    assert kinds(f"MA{mod_97_10.calc_check_digits(account + 'MA')}{account}") == ["iban"]


@pytest.mark.parametrize(
    "text",
    ["a.b@ump.ac.ma", "Écrire à x+y@exemple.org.", "x [at] exemple.ma", "x(at)exemple.ma",
     "صاحب@مثال.المغرب", "a＠b.ma", "mailto:a@b.ma"],
)  # fmt: skip
def test_an_email_address_is_found(text: str) -> None:
    assert kinds(text) == ["email"]


@pytest.mark.parametrize("text", ["logo@2x.png", "@compte", "pkg@1.2.3", "12 @ 5 DH", "a@b"])
def test_an_at_sign_is_not_always_an_address(text: str) -> None:
    assert kinds(text) == []


@pytest.mark.parametrize(
    ("text", "kind"),
    [("titulaire CIN : FA123456 né à Oujda", "cin"), ("C.I.N. n° F 12345", "cin"),
     ("بطاقة التعريف رقم FA123456", "cin"), ("code Massar G123456789", "massar"),
     ("رمز مسار: R130012345", "massar")],
)  # fmt: skip
def test_a_card_number_that_a_text_names_is_found(text: str, kind: str) -> None:
    assert kinds(text) == [kind]


def test_the_mask_shows_the_form_only() -> None:
    assert values.masked("fatima@ump.ac.ma", "email") == "***@***.ma"
    assert values.masked("0612345678", "phone") == "06********"
    assert values.masked("+212 6 12 34 56 78", "phone") == "+212*********"
    assert values.masked("FA123456", "cin") == "********"
    assert values.masked("Fatima El Alaoui", "name") == "****** ** ******"
