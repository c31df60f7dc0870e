"""The words of the mails: in the language of the page where somebody asked for them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from moulouya.participation.following import CANCEL, CONFIRM, CONFIRM_DAYS, Follow
from moulouya.participation.moderation import Unanswered
from moulouya.portal import history
from moulouya.portal.languages import N_, Language, language
from moulouya.portal.participation.news import Changed
from moulouya.portal.published import Record
from moulouya.portal.rendering import environment

# Longer lists are on the pages.
MOST_DATASETS = 50
MOST_VERSIONS = 3
NOT_YOU = N_("It was not you? Do nothing: your address is then deleted by itself.")
LEFT = N_(
    "You get this mail because you left your address with it. It is deleted soon; there will be "
    "no other mail."
)


@dataclass(frozen=True)
class Site:
    """What a mail says of the catalogue: its region, and the public address of its pages."""

    region: Record
    base: str

    def title(self, spoken: Language) -> str:
        """What the catalogue is called."""
        return str(self.region["title"][spoken.code])


@dataclass(frozen=True)
class Part:
    """A heading that leads to a page, and sentences below it."""

    title: str
    url: str
    sentences: tuple[str, ...]


@dataclass(frozen=True)
class Letter:
    """A mail before it is addressed: subject and body, as plain text and as HTML."""

    language: str
    subject: str
    plain: str
    html: str


@dataclass(frozen=True)
class _Draft:
    subject: str
    opening: tuple[str, ...]
    parts: tuple[Part, ...]
    closing: tuple[tuple[str, str], ...]  # a sentence, and the address that it introduces


def confirmation(follow: Follow, title: str, site: Site) -> Letter:
    """The mail with the link that begins a follow."""
    spoken = language(follow.language)
    url = f"{site.base}/{spoken.code}/follow/confirm/{follow.token(CONFIRM)}"
    draft = _Draft(
        subject=spoken.text("Shall we tell you of changes? %(title)s", title=title),
        opening=(
            spoken.text(
                "Somebody, you perhaps, asked us to write here whenever this changes: %(title)s",
                title=title,
            ),
            spoken.count(
                "Open this link and confirm, within %(n)s day:",
                "Open this link and confirm, within %(n)s days:",
                CONFIRM_DAYS,
            ),
        ),
        parts=(Part(spoken.text("Yes, tell me"), url, ()),),
        closing=(
            (spoken.text(NOT_YOU), ""),
        ),
    )  # fmt: skip
    return _written(draft, spoken, site)


def changes(follow: Follow, title: str, changed: Sequence[Changed], site: Site) -> Letter:
    """The mail that tells of everything that changed since the one before."""
    spoken = language(follow.language)
    zone = str(site.region.get("timezone", "UTC"))
    parts = tuple(_part(one, spoken, zone, site) for one in changed[:MOST_DATASETS])
    one_title = str(changed[0].title[spoken.code])
    subject = (
        spoken.text("%(title)s: what changes", title=one_title)
        if len(changed) == 1
        else spoken.count("%(n)s dataset changed: %(title)s", "%(n)s datasets changed: %(title)s",
                          len(changed), title=title)
    )  # fmt: skip
    left = len(changed) - len(parts)
    more = (
        spoken.count("%(n)s further dataset changed.", "%(n)s further datasets changed.", left),
    )
    own = f"{site.base}/{spoken.code}/follow"
    draft = _Draft(
        subject=subject,
        opening=(),
        parts=parts,
        closing=(
            *(((more[0], f"{site.base}/{spoken.code}/datasets"),) if left else ()),
            (
                spoken.text(
                    "You get this mail because you follow: %(title)s. "
                    "Cancel, or see all that you follow:",
                    title=title,
                ),
                f"{own}/mine/{follow.token(CANCEL)}",
            ),
        ),
    )  # fmt: skip
    return _written(draft, spoken, site)


def answered(asked: Unanswered, site: Site) -> Letter:
    """The mail to somebody whose request was answered or declined."""
    spoken = language(asked.language)
    page = f"{site.base}/{spoken.code}/requests/{asked.id}"
    said = (
        spoken.text("Your request was declined, for this reason:")
        if asked.state == "declined"
        else spoken.text("Your request has an answer:")
    )
    published = f"{site.base}/{spoken.code}/datasets/{asked.answer_dataset}"
    draft = _Draft(
        subject=spoken.text("Answer to what you sent: %(title)s", title=asked.title),
        opening=(said,),
        parts=(Part(asked.title, page, tuple(asked.note.splitlines())),),
        closing=(
            *(
                ((spoken.text("Published for this request:"), published),)
                if asked.answer_dataset
                else ()
            ),
            (spoken.text(LEFT), ""),
        ),
    )  # fmt: skip
    return _written(draft, spoken, site)


def _part(changed: Changed, spoken: Language, zone: str, site: Site) -> Part:
    sentences = [history.withdrawal_sentence(one, spoken) for one in changed.withdrawals]
    for version in changed.versions[:MOST_VERSIONS]:
        named = spoken.text("Version %(number)s:", number=spoken.number(version.number))
        told = spoken.joined(history.sentences(version, spoken, zone, decided=False))
        sentences.append(f"{named} {told}")
    left = len(changed.versions) - MOST_VERSIONS
    if left > 0:
        sentences.append(spoken.count("%(n)s version before it", "%(n)s versions before it", left))
    page = f"{site.base}/{spoken.code}/datasets/{changed.slug}"
    return Part(str(changed.title[spoken.code]), page, tuple(sentences))


def _written(draft: _Draft, spoken: Language, site: Site) -> Letter:
    """Both forms of a mail; addresses have lines of their own, so that no script turns them."""
    title = site.title(spoken)
    lines = [title, ""]
    for sentence in draft.opening:
        lines += [sentence, ""]
    for part in draft.parts:
        lines += [part.title, *(f"- {sentence}" for sentence in part.sentences), part.url, ""]
    lines.append("--")
    for sentence, url in draft.closing:
        lines += [sentence, *([url] if url else [])]
    html = environment(spoken.code).get_template("participation/letter.html").render(
        draft=draft, title=title, home=f"{site.base}/{spoken.code}/"
    )  # fmt: skip
    # One line, without what would end a header.
    subject = " ".join(draft.subject.split())[:200]
    return Letter(spoken.code, subject, "\n".join(lines) + "\n", html)
