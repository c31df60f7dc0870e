"""What is kept of what people send: moderated first, public then, forgotten later."""

from __future__ import annotations

import datetime as dt
import multiprocessing
from multiprocessing.synchronize import Barrier
from pathlib import Path

import pytest
import sqlalchemy as sa
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext

from moulouya.errors import UsageError
from moulouya.participation import desk
from moulouya.participation.database import database
from moulouya.participation.desk import Desk, TooMany
from moulouya.participation.model import Submission
from moulouya.participation.tables import STATES, StoreError, items, metadata
from moulouya.settings import Settings

from .conftest import Desks

WHO = "Engineer"


def test_the_migrations_make_the_tables_that_the_code_has(desks: Desks) -> None:
    with desks.store.engine().connect() as con:
        assert compare_metadata(MigrationContext.configure(con), metadata) == []


def test_nothing_is_public_before_a_person_says_so(desks: Desks) -> None:
    number, secret = desks.sent(name="Amina", email="amina@example.org")
    assert desks.desk.find(number) is None
    assert desks.desk.listing().total == 0
    mine = desks.desk.mine(secret)
    assert mine is not None
    assert mine.state == "received"
    desks.moderation.accept(number, WHO)
    found = desks.desk.find(number)
    assert found is not None
    assert found.state == "accepted"
    assert desks.desk.listing().items[0].id == number


def test_the_public_sees_nothing_of_a_sender_or_an_official(desks: Desks) -> None:
    number, secret = desks.sent(name="Amina", email="amina@example.org")
    desks.moderation.accept(number, WHO)
    for item in (desks.desk.find(number), desks.desk.mine(secret), desks.desk.listing().items[0]):
        assert "mina" not in repr(item)
        assert WHO not in repr(item)
        assert secret not in repr(item)


def test_the_secret_itself_is_not_kept(desks: Desks) -> None:
    _, secret = desks.sent()
    with desks.store.reading() as con:
        assert secret not in repr(con.execute(sa.select(items)).all())


def test_every_change_is_on_the_timeline_with_its_note(desks: Desks) -> None:
    number, secret = desks.sent()
    desks.later(hours=1)
    desks.moderation.accept(number, WHO, "We ask the agency.")
    desks.later(days=1)
    desks.moderation.start(number, WHO)
    desks.moderation.extend(number, WHO, "The agency needs longer.")
    desks.later(days=3)
    desks.moderation.answer(number, WHO, "It is here.", "communes")
    item = desks.desk.mine(secret)
    assert item is not None
    told = [(event.state, event.note) for event in item.events]
    assert told == [
        ("received", ""),
        ("accepted", "We ask the agency."),
        ("in_progress", ""),
        ("extended", "The agency needs longer."),
        ("answered", "It is here."),
    ]
    assert item.closed == desks.time == item.events[-1].at
    assert (item.extended, item.answer_dataset) == (True, "communes")


@pytest.mark.parametrize("decision", ["answered", "declined", "spam"])
def test_what_is_closed_stays_as_it_was_decided(desks: Desks, decision: str) -> None:
    number, _ = desks.sent()
    close = {
        "answered": lambda: desks.moderation.answer(number, WHO, "Here."),
        "declined": lambda: desks.moderation.decline(number, WHO, "It names people.", "7"),
        "spam": lambda: desks.moderation.spam(number, WHO),
    }
    close[decision]()
    for other in {"answered", "declined"}:
        with pytest.raises(UsageError, match=f"is {decision}"):
            close[other]()
    assert desks.moderation.show(number).item.state == decision


def test_spam_is_never_public_and_may_be_taken_back(desks: Desks) -> None:
    number, _ = desks.sent()
    desks.moderation.spam(number, WHO)
    assert desks.desk.find(number) is None
    desks.moderation.accept(number, WHO)
    found = desks.desk.find(number)
    assert found is not None
    assert found.closed is None


def test_an_answer_a_refusal_and_an_extension_need_words(desks: Desks) -> None:
    number, _ = desks.sent()
    with pytest.raises(UsageError, match="no answer"):
        desks.moderation.answer(number, WHO, " ")
    with pytest.raises(UsageError, match="no reason"):
        desks.moderation.decline(number, WHO, "")
    desks.moderation.accept(number, WHO)
    with pytest.raises(UsageError, match="no reason"):
        desks.moderation.extend(number, WHO, "")
    desks.moderation.extend(number, WHO, "Because.")
    with pytest.raises(UsageError, match="cannot be extended"):
        desks.moderation.extend(number, WHO, "Again.")


