"""TLS is always verified; one pinned certificate may stand in for a broken chain."""

from __future__ import annotations

import datetime as dt
import hashlib
import socket
import ssl
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
import trustme

from moulouya.errors import SourceError
from moulouya.web.certificates import verifying
from web.hostile import BODY, Hostile, hostile


@pytest.fixture(scope="module")
def authority() -> trustme.CA:
    return trustme.CA()


@pytest.fixture
def trusted(authority: trustme.CA, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    authority.cert_pem.write_to_path(tmp_path / "ca.pem")
    monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "ca.pem"))


@contextmanager
def serving(certificate: trustme.LeafCert, **options: object) -> Iterator[Hostile]:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    for name, value in options.items():
        setattr(context, name, value)
    certificate.configure_cert(context)
    with hostile(context) as running:
        yield running


def fingerprint(certificate: trustme.LeafCert) -> str:
    pem = certificate.cert_chain_pems[0].bytes().decode()
    return hashlib.sha256(ssl.PEM_cert_to_DER_cert(pem)).hexdigest()


def test_a_certificate_of_a_known_authority_is_trusted(authority, trusted, download, tmp_path):
    with serving(authority.issue_cert("localhost")) as server:
        assert download(server.url("fine")).status == 200
    assert (tmp_path / "got").read_bytes() == BODY


def test_without_authorities_of_the_system_those_of_certifi_are_trusted(monkeypatch):
    for name in ("SSL_CERT_FILE", "SSL_CERT_DIR"):
        monkeypatch.delenv(name, raising=False)
    nothing = ssl.DefaultVerifyPaths(None, None, "", "", "", "")
    monkeypatch.setattr(ssl, "get_default_verify_paths", lambda: nothing)
    monkeypatch.setattr(ssl.SSLContext, "load_default_certs", lambda *_: None)
    context = verifying()
    assert len(context.get_ca_certs()) > 50
    assert (context.verify_mode, context.check_hostname) == (ssl.CERT_REQUIRED, True)
    assert context.minimum_version == ssl.TLSVersion.TLSv1_2


def test_authorities_that_are_given_are_the_only_ones(trusted):
    assert len(verifying().get_ca_certs()) == 1


@pytest.mark.parametrize(
    ("fault", "said"),
    [
        ("unknown authority", "unable to get local issuer|self-signed certificate in"),
        ("wrong host", "Hostname mismatch"),
        ("expired", "certificate has expired"),
        ("not yet", "not yet valid"),
        ("self-signed", "self-signed certificate|basic constraints|unable to get local issuer"),
    ],
)
def test_any_other_certificate_is_refused_at_once(fault, said, authority, trusted, download, waits):
    now = dt.datetime.now(dt.UTC)
    day = dt.timedelta(days=1)
    certificate = {
        "unknown authority": lambda: trustme.CA().issue_cert("localhost"),
        "wrong host": lambda: authority.issue_cert("example.org"),
        "expired": lambda: authority.issue_cert("localhost", not_after=now - day),
        "not yet": lambda: authority.issue_cert("localhost", not_before=now + day),
        "self-signed": lambda: _self_signed(),
    }[fault]()
    with (
        serving(certificate) as server,
        pytest.raises(SourceError, match=f"the certificate is not valid: .*({said})") as caught,
    ):
        download(server.url("fine"))
    assert not caught.value.retry
    assert "pinned_certificate" in caught.value.hint
    assert (server.heard, waits) == ([], [])


class _SelfSigned:
    """An authority's own certificate, used as a server's."""

    def __init__(self, authority: trustme.CA) -> None:
        self.cert_chain_pems = [authority.cert_pem]
        self._key = authority.private_key_pem

    def configure_cert(self, context: ssl.SSLContext) -> None:
        with (
            self.cert_chain_pems[0].tempfile() as certificate,
            self._key.tempfile() as key,
        ):
            context.load_cert_chain(certificate, key)


