"""Which addresses are connected to: public ones, and private ones that somebody named."""

from __future__ import annotations

import ipaddress
import socket
from collections.abc import Callable
from typing import Any

import httpcore
import pytest
from hypothesis import given
from hypothesis import strategies as st

from moulouya.errors import SourceError
from moulouya.web.addresses import Guard, literal, objection
from moulouya.web.trouble import Trouble
from web.hostile import BODY, hostile

PUBLIC = ("93.184.216.34", "196.200.131.1", "41.137.0.1", "2606:2800:21f:cb07::1", "2a00:1450::5")
LOCAL = (
    "http://127.0.0.1/",
    "http://127.0.0.1./",
    "http://127.1/",
    "http://127.255.255.254:8080/x",
    "http://2130706433/",
    "http://017700000001/",
    "http://0x7f000001/",
    "http://0177.0.0.1/",
    "http://0x7f.0.0.1/",
    "http://①②⑦.⓪.⓪.①/",
    "http://localhost/",
    "http://LOCALHOST:9000/",
    "http://[::1]/",
    "https://[0:0:0:0:0:0:0:1]/",
)
SLOPPY = ("http:\\\\127.0.0.1\\x", "http:/127.0.0.1/")  # addresses to browsers only
PRIVATE = (
    "http://10.0.0.1/",
    "http://172.16.0.1/",
    "http://172.31.255.255/",
    "http://192.168.1.1/",
    "http://100.64.0.1/",
    "http://100.127.255.255/",
    "http://[fc00::1]/",
    "http://[fd12:3456::1]/",
)
NEVER = (
    "http://169.254.169.254/latest/meta-data/",
    "http://169.254.0.1/",
    "http://[fe80::1]/",
    "http://100.100.100.200/",
    "http://168.63.129.16/",
    "http://192.0.0.192/",
    "http://[fd00:ec2::254]/",
    "http://0/",
    "http://0.0.0.0:8080/",
    "http://[::]/",
    "http://[::ffff:127.0.0.1]/",
    "http://[::ffff:a9fe:a9fe]/",
    "http://[::127.0.0.1]/",
    "http://[64:ff9b::7f00:1]/",
    "http://[64:ff9b:1::a00:1]/",
    "http://[2002:7f00:1::]/",
    "http://[2001:0:7f00:1::1]/",
    "http://[fec0::1]/",
    "http://[ff02::1]/",
    "http://[2001:db8::1]/",
    "http://192.0.0.8/",
    "http://192.0.2.1/",
    "http://192.88.99.1/",
    "http://198.18.0.1/",
    "http://198.51.100.1/",
    "http://203.0.113.1/",
    "http://224.0.0.1/",
    "http://240.0.0.1/",
    "http://255.255.255.255/",
)
NO_ADDRESS = (
    "file:///etc/passwd",
    "ftp://example.org/x",
    "gopher://127.0.0.1:70/",
    "data:text/plain,x",
    "javascript:alert(1)",
    "unix:/run/docker.sock",
    "jar:http://example.org!/x",
    "//127.0.0.1/",
    "",
    "http://",
    "http://exa mple.org/",
    "http://[::1/",
    "http://example.org:99999/",
    "http://user@example.org/",
    "http://user:word@example.org/",
)


@pytest.fixture
def connections(monkeypatch: pytest.MonkeyPatch) -> list[tuple[str, int]]:
    """Where connections were made to; none succeeds."""
    made: list[tuple[str, int]] = []

    def connect_tcp(_: Any, host: str, port: int, *rest: Any, **more: Any) -> None:
        made.append((host, port))
        raise httpcore.ConnectError("not in this test")

    monkeypatch.setattr(httpcore.SyncBackend, "connect_tcp", connect_tcp)
    return made


@pytest.fixture
def resolves(monkeypatch: pytest.MonkeyPatch) -> Callable[..., list[str]]:
    """Let every name resolve to these answers, one after the other, the last for ever."""

    def to(*answers: tuple[str, ...]) -> list[str]:
        asked: list[str] = []

        def getaddrinfo(host: str, port: int, *_: Any, **more: Any) -> list[Any]:
            asked.append(host)
            found = answers[min(len(asked), len(answers)) - 1]
            return [(0, socket.SOCK_STREAM, 6, "", (address, port)) for address in found]

        monkeypatch.setattr(socket, "getaddrinfo", getaddrinfo)
        return asked

    return to


