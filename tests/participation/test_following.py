"""Who follows what: nobody unasked, nobody once they cancelled, nobody told twice."""

from __future__ import annotations

import sqlite3
from pathlib import Path

import pytest
import sqlalchemy as sa

from moulouya.errors import UsageError
from moulouya.participation import clean, following
from moulouya.participation.database import database
from moulouya.participation.desk import TooMany
from moulouya.participation.followers import MOST_FAILURES, Followers, concerns
from moulouya.participation.following import (
    CANCEL,
    CONFIRM,
    CONFIRM_DAYS,
    MOST_UNCONFIRMED,
    Follow,
)
from moulouya.participation.tables import followers
from moulouya.settings import Settings

from .conftest import Desks

AMINA = "amina@example.org"


def asked(desks: Desks, topic: str = "communes", address: str = AMINA) -> Follow:
    """Somebody who asked to follow a dataset and has not confirmed."""
    desks.following.ask(address, "dataset", topic, "fr")
    return desks.followers.every("mail")[-1]


def confirmed(desks: Desks, topic: str = "communes", address: str = AMINA, at: int = 1) -> Follow:
    follow = asked(desks, topic, address)
    assert desks.following.confirm(follow.token(CONFIRM), at) is not None
    return desks.followers.every("mail")[-1]


def test_a_follow_begins_with_its_confirmation_and_with_the_release_of_that_moment(
    desks: Desks,
) -> None:
    follow = asked(desks)
    assert desks.followers.due("mail", 9) == []
    assert [one.id for one in desks.followers.unasked()] == [follow.id]
    assert desks.following.confirm(follow.token(CANCEL), 4) is None
    assert desks.following.confirm(follow.token(CONFIRM), 4) is not None
    assert desks.followers.unasked() == []
    assert desks.followers.due("mail", 4) == []
    assert [one.told for one in desks.followers.due("mail", 5)] == [4]


def test_a_link_confirms_once_and_not_after_its_time(desks: Desks) -> None:
    follow = asked(desks)
    desks.later(days=CONFIRM_DAYS, seconds=1)
    assert desks.following.confirm(follow.token(CONFIRM), 4) is None
    again = confirmed(desks, "schools", at=3)
    assert desks.following.confirm(again.token(CONFIRM), 8) is not None
    assert [one.told for one in desks.followers.due("mail", 9)] == [3]


@pytest.mark.parametrize("token", ["", "1", "1.", "x.y", "1.é", "99999999999.a", "-1.a", "1.\0"])
def test_a_link_that_is_none_of_ours_finds_nothing(desks: Desks, token: str) -> None:
    confirmed(desks)
    assert desks.following.find(token, CANCEL) is None
    assert desks.following.followed(token) == []
    assert not desks.following.cancel(token)
    assert desks.following.confirm(token, 1) is None


def test_cancelling_deletes_the_address_and_ends_the_link(desks: Desks) -> None:
    follow = confirmed(desks)
    token = follow.token(CANCEL)
    assert desks.following.cancel(token)
    with desks.store.reading() as con:
        assert con.execute(sa.select(followers)).all() == []
    assert not desks.following.cancel(token)
    # A new follow has another key: the old link does not reach it.
    confirmed(desks)
    assert not desks.following.cancel(token)


def test_cancelled_addresses_are_not_left_in_the_file(tmp_path: Path) -> None:
    desks = Desks(database(Settings(state=tmp_path)))
    follow = confirmed(desks)
    assert desks.following.cancel(follow.token(CANCEL))
    with sqlite3.connect(tmp_path / "participation.db") as con:
        con.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    con.close()
    desks.store.close()
    assert b"amina" not in (tmp_path / "participation.db").read_bytes()


def test_a_link_shows_and_cancels_what_its_own_address_follows_only(desks: Desks) -> None:
    first, second = confirmed(desks), confirmed(desks, "schools")
    other = confirmed(desks, "communes", "brahim@example.org")
    waiting = asked(desks, "roads")
    token = first.token(CANCEL)
    assert [one.id for one in desks.following.followed(token)] == [first.id, second.id]
    assert not desks.following.cancel(token, other.id)
    assert desks.following.cancel(token, second.id)
    assert desks.following.cancel(token, every=True)
    assert [one.id for one in desks.followers.every("mail")] == [other.id]
    assert waiting.id not in {one.id for one in desks.followers.every("mail")}


