"""Files that partners uploaded: taken in the order in which they were received."""

from __future__ import annotations

import hashlib
from pathlib import Path

from moulouya.definition import InboxSource
from moulouya.errors import SourceError
from moulouya.sources.delivery import Delivery, Request
from moulouya.sources.taking import Offer, chosen
from moulouya.sources.uploads import Upload, mark_taken, uploads
from moulouya.storage.files import CHUNK


def fetch(source: InboxSource, request: Request) -> Delivery | None:
    """Copy the uploads that are to be taken; None when they are those of the last delivery.

    `all` means the last upload of each file name: a file that came again replaces the first.
    Raises SourceError, with ``retry`` while nothing was uploaded yet.
    """
    if request.inbox is None:
        raise SourceError("this run knows no folder of uploads")
    received = {upload.receipt.id: upload for upload in uploads(request.inbox, request.slug)}
    if not received:
        raise SourceError(
            f"nothing was uploaded for {request.slug} yet",
            hint=f"moulouya inbox token create PARTNER {request.slug}",
            retry=True,
        )
    offered = received
    if source.take == "all":
        last = {upload.receipt.file: upload for upload in received.values()}
        offered = {upload.receipt.id: upload for upload in last.values()}
    offers = [
        Offer(number, upload.receipt.sha256, (upload.sequence,), upload.receipt.bytes)
        for number, upload in offered.items()
    ]
    for number in request.state.get("taken", {}):
        # What the last delivery took is in the lake, also if the run died before it said so.
        if number in received and received[number].taken is None:
            mark_taken(received[number])
    picked = chosen(source.take, offers, request.state)
    if picked is None:
        return None
    taken, state = picked
    total = sum(offer.bytes for offer in taken)
    if total > request.max_bytes:
        raise SourceError(
            f"the uploads for {request.slug} are {total} bytes, more than {request.max_bytes}",
            hint="raise MOULOUYA_HTTP_MAX_BYTES",
        )
    chosen_uploads = [received[offer.name] for offer in taken]
    members = _members(chosen_uploads)
    for member, upload in zip(members, chosen_uploads, strict=True):
        _copy(upload, request.folder / member)

    def settle() -> None:
        for upload in chosen_uploads:
            mark_taken(upload)

    last_upload = chosen_uploads[-1].receipt
    return Delivery(
        members=tuple(members),
        url=f"inbox:{request.slug}" + (f"#{last_upload.id}" if len(members) == 1 else ""),
        headers={
            "receipts": ", ".join(upload.receipt.id for upload in chosen_uploads),
            "partners": ", ".join(sorted({u.receipt.partner for u in chosen_uploads})),
        },
        state=state,
        settle=settle,
    )


def _members(taken: list[Upload]) -> list[str]:
    """The partners' file names; a name that comes several times gets its place before it."""
    files = [upload.receipt.file for upload in taken]
    return [
        file if files.count(file) == 1 else f"{upload.sequence:08}-{file}"
        for file, upload in zip(files, taken, strict=True)
    ]


def _copy(upload: Upload, target: Path) -> None:
    """Copy the bytes, which must be those of the receipt."""
    hashed = hashlib.sha256()
    try:
        with upload.body.open("rb") as body, target.open("wb") as file:
            while block := body.read(CHUNK):
                hashed.update(block)
                file.write(block)
    except FileNotFoundError as error:
        raise SourceError(f"the upload {upload.receipt.id} has lost its body") from error
    if hashed.hexdigest() != upload.receipt.sha256:
        raise SourceError(
            f"the upload {upload.receipt.id} is damaged: its bytes are not those received",
            hint="ask the partner to send the file again, and look at the disk",
        )