def test_a_text_that_names_somebody_is_replaced_when_it_is_accepted(desks: Desks) -> None:
    number, _ = desks.sent(body="Ask Mr Somebody, 0612345678.")
    desks.moderation.accept(number, WHO, text="Ask the office.")
    found = desks.desk.find(number)
    assert found is not None
    assert found.body == "Ask the office."


def test_withdrawing_deletes_the_text_and_the_person_at_once(desks: Desks) -> None:
    number, secret = desks.sent(name="Amina", email="amina@example.org")
    desks.moderation.accept(number, WHO)
    assert desks.desk.withdraw(secret)
    assert desks.desk.find(number) is None
    mine = desks.desk.mine(secret)
    assert mine is not None
    assert (mine.state, mine.title, mine.body) == ("withdrawn", "", "")
    with desks.store.reading() as con:
        kept = repr(con.execute(sa.select(items)).all())
    assert "mina" not in kept
    assert "Water" not in kept
    assert not desks.desk.withdraw(secret)


def test_a_wrong_secret_withdraws_nothing(desks: Desks) -> None:
    number, secret = desks.sent()
    assert not desks.desk.withdraw(secret[:-1])
    assert desks.moderation.show(number).item.state == "received"


def test_the_same_text_sent_again_is_joined_and_follows_the_first(desks: Desks) -> None:
    number, _ = desks.sent("Water  use", body="By month,\nplease.")
    again, secret = desks.sent("water use", body="BY MONTH, please.")
    assert [(case.item.id, case.senders) for case in desks.moderation.cases()] == [(number, 2)]
    with pytest.raises(UsageError, match=f"the same as {number}"):
        desks.moderation.accept(again, WHO)
    desks.moderation.accept(number, WHO)
    assert desks.desk.listing().total == 1
    mine = desks.desk.mine(secret)
    assert mine is not None
    assert (mine.id, mine.state) == (number, "accepted")


def test_what_was_answered_long_ago_may_be_asked_anew(desks: Desks) -> None:
    number, _ = desks.sent()
    desks.moderation.answer(number, WHO, "Here.")
    again, _ = desks.sent()
    assert [case.item.id for case in desks.moderation.cases(["received"])] == [again]


def test_where_others_sent_the_same_theirs_stays_when_one_withdraws(desks: Desks) -> None:
    number, first = desks.sent(name="Amina")
    _, second = desks.sent(name="Brahim")
    desks.moderation.accept(number, WHO)
    assert desks.desk.withdraw(first)
    case = desks.moderation.show(number)
    assert (case.item.state, case.name, case.senders) == ("accepted", "Brahim", 1)
    gone, stays = desks.desk.mine(first), desks.desk.mine(second)
    assert gone is not None
    assert stays is not None
    assert (gone.state, gone.body) == ("withdrawn", "")
    assert (stays.state, stays.id) == ("accepted", number)
    assert desks.desk.withdraw(second)
    assert desks.desk.find(number) is None


def test_who_withdraws_a_joined_one_leaves_the_first_as_it_is(desks: Desks) -> None:
    number, _ = desks.sent(name="Amina")
    _, second = desks.sent(name="Brahim")
    assert desks.desk.withdraw(second)
    assert (desks.moderation.show(number).name, desks.moderation.show(number).senders) == (
        "Amina",
        1,
    )


def test_names_are_forgotten_when_their_time_is_over_and_not_before(desks: Desks) -> None:
    number, _ = desks.sent(name="Amina", email="amina@example.org")
    desks.sent(name="Brahim")
    waiting, _ = desks.sent("Another request", name="Chaimae")
    desks.moderation.answer(number, WHO, "Here.")
    desks.later(days=89)
    assert desks.moderation.clean(90) == {"spam_deleted": 0, "senders_forgotten": 0}
    desks.later(days=2)
    assert desks.moderation.clean(90) == {"spam_deleted": 0, "senders_forgotten": 2}
    assert (desks.moderation.show(number).name, desks.moderation.show(number).email) == (None, None)
    assert desks.moderation.show(waiting).name == "Chaimae"
    assert desks.desk.find(number) is not None


