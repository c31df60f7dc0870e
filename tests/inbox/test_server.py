"""The real server: TLS, senders that go away, and death right after the receipt."""

from __future__ import annotations

import hashlib
import os
import signal
import socket
import ssl
import time

import httpx
import pytest
import trustme

from moulouya.sources import uploads

from .conftest import HOST
from .test_uploading import kept


def test_an_upload_over_tls(serving, token, root, tmp_path):
    authority = trustme.CA()
    certificate = authority.issue_cert(HOST)
    certificate.cert_chain_pems[0].write_to_path(str(tmp_path / "cert.pem"))
    certificate.private_key_pem.write_to_path(str(tmp_path / "key.pem"))
    trusted = ssl.create_default_context()
    authority.configure_trust(trusted)
    content = os.urandom(90_000)
    with (
        serving(str(tmp_path / "cert.pem"), str(tmp_path / "key.pem")) as (port, _),
        httpx.Client(verify=trusted, base_url=f"https://{HOST}:{port}", timeout=20) as client,
    ):
        headers = {"Authorization": f"Bearer {token[1]}"}
        answer = client.put("/inbox/wells/a.csv", content=content, headers=headers)
        assert answer.status_code == 201
        assert answer.json()["sha256"] == hashlib.sha256(content).hexdigest()
        page = client.get("/inbox/", headers={"Accept-Language": "ar"})
        assert 'dir="rtl"' in page.text
        too_much = client.put("/inbox/wells/b.csv", content=b"x" * 200_000, headers=headers)
        assert too_much.status_code == 413
    assert len(kept(root)) == 1


def test_a_sender_who_goes_away_leaves_nothing(serving, token, root):
    with serving() as (port, _):
        with socket.create_connection((HOST, port)) as sender:
            sender.sendall(
                b"PUT /inbox/wells/a.csv HTTP/1.1\r\nHost: x\r\nContent-Length: 50000\r\n"
                b"Authorization: Bearer " + token[1].encode() + b"\r\n\r\n" + b"x" * 20_000
            )
            end = time.monotonic() + 20
            while not list((root / uploads.SCRATCH).glob("*/body")):
                assert time.monotonic() < end
                time.sleep(0.02)
        while [path for path in (root / uploads.SCRATCH).glob("*") if path.suffix != ".lock"]:
            assert time.monotonic() < end, "what broke off is still there"
            time.sleep(0.02)
        assert kept(root) == []


def test_a_receipt_outlives_the_server(serving, token, root):
    headers = {"Authorization": f"Bearer {token[1]}"}
    with serving() as (port, process):
        url = f"http://{HOST}:{port}/inbox/wells/a.csv"
        receipt = httpx.put(url, content=b"1", headers=headers, timeout=20).json()
        os.killpg(process.pid, signal.SIGKILL)
        process.wait(20)
    with serving() as (port, _):
        at = f"http://{HOST}:{port}/inbox"
        assert httpx.get(f"{at}/receipts/{receipt['id']}", headers=headers).json() == receipt
        again = httpx.put(f"{at}/wells/a.csv", content=b"1", headers=headers)
        assert (again.status_code, again.json()) == (200, receipt)


@pytest.mark.parametrize(
    "path", ["/inbox/wells/../../../etc/a.csv", "/inbox/wells/..%2f..%2fa.csv"]
)
def test_a_raw_path_leads_nowhere(serving, token, root, path):
    with serving() as (port, _), socket.create_connection((HOST, port)) as sender:
        sender.settimeout(20)
        sender.sendall(
            f"PUT {path} HTTP/1.1\r\nHost: x\r\nContent-Length: 1\r\nConnection: close\r\n"
            f"Authorization: Bearer {token[1]}\r\n\r\n1".encode()
        )
        answer = sender.recv(4096)
    assert answer.split(b" ")[1] in (b"403", b"404", b"405", b"422")
    assert kept(root) == []
