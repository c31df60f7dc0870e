"""Handing in a file: what is taken, what is refused, and what the partner is told."""

from __future__ import annotations

import base64
import errno
import hashlib
import json
import os
import re
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from moulouya.inbox import names, receiving, tokens
from moulouya.inbox.refusals import LANGUAGES, WORDS, Refused
from moulouya.sources import uploads

from .conftest import CAP, Client


def kept(root: Path) -> list[Path]:
    """The uploads of `wells`, and that nothing else is left of any request."""
    scratch = root / uploads.SCRATCH
    assert [path for path in scratch.glob("*") if path.suffix != ".lock"] == []
    return sorted((root / "wells").glob("*"))


def test_an_upload_is_kept_as_it_came_and_gets_a_receipt(client, root):
    content = os.urandom(50_000)
    answer = client.put("levels 2026.csv", content)
    assert answer.status_code == 201
    receipt = answer.json()
    digest = hashlib.sha256(content).hexdigest()
    assert receipt | {"received": "", "id": ""} == {
        "id": "", "slug": "wells", "file": "levels 2026.csv", "bytes": 50_000, "sha256": digest,
        "received": "", "partner": "office", "status": "received", "taken": None,
    }  # fmt: skip
    assert receipt["received"].endswith("+00:00")
    (folder,) = kept(root)
    assert folder.name == f"00000001-{digest[:12]}"
    assert (folder / "body").read_bytes() == content
    assert json.loads((folder / "receipt.json").read_text())["sha256"] == digest
    assert answer.headers["location"] == f"/inbox/receipts/{receipt['id']}"
    assert client.ask("GET", answer.headers["location"]).json() == receipt


def test_everything_is_durable_before_the_receipt(client, monkeypatch):
    synced: list[str] = []
    fsync = os.fsync

    def noting(descriptor: int) -> None:
        synced.append(Path(f"/proc/self/fd/{descriptor}").readlink().name)
        fsync(descriptor)

    monkeypatch.setattr(os, "fsync", noting)
    answer = client.put("a.csv", b"1")
    assert answer.status_code == 201
    assert {"body", "receipt.json", "wells"} <= set(synced)
    assert synced[-1] == "wells", "the folder that names the upload is synced last"


def test_the_same_file_again_is_the_same_receipt(client, root):
    first = client.put("a.csv", b"1")
    again = client.put("a.csv", b"1")
    assert (first.status_code, again.status_code) == (201, 200)
    assert first.json() == again.json()
    assert len(kept(root)) == 1


def test_an_older_content_sent_again_is_a_new_upload(client, root):
    for content in (b"1", b"2", b"1"):
        assert client.put("a.csv", content).status_code == 201
    assert [path.name[:8] for path in kept(root)] == ["00000001", "00000002", "00000003"]


def test_a_receipt_tells_when_a_run_took_it(client, root):
    receipt = client.put("a.csv", b"1").json()
    (upload,) = uploads.uploads(root, "wells")
    uploads.mark_taken(upload)
    uploads.mark_taken(upload)
    told = client.ask("GET", f"/inbox/receipts/{receipt['id']}").json()
    assert told["status"] == "taken"
    assert told["taken"] >= receipt["received"]


@pytest.mark.parametrize("header", ["content-digest", "x-content-sha256"])
def test_an_announced_digest_must_be_that_of_the_bytes(client, root, header):
    def announced(content: bytes) -> dict[str, str]:
        digest = hashlib.sha256(content).digest()
        coded = f"sha-512=:AAAA:, sha-256=:{base64.b64encode(digest).decode()}:"
        return {header: digest.hex() if header.startswith("x-") else coded}

    refused = client.put("a.csv", b"1", headers=announced(b"2"))
    assert (refused.status_code, refused.json()["type"]) == (400, "urn:moulouya:inbox:digest")
    assert kept(root) == []
    assert client.put("a.csv", b"1", headers=announced(b"1")).status_code == 201