def test_old_spam_is_deleted_whole(desks: Desks) -> None:
    number, _ = desks.sent()
    desks.moderation.spam(number, WHO)
    desks.later(days=91)
    assert desks.moderation.clean(90)["spam_deleted"] == 1
    with pytest.raises(UsageError, match="there is no request"):
        desks.moderation.show(number)


def test_deleting_leaves_nothing(desks: Desks) -> None:
    number, secret = desks.sent()
    desks.sent()
    desks.moderation.delete(number)
    assert desks.moderation.cases(STATES) == []
    assert desks.desk.mine(secret) is None
    with desks.store.reading() as con:
        assert con.execute(sa.select(sa.func.count()).select_from(items)).scalar() == 0


def test_a_flood_is_stopped_and_ends_with_the_hour(
    desks: Desks, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(desk, "MOST_IN_AN_HOUR", 5)
    for number in range(5):
        desks.sent(f"Request number {number}")
    with pytest.raises(TooMany):
        desks.sent("One more")
    desks.later(hours=1, seconds=1)
    desks.sent("One more")


def test_the_list_finds_by_kind_state_dataset_and_words_taken_literally(desks: Desks) -> None:
    first, _ = desks.sent("100 % of the rows_here")
    second, _ = desks.sent("A wrong figure", kind="problem", dataset="communes")
    desks.moderation.accept(first, WHO)
    desks.moderation.answer(second, WHO, "Corrected.")

    def found(**wanted: str) -> list[int]:
        return [item.id for item in desks.desk.listing(**wanted).items]

    assert found() == [second, first]
    assert found(kind="problem") == found(state="answered") == [second]
    assert found(dataset="communes") == found(words="FIGURE wrong") == [second]
    assert found(words="100 %") == found(words="rows_h") == [first]
    assert found(words="100_") == found(words="r%s") == found(words="figure rows") == []


def test_pages_of_the_list_have_each_item_once(desks: Desks) -> None:
    for number in range(7):
        desks.moderation.accept(desks.sent(f"Request number {number}")[0], WHO)
    pages = [desks.desk.listing(page=page, size=3) for page in (1, 2, 3)]
    assert [len(page.items) for page in pages] == [3, 3, 1]
    assert len({item.id for page in pages for item in page.items}) == 7
    assert {page.total for page in pages} == {7}


def write(state: Path, url: str, name: str, start: Barrier) -> None:
    """What each of the processes does, from opening the database on, which all do at once."""
    start.wait(timeout=60)
    own = Desk(database(Settings(state=state, participation_url=url)))
    for number in range(20):
        own.submit(Submission("request", "en", f"{name} asks {number}", "the text of it"))


@pytest.mark.parametrize("kind", ["sqlite", "postgresql"])
def test_processes_that_write_at_once_from_the_first_moment_lose_nothing(
    kind: str, tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    url = request.getfixturevalue("postgresql") if kind == "postgresql" else ""
    fork = multiprocessing.get_context("fork")
    names = ("one", "two", "three")
    start = fork.Barrier(len(names))
    writers = [fork.Process(target=write, args=(tmp_path, url, name, start)) for name in names]
    for writer in writers:
        writer.start()
    for writer in writers:
        writer.join(timeout=120)
    assert [writer.exitcode for writer in writers] == [0, 0, 0]
    store = database(Settings(state=tmp_path, participation_url=url))
    titles = [case.item.title for case in Desks(store).moderation.cases()]
    assert len(titles) == len(set(titles)) == 60
    with store.engine().begin() as con:
        con.execute(sa.delete(items))
    store.close()


def test_a_database_that_is_not_there_is_told_in_a_sentence(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    store = database(Settings(state=tmp_path / "file" / "below"))
    with pytest.raises(StoreError, match="cannot be used"):
        Desks(store).sent()


def test_the_file_is_for_its_owner_only(tmp_path: Path) -> None:
    Desks(database(Settings(state=tmp_path))).sent()
    assert (tmp_path / "participation.db").stat().st_mode & 0o077 == 0


def test_moments_come_back_in_utc(desks: Desks) -> None:
    desks.time = dt.datetime(2026, 3, 1, 0, 30, tzinfo=dt.timezone(dt.timedelta(hours=1)))
    number, _ = desks.sent()
    created = desks.moderation.show(number).item.created
    assert created == desks.time
    assert created.utcoffset() == dt.timedelta(0)
