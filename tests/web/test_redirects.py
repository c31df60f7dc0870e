"""Where a redirect may lead, and what travels along."""

from __future__ import annotations

import pytest

from moulouya import web
from moulouya.errors import SourceError
from web.hostile import BEHAVIOURS, BODY, hostile

SECRET = {"Authorization": "Bearer s3cret", "X-Api-Key": "k3y"}


@pytest.fixture
def other():
    with hostile() as running:
        yield running


def test_five_redirects_are_followed(server, download, tmp_path):
    response = download(server.url("hops", "/5"))
    assert (tmp_path / "got").read_bytes() == BODY
    assert response.url == server.url("fine")
    assert (server.times("hops"), server.times("fine")) == (5, 1)


def test_a_redirect_in_raw_utf_8_is_read_as_browsers_do(server, download, monkeypatch):
    raw = "/echo/données?q=é".encode().decode("latin-1")
    monkeypatch.setitem(BEHAVIOURS, "fine", lambda to: to.answer("302 Found", b"", Location=raw))
    download(server.url("fine"))
    assert server.heard[-1].path == "/echo/donn%C3%A9es?q=%C3%A9"


def test_a_sixth_is_too_many(server, download):
    with pytest.raises(SourceError, match="more than 5 redirects") as caught:
        download(server.url("hops", "/6"))
    assert not caught.value.retry
    assert server.times("fine") == 0


def test_an_error_behind_a_redirect_names_both_addresses(server, download):
    start = server.url("to", "/301?/not_found")
    with pytest.raises(SourceError, match="answered 404") as caught:
        download(start)
    assert f"{start} (redirected to {server.url('not_found')})" in str(caught.value)


def test_another_port_of_a_declared_local_address_is_refused(server, other, download):
    with pytest.raises(SourceError, match="loopback"):
        download(server.url("to", f"/302?{other.url('fine')}"))
    assert other.heard == []


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_secrets_stay_at_the_origin_of_the_source(server, other, connect, tmp_path, status):
    hosts = (other.base.removeprefix("http://"),)
    url = server.url("to", f"/{status}?{other.url('echo')}")
    with connect(url, headers=SECRET, private_hosts=hosts) as client:
        client.download(url, tmp_path / "got", headers={"X-Call": "c4ll", "Accept": "text/csv"})
    (sent,), (passed_on,) = server.heard, other.heard
    assert (sent.headers["authorization"], sent.headers["x-api-key"]) == ("Bearer s3cret", "k3y")
    assert sent.headers["x-call"] == "c4ll"
    assert not {"authorization", "x-api-key", "x-call", "referer"} & passed_on.headers.keys()
    assert passed_on.headers["accept"] == "text/csv"


def test_secrets_go_to_no_other_origin_even_when_asked_directly(server, other, connect, tmp_path):
    hosts = (other.base.removeprefix("http://"),)
    with connect(server.url("fine"), headers=SECRET, private_hosts=hosts) as client:
        client.download(other.url("echo"), tmp_path / "got")
    assert not {"authorization", "x-api-key"} & other.heard[0].headers.keys()


def test_a_connection_is_sent_as_basic_and_only_home(server, other, connect, tmp_path, monkeypatch):
    monkeypatch.setenv("AIRFLOW_CONN_OFFICE", "http://fatima:p%40ss@ignored")
    hosts = (other.base.removeprefix("http://"),)
    with connect(server.url("echo"), connection="office", private_hosts=hosts) as client:
        client.download(server.url("echo"), tmp_path / "got")
        client.download(other.url("echo"), tmp_path / "got")
    assert server.heard[0].headers["authorization"] == "Basic ZmF0aW1hOnBAc3M="
    assert "authorization" not in other.heard[0].headers


def test_a_header_that_cannot_be_sent_is_named_without_its_value(server, connect, monkeypatch):
    monkeypatch.setenv("THE_TOKEN", "s3cret\n")
    with pytest.raises(SourceError, match="header Authorization has a line break") as caught:
        connect(server.url("fine"), headers={"Authorization": "env:THE_TOKEN"})
    assert "s3cret" not in str(caught.value)


