"""Followers are told what changed: by a real mail server and a real receiver of webhooks."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from email.message import EmailMessage
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from pydantic import SecretStr
from tenacity import wait_none

from moulouya import catalogue, release
from moulouya.errors import UsageError
from moulouya.notices import mail as mails
from moulouya.notices import webhooks
from moulouya.notices.mail import Mail, Mailer, NotSent, Server, composed
from moulouya.notices.run import Sent, run
from moulouya.participation.database import Database, database
from moulouya.participation.desk import Desk
from moulouya.participation.followers import MOST_TRIES, Followers
from moulouya.participation.following import CONFIRM, Following
from moulouya.participation.model import Submission
from moulouya.participation.moderation import Moderation
from moulouya.portal.app import create_app
from moulouya.portal.participation.letters import Letter
from moulouya.release import Change, Withdrawal
from moulouya.settings import Settings
from moulouya.storage.lake import Lake

from . import lakes
from .post_office import PostOffice, Receiver
from .test_participation import Visitor

AMINA = "amina@reader.example"
SENDER = "data@region.example"
MORE_ROWS = [*lakes.COMMUNE_ROWS, ("77.031", "New", 2024, 5, "R")]


class Town:
    """A lake, its followers and what is sent to them."""

    def __init__(self, built: lakes.Built, office: PostOffice, changed: Path) -> None:
        self.built, self.office, self._changed = built, office, changed
        self.settings = Settings(
            lake=built.lake.root,
            state=built.settings.state_root,
            public_url="https://data.example.org/",
            smtp_url=SecretStr(office.url),
            mail_from=SENDER,
            mails_per_second=10_000,
        )
        self.store: Database = database(self.settings)
        self.following, self.followers = Following(self.store), Followers(self.store)

    def with_settings(self, **more: object) -> Settings:
        return Settings(**{**self.settings.model_dump(), **more})

    def follows(
        self, address: str = AMINA, scope: str = "dataset", topic: str = "communes",
        language: str = "en",
    ) -> None:  # fmt: skip
        """Somebody who asked and confirmed, and knows of release 1."""
        self.following.ask(address, scope, topic, language)
        follow = self.followers.every("mail")[-1]
        self.followers.asked(follow)
        assert self.following.confirm(follow.token(CONFIRM), 1) is not None

    def changes(self) -> None:
        """Release 2, in which communes has one row more."""

        def unless_there(source: str, target: str) -> None:
            if not Path(target).exists():
                shutil.copy2(source, target)

        shutil.copytree(
            self._changed, self.built.lake.root, dirs_exist_ok=True, copy_function=unless_there
        )

    def later(self) -> None:
        """A day and more goes by for those who are told once a day."""
        with self.store.writing() as con:
            con.exec_driver_sql("UPDATE followers SET told_at = '2020-01-01 00:00:00.000000'")

    def run(self, **how: bool) -> Sent:
        return run(self.settings, **how)


@pytest.fixture(scope="module")
def changed(pristine: lakes.Built, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The lake once more, with a second release: made once, since that takes a second."""
    root = tmp_path_factory.mktemp("changed") / "lake"
    shutil.copytree(pristine.lake.root, root)
    built = lakes.Built(Lake(root), pristine.settings)
    lakes.publish_communes(built, MORE_ROWS)
    lakes.commit(built)
    return root