@pytest.mark.parametrize(
    "headers",
    [
        {"content-digest": "sha-256=:no base64:"},
        {"content-digest": "md5=:AAAA:"},
        {"x-content-sha256": "abc"},
        {"content-range": "bytes 0-1/3"},
    ],
)
def test_what_is_announced_must_be_understood(client, root, headers):
    assert client.put("a.csv", b"1", headers=headers).status_code == 400
    assert kept(root) == []


def test_an_encoded_body_is_refused(client, root):
    answer = client.put("a.csv", b"1", headers={"content-encoding": "gzip"})
    assert (answer.status_code, kept(root)) == (415, [])


async def pieces(*chunks: bytes) -> AsyncIterator[bytes]:
    for chunk in chunks:
        yield chunk


def test_too_much_is_refused_at_once_and_while_it_comes(client, root):
    assert client.put("a.csv", b"x" * (CAP + 1)).status_code == 413
    endless = pieces(*[b"x" * 10_000] * 11)
    assert client.put("a.csv", endless).status_code == 413
    assert kept(root) == []
    assert client.put("a.csv", b"x" * CAP).status_code == 201


def test_an_empty_file_is_refused(client, root):
    answer = client.put("a.csv", b"")
    assert (answer.status_code, answer.json()["type"]) == (422, "urn:moulouya:inbox:empty")
    assert kept(root) == []


def test_a_full_disk_is_told_and_leaves_nothing(client, root, monkeypatch):
    async def full(*args: Any) -> Any:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(receiving, "_write", full)
    assert client.put("a.csv", b"1").status_code == 507
    assert kept(root) == []


def test_a_sender_who_falls_silent_is_refused(client, root, monkeypatch):
    async def silent() -> AsyncIterator[bytes]:
        import asyncio

        yield b"1"
        await asyncio.sleep(20)

    monkeypatch.setattr(receiving, "SILENCE", 0.2)
    assert client.put("a.csv", silent()).status_code == 408
    assert kept(root) == []


def test_a_sender_who_drips_is_refused(client, root, monkeypatch):
    async def dripping() -> AsyncIterator[bytes]:
        import asyncio

        for _ in range(100):
            yield b"1"
            await asyncio.sleep(0.05)

    monkeypatch.setattr(receiving, "SILENCE", 0.3)
    assert client.put("a.csv", dripping()).status_code == 408
    assert kept(root) == []


@pytest.mark.parametrize(
    "name",
    [
        "levels.php", "run.sh", "page.html", "a", ".htaccess", ".csv", "-rf.csv", "a.csv.exe",
        "..%5C..%5Ca.csv", "a%00.csv", "a%0A.csv", "%E2%80%AEvsc.csv", "C%3Aa.csv",
        "x" * 200 + ".csv",
    ],
)  # fmt: skip
def test_a_name_that_is_no_data_files_is_refused(client, root, name):
    answer = client.put(name, b"1")
    assert (answer.status_code, answer.json()["type"]) == (422, "urn:moulouya:inbox:name")
    assert kept(root) == []


@pytest.mark.parametrize("path", ["wells/../rain/a.csv", "wells/%2E%2E/a.csv", "wells/..%2Fa.csv"])
def test_a_path_is_no_name(client, root, path):
    assert client.ask("PUT", f"/inbox/{path}", content=b"1").status_code in (403, 404, 405)
    assert kept(root) == []


@pytest.mark.parametrize("name", ["مستوى الآبار.csv", "niveaux (été).xlsx", "a.b-c_1+2.geojson"])
def test_names_of_every_script_are_kept(client, name):
    assert client.put(name, b"1").json()["file"] == name


@given(st.text(max_size=30))
def test_a_name_that_passes_is_one_plain_word_of_a_path(name):
    try:
        passed = names.checked(name)
    except Refused:
        return
    assert Path(passed).name == passed
    assert passed.isprintable()
    assert not re.search(r'[\\/:*?"<>|]', passed)
    assert passed[0] not in ".- "


