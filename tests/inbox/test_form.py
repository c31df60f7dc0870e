"""The page for partners without a program of their own."""

from __future__ import annotations

import asyncio

import httpx
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from starlette.requests import Request

from moulouya.inbox.form import TEXTS, Form
from moulouya.inbox.refusals import WORDS

from .conftest import CAP
from .test_uploading import kept


def send(client, token, content=b"1", name="a.csv", slug="wells", lang="en"):
    return client.ask(
        "POST", f"/inbox/?lang={lang}", data={"token": token, "slug": slug},
        files={"file": (name, content)}, headers={"Authorization": ""},
    )  # fmt: skip


@pytest.mark.parametrize(("language", "direction"), [("ar", "rtl"), ("fr", "ltr"), ("en", "ltr")])
def test_the_page_speaks_three_languages(client, language, direction):
    answer = client.ask("GET", "/inbox/", headers={"Accept-Language": language})
    assert f'<html lang="{language}" dir="{direction}">' in answer.text
    assert TEXTS[language]["send"] in answer.text
    assert "default-src 'none'" in answer.headers["content-security-policy"]
    other = client.ask("GET", "/inbox/?lang=fr", headers={"Accept-Language": language})
    assert TEXTS["fr"]["send"] in other.text


def test_a_file_sent_by_the_form_is_kept_and_gets_a_receipt(client, token, root):
    content = b"a;b\r\n--boundary\r\n1;2\r\n" * 2000
    answer = send(client, token[1], content)
    assert answer.status_code == 201
    assert TEXTS["en"]["received"] in answer.text
    (folder,) = kept(root)
    assert (folder / "body").read_bytes() == content
    assert f"wells-{folder.name}" in answer.text
    assert token[1] not in answer.text


def test_a_name_is_shown_as_text(client, token):
    answer = send(client, token[1], name="(<b>).csv")
    assert answer.status_code == 422
    assert "<b>" not in answer.text


@pytest.mark.parametrize(
    ("change", "status", "reason"),
    [
        ({"token": "wrong"}, 401, "token"),
        ({"slug": "rain"}, 403, "other-dataset"),
        ({"name": "a.exe"}, 422, "name"),
        ({"content": b""}, 422, "empty"),
        ({"content": b"x" * (CAP + 1)}, 413, "too-large"),
    ],
)
def test_a_refusal_is_a_page_that_says_why(client, token, root, change, status, reason):
    answer = send(client, **{"token": token[1], "lang": "fr", **change})
    assert answer.status_code == status
    # The template writes the apostrophe as a reference.
    assert WORDS[reason]["fr"].replace("'", "&#39;") in answer.text
    assert kept(root) == []


def test_a_form_that_is_cut_off_is_not_kept(client, token, root):
    whole = httpx.Request(
        "POST", "http://x/", data={"token": token[1], "slug": "wells"},
        files={"file": ("a.csv", b"1234567890" * 100)},
    )  # fmt: skip
    body = whole.read()
    kind = whole.headers["content-type"]
    for cut in (30, len(body) // 2, len(body) - 1500, len(body) - 10):
        answer = client.ask(
            "POST", "/inbox/", content=body[: max(cut, 30)], headers={"content-type": kind}
        )
        assert answer.status_code in (400, 401)
        assert kept(root) == []


@pytest.mark.parametrize("kind", ["application/x-www-form-urlencoded", "multipart/form-data", ""])
def test_another_body_is_not_the_form(client, root, kind):
    answer = client.ask("POST", "/inbox/", content=b"token=1", headers={"content-type": kind})
    assert (answer.status_code, kept(root)) == (400, [])


@settings(deadline=None, max_examples=60)
@given(content=st.binary(max_size=300), size=st.integers(1, 50))
def test_the_forms_file_comes_byte_for_byte_in_whatever_pieces(content, size):
    whole = httpx.Request(
        "POST", "http://x/", data={"token": "t", "slug": "s"}, files={"file": ("a.csv", content)}
    )
    body = whole.read()
    pieces = [body[start : start + size] for start in range(0, len(body), size)]

    async def receive():
        piece = pieces.pop(0)
        return {"type": "http.request", "body": piece, "more_body": bool(pieces)}

    async def go() -> tuple[Form, bytes]:
        headers = [(b"content-type", whole.headers["content-type"].encode())]
        form = Form()
        await form.open(Request({"type": "http", "headers": headers}, receive))
        return form, b"".join([piece async for piece in form.body()])

    form, found = asyncio.run(go())
    assert (form.fields, form.file_name, found) == ({"token": "t", "slug": "s"}, "a.csv", content)


def test_a_file_before_the_token_is_not_taken(client, token, root):
    body = (
        b'--x\r\nContent-Disposition: form-data; name="file"; filename="a.csv"\r\n\r\n1\r\n'
        b'--x\r\nContent-Disposition: form-data; name="token"\r\n\r\n'
        + token[1].encode()
        + b"\r\n--x--\r\n"
    )
    answer = client.ask(
        "POST", "/inbox/", content=body, headers={"content-type": "multipart/form-data; boundary=x"}
    )
    assert (answer.status_code, kept(root)) == (400, [])