@pytest.mark.parametrize("url", [*LOCAL, *SLOPPY, *PRIVATE, *NEVER, *NO_ADDRESS])
def test_an_address_that_is_not_public_is_never_connected_to(url, connect, connections, tmp_path):
    with connect("https://example.org/x") as client, pytest.raises(SourceError) as caught:
        client.download(url, tmp_path / "got")
    assert not caught.value.retry
    assert connections == []


@pytest.mark.parametrize("url", [*LOCAL, *PRIVATE, *NEVER, *NO_ADDRESS[:7], *NO_ADDRESS[9:]])
def test_nor_is_one_that_a_server_redirects_to(url, server, download):
    with pytest.raises(SourceError) as caught:
        download(server.url("to", f"/302?{url}"))
    assert not caught.value.retry
    assert server.times("to") == 1


@pytest.mark.parametrize("url", [*LOCAL, *PRIVATE])
def test_the_error_says_how_a_private_address_is_allowed(url, connect, tmp_path):
    with (
        connect("https://example.org/x") as client,
        pytest.raises(SourceError, match=r"the host .* has the address .*, an? ") as caught,
    ):
        client.download(url, tmp_path / "got")
    assert "MOULOUYA_PRIVATE_HOSTS" in caught.value.hint


@pytest.mark.parametrize("url", [*LOCAL, *PRIVATE, *NEVER])
def test_what_a_deployment_names_is_allowed_but_never_a_metadata_address(
    url, connect, connections, tmp_path
):
    with connect("https://example.org/x") as client:
        refused = _refused(client, url, tmp_path)
    host = refused.partition("the host ")[2].partition(" has")[0]
    with connect("https://example.org/x", private_hosts=(host,)) as client:
        refused = _refused(client, url, tmp_path)
    if url in NEVER:
        assert "never connected to" in refused
        assert connections == []
    else:
        assert "ConnectError" in refused
        assert connections


def _refused(client: Any, url: str, tmp_path: Any) -> str:
    with pytest.raises(SourceError) as caught:
        client.download(url, tmp_path / "got")
    return str(caught.value)


def test_the_definitions_own_literal_address_is_allowed(server, download, tmp_path):
    download(server.url("fine"))
    assert (tmp_path / "got").read_bytes() == BODY


def test_so_is_localhost_when_the_definition_says_it(server, download, tmp_path):
    download(server.url("fine").replace("127.0.0.1", "localhost"))
    assert (tmp_path / "got").read_bytes() == BODY


@pytest.mark.skipif(not socket.has_dualstack_ipv6(), reason="this machine has no IPv6")
def test_so_is_an_ipv6_address(download, tmp_path):
    with hostile(host="::1") as server:
        assert server.base.startswith("http://[::1]:")
        download(server.url("fine"))
        assert server.heard[0].headers["host"] == server.base.removeprefix("http://")
    assert (tmp_path / "got").read_bytes() == BODY


def test_but_not_another_port_of_it(server, connect, tmp_path):
    with (
        connect("http://127.0.0.1:1/x") as client,
        pytest.raises(SourceError, match="loopback"),
    ):
        client.download(server.url("fine"), tmp_path / "got")


def test_a_name_may_be_allowed_for_one_port_only(server, connect, tmp_path):
    port = server.base.rpartition(":")[2]
    with connect("https://example.org/x", private_hosts=(f"127.0.0.1:{port}",)) as client:
        client.download(server.url("fine"), tmp_path / "got")
        with pytest.raises(SourceError, match="loopback"):
            client.download("http://127.0.0.1:1/x", tmp_path / "got")


def test_a_declared_name_is_not_trusted_for_what_it_resolves_to(
    download, resolves, connections, server
):
    resolves(("127.0.0.1",))
    with pytest.raises(SourceError, match=r"partner\.example has the address 127\.0\.0\.1"):
        download("http://partner.example/x")
    assert connections == []