@pytest.mark.parametrize("header", ["", "Bearer x", "Bearer moulouya_000000000000_" + "A" * 43])
def test_without_a_valid_token_nothing_is_taken(client, root, header):
    answer = client.put("a.csv", b"1", headers={"Authorization": header})
    assert answer.status_code == 401
    assert answer.headers["www-authenticate"].startswith("Bearer")
    assert kept(root) == []


def test_a_token_may_be_the_password_of_basic(client, token):
    coded = base64.b64encode(f"office:{token[1]}".encode()).decode()
    assert client.put("a.csv", b"1", headers={"Authorization": f"Basic {coded}"}).status_code == 201


def test_a_token_is_for_its_own_dataset(client, root):
    for slug in ("rain", "communes", "nothing", "wells.tmp"):
        assert client.ask("PUT", f"/inbox/{slug}/a.csv", content=b"1").status_code == 403
    assert kept(root) == []


def test_a_dataset_that_no_longer_receives_is_said(client, partners):
    partners.define("wells")
    answer = client.put("a.csv", b"1")
    assert (answer.status_code, answer.json()["type"]) == (404, "urn:moulouya:inbox:no-dataset")


def test_another_partner_does_not_see_the_receipt(client, root):
    receipt = client.put("a.csv", b"1").json()
    for partner, slug in (("bureau", "wells"), ("office", "rain")):
        other = Client(client.app, tokens.create(root, partner, slug)[1])
        assert other.ask("GET", f"/inbox/receipts/{receipt['id']}").status_code == 404
    anonymous = client.ask("GET", f"/inbox/receipts/{receipt['id']}", headers={"Authorization": ""})
    assert anonymous.status_code == 401


@pytest.mark.parametrize("number", ["wells-00000001-000000000000", "x", "../tokens", "%2E%2E"])
def test_a_receipt_that_is_not_there_is_not_found(client, number):
    assert client.ask("GET", f"/inbox/receipts/{number}").status_code == 404


@pytest.mark.parametrize("path", ["/inbox/wells", "/inbox/receipts/", "/", "/inbox/wells/a.csv"])
def test_nothing_is_listed(client, path):
    client.put("a.csv", b"1")
    assert client.ask("GET", path).status_code in (404, 405)


def test_many_uploads_of_one_token_have_to_wait(client):
    answers = [client.put(f"{number}.csv", b"1") for number in range(31)]
    assert [answer.status_code for answer in answers] == [201] * 30 + [429]
    assert 1 <= int(answers[-1].headers["retry-after"]) <= 60


def test_guessing_tokens_is_stopped_for_that_address_only(client):
    wrong = Client(client.app, "guess", "198.51.100.7")
    assert [wrong.put("a.csv", b"1").status_code for _ in range(12)] == [401] * 10 + [429] * 2
    right_from_there = Client(client.app, client.token, "198.51.100.7")
    assert right_from_there.put("a.csv", b"1").status_code == 429
    assert client.put("a.csv", b"1").status_code == 201


@pytest.mark.parametrize("language", LANGUAGES)
def test_a_problem_is_told_in_the_partners_language(client, language):
    answer = client.put("a.sh", b"1", headers={"Accept-Language": f"de, {language};q=0.8"})
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.headers["content-language"] == language
    assert answer.json()["detail"] == WORDS["name"][language]
    assert answer.json()["status"] == 422


def test_every_reason_is_said_in_every_language():
    assert all(set(words) == set(LANGUAGES) and all(words.values()) for words in WORDS.values())


def test_an_error_nobody_expected_is_no_receipt(client, root, monkeypatch):
    def broken(*args: Any, **more: Any) -> Any:
        raise ValueError("secret detail")

    monkeypatch.setattr(uploads, "keep", broken)
    answer = client.put("a.csv", b"1")
    assert answer.status_code == 500
    assert "secret" not in answer.text
