"""The pages on which people ask to be told of changes, confirm, and cancel."""

from __future__ import annotations

import dataclasses
import html
import re
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from moulouya.participation import following
from moulouya.participation.database import database
from moulouya.participation.followers import Followers
from moulouya.participation.following import CANCEL, CONFIRM, Follow
from moulouya.participation.spam import MOST_SENT, Rates
from moulouya.portal.app import create_app
from moulouya.portal.exporting.rewriting import Link
from moulouya.portal.exporting.walk import Step, Walk
from moulouya.portal.languages import language
from moulouya.portal.participation.forms import TRAP, mailbox
from moulouya.settings import Settings

from . import lakes
from .conftest import Client
from .test_participation import Found, Visitor, shown

AMINA = "amina@sender.example"
PATHS = ["/ar/datasets/communes/follow", "/fr/themes/demography/follow", "/en/follow"]


class Reader(Visitor):
    """A visitor who wants to be told."""

    followers: Followers

    def ask(self, path: str = "/en/datasets/communes/follow", **fields: str) -> httpx.Response:
        """Open the form, take time to type, and send it."""
        ticket = shown(self.get(path).text)["opened"]
        with self.passed(60):
            given = {"email": AMINA, "consent": "yes", "opened": ticket, **fields}
            return self.post(path, given)

    def following(self, path: str = "/en/datasets/communes/follow", email: str = AMINA) -> Follow:
        """Somebody who follows: the form sent, and the link of the mail confirmed."""
        assert self.ask(path, email=email).status_code == 303
        follow = self.followers.every("mail")[-1]
        confirmed = self.post(f"/{path[1:3]}/follow/confirm/{follow.token(CONFIRM)}", {})
        assert confirmed.status_code == 303
        return self.followers.every("mail")[-1]


@pytest.fixture(scope="module")
def site(pristine: lakes.Built, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Reader]:
    chosen = Settings(
        lake=pristine.lake.root,
        state=tmp_path_factory.mktemp("notices"),
        public_url=pristine.settings.public_url,
        mail_from="data@example.org",
    )
    reader = Reader(create_app(chosen, look_every=0))
    store = database(chosen)
    reader.followers = Followers(store)
    yield reader
    store.close()
    reader.app.state.participation.desk._store.close()


@pytest.fixture
def reader(site: Reader) -> Reader:
    """A reader of the portal, before anybody follows anything."""
    with site.followers._store.writing() as con:
        con.exec_driver_sql("DELETE FROM followers")
    own = site.app.state.participation
    site.app.state.participation = dataclasses.replace(own, rates=Rates())
    return site


@pytest.mark.parametrize(
    ("page", "form"),
    [
        ("/ar/datasets/communes", PATHS[0]),
        ("/fr/themes/demography", PATHS[1]),
        ("/en/datasets", PATHS[2]),
    ],
)
def test_pages_lead_to_the_form_where_mail_is_sent_and_only_there(
    reader: Reader, portal: Client, page: str, form: str
) -> None:
    assert f'href="{form}"' in reader.get(page).text
    assert reader.get(form).status_code == 200
    assert "/follow" not in portal.get(page).text
    assert portal.get(form).status_code == 404


@pytest.mark.parametrize(
    ("path", "scope", "topic"),
    [
        (PATHS[0], "dataset", "communes"),
        (PATHS[1], "theme", "demography"),
        (PATHS[2], "catalogue", ""),
    ],
)
def test_who_asks_follows_only_after_the_button_behind_the_link(
    reader: Reader, path: str, scope: str, topic: str
) -> None:
    answered = reader.ask(path)
    assert (answered.status_code, answered.headers["location"]) == (303, f"{path}?sent=yes")
    said = reader.get(f"{path}?sent=yes")
    assert 'role="status"' in said.text
    (follow,) = reader.followers.every("mail")
    assert (follow.address, follow.scope, follow.topic) == (AMINA, scope, topic)
    assert (follow.language, follow.confirmed) == (path[1:3], None)
    link = f"/{path[1:3]}/follow/confirm/{follow.token(CONFIRM)}"
    # Programs that look for viruses open every link of a mail: that alone begins nothing.
    page = reader.get(link)
    assert page.status_code == 200
    assert reader.followers.every("mail")[0].confirmed is None
    assert reader.post(link, {}).status_code == 303
    assert reader.followers.every("mail")[0].confirmed is not None
    assert reader.followers.every("mail")[0].told == 1
    # Opened once more, it leads to what is followed.
    again = reader.get(link)
    assert again.status_code == 303
    assert AMINA in reader.get(again.headers["location"].partition("?")[0]).text


def test_nobody_learns_whether_an_address_is_known(reader: Reader) -> None:
    first = reader.ask()
    again = reader.ask()
    reader.following("/en/follow")
    known = reader.ask("/en/follow")
    assert {one.status_code for one in (first, again, known)} == {303}
    assert len(reader.followers.every("mail")) == 2


