"""TLS as it is spoken here: always verified; one certificate may be pinned instead."""

from __future__ import annotations

import hashlib
import hmac
import os
import ssl
from pathlib import Path

from moulouya.web.trouble import Trouble


def verifying() -> ssl.SSLContext:
    """A context that checks chain and host, TLS 1.2 or newer.

    Authorities are those of SSL_CERT_FILE or SSL_CERT_DIR, else the system's, else certifi's
    (a slim container image has none of its own).
    """
    context = ssl.create_default_context()
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    paths = ssl.get_default_verify_paths()
    given = {"SSL_CERT_FILE", "SSL_CERT_DIR"} & os.environ.keys()
    folder = Path(paths.capath) if paths.capath else None
    if not (given or paths.cafile or (folder and any(folder.iterdir()))):
        import certifi

        context.load_verify_locations(certifi.where())
    return context


def unverified_until_pinned() -> ssl.SSLContext:
    """A context for a host whose one certificate is compared by `check_pin` after the handshake."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    return context


def check_pin(certificate: bytes | None, pin: str) -> None:
    """Raises Trouble unless the DER certificate has this SHA-256."""
    digest = hashlib.sha256(certificate or b"").hexdigest()
    if certificate is None or not hmac.compare_digest(digest, pin.replace(":", "").lower()):
        raise Trouble(
            f": the certificate is not the pinned one; its SHA-256 is {digest}",
            hint="ask the publisher whether it was renewed, then change source.pinned_certificate",
        )


def handshake_trouble(error: OSError) -> Trouble:
    """What a failed handshake means: a certificate to distrust, or a connection that broke."""
    if isinstance(error, ssl.SSLCertVerificationError):
        return Trouble(
            f": the certificate is not valid: {error.verify_message}",
            hint="the publisher must renew it; meanwhile source.pinned_certificate can name the "
            "SHA-256 of the one certificate to trust",
        )
    passing = isinstance(error, ssl.SSLEOFError | ConnectionError | TimeoutError)
    return Trouble(f": TLS failed: {error}", retry=passing or not isinstance(error, ssl.SSLError))
