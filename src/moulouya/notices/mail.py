"""Mail: one connection, TLS by default, headers that nobody can add to, so many in a second."""

from __future__ import annotations

import re
import smtplib
import time
from collections.abc import Callable
from dataclasses import dataclass
from email.headerregistry import Address, BaseHeader, HeaderRegistry, UnstructuredHeader
from email.message import EmailMessage
from email.policy import SMTP
from email.utils import format_datetime
from urllib.parse import unquote, urlsplit

from moulouya.errors import MoulouyaError, UsageError
from moulouya.ledger import now
from moulouya.participation.following import CANCEL, Follow
from moulouya.participation.moderation import Unanswered
from moulouya.portal.participation.forms import mailbox
from moulouya.portal.participation.letters import Letter
from moulouya.settings import Settings
from moulouya.web.certificates import verifying

PORTS = {"smtp": 587, "smtps": 465, "smtp+plain": 25}
SECONDS = 30.0
HINT = "smtp://user:password@host:587, smtps://…:465, or smtp+plain://host:25 for a local relay"


class NotSent(MoulouyaError):
    """The mail server cannot be reached, or does not let us send."""

    code = "mail"
    retry = True


class Refused(MoulouyaError):
    """The mail server does not take one mail; ``for_good`` where it never will."""

    code = "mail"

    def __init__(self, message: str, *, for_good: bool) -> None:
        super().__init__(message)
        self.for_good = for_good


@dataclass(frozen=True)
class Mail:
    """A letter with its address; ``name`` is the same whenever it is sent again.

    ``list`` and ``cancel`` are the List-Id and the address of one-click unsubscription.
    """

    to: str
    letter: Letter
    name: str
    list: str = ""
    cancel: str = ""

    @classmethod
    def to_confirm(cls, follow: Follow, letter: Letter) -> Mail:
        """The mail that asks whether the address wants to follow."""
        return cls(follow.address, letter, f"confirm.{follow.id}.{follow.created:%Y%m%d%H%M%S}")

    @classmethod
    def of_changes(cls, follow: Follow, letter: Letter, release: int, base: str) -> Mail:
        """The mail that tells of changes."""
        host = urlsplit(base).hostname or "localhost"
        topic = ".".join(filter(None, (follow.topic, follow.scope)))
        cancel = f"{base}/{follow.language}/follow/cancel/{follow.token(CANCEL)}"
        name = f"release.{release}.{follow.id}.{follow.told}"
        return cls(follow.address, letter, name, f"<{topic}.{host}>", cancel)

    @classmethod
    def of_answer(cls, asked: Unanswered, letter: Letter) -> Mail:
        """The mail that brings the answer to a request."""
        return cls(asked.email, letter, f"answer.{asked.row}")


@dataclass(frozen=True)
class Server:
    """Where mail is handed in: ``scheme`` says how TLS begins."""

    scheme: str
    host: str
    port: int
    user: str
    password: str

    @classmethod
    def of(cls, settings: Settings) -> Server:
        """The server that the settings name; raises UsageError for what is none."""
        try:
            parts = urlsplit(settings.smtp_url.get_secret_value())
            scheme, host = parts.scheme, parts.hostname
            port = parts.port or PORTS.get(scheme, 0)
        except ValueError as error:
            raise UsageError("MOULOUYA_SMTP_URL is no address of a server", hint=HINT) from error
        if scheme not in PORTS or not host or parts.path not in ("", "/") or parts.query:
            raise UsageError("MOULOUYA_SMTP_URL is no address of a server", hint=HINT)
        user, password = unquote(parts.username or ""), unquote(parts.password or "")
        if scheme == "smtp+plain" and user:
            raise UsageError("a password is not sent without TLS", hint=HINT)
        return cls(scheme, host, port, user, password)