@pytest.mark.parametrize("status", [307, 308])
def test_a_posted_body_goes_along_on_the_same_origin(server, connect, tmp_path, status):
    url = server.url("to", f"/{status}?/echo")
    with connect(url) as client:
        client.download(url, tmp_path / "got", method="POST", body={"query": "é"})
    assert (tmp_path / "got").read_text().startswith("POST /echo")
    assert server.heard[-1].body == '{"query": "é"}'.encode()
    assert server.heard[-1].headers["content-type"] == "application/json"


def test_see_other_turns_a_post_into_a_get(server, connect, tmp_path):
    url = server.url("to", "/303?/echo")
    with connect(url) as client:
        client.download(url, tmp_path / "got", method="POST", body="q", headers={"X-Call": "1"})
    assert (server.heard[-1].method, server.heard[-1].body) == ("GET", b"")


@pytest.mark.parametrize("status", [301, 302])
def test_a_posted_body_is_never_lost_on_the_way(server, connect, tmp_path, status):
    url = server.url("to", f"/{status}?/echo")
    with connect(url) as client, pytest.raises(SourceError, match=f"answered {status} to a POST"):
        client.download(url, tmp_path / "got", method="POST", body="q")
    assert server.times("echo") == 0


def test_a_posted_body_is_told_to_no_other_origin(server, other, connect, tmp_path):
    hosts = (other.base.removeprefix("http://"),)
    url = server.url("to", f"/307?{other.url('echo')}")
    with (
        connect(url, private_hosts=hosts) as client,
        pytest.raises(SourceError, match="told to"),
    ):
        client.download(url, tmp_path / "got", method="POST", body="q")
    assert other.heard == []


def test_parameters_are_added_to_the_query_that_is_there(server, connect, tmp_path):
    params = {"$filter": "a gt 1", "q": "Ferkane et Bérkane", "tag": ["x", "y"], "all": True}
    with connect(server.url("echo")) as client:
        client.download(server.url("echo", "?a=1"), tmp_path / "got", params=params)
    path = server.heard[0].path
    assert path == (
        "/echo?a=1&$filter=a%20gt%201&q=Ferkane%20et%20B%C3%A9rkane&tag=x&tag=y&all=true"
    )


def test_secrets_in_a_query_show_nowhere(server, connect, tmp_path):
    url = server.url("not_found", "?api_key=s3cret&q=water")
    with connect(url) as client, pytest.raises(SourceError) as caught:
        client.download(url, tmp_path / "got", params={"token": "t0ken"})
    assert "?api_key=***&q=water&token=***" in str(caught.value)
    assert server.heard[0].path.endswith("?api_key=s3cret&q=water&token=t0ken")
    with connect(url) as client:
        response = client.download(server.url("fine", "?sig=s3cret"), tmp_path / "got")
    assert "s3cret" not in repr(response)
    assert "set-cookie" not in response.headers


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        ("https://h/x?apikey=1&a=2#f", "https://h/x?apikey=***&a=2"),
        ("https://u:p@h/x", "https://h/x"),
        ("https://h/?X-Amz-Signature=1&X-Amz-Credential=2", None),
        ("https://h/?access_token=1", None),
        ("https://h/?%61pi%5Fkey=1", "https://h/?%61pi%5Fkey=***"),
        ("https://h/?password=1&PWD=2&client_secret=3&auth=4&sv=5", None),
        ("https://h/?design=1&author=x&keyword=water&empty_key=", "="),
        ("http://[::1?key=1", "http://[::1"),
    ],
)
def test_what_looks_like_a_secret_is_masked(url, shown):
    result = web.shown(url)
    if shown == "=":
        assert result == url
    elif shown is not None:
        assert result == shown
    else:
        pairs = dict(pair.split("=") for pair in result.partition("?")[2].split("&"))
        assert {value for name, value in pairs.items() if name != "sv"} == {"***"}


def test_a_next_link_must_stay_on_the_origin_of_the_source(server, connect):
    with connect(server.url("fine")) as client:
        client.same_origin(server.url("echo", "?page=2"))
        for url in (
            server.url("fine").replace("http:", "https:"),
            server.url("fine").replace("127.0.0.1", "localhost"),
            "http://127.0.0.1:1/fine",
            "https://example.org/fine",
            "file:///etc/passwd",
            "page=2",
        ):
            with pytest.raises(SourceError):
                client.same_origin(url)