def _self_signed() -> _SelfSigned:
    return _SelfSigned(trustme.CA())


@pytest.mark.parametrize("form", ["plain", "colons"])
@pytest.mark.parametrize("make", ["self-signed", "wrong host", "expired"])
def test_a_pinned_certificate_is_trusted_whatever_its_chain_says(
    make, form, authority, download, tmp_path
):
    past = dt.datetime.now(dt.UTC) - dt.timedelta(days=1)
    certificate = {
        "self-signed": _self_signed,
        "wrong host": lambda: authority.issue_cert("example.org"),
        "expired": lambda: authority.issue_cert("localhost", not_after=past),
    }[make]()
    pin = fingerprint(certificate)
    if form == "colons":
        pin = ":".join(pin[at : at + 2] for at in range(0, 64, 2)).upper()
    with serving(certificate) as server:
        download(server.url("fine"), pinned_certificate=pin)
    assert (tmp_path / "got").read_bytes() == BODY


def test_a_pin_refuses_every_other_certificate_even_a_valid_one(authority, trusted, download):
    certificate = authority.issue_cert("localhost")
    with (
        serving(certificate) as server,
        pytest.raises(SourceError, match="is not the pinned one; its SHA-256 is") as caught,
    ):
        download(server.url("fine"), pinned_certificate="0" * 64)
    assert fingerprint(certificate) in str(caught.value)
    assert not caught.value.retry
    assert server.heard == []  # nothing was said before the certificate was looked at


def test_a_pin_is_for_the_host_of_the_source_only(authority, connect, tmp_path):
    certificate = _self_signed()
    with serving(certificate) as home, serving(_self_signed()) as other:
        port = other.base.rpartition(":")[2]
        with (
            connect(
                home.url("fine"),
                pinned_certificate=fingerprint(certificate),
                private_hosts=(f"localhost:{port}",),
            ) as client,
            pytest.raises(SourceError, match="the certificate is not valid"),
        ):
            client.download(home.url("to", f"/302?{other.url('fine')}"), tmp_path / "got")
    assert other.heard == []


def test_a_redirect_to_unprotected_http_is_refused(authority, trusted, download, server):
    with (
        serving(authority.issue_cert("localhost")) as home,
        pytest.raises(SourceError, match="redirected from https to http") as caught,
    ):
        download(
            home.url("to", f"/302?{server.url('fine')}"),
            private_hosts=("127.0.0.1",),
        )
    assert not caught.value.retry
    assert server.heard == []


@pytest.mark.filterwarnings("ignore:ssl.TLSVersion:DeprecationWarning")
def test_an_old_protocol_is_refused(authority, trusted, download):
    old = {"maximum_version": ssl.TLSVersion.TLSv1_1, "minimum_version": ssl.TLSVersion.TLSv1}
    with (
        serving(authority.issue_cert("localhost"), **old) as server,
        pytest.raises(SourceError, match="TLS failed") as caught,
    ):
        download(server.url("fine"))
    assert not caught.value.retry


def test_a_server_that_speaks_no_tls_is_refused_at_once(download):
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def answer() -> None:
            connection, _ = listener.accept()
            with connection:
                connection.recv(1000)
                connection.sendall(b"HTTP/1.1 400 Bad Request\r\n\r\n")

        thread = threading.Thread(target=answer)
        thread.start()
        port = listener.getsockname()[1]
        with pytest.raises(SourceError, match="TLS failed") as caught:
            download(f"https://127.0.0.1:{port}/x")
        thread.join()
    assert not caught.value.retry


def test_a_handshake_that_hangs_meets_the_timeout(download, waits):
    with socket.create_server(("127.0.0.1", 0)) as silent:
        port = silent.getsockname()[1]
        with pytest.raises(SourceError, match="ConnectTimeout") as caught:
            download(f"https://127.0.0.1:{port}/x", timeout=0.2)
    assert caught.value.retry
    assert len(waits) == 2