class Mailer:
    """Sends over one connection, made anew where the server ended it."""

    def __init__(
        self,
        server: Server,
        sender: str,
        per_second: float,
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self._server = server
        self._sender = sender
        self._pause = 1 / per_second
        self._clock, self._sleep = clock, sleep
        self._next = clock()
        self._connection: smtplib.SMTP | None = None

    def send(self, mail: Mail) -> None:
        """Hand one mail in. Raises Refused where it is not taken, NotSent where none can be."""
        message = composed(mail, self._sender)
        self._wait()
        try:
            try:
                self._connected().send_message(message, self._sender, [mail.to])
            except smtplib.SMTPServerDisconnected:
                self.close()
                self._connected().send_message(message, self._sender, [mail.to])
        except smtplib.SMTPRecipientsRefused as error:
            ((code, said),) = error.recipients.values()
            raise _refused(mail, code, said) from error
        except smtplib.SMTPDataError as error:
            raise _refused(mail, error.smtp_code, error.smtp_error) from error
        except (smtplib.SMTPException, OSError) as error:
            self.close()
            raise NotSent(
                f"no mail can be sent through {self._server.host}:{self._server.port}: "
                f"{_plainly(error)}",
                hint="check MOULOUYA_SMTP_URL and MOULOUYA_MAIL_FROM; nothing is lost, the next "
                "run goes on",
            ) from error

    def close(self) -> None:
        """End the connection."""
        connection, self._connection = self._connection, None
        if connection is None:
            return
        try:
            connection.quit()
        except (smtplib.SMTPException, OSError):
            connection.close()

    def _wait(self) -> None:
        pause = self._next - self._clock()
        if pause > 0:
            self._sleep(pause)
        self._next = max(self._clock(), self._next) + self._pause

    def _connected(self) -> smtplib.SMTP:
        if self._connection is not None:
            return self._connection
        to = self._server
        if to.scheme == "smtps":
            made: smtplib.SMTP = smtplib.SMTP_SSL(
                to.host, to.port, timeout=SECONDS, context=verifying()
            )
        else:
            made = smtplib.SMTP(to.host, to.port, timeout=SECONDS)
        self._connection = made
        if to.scheme == "smtp":
            made.starttls(context=verifying())
        if to.user:
            made.login(to.user, to.password)
        return made


def mailer(settings: Settings) -> Mailer:
    """What sends as the settings say; raises UsageError where they do not fit."""
    server = Server.of(settings)
    sender = mailbox(settings.mail_from)
    if not sender:
        raise UsageError(
            "MOULOUYA_MAIL_FROM is not an e-mail address",
            hint="name the address from which mail is sent, as data@example.org",
        )
    return Mailer(server, sender, settings.mails_per_second)


class _Whole(UnstructuredHeader, BaseHeader):
    """A header in one line however long it is: an address that is folded leads nowhere."""

    def fold(self, *, policy: object) -> str:
        return f"{self.name}: {self}\r\n"


_registry = HeaderRegistry()
for _name in ("list-unsubscribe", "list-id", "message-id"):
    _registry.map_to_type(_name, _Whole)
# Refuses a line break in any header.
_POLICY = SMTP.clone(header_factory=_registry)


def composed(mail: Mail, sender: str) -> EmailMessage:
    """A mail as it is sent; raises ValueError where a header would be more than one line."""
    letter = mail.letter
    message = EmailMessage(_POLICY)
    message["From"] = Address(addr_spec=sender)
    message["To"] = Address(addr_spec=mail.to)
    message["Subject"] = letter.subject
    message["Date"] = format_datetime(now())
    message["Message-ID"] = f"<{mail.name}@{sender.rpartition('@')[2]}>"
    message["Auto-Submitted"] = "auto-generated"
    if mail.list:
        message["List-Id"] = mail.list
    if mail.cancel:
        message["List-Unsubscribe"] = f"<{mail.cancel}>"
        message["List-Unsubscribe-Post"] = "List-Unsubscribe=One-Click"
    message.set_content(letter.plain)
    message.add_alternative(letter.html, subtype="html")
    # Last, since a part takes along every header of content that is there before it.
    message["Content-Language"] = letter.language
    return message


def _refused(mail: Mail, code: int, said: bytes | str) -> Refused:
    """What the server says, without the address, which it likes to repeat."""
    words = said.decode("utf-8", "replace") if isinstance(said, bytes) else said
    words = re.sub(re.escape(mail.to), "…", words, flags=re.IGNORECASE)
    return Refused(f"{code} {' '.join(words.split())[:200]}", for_good=500 <= code < 600)


def _plainly(error: Exception) -> str:
    """What went wrong; never what was sent, which may be a password."""
    if isinstance(error, smtplib.SMTPAuthenticationError):
        return "the login is refused"
    if isinstance(error, smtplib.SMTPResponseException):
        return f"{error.smtp_code} {error.smtp_error!r}"[:200]
    return str(error)[:200] or type(error).__name__