@pytest.mark.parametrize(
    ("fields", "name"),
    [
        ({"email": ""}, "email"),
        ({"email": "amina"}, "email"),
        ({"email": "amina@example.org\r\nBcc: all@example.org"}, "email"),
        ({"email": "amina@example.org, all@example.org"}, "email"),
        ({"email": '"a b"@example.org'}, "email"),
        ({"email": "a@" + "x" * 250 + ".org"}, "email"),
        ({"consent": ""}, "consent"),
        ({TRAP: "buy now"}, TRAP),
    ],
)
def test_what_is_wrong_is_said_beside_the_field(
    reader: Reader, fields: dict[str, str], name: str
) -> None:
    answered = reader.ask(**fields)
    assert answered.status_code == 422
    assert answered.headers["cache-control"] == "no-store"
    assert f'href="#f-{name}"' in answered.text
    assert f'id="f-{name}"' in answered.text
    assert Found.in_page(answered.text) == []
    assert reader.followers.every("mail") == []


def test_the_form_is_guarded_as_requests_are(reader: Reader) -> None:
    path = PATHS[2]
    ticket = shown(reader.get(path).text)["opened"]
    given = {"email": AMINA, "consent": "yes", "opened": ticket}
    assert reader.post(path, given).status_code == 422  # no person types that fast
    assert reader.post(path, {**given, "opened": "x"}).status_code == 422
    assert reader.send(path, b"{}", content_type="application/json").status_code == 415
    assert reader.send(path, b"email=" + b"x" * 70_000).status_code == 413
    assert reader.followers.every("mail") == []
    for number in range(MOST_SENT):
        assert reader.ask(path, email=f"a{number}@sender.example").status_code == 303
    assert reader.ask(path).status_code == 429


def test_a_store_that_cannot_be_written_is_told_and_harms_no_other_page(
    built: lakes.Built,
) -> None:
    built.settings.state_root.mkdir(exist_ok=True)
    (built.settings.state_root / "participation.db").mkdir()
    chosen = built.settings.model_copy(update={"mail_from": "data@example.org"})
    reader = Reader(create_app(chosen, look_every=0))
    assert reader.ask().status_code == 503
    for path in ("/en/follow/confirm/1.x", "/en/follow/mine/1.x", "/en/follow/cancel/1.x"):
        assert reader.get(path).status_code == 503
    assert reader.get("/en/datasets/communes").status_code == 200


@pytest.mark.parametrize("path", PATHS)
def test_an_export_without_a_server_has_no_such_forms(path: str) -> None:
    walk = Walk(("ar", "fr", "en"), feeds=True, files=True)
    walk.follow(Link("a", path, frozenset(), False), Step("/en/"))
    assert walk.known == 0
    walk.follow(Link("a", path.rpartition("/")[0], frozenset(), False), Step("/en/"))
    assert walk.known == 1


def test_what_is_not_published_cannot_be_followed(reader: Reader) -> None:
    for path in ("/en/datasets/nothing/follow", "/en/themes/nothing/follow", "/xx/follow"):
        assert reader.get(path).status_code == 404
        assert reader.post(path, {}).status_code == 404


@pytest.mark.parametrize("code", ["ar", "fr", "en"])
def test_the_private_page_shows_and_cancels_one_after_the_other(reader: Reader, code: str) -> None:
    first = reader.following(f"/{code}/datasets/communes/follow")
    second = reader.following(f"/{code}/themes/demography/follow")
    reader.following(f"/{code}/follow", email="brahim@sender.example")
    page = reader.get(f"/{code}/follow/mine/{first.token(CANCEL)}")
    assert page.status_code == 200
    assert page.headers["cache-control"] == "no-store"
    assert "noindex" in page.headers["x-robots-tag"]
    assert re.findall(r'name="number" value="(\d+)"', page.text) == [str(first.id), str(second.id)]
    assert html.escape(lakes.COMMUNES["title"][code]) in page.text
    assert "brahim" not in page.text
    answered = reader.post(f"/{code}/follow/mine/{first.token(CANCEL)}", {"number": str(first.id)})
    assert answered.headers["location"] == f"/{code}/follow/mine/{second.token(CANCEL)}"
    last = reader.post(answered.headers["location"], {"number": str(second.id)})
    assert last.status_code == 200
    said = language(code).text("You have cancelled it. Your address has been deleted with it.")
    assert said in html.unescape(last.text)
    assert [one.address for one in reader.followers.every("mail")] == ["brahim@sender.example"]


def test_everything_is_cancelled_with_one_button(reader: Reader) -> None:
    first = reader.following()
    reader.following("/en/follow")
    assert reader.post(f"/en/follow/mine/{first.token(CANCEL)}", {}).status_code == 400
    assert len(reader.followers.every("mail")) == 2
    done = reader.post(f"/en/follow/mine/{first.token(CANCEL)}", {"every": "yes"})
    assert done.status_code == 200
    assert reader.followers.every("mail") == []
    assert reader.get(f"/en/follow/mine/{first.token(CANCEL)}").status_code == 404