def test_who_asks_again_gets_no_second_mail_at_once_and_no_hint_that_the_address_is_known(
    desks: Desks,
) -> None:
    follow = asked(desks)
    desks.followers.asked(follow)
    asked(desks)
    assert desks.followers.unasked() == []
    desks.later(hours=25)
    asked(desks)
    assert [one.id for one in desks.followers.unasked()] == [follow.id]
    desks.following.confirm(follow.token(CONFIRM), 1)
    desks.later(hours=25)
    asked(desks)
    assert desks.followers.unasked() == []


def test_nobody_is_flooded_with_mails_that_they_never_asked_for(desks: Desks) -> None:
    for number in range(MOST_UNCONFIRMED + 4):
        desks.following.ask(AMINA, "dataset", f"dataset_{number}", "en")
    assert len(desks.followers.unasked()) == MOST_UNCONFIRMED


def test_a_flood_of_addresses_is_stopped(desks: Desks, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(following, "MOST_IN_AN_HOUR", 5)
    for number in range(5):
        desks.following.ask(f"a{number}@example.org", "catalogue", "", "en")
    with pytest.raises(TooMany):
        desks.following.ask(AMINA, "catalogue", "", "en")


def test_addresses_that_never_confirmed_are_forgotten_and_others_stay(desks: Desks) -> None:
    stays = confirmed(desks)
    asked(desks, "schools", "brahim@example.org")
    desks.later(days=CONFIRM_DAYS, seconds=-1)
    assert desks.followers.forget_unconfirmed() == 0
    desks.later(seconds=2)
    assert desks.followers.forget_unconfirmed() == 1
    assert [one.id for one in desks.followers.every("mail")] == [stays.id]


def test_the_weekly_upkeep_forgets_them_too(tmp_path: Path) -> None:
    settings = Settings(state=tmp_path)
    desks = Desks(database(settings))
    asked(desks)
    desks.store.close()
    assert clean(settings)["followers_forgotten"] == 1


def test_what_was_told_is_not_due_again_and_a_try_that_broke_off_is(desks: Desks) -> None:
    follow = confirmed(desks)
    assert desks.followers.begin(follow, 2)
    assert [(one.told, one.tries) for one in desks.followers.due("mail", 2)] == [(1, 1)]
    desks.followers.told(follow, 2)
    assert desks.followers.due("mail", 2) == []
    assert [one.tries for one in desks.followers.due("mail", 3)] == [0]


def test_tries_are_those_of_one_release(desks: Desks) -> None:
    follow = confirmed(desks)
    for release, tries in ((2, 1), (2, 2), (3, 1)):
        desks.followers.begin(follow, release)
        assert desks.followers.due("mail", 3)[0].tries == tries


def test_who_cancels_while_others_are_told_gets_nothing(desks: Desks) -> None:
    follow = confirmed(desks)
    desks.following.cancel(follow.token(CANCEL))
    assert not desks.followers.begin(follow, 2)


def test_a_theme_or_the_catalogue_is_told_of_once_a_day(desks: Desks) -> None:
    desks.following.ask(AMINA, "catalogue", "", "en")
    (follow,) = desks.followers.every("mail")
    desks.following.confirm(follow.token(CONFIRM), 1)
    one_dataset = confirmed(desks)
    assert len(desks.followers.due("mail", 2)) == 2
    for each in (follow, one_dataset):
        desks.followers.told(each, 2)
    desks.later(hours=1)
    assert [one.id for one in desks.followers.due("mail", 3)] == [one_dataset.id]
    desks.later(hours=20)
    assert len(desks.followers.due("mail", 3)) == 2


def test_an_address_that_takes_no_mail_is_deleted_and_a_webhook_disabled(desks: Desks) -> None:
    confirmed(desks)
    number, _ = desks.followers.add_webhook("https://example.org/hook", "catalogue", "", 1)
    for channel in ("mail", "webhook"):
        for failures in range(1, MOST_FAILURES + 1):
            (follow,) = desks.followers.due(channel, 2)
            over = desks.followers.failed(follow, "550 nobody here")
            assert over == (failures == MOST_FAILURES)
    assert desks.followers.every("mail") == []
    (hook,) = desks.followers.every("webhook")
    assert (hook.failures, hook.problem) == (MOST_FAILURES, "550 nobody here")
    assert hook.disabled == desks.time
    enabled = desks.followers.enable(number, 7)
    assert (enabled.disabled, enabled.failures, enabled.told) == (None, 0, 7)


def test_a_failure_before_a_success_does_not_count(desks: Desks) -> None:
    follow = confirmed(desks)
    desks.followers.failed(follow, "busy")
    desks.followers.told(follow, 2)
    (now,) = desks.followers.due("mail", 3)
    assert (now.failures, now.problem) == (0, None)


def test_a_webhook_is_registered_once_for_each_thing_it_follows(desks: Desks) -> None:
    desks.followers.add_webhook("https://example.org/hook", "dataset", "communes", 1)
    desks.followers.add_webhook("https://example.org/hook", "dataset", "schools", 1)
    with pytest.raises(UsageError, match="follows that already"):
        desks.followers.add_webhook("https://example.org/hook", "dataset", "schools", 1)
    with pytest.raises(UsageError, match="no webhook 77"):
        desks.followers.webhook(77)


@pytest.mark.parametrize(
    ("scope", "topic", "wants"),
    [("catalogue", "", True), ("theme", "water", True), ("theme", "energy", False),
     ("dataset", "dams", True), ("dataset", "water", False)],
)  # fmt: skip
def test_a_follower_wants_to_know_of_what_they_follow(
    desks: Desks, scope: str, topic: str, wants: bool
) -> None:
    desks.following.ask(AMINA, scope, topic, "en")
    (follow,) = desks.followers.every("mail")
    assert concerns(follow, "dams", ["water", "climate"]) == wants


def test_one_process_sends_at_a_time(desks: Desks, tmp_path: Path) -> None:
    url = desks.store._url
    other = database(Settings(state=tmp_path, participation_url=url))
    with desks.store.alone() as mine, other.alone() as theirs:
        assert (mine, theirs) == (True, False)
    with other.alone() as theirs:
        assert theirs
    other.close()


def test_senders_with_an_address_are_told_once_and_those_joined_to_them_too(desks: Desks) -> None:
    number, _ = desks.sent(email=AMINA)
    joined, _ = desks.sent(email="brahim@example.org", language="ar")
    desks.sent("Something else", email="chaimae@example.org")
    _, gone = desks.sent(email="driss@example.org")
    desks.desk.withdraw(gone)
    assert desks.moderation.unanswered() == []
    desks.moderation.accept(number, "E", "We ask.")
    desks.moderation.answer(number, "E", "It is here.", "communes")
    told = desks.moderation.unanswered()
    assert [(one.row, one.id, one.email) for one in told] == [
        (number, number, AMINA),
        (joined, number, "brahim@example.org"),
    ]
    assert {(one.state, one.note, one.answer_dataset) for one in told} == {
        ("answered", "It is here.", "communes")
    }
    assert [one.language for one in told] == ["fr", "ar"]
    desks.moderation.sender_told(number)
    assert [one.row for one in desks.moderation.unanswered()] == [joined]


def test_who_was_answered_before_there_were_mails_gets_none(tmp_path: Path) -> None:
    from alembic import command
    from alembic.config import Config

    from moulouya.participation.database import MIGRATIONS

    engine = sa.create_engine(f"sqlite:///{tmp_path / 'participation.db'}")
    config = Config()
    config.set_main_option("script_location", str(MIGRATIONS))
    with engine.begin() as con:
        config.attributes["connection"] = con
        command.upgrade(config, "0001")
        con.exec_driver_sql(
            "INSERT INTO items (kind, state, created, closed, language, title, body, urgent, "
            "extended, flags, digest, secret, email) VALUES ('request', 'answered', "
            "'2026-01-01 00:00:00.000000', '2026-01-02 00:00:00.000000', 'en', 't', 'b', 0, 0, '', "
            f"'', 's', '{AMINA}')"
        )
    engine.dispose()
    desks = Desks(database(Settings(state=tmp_path)))
    assert desks.moderation.unanswered() == []
    assert desks.moderation.show(1).email == AMINA
    desks.store.close()


def test_followers_of_a_large_catalogue_are_passed_over_at_once(desks: Desks) -> None:
    with desks.store.writing() as con:
        rows = [
            {"channel": "mail", "address": f"a{n}@example.org", "scope": "catalogue", "topic": "",
             "language": "en", "key": "00", "created": desks.time, "confirmed": desks.time,
             "told": 1, "tries": 0, "failures": 0}
            for n in range(1200)
        ]  # fmt: skip
        con.execute(sa.insert(followers), rows)
    known: Followers = desks.followers
    known.passed(known.due("mail", 5), 5)
    assert known.due("mail", 5) == []
