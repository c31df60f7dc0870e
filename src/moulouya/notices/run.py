"""One run: a link for those who want to follow, news for followers, answers for senders."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from dataclasses import asdict, dataclass, field
from functools import cached_property, partial
from typing import Any

import structlog

from moulouya import released
from moulouya.errors import LakeError
from moulouya.notices.mail import Mail, Mailer, Refused, mailer
from moulouya.notices.webhooks import Webhook, deliver
from moulouya.participation.database import Database, database
from moulouya.participation.followers import MOST_TRIES, Followers, concerns
from moulouya.participation.following import Follow
from moulouya.participation.moderation import Moderation
from moulouya.portal.history import version_of
from moulouya.portal.languages import language
from moulouya.portal.participation import letters
from moulouya.portal.participation.following import title_in
from moulouya.portal.participation.news import Changed, between
from moulouya.portal.published import Record
from moulouya.released import Release
from moulouya.settings import Settings
from moulouya.storage.lake import Lake, look_into

WEBHOOKS_AT_ONCE = 4
log = structlog.get_logger("moulouya.notices")


@dataclass
class Sent:
    """What a run did, or with ``dry_run`` would do, in numbers; ``problems`` are told in words."""

    release: int | None = None
    mail: bool = False
    busy: bool = False
    confirmations: int = 0
    changes: int = 0
    answers: int = 0
    webhooks: int = 0
    unconcerned: int = 0
    forgotten: int = 0
    datasets: list[str] = field(default_factory=list)
    problems: list[str] = field(default_factory=list)

    def to_json(self) -> dict[str, Any]:
        """For programs."""
        return asdict(self)


def run(settings: Settings, *, dry_run: bool = False) -> Sent:
    """Send all that is due. A second run meanwhile sends nothing and says that it is ``busy``."""
    store = database(settings)
    try:
        with store.alone() as free:
            work = _Work(settings, store, dry_run)
            if not free:
                work.sent.busy = True
                return work.sent
            return work.run()
    finally:
        store.close()


class _Work:
    def __init__(self, settings: Settings, store: Database, dry_run: bool) -> None:
        self.settings = settings
        self.dry_run = dry_run
        self.followers = Followers(store)
        self.moderation = Moderation(store)
        self.lake: Lake = look_into(settings)
        self.sent = Sent(mail=settings.sends_mail)
        self._news: dict[int, list[Changed]] = {}

    def run(self) -> Sent:
        if not self.dry_run:
            self.sent.forgotten = self.followers.forget_unconfirmed()
        if self.newest is None:
            return self.sent
        self.sent.release = self.newest.number
        self._tell_webhooks(self.newest)
        if self.settings.sends_mail:
            with ExitStack() as open_connection:
                self._send_mails(self.newest, _Connection(self.settings, open_connection))
        self.sent.datasets = sorted({one.slug for news in self._news.values() for one in news})
        return self.sent

    @cached_property
    def newest(self) -> Release | None:
        return released.current(self.lake, verify=False)

    @cached_property
    def site(self) -> letters.Site:
        assert self.newest is not None  # nothing is written before the first release
        return letters.Site(self.newest.manifest["region"], self.settings.public_url.rstrip("/"))

    def news(self, follow: Follow, newest: Release) -> list[Changed]:
        """What changed since a follower was told, of what they follow."""
        if follow.told not in self._news:
            before = _readable(self.lake, follow.told)
            self._news[follow.told] = between(self.lake, before, newest)
        return [one for one in self._news[follow.told] if concerns(follow, one.slug, one.themes)]

    def _due(self, channel: str, newest: Release) -> Iterator[tuple[Follow, list[Changed]]]:
        """Whom to tell what; the others are noted as knowing all there is."""
        waiting = self.followers.due(channel, newest.number)
        told = {follow.id: self.news(follow, newest) for follow in waiting}
        unconcerned = [follow for follow in waiting if not told[follow.id]]
        self.sent.unconcerned += len(unconcerned)
        if not self.dry_run:
            self.followers.passed(unconcerned, newest.number)
        for follow in waiting:
            if not told[follow.id]:
                continue
            if follow.tries >= MOST_TRIES and not self.dry_run:
                problem = f"release {newest.number} was tried {MOST_TRIES} times: {follow.problem}"
                self.followers.given_up(follow, newest.number, problem)
                self._problem(follow, problem)
                continue
            yield follow, told[follow.id]

    def _tell_webhooks(self, newest: Release) -> None:
        waiting = list(self._due("webhook", newest))
        self.sent.webhooks = len(waiting) if self.dry_run else 0
        if self.dry_run or not waiting:
            return
        with ThreadPoolExecutor(WEBHOOKS_AT_ONCE) as pool:
            list(pool.map(lambda one: self._tell_webhook(newest, *one), waiting))

    def _tell_webhook(self, newest: Release, follow: Follow, news: Sequence[Changed]) -> None:
        if not self.followers.begin(follow, newest.number):
            return
        hook = Webhook(follow.id, follow.address, bytes.fromhex(follow.key))
        base = self.site.base
        payload = {
            "release": newest.number,
            "since": follow.told,
            "datasets": [one.to_json(base) for one in news],
        }
        outcome = deliver(hook, newest.number, payload, self.settings)
        if outcome.problem is None:
            self.followers.told(follow, newest.number)
            self.sent.webhooks += 1
            return
        over = self.followers.failed(follow, outcome.problem, for_good=outcome.gone)
        self._problem(follow, outcome.problem + (": it is disabled now" if over else ""))

    def _send_mails(self, newest: Release, connection: _Connection) -> None:
        for follow in self.followers.unasked():
            letter = letters.confirmation(follow, self._title(follow), self.site)
            self.sent.confirmations += self._send(
                connection, follow, Mail.to_confirm(follow, letter), 0,
                partial(self.followers.asked, follow),
            )  # fmt: skip
        for follow, news in self._due("mail", newest):
            letter = letters.changes(follow, self._title(follow), news, self.site)
            mail = Mail.of_changes(follow, letter, newest.number, self.site.base)
            self.sent.changes += self._send(
                connection, follow, mail, newest.number,
                partial(self.followers.told, follow, newest.number),
            )  # fmt: skip
        self._answer(connection)

    def _title(self, follow: Follow) -> str:
        """What somebody follows, by its name."""
        assert self.newest is not None
        topic, spoken = follow.topic, language(follow.language)
        titles = _titles(self.lake, self.newest, topic) if follow.scope == "dataset" else {}
        return title_in(self.site.region, titles, follow.scope, topic, spoken)

    def _send(
        self,
        connection: _Connection,
        follow: Follow,
        mail: Mail,
        release: int,
        note: Callable[[], None],
    ) -> bool:
        """Send one mail, noted before and after; whether it was taken."""
        if self.dry_run:
            return True
        if not self.followers.begin(follow, release):
            return False
        try:
            connection.mailer.send(mail)
        except Refused as error:
            if error.for_good:
                over = self.followers.failed(follow, error.message)
                self._problem(follow, error.message + (": deleted" if over else ""))
            else:
                self._problem(follow, f"{error.message}: tried again later")
            return False
        note()
        return True

    def _answer(self, connection: _Connection) -> None:
        for asked in self.moderation.unanswered():
            if self.dry_run:
                self.sent.answers += 1
                continue
            try:
                connection.mailer.send(Mail.of_answer(asked, letters.answered(asked, self.site)))
            except Refused as error:
                self.sent.problems.append(f"request {asked.id}: {error.message}")
                if not error.for_good:
                    continue
            else:
                self.sent.answers += 1
            self.moderation.sender_told(asked.row)

    def _problem(self, follow: Follow, problem: str) -> None:
        """Keep a problem in words, without the addresses of people."""
        where = follow.address if follow.channel == "webhook" else "mail"
        self.sent.problems.append(f"{where} ({follow.id}): {problem}")


class _Connection:
    """The one connection to the mail server, opened when there is a first mail."""

    def __init__(self, settings: Settings, stack: ExitStack) -> None:
        self._settings = settings
        self._stack = stack

    @cached_property
    def mailer(self) -> Mailer:
        return self._stack.enter_context(_opened(self._settings))


@contextmanager
def _opened(settings: Settings) -> Iterator[Mailer]:
    made = mailer(settings)
    try:
        yield made
    finally:
        made.close()


def _readable(lake: Lake, number: int) -> Release | None:
    """A release, or the one before where its number was given up; manifests do not expire."""
    for earlier in range(number, 0, -1):
        try:
            return released.read(lake, earlier, verify=False)
        except LakeError as error:
            log.warning("release cannot be read", release=earlier, reason=error.message)
    return None


def _titles(lake: Lake, newest: Release, slug: str) -> dict[str, Record]:
    """The title of a dataset, by its slug; nothing where it is published no more."""
    said = newest.manifest["datasets"].get(slug)
    version = version_of(lake, slug, said["version"]) if said is not None else None
    return {} if version is None else {slug: version.record["definition"]["title"]}
