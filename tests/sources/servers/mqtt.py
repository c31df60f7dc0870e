"""An MQTT broker with TLS and a password, where rain gauges leave their last reading."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import trustme
from paho.mqtt import publish
from services import HOST, free_port, mosquitto, needed

READINGS = {
    "rain/berkane": '{"at": "2026-02-07T06:00:00Z", "mm": 4.20}',
    "rain/oujda": '{"at": "2026-02-07T06:00:00Z", "mm": 0}',
}


@contextmanager
def serve(folder: Path) -> Iterator[dict[str, str]]:
    """Run Mosquitto with two retained readings; yields how to connect."""
    if shutil.which("mosquitto_passwd") is None:
        needed("mosquitto is not installed")
    own = folder / "broker"
    own.mkdir()
    authority = trustme.CA()
    certificate = authority.issue_cert(HOST)
    authority.cert_pem.write_to_path(str(own / "ca.pem"))
    certificate.private_key_pem.write_to_path(str(own / "key.pem"))
    certificate.cert_chain_pems[0].write_to_path(str(own / "cert.pem"))
    subprocess.run(
        ["mosquitto_passwd", "-b", "-c", own / "passwords", "portal", "hushhush"], check=True
    )
    port = free_port()
    more = (
        f"listener {port} {HOST}\ncertfile {own}/cert.pem\nkeyfile {own}/key.pem\n"
        f"password_file {own}/passwords"
    )
    with mosquitto(own / "store", port, more):
        publish.multiple(
            [(topic, reading, 1, True) for topic, reading in READINGS.items()],
            hostname=HOST,
            port=port,
            auth={"username": "portal", "password": "hushhush"},
            tls={"ca_certs": str(own / "ca.pem")},
        )
        uri = f"mqtt://portal:hushhush@{HOST}:{port}?ca_path={own}/ca.pem"
        yield {"AIRFLOW_CONN_GAUGES": uri}