@pytest.mark.parametrize("bad", ["10.0.0.1", "127.0.0.1", "169.254.169.254", "::1", "64:ff9b::1"])
def test_one_bad_answer_among_good_ones_refuses_the_name(bad, download, resolves, connections):
    asked = resolves((PUBLIC[0], PUBLIC[3], bad))
    with pytest.raises(SourceError, match=f"has the address {bad}"):
        download("https://partner.example/x")
    assert (asked, connections) == (["partner.example"], [])


def test_a_name_that_is_rebound_is_connected_to_where_it_was_judged(
    download, resolves, connections
):
    asked = resolves((PUBLIC[0],), ("127.0.0.1",))
    with pytest.raises(SourceError, match=r"has the address 127\.0\.0\.1"):
        download("http://rebound.example/x")
    # The first attempt went where the first answer said, and the second was refused.
    assert connections == [(PUBLIC[0], 80)]
    assert asked == ["rebound.example"] * 2


def test_all_addresses_of_a_name_are_tried(download, resolves, connections):
    resolves(PUBLIC[:4])
    with pytest.raises(SourceError, match="ConnectError") as caught:
        download("https://partner.example/x")
    assert caught.value.retry
    assert connections == [(address, 443) for address in PUBLIC[:4]] * 3


def test_a_name_without_an_address_may_have_one_later(download, monkeypatch):
    def nobody_knows(*_: Any, **more: Any) -> None:
        raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")

    monkeypatch.setattr(socket, "getaddrinfo", nobody_knows)
    with pytest.raises(SourceError, match=r"nowhere\.example has no address: Name or") as caught:
        download("http://nowhere.example/x")
    assert caught.value.retry


def test_a_resolver_that_hangs_meets_the_deadline(download, monkeypatch):
    from threading import Event

    done = Event()
    monkeypatch.setattr(socket, "getaddrinfo", lambda *_, **more: done.wait(10) and [])
    with pytest.raises(SourceError, match=r"not resolved in time") as caught:
        download("http://slow.example/x", deadline=0.3)
    done.set()
    assert caught.value.retry


@pytest.mark.parametrize("address", PUBLIC)
def test_public_addresses_are_free(address):
    assert objection(ipaddress.ip_address(address)) is None


@given(st.ip_addresses())
def test_whatever_is_free_is_public_by_pythons_book_too(address):
    if objection(address) is None:
        assert address.is_global
        assert not address.is_private
        assert not address.is_loopback
        assert not address.is_link_local
        assert not address.is_multicast
        assert not address.is_reserved


@given(st.ip_addresses(v=4))
def test_no_ipv4_address_gets_through_inside_an_ipv6_one(inner):
    number = int(inner)
    for prefix, shift in (
        ("::", 0),
        ("::ffff:0:0", 0),
        ("64:ff9b::", 0),
        ("64:ff9b:1::", 0),
        ("2002::", 80),
        ("2001::", 64),
    ):
        outer = ipaddress.IPv6Address(int(ipaddress.IPv6Address(prefix)) | number << shift)
        found = objection(outer)
        assert found is not None
        assert not found.allowable or outer == ipaddress.ip_address("::1")


@given(st.ip_addresses(), st.integers(1, 65535))
def test_naming_a_host_allows_private_addresses_and_nothing_else(address, port):
    host = str(address)
    found = objection(address)
    written = host if address.version == 4 else f"[{host}]"
    guards = [
        Guard((host, port)),
        Guard(None, (host,)),
        Guard(None, (written.upper(),)),
        Guard(None, ("another", f" {written}:{port}")),
    ]
    for guard in guards:
        if found is None or found.allowable:
            guard.check(host, port, address)
        else:
            with pytest.raises(Trouble, match=host):
                guard.check(host, port, address)


@pytest.mark.parametrize("network", ["10.0.0.0/8", "192.168.0.0/16", "127.0.0.0/8", "fc00::/7"])
@given(data=st.data())
def test_a_private_address_needs_a_name_that_allows_it(network, data):
    address = data.draw(st.ip_addresses(network=network))
    with pytest.raises(Trouble):
        Guard(("example.org", 80), ("example.com", f"{address}:81")).check(
            "example.org", 80, address
        )


def test_a_literal_is_told_from_a_name():
    assert literal("[::1]") == ipaddress.ip_address("::1")
    assert literal("10.0.0.1.example") is None