@pytest.fixture
def office(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[PostOffice]:
    made = PostOffice(tmp_path).start()
    monkeypatch.setenv("SSL_CERT_FILE", str(made.authority))
    yield made
    made.stop()


@pytest.fixture
def town(built: lakes.Built, office: PostOffice, changed: Path) -> Iterator[Town]:
    made = Town(built, office, changed)
    yield made
    made.store.close()


def text_of(mail: EmailMessage, kind: str = "plain") -> str:
    part = mail.get_body((kind,))
    assert part is not None
    return "\n".join(str(part.get_content()).splitlines())


def links(mail: EmailMessage) -> list[str]:
    return re.findall(r"^https://\S+$", text_of(mail), re.M)


def test_from_the_form_to_the_mail_and_out_again_with_one_click(town: Town) -> None:
    reader = Visitor(create_app(town.settings, look_every=0))
    reader.fill_in("/en/datasets/communes/follow", email=AMINA, consent="yes")
    assert town.run().confirmations == 1
    assert town.run().confirmations == 0
    (asking,) = town.office.to(AMINA)
    (link,) = [one for one in links(asking) if "/confirm/" in one]
    assert asking["List-Unsubscribe"] is None
    assert reader.post(urlsplit(link).path, {}).status_code == 303
    assert town.run().changes == 0
    town.changes()
    assert town.run().changes == 1
    assert town.run().changes == 0
    told = town.office.to(AMINA)[1]
    assert told["Subject"] == "Population of communes: what changes"
    assert "1 row added" in text_of(told)
    assert "https://data.example.org/en/datasets/communes" in links(told)
    cancel = re.fullmatch(r"<https://data\.example\.org(/en/follow/cancel/\S+)>",
                          told["List-Unsubscribe"])  # fmt: skip
    assert cancel is not None
    body = told["List-Unsubscribe-Post"].encode()
    assert reader.send(cancel[1], body).status_code == 200
    assert town.followers.every("mail") == []
    reader.app.state.participation.desk._store.close()


def test_a_mail_says_what_it_is_to_programs(town: Town) -> None:
    town.follows()
    town.changes()
    town.run()
    (mail,) = town.office.mails
    assert mail["From"] == SENDER
    assert mail["To"] == AMINA
    assert mail["Auto-Submitted"] == "auto-generated"
    assert mail["List-Id"] == "<communes.dataset.data.example.org>"
    assert mail["List-Unsubscribe-Post"] == "List-Unsubscribe=One-Click"
    assert re.fullmatch(r"<release\.2\.\d+\.1@region\.example>", mail["Message-ID"])
    assert abs(mail["Date"].datetime.timestamp() - time.time()) < 60
    assert mail.get_content_type() == "multipart/alternative"
    assert max(map(len, town.office.raw[0].split(b"\r\n"))) < 998


@pytest.mark.parametrize(
    ("code", "direction", "subject", "said"),
    [
        ("ar", "rtl", "سكان الجماعات: ما تغير", "صف"),
        ("fr", "ltr", "Population des communes", "1 ligne ajoutée"),
        ("en", "ltr", "Population of communes", "1 row added"),
    ],
)
def test_a_mail_speaks_the_language_of_the_page(
    town: Town, code: str, direction: str, subject: str, said: str
) -> None:
    town.follows(language=code)
    town.changes()
    town.run()
    (mail,) = town.office.mails
    assert mail["Content-Language"] == code
    assert lakes.COMMUNES["title"][code] in mail["Subject"]
    page = text_of(mail, "html")
    assert f'<html lang="{code}" dir="{direction}">' in page
    assert said in text_of(mail)
    assert said in page
    assert not re.search(r"<(img|script|link|iframe)|url\(|@import", page)


def test_what_a_publisher_wrote_becomes_no_markup(town: Town) -> None:
    evil = dict.fromkeys(("ar", "fr", "en"), f"{lakes.HOSTILE}\r\nBcc: all@example.org")
    query = "SELECT 'x' AS code, 1.5 AS density"
    changed = {**lakes.DENSITY, "title": evil}
    lakes.publish(town.built, "density", "demography", changed, query)
    lakes.commit(town.built)
    town.follows(topic="density")
    town.followers.passed(town.followers.every("mail"), 1)
    town.run()
    (mail,) = town.office.mails
    assert mail["Bcc"] is None
    assert mail["Subject"].startswith(f"{lakes.HOSTILE} Bcc: all@example.org")
    assert "<script" not in text_of(mail, "html")


def test_a_release_without_news_for_somebody_sends_nothing_and_is_passed_over(town: Town) -> None:
    town.follows(topic="boundaries")
    town.follows("brahim@reader.example", "theme", "energy")
    town.changes()
    sent = town.run()
    assert (sent.changes, sent.unconcerned) == (0, 2)
    assert [one.told for one in town.followers.every("mail")] == [2, 2]
    assert town.office.mails == []


def test_a_dataset_that_is_released_again_at_the_same_version_did_not_change(town: Town) -> None:
    town.follows(scope="catalogue", topic="")
    moved = Settings(**{**town.built.settings.model_dump(), "public_url": "http://b.example.org"})
    release.commit(town.built.lake, lakes.REGION, moved.public_url, catalogue.build)
    assert town.run().changes == 0
    assert town.followers.every("mail")[0].told == 2


def test_several_datasets_and_releases_are_one_mail(town: Town) -> None:
    town.follows(scope="catalogue", topic="", language="fr")
    town.changes()
    rows = "SELECT '77.001' AS code, 1.5 AS density"
    lakes.publish(town.built, "density", "demography", lakes.DENSITY, rows, inputs={"communes": 2})
    lakes.commit(town.built)
    assert town.run().changes == 1
    (mail,) = town.office.mails
    assert mail["Subject"].startswith("2 jeux de données ont changé")
    assert "Population des communes" in text_of(mail)
    assert "Densité de population" in text_of(mail)
    assert town.followers.every("mail")[0].told == 3


def test_the_catalogue_is_told_of_once_a_day_with_all_that_changed_meanwhile(town: Town) -> None:
    town.follows(scope="catalogue", topic="")
    town.changes()
    assert town.run().changes == 1
    lakes.publish_communes(town.built, lakes.COMMUNE_ROWS)
    lakes.commit(town.built)
    assert town.run().changes == 0
    town.later()
    assert town.run().changes == 1


def test_every_version_since_the_last_mail_is_told(town: Town) -> None:
    town.follows()
    for number in range(1, 6):  # all of them in one release
        lakes.publish_communes(town.built, lakes.COMMUNE_ROWS[:-number])
    lakes.commit(town.built)
    town.run()
    words = text_of(town.office.mails[0])
    assert re.findall(r"Version (\d+):", words) == ["6", "5", "4"]
    assert "2 versions before it" in words


def test_a_version_that_was_withdrawn_is_told(town: Town) -> None:
    town.changes()
    town.follows()
    town.followers.passed(town.followers.every("mail"), 2)
    change = Change(withdraw=[Withdrawal("communes", 2, "Salma", "a wrong figure", "2026-11-01")])
    release.commit(
        town.built.lake, lakes.REGION, town.built.settings.public_url, catalogue.build,
        change=change,
    )  # fmt: skip
    assert town.run().changes == 1
    assert "withdrawn by Salma: a wrong figure" in text_of(town.office.mails[0])


PROGRAM = """
import json, sys
from moulouya.notices.run import run
from moulouya.settings import Settings
given = json.loads(sys.argv[1])
print(run(Settings(**given)).changes)
"""


def in_a_process(town: Town) -> subprocess.Popen[str]:
    given = {
        "lake": str(town.settings.lake_root), "state": str(town.settings.state_root),
        "public_url": town.settings.public_url, "mail_from": SENDER, "mails_per_second": 10_000,
        "smtp_url": town.office.url,
    }  # fmt: skip
    return subprocess.Popen(
        [sys.executable, "-c", PROGRAM, json.dumps(given)], stdout=subprocess.PIPE, text=True
    )


def test_a_run_that_is_killed_repeats_the_one_mail_it_was_sending_and_loses_none(
    town: Town,
) -> None:
    people = [f"reader{number}@reader.example" for number in range(8)]
    for address in people:
        town.follows(address)
    town.changes()
    killed: list[str] = []
    victim: list[subprocess.Popen[str]] = []

    def kill(mail: EmailMessage) -> None:
        # The mail is here, the acknowledgement is not: the sender cannot know.
        if mail["To"] == people[3] and not killed:
            killed.append(mail["Message-ID"])
            os.kill(victim[0].pid, signal.SIGKILL)
            victim[0].wait(timeout=30)

    town.office.taken = kill
    victim.append(in_a_process(town))
    victim[0].communicate(timeout=60)
    assert victim[0].returncode == -signal.SIGKILL
    assert [one.tries for one in town.followers.every("mail")] == [0, 0, 0, 1, 0, 0, 0, 0]
    assert town.run().changes == 5
    counts = [len(town.office.to(address)) for address in people]
    assert counts == [1, 1, 1, 2, 1, 1, 1, 1]
    assert {mail["Message-ID"] for mail in town.office.to(people[3])} == set(killed)
    assert town.run().changes == 0


def test_all_mails_go_over_one_connection(town: Town) -> None:
    for number in range(6):
        town.follows(f"reader{number}@reader.example")
    town.changes()
    assert town.run().changes == 6
    assert town.office.connections == 1


def test_an_address_that_is_refused_keeps_nobody_else_from_their_mail(town: Town) -> None:
    for name in ("amina", "brahim", "chaimae"):
        town.follows(f"{name}@reader.example")
    town.office.refuse = {
        AMINA: f"550 5.1.1 <{AMINA.upper()}> no such user",
        "brahim@reader.example": "451 4.7.1 greylisted",
    }
    town.changes()
    sent = town.run()
    assert sent.changes == 1
    assert len(sent.problems) == 2
    assert "550" in sent.problems[0]
    assert "@reader" not in "".join(sent.problems).lower()
    assert [one.failures for one in town.followers.every("mail")] == [1, 0, 0]
    town.office.refuse = {}
    assert town.run().changes == 2


def test_what_was_tried_too_often_is_given_up_until_the_next_release(town: Town) -> None:
    town.follows()
    town.office.refuse = {AMINA: "451 later"}
    town.changes()
    for _ in range(MOST_TRIES):
        assert town.run().problems
    assert "tried" in town.run().problems[0]
    assert town.run().problems == []
    assert town.followers.every("mail")[0].told == 2


def test_a_server_that_is_away_loses_nothing(town: Town) -> None:
    town.follows()
    town.changes()
    town.office.stop()
    with pytest.raises(NotSent, match="no mail can be sent through localhost") as failed:
        town.run()
    assert "pass" not in str(failed.value).replace("passed", "")
    town.office.start()
    assert town.run().changes == 1


def test_a_wrong_password_is_told_without_it(town: Town) -> None:
    town.follows()
    town.changes()
    wrong = town.with_settings(smtp_url=f"smtp://moulouya:hunter2@localhost:{town.office.port}")
    with pytest.raises(NotSent, match="the login is refused") as failed:
        run(wrong)
    assert "hunter2" not in repr(failed.value)
    assert "hunter2" not in repr(wrong)
    assert town.office.mails == []


def test_nothing_is_sent_without_tls_or_to_a_server_that_nobody_vouches_for(
    town: Town, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    town.follows()
    town.changes()
    (tmp_path / "plain").mkdir()
    plain = PostOffice(tmp_path / "plain", tls=False).start()
    try:
        with pytest.raises(NotSent):
            run(town.with_settings(smtp_url=f"smtp://localhost:{plain.port}"))
        assert plain.mails == []
        relay = town.with_settings(smtp_url=f"smtp+plain://localhost:{plain.port}")
        monkeypatch.setenv("SSL_CERT_FILE", str(plain.authority))
        with pytest.raises(NotSent, match="CERTIFICATE_VERIFY_FAILED"):
            town.run()
        assert town.office.mails == []
        assert run(relay).changes == 1
    finally:
        plain.stop()


@pytest.mark.parametrize(
    "url",
    ["localhost", "http://localhost", "smtp://", "smtp://a:b@:25", "smtp://host:x",
     "smtp://host/path", "smtp+plain://user:word@localhost"],
)  # fmt: skip
def test_a_server_that_is_none_is_told_without_its_password(url: str) -> None:
    with pytest.raises(UsageError) as failed:
        Server.of(Settings(smtp_url=SecretStr(url)))
    assert "word" not in failed.value.message.replace("password", "")


def test_without_a_sender_nothing_is_sent(town: Town) -> None:
    town.follows()
    town.changes()
    for sender in ("", "data", "a@b.example\nBcc: c@d.example"):
        with pytest.raises(UsageError, match="MOULOUYA_MAIL_FROM"):
            run(town.with_settings(mail_from=sender))
    assert town.office.mails == []


def test_so_many_mails_are_sent_in_a_second(monkeypatch: pytest.MonkeyPatch) -> None:
    now, slept = [100.0], []

    def sleep(seconds: float) -> None:
        slept.append(round(seconds, 3))
        now[0] += seconds

    mailer = Mailer(Server("smtp", "h", 1, "", ""), SENDER, 4, lambda: now[0], sleep)
    connection = type("Silent", (), {"send_message": lambda *_: None})()
    monkeypatch.setattr(mailer, "_connected", lambda: connection)
    for _ in range(4):
        mailer.send(Mail(AMINA, Letter("en", "s", "p", "h"), "n"))
    assert slept == [0.25, 0.25, 0.25]


@pytest.mark.parametrize("field", ["to", "name", "list", "cancel", "subject", "language"])
def test_no_header_can_be_added(field: str) -> None:
    evil = "a@b.example\r\nBcc: c@d.example"
    letter = Letter(**{"language": "en", "subject": "s", "plain": "p", "html": "h",
                       **({field: evil} if field in ("subject", "language") else {})})  # fmt: skip
    given = {"to": AMINA, "name": "n", "list": "<l>", "cancel": "https://x"}
    mail = Mail(letter=letter, **{**given, **({field: evil} if field in given else {})})
    with pytest.raises(ValueError):  # noqa: PT011  # the standard library has several texts
        composed(mail, SENDER)


def test_a_long_address_stays_whole(town: Town) -> None:
    url = "https://data.example.org/" + "x" * 300
    message = composed(Mail(AMINA, Letter("ar", "نص " * 60, "p", "h"), "n", "<l>", url), SENDER)
    assert f"List-Unsubscribe: <{url}>\r\n".encode() in message.as_bytes()


def test_a_dry_run_counts_and_neither_sends_nor_notes(town: Town) -> None:
    town.follows()
    town.following.ask("brahim@reader.example", "catalogue", "", "en")
    town.changes()
    sent = town.run(dry_run=True)
    assert (sent.changes, sent.confirmations, sent.datasets) == (1, 1, ["communes"])
    assert town.office.mails == []
    assert town.run().changes == 1


def test_a_second_run_meanwhile_sends_nothing(town: Town) -> None:
    town.follows()
    town.changes()
    other = database(town.settings)
    with other.alone() as free:
        assert free
        assert town.run().busy
    other.close()
    assert town.office.mails == []
    assert town.run().changes == 1


def test_somebody_who_asked_gets_the_answer_once(town: Town) -> None:
    desk, moderation = Desk(town.store), Moderation(town.store)
    sent = Submission("request", "fr", "L'eau", "Par mois", email=AMINA)
    number, _ = desk.submit(sent)
    moderation.answer(number, "Engineer", "La voici.", "communes")
    assert town.run().answers == 1
    assert town.run().answers == 0
    (mail,) = town.office.mails
    assert mail["Subject"] == "Réponse à votre envoi : L'eau"
    assert "La voici." in text_of(mail)
    assert f"https://data.example.org/fr/requests/{number}" in links(mail)
    assert "https://data.example.org/fr/datasets/communes" in links(mail)
    assert "Engineer" not in mail.as_string()


@pytest.fixture
def receiver(monkeypatch: pytest.MonkeyPatch) -> Iterator[Receiver]:
    monkeypatch.setattr(webhooks, "WAIT", wait_none())
    made = Receiver()
    yield made
    made.stop()


@pytest.fixture
def hooked(town: Town, receiver: Receiver) -> Callable[..., tuple[Settings, int, bytes]]:
    """Register the receiver as a webhook: settings that allow it, its number and its key."""

    def call(scope: str = "catalogue", topic: str = "") -> tuple[Settings, int, bytes]:
        settings = town.with_settings(private_hosts=receiver.host, smtp_url="")
        number, key = town.followers.add_webhook(receiver.url, scope, topic, 1)
        return settings, number, bytes.fromhex(key)

    return call


Hooked = Callable[..., tuple[Settings, int, bytes]]


def test_a_webhook_is_told_what_changed_under_a_signature(
    town: Town, receiver: Receiver, hooked: Hooked
) -> None:
    settings, _, key = hooked()
    assert run(settings).webhooks == 0
    town.changes()
    assert run(settings).webhooks == 1
    assert run(settings).webhooks == 0
    (post,) = receiver.posts
    said = json.loads(post.body)
    assert said["type"] == "datasets.changed"
    assert (said["data"]["release"], said["data"]["since"]) == (2, 1)
    (dataset,) = said["data"]["datasets"]
    assert (dataset["dataset"], dataset["version"]) == ("communes", 2)
    assert dataset["url"] == "https://data.example.org/en/datasets/communes"
    (version,) = dataset["versions"]
    assert version["changes"]["rows"] == {"added": 1, "removed": 0, "changed": 0}
    # As https://www.standardwebhooks.com has it, worked out here once more.
    id, at = post.headers["webhook-id"], post.headers["webhook-timestamp"]
    assert abs(int(at) - time.time()) < 60
    secret = base64.b64decode(webhooks.secret(key).removeprefix("whsec_"))
    signed = hmac.new(secret, f"{id}.{at}.".encode() + post.body, hashlib.sha256).digest()
    assert post.headers["webhook-signature"] == f"v1,{base64.b64encode(signed).decode()}"


def test_the_signature_is_that_of_the_standard() -> None:
    # The example of the reference libraries.
    key = base64.b64decode("MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw")
    made = webhooks.signature(
        key, "msg_p5jXN8AQM9LWM0D4loKWxJek", 1614265330, b'{"test": 2432232314}'
    )
    assert made == "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="


def test_a_webhook_is_told_of_what_it_follows_only(
    town: Town, receiver: Receiver, hooked: Hooked
) -> None:
    settings, _, _ = hooked("dataset", "boundaries")
    town.changes()
    assert run(settings).webhooks == 0
    assert receiver.posts == []


def test_what_passes_is_tried_again_under_the_same_id(
    town: Town, receiver: Receiver, hooked: Hooked
) -> None:
    settings, number, _ = hooked()
    town.changes()
    receiver.answers = [503, 429, 200]
    assert run(settings).webhooks == 1
    assert len({post.headers["webhook-id"] for post in receiver.posts}) == 1
    assert len(receiver.posts) == 3
    assert town.followers.webhook(number).failures == 0


def test_a_webhook_that_fails_run_after_run_is_disabled(
    town: Town, receiver: Receiver, hooked: Hooked
) -> None:
    settings, number, _ = hooked()
    town.changes()
    receiver.answers = [400] * 5
    problems = [run(settings).problems for _ in range(5)]
    assert all(f"{receiver.url} answered 400" in one[0] for one in problems)
    assert "it is disabled now" in problems[-1][0]
    assert town.followers.webhook(number).disabled is not None
    assert run(settings).problems == []
    assert len(receiver.posts) == 5


def test_a_webhook_that_says_gone_is_disabled_at_once_and_redirects_are_not_followed(
    town: Town, receiver: Receiver, hooked: Hooked
) -> None:
    settings, number, _ = hooked()
    town.changes()
    receiver.answers = [302, 410]
    assert "answered 302" in run(settings).problems[0]
    assert town.followers.webhook(number).disabled is None
    assert "answered 410" in run(settings).problems[0]
    assert town.followers.webhook(number).disabled is not None
    assert {post.path for post in receiver.posts} == {"/hook"}


def test_private_addresses_get_nothing_even_when_a_name_leads_there_later(
    town: Town, receiver: Receiver, hooked: Hooked, monkeypatch: pytest.MonkeyPatch
) -> None:
    _, _, _ = hooked()
    town.followers.add_webhook("https://rebound.example/hook", "catalogue", "", 1)
    town.changes()
    port = int(receiver.host.partition(":")[2])
    monkeypatch.setattr(
        "socket.getaddrinfo", lambda *_, **__: [(2, 1, 6, "", ("169.254.169.254", port))]
    )
    sent = run(town.with_settings(smtp_url=""))
    assert sent.webhooks == 0
    assert receiver.posts == []
    assert "is not https" in "".join(sent.problems)
    assert "a link-local or metadata address" in "".join(sent.problems)


@pytest.mark.parametrize(
    "url",
    ["http://example.org/hook", "https://127.0.0.1/hook", "https://10.0.0.1/", "https://[::1]/",
     "https://0x7f.1/", "https://user:word@example.org/", "ftp://example.org", "hook"],
)  # fmt: skip
def test_an_address_that_may_not_be_asked_is_not_registered(url: str) -> None:
    with pytest.raises(UsageError):
        webhooks.accepted(url, Settings())


def test_a_webhook_is_told_while_the_mail_server_is_away(
    town: Town, receiver: Receiver, hooked: Hooked
) -> None:
    settings, _, _ = hooked()
    town.follows()
    town.changes()
    town.office.stop()
    with pytest.raises(NotSent):
        run(Settings(**{**settings.model_dump(), "smtp_url": town.office.url}))
    assert len(receiver.posts) == 1
    town.office.start()
    assert run(Settings(**{**settings.model_dump(), "smtp_url": town.office.url})).changes == 1
    assert len(receiver.posts) == 1
    assert mails.PORTS["smtp"] == 587
