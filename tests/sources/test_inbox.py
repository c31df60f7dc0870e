"""Uploads on their way from the inbox into the lake."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from moulouya.definition import InboxSource
from moulouya.errors import SourceError
from moulouya.sources import Delivery, Request, fetch, uploads
from moulouya.sources.taking import Offer, chosen, fits_a_file
from moulouya.sources.uploads import Upload


@pytest.fixture
def hand_in(tmp_path: Path) -> Callable[..., Upload]:
    """Upload for `wells`."""

    def call(name: str, content: bytes, partner: str = "office") -> Upload:
        arrived = uploads.scratch(tmp_path / "inbox")
        (arrived / uploads.BODY).write_bytes(content)
        upload, _ = uploads.keep(
            tmp_path / "inbox", arrived, slug="wells", name=name, size=len(content),
            sha256=hashlib.sha256(content).hexdigest(), partner=partner,
        )  # fmt: skip
        return upload

    return call


@pytest.fixture
def take(tmp_path: Path) -> Callable[..., tuple[Delivery | None, list[bytes]]]:
    count = iter(range(100))

    def call(
        state: dict[str, Any] | None = None, take: str = "newest", max_bytes: int = 10**9
    ) -> tuple[Delivery | None, list[bytes]]:
        folder = tmp_path / f"delivery{next(count)}"
        folder.mkdir()
        request = Request(
            folder, tmp_path, "agent", state=state or {}, slug="wells", max_bytes=max_bytes,
            inbox=tmp_path / "inbox",
        )  # fmt: skip
        source = InboxSource.model_validate({"kind": "inbox", "format": "csv", "take": take})
        delivery = fetch(source, request)
        members = delivery.members if delivery else ()
        return delivery, [(folder / name).read_bytes() for name in members]

    return call


def test_the_newest_upload_is_taken_and_marked_once_it_is_settled(hand_in, take):
    hand_in("a.csv", b"1")
    upload = hand_in("b.csv", b"2")
    delivery, bodies = take()
    assert (delivery.members, bodies) == (("b.csv",), [b"2"])
    assert delivery.url == f"inbox:wells#{upload.receipt.id}"
    assert delivery.headers == {"receipts": upload.receipt.id, "partners": "office"}
    assert upload.taken is None
    delivery.settle()
    assert upload.taken is not None
    assert take(delivery.state) == (None, [])


def test_a_run_that_died_before_it_settled_is_made_up_for(hand_in, take):
    upload = hand_in("a.csv", b"1")
    delivery, _ = take()
    assert take(delivery.state)[0] is None
    assert upload.taken is not None


def test_new_takes_every_upload_not_taken_before(hand_in, take):
    hand_in("a.csv", b"1")
    first, bodies = take(take="new")
    assert bodies == [b"1"]
    hand_in("a.csv", b"2")
    hand_in("b.csv", b"3")
    hand_in("a.csv", b"4")
    second, bodies = take(first.state, take="new")
    assert second.members == ("00000002-a.csv", "b.csv", "00000004-a.csv")
    assert bodies == [b"2", b"3", b"4"]
    assert take(second.state, take="new") == (None, [])


def test_all_takes_the_last_upload_of_each_name(hand_in, take):
    hand_in("jan.csv", b"1")
    hand_in("feb.csv", b"2")
    hand_in("jan.csv", b"3")
    delivery, bodies = take(take="all")
    assert (delivery.members, bodies) == (("feb.csv", "jan.csv"), [b"2", b"3"])


def test_nothing_uploaded_yet_may_heal(take):
    with pytest.raises(SourceError, match="nothing was uploaded for wells yet") as caught:
        take()
    assert caught.value.retry


def test_a_damaged_body_is_not_taken(hand_in, take):
    upload = hand_in("a.csv", b"1")
    upload.body.chmod(0o644)
    upload.body.write_bytes(b"2")
    with pytest.raises(SourceError, match="is damaged"):
        take()


def test_too_much_is_refused(hand_in, take):
    hand_in("a.csv", b"x" * 20)
    with pytest.raises(SourceError, match="20 bytes, more than 10"):
        take(max_bytes=10)


OFFERS = st.lists(
    st.builds(
        Offer, st.sampled_from("abcdef"), st.sampled_from("123"), st.tuples(st.integers(0, 9)),
        st.just(1),
    ),
    unique_by=lambda offer: offer.name,
)  # fmt: skip


@given(st.sampled_from(["newest", "all", "new"]), OFFERS.filter(bool), OFFERS)
def test_what_was_chosen_is_not_chosen_again_and_what_changed_is(take, before, after):
    picked = chosen(take, before, {})
    assert picked is not None
    offers, state = picked
    assert [offer.age for offer in offers] == sorted(offer.age for offer in offers)
    assert chosen(take, before, state) is None
    again = chosen(take, after, state)
    if take == "new":
        known = {(offer.name, offer.mark) for offer in before}
        fresh = {(offer.name, offer.mark) for offer in after} - known
        assert {(o.name, o.mark) for o in (again[0] if again else [])} == fresh
    elif take == "all" and again:
        assert set(again[0]) == set(after)


@given(st.text(max_size=20))
def test_a_name_that_fits_a_file_stays_in_its_folder(name):
    if fits_a_file(name):
        assert Path("/folder", name).parent == Path("/folder")
        assert name not in ("", ".", "..")