@pytest.mark.parametrize(
    ("kind", "body"),
    [
        ("application/x-www-form-urlencoded", b"List-Unsubscribe=One-Click"),
        (
            "multipart/form-data; boundary=x",
            b'--x\r\nContent-Disposition: form-data; name="List-Unsubscribe"\r\n\r\nOne-Click\r\n'
            b"--x--\r\n",
        ),
    ],
)
def test_a_mail_program_cancels_with_one_post_and_no_redirect(
    reader: Reader, kind: str, body: bytes
) -> None:
    follow = reader.following()
    stays = reader.following("/en/follow")
    path = f"/en/follow/cancel/{follow.token(CANCEL)}"
    assert reader.get(path).status_code == 200  # a person sees what a button would do
    assert len(reader.followers.every("mail")) == 2
    for _ in range(2):
        assert reader.send(path, body, content_type=kind).status_code == 200
    assert [one.id for one in reader.followers.every("mail")] == [stays.id]


@pytest.mark.parametrize(
    ("kind", "body", "status"),
    [
        ("application/x-www-form-urlencoded", b"", 400),
        ("application/x-www-form-urlencoded", b"x=y", 400),
        ("application/json", b'{"List-Unsubscribe": "One-Click"}', 415),
        ("application/x-www-form-urlencoded", b"x" * 70_000, 413),
    ],
)
def test_any_other_post_cancels_nothing(
    reader: Reader, kind: str, body: bytes, status: int
) -> None:
    follow = reader.following()
    path = f"/en/follow/cancel/{follow.token(CANCEL)}"
    assert reader.send(path, body, content_type=kind).status_code == status
    assert len(reader.followers.every("mail")) == 1


def test_links_of_others_or_for_something_else_are_no_links(reader: Reader) -> None:
    follow = reader.following()
    wrong = f"{follow.id}.{'a' * 40}"
    for token in (wrong, follow.token(CONFIRM), "x", f"{follow.id}."):
        assert reader.get(f"/en/follow/mine/{token}").status_code == 404
        reader.post(f"/en/follow/mine/{token}", {"every": "yes"})
        reader.send(f"/en/follow/cancel/{token}", b"List-Unsubscribe=One-Click")
    assert reader.get(f"/en/follow/confirm/{follow.token(CANCEL)}").status_code == 404
    assert len(reader.followers.every("mail")) == 1


def test_links_go_on_working_where_mail_is_sent_no_more(reader: Reader, tmp_path: Path) -> None:
    follow = reader.following()
    state = reader.app.state.participation
    settings = Settings(lake=reader.app.state.current.lake.root, state=tmp_path)
    without = Reader(create_app(settings, look_every=0))
    without.app.state.participation = dataclasses.replace(
        without.app.state.participation, following=state.following
    )
    assert without.get(f"/en/follow/mine/{follow.token(CANCEL)}").status_code == 200
    body = b"List-Unsubscribe=One-Click"
    assert without.send(f"/en/follow/cancel/{follow.token(CANCEL)}", body).status_code == 200
    assert reader.followers.every("mail") == []


@pytest.mark.parametrize("code", ["ar", "fr", "en"])
def test_the_privacy_page_tells_of_it_where_mail_is_sent(
    reader: Reader, portal: Client, code: str
) -> None:
    heading = language(code).text("When you ask to be told of changes")
    assert heading in reader.get(f"/{code}/privacy").text
    assert heading not in portal.get(f"/{code}/privacy").text


@pytest.mark.parametrize(
    ("typed", "address"),
    [
        (" Amina@Example.ORG ", "Amina@example.org"),
        ("a.b+c@x-y.example", "a.b+c@x-y.example"),
        ("a@مثال.example", "a@xn--mgbh0fb.example"),
        ("a@localhost", ""),
        ("a@127.0.0.1", ""),
        ("é@example.org", ""),
        ("a..b@example.org", ""),
        ("a@b@example.org", ""),
        ("a@example.org\n", "a@example.org"),
        ("a\n@example.org", ""),
        ("<a@example.org>", ""),
        ("@example.org", ""),
        ("a@.org", ""),
        ("a@" + "é" * 80 + ".org", ""),
    ],
)
def test_an_address_is_one_that_every_server_takes(typed: str, address: str) -> None:
    assert mailbox(typed) == address


def test_a_flood_from_everywhere_is_stopped(
    reader: Reader, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(following, "MOST_IN_AN_HOUR", 1)
    assert reader.ask().status_code == 303
    answered = reader.ask("/en/follow")
    assert answered.status_code == 503
    assert shown(answered.text)["email"] == AMINA
